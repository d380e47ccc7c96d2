"""The foreign keys that the statement at fault adds, and what their parent is like on both sides."""

from __future__ import annotations

from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Index, Relation
from runbook.migration.effects.types import type_written
from runbook.sql import quote_ident, quote_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault


def state(facts: Facts, case: Case, fault: AtFault | None) -> None:
    """State ``dependency.foreign_keys``."""
    id_ = "dependency.foreign_keys"
    production = case.production.catalog if case.production is not None else None
    if fault is None or fault.statement.node is None or production is None:
        facts.unknown(id_, "production's catalog is not known" if fault else "no statement is known to be at fault")
        return
    local = case.local.catalog if case.local is not None else None
    node = fault.statement.node
    found = [_row(node, spec, production, local) for spec in ast.constraint_specs(node) if spec.kind == "f"]
    facts.know(
        id_,
        found,
        f"{len(found)} added by the statement",
        side="production",
        readings="production/constraints production/indexes production/columns",
    )


def _row(node: Any, spec: ast.ConstraintSpec, production: Catalog, local: Catalog | None) -> dict[str, Any]:
    there = _End(node, spec, production, local)
    here = _End(node, spec, local, None) if local is not None else None
    return {
        "child": there.child_name,
        "columns": [quote_ident(c) for c in spec.columns],
        "types": there.types,
        "parent": there.parent_name,
        "referenced": [quote_ident(c) for c in there.referenced],
        "referenced_types": there.referenced_types,
        "referenced_types_local": here.referenced_types if here is not None else [],
        "problem": there.problem,
        "problem_local": here.problem if here is not None else None,
        "near": there.near,
    }


class _End:
    """One side's view of a foreign key."""

    def __init__(self, node: Any, spec: ast.ConstraintSpec, catalog: Catalog, other: Catalog | None) -> None:
        assert spec.references is not None
        name = ast.relation_name(node.relation)
        child = catalog.find(name.schema, name.name)
        parent = catalog.find(spec.references.schema, spec.references.name)
        self.child_name = child.qualified if child else quote_qualified(name.schema, name.name)
        target = spec.references
        self.parent_name = parent.qualified if parent else quote_qualified(target.schema, target.name)
        self.types = [_type_of(c, node, child, catalog) for c in spec.columns]
        own = _primary_key(parent)
        wanted = other.find(target.schema, target.name) if other is not None else None
        self.referenced = spec.referenced_columns or own or _primary_key(wanted)
        self.referenced_types = [c.type if (c := parent.column(n)) else "" for n in self.referenced] if parent else []
        self.near = _near(parent, self.referenced) if parent is not None else ""
        self.problem = self._problem(parent, own, written=bool(spec.referenced_columns), count=len(spec.columns))

    def _problem(self, parent: Relation | None, own: tuple[str, ...], *, written: bool, count: int) -> str:
        if parent is None or not parent.columns:
            return ""
        if not written and not own:
            return "no primary key"
        if len(self.referenced) != count:
            return "another number of columns"
        if "" in self.referenced_types:
            return ""
        index = _key(parent, self.referenced)
        if index is None:
            return "no unique key"
        if any(c.index == index.name and c.deferrable for c in parent.constraints):
            return "a deferrable key"
        return "other types" if self.types != self.referenced_types and "" not in self.types else ""


def _primary_key(relation: Relation | None) -> tuple[str, ...]:
    found = next((c for c in relation.constraints if c.kind == "p"), None) if relation is not None else None
    return found.columns if found is not None else ()


def _over(relation: Relation, columns: tuple[str, ...]) -> list[Index]:
    return [i for i in relation.indexes if sorted(map(str, i.columns)) == sorted(columns)]


def _key(relation: Relation, columns: tuple[str, ...]) -> Index | None:
    """The index that lets a foreign key point to these columns. Source: transformFkeyCheckAttrs (tablecmds.c)."""
    for index in _over(relation, columns):
        if index.unique and index.valid and not index.has_predicate and not index.has_expressions:
            return index
    return None


def _near(relation: Relation, columns: tuple[str, ...]) -> str:
    """Why an index over just these columns does not do; empty where there is none, or where it does."""
    if _key(relation, columns) is not None:
        return ""
    for index in _over(relation, columns):
        why = "is not valid" if not index.valid else "is partial" if index.has_predicate else "is not unique"
        return f"{quote_ident(index.name)} {why}"
    return ""


def _type_of(column: str, node: Any, child: Relation | None, catalog: Catalog) -> str:
    """The column's type: as the statement writes it where it makes the column, else as the catalog has it."""
    for spec in ast.column_specs(node):
        if spec.name == column and spec.type is not None:
            serial = {"serial": "integer", "bigserial": "bigint", "smallserial": "smallint"}
            return serial.get(spec.type.name) or type_written(spec.type, catalog).printed
    found = child.column(column) if child is not None else None
    return found.type if found is not None else ""
