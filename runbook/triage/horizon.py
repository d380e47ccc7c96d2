"""What a build or a validation costs while it blocks nobody: rows that vacuum may not remove because of its snapshot."""

from __future__ import annotations

from runbook.postgres.rows import HorizonRow, RelationRow
from runbook.triage.blocking_work import command_of
from runbook.triage.case import Facts, SideCase
from runbook.triage.migrator import Migrator
from runbook.triage.waits import Waits

_HEAVY = frozenset(
    {
        "CREATE INDEX CONCURRENTLY",
        "CREATE INDEX",
        "REINDEX CONCURRENTLY",
        "REINDEX",
        "VALIDATE CONSTRAINT",
        "ALTER TABLE",
    }
)
_FACTS = ("waits.work", "waits.holds_horizon", "waits.overdue")


def state(facts: Facts, side: SideCase, waits: Waits, migrator: Migrator | None) -> None:
    """State what the migration works at, whether its snapshot is the oldest, and which tables want a vacuum."""
    if migrator is None or migrator.session.query is None:
        facts.unknown_all(list(_FACTS), "no session runs this migration now, as far as we see")
        return
    session = migrator.session
    command = command_of(session.query or "")
    at_work = session.state == "active" and session.pid not in waits.waits and command in _HEAVY
    facts.know("waits.work", command if at_work else "", f"{session.pid} is {session.state}: {command or 'no build'}")
    rows: tuple[HorizonRow, ...] = side.rows("horizon")
    if not side.ok("horizon"):
        facts.unknown("waits.holds_horizon", side.why_not("horizon"))
    else:
        oldest = max((r for r in rows if r.this_database), key=lambda r: r.age_xids or 0, default=None)
        told = f"the oldest snapshot is that of {oldest.kind} {oldest.name}" if oldest else "nobody holds a snapshot"
        facts.know("waits.holds_horizon", oldest is not None and oldest.pid == session.pid, told, readings="horizon")
    overdue = sorted(_overdue(side), key=lambda row: -row[1])
    found = [{"relation": r.qualified, "dead": dead, "live": r.live_tuples or 0} for r, dead in overdue[:10]]
    facts.know("waits.overdue", found, f"{len(overdue)} tables are due for a vacuum", readings="relations settings")


def _overdue(side: SideCase) -> list[tuple[RelationRow, int]]:
    """Tables with more dead rows than autovacuum waits for (autovacuum.c, relation_needs_vacanalyze)."""
    settings = {s.name: s.value for s in side.rows("settings")}
    threshold = float(settings.get("autovacuum_vacuum_threshold") or 50)
    factor = float(settings.get("autovacuum_vacuum_scale_factor") or 0.2)
    rows: tuple[RelationRow, ...] = side.rows("relations")
    due = [(r, r.dead_tuples) for r in rows if r.kind in ("r", "m") and r.dead_tuples is not None]
    return [(r, dead) for r, dead in due if dead > threshold + factor * max(r.rows, r.live_tuples or 0, 0)]
