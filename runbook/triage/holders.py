"""The relation locks that other sessions hold on a side, as a forecast wants them."""

from __future__ import annotations

from runbook.migration.forecast import HeldLock
from runbook.session.redaction import hide_literals
from runbook.triage.case import SideCase
from runbook.triage.waits import PREPARED, Waits


def held_locks(side: SideCase) -> tuple[HeldLock, ...]:
    """Granted relation locks of other sessions and of prepared transactions."""
    if not (side.ok("activity") and side.ok("locks")):
        return ()
    waits = Waits.of(side)
    found = []
    for lock in waits.locks:
        if not lock.granted or lock.locktype != "relation" or lock.qualified is None or lock.pid is None:
            continue
        session = waits.sessions.get(lock.pid)
        if session is None or session.ours:
            continue
        found.append(
            HeldLock(
                pid=session.pid,
                backend_start=session.backend_start,
                relation=lock.qualified,
                mode=lock.mode,
                age_s=session.xact_age_s,
                state=session.state,
                query=hide_literals(session.query) if session.query else None,
                application_name=session.application_name or None,
            )
        )
    for row in waits.prepared:
        for relation, mode in zip(row.relations, row.modes, strict=False):
            found.append(HeldLock(PREPARED, None, relation, mode, row.age_s, "prepared", None, row.gid))
    return tuple(found)
