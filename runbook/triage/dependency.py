"""What the statement at fault meets in the schema beyond its own table: every fact of the group dependency."""

from __future__ import annotations

from runbook.triage import (
    databases,
    dependants,
    event_triggers,
    named_objects,
    partitioned,
    references,
    replaced,
    types_of_columns,
    volatile_functions,
)
from runbook.triage.case import Case, Facts
from runbook.triage.failing import statement_at_fault


def state(facts: Facts, case: Case) -> None:
    """State every ``dependency.*`` fact."""
    fault = statement_at_fault(case)
    for part in (
        dependants,
        replaced,
        references,
        types_of_columns,
        partitioned,
        volatile_functions,
        event_triggers,
        databases,
        named_objects,
    ):
        part.state(facts, case, fault)
