"""What differs between the sides in the tables of the statement at fault, beyond what the migration itself does."""

from __future__ import annotations

from runbook.migration import ast
from runbook.triage.case import Case, Facts
from runbook.triage.failing import statement_at_fault
from runbook.triage.schema import made_by_migration, relation_drift

_FACT = "history.drift"


def state(facts: Facts, case: Case) -> None:
    """State ``history.drift``."""
    production = case.production.catalog if case.production is not None else None
    local = case.local.catalog if case.local is not None else None
    fault = statement_at_fault(case)
    if production is None or local is None or fault is None or fault.statement.node is None:
        reason = "no statement is known to be at fault" if fault is None else "both catalogs are needed"
        facts.unknown(_FACT, reason)
        return
    explained = made_by_migration(case)
    found: list[str] = []
    for use in ast.relations_used(fault.statement.node):
        here, there = (c.find(use.name.schema, use.name.name) for c in (local, production))
        if here is not None and there is not None:
            found += [s for s in relation_drift(there.qualified, here, there, explained) if s not in found]
    facts.know(
        _FACT,
        found,
        "the tables of the statement at fault, compared",
        side="production",
        readings="production/columns production/constraints production/indexes local/columns",
    )
