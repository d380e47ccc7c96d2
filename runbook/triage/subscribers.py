"""Who reads production's changes by logical replication, whether they still do, and what their error says."""

from __future__ import annotations

import re
from typing import Any

from runbook.postgres.rows import ReplicationRow, SessionRow, SlotRow
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.templates import is_one_of

# What an apply worker puts around every error (apply_error_callback, worker.c; slot_store_error_callback up to 14) and
# its own refusals (relation.c), which name the relation
_CONTEXT = re.compile(r"processing remote data (?:for replication|during)", re.I)
_REFUSALS = (
    'logical replication target relation "%s.%s" is missing replicated column: %s',
    'logical replication target relation "%s.%s" is missing replicated columns: %s',
    'logical replication target relation "%s.%s" is missing some replicated columns',
    'logical replication target relation "%s.%s" does not exist',
    'publisher did not send replica identity column expected by the logical replication target relation "%s.%s"',
)
_PUBLICATIONS = re.compile(r"publication_names '((?:[^']|'')*)'")
_NAME = re.compile(r'"((?:[^"]|"")*)"|([^",\s]+)')
_JUST_NOW_S = 6.0
"""An apply worker that fails is started again every five seconds (wal_retrieve_retry_interval)."""


def state(facts: Facts, case: Case) -> None:
    """State ``replication.apply_error``, ``replication.subscribers`` and ``replication.subscriptions``."""
    error = case.error
    told = error is not None and (is_one_of(error, *_REFUSALS) or bool(_CONTEXT.search(error.context or "")))
    facts.know("replication.apply_error", told, "read from the error" if error is not None else "no error was given")
    side = case.production
    if side is None or not side.ok("slots"):
        reason = side.why_not("slots") if side is not None else "no production side was given"
        facts.unknown("replication.subscribers", reason)
    else:
        found = [_subscriber(slot, side) for slot in side.rows("slots") if _of_interest(slot, side)]
        because = f"{len(found)} logical replication slots of this database"
        facts.know("replication.subscribers", found, because, side="production", readings="production/slots")
    if side is None or not side.ok("subscriptions"):
        reason = side.why_not("subscriptions") if side is not None else "no production side was given"
        facts.unknown("replication.subscriptions", reason)
        return
    rows = [
        {
            "name": s.name,
            "enabled": s.enabled,
            "at_work": s.worker_pid is not None,
            "errors": s.apply_errors if s.apply_errors is not None else -1,
            "publications": list(s.publications),
        }
        for s in side.rows("subscriptions")
    ]
    facts.know("replication.subscriptions", rows, f"{len(rows)} subscriptions of production itself", side="production")


def _of_interest(slot: SlotRow, side: SideCase) -> bool:
    database = side.identity.database if side.identity is not None else None
    return slot.slot_type == "logical" and not slot.temporary and slot.database == database


def _subscriber(slot: SlotRow, side: SideCase) -> dict[str, Any]:
    sessions: dict[int, SessionRow] = {s.pid: s for s in side.rows("activity")}
    standing: dict[int, ReplicationRow] = {r.pid: r for r in side.rows("replication")}
    pid = slot.active_pid
    session = sessions.get(pid) if pid is not None else None
    row = standing.get(pid) if pid is not None else None
    query = session.query if session is not None else None
    names = _PUBLICATIONS.search(query or "")
    age = session.backend_age_s if session is not None else None
    application = session.application_name if session is not None else ""
    return {
        "name": slot.name,
        "application_name": application,
        "plugin": slot.plugin or "",
        "active": slot.active,
        "restarting": slot.active and age is not None and age < _JUST_NOW_S,
        # PostgreSQL's own apply worker calls itself after its subscription, and so is its slot by default
        "postgres": slot.plugin == "pgoutput" and application == slot.name,
        "publications": [a.replace('""', '"') or b for a, b in _NAME.findall(names[1])] if names else [],
        "kept_bytes": slot.retained_bytes if slot.retained_bytes is not None else 0,
        "lag_bytes": row.replay_lag_bytes if row is not None and row.replay_lag_bytes is not None else 0,
    }
