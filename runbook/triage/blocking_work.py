"""What the session in the migration's way is doing, and how much of it is left."""

from __future__ import annotations

import re
from typing import Any

from runbook.postgres.rows import ProgressRow, RelationRow
from runbook.triage.case import Facts, SideCase
from runbook.triage.waits import Blocker, Waits, without_leading_comments
from runbook.words import lock_name

_COMMANDS = tuple(
    (re.compile(pattern, re.I | re.S), name)
    for pattern, name in (
        (r"VACUUM\s*\([^)]*\bFULL\b(?!\s*(?:off|false|0))|VACUUM\s+FULL\b", "VACUUM FULL"),
        (r"VACUUM\b", "VACUUM"),
        (r"ANALY[SZ]E\b", "ANALYZE"),
        (r"CLUSTER\b", "CLUSTER"),
        (r"REFRESH\s+MATERIALIZED\s+VIEW\s+CONCURRENTLY\b", "REFRESH MATERIALIZED VIEW CONCURRENTLY"),
        (r"REFRESH\b", "REFRESH MATERIALIZED VIEW"),
        (r"REINDEX\b.*\bCONCURRENTLY\b", "REINDEX CONCURRENTLY"),
        (r"REINDEX\b", "REINDEX"),
        (r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b", "CREATE INDEX CONCURRENTLY"),
        (r"CREATE\s+(?:UNIQUE\s+)?INDEX\b", "CREATE INDEX"),
        (r"DROP\s+INDEX\s+CONCURRENTLY\b", "DROP INDEX CONCURRENTLY"),
        (r"ALTER\s+TABLE\b.*\bVALIDATE\s+CONSTRAINT\b", "VALIDATE CONSTRAINT"),
        (r"ALTER\s+TABLE\b", "ALTER TABLE"),
        (r"LOCK\b", "LOCK TABLE"),
        (r"(?:CREATE|DROP|ALTER|TRUNCATE|COMMENT|GRANT|REVOKE|IMPORT|SECURITY)\b", "DDL"),
    )
)
"""The first words of maintenance and DDL commands, the narrower first."""

_EXCLUSIVE = ("AccessExclusiveLock", "ExclusiveLock")
_TABLES = ("r", "p", "m", "f")
_FACTS = ("blocker_progress", "blocker_command", "blocker_exclusive", "blocker_tables", "frozen_age", "freeze_limit")


def state(facts: Facts, side: SideCase | None, waits: Waits, blocker: Blocker | None) -> None:
    """State the facts of the group ``waits`` about the session in the way."""
    if side is None or blocker is None or blocker.session is None:
        facts.unknown_all([f"waits.{name}" for name in _FACTS], "no session stands in the migration's way")
        return
    session = blocker.session
    progress = next((p for p in side.rows("progress") if p.pid == session.pid), None)
    if progress is None:
        facts.unknown("waits.blocker_progress", f"the server shows no progress for {session.pid}")
    else:
        told = f"{progress.command}: {progress.phase}"
        facts.know("waits.blocker_progress", progress_fact(progress), told, readings="progress")
    if session.query is None:
        facts.unknown("waits.blocker_command", f"what {session.pid} runs is hidden from our role")
    else:
        command = command_of(session.query)
        facts.know("waits.blocker_command", command, f"{session.pid} runs {command or 'no maintenance and no DDL'}")
    strong = [mode for mode in blocker.holds if mode in _EXCLUSIVE]
    told = ", ".join(lock_name(mode) for mode in blocker.holds) or "nothing that we see"
    facts.know("waits.blocker_exclusive", bool(strong), f"{session.pid} holds {told}", readings="locks")
    tables = {k.qualified for k in waits.held_by(session.pid) if k.relation_kind in _TABLES}
    facts.know(
        "waits.blocker_tables", len(tables), f"{session.pid} holds locks on {len(tables)} tables", readings="locks"
    )
    _state_age(facts, side, blocker.relation)


def command_of(query: str) -> str:
    """Which maintenance or DDL command a query is, in words; empty for any other."""
    text = without_leading_comments(query)
    return next((name for pattern, name in _COMMANDS if pattern.match(text)), "")


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
