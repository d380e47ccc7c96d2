"""Files and folders to a ``Migration``: which tool they belong to, in which order and transactions it runs them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from runbook.migration.model import Migration, MigrationFile, TransactionMode
from runbook.migration.sources.base import Entry, MigrationError, Planned, Source
from runbook.migration.statement import Include, decode, split
from runbook.migration.transactions import mark_transactions

__all__ = ["RUNNERS", "MigrationError", "load", "parse"]

# Runners whose files say nothing of them: only ``--runner`` names them. Source: FACTS.md "Runners".
_NAMED_ONLY: dict[str, tuple[TransactionMode, str]] = {
    "psql-1": ("per_file", "psql -1 wraps the file in BEGIN and COMMIT"),
    "plain": ("none", "each statement commits by itself"),
    "rails": ("per_file", "a transaction per migration unless disable_ddl_transaction!"),
    "knex": ("per_file", "a transaction per migration unless transaction: false"),
    "sequelize": ("none", "no transaction unless the migration opens one"),
    "typeorm": ("all_files", "migrationsTransactionMode defaults to all"),
    "efcore": ("all_files", "EF Core 9: one transaction for all pending migrations"),
    "sqitch": ("none", "deploy scripts are psql scripts that carry BEGIN and COMMIT"),
}

# Files of other languages, and how their tool prints the SQL it would run.
_NOT_SQL: dict[str, tuple[str, str]] = {
    ".py": (
        "is a Python migration, which runbook does not execute",
        "print its SQL and name that file: 'alembic upgrade --sql FROM:TO > m.sql' or "
        "'python manage.py sqlmigrate APP NAME > m.sql'",
    ),
    ".rb": (
        "is a Rails migration, which runbook does not execute",
        "name a file with the SQL it runs (from log/development.log, or the diff of db/structure.sql)",
    ),
    ".xml": ("is a Liquibase changelog", "print its SQL and name that file: 'liquibase update-sql > m.sql'"),
    ".yaml": ("is not SQL", "for Liquibase print it first: 'liquibase update-sql > m.sql'"),
    ".cs": ("is an EF Core migration", "print its SQL and name that file: 'dotnet ef migrations script > m.sql'"),
    ".ts": ("is a TypeScript migration", "name a file with the SQL it runs"),
    ".js": ("is a JavaScript migration", "name a file with the SQL it runs"),
}
_NOT_SQL[".yml"] = _NOT_SQL[".yaml"]
_SKIPPED_FOLDERS = {"node_modules", "__pycache__", "venv"}


@cache
def _sources() -> tuple[Source, ...]:
    """Every tool that can be recognised, the surest marks first; psql takes what is left."""
    from runbook.migration.sources import (
        atlas,
        dbmate,
        diesel,
        drizzle,
        flyway,
        golang_migrate,
        goose,
        liquibase,
        plain,
        prisma,
    )
    from runbook.migration.sources import sqlx as sqlx_

    tools = (goose, dbmate, liquibase, prisma, diesel, drizzle, atlas, flyway, sqlx_, golang_migrate)
    return (*(tool.SOURCE for tool in tools), plain.ALEMBIC, plain.DJANGO, plain.PSQL)


RUNNERS: tuple[str, ...] = (
    *("goose", "dbmate", "liquibase", "prisma", "diesel", "drizzle", "atlas", "flyway", "sqlx", "golang-migrate"),
    *("alembic", "django", "psql"),
    *_NAMED_ONLY,
)
"""Every name that ``runner`` may be."""


def load(paths: Iterable[str | Path], runner: str | None = None) -> Migration:
    """The migration in these files and folders, in the order in which its runner would apply them.

    A folder is read with what lies below it; several paths of plain SQL keep the order given. ``runner`` overrides
    what the files look like. Raises ``MigrationError`` for a path that is missing, unreadable or not SQL, and for an
    unknown runner.
    """
    entries = [entry for path in paths for entry in _entries(Path(path))]
    if not entries:
        raise MigrationError("(nothing)", "no path was given", "name a .sql file or a folder")
    return _read(_unique(entries), runner)


def parse(sql: str, runner: str | None = "psql") -> Migration:
    """``sql`` as a migration of one file, named ``<sql>``, as ``runner`` would run it; None: what it looks like."""
    data = sql.encode("utf-8", "replace")
    return _read([Entry(Path("<sql>"), data)], runner)


def _read(entries: Sequence[Entry], runner: str | None) -> Migration:
    source, certain = _source(entries, runner)
    plans = list(source.plan(entries))
    # Only down files were named: that is a rollback, and it is what will run.
    rolling_back = all(p.is_down for p in plans)
    files: list[MigrationFile] = []
    included: set[str] = set()
    index = 1
    for plan in plans:
        runs = (rolling_back or not plan.is_down) and not plan.skipped
        file = _file(plan, source, index, included, runs=runs)
        index += len(file.statements)
        files.append(file)
    if included:
        files = [f for f in files if os.path.realpath(f.path) not in included] or files
        files = _renumbered(files)
    return Migration(source.name, certain, source.mode, mark_transactions(files))


def _source(entries: Sequence[Entry], runner: str | None) -> tuple[Source, bool]:
    if runner is not None:
        for source in _sources():
            if source.name == runner:
                return source, True
        if runner in _NAMED_ONLY:
            from runbook.migration.sources.plain import PSQL, plan_in

            mode, why = _NAMED_ONLY[runner]
            psql = runner in ("psql-1", "sqitch", "plain")
            return Source(runner, mode, PSQL.recognise, plan_in(mode), why, psql), True
        known = ", ".join(sorted(RUNNERS))
        raise MigrationError(str(entries[0].path), f"there is no runner {runner!r}", f"use one of: {known}")
    for source in _sources():
        certainty = source.recognise(entries)
        if certainty is not None:
            return source, certainty == "certain"
    raise AssertionError("psql takes any file")


def _file(plan: Planned, source: Source, index: int, included: set[str], *, runs: bool) -> MigrationFile:
    path = str(plan.entry.path)
    statements, problems = split(
        plan.text if runs else "",
        file=path,
        psql=source.psql,
        first_index=index,
        include=_includer(included),
    )
    return MigrationFile(
        path=path,
        version=plan.version,
        name=plan.name,
        transaction_mode=plan.mode,
        statements=statements,
        problems=(*plan.entry.decoded.problems, *plan.problems, *problems),
        checksum=plan.checksum,
        sha256=plan.entry.sha256,
        is_down=plan.is_down and not runs,
    )


def _includer(included: set[str]) -> Include:
    def include(name: str, file: str, relative: bool) -> tuple[str, str] | None:
        """psql reads ``\\i`` from its working folder, which may not be ours: the file's own folder is tried next."""
        beside_file = Path(file).parent / name
        for candidate in (beside_file,) if relative else (Path(name), beside_file):
            try:
                data = candidate.read_bytes()
            except OSError:
                continue
            included.add(os.path.realpath(candidate))
            return str(candidate), decode(data, str(candidate)).text
        return None

    return include


def _renumbered(files: Sequence[MigrationFile]) -> list[MigrationFile]:
    index = 0
    renumbered = []
    for file in files:
        statements = []
        for statement in file.statements:
            index += 1
            statements.append(replace(statement, index=index))
        renumbered.append(replace(file, statements=tuple(statements)))
    return renumbered


def _entries(path: Path) -> list[Entry]:
    """The SQL files that ``path`` names. Raises ``MigrationError``."""
    if path.is_dir():
        found = sorted(_below(path))
        sql = [Entry(p) for p in found if p.suffix.lower() == ".sql"]
        if sql:
            from runbook.migration.sources.plain import in_order

            return in_order(sql)
        for other in found:
            if other.suffix in _NOT_SQL and other.name != "__init__.py":
                what, what_to_do = _NOT_SQL[other.suffix]
                raise MigrationError(str(other), what, what_to_do)
        raise MigrationError(str(path), "the folder holds no .sql file", "name the folder with the migrations")
    if not path.exists():
        raise MigrationError(str(path), "there is no such file or folder", "check the path")
    if path.suffix.lower() in _NOT_SQL:
        what, what_to_do = _NOT_SQL[path.suffix.lower()]
        raise MigrationError(str(path), what, what_to_do)
    return [Entry(path)]


def _below(folder: Path) -> Iterable[Path]:
    try:
        for root, folders, names in os.walk(folder, onerror=_raise):
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _SKIPPED_FOLDERS)
            yield from (Path(root) / name for name in names)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MigrationError(str(error.filename or folder), f"cannot be read ({reason})", "check permissions") from None


def _raise(error: OSError) -> None:
    raise error


def _unique(entries: Iterable[Entry]) -> list[Entry]:
    seen: set[str] = set()
    kept = []
    for entry in entries:
        real = os.path.realpath(entry.path)
        if real not in seen:
            seen.add(real)
            kept.append(entry)
    return kept
