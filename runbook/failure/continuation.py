"""What follows the first line of an error: DETAIL, HINT, LINE n and caret, and each driver's own notation of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from runbook.failure import sqlstates, words
from runbook.failure.draft import Draft
from runbook.failure.messages import classify

REACH = 120
"""Lines after the first that are looked at: stack traces stand between the message and node's error object."""

# Keys that drivers and tools print before a value, by the field they hold. Sources: node-postgres DatabaseError,
# postgres.js, Npgsql PostgresException.ToString, Flyway FlywaySqlScriptException, Hibernate SqlExceptionHelper,
# Prisma schema-engine user-facing errors, Rust tokio_postgres DbError, psql VERBOSITY=verbose.
_KEYS: dict[str, str] = {
    "sqlstate": r"pg_code|code|Code|SQL ?State|SqlState|sqlState|SQLSTATE|Database error code|sql_state_code|state_code",
    "detail": r"detail|Detail|details",
    "hint": r"hint|Hint",
    "context": r"where|Where|CONTEXT",
    "position": r"position|Position",
    "schema": r"schema|SchemaName|SCHEMA NAME|schema_name",
    "relation": r"table|TableName|TABLE NAME|table_name",
    "column": r"column|ColumnName|COLUMN NAME|column_name",
    "constraint": r"constraint|ConstraintName|CONSTRAINT NAME|constraint_name",
    "type": r"dataType|DataTypeName|DATATYPE NAME|datatype",
    "migration": r"Migration name|Migration|migration",
    "file": r"Location(?= +:)",
    "line": r"Line(?= +:)",
    "statement": r"Statement|query|sql|Failed query|failed query|Query",
    "message": r"MessageText",
}
_KEY = re.compile(
    r"^\s*(?:"
    + "|".join(f"(?P<{field}>{names})" for field, names in _KEYS.items())
    + r")\s*[:=]\s*(?P<value>\S.*?)\s*$"
)
_NO_VALUE = re.compile(r"^(?:undefined|null|None|nil|\(null\)|NULL|Some\(None\))?,?$")
_CARET = re.compile(r"^(\s*)\^+\s*$")
_STACK = re.compile(r"^\s*(?:at |File \"|from |\.\.\. \d+ more|Traceback|During handling|The above exception)")
_LISTING = frozenset({"40P01", "2BP01"})
"""Errors whose DETAIL has several lines, at the margin: the processes of a deadlock, the dependants."""
_CALLED = re.compile(r"(?:PL/\w+|SQL) .|.*\) \S+ \d+ \S")
"""A line of CONTEXT below another: ``SQL statement "..."``, ``PL/pgSQL function f(integer) line 2 at RETURN`` in any language."""
_SQL = re.compile(
    r"\s*(?:--|/\*|(?:alter|create|drop|insert|update|delete|with|select|do|call|grant|revoke|truncate|comment|set|refresh|"
    r"reindex|vacuum|analyze|merge|cluster|begin|lock|copy)\b)",
    re.I,
)
_RAILS_SQL = re.compile(r"^: (?P<sql>[A-Za-z]{2,} .*)$")
_SQL_OPEN = re.compile(r"\[SQL: (?P<sql>.*)$")
_PROTOCOL = re.compile(r"'(?P<key>[A-Z])': (?P<q>['\"])(?P<value>.*?)(?P=q)(?=[,}])")  # pg8000
_RUST = re.compile(
    r"\b(?P<key>code|detail|hint|where_|position): "
    r"(?P<value>Some\(.*?\)|\"(?:[^\"\\]|\\.)*\"|SqlState\(\w+\)|None)"
)


def read_after_sql(draft: Draft, following: Sequence[str]) -> None:
    """Knex puts the SQL before the message: where that has several lines, the message stands at the end of the last."""
    if draft.sqlstate is not None or not _SQL.match(draft.message):
        return
    for number, line in enumerate(following[:REACH]):
        before, dash, message = line.rpartition(" - ")
        known = classify(message) if dash else None
        if known is not None:
            draft.statement = "\n".join([draft.message, *following[:number], before])
            draft.message, draft.subject, draft.language = message, known.subject, known.language
            draft.set_sqlstate(known.sqlstate, "message")
            return


@cache
def _field() -> re.Pattern[str]:
    names = words.alternatives([w for w, f in words.fields().items() if f not in ("LINE",)])
    lines = words.alternatives([w for w, f in words.fields().items() if f == "LINE"])
    return re.compile(
        rf"^\s*(?:(?:(?:{lines}) ?(?P<n>\d+)|第 ?(?P<n_zh>\d+) ?行|(?P<n_ko>\d+)번째 줄)"
        rf"(?:\s*[:：] ?|(?<=行))(?P<source>.*)|(?P<name>{names})\s?[:：]\s{{1,3}}(?P<value>\S.*))$"
    )


def is_field(line: str) -> bool:
    """Whether ``line`` is DETAIL, HINT, LINE n or the like, which belong to the error above."""
    return _field().match(line) is not None


def read_following(draft: Draft, following: Sequence[str]) -> None:
    """Fill ``draft`` from the lines after its first; stops where the next error begins (the caller cuts there)."""
    _inline(draft, draft.raw[0])
    current: str | None = None
    caret_base: int | None = None
    quiet = 0
    in_sql = _open_sql(draft, draft.raw[0])
    for text in following[_folded(draft, following) : REACH]:
        if in_sql:
            in_sql = _more_sql(draft, text)
            continue
        if (found := _field().match(text)) is not None:
            number = next((found[g] for g in ("n", "n_zh", "n_ko") if found[g]), None)
            if number is not None:
                draft.statement_line_number = draft.statement_line_number or int(number)
                draft.statement_line = draft.statement_line or found["source"]
                caret_base = _width(text[: found.start("source")])
                current = None
            else:
                current = _keep(draft, words.fields()[found["name"]], found["value"])
            quiet = 0
            _raw(draft, text)
            continue
        if caret_base is not None and (caret := _CARET.match(text)) is not None:
            if draft.statement_line_number == 1 and draft.statement_line and not draft.statement_line.startswith("..."):
                draft.statement_position = draft.statement_position or max(len(caret[1]) - caret_base + 1, 1)
            caret_base = None
            _raw(draft, text)
            continue
        if _open_sql(draft, text):
            in_sql = True
            continue
        if (key := _KEY.match(text)) is not None:
            current = _keyed(draft, key)
            quiet = 0
            _raw(draft, text)
            continue
        if "DbError {" in text or "'C': '" in text:
            _inline(draft, text)
        if (rails := _RAILS_SQL.match(text)) is not None:
            draft.statement = draft.statement or rails["sql"]
            continue
        # Flyway prints the statement as it stands in the file, without indenting it.
        at_margin = (current == "statement" and draft.file is not None) or (
            current == "detail" and draft.sqlstate in _LISTING
        )
        at_margin = at_margin or (current == "context" and _CALLED.match(text) is not None)
        more = text[:1] in ("\t", " ") or (at_margin and text.strip() != "")
        if current in ("detail", "context", "statement") and more and not _STACK.match(text):
            _extend(draft, current, text)
            _raw(draft, text)
            continue
        current = None
        quiet = 0 if _STACK.match(text) else quiet + 1
        if quiet > 40:
            break


def _width(text: str) -> int:
    """Columns on a terminal: psql places its caret by them."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _folded(draft: Draft, following: Sequence[str]) -> int:
    """Messages may have several lines (French ones are folded): how many of ``following`` belong to it."""
    if draft.sqlstate is not None and draft.sqlstate_from != "printed":
        return 0
    text = draft.message
    for count, line in enumerate(following[:3], 1):
        if not line.strip() or any(p.match(line) for p in (_field(), _CARET, _STACK, _KEY)):
            break
        text = f"{text} {line.strip()}"
        if (known := classify(text)) is not None:
            draft.message, draft.subject = text, known.subject
            draft.language = known.language or draft.language
            draft.set_sqlstate(known.sqlstate, "message")
            draft.raw.extend(following[:count])
            draft.weak = False
            return count
    return 0


def _keep(draft: Draft, field: str, value: str) -> str | None:
    name = {"DETAIL": "detail", "HINT": "hint", "CONTEXT": "context", "STATEMENT": "statement"}.get(field)
    if field == "QUERY":
        draft.statement = draft.statement or value
        return "statement"
    if name is None:
        return None
    if getattr(draft, name) is None:
        setattr(draft, name, value.strip())
        return name
    return None


def _extend(draft: Draft, name: str, text: str) -> None:
    held = getattr(draft, name)
    if held is not None and len(held) < 20_000:
        setattr(draft, name, f"{held}\n{text.strip() if name != 'statement' else text.strip(chr(9))}")


def _keyed(draft: Draft, match: re.Match[str]) -> str | None:
    field = next(name for name in _KEYS if match[name] is not None)
    value = _bare(match["value"])
    if value is None:
        return None
    if field == "sqlstate":
        if sqlstates.is_sqlstate(value):
            draft.set_sqlstate(value, "printed")
    elif field in ("detail", "hint", "context"):
        if getattr(draft, field) is None and value.lower() != "redacted":
            setattr(draft, field, value)
            return field
    elif field in ("schema", "relation", "column", "constraint", "type"):
        # Only error objects and verbose output print these; a bare "table: x" elsewhere is somebody's prose.
        if draft.sqlstate_from == "printed" and getattr(draft.subject, field) is None:
            named: dict[str, Any] = {field: value}
            draft.subject = replace(draft.subject, **named)
    elif field == "position":
        if value.isdigit() and int(value) > 0:
            draft.statement_position = draft.statement_position or int(value)
    elif field == "line":
        if value.isdigit():
            draft.line = draft.line or int(value)
    elif field == "file":
        draft.file = draft.file or re.sub(r" \(.*\)$", "", value)
    elif field == "migration":
        draft.migration_version = draft.migration_version or (value if " " not in value else None)
    elif field == "statement":
        if draft.statement is None and _SQL.match(value):
            draft.statement = value
            return "statement" if match["value"][:1] not in "'\"`" else None
    elif field == "message" and not draft.message:
        draft.message = value
    return None


def _bare(value: str) -> str | None:
    """A printed value without quotes, commas and Rust's ``Some(...)``; None for undefined, null and the like."""
    if _NO_VALUE.match(value):
        return None
    value = value.rstrip(",").strip()
    while (some := re.fullmatch(r"Some\((.*)\)", value, re.DOTALL)) is not None:
        value = some[1].strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"`":
        value = value[1:-1]
        value = value.replace('\\"', '"').replace("\\'", "'").replace("\\n", "\n")
    return value or None


def _inline(draft: Draft, line: str) -> None:
    """Fields that stand on the same line: pg8000's dict, Rust's structs."""
    if "'C': '" in line:
        found = {m["key"]: m["value"] for m in _PROTOCOL.finditer(line)}
        draft.set_sqlstate(found.get("C"), "printed")
        draft.detail, draft.hint = draft.detail or found.get("D"), draft.hint or found.get("H")
        draft.context = draft.context or found.get("W")
        if found.get("P", "").isdigit():
            draft.statement_position = int(found["P"])
    elif "%Postgrex.Error" in line:
        if (code := re.search(r'pg_code: "([0-9A-Z]{5})"', line)) is not None:
            draft.set_sqlstate(code[1], "printed")
    elif "Error {" in line:
        for match in _RUST.finditer(line):
            value = _bare(match["value"])
            if value is None:
                continue
            if match["key"] == "code":
                code = re.search(r"([0-9A-Z]{5})\)?$", value)
                if code and sqlstates.is_sqlstate(code[1]):
                    draft.set_sqlstate(code[1], "printed")
            elif match["key"] in ("detail", "hint"):
                setattr(draft, match["key"], getattr(draft, match["key"]) or value)
            elif match["key"] == "where_":
                draft.context = draft.context or value
            elif match["key"] == "position" and (number := re.search(r"\d+", value)):
                draft.statement_position = int(number[0])


def _open_sql(draft: Draft, text: str) -> bool:
    """SQLAlchemy's ``[SQL: ...]``, which may go over many lines: whether it is still open after this one."""
    found = _SQL_OPEN.search(text)
    if found is None or draft.statement is not None:
        return False
    sql = found["sql"]
    if sql.endswith("]"):
        draft.statement = sql[:-1].strip() or None
        return False
    draft.statement = sql
    return True


def _more_sql(draft: Draft, text: str) -> bool:
    ends = text.endswith("]")
    if draft.statement is not None and len(draft.statement) < 50_000:
        draft.statement = f"{draft.statement}\n{text[:-1] if ends else text}"
    if ends and draft.statement is not None:
        draft.statement = draft.statement.strip() or None
    return not ends


def _raw(draft: Draft, text: str) -> None:
    if sum(map(len, draft.raw)) < 4000:
        draft.raw.append(text)
