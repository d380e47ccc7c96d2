"""How much WAL production keeps, and the replication slots that nobody reads from and that keep it."""

from __future__ import annotations

from typing import Any

from runbook.postgres.rows import SlotRow, WalRow
from runbook.triage.case import Case, Facts
from runbook.triage.settings import effective_settings

_WAL = ("disk.wal_bytes", "disk.wal_max_bytes", "disk.slot_limit_bytes")
_SLOTS = ("disk.slots", "disk.slots_over")


def state(facts: Facts, case: Case) -> None:
    """State ``disk.wal_*`` and ``disk.slot*``."""
    side = case.production
    if side is None:
        facts.unknown_all([*_WAL, *_SLOTS], "no production side was given")
        return
    wal: WalRow | None = side.first("wal")
    if wal is None:
        facts.unknown("disk.wal_bytes", side.why_not("wal"))
    else:
        facts.know("disk.wal_bytes", wal.bytes, f"{wal.files} files in pg_wal", side="production", readings="wal")
    settings = effective_settings(side) if side.ok("settings") else {}
    most = settings.get("max_wal_size")
    if most is None or most.number is None:
        facts.unknown_all(["disk.wal_max_bytes", "disk.slot_limit_bytes"], side.why_not("settings"))
    else:
        facts.know("disk.wal_max_bytes", int(most.number), f"max_wal_size = {most.shown}", readings="settings")
        limit = settings.get("max_slot_wal_keep_size")  # 13+; before, nothing limits a slot
        number = limit.number if limit is not None and limit.number is not None else -1
        told = f"max_slot_wal_keep_size = {limit.shown}" if limit is not None else "no limit exists before 13"
        facts.know("disk.slot_limit_bytes", int(number), told, readings="settings")
    if not side.ok("slots"):
        facts.unknown_all(list(_SLOTS), side.why_not("slots"))
        return
    slots = [_slot(s) for s in side.rows("slots") if _keeps(s)]
    slots.sort(key=lambda s: -s["retained_bytes"])
    facts.know("disk.slots", slots[:20], f"{len(slots)} slots without a reader keep WAL", readings="slots")
    if most is None or most.number is None:
        facts.unknown("disk.slots_over", "max_wal_size is not known")
        return
    over = [s for s in slots if s["retained_bytes"] > most.number]
    facts.know(
        "disk.slots_over", over[:20], f"{len(over)} of them keep more than max_wal_size", readings="slots settings"
    )


def _keeps(slot: SlotRow) -> bool:
    """Nobody reads from it, and it holds WAL back. One that was never used, or is lost, has no restart_lsn."""
    return not slot.active and not slot.temporary and (slot.retained_bytes or 0) > 0 and slot.wal_status != "lost"


def _slot(slot: SlotRow) -> dict[str, Any]:
    return {
        "name": slot.name,
        "slot_type": slot.slot_type,
        "plugin": slot.plugin or "",
        "database": slot.database or "",
        "retained_bytes": slot.retained_bytes or 0,
        "wal_status": slot.wal_status or "",
        "inactive_s": slot.inactive_s if slot.inactive_s is not None else -1.0,
    }
