"""The shapes in which drivers and tools print one error of the server: which line begins one, and what it says.

A shape is a pattern with the groups ``msg`` and, where it prints them, ``sev`` (severity), ``state`` (SQLSTATE),
``cls`` (exception class), ``condition``, ``file`` and ``line``. The first that matches a line wins.
"""

# ruff: noqa: E501 - tables of patterns, one a line
from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from runbook.failure import sqlstates, words
from runbook.failure.draft import Draft
from runbook.failure.messages import classify


@dataclass(frozen=True, slots=True)
class Shape:
    name: str
    pattern: re.Pattern[str]
    certain: bool = True  # False: the same shape is used for errors that are not the database's
    framework: str | None = None


_STATE = r"(?P<state>[0-9A-Z]{5})"
_PQ_TAIL = rf"(?:(?: at (?:position|column) \d+(?::\d+)?)? \({_STATE}\))?"
_PYTHON_DRIVER = r"(?:psycopg2|psycopg|asyncpg|pg8000|aiopg|django\.db\.utils|sqlalchemy\.exc|sqlalchemy\.dialects\.postgresql\.\w+|peewee)"


@cache
def shapes() -> tuple[Shape, ...]:
    severity = f"(?P<sev>{words.alternatives([w for w, s in words.severities().items() if s in words.GRAVE])})"
    return tuple(
        Shape(name, re.compile(pattern), certain, framework)
        for name, pattern, certain, framework in (
            # psql, and sqitch through it
            ("psql", rf"psql:(?P<file>.+?):(?P<line>\d+): {severity}[:：]\s+(?:{_STATE}: )?(?P<msg>.+)", True, "psql"),
            # PHP: PDO and Doctrine, Laravel
            ("pdo", rf"SQLSTATE\[{_STATE}\](?: \[\d+\])?:?\s*(?:[\w /-]+: )?(?:\d+\s+)?(?:{severity}[:：]\s+)?(?P<msg>.+)", True,
             "php"),
            # Elixir: postgrex Postgrex.Error.message/1
            ("postgrex", rf"\(Postgrex\.Error\) {severity}(?: {_STATE})?(?: \((?P<condition>\w+)\))?:? (?P<msg>.+)", True, "ecto"),
            ("postgrex-inspect", r"%Postgrex\.Error\{.*?code: :(?P<condition>\w+),.*?message: \"(?P<msg>(?:[^\"\\]|\\.)*)\"", True, "ecto"),
            ("go-pg", rf"ERROR #{_STATE} (?P<msg>.+)", True, None),
            # .NET: Npgsql PostgresException.Message
            ("npgsql", rf"(?:Npgsql\.PostgresException(?: \(0x[0-9A-F]+\))?|PostgresException): {_STATE}: (?P<msg>.+)", True,
             "efcore"),
            # Rust: postgres::Error and sqlx's Debug output, as Prisma's engine prints it
            ("db-error", r"(?:DbError|PgDatabaseError|PostgresError) \{.*?\bmessage: \"(?P<msg>(?:[^\"\\]|\\.)*)\"", True, None),
            ("diesel", r"DatabaseError\(\s*\w+,\s*\"(?P<msg>(?:[^\"\\]|\\.)*)\"", True, "diesel"),
            ("sqlx", r"error returned from database: (?:error returned from database: )?(?P<msg>.+)", True, None),
            ("diesel", r"Failed to run \S+ with: (?P<msg>.+)", True, "diesel"),
            # pg8000: the protocol's fields as a dict
            ("pg8000", rf"\{{'S': '(?P<sev>\w+)'.*?'C': '{_STATE}', 'M': (?P<q>['\"])(?P<msg>.*?)(?P=q)[,}}]", True, None),
            # Go: lib/pq; pgx ends with (SQLSTATE ...)
            # lib/pq 1.11 and later say where it stands and the code: (*Error).Error() in error.go
            ("pq-details", rf"\(details: pq: (?P<msg>.+?){_PQ_TAIL}\)$", True, "golang-migrate"),
            ("pq", rf"\bpq: (?P<msg>.+?){_PQ_TAIL}$", True, None),
            # SQLAlchemy and its drivers
            ("sqlalchemy-asyncpg", r"<class '(?P<cls>asyncpg\.exceptions\.[\w.]+)'>: (?P<msg>.+)", True, None),
            ("sqlalchemy", rf"\((?P<cls>{_PYTHON_DRIVER}\.[\w.]+)\) (?P<msg>.+)", True, None),
            ("python", rf"(?:^|\s)(?P<cls>{_PYTHON_DRIVER}\.[\w.]+): (?:(?P<sev2>ERROR|FATAL):\s+)?(?P<msg>.+)", True, None),
            # Ruby: pg, ActiveRecord, Sequel
            ("ruby", rf"(?P<cls>PG::\w+): (?:{severity}[:：]\s+)?(?P<msg>.+)", True, None),
            # golang-migrate without details
            ("golang-migrate", r"error: migration failed(?: in line \d+: .*?)?: (?P<msg>.+)", True, "golang-migrate"),
            # The server's own line, wherever it stands: psql, libpq, JDBC, pgx, Prisma, Flyway ...
            ("server", rf"(?:^|[\s:\"'(>\]|]){severity}[:：]\s+(?:{_STATE}: )?(?P<msg>\S.*)", False, None),
            # node-postgres and what is built on it
            ("node", r"(?:^|[\s\[])(?P<cls>(?:error|QueryFailedError|DatabaseError|PostgresError|Sequelize\w*Error|DrizzleQueryError|"
             r"DrizzleError|KnexError|DBError|UniqueConstraintError|ForeignKeyConstraintError|NeonDbError)(?: \[\w+\])?\]?):"
             r" (?P<msg>\S.*)", False, None),
            ("knex", r"migration failed with error: (?:.* - )?(?P<msg>.+)", True, "knex"),
            ("dbmate", r"^(?:Error|error): (?P<msg>\S.*)", False, None),
            # EF Core prints the code alone before the message
            ("state-first", r"^\s*(?P<state>[0-9A-Z]{5}): (?P<msg>\S.*)", False, None),
            ("exception", r"(?:^|\s)(?P<cls>(?:[\w$]+[.:]+)*[A-Z]\w*(?:Error|Exception|Violation|Canceled|NotAvailable|Table|Column|"
             r"Object|Privilege|Transaction|Detected|Function)): (?P<msg>\S.*)", False, None),
        )
    )  # fmt: skip


_SUFFIX_STATE = re.compile(r"\s*\((?:SQLSTATE:? ?|ERRCODE |Code: )(?P<state>[0-9A-Z]{5})\)")
_FAILED_SQL = re.compile(r"\s*\[Failed SQL: (?:\(\d+\) ?)?(?P<sql>.*?)\]?$")
_IN_LINE = re.compile(r" (?:\(column \d+\) )?in line (?P<line>\d+): (?P<sql>.*)$")
_LARAVEL = re.compile(r"\s*\((?:Connection: [^,]+, )?SQL: (?P<sql>.*)\)$")
_TAILS = (
    re.compile(r" (?:\(column \d+\) )?in line \d+: .*$"),
    re.compile(r"\s*(?:\(details: .*|\[SQL: .*|\(Background on this error at: .*)$"),
    re.compile(r"(?:\s+(?:on|in) line \d+ of file .*)$"),
    re.compile(r"\s+at character \d+$"),
    re.compile(r"\s*(?:\{$|\\n.*$)"),
    re.compile(r" \(addr=\"[^\"]*\"\)$"),
    re.compile(r"\s+CONTEXT:\s.*$"),
)
_AT_CHARACTER = re.compile(r" at character (\d+)$")
_QUICK = re.compile(
    r"[A-Za-z]*(?:rror|xception|atal)|ERR|FATAL|PANI|PG::|pq: |SQLSTATE|psycopg|asyncpg|[^\x00-\x7f].*[:：]|FEHLER|HATA|FEL:|CHYBA|"
    r"^\s*[0-9A-Z]{5}: |Failed to run|\{'S'|Violation|Undefined|Duplicate|Canceled|NotAvailable|Deadlock|Aborted|Privilege"
)


def begins(line: str, number: int) -> Draft | None:
    """The error that ``line`` begins, or None. ``weak`` where nothing but its shape speaks for a database."""
    if len(line) < 6 or not _QUICK.search(line):
        return None
    for shape in shapes():
        match = shape.pattern.search(line)
        if match is None:
            continue
        draft = _draft(shape, match, line, number)
        if draft is not None:
            return draft
    return None


def _draft(shape: Shape, match: re.Match[str], line: str, number: int) -> Draft | None:
    groups = match.groupdict()
    word = groups.get("sev") or groups.get("sev2") or "ERROR"
    draft = Draft(groups["msg"].strip(), number, framework=shape.framework, raw=[line])
    draft.severity_word = word
    draft.severity = words.severities().get(word, "ERROR")
    draft.language = words.language_of(word)
    if (state := groups.get("state")) is not None:
        if not _plausible(state) and not (shape.certain and sqlstates.SQLSTATE.match(state)):
            return None
        draft.set_sqlstate(state, "printed")
    if groups.get("condition"):
        draft.set_sqlstate(sqlstates.of_condition(groups["condition"]), "class")
    if groups.get("cls"):
        draft.set_sqlstate(sqlstates.of_class(groups["cls"]), "class")
    if groups.get("file"):
        draft.file, draft.line = groups["file"], int(groups["line"])
    _inner(draft)
    _clean_message(draft)
    if not draft.message:
        return None
    known = classify(draft.message)
    if known is not None:
        draft.set_sqlstate(known.sqlstate, "message")
        draft.subject = known.subject
        draft.language = known.language or draft.language
    if shape.name in ("exception", "dbmate", "state-first") and draft.sqlstate is None:
        return None
    elif " - " in draft.message:
        _split_sql(draft)
    draft.weak = not shape.certain and draft.sqlstate is None
    return draft


def _split_sql(draft: Draft) -> None:
    """Knex puts the SQL before the message: ``alter table "t" ... - column "a" of relation "t" already exists``."""
    pieces = draft.message.split(" - ")
    for cut in range(1, min(len(pieces), 12)):
        message = " - ".join(pieces[cut:])
        if (known := classify(message)) is not None:
            draft.statement = " - ".join(pieces[:cut])
            draft.message, draft.subject = message, known.subject
            draft.set_sqlstate(known.sqlstate, "message")
            draft.language = known.language
            return


def _inner(draft: Draft) -> None:
    """A message that holds the server's own one: ``ActiveRecord::...: PG::...: ERROR:  ...``."""
    severity = words.alternatives([w for w, s in words.severities().items() if s in words.GRAVE])
    inner = re.search(
        rf"(?:^|[\s:\"'(]|: )(?P<sev>{severity})[:：]\s+(?:(?P<state>[0-9A-Z]{{5}}): )?(?P<msg>\S.*)", draft.message
    )
    if inner is None:
        return
    draft.severity_word = inner.group("sev")
    draft.severity = words.severities()[inner.group("sev")]
    draft.language = words.language_of(inner.group("sev")) or draft.language
    draft.message = inner.group("msg").strip()
    if inner.group("state") and _plausible(inner.group("state")):
        draft.set_sqlstate(inner.group("state"), "printed")


def _plausible(state: str) -> bool:
    return sqlstates.is_sqlstate(state)


def _clean_message(draft: Draft) -> None:
    text = draft.message
    if (found := _SUFFIX_STATE.search(text)) is not None:
        draft.set_sqlstate(found["state"], "printed")
        text = text[: found.start()]
    for pattern in (_FAILED_SQL, _LARAVEL):
        if (found := pattern.search(text)) is not None:
            draft.statement = found["sql"].strip() or None
            text = text[: found.start()]
    if (found := _IN_LINE.search(text)) is not None:
        draft.statement_line_number = int(found["line"]) or None
        draft.statement = draft.statement or re.sub(r" \(details: .*$", "", found["sql"]).strip() or None
    if (found := _AT_CHARACTER.search(text)) is not None:
        draft.statement_position = int(found[1])
    for tail in _TAILS:
        text = tail.sub("", text)
    text = text.replace('\\"', '"').strip()
    if text.endswith("]") and "[" not in text:
        text = text[:-1]  # node: [error: relation "t" already exists]
    if text[-1:] == '"' and text.count('"') % 2:
        text = text[:-1]
    draft.message = text.strip()
