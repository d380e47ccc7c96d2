"""Run a scenario's migration the way its tool does, on a real server, and print a failure the way the tool does.

psql is really run. The others need a JVM, Node or Go, so their transaction behaviour, their history table and the shape
of their message are reproduced here around the server's real answer. Sources: Flyway 10 DefaultSqlScriptExecutor and
FlywaySqlScriptException; Prisma 6 user-facing-errors (P3009, P3018) and _prisma_migrations; golang-migrate v4
database/postgres/postgres.go (runStatement, SetVersion) and database/error.go.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runbook.lab.installations import client_program
from runbook.lab.scenario import RunnerName, statements_of

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Outcome:
    """How a run ended: both None if it passed. ``error_text`` is what stood on the terminal."""

    error_text: str | None = None
    sqlstate: str | None = None


async def run_psql(dsn: str, folder: Path, files: list[Path]) -> Outcome:
    """``psql -f`` for each file, stopping at the first error; the text as with psql's own default VERBOSITY."""
    for path in files:
        process = await asyncio.create_subprocess_exec(
            client_program("psql"),
            *("--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--set", "VERBOSITY=verbose"),
            *("--dbname", dsn, "--file", str(path.relative_to(folder))),
            cwd=folder,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "PGAPPNAME": "deploy"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, printed = await process.communicate()
        if process.returncode != 0:
            # Verbose adds the SQLSTATE, which we need to know, and a LOCATION line; nobody's terminal shows these.
            text = printed.decode(errors="replace").strip()
            found = re.search(r"(?:ERROR|FATAL):  ([0-9A-Z]{5}): ", text)
            text = re.sub(r"((?:ERROR|FATAL|WARNING|NOTICE):  )[0-9A-Z]{5}: ", r"\1", text)
            text = re.sub(r"\n[^\n]*LOCATION:  [^\n]*", "", text)
            return Outcome(text, found[1] if found else None)
    return Outcome()


async def run_flyway(dsn: str, folder: Path, files: list[Path]) -> Outcome:
    """One transaction per file; a failed file leaves no trace."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(dsn, application_name="Flyway by Redgate") as connection:
        for path in files:
            version, description = re.fullmatch(r"V(\d+)__(\w+)\.sql", path.name).groups()  # type: ignore[union-attr]
            text = path.read_text()
            for commented in statements_of(text):
                statement = re.sub(r"\A(\s*--[^\n]*\n)+", "", commented)  # Flyway sends no leading comments
                try:
                    await connection.execute(statement.encode())
                except psycopg.Error as error:
                    await connection.rollback()
                    return Outcome(
                        _flyway_message(error, folder, path, statement, version, description), error.sqlstate
                    )
            await connection.execute(
                "INSERT INTO flyway_schema_history SELECT max(installed_rank) + 1, %s, %s, 'SQL', %s, %s, current_user,"
                " now(), 12, true FROM flyway_schema_history",
                (version, description.replace("_", " "), path.name, _flyway_checksum(text)),
            )
            await connection.commit()
    return Outcome()


def _flyway_checksum(text: str) -> int:
    """CRC32 over the lines without their ends, as a signed integer."""
    import zlib

    crc = 0
    for line in text.splitlines():
        crc = zlib.crc32(line.encode(), crc)
    return crc - (1 << 32) if crc >= 1 << 31 else crc


def _flyway_message(
    error: psycopg.Error, folder: Path, path: Path, statement: str, version: str, description: str
) -> str:
    said = f"ERROR: {error.diag.message_primary}"
    if error.diag.message_detail:
        said += f"\n  Detail: {error.diag.message_detail}"
    if error.diag.message_hint:
        said += f"\n  Hint: {error.diag.message_hint}"
    if error.diag.statement_position:
        said += f"\n  Position: {error.diag.statement_position}"
    text = path.read_text()
    line = text[: text.index(statement)].count("\n") + 1
    name = description.replace("_", " ")
    head = f"Script {path.name} failed"
    return (
        f'ERROR: Migration of schema "public" to version "{version} - {name}" failed! '
        "Changes successfully rolled back.\n"
        f"{head}\n{'-' * len(head)}\n"
        f"SQL State  : {error.sqlstate}\nError Code : 0\nMessage    : {said}\n"
        f"Location   : {path.relative_to(folder)} (/flyway/{path.relative_to(folder)})\n"
        f"Line       : {line}\nStatement  : {statement}"
    )


async def run_prisma(dsn: str, folder: Path, files: list[Path]) -> Outcome:
    """``prisma migrate deploy``: the file as one string; the history row is committed before it."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        unfinished = await connection.execute(
            "SELECT migration_name, started_at FROM _prisma_migrations"
            " WHERE finished_at IS NULL AND rolled_back_at IS NULL"
        )
        if (failed := await unfinished.fetchone()) is not None:
            return Outcome(_prisma_blocked(*failed))
        for path in files:
            name, text = path.parent.name, path.read_text()
            row = str(uuid.uuid4())
            await connection.execute(
                "INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES (%s, %s, %s)",
                (row, hashlib.sha256(text.encode()).hexdigest(), name),
            )
            try:
                await connection.execute(text.encode())
            except psycopg.Error as error:
                message = _prisma_message(error, name)
                await connection.execute("UPDATE _prisma_migrations SET logs = %s WHERE id = %s", (message, row))
                return Outcome(message, error.sqlstate)
            done = "UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 WHERE id = %s"
            await connection.execute(done, (row,))
    return Outcome()


def _prisma_blocked(name: str, started_at: Any) -> str:
    return (
        "Error: P3009\n\nmigrate found failed migrations in the target database, new migrations will not be applied. "
        "Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve\n"
        f"The `{name}` migration started at {started_at} failed"
    )


def _prisma_message(error: psycopg.Error, name: str) -> str:
    diag = error.diag

    def debug(value: str | None) -> str:
        return "None" if value is None else 'Some("' + value.replace("\\", "\\\\").replace('"', '\\"') + '")'

    details = f"\nDETAIL: {diag.message_detail}" if diag.message_detail else ""
    hint = f"\nHINT: {diag.message_hint}" if diag.message_hint else ""
    position = f"Some(Original({diag.statement_position}))" if diag.statement_position else "None"
    fields = (
        f'severity: "ERROR", parsed_severity: Some(Error), code: SqlState(E{error.sqlstate}), '
        f"message: {debug(diag.message_primary)[5:-1]}, detail: {debug(diag.message_detail)}, "
        f"hint: {debug(diag.message_hint)}, position: {position}, where_: {debug(diag.context)}, "
        f"schema: {debug(diag.schema_name)}, table: {debug(diag.table_name)}, column: {debug(diag.column_name)}, "
        f"datatype: {debug(diag.datatype_name)}, constraint: {debug(diag.constraint_name)}, "
        f"file: {debug(diag.source_file)}, line: Some({diag.source_line}), routine: {debug(diag.source_function)}"
    )
    return (
        "Error: P3018\n\nA migration failed to apply. "
        "New migrations cannot be applied before the error is recovered from. "
        "Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve\n\n"
        f"Migration name: {name}\n\nDatabase error code: {error.sqlstate}\n\n"
        f"Database error:\nERROR: {diag.message_primary}{details}{hint}\n\nDbError {{ {fields} }}"
    )


async def run_golang_migrate(dsn: str, folder: Path, files: list[Path]) -> Outcome:
    """The file as one string; ``schema_migrations`` says dirty before it and clean after it."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute("SELECT version, dirty FROM schema_migrations")
        state = await cursor.fetchone()
        if state is not None and state[1]:
            return Outcome(f"error: Dirty database version {state[0]}. Fix and force version.")
        for path in files:
            version = int(path.name.split("_")[0])
            await _golang_version(connection, version, dirty=True)
            text = path.read_text()
            try:
                await connection.execute(text.encode())
            except psycopg.Error as error:
                return Outcome(_golang_message(error, text), error.sqlstate)
            await _golang_version(connection, version, dirty=False)
    return Outcome()


async def _golang_version(connection: psycopg.AsyncConnection[Any], version: int, *, dirty: bool) -> None:
    async with connection.transaction():
        await connection.execute("TRUNCATE schema_migrations")
        await connection.execute("INSERT INTO schema_migrations VALUES (%s, %s)", (version, dirty))


def _golang_message(error: psycopg.Error, text: str) -> str:
    message, line = f"migration failed: {error.diag.message_primary}", 0
    if error.diag.statement_position:
        before = text[: int(error.diag.statement_position) - 1]
        line = before.count("\n") + 1
        message += f" (column {len(before) - before.rfind(chr(10))})"
    if error.diag.message_detail:
        message += f", {error.diag.message_detail}"
    return f"error: {message} in line {line}: {text} (details: pq: {error.diag.message_primary})"


RUNNERS: dict[RunnerName, Callable[[str, Path, list[Path]], Awaitable[Outcome]]] = {
    "psql": run_psql,
    "flyway": run_flyway,
    "prisma": run_prisma,
    "golang-migrate": run_golang_migrate,
}
