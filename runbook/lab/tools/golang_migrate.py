"""golang-migrate. Read from: v4 database/postgres/postgres.go (runStatement, SetVersion) and database/error.go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runbook.lab.tools.base import Outcome, Tool

if TYPE_CHECKING:
    import psycopg

HISTORY = """
CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
INSERT INTO schema_migrations VALUES (41, false)
"""


async def _run(dsn: str, folder: Path, files: list[Path]) -> Outcome:
    """The file as one string; ``schema_migrations`` says dirty before it and clean after it."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute("SELECT version, dirty FROM schema_migrations")
        state = await cursor.fetchone()
        if state is not None and state[1]:
            return Outcome(f"error: Dirty database version {state[0]}. Fix and force version.")
        for path in files:
            version = int(path.name.split("_")[0])
            await _set_version(connection, version, dirty=True)
            text = path.read_text()
            try:
                await connection.execute(text.encode())
            except psycopg.Error as error:
                return Outcome(_message(error, text), error.sqlstate)
            await _set_version(connection, version, dirty=False)
    return Outcome()


async def _set_version(connection: psycopg.AsyncConnection[Any], version: int, *, dirty: bool) -> None:
    async with connection.transaction():
        await connection.execute("TRUNCATE schema_migrations")
        await connection.execute("INSERT INTO schema_migrations VALUES (%s, %s)", (version, dirty))


def _message(error: psycopg.Error, text: str) -> str:
    message, line = f"migration failed: {error.diag.message_primary}", 0
    if error.diag.statement_position:
        before = text[: int(error.diag.statement_position) - 1]
        line = before.count("\n") + 1
        message += f" (column {len(before) - before.rfind(chr(10))})"
    if error.diag.message_detail:
        message += f", {error.diag.message_detail}"
    return f"error: {message} in line {line}: {text} (details: pq: {error.diag.message_primary})"


GOLANG_MIGRATE = Tool(
    "golang-migrate",
    _run,
    lambda number, slug: f"migrations/{number:06}_{slug}.up.sql",
    HISTORY,
    leaves=("dirty-migration-state",),
    recover="UPDATE schema_migrations SET version = version - 1, dirty = false WHERE dirty",
)
