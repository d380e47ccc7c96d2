"""Values that the migration takes for granted and production does not have: a label of an enum, a row of a lookup table."""

from __future__ import annotations

import re
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Relation, TypeObject
from runbook.migration.written import target
from runbook.sql import quote_ident, quote_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault, statement_at_fault

_LABEL = re.compile(r'"([^"]*)"\s*$')
_KEY_VALUE = re.compile(r"\)=\((.*)\) ")  # DETAIL: Key (code)=(B) is not present ..., in any language


def state(facts: Facts, case: Case) -> None:
    """State ``data.missing_label`` and ``data.missing_parent``."""
    catalog = case.production.catalog if case.production is not None else None
    if catalog is None:
        facts.unknown_all(["data.missing_label", "data.missing_parent"], "production's catalog is not known")
        return
    fault = statement_at_fault(case)
    label = _label(case, fault, catalog) if fault is not None or case.error is not None else None
    parent = _parent(case, fault, catalog) if fault is not None else None
    because = "compared with the labels of production's enum" if label else "no enum of production lacks a label"
    facts.know("data.missing_label", [label] if label else [], because, side="production", readings="production/types")
    because = "the foreign key that the error names" if parent else "no row of a lookup table was missing"
    readings = "production/constraints"
    facts.know("data.missing_parent", [parent] if parent else [], because, side="production", readings=readings)


# -- enums --------------------------------------------------------------------------------------------------------------


def _label(case: Case, fault: AtFault | None, catalog: Catalog) -> dict[str, Any] | None:
    error = case.error
    if error is not None:
        if error.sqlstate != "22P02" or error.subject.type is None or error.subject.object_kind != "type":
            return None
        found = _LABEL.search(error.message)
        enum = _enum(catalog, error.subject.schema, error.subject.type)
        if found is None or enum is None or found[1] in enum.labels:
            return None
        return _label_row(case, enum, found[1])
    fails = fault.forecast.fails if fault is not None and fault.forecast is not None else None
    if fault is None or fails is None or fails.sqlstate != "22P02":
        return None
    table = target(fault.statement.node)
    relation = catalog.find(table.schema, table.name) if table is not None else None
    constants = {
        c.sval.sval for c in ast.walk(fault.statement.node) if ast.is_node(c, "A_Const") and c.HasField("sval")
    }
    for enum in _enums_of(relation, catalog):
        mine = _on_local(case, enum)
        lacking = [c for c in (mine.labels if mine is not None else ()) if c in constants - set(enum.labels)]
        if lacking:
            return _label_row(case, enum, lacking[0])
    return None


def _enum(catalog: Catalog, schema: str | None, name: str) -> TypeObject | None:
    """By the name that the error gives, as stored: unqualified, it is one of the search path."""
    named = [t for t in catalog.types.values() if t.kind == "e" and t.name == name and schema in (None, t.schema)]
    in_path = [t for t in named if t.schema in catalog.search_path]
    return next(iter(in_path or named), None)


def _enums_of(relation: Relation | None, catalog: Catalog) -> list[TypeObject]:
    columns = relation.columns if relation is not None else ()
    keys = [(c.type_schema, c.type.rsplit(".", 1)[-1].strip('"')) for c in columns if c.type_kind == "e"]
    return [catalog.types[k] for k in keys if k in catalog.types]


def _on_local(case: Case, enum: TypeObject) -> TypeObject | None:
    local = case.local.catalog if case.local is not None else None
    return local.types.get((enum.schema, enum.name)) if local is not None else None


def _label_row(case: Case, enum: TypeObject, label: str) -> dict[str, Any]:
    mine = _on_local(case, enum)
    known = case.local is not None and case.local.catalog is not None
    before = mine.labels[: mine.labels.index(label)] if mine is not None and label in mine.labels else ()
    return {
        "type": quote_qualified(enum.schema, enum.name),
        "label": label,
        "labels": list(enum.labels),
        "after": next((x for x in reversed(before) if x in enum.labels), ""),
        "on_local": "unknown" if not known else "yes" if mine is not None and label in mine.labels else "no",
    }


# -- rows of lookup tables ----------------------------------------------------------------------------------------------


def _parent(case: Case, fault: AtFault | None, catalog: Catalog) -> dict[str, Any] | None:
    """The row that an INSERT, UPDATE or COPY of the migration refers to, and that the parent lacks."""
    error = case.error
    table = target(fault.statement.node) if fault is not None else None
    child = catalog.find(table.schema, table.name) if table is not None else None
    if error is None or error.sqlstate != "23503" or child is None or error.subject.constraint is None:
        return None
    key = child.constraint(error.subject.constraint)
    if key is None or key.kind != "f" or key.references is None:
        return None  # of another table: a row was to be removed that others refer to
    value = _KEY_VALUE.search(error.detail or "")
    parent = catalog.relations.get(key.references)
    local = case.local.catalog if case.local is not None else None
    mine = local.relations.get(key.references) if local is not None else None
    return {
        "constraint": quote_ident(key.name),
        "relation": child.qualified,
        "parent": quote_qualified(*key.references),
        "columns": [quote_ident(c) for c in key.referenced_columns],
        "value": value[1] if value is not None else "",
        "rows": int(parent.rows) if parent is not None else -1,
        "rows_local": int(mine.rows) if mine is not None else -1,
    }
