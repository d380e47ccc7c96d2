"""``prisma migrate deploy``. Read from: Prisma 6 user-facing-errors (P3009, P3018) and its table _prisma_migrations."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runbook.lab.tools.base import Outcome, Tool

if TYPE_CHECKING:
    import psycopg

HISTORY = """
CREATE TABLE _prisma_migrations (
    id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz,
    migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0
)
"""


async def _run(dsn: str, folder: Path, files: list[Path]) -> Outcome:
    """``prisma migrate deploy``: the file as one string; the history row is committed before it."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        unfinished = await connection.execute(
            "SELECT migration_name, started_at FROM _prisma_migrations"
            " WHERE finished_at IS NULL AND rolled_back_at IS NULL"
        )
        if (failed := await unfinished.fetchone()) is not None:
            return Outcome(_blocked(*failed))
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
                message = _message(error, name)
                await connection.execute("UPDATE _prisma_migrations SET logs = %s WHERE id = %s", (message, row))
                return Outcome(message, error.sqlstate)
            done = "UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 WHERE id = %s"
            await connection.execute(done, (row,))
    return Outcome()


def _blocked(name: str, started_at: Any) -> str:
    return (
        "Error: P3009\n\nmigrate found failed migrations in the target database, new migrations will not be applied. "
        "Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve\n"
        f"The `{name}` migration started at {started_at} failed"
    )


def _message(error: psycopg.Error, name: str) -> str:
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


PRISMA = Tool(
    "prisma",
    _run,
    lambda number, slug: f"prisma/migrations/20250305{number % 1_000_000:06}_{slug}/migration.sql",
    HISTORY,
    leaves=("dirty-migration-state",),
    recover="UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL",
)
