"""Dead rows that vacuum must keep because a standby, or the slot of one, says that it may still read them."""

from __future__ import annotations

from typing import Any

from runbook.postgres.rows import HorizonRow, RelationRow, SlotRow
from runbook.triage.case import Case, Facts, SideCase

_OLD_XIDS = 50_000
"""A healthy standby reports every ten seconds (wal_receiver_status_interval): even at 5,000 writes a second it is younger."""
_MANY_ROWS = 1000
_ENOUGH = 10


def state(facts: Facts, case: Case) -> None:
    """State ``replication.horizon_holder`` and ``replication.kept_rows``."""
    ids = ["replication.horizon_holder", "replication.kept_rows"]
    side = case.production
    if side is None or not (side.ok("horizon") and side.ok("slots")):
        facts.unknown_all(ids, side.why_not("horizon") if side is not None else "no production side was given")
        return
    rows: tuple[HorizonRow, ...] = side.rows("horizon")
    slots: dict[str, SlotRow] = {s.name: s for s in side.rows("slots")}
    holders = [h for row in rows if (h := _holder(row, slots)) is not None]
    others = [
        row.age_xids or 0 for row in rows if row.kind in ("session", "prepared transaction") and row.this_database
    ]
    oldest = max(holders, key=lambda h: h["age_xids"], default=None)
    if oldest is None or oldest["age_xids"] < _OLD_XIDS or oldest["age_xids"] <= max(others, default=0):
        oldest = {"kind": "", "name": "", "active": False, "age_xids": 0}
        told = "no standby and no slot keeps old rows alive longer than this database's own transactions do"
    else:
        told = f"the {oldest['kind']} {oldest['name']} is {oldest['age_xids']:,} transactions behind"
    facts.know(ids[0], oldest, told, side="production", readings="production/horizon production/slots")
    kept = sorted(_kept(side), key=lambda row: -row["dead"])[:_ENOUGH]
    facts.know(
        ids[1], kept, f"{len(kept)} tables with many dead rows", side="production", readings="relations settings"
    )


def _holder(row: HorizonRow, slots: dict[str, SlotRow]) -> dict[str, Any] | None:
    """A logical slot's catalog_xmin keeps rows of the catalogs only."""
    if row.kind == "standby":
        return {"kind": "standby", "name": row.name, "active": True, "age_xids": row.age_xids or 0}
    slot = slots.get(row.name) if row.kind == "replication slot" else None
    if slot is None or slot.xmin_age is None:
        return None
    return {"kind": "replication slot", "name": slot.name, "active": slot.active, "age_xids": slot.xmin_age}


def _kept(side: SideCase) -> list[dict[str, Any]]:
    """Tables with more dead rows than autovacuum lets be (autovacuum.c, relation_needs_vacanalyze)."""
    settings = {s.name: s.value for s in side.rows("settings")}
    threshold = float(settings.get("autovacuum_vacuum_threshold") or 50)
    factor = float(settings.get("autovacuum_vacuum_scale_factor") or 0.2)
    found = []
    relations: tuple[RelationRow, ...] = side.rows("relations")
    for row in relations:
        dead = row.dead_tuples or 0
        if row.kind in ("r", "m") and dead > max(
            _MANY_ROWS, threshold + factor * max(row.rows, row.live_tuples or 0, 0)
        ):
            live = row.live_tuples if row.live_tuples is not None else -1
            vacuumed_s = row.last_vacuum_age_s
            found.append(
                {
                    "relation": row.qualified,
                    "dead": dead,
                    "live": live,
                    "vacuumed": vacuumed_s is not None and vacuumed_s < 6 * 3600,
                    "last_vacuum_s": vacuumed_s,
                }
            )
    return found
