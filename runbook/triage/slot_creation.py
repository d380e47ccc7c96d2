"""Logical replication slots that are being made: they wait for every transaction that has written, in any database."""

from __future__ import annotations

import re
from typing import Any

from runbook.postgres.rows import SessionRow
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.session_facts import session_fact
from runbook.triage.templates import is_one_of
from runbook.triage.waits import Waits, without_leading_comments

# CREATE_REPLICATION_SLOT is what a subscriber, pg_recvlogical or a CDC tool sends (repl_gram.y)
_ON_PUBLISHER = re.compile(
    r'CREATE_REPLICATION_SLOT\s+(?:"(?:[^"]|"")+"|\S+)\s+(?:TEMPORARY\s+)?LOGICAL\b|.*\bpg_create_logical_replication_slot\s*\(',
    re.I | re.S,
)
_ON_SUBSCRIBER = re.compile(r"CREATE\s+SUBSCRIPTION\b", re.I)
_NO_SLOT = re.compile(r"\b(?:create_slot|connect)\s*=\s*'?(?:false|off|0)\b", re.I)
# libpqwalreceiver.c; after it, what the publisher said (ReplicationSlotCreate, slot.c), in its language
_NOT_MADE = 'could not create replication slot "%s": %s'
_TAKEN = re.compile(r'replication slot "[^"]+" already exists')
_MOMENT_S = 1.0
"""Every slot waits for some milliseconds on a busy server."""
_YOUNG_S = 2.0
"""A slot waits for younger transactions too, and nobody notices."""
_ENOUGH = 20


def state(facts: Facts, case: Case) -> None:
    """State ``replication.slot_makers``, ``slot_taken``, ``slot_waits`` and ``old_writers``."""
    error = case.error
    taken = error is not None and is_one_of(error, _NOT_MADE) and bool(_TAKEN.search(error.message))
    facts.know("replication.slot_taken", taken, "read from the error" if error is not None else "no error was given")
    makers = _makers(case)
    facts.know("replication.slot_makers", makers, f"{len(makers)} statements make a logical replication slot")
    side = case.production
    if side is None or not side.ok("activity"):
        reason = side.why_not("activity") if side is not None else "no production side was given"
        facts.unknown_all(["replication.slot_waits", "replication.old_writers"], reason)
        return
    waits = Waits.of(side)
    if waits.hidden:
        reason = "what other sessions do is hidden from our role"
        facts.unknown_all(["replication.slot_waits", "replication.old_writers"], reason)
        return
    found = [w for s in waits.sessions.values() if not s.ours and (w := _waiting(s, waits)) is not None]
    found.sort(key=lambda w: -w["wait_s"])
    told = f"{len(found)} sessions wait while a slot is made"
    facts.know(
        "replication.slot_waits", found, told, side="production", readings="production/activity production/locks"
    )
    pids = {pid for w in found for pid in w["blocked_by"]}
    writers = sorted(_writers(side, waits, pids), key=lambda w: -w["age_s"])
    told = f"{len(writers)} transactions with an id of their own, of all databases"
    facts.know("replication.old_writers", writers[:_ENOUGH], told, side="production", readings="production/activity")


def _makers(case: Case) -> list[dict[str, Any]]:
    statements = case.migration.statements if case.migration is not None else ()
    found = []
    for statement in statements:
        sql = without_leading_comments(statement.sql)
        subscribes = bool(_ON_SUBSCRIBER.match(sql)) and not _NO_SLOT.search(sql)
        if subscribes or (not _ON_SUBSCRIBER.match(sql) and _ON_PUBLISHER.match(sql)):
            where = "subscriber" if subscribes else "publisher"
            failed = case.failing is not None and case.failing.index == statement.index
            row = {
                "sql": statement.sql,
                "file": statement.file,
                "line": statement.line,
                "where": where,
                "failed": failed,
            }
            found.append(row)
    return found


def _waiting(session: SessionRow, waits: Waits) -> dict[str, Any] | None:
    query = without_leading_comments(session.query or "")
    if session.state != "active":
        return None
    wait = waits.waits.get(session.pid)
    if wait is not None and session.wait_event == "transactionid" and _ON_PUBLISHER.match(query):
        if wait.wait_s < _MOMENT_S:
            return None
        return {
            **session_fact(session),
            "where": "publisher",
            "wait_s": round(wait.wait_s, 3),
            "blocked_by": list(wait.blocked_by),
        }
    # The event's name was written LibPQWalReceiverReceive up to 16
    receives = (session.wait_event or "").lower().startswith("libpqwalreceiver")
    if receives and _ON_SUBSCRIBER.match(query) and (session.query_age_s or 0.0) >= _YOUNG_S:
        waited_s = round(session.query_age_s or 0.0, 3)
        return {**session_fact(session), "where": "subscriber", "wait_s": waited_s, "blocked_by": []}
    return None


def _writers(side: SideCase, waits: Waits, waited_for: set[int]) -> list[dict[str, Any]]:
    found = []
    for session in waits.sessions.values():
        old = (session.xact_age_s or 0.0) >= _YOUNG_S or session.pid in waited_for
        if session.backend_xid is not None and not session.ours and old:
            fact = session_fact(session)
            found.append(
                {
                    "kind": "session",
                    "pid": session.pid,
                    "gid": "",
                    "database": session.database or "",
                    "label": fact["label"],
                    "state": fact["state"],
                    "query": fact["query"],
                    "backend_start": fact["backend_start"],
                    "age_s": fact["xact_age_s"],
                    "in_the_way": session.pid in waited_for,
                }
            )
    for row in side.rows("prepared_transactions"):
        found.append(
            {
                "kind": "prepared transaction",
                "pid": 0,
                "gid": row.gid,
                "database": row.database,
                "label": row.owner,
                "state": "prepared",
                "query": "",
                "backend_start": "",
                "age_s": row.age_s,
                "in_the_way": 0 in waited_for,
            }
        )
    return found
