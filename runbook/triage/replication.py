"""What replication has to do with the incident: every fact of the group replication."""

from __future__ import annotations

from runbook.triage import published, published_changes, recovery_conflicts, slot_creation, standby_horizon, subscribers
from runbook.triage.case import Case, Facts


def state(facts: Facts, case: Case) -> None:
    """State every ``replication.*`` fact."""
    for part in (published, published_changes, subscribers, recovery_conflicts, standby_horizon, slot_creation):
        part.state(facts, case)
