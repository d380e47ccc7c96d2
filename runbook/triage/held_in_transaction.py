"""Locks that the migration's transaction still holds for statements that are long done."""

from __future__ import annotations

from typing import Any

from runbook.migration.conflicts import STRENGTH
from runbook.migration.model import Statement
from runbook.postgres.rows import LockRow
from runbook.session.redaction import hide_literals
from runbook.triage.case import Case, Facts
from runbook.triage.migrator import Migrator
from runbook.triage.waits import Waits

_HURTS = STRENGTH["ShareLock"]
"""From SHARE on, ordinary writers wait."""


def state(facts: Facts, case: Case, waits: Waits, migrator: Migrator | None) -> None:
    """State ``waits.held_from_earlier``, and whether that is all that others wait for."""
    if migrator is None or (migrator.statement is None and migrator.session.state == "active"):
        reason = "which statement of the migration runs now is not known"
        facts.unknown_all(["waits.held_from_earlier", "waits.blocked_by_earlier"], reason)
        return
    earlier = [_told(case, migrator, lock) for lock in _earlier(case, waits, migrator)]
    facts.know("waits.held_from_earlier", earlier, f"{len(earlier)} tables", readings="locks")
    wanted = {w.lock.qualified for w in waits.behind(migrator.session.pid) if w.lock is not None and w.lock.qualified}
    held = {row["relation"] for row in earlier}
    told = ", ".join(sorted(wanted & held)) or "nothing that an earlier statement locked"
    facts.know(
        "waits.blocked_by_earlier", bool(wanted) and wanted <= held, f"others wait for {told}", readings="blocking"
    )


def _earlier(case: Case, waits: Waits, migrator: Migrator) -> list[LockRow]:
    """Strong locks on tables that the running statement does not take itself."""
    own: set[str] = set()
    if migrator.session.state == "active" and migrator.statement is not None:
        forecast = case.forecast_of(migrator.statement)
        if forecast is None:
            return []
        own = {lock.relation for lock in forecast.locks}
    found: dict[str, LockRow] = {}
    for lock in waits.held_by(migrator.session.pid):
        name = lock.qualified
        if name is None or name in own or lock.relation_kind not in ("r", "p", "m"):
            continue
        if STRENGTH.get(lock.mode, -1) >= _HURTS and (
            name not in found or STRENGTH[lock.mode] > STRENGTH[found[name].mode]
        ):
            found[name] = lock
    return list(found.values())


def _told(case: Case, migrator: Migrator, lock: LockRow) -> dict[str, Any]:
    statement = _who_locked(case, migrator.statement, lock)
    return {
        "relation": lock.qualified or "",
        "mode": lock.mode,
        "sql": hide_literals(statement.sql) if statement is not None else "",
        "line": statement.line if statement is not None else 0,
    }


def _who_locked(case: Case, running: Statement | None, lock: LockRow) -> Statement | None:
    """The first statement of the file that takes this lock, by its forecast."""
    for statement in case.migration.statements if case.migration is not None else ():
        if running is not None and (statement.file != running.file or statement.index >= running.index):
            continue
        forecast = case.forecast_of(statement)
        if forecast is not None and any((k.relation, k.mode) == (lock.qualified, lock.mode) for k in forecast.locks):
            return statement
    return None
