"""Names of the statement at fault that stand for another kind of object, or for more functions, than on local."""

from __future__ import annotations

from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Function
from runbook.sql import quote_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault, statement_at_fault

_FACTS = ("history.kinds", "history.overloads")
_WORDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "S": "sequence",
    "c": "composite type",
    "i": "index",
    "I": "partitioned index",
}


def state(facts: Facts, case: Case) -> None:
    """State ``history.kinds`` and ``history.overloads``."""
    production = case.production.catalog if case.production is not None else None
    local = case.local.catalog if case.local is not None else None
    fault = statement_at_fault(case)
    if production is None or local is None or fault is None or fault.statement.node is None:
        reason = "no statement is known to be at fault" if fault is None else "both catalogs are needed"
        facts.unknown_all(list(_FACTS), reason)
        return
    names = [use.name for use in ast.relations_used(fault.statement.node)]
    kinds = [row for name in dict.fromkeys(names) if (row := _kind(name, local, production)) is not None]
    facts.know(
        _FACTS[0], kinds, "the relations of the statement, compared", readings="production/relations local/relations"
    )
    overloads = _overloads(case, fault, local, production)
    facts.know(
        _FACTS[1], overloads, "the functions of that name, compared", readings="production/functions local/functions"
    )


def _kind(name: ast.Name, local: Catalog, production: Catalog) -> dict[str, Any] | None:
    here, there = (c.find(name.schema, name.name) for c in (local, production))
    if here is None or there is None or here.kind == there.kind:
        return None
    return {
        "relation": there.qualified,
        "local": _WORDS.get(here.kind, here.kind),
        "production": _WORDS.get(there.kind, there.kind),
        "owner": there.owner,
    }


def _overloads(case: Case, fault: AtFault, local: Catalog, production: Catalog) -> list[dict[str, Any]]:
    """Functions of a name that the error calls ambiguous, which only production has."""
    error = case.error
    if error is None or error.sqlstate != "42725":
        return []
    node = fault.statement.node
    used = {use.name.name for use in ast.functions_used(node)}
    used |= {error.subject.function} if error.subject.function else set()
    for part in ast.walk(node):
        if ast.is_node(part, "ObjectWithArgs"):
            used.add(ast.qualified(part.objname).name)
    found = []
    for name in sorted(used):
        if name not in error.message:
            continue
        known = {(f.schema, f.arguments) for f in local.functions.get(name, ())}
        found += [
            _function(f, on_local=(f.schema, f.arguments) in known)
            for f in production.functions.get(name, ())
            if f.schema in production.search_path or f.schema == "pg_catalog"
        ]
    return found if any(not row["on_local"] for row in found) else []


def _function(function: Function, *, on_local: bool) -> dict[str, Any]:
    return {
        "signature": f"{quote_qualified(function.schema, function.name)}({', '.join(function.arguments)})",
        "kind": {"p": "PROCEDURE", "a": "AGGREGATE"}.get(function.kind, "FUNCTION"),
        "extension": function.extension or "",
        "on_local": on_local,
    }
