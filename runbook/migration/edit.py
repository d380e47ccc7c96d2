"""A catalog with something changed: new values that share everything else with the old one.

What a catalog derives from its relations (indexes by name, foreign keys by target ...) is carried along, changed only
where the relations changed: following 10,000 statements over 10,000 relations must not read all relations 10,000 times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from runbook.migration import catalog as catalogs
from runbook.migration.catalog import (
    Catalog,
    Function,
    Index,
    Relation,
    RelationKey,
    RelationKind,
    Schema,
    TypeObject,
)
from runbook.migration.layered import layered
from runbook.migration.revise import replace

Changes = Mapping[RelationKey, "Relation | None"]

# What is derived: from what of a relation besides its key, and how.
_DERIVED: Mapping[str, tuple[str, Callable[[Relation], Iterable[tuple[Any, Any]]]]] = MappingProxyType(
    {
        "by_name": ("name", catalogs.name_of),
        "index_tables": ("indexes", catalogs.indexes_of),
        "owned_sequences": ("owned_by", catalogs.owner_of),
        "reads": ("dependants", catalogs.readers_of),
        "referencing": ("constraints", catalogs.references_of),
    }
)


def with_relations(catalog: Catalog, changes: Changes) -> Catalog:
    """``catalog`` with relations added or replaced, and taken away where the value is None."""
    if not changes:
        return catalog
    before = {key: found for key in changes if (found := catalog.relations.get(key)) is not None}
    changed = replace(catalog, relations=layered(catalog.relations).changed(changes))
    for name, (source, entries) in _DERIVED.items():
        derived = catalog.__dict__.get(name)
        if derived is not None:
            touched = [key for key, after in changes.items() if not _kept(before.get(key), after, source)]
            changed.__dict__[name] = _carried(derived, entries, before, changes, touched) if touched else derived
    return changed


def _kept(before: Relation | None, after: Relation | None, source: str) -> bool:
    return before is not None and after is not None and getattr(before, source) is getattr(after, source)


def _carried(
    derived: Mapping[Any, tuple[Any, ...]],
    entries: Callable[[Relation], Iterable[tuple[Any, Any]]],
    before: Mapping[RelationKey, Relation],
    after: Changes,
    touched: Iterable[RelationKey],
) -> Mapping[Any, tuple[Any, ...]]:
    had = [e for key in touched if (r := before.get(key)) is not None for e in entries(r)]
    has = [e for key in touched if (r := after[key]) is not None for e in entries(r)]
    if had == has:
        return derived
    gone = [e for e in had if e not in has]
    come = [e for e in has if e not in had]
    groups: dict[Any, tuple[Any, ...]] = {}
    for key, value in gone:
        group = groups[key] if key in groups else derived.get(key, ())
        groups[key] = tuple(v for v in group if v is not value and v != value)
    for key, value in come:
        groups[key] = (*(groups[key] if key in groups else derived.get(key, ())), value)
    return layered(derived).changed({key: values or None for key, values in groups.items()}) if groups else derived


def with_relation(catalog: Catalog, relation: Relation) -> Catalog:
    """``catalog`` with this relation, new or in place of the one of its name."""
    return with_relations(catalog, {relation.key: relation})


def with_type(catalog: Catalog, key: RelationKey, kind: TypeObject | None) -> Catalog:
    """``catalog`` with a user type, or without it."""
    return replace_keeping(catalog, types=layered(catalog.types).changed({key: kind}))


def with_schema(catalog: Catalog, name: str, schema: Schema | None) -> Catalog:
    """``catalog`` with a schema, or without it."""
    return replace_keeping(catalog, schemas=layered(catalog.schemas).changed({name: schema}))


def with_functions(catalog: Catalog, name: str, overloads: tuple[Function, ...]) -> Catalog:
    """``catalog`` with these overloads of a function name."""
    return replace_keeping(catalog, functions=layered(catalog.functions).changed({name: overloads or None}))


def replace_keeping(catalog: Catalog, **fields: Any) -> Catalog:
    """``dataclasses.replace`` for anything but the relations, keeping what was derived from those."""
    changed = replace(catalog, **fields)
    for name in _DERIVED:
        if name in catalog.__dict__:
            changed.__dict__[name] = catalog.__dict__[name]
    return changed


def with_tables(catalog: Catalog, *tables: Relation) -> Catalog:
    """``catalog`` with these tables, and with relations for exactly their indexes."""
    changes: dict[RelationKey, Relation | None] = {}
    for table in tables:
        before = catalog.relations.get(table.key)
        if before is not None and before.indexes is table.indexes:
            changes[table.key] = table
            continue
        had = {index_key(before, i) for i in before.indexes} if before is not None else set()
        has = {index_key(table, i): i for i in table.indexes}
        for key in had - has.keys():
            changes[key] = None
        for key, index in has.items():
            if key not in had:
                kind: RelationKind = "I" if table.kind == "p" else "i"
                here = index.created_here or table.created_here
                changes[key] = Relation(*key, kind=kind, owner=table.owner, of=table.key, created_here=here)
        changes[table.key] = table
    return with_relations(catalog, changes)


def without(catalog: Catalog, *gone: RelationKey) -> Catalog:
    """``catalog`` without these relations, their indexes, and what others knew of them."""
    changes: dict[RelationKey, Relation | None] = {}
    away = set(gone)
    for key in gone:
        relation = catalog.relations.get(key)
        if relation is None:
            continue
        changes[key] = None
        for index in relation.indexes:
            changes[index_key(relation, index)] = None
        neighbours = [*relation.parents, *relation.children, *catalog.reads.get(key, ())]
        neighbours.extend(c.references for c in relation.constraints if c.references is not None)
        neighbours.extend(k for k, _ in catalog.referencing.get(key, ()))
        for other_key in neighbours:
            if other_key in away:
                continue
            current = changes.get(other_key, catalog.relations.get(other_key))
            if current is not None:
                changes[other_key] = _forgetting(current, away)
    return with_relations(catalog, changes)


def _forgetting(relation: Relation, away: set[RelationKey]) -> Relation:
    return replace(
        relation,
        parents=tuple(k for k in relation.parents if k not in away),
        children=tuple(k for k in relation.children if k not in away),
        default_partition=None if relation.default_partition in away else relation.default_partition,
        constraints=tuple(c for c in relation.constraints if c.references not in away),
        dependants=tuple(d for d in relation.dependants if d.relation not in away),
    )


def index_key(relation: Relation, index: Index) -> RelationKey:
    """The stored name of an index."""
    return (index.schema or relation.schema, index.name)


def lineage(catalog: Catalog, relation: Relation) -> Iterator[Relation]:
    """The relation and everything that inherits from it or is a partition of it, each once, parents first."""
    seen = {relation.key}
    queue = [relation]
    while queue:
        current = queue.pop(0)
        yield current
        for key in current.children:
            child = catalog.relations.get(key)
            if child is not None and key not in seen:
                seen.add(key)
                queue.append(child)


def storage_of(catalog: Catalog, relation: Relation) -> Iterator[Relation]:
    """The relation, and of a partitioned one everything below it: what a foreign key is about. Plain children are not."""
    return lineage(catalog, relation) if relation.kind == "p" else iter((relation,))


def index_family(catalog: Catalog, relation: Relation, index: Index) -> list[tuple[Relation, Index]]:
    """An index with, on a partitioned table, the partitions' indexes that are attached to it."""
    found = [(relation, index)]
    for key in relation.children if relation.kind == "p" else ():
        child = catalog.relations.get(key)
        for own in child.indexes if child is not None else ():
            if child is not None and own.parent == index_key(relation, index):
                found.extend(index_family(catalog, child, own))
    return found


def name_taken(catalog: Catalog, schema: str) -> Callable[[str], bool]:
    """Whether a relation of that name exists in the schema."""
    return lambda name: (schema, name) in catalog.relations


def owned_by_table(catalog: Catalog, relation: Relation, column: str | None = None) -> list[Relation]:
    """The sequences that a table (or one column of it) owns: of serial and identity columns, and OWNED BY."""
    found: dict[RelationKey, Relation] = {}
    for key in catalog.owned_sequences.get(relation.key, ()):
        sequence = catalog.relations.get(key)
        if sequence is not None and sequence.owned_by is not None and column in (None, sequence.owned_by[1]):
            found[key] = sequence
    return list(found.values())
