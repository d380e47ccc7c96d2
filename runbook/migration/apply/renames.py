"""ALTER ... RENAME, SET SCHEMA and OWNER TO on the catalog."""

from __future__ import annotations

from typing import Any

from runbook.migration.ast import enum_name, qualified
from runbook.migration.catalog import (
    Catalog,
    Constraint,
    Dependant,
    Index,
    Relation,
    RelationKey,
    Schema,
    TypeObject,
)
from runbook.migration.edit import (
    index_key,
    lineage,
    replace_keeping,
    with_relation,
    with_relations,
    with_schema,
    with_tables,
    with_type,
)
from runbook.migration.effects.types import is_of
from runbook.migration.revise import replace
from runbook.sql import quote_ident

_RELATION_OBJECTS = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE", "OBJECT_INDEX"}
)


def rename(catalog: Catalog, node: Any) -> Catalog:
    """ALTER ... RENAME."""
    kind = enum_name(node, "rename_type")
    if kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        name = qualified(node.object)
        return _rename_type(catalog, name.schema, name.name, node.newname)
    if kind == "OBJECT_SCHEMA":
        return _rename_schema(catalog, node.subname, node.newname)
    if not node.HasField("relation"):
        return catalog
    relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
    if relation is None:
        return catalog
    if relation.kind in ("i", "I"):
        return _rename_index(catalog, relation, node.newname)
    match kind:
        case "OBJECT_COLUMN":
            return _rename_column(catalog, relation, node.subname, node.newname)
        case "OBJECT_TABCONSTRAINT":
            return _rename_constraint(catalog, relation, node.subname, node.newname)
        case "OBJECT_TRIGGER":
            triggers = tuple(replace(t, name=node.newname) if t.name == node.subname else t for t in relation.triggers)
            return with_relation(catalog, replace(relation, triggers=triggers))
    return moved(catalog, relation, (relation.schema, node.newname)) if kind in _RELATION_OBJECTS else catalog


def moved(catalog: Catalog, relation: Relation, to: RelationKey) -> Catalog:
    """``catalog`` where the relation has another name or schema, and everything that names it follows."""
    was = relation.key
    if to == was or to in catalog.relations:
        return catalog
    changes: dict[RelationKey, Relation | None] = {was: None}
    indexes: list[Index] = []
    for index in relation.indexes:
        old_key = index_key(relation, index)
        moved_index = replace(index, schema=to[0])
        entry = catalog.relations.get(old_key)
        if entry is not None:
            changes[old_key] = None
            changes[(to[0], index.name)] = replace(entry, schema=to[0], of=to)
        indexes.append(moved_index)
    changes[to] = _following(replace(relation, schema=to[0], name=to[1], indexes=tuple(indexes)), was, to)
    neighbours = {*relation.parents, *relation.children, *catalog.reads.get(was, ())}
    neighbours.update(c.references for c in relation.constraints if c.references is not None)
    neighbours.update(k for k, _ in catalog.referencing.get(was, ()))
    neighbours.update(catalog.owned_sequences.get(was, ()))
    neighbours.update(d.relation for d in relation.dependants if d.relation is not None)
    for key in neighbours - {was}:
        other = catalog.relations.get(key)
        if other is not None:
            changes[key] = _following(other, was, to)
    catalog = with_relations(catalog, changes)
    if relation.kind == "S":
        catalog = _called_anew(catalog, was, to)
    for index in relation.indexes:
        here = catalog.relations[to]
        catalog = with_relations(catalog, _reparented(catalog, here, index_key(relation, index), (to[0], index.name)))
    return catalog


def _called_anew(catalog: Catalog, was: RelationKey, to: RelationKey) -> Catalog:
    """``catalog`` where the defaults that call a sequence do so under its other name."""
    changes: dict[RelationKey, Relation | None] = {}
    for relation in catalog.relations.values():
        if any(was in c.default_sequences for c in relation.columns):
            columns = tuple(
                replace(c, default_sequences=tuple(to if k == was else k for k in c.default_sequences))
                for c in relation.columns
            )
            changes[relation.key] = replace(relation, columns=columns)
    return with_relations(catalog, changes)


def _following(relation: Relation, was: RelationKey, to: RelationKey) -> Relation:
    """A relation in which every mention of ``was`` is one of ``to``."""

    def key(found: RelationKey | None) -> RelationKey | None:
        return to if found == was else found

    def keys(found: tuple[RelationKey, ...]) -> tuple[RelationKey, ...]:
        return tuple(to if k == was else k for k in found)

    def constraint(found: Constraint) -> Constraint:
        return replace(found, references=to) if found.references == was else found

    def dependant(found: Dependant) -> Dependant:
        return replace(found, relation=to) if found.relation == was else found

    owner = relation.owned_by
    return replace(
        relation,
        parents=keys(relation.parents),
        children=keys(relation.children),
        default_partition=key(relation.default_partition),
        constraints=tuple(constraint(c) for c in relation.constraints),
        dependants=tuple(dependant(d) for d in relation.dependants),
        owned_by=(to, owner[1]) if owner is not None and owner[0] == was else owner,
    )


def _rename_index(catalog: Catalog, entry: Relation, name: str) -> Catalog:
    table = catalog.relations.get(entry.of) if entry.of is not None else None
    if table is None or (entry.schema, name) in catalog.relations:
        return catalog
    indexes = tuple(replace(i, name=name) if i.name == entry.name else i for i in table.indexes)
    constraints = tuple(
        replace(c, name=name, index=name) if c.index == entry.name and c.kind in ("p", "u", "x") else c
        for c in table.constraints
    )
    catalog = with_relations(catalog, {(entry.schema, name): replace(entry, name=name), entry.key: None})
    changes: dict[RelationKey, Relation | None] = {table.key: replace(table, indexes=indexes, constraints=constraints)}
    changes.update(_reparented(catalog, table, entry.key, (entry.schema, name)))
    return with_relations(catalog, changes)


def _reparented(
    catalog: Catalog, table: Relation, was: RelationKey, to: RelationKey
) -> dict[RelationKey, Relation | None]:
    """The partitions whose indexes are attached to an index that has another name now."""
    changed: dict[RelationKey, Relation | None] = {}
    for key in table.children:
        child = catalog.relations.get(key)
        if child is not None and any(i.parent == was for i in child.indexes):
            indexes = tuple(replace(i, parent=to) if i.parent == was else i for i in child.indexes)
            changed[key] = replace(child, indexes=indexes)
    return changed


def _rename_column(catalog: Catalog, relation: Relation, was: str, to: str) -> Catalog:
    def names(found: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(to if n == was else n for n in found)

    changed: list[Relation] = []
    for member in lineage(catalog, relation):
        indexes = tuple(
            replace(
                i,
                columns=tuple(to if n == was else n for n in i.columns),
                included=names(i.included),
                expression_columns=None if i.expression_columns is None else names(i.expression_columns),
            )
            for i in member.indexes
        )
        changed.append(
            replace(
                member,
                columns=tuple(replace(c, name=to) if c.name == was else c for c in member.columns),
                constraints=tuple(replace(c, columns=names(c.columns)) for c in member.constraints),
                indexes=indexes,
                dependants=tuple(replace(d, column=to) if d.column == was else d for d in member.dependants),
                partition_key=names(member.partition_key),
            )
        )
    pointing = catalog.referencing.get(relation.key, ())
    catalog = with_tables(catalog, *changed)
    for key, constraint in pointing:
        other = catalog.relations.get(key)
        if other is not None and was in constraint.referenced_columns:
            constraints = tuple(
                replace(c, referenced_columns=names(c.referenced_columns)) if c.name == constraint.name else c
                for c in other.constraints
            )
            catalog = with_relation(catalog, replace(other, constraints=constraints))
    return catalog


def _rename_constraint(catalog: Catalog, relation: Relation, was: str, to: str) -> Catalog:
    found = relation.constraint(was)
    if found is not None and found.index is not None and found.kind in ("p", "u", "x"):
        entry = catalog.relations.get((relation.schema, found.index))
        if entry is not None:
            return _rename_index(catalog, entry, to)
    constraints = tuple(replace(c, name=to) if c.name == was else c for c in relation.constraints)
    return with_relation(catalog, replace(relation, constraints=constraints))


def _rename_type(catalog: Catalog, schema: str | None, was: str, to: str) -> Catalog:
    for candidate in [schema] if schema is not None else catalog.search_path:
        kind = catalog.types.get((candidate, was))
        if kind is not None:
            catalog = _rename_in_columns(catalog, kind, to)
            catalog = with_type(catalog, (candidate, was), None)
            return with_type(catalog, (candidate, to), replace(kind, name=to))
    return catalog


def _rename_in_columns(catalog: Catalog, kind: TypeObject, to: str) -> Catalog:
    """Columns of the type, and of arrays of it, under its new name."""
    for relation in list(catalog.relations.values()):
        if any(is_of(c.type, c.type_schema, kind) for c in relation.columns):
            columns = tuple(
                replace(c, type=quote_ident(to) + ("[]" if c.type.endswith("[]") else ""))
                if is_of(c.type, c.type_schema, kind)
                else c
                for c in relation.columns
            )
            catalog = with_relation(catalog, replace(relation, columns=columns))
    return catalog


def _rename_schema(catalog: Catalog, was: str, to: str) -> Catalog:
    inside = [r for r in catalog.relations.values() if r.schema == was and r.kind not in ("i", "I")]
    catalog = with_schema(with_schema(catalog, was, None), to, Schema(to, catalog.role, can_create=True, can_use=True))
    for relation in inside:
        catalog = moved(catalog, catalog.relations.get(relation.key, relation), (to, relation.name))
    path = tuple(s for s in catalog.search_path if s != was)
    return replace_keeping(catalog, search_path=path)


def set_schema(catalog: Catalog, node: Any) -> Catalog:
    """ALTER ... SET SCHEMA of a relation."""
    if not node.HasField("relation"):
        return catalog
    relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
    if relation is None:
        return catalog
    for key in catalog.owned_sequences.get(relation.key, ()):
        sequence = catalog.relations.get(key)
        if sequence is not None:
            catalog = moved(catalog, sequence, (node.newschema, sequence.name))
    return moved(catalog, catalog.relations[relation.key], (node.newschema, relation.name))


def owner(catalog: Catalog, node: Any) -> Catalog:
    """ALTER SCHEMA | TYPE ... OWNER TO."""
    new = node.newowner.rolename or catalog.role
    name = qualified(node.object) if node.HasField("object") else None
    kind = enum_name(node, "object_type")
    if name is None:
        return catalog
    if kind == "OBJECT_SCHEMA" and name.name in catalog.schemas:
        return with_schema(catalog, name.name, replace(catalog.schemas[name.name], owner=new))
    if kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        for candidate in [name.schema] if name.schema is not None else catalog.search_path:
            found = catalog.types.get((candidate, name.name))
            if found is not None:
                return with_type(catalog, (candidate, name.name), replace(found, owner=new))
    return catalog
