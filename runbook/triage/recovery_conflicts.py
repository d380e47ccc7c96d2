"""Queries on a standby that were cancelled because replay could not wait for them any longer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.failure.report import ErrorReport
from runbook.migration.model import Statement
from runbook.postgres.rows import StandbyRow
from runbook.triage.case import Case, Facts
from runbook.triage.templates import is_one_of

_CONFLICT = (
    "canceling statement due to conflict with recovery",
    "terminating connection due to conflict with recovery",
)
# errdetail_recovery_conflict (postgres.c)
_KINDS = (
    ("relation lock", "lock"),
    ("row versions that must be removed", "snapshot"),
    ("shared buffer pin", "pin"),
    ("tablespace that must be dropped", "tablespace"),
    ("buffer deadlock", "deadlock"),
    ("database that must be dropped", "database"),
    ("replication slot that must be invalidated", "slot"),
)
_ENOUGH = 10


def state(facts: Facts, case: Case) -> None:
    """State ``replication.conflict``, ``replication.conflict_statements`` and ``replication.standby``."""
    kind = _kind(case.error) if case.error is not None else ""
    facts.know("replication.conflict", kind, "read from the error" if case.error is not None else "no error was given")
    found = list(_statements(case, kind))
    facts.know("replication.conflict_statements", found[:_ENOUGH], f"{len(found)} statements of the migration")
    side = case.production
    row: StandbyRow | None = side.first("standby") if side is not None else None
    if row is None:
        ok = side is not None and side.ok("standby")
        reason = "production is no standby" if ok else "production's state as a standby was not read"
        facts.unknown("replication.standby", reason)
        return
    standby = {
        "conflicts_lock": row.conflicts_lock,
        "conflicts_snapshot": row.conflicts_snapshot,
        "conflicts_other": row.conflicts_bufferpin + row.conflicts_deadlock + row.conflicts_tablespace,
        "feedback": row.hot_standby_feedback,
        "max_delay_ms": row.max_standby_streaming_delay_ms,
    }
    facts.know("replication.standby", standby, "production is a standby", side="production", readings="standby")


def _kind(error: ErrorReport) -> str:
    if not is_one_of(error, *_CONFLICT):
        return ""
    return next((kind for words, kind in _KINDS if words in (error.detail or "")), "other")


def _statements(case: Case, kind: str) -> Iterator[dict[str, Any]]:
    """What the migration does that replay has to clear the way for."""
    migration = case.whole or case.migration
    for statement in migration.statements if migration is not None and case.given else ():
        what = _what(case, statement)
        if what and (kind in ("", "other", "deadlock", "pin") or what == kind):
            yield {"sql": statement.sql, "file": statement.file, "line": statement.line, "what": what}


def _what(case: Case, statement: Statement) -> str:
    """lock: it takes ACCESS EXCLUSIVE on a table that is there, and standbys take it too; snapshot: it makes rows dead."""
    forecast = case.forecast_of(statement)
    modes = {k.mode for k in forecast.locks if k.pre_existing} if forecast is not None else set()
    if "AccessExclusiveLock" in modes:
        return "lock"
    return "snapshot" if statement.kind in ("UPDATE", "DELETE", "MERGE", "VACUUM") else ""
