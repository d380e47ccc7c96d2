"""Whether the database that was reached is the one that was meant: read from what it holds and what stands beside it.

One missing table is a missing table. A database that has none of local's tables is another one, or a new one; which of the
two, the names and the traffic of the server's other databases tell. They are known by name and by statistics only.
"""

from __future__ import annotations

from runbook.diagnosis.vocabulary import GROUPS
from runbook.migration.catalog import Catalog
from runbook.migration.objects import created
from runbook.postgres.rows import DatabaseRow
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.history import read_histories

FEW = 3
"""With fewer tables on local, nobody can say that a database is another one."""


def state(facts: Facts, case: Case) -> None:
    """State every ``target.*`` fact."""
    production, local = case.production, case.local
    if production is None or production.catalog is None:
        reason = "no production side was given" if production is None else production.why_not("relations")
        facts.unknown_all([f"target.{name}" for name in sorted(GROUPS["target"])], reason)
        return
    here = _tables(production.catalog)
    facts.know("target.tables", len(here), "production's catalog", readings="production/relations")
    strange = not here
    if local is None or local.catalog is None:
        facts.unknown_all(["target.tables_local", "target.tables_shared"], "there is no local side to compare with")
    else:
        wanted = _tables(local.catalog) - _made(case)
        shared = len(wanted & here)
        strange = len(wanted) >= FEW and shared * 10 <= len(wanted)
        facts.know("target.tables_local", len(wanted), "local's catalog", readings="local/relations")
        facts.know(
            "target.tables_shared", shared, "the names of both sides were compared", readings="production/relations"
        )
    facts.know("target.strange", strange, f"{len(here)} tables are there")
    _state_history(facts, local, production)
    _state_others(facts, local, production)


def _tables(catalog: Catalog) -> set[str]:
    return {
        r.name
        for r in catalog.relations.values()
        if r.kind in ("r", "p") and not r.is_partition and r.extension is None and r.persistence != "t"
    }


def _made(case: Case) -> set[str]:
    """Names that the migration makes by itself: local may have them, and production cannot yet."""
    return {ref.name for s in (case.migration.statements if case.migration else ()) for ref in created(s)}


def _state_history(facts: Facts, local: SideCase | None, production: SideCase) -> None:
    if local is None or not local.ok("history_tables") or not production.ok("history_tables"):
        facts.unknown("target.history_lacks", "both sides' history tables are needed")
        return
    mine = any(h.entries for h in read_histories(local))
    theirs = any(t.role == "history" for t in production.rows("history_tables"))
    facts.know(
        "target.history_lacks",
        mine and not theirs,
        "the history tables of both sides",
        readings="production/history_tables",
    )


def _state_others(facts: Facts, local: SideCase | None, production: SideCase) -> None:
    names = ("target.other", "target.other_sign", "target.databases", "target.sessions")
    if not production.ok("databases") or production.identity is None:
        facts.unknown_all(list(names), production.why_not("databases"))
        return
    rows: list[DatabaseRow] = list(production.rows("databases"))
    name, sign = _other(rows, local, production)
    told = "names and statistics of the server's databases"
    facts.know("target.other", name, told, readings="production/databases")
    facts.know("target.other_sign", sign, told, readings="production/databases")
    shown = [
        {
            "name": r.name,
            "ours": r.ours,
            "may_connect": r.may_connect,
            "sessions": r.sessions,
            "rows_written": r.rows_written,
        }
        for r in rows
    ]
    facts.know("target.databases", shown, told, readings="production/databases")
    if not production.ok("activity"):
        facts.unknown("target.sessions", production.why_not("activity"))
        return
    count = sum(
        s.this_database and not s.ours and s.backend_type in ("client backend", "") for s in production.rows("activity")
    )
    facts.know("target.sessions", count, f"{count} sessions", readings="production/activity")


def _other(rows: list[DatabaseRow], local: SideCase | None, production: SideCase) -> tuple[str, str]:
    """Another database that looks like the one that was meant, and by what sign."""
    assert production.identity is not None
    ours, role = production.identity.database, production.identity.session_role
    others = [r for r in rows if not r.ours and r.name != "postgres"]
    meant = local.identity if local is not None else None
    if (
        meant is not None
        and meant.started_at != production.identity.started_at
        and meant.database not in ("postgres", ours)
    ):
        same = next((r for r in others if r.name == meant.database), None)
        if same is not None:
            return same.name, "same_name"
    used = sorted((r for r in others if r.rows_written > 0), key=lambda r: (-r.sessions, -r.rows_written))
    if ours in ("postgres", role) and used:
        return used[0].name, "default_name"
    busy = [r for r in used if r.sessions > 0]
    return (busy[0].name, "busy") if len(busy) == 1 else ("", "")
