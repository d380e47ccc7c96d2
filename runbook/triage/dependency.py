"""What the statement at fault meets in the schema beyond its own table: every fact of the groups dependency and after."""

from __future__ import annotations

from runbook.triage import (
    after,
    databases,
    dependants,
    event_triggers,
    named_objects,
    online_ddl,
    partitioned,
    references,
    replaced,
    types_of_columns,
    volatile_functions,
)
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault, statement_at_fault


def state(facts: Facts, case: Case) -> None:
    """State every ``dependency.*`` and ``after.*`` fact."""
    fault = statement_at_fault(case) or _foretold(case)
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
        online_ddl,
    ):
        part.state(facts, case, fault)
    after.state(facts, case)


def _foretold(case: Case) -> AtFault | None:
    """The one statement that was forecast to fail with the error at hand, where the tool printed no statement."""
    if case.error is None or case.migration is None or case.forecast is None:
        return None
    failing = [f for f in case.forecast.statements if f.fails is not None and f.fails.sqlstate == case.error.sqlstate]
    statements = [s for s in case.migration.statements if failing and s.index == failing[0].index]
    return AtFault(statements[0], "error", failing[0]) if len(failing) == 1 and statements else None
