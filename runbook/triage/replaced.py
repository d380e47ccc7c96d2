"""CREATE OR REPLACE: the function or view that production has already, and whether local's looks the same outside."""

from __future__ import annotations

from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Function, Relation
from runbook.sql import quote_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault

_INPUT = ("FUNC_PARAM_IN", "FUNC_PARAM_INOUT", "FUNC_PARAM_VARIADIC", "FUNC_PARAM_DEFAULT")


def state(facts: Facts, case: Case, fault: AtFault | None) -> None:
    """State ``dependency.replaced``."""
    id_ = "dependency.replaced"
    production = case.production.catalog if case.production is not None else None
    if fault is None or production is None:
        reason = "no statement is known to be at fault" if fault is None else "production's catalog is not known"
        facts.unknown(id_, reason)
        return
    local = case.local.catalog if case.local is not None else None
    found = _found(fault.statement.node, production, local)
    because = f"{len(found)} of that name on production"
    facts.know(id_, found, because, side="production", readings="production/functions production/columns")


def _found(node: Any, production: Catalog, local: Catalog | None) -> list[dict[str, Any]]:
    if ast.is_node(node, "CreateFunctionStmt") and node.replace:
        there, here = _functions(node, production), _functions(node, local)
        return [_row("function", f.schema, f.name, signature(f), _only(here)) for f in there]
    if ast.is_node(node, "ViewStmt") and node.replace:
        name = ast.relation_name(node.view)
        view = production.find(name.schema, name.name)
        if view is None or view.kind != "v":
            return []
        mine = local.find(name.schema, name.name) if local is not None else None
        return [_row("view", view.schema, view.name, _columns(view), _columns(mine) if mine is not None else "")]
    return []


def _row(kind: str, schema: str, name: str, production: str, local: str) -> dict[str, Any]:
    same = None if not local else production == local
    return {
        "kind": kind,
        "name": quote_qualified(schema, name),
        "production": production,
        "local": local,
        "same": same,
    }


def _functions(node: Any, catalog: Catalog | None) -> list[Function]:
    """Overloads with as many input arguments, where the new one will be made."""
    if catalog is None:
        return []
    name = ast.qualified(node.funcname)
    schema = name.schema or next(iter(catalog.search_path), None)
    count = sum(ast.enum_name(ast.unwrap(p), "mode") in _INPUT for p in node.parameters)
    return [f for f in catalog.functions.get(name.name, ()) if f.schema == schema and len(f.arguments) == count]


def _only(found: list[Function]) -> str:
    """The signature on local; empty where none or several could be the one."""
    return signature(found[0]) if len(found) == 1 else ""


def signature(function: Function) -> str:
    """What callers see: kind, names, types and defaults of the arguments, and the result."""
    if function.definition is not None:
        head = function.definition.split("\n LANGUAGE", 1)[0]  # as pg_get_functiondef lays it out
        return " ".join(head.removeprefix("CREATE OR REPLACE ").split())
    name = quote_qualified(function.schema, function.name)
    return f"{name}({', '.join(function.arguments)}) RETURNS {function.returns}"


def _columns(view: Relation) -> str:
    return ", ".join(f"{c.name} {c.type}" for c in view.columns)
