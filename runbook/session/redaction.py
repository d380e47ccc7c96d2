"""What never reaches the journal: passwords, tokens, and row values in error details.

Applied to every string of an event before it is written, and therefore before it is shown: state is a fold of events.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, TypeVar

from runbook.config import mask

T = TypeVar("T")

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # CREATE/ALTER ROLE ... PASSWORD '...'
    (re.compile(r"(\bpassword\s+)(?:e?'(?:[^'\\]|''|\\.)*'?|\$(\w*)\$.*?\$\2\$)", re.I | re.S), r"\1'***'"),
    (re.compile(r"(\bauthorization:\s*(?:bearer|basic)\s+|\bbearer\s+)[\w.~+/=-]{8,}", re.I), r"\1***"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), "***"),  # JSON web tokens
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), "***"),  # AWS key ids
    (
        re.compile(
            r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|sk_live_\w{10,})"
        ),
        "***",
    ),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), "***"),
    (
        re.compile(
            r"(\b[\w-]*(?:secret|token|api[_-]?key|access[_-]?key)[\w-]*[\"']?\s*[:=]\s*[\"']?)[^\s\"'&,;]{6,}", re.I
        ),
        r"\1***",
    ),
    # Row values in DETAIL: Key (a, b)=(x, y) already exists / Failing row contains (1, x)
    (
        re.compile(
            r"(\bKey \([^)\n]*\)=\().*?(\)(?= (?:already exists|is duplicated|is not present|is still referenced|"
            r"conflicts)|\.?\s*$))",
            re.S | re.M,
        ),
        r"\1…\2",
    ),
    (re.compile(r"(conflicts with existing key \([^)\n]*\)=\().*?(\)\.?\s*$)", re.S | re.M), r"\1…\2"),
    (re.compile(r"(\bFailing row contains \().*?(\)\.?\s*(?:$|\n))", re.S), r"\1…\2"),
    (re.compile(r"(\bparameters: )\$1 = .*", re.I), r"\1…"),
)
_QUICK = re.compile(
    r"password|passwd|pwd|://|bearer|basic|eyJ|AKIA|ASIA|gh[pousr]_|github_pat|glpat|xox|sk_live|PRIVATE KEY|secret|"
    r"token|key|Failing row|parameters:",
    re.I,
)


def redact_text(text: str) -> str:
    """``text`` without secrets and row values; what was removed is marked ``***`` or ``…``."""
    if not _QUICK.search(text):
        return text
    text = mask(text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact(value: T) -> T:
    """``value`` with every string in it redacted, however deep; unchanged parts are the same objects."""
    return _redact(value)  # type: ignore[no-any-return]


def _redact(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, tuple | list | frozenset):
        return type(value)(_redact(item) for item in value)
    if isinstance(value, dict):
        return {key: _redact(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {}
        for field in dataclasses.fields(value):
            before = getattr(value, field.name)
            after = _redact(before)
            if after is not before and after != before:
                changes[field.name] = after
        return dataclasses.replace(value, **changes) if changes else value
    return value


_LITERAL = re.compile(
    r"(?P<string>(?:\b[eEbBxXnN])?'(?:[^'\\]|''|\\.)*(?:'|\Z))|(?P<dollar>\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))|"
    r"(?P<number>(?<![\w.])\d{7,}(?![\w.]))|(?P<ident>\"(?:[^\"]|\"\")*\")",
    re.S,
)


def hide_literals(sql: str) -> str:
    """Another session's query without its string literals and long numbers: they are customers' data."""

    def hidden(match: re.Match[str]) -> str:
        if match["ident"] is not None:
            return match.group()
        return "…" if match["number"] is not None else "'…'"

    return _LITERAL.sub(hidden, sql)
