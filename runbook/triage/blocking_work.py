"""What the session in the migration's way is doing, and how much of it is left."""

from __future__ import annotations

from typing import Any

from runbook.postgres.rows import ProgressRow, RelationRow
from runbook.triage.case import Facts, SideCase
from runbook.triage.waits import Blocker

_FACTS = ("blocker_progress", "frozen_age", "freeze_limit")


def state(facts: Facts, side: SideCase | None, blocker: Blocker | None) -> None:
    """State the facts of the group ``waits`` about the session in the way."""
    if side is None or blocker is None or blocker.session is None:
        facts.unknown_all([f"waits.{name}" for name in _FACTS], "no session stands in the migration's way")
        return
    pid = blocker.session.pid
    progress = next((p for p in side.rows("progress") if p.pid == pid), None)
    if progress is None:
        facts.unknown("waits.blocker_progress", f"the server shows no progress for {pid}")
    else:
        told = f"{progress.command}: {progress.phase}"
        facts.know("waits.blocker_progress", progress_fact(progress), told, readings="progress")
    _state_age(facts, side, blocker.relation)


def _state_age(facts: Facts, side: SideCase, relation: str) -> None:
    """How old the oldest transaction is that the table in the way may still hold, and the age that it must not pass."""
    table: RelationRow | None = next((r for r in side.rows("relations") if r.qualified == relation), None)
    if table is None or table.frozen_xid_age is None:
        facts.unknown_all(["waits.frozen_age", "waits.freeze_limit"], f"the age of {relation or 'it'} is not known")
        return
    because = f"age(relfrozenxid) of {relation} is {table.frozen_xid_age:,}"
    facts.know("waits.frozen_age", table.frozen_xid_age, because, readings="relations")
    of_server = next((s.value for s in side.rows("settings") if s.name == "autovacuum_freeze_max_age"), None)
    own = dict(option.split("=", 1) for option in table.options if "=" in option).get("autovacuum_freeze_max_age")
    limits = [int(v) for v in (own, of_server) if v is not None and v.isdigit()]
    if limits:  # a table's own limit can only lower the server's (autovacuum.c, relation_needs_vacanalyze)
        facts.know("waits.freeze_limit", min(limits), f"autovacuum_freeze_max_age is {min(limits):,}")
    else:
        facts.unknown("waits.freeze_limit", "autovacuum_freeze_max_age is not known")


def progress_fact(row: ProgressRow) -> dict[str, Any]:
    """A row of pg_stat_progress_* as facts hold it; ``percent`` is 0 where the phase counts nothing."""
    percent = round(100.0 * row.done / row.total, 1) if row.total and row.done is not None else 0.0
    return {
        "command": row.command,
        "phase": row.phase,
        "done": row.done or 0,
        "total": row.total or 0,
        "percent": percent,
    }
