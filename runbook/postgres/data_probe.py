"""Ask production's rows what only they know: the queries of a forecast, one after the other, read-only and bounded.

Each is first EXPLAINed; one whose whole plan costs more than the bound is not run and says so. A query that is denied,
times out or meets a lock is a stated unknown, never a no. Row security is switched off for the asking session, so that
a policy that would hide offenders makes the query fail instead.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from runbook.migration.result import DataAnswer, DataCheck, Forecast
from runbook.postgres.connection import Connection, Guard, connect
from runbook.postgres.pipeline import ConnectionLost, DeadlinePassed, Outcome, Query, Segment
from runbook.postgres.probe import failure
from runbook.postgres.reading import SideKey
from runbook.postgres.refusals import ConnectionRefused
from runbook.sql import quote_ident
from runbook.text import clean


@dataclass(frozen=True, slots=True)
class Bounds:
    """What asking may cost. ``plan_cost`` is in the planner's units: reading one page in sequence is 1."""

    plan_cost: float = 2_000_000.0
    statement_timeout_s: float = 5.0
    lock_timeout_ms: int = 200
    total_s: float = 60.0


DEFAULT = Bounds()

Asked = dict[tuple[int, str], DataAnswer]
"""Answers by (index of the statement, the check's query)."""


def questions(forecast: Forecast) -> list[tuple[int, DataCheck]]:
    """The checks of a forecast that can be asked now, each with its statement's index."""
    return [
        (s.index, c)
        for s in forecast.statements
        for c in s.depends_on_data
        if c.sql is not None and c.withheld is None and c.answer is None
    ]


async def probe_data(
    side: SideKey,
    dsn: str,
    checks: Iterable[tuple[int, DataCheck]],
    *,
    bounds: Bounds = DEFAULT,
    connect_timeout_s: float = 5.0,
    on_answer: Callable[[int, DataCheck], None] | None = None,
) -> Asked:
    """Ask each check, in order. Never raises for what a server does: what could not be asked is an ``unknown``."""
    wanted = list(checks)
    answers: Asked = {}

    def note(index: int, check: DataCheck, answer: DataAnswer) -> None:
        answers[(index, check.sql or "")] = answer
        if on_answer is not None:
            on_answer(index, replace(check, answer=answer))

    if not wanted:
        return answers
    guard = Guard(round(bounds.statement_timeout_s * 1000), bounds.lock_timeout_ms)
    give_up = perf_counter() + bounds.total_s
    try:
        connection = await connect(dsn, side=side, connect_timeout_s=connect_timeout_s, guard=guard)
    except ConnectionRefused as error:
        for index, check in wanted:
            note(index, check, _unknown(f"not asked: {error.refusal.message}"))
        return answers
    async with connection:
        for index, check in wanted:
            left = give_up - perf_counter()
            if left <= 0:
                note(index, check, _unknown(f"not asked: the {bounds.total_s:g} s for all queries were over"))
                continue
            note(index, check, await _ask(connection, check, bounds, min(bounds.statement_timeout_s, left)))
    return answers


async def _ask(connection: Connection, check: DataCheck, bounds: Bounds, timeout_s: float) -> DataAnswer:
    begun = perf_counter()
    sql = check.sql or ""
    plan = await _run(connection, check, f"EXPLAIN (FORMAT JSON) {sql}", timeout_s)
    if isinstance(plan, str):
        return _unknown(plan, begun)
    if plan.error is not None:
        return _refused(plan, check, timeout_s, begun)
    cost = plan_cost(_texts(plan))
    if cost is not None and cost > bounds.plan_cost:
        because = f"not run: its plan costs {cost:,.0f}, over the bound of {bounds.plan_cost:,.0f}"
        return replace(_unknown(because, begun), plan_cost=cost)
    shown = f"SELECT pg_catalog.row_to_json(found)::pg_catalog.text FROM (\n{sql}\n) AS found"
    outcome = await _run(connection, check, shown, timeout_s)
    if isinstance(outcome, str):
        return replace(_unknown(outcome, begun), plan_cost=cost)
    if outcome.error is not None:
        return replace(_refused(outcome, check, timeout_s, begun), plan_cost=cost)
    return replace(_answer(_texts(outcome), begun), plan_cost=cost)


async def _run(connection: Connection, check: DataCheck, sql: str, timeout_s: float) -> Outcome | str:
    """The outcome of one query in a transaction of its own, or why there is none."""
    path = ", ".join(["pg_catalog", *(quote_ident(s) for s in check.search_path if s not in ("pg_catalog", "pg_temp"))])
    settings = Query(
        b"SELECT pg_catalog.set_config('search_path', $1, true), pg_catalog.set_config('row_security', 'off', true)",
        (path.encode(),),
    )
    outcomes: list[Outcome] = []
    segment = Segment((connection.guard.local(timeout_s), settings, Query(sql.encode())), timeout_s + 2)
    try:
        await connection.run([segment], lambda _, outcome: outcomes.append(outcome))
    except ConnectionRefused as error:
        return f"the connection was lost: {error.refusal.message}"
    except ConnectionLost as error:
        return f"the connection was lost: {clean(str(error))}"
    except DeadlinePassed:
        return f"no answer within {timeout_s:g} s"
    except asyncio.CancelledError:
        raise
    return outcomes[0]


_OFFENDS = re.compile(r"2[23]...\Z")  # data exceptions and integrity violations


def _refused(outcome: Outcome, check: DataCheck, timeout_s: float, begun: float) -> DataAnswer:
    """An error of the query: the very failure it was to foretell, or the reason why nothing is known."""
    status, reason, sqlstate = failure(outcome.error, deadline_s=timeout_s)
    if sqlstate is not None and _OFFENDS.match(sqlstate):
        return DataAnswer("fails", f"the query itself ends with {sqlstate}", _now(), sqlstate, duration_s=_since(begun))
    if sqlstate == "42501" and "row-level security" in reason:
        reason = f"row security hides rows from this role ({reason})"
    elif status == "denied":
        reason = f"denied: {reason}"
    return _unknown(reason, begun)


def _answer(rows: Sequence[str], begun: float) -> DataAnswer:
    if not rows:
        at = _now()
        because = f"no offending row at {at:%H:%M:%S} UTC, until somebody writes one"
        return DataAnswer("passes", because, at, duration_s=_since(begun))
    found = [json.loads(row) for row in rows]
    state = next((r[_STATE] for r in found if r.get(_STATE)), None)
    keys = tuple(_key(r) for r in found)
    at = _now()
    many = "at least one row offends" if len(found) == 1 else f"at least {len(found)} offend"
    shown = "; ".join(keys[:3])
    return DataAnswer("fails", f"{many} at {at:%H:%M:%S} UTC ({shown})", at, state, keys, _since(begun))


_STATE = "runbook_sqlstate"  # the column in which a query itself tells the SQLSTATE
_PLACE = re.compile(r"\(\d+,\d+\)\Z")
_SHOWN_DIGITS = 6


def _key(row: dict[str, Any]) -> str:
    """What finds a row, without anybody's data: small whole numbers, places in the table and counts stay."""
    return ", ".join(f"{clean(name)} {_shown(name, value)}" for name, value in row.items() if name != _STATE)


def _shown(name: str, value: Any) -> str:
    if name in ("rows_alike", "tableoid"):
        return clean(str(value))
    if isinstance(value, int) and not isinstance(value, bool) and len(str(abs(value))) <= _SHOWN_DIGITS:
        return str(value)
    if isinstance(value, str) and _PLACE.match(value):
        return value
    return "null" if value is None else "…"


def plan_cost(texts: Sequence[str]) -> float | None:
    """The cost of a whole plan, in the planner's units, whatever a LIMIT on top hopes to save."""
    try:
        top = json.loads("\n".join(texts))[0]["Plan"]
    except (ValueError, LookupError, TypeError):
        return None
    highest, nodes = 0.0, [top]
    while nodes:
        node = nodes.pop()
        highest = max(highest, float(node.get("Total Cost", 0.0)))
        nodes.extend(node.get("Plans", ()))
    return highest


def _texts(outcome: Outcome) -> list[str]:
    result = outcome.result
    if result is None:
        return []
    return [(result.get_value(n, 0) or b"").decode("utf-8", "replace") for n in range(result.ntuples)]


def _unknown(because: str, begun: float | None = None) -> DataAnswer:
    return DataAnswer("unknown", because, _now(), duration_s=_since(begun) if begun is not None else 0.0)


def _since(begun: float) -> float:
    return round(perf_counter() - begun, 3)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
