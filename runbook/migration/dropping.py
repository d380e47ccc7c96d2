"""What goes with an object that is dropped: the closure over dependants that DROP ... CASCADE follows.

Source: findDependentObjects (dependency.c). Without CASCADE the first dependant that is not part of the object refuses
the drop (2BP01); part of it, and dropped silently, are its indexes, constraints, triggers, policies, rules, statistics,
owned sequences and partitions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from runbook.migration.catalog import Catalog, Constraint, Dependant, Relation, RelationKey

# Kinds of dependants that keep an object from being dropped without CASCADE (pg_depend.deptype 'n').
HOLDING = frozenset({"view", "matview", "function", "rule"})
# Those that hold a column, besides: the column's own table may still be dropped without CASCADE.
HOLDING_COLUMN = HOLDING | {"policy", "trigger", "publication", "generated column"}


@dataclass
class Dropped:
    """What a DROP takes away. ``holder`` says what refuses it when CASCADE is not given."""

    relations: dict[RelationKey, Relation] = field(default_factory=dict)
    constraints: dict[tuple[RelationKey, str], Constraint] = field(default_factory=dict)
    columns: dict[tuple[RelationKey, str], None] = field(default_factory=dict)
    indexes: dict[tuple[RelationKey, str], None] = field(default_factory=dict)
    defaults: dict[RelationKey, None] = field(default_factory=dict)
    touched: dict[RelationKey, None] = field(default_factory=dict)
    holder: str | None = None


def drop_relations(catalog: Catalog, roots: list[Relation]) -> Dropped:
    """What dropping these relations takes away, with CASCADE; ``holder`` is set where RESTRICT would refuse it."""
    dropped = Dropped()
    queue = list(roots)
    named = {r.key for r in roots}
    while queue:
        relation = queue.pop()
        if relation.key in dropped.relations:
            continue
        dropped.relations[relation.key] = relation
        for key in catalog.owned_sequences.get(relation.key, ()):
            if key in catalog.relations:
                queue.append(catalog.relations[key])
        for key in relation.children:
            child = catalog.relations.get(key)
            if child is not None:
                if not child.is_partition and key not in named:
                    dropped.holder = dropped.holder or f"table {child.qualified} inherits from it"
                queue.append(child)
    _dependants(catalog, dropped, named)
    return dropped


def _dependants(catalog: Catalog, dropped: Dropped, named: set[RelationKey]) -> None:
    """Views over what is dropped, foreign keys to it, defaults that call it; until nothing new is found."""
    queue = list(dropped.relations.values())
    while queue:
        relation = queue.pop()
        for key, constraint in catalog.referencing.get(relation.key, ()):
            if key not in dropped.relations and not _within(catalog, key, dropped):
                dropped.constraints[(key, constraint.name)] = constraint
                other = catalog.relations[key]
                dropped.holder = (
                    dropped.holder or f"constraint {constraint.name} on table {other.qualified} depends on it"
                )
        for dependant in relation.dependants:
            other_relation = catalog.relations.get(dependant.relation) if dependant.relation else None
            if dependant.kind in ("view", "matview") and other_relation is not None:
                if other_relation.key not in dropped.relations:
                    if other_relation.key not in named:
                        dropped.holder = dropped.holder or f"{dependant.description} depends on it"
                    dropped.relations[other_relation.key] = other_relation
                    queue.append(other_relation)
            elif dependant.kind == "default" and relation.kind == "S":
                owner = relation.owned_by
                if other_relation is not None and other_relation.key not in dropped.relations:
                    dropped.defaults[other_relation.key] = None
                    if owner is None or owner[0] != other_relation.key:
                        dropped.holder = dropped.holder or f"{dependant.description} depends on it"
            elif dependant.kind in HOLDING:
                dropped.holder = dropped.holder or f"{dependant.description} depends on it"
                if other_relation is not None and other_relation.key not in dropped.relations:
                    dropped.touched[other_relation.key] = None


def _within(catalog: Catalog, key: RelationKey, dropped: Dropped) -> bool:
    return any(key == d for d in dropped.relations)


def holders_of_column(relation: Relation, column: str, kinds: frozenset[str] = HOLDING_COLUMN) -> list[Dependant]:
    """What depends on a column and keeps it from being dropped."""
    return [d for d in relation.dependants if d.column == column and d.kind in kinds]
