"""Flyway: a transaction a file, statement by statement. Read from: Flyway 10, DefaultSqlScriptExecutor and
FlywaySqlScriptException."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from runbook.lab.tools.base import Outcome, Tool, line_of, statements_of, without_comments

if TYPE_CHECKING:
    import psycopg

HISTORY = """
CREATE TABLE flyway_schema_history (
    installed_rank integer PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL,
    type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer, installed_by varchar(100) NOT NULL,
    installed_on timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL, success boolean NOT NULL
);
CREATE INDEX flyway_schema_history_s_idx ON flyway_schema_history (success);
INSERT INTO flyway_schema_history
VALUES (1, '11', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', NULL, current_user, now(), 0, true)
"""


async def _run(dsn: str, folder: Path, files: list[Path]) -> Outcome:
    """One transaction per file; a failed file leaves no trace."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(dsn, application_name="Flyway by Redgate") as connection:
        for path in files:
            version, description = re.fullmatch(r"V(\d+)__(\w+)\.sql", path.name).groups()  # type: ignore[union-attr]
            text = path.read_text()
            for commented in statements_of(text):
                statement = without_comments(commented)
                try:
                    await connection.execute(statement.encode())
                except psycopg.Error as error:
                    await connection.rollback()
                    return Outcome(_message(error, folder, path, statement, version, description), error.sqlstate)
            await connection.execute(
                "INSERT INTO flyway_schema_history SELECT max(installed_rank) + 1, %s, %s, 'SQL', %s, %s, current_user,"
                " now(), 12, true FROM flyway_schema_history",
                (version, description.replace("_", " "), path.name, _checksum(text)),
            )
            await connection.commit()
    return Outcome()


def _checksum(text: str) -> int:
    """CRC32 over the lines without their ends, as a signed integer."""
    import zlib

    crc = 0
    for line in text.splitlines():
        crc = zlib.crc32(line.encode(), crc)
    return crc - (1 << 32) if crc >= 1 << 31 else crc


def _message(error: psycopg.Error, folder: Path, path: Path, statement: str, version: str, description: str) -> str:
    said = f"ERROR: {error.diag.message_primary}"
    if error.diag.message_detail:
        said += f"\n  Detail: {error.diag.message_detail}"
    if error.diag.message_hint:
        said += f"\n  Hint: {error.diag.message_hint}"
    if error.diag.statement_position:
        said += f"\n  Position: {error.diag.statement_position}"
    text = path.read_text()
    line = line_of(text, statement)
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


FLYWAY = Tool("flyway", _run, lambda number, slug: f"sql/V{number}__{slug}.sql", HISTORY)
