"""What a message of the server means when no SQLSTATE was printed: its template, in English or translated.

The templates are PostgreSQL's own (``data/messages.tsv``) and its own translations of them
(``data/translations.json``, from the message catalogs of PostgreSQL 15). Each placeholder says what it names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any

from runbook.failure.report import Subject
from runbook.sql import split_qualified

_PLACEHOLDER = re.compile(r"%(?:(\d+)\$)?(?:\.\d+|\.\*|\d+)?(?:ll|l|z|h)?([sduXcfgm%])")
_ARGUMENT_FIELDS = frozenset(f.name for f in fields(Subject))
_QUALIFIED = frozenset({"relation", "index", "type", "referenced_relation"})
_RELATION_NAMES = frozenset({"table", "index", "view"})


@dataclass(frozen=True, slots=True)
class Known:
    """A message whose template is known. ``language`` None: English."""

    sqlstate: str
    subject: Subject
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """One message of PostgreSQL's source. ``roles`` says what each placeholder names, in order; ``-``: nothing."""

    sqlstate: str
    text: str
    roles: tuple[str, ...]
    kind: str | None


@cache
def templates() -> tuple[Template, ...]:
    text = files("runbook.failure").joinpath("data/messages.tsv").read_text(encoding="utf-8")
    made = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        sqlstate, template, roles, kind, *_ = [*line.split("\t"), ""]
        names = tuple(r for r in roles.split(",") if r)
        made.append(Template(sqlstate, template, names, kind.lstrip("!") or None))
    return tuple(made)


@cache
def translations() -> dict[str, Any]:
    """By language: ``severities``, ``fields``, ``messages``, ``log`` lines, and the words for ``syntax error``."""
    text = files("runbook.failure").joinpath("data/translations.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def classify(message: str) -> Known | None:
    """What ``message`` (one line or several, without severity) is; None when no template fits."""
    text = message.strip()
    if not text or len(text) > 8000:
        return None
    one_line = " ".join(text.split())
    known = _match(one_line, "en")
    if known is not None:
        return known
    if one_line.isascii():
        candidates: Iterator[str] = (lang for lang in translations() if lang in ("es", "it", "fr", "de", "sv"))
    else:
        candidates = iter(translations())
    for language in candidates:
        known = _match(one_line, language)
        if known is not None:
            return replace(known, language=language)
    return None


def find_in(line: str) -> tuple[str, Known] | None:
    """A message quoted within a sentence, as people paste it in a chat: (the message, what it is); English only."""
    for piece, text, _ in _index("en"):
        first = _PLACEHOLDER.split(text, maxsplit=1)[0].strip(' "')
        if len(first) < 8 or piece not in line or (start := line.find(first)) < 0:
            continue
        start -= line[:start].endswith('"')
        for end in re.finditer(r"(?=[\s,;.!?)]|$)", line[start:]):
            if end.start() and (known := _match(line[start : start + end.start()], "en")) is not None:
                return line[start : start + end.start()], known
    return None


def pattern_of(template: str) -> tuple[re.Pattern[str], tuple[int, ...]]:
    """A printf template as a pattern, and for each group the placeholder's number (from 0; -1 for ``%m``)."""
    source, order, position, at = [], [], 0, 0
    for found in _PLACEHOLDER.finditer(template):
        source.append(_literal(template[at : found.start()]))
        at = found.end()
        number, letter = found.groups()
        if letter == "%":
            source.append("%")
            continue
        if letter == "m":
            order.append(-1)
        else:
            order.append(int(number) - 1 if number else position)
            position += 1
        source.append(r"(-?[\d.,]+?)" if letter in "duXfg" else "(.*)" if letter == "m" else "(.+?)")
    source.append(_literal(template[at:]))
    return re.compile("".join(source).strip(), re.DOTALL), tuple(order)


def _literal(text: str) -> str:
    """Blanks of any kind match each other: catalogs use no-break spaces, logs fold lines."""
    return r"\s+".join(re.escape(part) for part in re.split(r"[\s\u00a0]+", text))


@cache
def _index(language: str) -> tuple[tuple[str, str, Template], ...]:
    """(rarest literal piece, text in that language, template), for a quick look before a pattern is compiled."""
    texts = None if language == "en" else translations()[language]["messages"]
    made = []
    for template in templates():
        text = template.text if texts is None else texts.get(template.text)
        if text is None:
            continue
        pieces = [p for p in re.split(r"[\s\u00a0]+", _PLACEHOLDER.sub("\0", text)) if "\0" not in p]
        made.append((max(pieces, key=len, default=""), text, template))
    return tuple(made)


@cache
def _compiled(text: str) -> tuple[re.Pattern[str], tuple[int, ...]]:
    return pattern_of(text)


def _match(message: str, language: str) -> Known | None:
    """What the most specific template that fits makes of ``message``: the one with the most words of its own."""
    best: tuple[int, Template, dict[int, str]] | None = None
    for piece, text, template in _index(language):
        if piece not in message:
            continue
        pattern, order = _compiled(text)
        match = pattern.fullmatch(message)
        if match is None or not _fits(template, match.group(1 + order.index(0)) if 0 in order else "", language):
            continue
        own = len(_PLACEHOLDER.sub("", text))
        if best is None or own > best[0]:
            best = own, template, dict(zip(order, match.groups(), strict=True))
    if best is None:
        return None
    _, template, arguments = best
    names = {role: arguments[i] for i, role in enumerate(template.roles) if role != "-" and i in arguments}
    sqlstate = template.sqlstate
    if sqlstate == "53100" and -1 in arguments and not _no_space(arguments[-1]):
        sqlstate = "58030"  # io_error: the same template with another errno
    return Known(sqlstate, _subject(names, template.kind))


def _fits(template: Template, complaint: str, language: str) -> bool:
    """``%s at or near`` is also how regular expressions and jsonpath complain: the first word must be the parser's."""
    if not template.text.startswith("%s at "):
        return True
    return language != "en" and complaint == translations()[language]["syntax_error"]


def _no_space(reason: str) -> bool:
    """Whether the C library's reason is a full disk; in another language that is the likeliest, and cannot be told."""
    return re.search(r"no space left|quota exceeded", reason, re.I) is not None or not reason.isascii()


def _subject(names: dict[str, str], kind: str | None) -> Subject:
    values: dict[str, Any] = {}
    for role, raw in names.items():
        if role == "signature":
            values["function_signature"] = raw
            schema, values["function"] = split_qualified(raw.split("(")[0])
            if schema:
                values["schema"] = schema
        elif role == "control_file":
            values["extension"] = raw.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".control")
        elif role in _QUALIFIED and (role != "type" or '"' in raw or "." in raw):
            schema, values[role] = split_qualified(raw)
            if schema:
                values.setdefault("schema", schema)
        elif role in _ARGUMENT_FIELDS:
            values[role] = _unquoted(raw)
    return Subject(**values, object_kind=kind)


def _unquoted(raw: str) -> str:
    if len(raw) > 1 and raw.startswith('"') and raw.endswith('"'):
        return raw[1:-1].replace('""', '"')
    return raw


_KEY = re.compile(r"\(((?:[^()]|\([^()]*\))*)\)=\(")
_LAST_QUOTED = re.compile(r"[\"«»„“]\s*([^\"«»„“”]+?)\s*[\"»«“”](?=[^\"«»„“”]*\Z)")
_COLUMN = re.compile(r'"(?:[^"]|"")*"|[^,\s][^,]*')


def with_detail(subject: Subject, sqlstate: str | None, detail: str | None) -> Subject:
    """``subject`` with what the DETAIL names: the key's columns, and the table a key is missing from.

    ``Key (a, b)=(1, 2) ...``: the same punctuation in every language. Source: ri_triggers.c, nbtinsert.c.
    """
    if not detail:
        return subject
    if (key := _KEY.search(detail)) is not None:
        columns = tuple(_unquoted(c.strip()) for c in _COLUMN.findall(key.group(1)))
        subject = replace(subject, key_columns=columns)
        last = _LAST_QUOTED.search(detail) if sqlstate == "23503" and subject.referenced_relation is None else None
        if last is not None and subject.relation != last.group(1):
            subject = replace(subject, referenced_relation=last.group(1))
    return subject
