"""Which tool printed a text, and what it says of the migration it was running."""

# ruff: noqa: E501 - tables of patterns, one a line
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from runbook.failure.draft import Draft

# Most specific first: an ORM's traceback shows its driver's too. Each row: words that only this tool prints.
_SIGNS: tuple[tuple[str, str], ...] = (
    ("sqitch", r"psql:.*deploy/\S+\.sql:|\bsqitch\b|Deploying changes to |App::Sqitch"),
    ("golang-migrate", r"error: migration failed|golang-migrate|Dirty database version|\d+/[ud] \w+ \([\d.]+m?s\)|can't acquire database lock"
     r"|\(details: pq: "),
    ("goose", r"goose(?: run|: | up)|pressly/goose|goose_db_version"),
    ("dbmate", r"\bdbmate\b|^Applying: \d+_\S+\.sql"),
    ("atlas", r"sql/migrate:|\batlas(?: migrate|\.sum|go)\b|Migrating to version \S+ \(\d+ migrations? in total\)|ariga\.io"),
    ("prisma", r"Error: P[1-4]\d{3}\b|\bprisma\b|Prisma(?:ClientKnown|Client|Schema)|Database error code:|schema-engine"),
    ("node-pg-migrate", r"node-pg-migrate|### MIGRATION \S+ \((?:UP|DOWN)\) ###"),
    ("typeorm", r"QueryFailedError|typeorm|driverError"),
    ("sequelize", r"[Ss]equelize|umzug"),
    ("knex", r"\bknex\b|migration failed with error:|MigrationLocked"),
    ("drizzle", r"[Dd]rizzle"),
    ("liquibase", r"[Ll]iquibase|\[Failed SQL:|changelog lock"),
    ("flyway", r"[Ff]lyway|^SQL State\s+:|SQL State  : |Migration V?\S+\.sql failed"),
    ("efcore", r"Npgsql|Microsoft\.EntityFrameworkCore|Exception data:"),
    ("ecto", r"Postgrex|Ecto\.|\(ecto|\[info\] == Running"),
    ("alembic", r"\balembic\b|Running upgrade \S* ?->"),
    ("django", r"django\.|manage\.py|^\s+Applying \w+\.\d{4}\w+"),
    ("rails", r"ActiveRecord::|rails aborted!|rake aborted!|bin/rails|An error has occurred, (?:this|all)|^== \d+ \w+: migrating|StandardError: "),
    ("sequel", r"Sequel::"),
    ("hibernate", r"org\.hibernate|SqlExceptionHelper|SQL Error: \d+, SQLState"),
    ("laravel", r"Illuminate\\|artisan|\(Connection: \w+, SQL:"),
    ("doctrine", r"Doctrine\\"),
    ("sqlx", r"\bsqlx\b|while executing migration|PgDatabaseError|VersionMissing\(|previously applied but"),
    ("diesel", r"\bdiesel\b|Failed to run \S+ with:"),
    ("pgx", r"\(SQLSTATE [0-9A-Z]{5}\)|jackc/pgx"),
    ("jdbc", r"org\.postgresql\.|PSQLException"),
    ("sqlalchemy", r"sqlalchemy|\[SQL: "),
    ("psycopg2", r"\bpsycopg2\."),
    ("psycopg", r"\bpsycopg\."),
    ("asyncpg", r"\basyncpg\."),
    ("pg8000", r"\bpg8000\b"),
    ("node-postgres", r"pg-protocol|node_modules/pg/|severity: '"),
    ("lib/pq", r"\bpq: "),
    ("ruby-pg", r"\bPG::"),
    ("psql", r"^psql(?::|\b)|^LINE \d+: |\bpsql\b"),
)  # fmt: skip
_COMPILED = tuple((name, re.compile(pattern, re.MULTILINE)) for name, pattern in _SIGNS)

_BLOCKS: dict[str, str] = {
    "efcore": r"Failed executing DbCommand",
    "node-pg-migrate": r"^Error executing:",
    "typeorm": r"^query failed:",
}
"""The line after which a tool prints the statement, on lines of their own, up to the error itself."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a tool prints of its progress: the last such line before the error names the migration."""

    framework: str | None
    field: str
    pattern: re.Pattern[str]
    where: str = "before"  # before: the last one up to the error; any: the first anywhere


def _m(framework: str | None, field: str, pattern: str, where: str = "before") -> _Mark:
    return _Mark(framework, field, re.compile(pattern), where)


_MARKS: tuple[_Mark, ...] = (
    _m("alembic", "migration_version", r"Running (?:upgrade|downgrade) .*-> (?P<v>\w+)"),
    _m("alembic", "file", r'File "(?P<v>[^"]*/versions/[^"]+\.py)", line (?P<n>\d+)'),
    _m("django", "migration_version", r"Applying (?P<v>[\w]+\.[\w]+)\.\.\."),
    _m("rails", "migration_version", r"^== (?P<v>\d{4,}) "),
    _m("rails", "file", r"(?P<v>\S*db/migrate/\d+_\w+\.rb):(?P<n>\d+)", "any"),
    _m("prisma", "migration_version", r"Migration name: (?P<v>\S+)", "any"),
    _m("prisma", "migration_version", r"The `(?P<v>\S+)` migration started at", "any"),
    _m("prisma", "migration_version", r"Applying migration `(?P<v>[^`]+)`"),
    _m("flyway", "migration_version", r'Migrating schema .* to version "?(?P<v>[\w.]+)'),
    _m("flyway", "migration_version", r"Migration (?P<v>[VRU][\w.]*?)__\S+ failed", "any"),
    _m("flyway", "file", r"Migration (?P<v>[VRU]\S+\.sql) failed", "any"),
    _m("liquibase", "migration_version", r"changeset (?P<v>\S+::\S+::\S+)"),
    _m("goose", "file", r"ERROR (?P<v>\S+\.(?:sql|go))", "any"),
    _m("goose", "migration_version", r"ERROR (?P<v>\d+)_\S+\.(?:sql|go)", "any"),
    _m("dbmate", "file", r"^Applying: (?P<v>\S+)"),
    _m("dbmate", "migration_version", r"^Applying: (?P<v>\d+)_"),
    _m("atlas", "migration_version", r'(?:from version "|-- migrating version )(?P<v>[\w.]+)', "any"),
    _m("atlas", "statement", r'executing statement "(?P<v>.+?)" from version', "any"),
    _m("knex", "file", r'migration file "(?P<v>[^"]+)" failed', "any"),
    _m("knex", "statement", r"migration failed with error: (?P<v>.+) - "),
    _m("sequelize", "migration_version", r"^== (?P<v>\S+): migrating"),
    _m("typeorm", "migration_version", r'Migration "(?P<v>\w+)" failed'),
    _m("efcore", "migration_version", r"Applying migration '(?P<v>[^']+)'"),
    _m("ecto", "migration_version", r"== Running (?P<v>\d+) "),
    _m("sqlx", "migration_version", r"while executing migration (?P<v>\d+)", "any"),
    _m("diesel", "migration_version", r"Failed to run (?P<v>\S+) with:", "any"),
    _m("sqitch", "migration_version", r"^\s+\+ (?P<v>\S+) \.+"),
    _m("goose", "statement", r'failed to execute SQL query "(?P<v>.+?)": ', "any"),
    _m("node-pg-migrate", "migration_version", r"### MIGRATION (?P<v>\S+) \((?:UP|DOWN)\) ###"),
    _m("drizzle", "statement", r"(?:Failed query|failed query): (?P<v>.+)", "any"),
    _m("golang-migrate", "statement", r" in line \d+: (?P<v>.+?) \(details: ", "any"),
)  # fmt: skip
_TOOL_CODE = re.compile(r"\b(P[1-4]\d{3})\b")


class Evidence:
    """Signs of tools, gathered line by line, so that a whole log need not be kept."""

    def __init__(self) -> None:
        self._found: set[str] = set()

    def see(self, line: str) -> None:
        for name, pattern in _COMPILED:
            if name not in self._found and pattern.search(line):
                self._found.add(name)

    def framework(self, shape: str | None = None) -> str | None:
        """The most specific tool seen; ``shape`` is what the error's own form says."""
        for name, _ in _COMPILED:
            if name in self._found:
                return name
        return shape


def add_marks(draft: Draft, framework: str | None, lines: Sequence[str], at: int) -> None:
    """Set file, version and statement from the tool's own lines; ``at`` is the error's index in ``lines``."""
    for mark in _MARKS:
        if mark.framework not in (None, framework) or getattr(draft, mark.field) is not None:
            continue
        stretch = reversed(lines[: at + 1]) if mark.where == "before" else iter(lines)
        match = next((m for line in stretch if (m := mark.pattern.search(line)) is not None), None)
        if match is None:
            continue
        setattr(draft, mark.field, match["v"].strip().replace('\\"', '"').rstrip(":"))
        if mark.field == "file" and "n" in match.groupdict() and draft.line is None:
            draft.line = int(match["n"])
    if draft.statement is None and framework in _BLOCKS:
        draft.statement = _block(re.compile(_BLOCKS[framework]), lines[:at])
    if framework == "prisma" and draft.tool_code is None:
        code = next((m[1] for line in lines if (m := _TOOL_CODE.search(line)) is not None), None)
        draft.tool_code = code


def _block(opening: re.Pattern[str], before: Sequence[str]) -> str | None:
    start = next((i for i in range(len(before) - 1, -1, -1) if opening.search(before[i])), None)
    if start is None:
        return None
    taken: list[str] = []
    for line in before[start + 1 : start + 200]:
        if not line.strip() or re.match(r"\w+: |\S+Exception", line):
            break
        taken.append(line.strip())
    return "\n".join(taken) or None
