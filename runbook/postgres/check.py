"""Run one read-only check of a playbook under guard, and bring its rows as text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from time import perf_counter

from runbook.postgres.connection import connect
from runbook.postgres.pipeline import ConnectionLost, DeadlinePassed, Outcome, Query, Segment
from runbook.postgres.probe import failure
from runbook.postgres.reading import ReadingStatus, SideKey
from runbook.postgres.refusals import ConnectionRefused
from runbook.text import clean

ROWS = 200
DEADLINE_S = 10.0
_QUERIES = frozenset({"SELECT", "VALUES", "TABLE", "WITH"})
_WHOLE = frozenset({"SHOW", "EXPLAIN"})
_FRAME = frozenset({"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK"})


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Rows as text, at most ``ROWS`` of them, or why there are none."""

    status: ReadingStatus
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    reason: str | None = None
    duration_s: float = 0.0


async def run_read_only(side: SideKey, dsn: str, sql: str, *, connect_timeout_s: float = 5.0) -> CheckResult:
    """Run ``sql`` in one read-only transaction that is over when this returns. Never raises for what a server does.

    BEGIN and COMMIT around it are left out (the check is a transaction of its own); ``SET LOCAL`` holds in it. Anything
    else that is not a query is refused before a connection is made.
    """
    try:
        queries = _queries(sql)
    except ValueError as error:
        return CheckResult("unsupported", reason=str(error))
    begun = perf_counter()
    outcomes: list[Outcome] = []
    try:
        async with await connect(dsn, side=side, connect_timeout_s=connect_timeout_s) as connection:
            segment = Segment((connection.guard.local(DEADLINE_S), *queries), DEADLINE_S + 2)
            await connection.run([segment], lambda _, outcome: outcomes.append(outcome))
    except ConnectionRefused as error:
        return CheckResult("unreachable", reason=error.refusal.message, duration_s=perf_counter() - begun)
    except ConnectionLost as error:
        return CheckResult("unreachable", reason=clean(str(error)), duration_s=perf_counter() - begun)
    except DeadlinePassed:
        return CheckResult(
            "timed_out", reason=f"no answer within {DEADLINE_S:.0f} s", duration_s=perf_counter() - begun
        )
    return _result(outcomes[0], perf_counter() - begun)


def _queries(sql: str) -> list[Query]:
    from runbook.migration.statement import split

    statements, problems = split(sql)
    if problems:
        raise ValueError(f"not run: {problems[0].message}")
    queries: list[Query] = []
    for statement in statements:
        text = statement.sql.strip().rstrip(";")
        if statement.kind in _FRAME:
            continue
        if statement.kind in _QUERIES:
            # As JSON, so that any type arrives as text and the columns keep their order.
            queries.append(Query(f"SELECT row_to_json(q)::text FROM ({text}\n) AS q LIMIT {ROWS + 1}".encode()))
        elif statement.kind in _WHOLE or statement.kind.startswith("SET"):
            queries.append(Query(text.encode()))
        else:
            raise ValueError(f"not run: {statement.kind} is not a query")
    if not queries:
        raise ValueError("not run: there is no query in it")
    return queries


def _result(outcome: Outcome, seconds: float) -> CheckResult:
    if outcome.error is not None:
        status, reason, _ = failure(outcome.error, deadline_s=DEADLINE_S)
        return CheckResult(status, reason=reason, duration_s=seconds)
    result = outcome.result
    if result is None:
        return CheckResult("ok", duration_s=seconds)
    texts = [(result.get_value(n, 0) or b"").decode("utf-8", "replace") for n in range(min(result.ntuples, ROWS))]
    try:
        records = [json.loads(text) for text in texts]
        columns = tuple(clean(c) for c in records[0]) if records else ()
        rows = tuple(tuple(_text(v) for v in record.values()) for record in records)
    except (json.JSONDecodeError, AttributeError, IndexError):
        columns, rows = ("",), tuple((clean(text),) for text in texts)
    return CheckResult("ok", columns, rows, duration_s=seconds)


def _text(value: object) -> str | None:
    if value is None:
        return None
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
