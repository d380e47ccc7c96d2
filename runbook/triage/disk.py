"""What fills production's disks: every fact of the group disk."""

from __future__ import annotations

from runbook.triage import space_errors, temp_files, wal_kept, written_bytes
from runbook.triage.case import Case, Facts


def state(facts: Facts, case: Case) -> None:
    """State every ``disk.*`` fact."""
    for part in (space_errors, temp_files, written_bytes, wal_kept):
        part.state(facts, case)
