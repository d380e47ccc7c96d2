"""A migration tool's advisory lock that its client left on a pooled server connection.

An advisory lock of a session belongs to the server connection. Behind a pooler in transaction mode it stays there when the
client has gone, and whoever gets that connection next holds it without knowing. Measured with PgBouncer 1.18: the lock is
still held after the client's end, by a session that by then bears another client's application_name.
"""

from __future__ import annotations

import re
from typing import Any

from runbook.postgres.rows import AdvisoryLockRow, SessionRow
from runbook.session.redaction import hide_literals
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.migrator import MIGRATION_APPLICATION
from runbook.triage.tool_lock import tool_of
from runbook.triage.waits import Waits

FACTS = ("pooling.lock_holder", "pooling.lock_signs", "pooling.lock_left")
_WORK = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH)\b", re.I)
_OF_A_TOOL = re.compile(r"advisory|pg_catalog|information_schema|migration|flyway|changelog|set_config", re.I)


def state(facts: Facts, case: Case, side: SideCase, waits: Waits) -> None:
    """State ``pooling.lock_*``."""
    if not side.ok("advisory_locks"):
        facts.unknown_all(list(FACTS), side.why_not("advisory_locks"))
        return
    rows: list[AdvisoryLockRow] = list(side.rows("advisory_locks"))
    database = side.identity.database if side.identity is not None else ""
    tables = [(t.schema, t.name) for t in side.rows("history_tables") if t.role == "history"]
    best: tuple[list[str], AdvisoryLockRow, str] | None = None
    for row in rows:
        tool = "" if row.two_keys or not row.granted else tool_of(row.key, database, tables)
        if not tool:
            continue
        signs = _signs(side, waits, row)
        if signs and (best is None or len(signs) > len(best[0])):
            best = signs, row, tool
    if best is None:
        facts.know("pooling.lock_signs", [], "no tool's advisory lock shows signs of a shared connection")
        facts.know("pooling.lock_left", False, "no tool's advisory lock shows signs of a shared connection")
        facts.unknown("pooling.lock_holder", "no tool's advisory lock is on a shared connection as far as we see")
        return
    signs, row, tool = best
    waiters = {r.pid for r in rows if not r.granted and (r.key, r.two_keys) == (row.key, row.two_keys)}
    told = f"{row.pid} holds the lock of {tool}"
    facts.know("pooling.lock_signs", signs, told, readings="advisory_locks activity pool")
    facts.know(
        "pooling.lock_left", bool({"own", "changes_hands"} & set(signs)), told, readings="advisory_locks activity"
    )
    facts.know("pooling.lock_holder", _holder(row, waits, tool, len(waiters)), told, readings="advisory_locks activity")


def _signs(side: SideCase, waits: Waits, row: AdvisoryLockRow) -> list[str]:
    """Why the session that holds the lock is one that a pooler lends to several clients."""
    found = []
    session = waits.sessions.get(row.pid)
    ours = side.identity.backend_pid if side.identity is not None else None
    if side.pooler is not None and (row.pid == ours or (session is not None and session.ours)):
        found.append("own")
    if session is None:
        return found
    before: SessionRow | None = next((s for s in _earlier(side) if s.pid == row.pid), None)
    same = before is not None and before.backend_start == session.backend_start
    if before is not None and same and before.application_name != session.application_name:
        found.append("changes_hands")
    if not session.ours and _other_work(session):
        found.append("other_work")
    return found


def _earlier(side: SideCase) -> tuple[SessionRow, ...]:
    reading = side.earlier.get("activity")
    return reading.rows if reading is not None and reading.ok else ()


def _other_work(session: SessionRow) -> bool:
    """What it ran last is a query of an application, and nothing that a tool does for itself."""
    query = session.query or ""
    if session.query_hidden or MIGRATION_APPLICATION.search(f"{session.application_name} {session.role or ''}"):
        return False
    return bool(_WORK.match(query)) and not _OF_A_TOOL.search(query)


def _holder(row: AdvisoryLockRow, waits: Waits, tool: str, waiters: int) -> dict[str, Any]:
    session = waits.sessions.get(row.pid)
    seen = session if session is not None and not session.ours else None
    return {
        "pid": row.pid,
        "backend_start": row.backend_start.isoformat() if row.backend_start else "",
        "role": row.role or "",
        "application_name": seen.application_name if seen else "",
        "client": (session.client if session else None) or "",
        "query": hide_literals(seen.query) if seen and seen.query else "",
        "key": row.key,
        "tool": tool,
        "waiters": waiters,
    }
