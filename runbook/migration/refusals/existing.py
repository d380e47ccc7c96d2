"""Names that are taken, or given twice (42710, 42701, 42723, 42P06, 23505)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from runbook.migration.ast import (
    Name,
    column_specs,
    constraint_specs,
    enum_name,
    is_node,
    node_name,
    qualified,
    relation_name,
    strings,
    type_ref,
    unwrap,
)
from runbook.migration.catalog import Catalog
from runbook.migration.effects.types import type_written
from runbook.migration.result import Fails

_SYSTEM_COLUMNS = frozenset({"tableoid", "cmax", "xmax", "cmin", "xmin", "ctid"})


def taken_names(node: Any, catalog: Catalog) -> Iterator[Fails]:
    """Names of new objects that are in the way of themselves or of others."""
    match node_name(node):
        case "CreateEnumStmt":
            yield from _type(qualified(node.type_name), catalog)
            labels = Counter(strings(node.vals))
            for label, times in labels.items():
                if times > 1:
                    yield Fails("23505", f"enum label {label} is written twice", certain=True)
        case "CreateRangeStmt":
            yield from _type(qualified(node.type_name), catalog)
        case "CreateDomainStmt":
            yield from _type(qualified(node.domainname), catalog)
        case "CompositeTypeStmt":
            yield from _type(relation_name(node.typevar), catalog)
        case "CreateStmt":
            yield from _table(node, catalog)
        case "AlterTableStmt":
            for spec in column_specs(node):
                if spec.name in _SYSTEM_COLUMNS:
                    yield _system(spec.name)
        case "RenameStmt":
            yield from _renamed(node, catalog)
        case "AlterEnumStmt" if node.old_val:
            found = _enum(qualified(node.type_name), catalog)
            if found is not None and node.new_val in found.labels and node.old_val in found.labels:
                yield Fails("42710", f"enum label {node.new_val} already exists", certain=True)
        case "AlterEnumStmt" if node.new_val_neighbor:
            found = _enum(qualified(node.type_name), catalog)
            skipped = node.skip_if_new_val_exists and found is not None and node.new_val in found.labels
            if found is not None and node.new_val_neighbor not in found.labels and not skipped:
                yield Fails("22023", f"{node.new_val_neighbor} is not an existing enum label", certain=True)
        case "CreateFunctionStmt" if not node.replace:
            yield from _function(node, catalog)
        case "CreateRoleStmt":
            if node.role in catalog.roles:
                yield Fails("42710", f"role {node.role} already exists", certain=True)


def _target(schema: str | None, catalog: Catalog) -> str | None:
    return schema if schema is not None else next(iter(catalog.search_path), None)


def _type(name: Name, catalog: Catalog) -> Iterator[Fails]:
    schema = _target(name.schema, catalog)
    if schema is None:
        return
    if (schema, name.name) in catalog.types or _has_row_type((schema, name.name), catalog):
        yield Fails("42710", f"type {name.name} already exists", certain=True)


def _has_row_type(key: tuple[str, str], catalog: Catalog) -> bool:
    found = catalog.relations.get(key)
    return found is not None and found.kind in ("r", "p", "v", "m", "f", "c")


def _table(node: Any, catalog: Catalog) -> Iterator[Fails]:
    name = relation_name(node.relation)
    schema = _target(name.schema, catalog)
    temporary = node.relation.relpersistence == "t"
    key = (schema or "", name.name)
    if not temporary and key not in catalog.relations and key in catalog.types:
        yield Fails("42710", f"type {name.name} already exists", certain=True)
    columns = [c.name for c in column_specs(node)]
    for item in node.table_elts:
        like = unwrap(item)
        if is_node(like, "TableLikeClause"):
            source = catalog.find(like.relation.schemaname or None, like.relation.relname)
            columns += [c.name for c in source.columns] if source is not None else []
    for column, times in Counter(columns).items():
        if times > 1:
            yield Fails("42701", f"column {column} specified more than once", certain=True)
        if column in _SYSTEM_COLUMNS:
            yield _system(column)
    if len(columns) > _MOST_COLUMNS:
        yield Fails("54011", f"tables can have at most {_MOST_COLUMNS} columns", certain=True)
    if sum(1 for c in constraint_specs(node) if c.kind == "p") > 1:
        yield Fails("42P16", f"multiple primary keys for table {name.name} are not allowed", certain=True)


_MOST_COLUMNS = 1600  # MaxHeapAttributeNumber, htup_details.h


def _system(name: str) -> Fails:
    return Fails("42701", f"column name {name} conflicts with a system column name", certain=True)


def _enum(name: Name, catalog: Catalog) -> Any:
    for schema in (name.schema,) if name.schema is not None else catalog.search_path:
        found = catalog.types.get((schema, name.name))
        if found is not None:
            return found if found.kind == "e" else None
    return None


def _renamed(node: Any, catalog: Catalog) -> Iterator[Fails]:
    kind = enum_name(node, "rename_type")
    if kind == "OBJECT_SCHEMA":
        if node.subname not in catalog.schemas:
            yield Fails("3F000", f"schema {node.subname} does not exist", certain=not catalog.truncated)
        elif node.newname in catalog.schemas:
            yield Fails("42P06", f"schema {node.newname} already exists", certain=True)
    elif kind in ("OBJECT_TYPE", "OBJECT_DOMAIN") and node.HasField("object"):
        name = qualified(node.object)
        for schema in (name.schema,) if name.schema is not None else catalog.search_path:
            if (schema, name.name) in catalog.types:
                if (schema, node.newname) in catalog.types or _has_row_type((schema, node.newname), catalog):
                    yield Fails("42710", f"type {node.newname} already exists", certain=True)
                return
    elif kind == "OBJECT_TABCONSTRAINT" and node.HasField("relation"):
        relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
        if relation is None or relation.constraint(node.subname) is None:
            return
        renamed = relation.constraint(node.subname)
        if relation.constraint(node.newname) is not None and renamed is not None and renamed.index is None:
            yield Fails("42710", f"constraint {node.newname} of relation {relation.name} already exists", certain=True)


def _function(node: Any, catalog: Catalog) -> Iterator[Fails]:
    name = qualified(node.funcname)
    schema = _target(name.schema, catalog)
    parameters = [unwrap(p) for p in node.parameters]
    inputs = ("FUNC_PARAM_IN", "FUNC_PARAM_INOUT", "FUNC_PARAM_VARIADIC", "FUNC_PARAM_DEFAULT")
    arguments = tuple(
        type_written(type_ref(p.arg_type), catalog).printed for p in parameters if enum_name(p, "mode") in inputs
    )
    for found in catalog.functions.get(name.name, ()):
        if found.schema == schema and tuple(a.rsplit(".", 1)[-1] for a in found.arguments) == arguments:
            yield Fails("42723", f"function {name.name} already exists with same argument types", certain=True)
