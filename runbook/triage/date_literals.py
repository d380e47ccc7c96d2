"""Dates in the migration whose day and month change places with DateStyle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog
from runbook.migration.written import target, written
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.failing import statement_at_fault
from runbook.triage.settings import effective_settings

# One or two digits, twice, then a year: what DateStyle's order decides. ISO dates and month names are read alike by all.
_DATE = r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)"
_CONSTANT = re.compile(rf"\s*{_DATE}(?:[ T]|\s*$)")
_QUOTED = re.compile(rf'"{_DATE}')
_READ_AS_DATE = frozenset({"date", "timestamp", "timestamptz"})
_ENOUGH = 10


def state(facts: Facts, case: Case) -> None:
    """State ``data.date_orders_differ`` and ``data.ambiguous_dates``."""
    orders = []
    for key, side in (("local", case.local), ("production", case.production)):
        style = _style(side)
        orders.append(_order(style) if style is not None else None)
        if style is None:
            facts.unknown(f"data.date_style_{key}", f"DateStyle of {key} was not read")
        else:
            facts.know(f"data.date_style_{key}", style, "for the migration's role", readings=f"{key}/settings")
    id_ = "data.date_orders_differ"
    if None in orders:
        facts.unknown(id_, "DateStyle was not read on both sides")
    else:
        readings = "local/settings production/settings"
        facts.know(
            id_,
            orders[0] != orders[1],
            f"DateStyle: {orders[0]} on local, {orders[1]} on production",
            readings=readings,
        )
    migration = case.migration
    if migration is None:
        facts.unknown("data.ambiguous_dates", "no migration was given")
        return
    said = any(
        ast.is_node(s.node, "VariableSetStmt") and s.node.name.lower() == "datestyle" for s in migration.statements
    )
    found = [] if said else _found(case)
    because = "the migration sets DateStyle itself" if said else f"{len(found)} dates with the day or the month first"
    facts.know("data.ambiguous_dates", found[:_ENOUGH], because)


def _found(case: Case) -> list[dict[str, Any]]:
    """In what is read as a date; of a statement that failed, the date that the error names."""
    fault = statement_at_fault(case)
    if case.error is not None:
        named = _QUOTED.search(case.error.message) if fault is not None and case.error.sqlstate == "22008" else None
        if fault is None or named is None:
            return []
        return [{"date": named[0].lstrip('"'), "file": fault.statement.file, "line": fault.statement.line}]
    catalog = case.production.catalog if case.production is not None else None
    rows: list[dict[str, Any]] = []
    for statement in case.migration.statements if case.migration is not None else ():
        whole = catalog is not None and _writes_dates(statement.node, catalog)
        for constant in _constants(statement.node, whole):
            match = _CONSTANT.match(constant)
            if match is not None and match[1] != match[3]:
                rows.append({"date": constant.strip(), "file": statement.file, "line": statement.line})
    return rows


def _writes_dates(node: Any, catalog: Catalog) -> bool:
    table = target(node)
    relation = catalog.find(table.schema, table.name) if table is not None else None
    does = written(node, relation) if relation is not None else None
    if relation is None or does is None:
        return False
    return any(c.name in does.given and (c.type == "date" or c.type.startswith("timestamp")) for c in relation.columns)


def _constants(node: Any, whole: bool) -> Iterator[str]:
    """The strings of a statement that writes dates, or those cast to one; never the arguments of a function."""
    if node is None:
        return
    if ast.is_node(node, "FuncCall"):
        return  # to_date('13/05/2026', 'DD/MM/YYYY') says the order itself
    if ast.is_node(node, "A_Const"):
        if whole and node.HasField("sval"):
            yield node.sval.sval
        return
    cast = ast.is_node(node, "TypeCast") and ast.type_ref(node.type_name).name in _READ_AS_DATE
    for child in ast.children(node):
        yield from _constants(child, whole or cast)


def _style(side: SideCase | None) -> str | None:
    """DateStyle as a new session of the migration's role has it."""
    if side is None or not side.ok("settings"):
        return None
    return next((v.shown for n, v in effective_settings(side).items() if n.lower() == "datestyle"), None)


def _order(style: str) -> str | None:
    """DMY, MDY or YMD; EURO and US are older words. Source: check_datestyle() in src/backend/commands/variable.c."""
    match = re.search(r"\b(DMY|MDY|YMD|EURO\w*|US|NONEURO\w*)\b", style, re.I)
    word = match[1].upper() if match is not None else ""
    return "DMY" if word.startswith("EURO") else "MDY" if word == "US" or word.startswith("NONEURO") else word or None
