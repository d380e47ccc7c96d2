"""Queries within the statement at fault that may give no more than one row, and can be asked by themselves."""

from __future__ import annotations

from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog
from runbook.migration.deparse import statement_text
from runbook.triage.case import Case, Facts
from runbook.triage.failing import statement_at_fault

_ENOUGH = 5


def state(facts: Facts, case: Case) -> None:
    """State ``data.single_row_queries``."""
    id_ = "data.single_row_queries"
    fault = statement_at_fault(case)
    catalog = case.production.catalog if case.production is not None else None
    if fault is None or fault.statement.node is None or catalog is None:
        facts.unknown(id_, "no statement is known to be at fault" if fault is None else "production is not known")
        return
    found = []
    for link in ast.walk(fault.statement.node):
        if ast.is_node(link, "SubLink") and ast.enum_name(link, "sub_link_type") == "EXPR_SUBLINK":
            query = ast.unwrap(link.subselect)
            if _stands_alone(query, catalog):
                found.append(statement_text(query))
    because = f"{len(found)} subqueries of it that use nothing from outside"
    facts.know(id_, list(dict.fromkeys(found))[:_ENOUGH], because, readings="production/columns")


def _stands_alone(query: Any, catalog: Catalog) -> bool:
    """Whether every column in it is one of its own tables. False too where that is not known."""
    names: set[str] = set()
    columns: set[str] = set()
    for use in ast.relations_used(query):
        relation = catalog.find(use.name.schema, use.name.name)
        if relation is None:
            return False
        names |= {use.alias or use.name.name}
        columns |= {c.name for c in relation.columns}
    for used in ast.columns_used(query):
        own = used[-2] in names if len(used) > 1 else used[-1] in columns
        if not own:
            return False
    return bool(names)
