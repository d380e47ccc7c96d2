"""Conversions that no value could pass: columns that cannot become a type, defaults that do not fit, keys that cannot
be compared (42804, 42846, 42830, 22P02, 22003, 22007, 22008)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from runbook.migration.ast import (
    ConstraintSpec,
    alter_commands,
    column_spec,
    column_specs,
    constraint_spec,
    constraint_specs,
    is_node,
    strings,
    type_ref,
    unwrap,
)
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.effects.types import Type, base_of, casts_of, type_of_column, type_written
from runbook.migration.refusals.built_in import GIN_TYPES, GIST_TYPES, NOT_ORDERED, STRINGS, TYPES
from runbook.migration.refusals.casting import How, castable, comparable, constant_refused
from runbook.migration.result import Fails


def wrong_types(node: Any, catalog: Catalog) -> Iterator[Fails]:
    """What the types alone refuse."""
    if is_node(node, "AlterTableStmt"):
        relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
        if relation is None or not relation.columns or relation.kind not in ("r", "p"):
            return
        yield from _changes(node, relation, catalog)
        yield from _defaults(node, relation, catalog)
        yield from _keys(node, relation, catalog)
    elif is_node(node, "CreateStmt"):
        yield from _new_defaults(node, catalog)
        yield from _foreign_keys(node, None, catalog)
    elif is_node(node, "IndexStmt"):
        relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
        if relation is None:
            return
        for item in node.index_params:
            element = unwrap(item)
            if element.name and not element.opclass:
                yield from _operators(relation, element.name, node.access_method or "btree", catalog)


def _operators(relation: Relation, name: str, method: str, catalog: Catalog) -> Iterator[Fails]:
    """42704 where the column's type has no default operator class for the access method."""
    column = relation.column(name)
    if column is not None:
        yield from _lacks_operators(type_of_column(column, catalog), method, catalog)


def _lacks_operators(kind: Type, method: str, catalog: Catalog) -> Iterator[Fails]:
    if kind.schema != "pg_catalog" or kind.name not in TYPES:
        return
    extension = catalog.extensions.get({"gin": "btree_gin", "gist": "btree_gist"}.get(method, ""))
    lacks = (
        (method == "btree" and kind.name in NOT_ORDERED and not kind.array)
        or (method == "gin" and not kind.array and kind.name not in GIN_TYPES)
        or (method == "gist" and (kind.array or kind.name not in GIST_TYPES))
    )
    if lacks and (extension is None or extension.version is None):
        because = f"data type {kind.printed} has no default operator class for access method {method}"
        if method in ("gin", "gist") and not kind.array:
            because += f": extension btree_{method} brings some, and an operator class can be named"
        yield Fails("42704", because, certain=True)


# -- ALTER COLUMN TYPE ----------------------------------------------------------------------------------------------


def _changes(node: Any, relation: Relation, catalog: Catalog) -> Iterator[Fails]:
    for command in alter_commands(node):
        column = relation.column(command.name) if command.type == "AT_AlterColumnType" else None
        if column is None or column.type == "unknown":  # of a CREATE TABLE AS that is followed
            continue
        definition = command.definition
        using = unwrap(definition.raw_default) if definition.HasField("raw_default") else None
        if using is not None and column.generated:
            yield Fails(
                "42611", f"cannot specify USING when altering type of generated column {column.name}", certain=True
            )
            continue
        old, new = type_of_column(column, catalog), type_written(type_ref(definition.type_name), catalog)
        refused = next(_conversion(old, new, using, column.name, catalog), None)
        if refused is None and definition.HasField("coll_clause"):
            refused = _not_collatable(new, catalog)
        if refused is not None:
            yield refused
        elif _can_convert(old, new, using, column.name, catalog):
            methods = {i.method for i in relation.indexes if column.name in i.columns and i.default_operator_classes}
            for method in sorted(methods):
                yield from _lacks_operators(base_of(new, catalog), method, catalog)


def _conversion(old: Type, new: Type, using: Any, name: str, catalog: Catalog) -> Iterator[Fails]:
    """What the conversion that is written, or that is meant without USING, is refused with."""
    if using is None:
        if castable(old, new, "assignment", catalog) is False:
            because = f"column {name} cannot be cast automatically from {old.printed} to {new.printed}: it needs USING"
            yield Fails("42804", because, certain=True)
        return
    casts = casts_of(using, name, catalog)
    if casts is None:
        return
    for one, two in pairwise((old, *casts)):
        if castable(one, two, "explicit", catalog) is False:
            yield Fails("42846", f"cannot cast type {one.printed} to {two.printed}", certain=True)
    gives = (old, *casts)[-1]
    if castable(gives, new, "assignment", catalog) is False:
        because = f"USING gives {gives.printed}, which cannot be cast automatically to {new.printed}"
        yield Fails("42804", because, certain=True)


def _can_convert(old: Type, new: Type, using: Any, name: str, catalog: Catalog) -> bool:
    """Whether all the casts are known to exist; of a USING that computes something that is taken for granted."""
    casts = casts_of(using, name, catalog) if using is not None else []
    if casts is None:
        return True
    how: How = "explicit" if casts else "assignment"
    return all(castable(one, two, how, catalog) for one, two in pairwise((old, *casts, new)))


def _not_collatable(kind: Type, catalog: Catalog) -> Fails | None:
    base = base_of(kind, catalog)
    if base.schema != "pg_catalog" or base.name not in TYPES or base.name in STRINGS:
        return None
    return Fails("42804", f"collations are not supported by type {kind.printed}", certain=True)


# -- defaults -------------------------------------------------------------------------------------------------------


def _defaults(node: Any, relation: Relation, catalog: Catalog) -> Iterator[Fails]:
    for command in alter_commands(node):
        if command.type == "AT_AddColumn" and is_node(command.definition, "ColumnDef"):
            yield from _default_of(column_spec(command.definition), catalog)
        elif command.type == "AT_ColumnDefault" and command.definition is not None:
            column = relation.column(command.name)
            if column is not None and not column.generated and not column.identity:
                yield from _refused(command.definition, type_of_column(column, catalog), column.name, catalog)


def _new_defaults(node: Any, catalog: Catalog) -> Iterator[Fails]:
    for spec in column_specs(node):
        yield from _default_of(spec, catalog)


def _default_of(spec: Any, catalog: Catalog) -> Iterator[Fails]:
    if spec.default is not None and spec.type is not None and not spec.type.is_serial:
        yield from _refused(spec.default, type_written(spec.type, catalog), spec.name, catalog)


def _refused(default: Any, kind: Type, name: str, catalog: Catalog) -> Iterator[Fails]:
    found = constant_refused(default, kind, catalog)
    if found is not None:
        yield Fails(found[0], f"the default of column {name}: {found[1]}", certain=True)


# -- foreign keys ---------------------------------------------------------------------------------------------------


def _keys(node: Any, relation: Relation, catalog: Catalog) -> Iterator[Fails]:
    for command in alter_commands(node):
        if command.type == "AT_AddConstraint" and is_node(command.definition, "Constraint"):
            spec = constraint_spec(command.definition)
            if spec is not None and spec.kind == "c" and is_node(spec.expression, "ColumnRef"):
                column = relation.column(strings(spec.expression.fields)[-1])
                kind = type_of_column(column, catalog) if column is not None else None
                if kind is not None and kind.schema == "pg_catalog" and kind.kind == "b" and kind.name != "bool":
                    because = f"argument of CHECK must be type boolean, not type {kind.printed}"
                    yield Fails("42804", because, certain=True)
            if spec is not None and spec.kind in ("p", "u") and spec.using_index is None:
                for name in spec.columns:
                    yield from _operators(relation, name, "btree", catalog)
    yield from _foreign_keys(node, relation, catalog)


def _foreign_keys(node: Any, relation: Relation | None, catalog: Catalog) -> Iterator[Fails]:
    new = {c.name: type_written(c.type, catalog) for c in column_specs(node) if c.type is not None}
    for spec in constraint_specs(node):
        target = catalog.find(spec.references.schema, spec.references.name) if spec.references is not None else None
        if spec.kind == "f" and target is not None and target.columns and target.kind in ("r", "p"):
            yield from _one_key(spec, relation, target, new, catalog)


def _one_key(
    spec: ConstraintSpec, relation: Relation | None, target: Relation, new: dict[str, Type], catalog: Catalog
) -> Iterator[Fails]:
    referenced = spec.referenced_columns
    if not referenced:
        primary = next((c for c in target.constraints if c.kind == "p"), None)
        if primary is None:
            return
        referenced = primary.columns
    if len(referenced) != len(spec.columns):
        yield Fails("42830", "number of referencing and referenced columns for foreign key disagree", certain=True)
        return
    unique = [i for i in target.indexes if i.unique and i.valid and not i.has_predicate and not i.has_expressions]
    if not any(set(i.columns) == set(referenced) for i in unique):
        return  # another refusal comes first
    for name, other in zip(spec.columns, referenced, strict=True):
        column, to = relation.column(name) if relation is not None else None, target.column(other)
        kind = new.get(name) or (type_of_column(column, catalog) if column is not None else None)
        if kind is None or to is None:
            continue
        that = type_of_column(to, catalog)
        if comparable(kind, that, catalog) is False:
            because = f"key columns {name} and {other} are of incompatible types: {kind.printed} and {that.printed}"
            yield Fails("42804", because, certain=True)
