"""Second stage: the rows of the history tables that were found. The one place where user tables are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from runbook.postgres.connection import Connection
from runbook.postgres.pipeline import ConnectionLost, DeadlinePassed, Outcome, Query, Segment
from runbook.postgres.probe import SILENCE_S, failure
from runbook.postgres.reading import Reading, ReadingStatus
from runbook.postgres.refusals import ConnectionRefused
from runbook.postgres.rows import HistoryEntry, HistoryTableRow
from runbook.sql import quote_ident, quote_qualified
from runbook.text import clean

LIMIT = 500
DEADLINE_S = 2.0
_LONGEST_TEXT = 4000  # characters of one value; Prisma's logs and Supabase's statements can be long

# The column that tells what came last; the first that a table has.
_ORDER = (
    "installed_rank", "orderexecuted", "started_at", "executed_at", "applied_at", "applied_on", "migration_time",
    "committed_at", "id", "version_id", "tstamp", "run_on", "version", "MigrationId", "timestamp", "name",
)  # fmt: skip


def reading_name(table: HistoryTableRow) -> str:
    """``history:schema.table``: the name of the reading that holds the table's rows."""
    return f"history:{table.qualified}"


async def read_history(
    connection: Connection,
    tables: Sequence[HistoryTableRow],
    *,
    on_reading: Callable[[Reading[Any]], None] | None = None,
) -> dict[str, Reading[HistoryEntry]]:
    """The newest 500 rows of each table, in one round trip, keyed by ``reading_name``.

    A table that is ACCESS EXCLUSIVE-locked is not asked; one that gets locked meanwhile costs ``lock_timeout``.
    Raises nothing but cancellation.
    """
    readings: dict[str, Reading[HistoryEntry]] = {}

    def keep(reading: Reading[HistoryEntry]) -> None:
        readings[reading.probe] = reading
        if on_reading is not None:
            on_reading(reading)

    asked: list[HistoryTableRow] = []
    segments: list[Segment] = []
    for table in tables:
        problem = _cannot(connection, table)
        if problem is not None:
            status, reason = problem
            keep(Reading(reading_name(table), connection.side, status, at=datetime.now(UTC), reason=reason))
            continue
        asked.append(table)
        query = Query(select_newest(table).encode())
        segments.append(Segment((connection.guard.local(DEADLINE_S), query), DEADLINE_S + SILENCE_S))
    if not asked:
        return readings
    answered = 0

    def deliver(index: int, outcome: Outcome) -> None:
        nonlocal answered
        answered = index + 1
        keep(_reading(connection, asked[index], outcome))

    started = perf_counter()
    status = "unreachable"
    try:
        await connection.run(segments, deliver)
    except ConnectionRefused as error:
        reason = error.refusal.message
    except ConnectionLost as error:
        reason = f"the connection was lost: {error}"
    except DeadlinePassed:
        status, reason = "timed_out", "the server was silent"
    for table in asked[answered:]:
        name = reading_name(table)
        keep(
            Reading(
                name, connection.side, status, duration_s=perf_counter() - started, at=datetime.now(UTC), reason=reason
            )
        )
    return readings


def select_newest(table: HistoryTableRow) -> str:
    """The statement that reads ``table``: one JSON object a row, newest first."""
    parts = []
    for column, type_ in zip(table.columns, table.column_types, strict=True):
        name = quote_ident(column)
        plain = type_ in ("text", "character varying") or type_.startswith("character varying(")
        parts.append(f"left(h.{name}::text, {_LONGEST_TEXT}) AS {name}" if plain else f"h.{name}")
    order = next((f" ORDER BY h.{quote_ident(c)} DESC" for c in _ORDER if c in table.columns), "")
    source = quote_qualified(table.schema, table.name)
    return f"SELECT to_jsonb(r)::text FROM (SELECT {', '.join(parts)} FROM {source} AS h{order} LIMIT {LIMIT + 1}) AS r"


def _cannot(connection: Connection, table: HistoryTableRow) -> tuple[ReadingStatus, str] | None:
    if not table.can_select:
        role = connection.target.role
        to = quote_ident(role) if role else "our role"
        return "denied", f"no SELECT on {table.qualified}; GRANT SELECT ON {table.qualified} TO {to}; would help"
    if table.locked:
        return "timed_out", f"{table.qualified} is under ACCESS EXCLUSIVE: reading it would wait"
    return None


def _reading(connection: Connection, table: HistoryTableRow, outcome: Outcome) -> Reading[HistoryEntry]:
    name, now = reading_name(table), datetime.now(UTC)
    result = outcome.result
    if result is None:
        status, reason, sqlstate = failure(outcome.error, deadline_s=DEADLINE_S)
        return Reading(name, connection.side, status, (), outcome.seconds, now, reason, sqlstate)
    try:
        entries = tuple(
            HistoryEntry(table.tool, table.role, table.schema, table.name, _values(result.get_value(i, 0) or b"{}"))
            for i in range(min(result.ntuples, LIMIT))
        )
    except ValueError as error:
        reason = f"the answer could not be read: {clean(str(error))}"
        return Reading(name, connection.side, "unsupported", (), outcome.seconds, now, reason)
    return Reading(name, connection.side, "ok", entries, outcome.seconds, now, truncated=result.ntuples > LIMIT)


def _values(text: bytes) -> dict[str, str | None]:
    found = json.loads(text.decode("utf-8", "replace"), parse_int=str, parse_float=str)
    return {clean(key): _text(value) for key, value in found.items()}


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
