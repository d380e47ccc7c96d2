"""What fills production's disks: every fact of the group disk."""

from __future__ import annotations

from runbook.triage import temp_files
from runbook.triage.case import Case, Facts


def state(facts: Facts, case: Case) -> None:
    """State every ``disk.*`` fact."""
    for part in (temp_files,):
        part.state(facts, case)
