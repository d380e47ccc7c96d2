"""Commits that wait for a synchronous standby: they look like a lock wait, and nobody stands in the way."""

from __future__ import annotations

from runbook.postgres.rows import ReplicationRow
from runbook.triage.case import Facts, SideCase
from runbook.triage.session_facts import session_fact
from runbook.triage.waits import Waits

_MOMENT_S = 1.0
"""Every commit waits for some milliseconds where replication is synchronous."""


def state(facts: Facts, side: SideCase, waits: Waits) -> None:
    """State ``waits.sync_waiters``, ``waits.sync_names`` and ``waits.sync_standbys``."""
    settings = {s.name: s.value for s in side.rows("settings")}
    names = settings.get("synchronous_standby_names")
    if names is None:
        facts.unknown("waits.sync_names", side.why_not("settings"))
    elif settings.get("synchronous_commit") in ("off", "local"):
        facts.know(
            "waits.sync_names", "", "synchronous_commit lets commits return without a standby", readings="settings"
        )
    else:
        facts.know("waits.sync_names", names, f"synchronous_standby_names is {names!r}", readings="settings")
    rows: tuple[ReplicationRow, ...] = side.rows("replication")
    if not side.ok("replication") or any(r.sync_state is None for r in rows):
        facts.unknown("waits.sync_standbys", "the state of the standbys is hidden from our role")
    else:
        count = sum(r.sync_state in ("sync", "quorum") for r in rows)
        facts.know("waits.sync_standbys", count, f"{count} synchronous standbys are connected", readings="replication")
    if waits.hidden:
        facts.unknown("waits.sync_waiters", "what other sessions wait for is hidden from our role")
        return
    found = [
        session_fact(s)
        for s in waits.sessions.values()
        if s.wait_event == "SyncRep" and not s.ours and (s.state_age_s or 0.0) >= _MOMENT_S
    ]
    found.sort(key=lambda s: -s["state_age_s"])
    told = f"{len(found)} sessions wait for a synchronous standby"
    facts.know("waits.sync_waiters", found[:20], told, readings="activity")
