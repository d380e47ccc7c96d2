"""Whether a scenario's incident is over: the migration has passed or passes now, and the application's work runs.

Measured on the servers, never taken from what somebody did: every fix that works counts.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runbook.lab import census, hands
from runbook.lab.scenario import READS, WRITES
from runbook.text import clean_line, shorten

if TYPE_CHECKING:
    from runbook.lab.scenario import Stage

LOCK_WAIT_S = 1.0
"""What a statement of the application may wait for its lock."""
SETTLE_S = 20.0
"""How long a migration in flight, and those who waited, are given to come through once nothing is in the way."""


@dataclass(frozen=True)
class Before:
    """What is known before somebody acts. ``wanted``: what the migration makes, as local has it and production lacks."""

    census: census.Census
    wanted: frozenset[str]
    cannot: frozenset[str]
    """Statements of the application that the server refuses for a reason which is not a lock: rights, names."""


@dataclass(frozen=True)
class Fixed:
    """The measurement. ``why`` holds a sentence for each half that is not so."""

    migration: bool
    workload: bool
    why: tuple[str, ...] = field(default=())

    @property
    def both(self) -> bool:
        return self.migration and self.workload


async def before(stage: Stage) -> Before:
    """Production before the first act. Takes no lock that it would have to wait for."""
    now = await census.take(stage)
    local = await census.objects_of_local(stage)
    failed = await _workload(stage, lock_wait_s=0.1)
    return Before(now, local - now.objects, frozenset(sql for sql, state in failed.items() if state[:2] == "42"))


async def fixed(stage: Stage, known: Before, *, run: bool, passed: bool = False, most_s: float = SETTLE_S) -> Fixed:
    """Measure. ``run``: try the migration if it has not passed; False only looks. ``passed``: its tool said so before.

    ``most_s`` bounds the migration's run, and the time that waiting sessions are given.
    """
    why: list[str] = []
    migration = await _migrated(stage, known, why, run=run, passed=passed, most_s=most_s)
    workload = await _works(stage, known, why, most_s if run else 0.0)
    return Fixed(migration, workload, tuple(why))


async def _migrated(stage: Stage, known: Before, why: list[str], *, run: bool, passed: bool, most_s: float) -> bool:
    if await _in_flight(stage):
        await _until(lambda: _over(stage), most_s if run else 0.0)
    if await _in_flight(stage):
        why.append("the migration is still in flight")
        return False
    there = (await census.take(stage)).objects
    if known.wanted and known.wanted <= there:
        return True
    if passed or stage.scenario.seen == "broken":
        return _did_something(known, there, why)
    if not run:
        why.append("the migration has not passed")
        return False
    did = await hands.migrate(stage, most_s)
    if did.status != "done":
        why.append(f"the migration does not pass: {shorten(clean_line(did.answer), 200)}")
        return False
    return _did_something(known, (await census.take(stage)).objects, why)


def _did_something(known: Before, there: frozenset[str], why: list[str]) -> bool:
    """A file that was emptied passes as well."""
    if known.wanted and there == known.census.objects:
        why.append("the migration passes and changes nothing: what it should make is not there")
        return False
    return True


async def _works(stage: Stage, known: Before, why: list[str], most_s: float) -> bool:
    failing: dict[str, str] = {}

    async def fine() -> bool:
        nonlocal failing
        failed = await _workload(stage, lock_wait_s=LOCK_WAIT_S)
        expected = frozenset() if stage.scenario.seen == "broken" else known.cannot
        failing = {sql: state for sql, state in failed.items() if sql not in expected}
        return not failing

    await _until(fine, most_s)
    for sql, state in list(failing.items())[:2]:
        why.append(f"the application's {shorten(clean_line(stage.text(sql)), 60)!r} ends with {state}")
    return not failing


async def _workload(stage: Stage, lock_wait_s: float) -> dict[str, str]:
    """Each statement of the application once, undone at once; those that fail, with their SQLSTATE."""
    import psycopg

    async def ends_with(sql: str) -> str | None:
        text = stage.text(sql.replace(":id", "17"))
        try:
            async with await stage.connect("production", "web", "lab-workload") as connection:
                await connection.execute(f"SET lock_timeout = '{int(lock_wait_s * 1000)}ms'".encode())
                await connection.execute(b"BEGIN")
                await connection.execute(text.encode())
                await connection.execute(b"ROLLBACK")
        except psycopg.Error as error:
            return error.sqlstate or "no connection"
        return None

    statements = tuple(stage.workload or (*READS, *WRITES))
    ends = await asyncio.gather(*map(ends_with, statements))
    return {sql: state for sql, state in zip(statements, ends, strict=True) if state is not None}


_IN_FLIGHT = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'deploy' AND state <> 'idle'"


async def _in_flight(stage: Stage) -> bool:
    """Whether the deploy's own session is at work, or waits."""
    return bool(await stage.execute("production", _IN_FLIGHT, "postgres"))


async def _over(stage: Stage) -> bool:
    return not await _in_flight(stage)


async def _until(holds: Any, deadline_s: float) -> None:
    """Ask until it holds or the time is up; at least once."""
    give_up = time.monotonic() + deadline_s
    while not await holds() and time.monotonic() < give_up:  # noqa: ASYNC110 - no event to await
        await asyncio.sleep(0.05)
