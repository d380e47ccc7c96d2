"""What somebody in training may do to the servers of a scenario, under the guards that hold everywhere else.

Only on servers that the lab started and removes. A session is named by pid and backend_start, both read again just
before; every answer is the server's own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from runbook.lab import census
from runbook.lab.scenario import DEPLOYER, Side
from runbook.text import clean, clean_line

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from runbook.lab.census import SessionSeen
    from runbook.lab.scenario import Stage

How = Literal["cancel", "terminate"]
Status = Literal["done", "refused", "failed"]

SHOWN_ROWS = 20
"""Rows of an answer that are told."""
SIGNAL_S = 15.0
"""How long a session that was told to end may take."""
MOST_S = 60.0
"""After this, what the trainee runs is cancelled: nothing of ours goes on for ever."""


@dataclass(frozen=True)
class Did:
    """One act: what was run, and what the server said. ``ended``: sessions that were there before it and not after."""

    what: str
    side: Side
    role: str
    sql: str
    status: Status
    answer: str
    guard: str = ""
    sqlstate: str | None = None
    ended: tuple[SessionSeen, ...] = ()
    duration_s: float = 0.0
    only_read: bool = False


async def end_session(stage: Stage, how: How, pid: int, backend_start: str, role: str = DEPLOYER) -> Did:
    """Cancel the query of a session of production, or terminate it; refused when it is not the one that was meant."""
    import psycopg

    sql = (
        f"SELECT pg_{'cancel' if how == 'cancel' else 'terminate'}_backend(pid) FROM pg_stat_activity"
        f" WHERE pid = {int(pid)} AND backend_start = '{_timestamp(backend_start)}'"
    )
    began, before = time.monotonic(), await census.sessions(stage)
    meant = before.get((pid, backend_start))
    if meant is None:
        there = next((s for s in before.values() if s.pid == pid), None)
        why = f"pid {pid} is another session now" if there else f"there is no session {pid}"
        return Did(how, "production", role, sql, "refused", why, guard=f"pid {pid}, started {backend_start}: not found")
    guard = (
        f"re-read just before: pid {pid} is {clean_line(meant.application)} of {meant.role}, started {backend_start}"
    )
    try:
        async with await stage.connect("production", role, "runbook-train") as connection:
            rows = await (await connection.execute(sql.encode())).fetchall()
    except psycopg.Error as error:
        return Did(how, "production", role, sql, "failed", _said(error), guard, error.sqlstate)
    done = bool(rows) and rows[0][0] is True
    ended = await _ended(stage, before, wait_for=(pid, backend_start) if done and how == "terminate" else None)
    hit = ended if how == "terminate" or meant in ended else (meant, *ended)
    answer = f"{'true' if done else 'false'}: {'sent to' if done else 'not sent to'} {pid}"
    return Did(how, "production", role, sql, "done" if done else "failed", answer, guard, None, hit, _since(began))


async def execute(stage: Stage, side: Side, sql: str, role: str | None = None) -> Did:
    """Run SQL on a side; several statements run as psql would send them with -c. Cancelled after ``MOST_S``."""
    import psycopg

    who = role or (DEPLOYER if side == "production" else "dev")
    began = time.monotonic()
    before = await census.sessions(stage) if side == "production" else {}
    only_read = reads_only(sql)
    try:
        async with await stage.connect(side, who, "runbook-train") as connection:
            answer = await _run(connection, sql)
        status: Status = "done"
        sqlstate = None
    except psycopg.Error as error:
        status, answer, sqlstate = "failed", _said(error), error.sqlstate
    ended: tuple[SessionSeen, ...] = ()
    if side == "production" and not only_read:
        sent = "terminate_backend" in sql.lower() and "True" in answer
        ended = await _ended(stage, before, settle=sent)
    return Did("execute", side, who, sql, status, answer, "", sqlstate, ended, _since(began), only_read)


async def migrate(stage: Stage, most_s: float = MOST_S) -> Did:
    """Run the migration on production with its tool, as the pipeline would; given up after ``most_s``."""
    began = time.monotonic()
    before = await census.sessions(stage)
    text = "\n".join(path.read_text() for path in stage.files)
    run = asyncio.create_task(stage.migrate("production"))
    done, _ = await asyncio.wait({run}, timeout=most_s)
    if not done:
        await stop_migration(stage, before)
        await asyncio.wait({run}, timeout=10)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        said = f"not finished after {most_s:.0f} s, and given up"
        return Did("migrate", "production", DEPLOYER, text, "failed", said, "", "57014", (), _since(began))
    error = run.exception()
    if error is not None:
        return Did(
            "migrate", "production", DEPLOYER, text, "failed", clean(str(error)).strip(), duration_s=_since(began)
        )
    outcome = run.result()
    status: Status = "done" if outcome.error_text is None else "failed"
    answer = "passed" if outcome.error_text is None else clean(outcome.error_text).strip()
    return Did("migrate", "production", DEPLOYER, text, status, answer, "", outcome.sqlstate, (), _since(began))


async def stop_migration(stage: Stage, before: Mapping[tuple[int, str], SessionSeen]) -> None:
    """End the deployer's sessions that were not there ``before``."""
    for session in (await census.sessions(stage)).values():
        if session.key not in before and session.role == stage.text(DEPLOYER):
            await stage.execute("production", f"SELECT pg_terminate_backend({session.pid})", "postgres")


def reads_only(sql: str) -> bool:
    """Whether ``sql`` only looks: queries and SHOW, without the functions that act on others or on counters."""
    import re

    from runbook.migration.statement import split

    statements, problems = split(sql)
    words = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", "''", sql)  # what stands in quotes is no keyword
    changes = r"(?i)\b(?:insert|update|delete|merge|into|analyze)\b"
    acts = r"\b(?:pg_(?:cancel|terminate)_backend|pg_advisory_unlock\w*|pg_promote|nextval|setval|pg_replication_slot\w*)\b"
    looks = all(s.kind in ("SELECT", "VALUES", "TABLE", "WITH", "SHOW", "EXPLAIN") for s in statements)
    return bool(statements) and not problems and looks and not re.search(changes, words) and not re.search(acts, sql)


def signals(sql: str) -> bool:
    """Whether ``sql`` ends what other sessions do."""
    return "terminate_backend" in sql.lower() or "cancel_backend" in sql.lower()


async def _run(connection: AsyncConnection[Any], sql: str) -> str:
    """What the server answered: the command tags, and the first rows of what returned any."""
    stop = asyncio.get_running_loop().call_later(MOST_S, lambda: asyncio.ensure_future(connection.cancel_safe()))
    told = []
    try:
        cursor = await connection.execute(sql.encode())
        while True:
            if cursor.description:
                names = [column.name for column in cursor.description]
                rows = await cursor.fetchmany(SHOWN_ROWS)
                told += [" | ".join(names), *(" | ".join("" if v is None else str(v) for v in row) for row in rows)]
            told.append(cursor.statusmessage or "")
            if not cursor.nextset():
                break
    finally:
        stop.cancel()
    return clean("\n".join(line for line in told if line))


async def _ended(
    stage: Stage,
    before: Mapping[tuple[int, str], SessionSeen],
    wait_for: tuple[int, str] | None = None,
    settle: bool = False,
) -> tuple[SessionSeen, ...]:
    """Who was there before and is gone. A signal takes its time: until ``wait_for`` is gone, or all settles."""
    give_up = time.monotonic() + SIGNAL_S
    last: tuple[SessionSeen, ...] | None = None
    while True:
        now = await census.sessions(stage)
        gone = tuple(session for key, session in before.items() if key not in now)
        over = wait_for not in now if wait_for is not None else not settle or (bool(gone) and gone == last)
        if over or time.monotonic() > give_up:
            return gone
        last = gone
        await asyncio.sleep(0.1)


def _said(error: Any) -> str:
    diag = error.diag
    parts = [f"{diag.severity or 'ERROR'}: {diag.message_primary or error}"]
    parts += [
        f"{word}: {text}" for word, text in (("DETAIL", diag.message_detail), ("HINT", diag.message_hint)) if text
    ]
    return clean("\n".join(parts))


def _timestamp(text: str) -> str:
    """Refuse anything that is no time: it becomes part of SQL."""
    from datetime import datetime

    datetime.fromisoformat(text)
    return text


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
