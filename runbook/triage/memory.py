"""Memory that ran out: what the error says of it, and whether the server ended all sessions because a process crashed.

Measured on 12 to 18: when a process is killed, the server starts all others anew, and pg_postmaster_start_time() stays.
The checkpointer's start tells when that was; nothing else starts it while the server is up.
"""

from __future__ import annotations

import re

from runbook.triage.case import Case, Facts, SideCase
from runbook.words import duration

_DETAIL = re.compile(r"\b(\d+)\b(?:.*[\"«»„“「](.+?)[\"«»„“”」])?")
"""``Failed on request of size 1048576 in memory context "TupleSort main".`` in the order that all languages keep (mcxt.c)."""
_KILLED = re.compile(r"\b9: Killed\b")
_LATE_S = 30.0  # the first checkpointer comes within seconds of the server
_FACTS = ("limits.requested_bytes", "limits.memory_context")


def state(facts: Facts, case: Case) -> None:
    """State ``limits.crash_age_s``, ``limits.killed_in_text`` and what the error asked for."""
    _state_crash(facts, case.production)
    error = case.error
    text = "" if error is None else "\n".join((error.raw, error.message, error.detail or ""))
    facts.know("limits.killed_in_text", bool(_KILLED.search(text)), "read from the text that was given")
    found = _DETAIL.search(error.detail or "") if error is not None and error.sqlstate == "53200" else None
    facts.know(_FACTS[0], int(found[1]) if found is not None else 0, "DETAIL names it" if found else "none is named")
    facts.know(
        _FACTS[1], (found[2] or "") if found is not None else "", "DETAIL names it" if found else "none is named"
    )


def _state_crash(facts: Facts, side: SideCase | None) -> None:
    row = side.first("processes") if side is not None else None
    if row is None or row.checkpointer_age_s is None:
        why = "production was not given" if side is None else side.why_not("processes")
        facts.unknown("limits.crash_age_s", why if row is None else "the kinds of processes are hidden from this role")
        return
    crashed = row.server_age_s - row.checkpointer_age_s > _LATE_S
    age, up = row.checkpointer_age_s, duration(row.server_age_s)
    told = (
        f"its processes began anew {duration(age)} ago; the server is up for {up}" if crashed else f"it is up for {up}"
    )
    facts.know("limits.crash_age_s", age if crashed else -1.0, told, side="production", readings="production/processes")
