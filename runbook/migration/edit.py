"""A catalog with something changed: new values that share everything else with the old one.

What a catalog derives from its relations (indexes by name, foreign keys by target ...) is carried along, changed only
where the relations changed: following 10,000 statements over 10,000 relations must not read all relations 10,000 times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from runbook.migration import catalog as catalogs
from runbook.migration.catalog import Catalog, Function, Relation, RelationKey, Schema, TypeObject
from runbook.migration.layered import layered

Changes = Mapping[RelationKey, "Relation | None"]

_DERIVED: Mapping[str, Callable[[Relation], Iterable[tuple[Any, Any]]]] = MappingProxyType(
    {
        "by_name": catalogs.name_of,
        "index_tables": catalogs.indexes_of,
        "owned_sequences": catalogs.owner_of,
        "reads": catalogs.readers_of,
        "referencing": catalogs.references_of,
    }
)


def with_relations(catalog: Catalog, changes: Changes) -> Catalog:
    """``catalog`` with relations added or replaced, and taken away where the value is None."""
    if not changes:
        return catalog
    before = {key: found for key in changes if (found := catalog.relations.get(key)) is not None}
    changed = replace(catalog, relations=layered(catalog.relations).changed(changes))
    for name, entries in _DERIVED.items():
        derived = catalog.__dict__.get(name)
        if derived is not None:
            changed.__dict__[name] = _carried(derived, entries, before, changes)
    return changed


def _carried(
    derived: Mapping[Any, tuple[Any, ...]],
    entries: Callable[[Relation], Iterable[tuple[Any, Any]]],
    before: Mapping[RelationKey, Relation],
    after: Changes,
) -> Mapping[Any, tuple[Any, ...]]:
    gone = [e for r in before.values() for e in entries(r)]
    come = [e for r in after.values() if r is not None for e in entries(r)]
    if gone == come:
        return derived
    groups: dict[Any, dict[Any, None]] = {}

    def group(key: Any) -> dict[Any, None]:
        if key not in groups:
            groups[key] = dict.fromkeys(derived.get(key, ()))
        return groups[key]

    for key, value in gone:
        group(key).pop(value, None)
    for key, value in come:
        group(key)[value] = None
    return layered(derived).changed({key: tuple(values) or None for key, values in groups.items()})


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
