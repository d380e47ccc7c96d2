"""What rows, and the values made for them, have to do with the failure: every fact of the groups data and locale."""

from __future__ import annotations

from runbook.triage import (
    contradicted,
    damaged,
    date_literals,
    encodings,
    expected_values,
    fired_triggers,
    locales,
    made_values,
    old_rules,
    single_rows,
    spent_sequences,
)
from runbook.triage.case import Case, Facts


def state(facts: Facts, case: Case) -> None:
    """State every ``data.*`` and ``locale.*`` fact."""
    for part in (
        made_values,
        spent_sequences,
        fired_triggers,
        old_rules,
        expected_values,
        encodings,
        single_rows,
        date_literals,
        contradicted,
        damaged,
        locales,
    ):
        part.state(facts, case)
