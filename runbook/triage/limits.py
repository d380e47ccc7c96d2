"""What production has room for: every fact of the group limits."""

from __future__ import annotations

from runbook.triage import columns_left, lock_room, memory, numbers_left, too_complex
from runbook.triage.case import Case, Facts


def state(facts: Facts, case: Case) -> None:
    """State every ``limits.*`` fact."""
    for part in (lock_room, memory, columns_left, numbers_left, too_complex):
        part.state(facts, case)
