"""How much WAL production keeps, and what keeps it: slots with and without a reader, archiving, a setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook.postgres.rows import ArchiverRow, SlotRow, WalRow
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.settings import Effective, effective_settings

_WAL = ("disk.wal_bytes", "disk.wal_max_bytes", "disk.slot_limit_bytes", "disk.wal_keep_bytes")
_SLOTS = ("disk.slots", "disk.slots_over", "disk.readers_behind")
_ARCHIVE = ("disk.archive_failing", "disk.archive_failed_wal", "disk.archived_s", "disk.archive_ready")


def state(facts: Facts, case: Case) -> None:
    """State ``disk.wal_*``, ``disk.slot*`` and ``disk.archive*``."""
    side = case.production
    if side is None:
        facts.unknown_all([*_WAL, *_SLOTS, *_ARCHIVE], "no production side was given")
        return
    settings = effective_settings(side) if side.ok("settings") else {}
    _state_size(facts, side, settings)
    _state_slots(facts, side, settings)
    _state_archive(facts, side, settings)


def _state_size(facts: Facts, side: SideCase, settings: Mapping[str, Effective]) -> None:
    wal: WalRow | None = side.first("wal")
    if wal is None:
        facts.unknown("disk.wal_bytes", side.why_not("wal"))
    else:
        facts.know("disk.wal_bytes", wal.bytes, f"{wal.files} files in pg_wal", side="production", readings="wal")
    most = settings.get("max_wal_size")
    if most is None or most.number is None:
        facts.unknown_all(list(_WAL[1:]), side.why_not("settings"))
    else:
        facts.know("disk.wal_max_bytes", int(most.number), f"max_wal_size = {most.shown}", readings="settings")
        facts.know(
            "disk.wal_keep_bytes", _kept_always(settings), "wal_keep_size or wal_keep_segments", readings="settings"
        )
        limit = settings.get("max_slot_wal_keep_size")  # 13+; before, nothing limits a slot
        number = limit.number if limit is not None and limit.number is not None else -1
        told = f"max_slot_wal_keep_size = {limit.shown}" if limit is not None else "no limit exists before 13"
        facts.know("disk.slot_limit_bytes", int(number), told, readings="settings")


def _state_slots(facts: Facts, side: SideCase, settings: Mapping[str, Effective]) -> None:
    if not side.ok("slots"):
        facts.unknown_all(list(_SLOTS), side.why_not("slots"))
        return
    kept = sorted((s for s in side.rows("slots") if _keeps(s)), key=lambda s: -(s.retained_bytes or 0))
    unread = [_slot(s) for s in kept if not s.active]
    facts.know("disk.slots", unread[:20], f"{len(unread)} slots without a reader keep WAL", readings="slots")
    most = settings.get("max_wal_size")
    if most is None or most.number is None:
        facts.unknown_all(list(_SLOTS[1:]), "max_wal_size is not known")
        return
    over = [s for s in unread if s["retained_bytes"] > most.number]
    facts.know(
        "disk.slots_over", over[:20], f"{len(over)} of them keep more than max_wal_size", readings="slots settings"
    )
    behind = [_slot(s) for s in kept if s.active and (s.retained_bytes or 0) > most.number]
    told = f"{len(behind)} readers are more than max_wal_size behind"
    facts.know("disk.readers_behind", behind[:20], told, readings="slots settings")


def _state_archive(facts: Facts, side: SideCase, settings: Mapping[str, Effective]) -> None:
    row: ArchiverRow | None = side.first("archiver")
    mode = settings.get("archive_mode")
    if row is None or mode is None:
        facts.unknown_all(list(_ARCHIVE), side.why_not("archiver"))
        return
    failing = (
        mode.shown != "off" and row.failed_s is not None and (row.archived_s is None or row.failed_s < row.archived_s)
    )
    because = f"archive_mode is {mode.shown}; {row.archived} files archived, {row.failed} failures"
    facts.know("disk.archive_failing", failing, because, readings="archiver settings")
    facts.know("disk.archive_failed_wal", (row.last_failed_wal or "") if failing else "", because, readings="archiver")
    facts.know("disk.archived_s", row.archived_s if row.archived_s is not None else -1.0, because, readings="archiver")
    wal: WalRow | None = side.first("wal")
    if wal is None or wal.archive_ready is None:
        facts.unknown("disk.archive_ready", side.why_not("wal"))
    else:
        told = f"{wal.archive_ready} files wait for the archiver"
        facts.know("disk.archive_ready", wal.archive_ready, told, readings="wal")


def _kept_always(settings: Mapping[str, Effective]) -> int:
    """What wal_keep_size says (13+), or wal_keep_segments in segments (12)."""
    size, segments, each = (settings.get(n) for n in ("wal_keep_size", "wal_keep_segments", "wal_segment_size"))
    if size is not None and size.number is not None:
        return int(size.number)
    if segments is None or segments.number is None or each is None or each.number is None:
        return 0
    return int(segments.number * each.number)


def _keeps(slot: SlotRow) -> bool:
    """It holds WAL back. One that was never used, or is lost, has no restart_lsn."""
    return not slot.temporary and (slot.retained_bytes or 0) > 0 and slot.wal_status != "lost"


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
