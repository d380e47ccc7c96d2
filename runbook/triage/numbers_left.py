"""Transaction numbers: how many are left before the server gives out no more, and what keeps the old ones in use.

Source: SetTransactionIdLimit (varsup.c) and SetMultiXactIdLimit (multixact.c) of 12 and 18: it refuses 3 million numbers
before the end and warns 40 million before (before 14: 1 million for transactions and 100 for MultiXactIds, and a warning
11 and 10 million before).
"""

from __future__ import annotations

from typing import Any

from runbook.failure.report import ErrorReport
from runbook.postgres.rows import HorizonRow, WraparoundRow
from runbook.triage.case import Case, Facts

_HALF = (1 << 31) - 1  # numbers are compared modulo 2^32: so many are behind
_STOP, _WARN = 3_000_000, 40_000_000
_STOP_13, _WARN_13 = (1_000_000, 100), 11_000_000
_FACTS = (
    "limits.xids_left",
    "limits.multixacts_left",
    "limits.wraparound_warned",
    "limits.oldest_database",
    "limits.oldest_database_age",
)
_ALMOST = 0.9  # of the oldest age: what is younger holds back little
_SHOWN = 8


def state(facts: Facts, case: Case) -> None:
    """State ``limits.refused_numbers``, ``limits.*_left``, the oldest database, and who holds numbers back."""
    kind = _refused(case.error)
    facts.know("limits.refused_numbers", kind, "the server says so" if kind else "no such error")
    side = case.production
    rows: tuple[WraparoundRow, ...] = side.rows("wraparound") if side is not None else ()
    if side is None or side.identity is None or not rows:
        reason = side.why_not("wraparound") if side is not None else "production was not given"
        facts.unknown_all([*_FACTS, "limits.xid_holders"], reason)
        return
    since_14 = side.identity.server_version_num >= 140000
    stop_xids, stop_multixacts = (_STOP, _STOP) if since_14 else _STOP_13
    oldest = max(rows, key=lambda r: r.age_xids)
    xids = _HALF - stop_xids - oldest.age_xids
    multixacts = _HALF - stop_multixacts - max(r.age_multixacts for r in rows)
    warned = min(xids + stop_xids, multixacts + stop_multixacts) < (_WARN if since_14 else _WARN_13)
    values = (xids, multixacts, warned, oldest.database, oldest.age_xids)
    because = f"age(datfrozenxid) is {oldest.age_xids:,} in {oldest.database}"
    for id_, value in zip(_FACTS, values, strict=True):
        facts.know(id_, value, because, side="production", readings="production/wraparound")
    if not side.ok("horizon"):
        facts.unknown("limits.xid_holders", side.why_not("horizon"))
        return
    found: tuple[HorizonRow, ...] = side.rows("horizon")
    old = [_holder(r) for r in found if (r.age_xids or 0) >= oldest.age_xids * _ALMOST]
    because = f"{len(old)} of {len(found)} snapshots and slots are nearly as old"
    facts.know("limits.xid_holders", old[:_SHOWN], because, side="production", readings="production/horizon")


def _refused(error: ErrorReport | None) -> str:
    """The only errors of this SQLSTATE that name a database."""
    if error is None or error.sqlstate != "54000" or error.subject.object_kind != "database":
        return ""
    return "multixacts" if "MultiXact" in error.message else "transactions"


def _holder(row: HorizonRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "name": row.name or "",
        "pid": row.pid or 0,
        "age_xids": row.age_xids or 0,
        "this_database": row.this_database,
        "detail": row.detail or "",
    }
