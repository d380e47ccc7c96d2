"""Columns that the statement at fault uses and that have another type on production than on local."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.failure.report import ErrorReport
from runbook.migration import ast
from runbook.migration.catalog import Catalog
from runbook.migration.effects.volatility import is_built_in
from runbook.sql import quote_ident
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault, parts_of
from runbook.triage.lookalikes import lookalikes


def state(facts: Facts, case: Case, fault: AtFault | None) -> None:
    """State ``dependency.type_differences`` and ``dependency.lookalikes``."""
    id_ = "dependency.type_differences"
    production = case.production.catalog if case.production is not None else None
    local = case.local.catalog if case.local is not None else None
    if fault is None or fault.statement.node is None or production is None or local is None:
        reason = "no statement is known to be at fault" if fault is None else "both catalogs are needed"
        facts.unknown_all([id_, "dependency.lookalikes"], reason)
        return
    found = list(_differences(case, fault, production, local))
    compared = "the columns of both sides were compared"
    for name, rows in ((id_, found), ("dependency.lookalikes", lookalikes(found))):
        facts.know(name, rows, compared, readings="production/columns local/columns")


def _differences(case: Case, fault: AtFault, production: Catalog, local: Catalog) -> Iterator[dict[str, Any]]:
    node = fault.statement.node
    used = _columns(fault)
    changed = _changed(case)
    seen: set[tuple[str, str]] = set()
    for use in ast.relations_used(node):
        there, here = (c.find(use.name.schema, use.name.name) for c in (production, local))
        for column in there.columns if there is not None and here is not None else ():
            mine = here.column(column.name) if here is not None else None
            if mine is None or mine.type == column.type or column.name not in used or there is None:
                continue
            key = (there.qualified, column.name)
            if key in seen or (there.name, column.name) in changed:
                continue
            seen.add(key)
            yield {
                "relation": there.qualified,
                "column": quote_ident(column.name),
                "local": mine.type,
                "production": column.type,
                "in_error": case.error is not None and _speaks_of(case.error, column.type, production),
            }


def _columns(fault: AtFault) -> set[str]:
    """Every column name in the statement: read, written, indexed or altered."""
    node = fault.statement.node
    names = {parts[-1] for parts in ast.columns_used(node)} | set(parts_of(fault.statement).columns)
    for part in ast.walk(node):
        match ast.node_name(part):
            case "ResTarget" | "IndexElem":
                names.add(part.name)
            case "Constraint":
                names |= {*ast.strings(part.keys), *ast.strings(part.fk_attrs), *ast.strings(part.pk_attrs)}
            case "AlterTableCmd":
                names.add(part.name)
    return names - {""}


def _changed(case: Case) -> set[tuple[str, str]]:
    """(relation, column) whose type the migration itself gives: local may have run it already."""
    found: set[tuple[str, str]] = set()
    for statement in case.migration.statements if case.migration is not None else ():
        if ast.is_node(statement.node, "AlterTableStmt"):
            table = ast.relation_name(statement.node.relation).name
            for command in ast.alter_commands(statement.node):
                if command.type == "AT_AlterColumnType":
                    found.add((table, command.name))
            found |= {(table, c.name) for c in ast.column_specs(statement.node)}
        elif ast.is_node(statement.node, "CreateStmt"):
            table = ast.relation_name(statement.node.relation).name
            found |= {(table, c.name) for c in ast.column_specs(statement.node)}
    return found


def _speaks_of(error: ErrorReport, type_: str, production: Catalog) -> bool:
    """Whether the error names production's type, and is not about a function that production lacks altogether."""
    function = error.subject.function
    if function is not None and function not in production.functions and not is_built_in(ast.Name(None, function)):
        return False
    return re.search(rf"(?<!\w){re.escape(type_)}(?!\w)", f"{error.message} {error.detail or ''}") is not None
