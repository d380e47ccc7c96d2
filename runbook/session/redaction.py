"""What never reaches the journal: passwords, tokens, and row values in error details.

Applied to every string of an event before it is written, and therefore before it is shown: state is a fold of events.
What was removed is marked in place and counted by kind; the rules are data (``secret_rules``).
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from contextvars import ContextVar
from typing import Any, TypeVar

from runbook.session.secret_rules import PASSWORD, RULES, SecretRule

T = TypeVar("T")

keep_literals: ContextVar[bool] = ContextVar("keep_literals", default=False)
"""``--keep-literals``: the queries of other sessions are shown and recorded with their literals."""

_HINTS = re.compile("|".join(sorted({re.escape(h) for rule in RULES for h in rule.hints}, key=len, reverse=True)))
_SECRET_COLUMN = re.compile(
    r"\binsert\s+into\s[^;(]*\([^)]*(?:password|passwd|secret|token|api_?key|private_?key)[^)]*\)[^;]*?\bvalues\b",
    re.I | re.S,
)


def redact_text(text: str, removed: Counter[str] | None = None) -> str:
    """``text`` without secrets and row values; what was removed is marked ``***`` or ``…``, and counted by kind."""
    lowered = text.lower()
    if _HINTS.search(lowered) is None:
        return text
    for rule in RULES:
        if any(hint in lowered for hint in rule.hints):
            text = _apply(rule, text, removed)
    if "insert" in lowered:
        text = _values_of_secret_columns(text, removed)
    return text


def _apply(rule: SecretRule, text: str, removed: Counter[str] | None) -> str:
    def replaced(match: re.Match[str]) -> str:
        new = match.expand(rule.replacement)
        if new != match.group() and removed is not None:
            removed[rule.kind] += 1
        return new

    return rule.pattern.sub(replaced, text)


def _values_of_secret_columns(text: str, removed: Counter[str] | None) -> str:
    """An INSERT that names a column for secrets: its values are hidden, all of them, up to the statement's end."""
    found, at = [], 0
    for match in _SECRET_COLUMN.finditer(text):
        if match.end() < at:
            continue
        end = _statement_end(text, match.end())
        values = text[match.end() : end]
        hidden = _hidden(values)
        if hidden != values and removed is not None:
            removed[PASSWORD] += 1
        found += [text[at : match.end()], hidden]
        at = end
    return "".join([*found, text[at:]]) if found else text


def _statement_end(text: str, start: int) -> int:
    at = start
    for literal in _LITERAL.finditer(text, start):
        semicolon = text.find(";", at, literal.start())
        if semicolon >= 0:
            return semicolon
        at = literal.end()
    semicolon = text.find(";", at)
    return semicolon if semicolon >= 0 else len(text)


def redact(value: T, removed: Counter[str] | None = None) -> T:
    """``value`` with every string in it redacted, however deep; unchanged parts are the same objects.

    ``removed`` counts what was taken out, by kind.
    """
    return _redact(value, removed)  # type: ignore[no-any-return]


def _redact(value: Any, removed: Counter[str] | None) -> Any:
    if isinstance(value, str):
        return redact_text(value, removed)
    if isinstance(value, tuple | list | frozenset):
        return type(value)(_redact(item, removed) for item in value)
    if isinstance(value, dict):
        return {_redact(key, removed): _named(key, item, removed) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {}
        for field in dataclasses.fields(value):
            before = getattr(value, field.name)
            after = _redact(before, removed)
            if after is not before and after != before:
                changes[field.name] = after
        return dataclasses.replace(value, **changes) if changes else value
    return value


_SECRET_KEY = re.compile(r"(?:^|[_.-])(?:password|passwd|pwd|secret|token|api_?key|access_?key|private_?key)$", re.I)


def _named(key: Any, value: Any, removed: Counter[str] | None) -> Any:
    """A value under a name that says it is a secret, whatever it looks like."""
    if isinstance(key, str) and isinstance(value, str) and value not in ("", "***") and _SECRET_KEY.search(key):
        if removed is not None:
            removed[PASSWORD] += 1
        return "***"
    return _redact(value, removed)


_LITERAL = re.compile(
    r"(?P<string>(?:\b[eEbBxXnN])?'(?:[^'\\]|''|\\.)*(?:'|\Z))|(?P<dollar>\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))|"
    r"(?P<number>(?<![\w.$])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]))|(?P<ident>\"(?:[^\"]|\"\")*\")",
    re.S,
)


def hide_literals(sql: str) -> str:
    """Another session's query without its literals: they are customers' data.

    As it is where ``--keep-literals`` was given.
    """
    return sql if keep_literals.get() else _hidden(sql)


def without_literals(sql: str, *, numbers: bool = True) -> str:
    """``sql`` without its literals, whatever was asked for; with its ``numbers`` where they tell statements apart."""
    return _hidden(sql, numbers=numbers)


def string_literals(sql: str) -> list[str]:
    """The string literals in ``sql`` as they stand there, quotes included."""
    return [match.group() for match in _LITERAL.finditer(sql) if match["string"] is not None]


_DEFINES = re.compile(
    r"\s*(?:ALTER|CREATE|DROP|COMMENT|GRANT|REVOKE|REINDEX|VACUUM|ANALYZE|CLUSTER|LOCK|REFRESH|SET)\b", re.I
)


def _hidden(sql: str, *, numbers: bool = True) -> str:
    keeps = not numbers or _DEFINES.match(sql) is not None  # those of DDL are lengths and precisions

    def hidden(match: re.Match[str]) -> str:
        if match["ident"] is not None:
            return match.group()
        if match["number"] is not None:
            return match.group() if keeps else "…"
        return "'…'"

    return _LITERAL.sub(hidden, sql)
