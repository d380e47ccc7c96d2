"""What following a migration has to get right of a catalog: compared with what a server shows."""

from __future__ import annotations

from typing import Any

from runbook.migration.catalog import Catalog, Relation


def shape(catalog: Catalog) -> dict[tuple[str, str], dict[str, Any]]:
    """By relation: its kind, columns, constraints, indexes, parents, partitions, owner, triggers and what it reads."""
    return {r.key: _shape(r, catalog) for r in catalog.relations.values()}


def _shape(r: Relation, catalog: Catalog) -> dict[str, Any]:
    if r.kind in ("i", "I"):
        return {"index of": r.of}
    stored = r.kind in ("r", "p", "f")
    return {
        "kind": r.kind,
        # Whether format_type writes the schema of a type depends on who asks.
        "columns": {
            (c.name, c.type.rsplit(".", 1)[-1], c.typmod, c.not_null, c.identity, c.generated)
            for c in r.columns
            if stored
        },
        "constraints": {
            (c.name, c.kind, frozenset(c.columns), c.validated, c.references, c.referenced_columns, c.index)
            for c in r.constraints
            if c.kind not in ("n", "t")
        },
        "indexes": {(i.name, i.columns, i.unique, i.primary, i.included, i.has_predicate, i.parent) for i in r.indexes},
        "parents": r.parents,
        "children": set(r.children),
        "partition": (r.is_partition, r.default_partition),
        "owner": (r.owner, r.owned_by),
        "triggers": {(t.name, t.enabled) for t in r.triggers},
        "reads": set(catalog.reads.get(r.key, ())) if r.kind in ("v", "m") else set(),
    }


def differences(server: Catalog, followed: Catalog) -> list[str]:
    """Where a followed catalog is not what the server shows, one phrase for each relation and aspect."""
    theirs, ours = shape(server), shape(followed)
    found = [f"missing {k}" for k in theirs.keys() - ours.keys()] + [f"extra {k}" for k in ours.keys() - theirs.keys()]
    for key in theirs.keys() & ours.keys():
        for name, value in theirs[key].items():
            if ours[key].get(name) != value:
                found.append(f"{key[1]} {name}: {_apart(value, ours[key].get(name))}")
    return found


def _apart(server: object, followed: object) -> str:
    if isinstance(server, set) and isinstance(followed, set):
        server, followed = server - followed, followed - server
    return f"server {server}, followed {followed}"
