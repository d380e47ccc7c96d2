"""Tables that the statement at fault uses and that are partitioned on production."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.objects import find_index
from runbook.sql import quote_ident
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault, parts_of

_STRATEGIES = {"r": "range", "l": "list", "h": "hash"}


def state(facts: Facts, case: Case, fault: AtFault | None) -> None:
    """State ``dependency.partitioned``."""
    id_ = "dependency.partitioned"
    production = case.production.catalog if case.production is not None else None
    if fault is None or fault.statement.node is None or production is None:
        facts.unknown(id_, "production's catalog is not known" if fault else "no statement is known to be at fault")
        return
    local = case.local.catalog if case.local is not None else None
    found = {r.key: r for r in _relations(fault, production) if r.kind == "p"}
    rows = [_row(r, production, local) for r in found.values()]
    facts.know(
        id_,
        rows,
        f"{len(rows)} on production",
        side="production",
        readings="production/relations production/inheritance",
    )


def _relations(fault: AtFault, catalog: Catalog) -> Iterator[Relation]:
    for use in ast.relations_used(fault.statement.node):
        found = catalog.find(use.name.schema, use.name.name)
        if found is not None:
            yield found
    index = parts_of(fault.statement).index
    owner = find_index(catalog, index.schema, index.name) if index is not None else None
    if owner is not None:
        yield owner[0]


def _row(relation: Relation, production: Catalog, local: Catalog | None) -> dict[str, Any]:
    mine = local.find(relation.schema, relation.name) if local is not None else None
    if mine is None:
        on_local = "not there" if local is not None else "not known"
    else:
        on_local = "partitioned" if mine.kind == "p" else "not partitioned"
    return {
        "relation": relation.qualified,
        "key": [quote_ident(c) for c in relation.partition_key],
        "strategy": _STRATEGIES.get(relation.partition_strategy or "", ""),
        "partitions": len(_below(relation, production)),
        "on_local": on_local,
    }


def _below(relation: Relation, catalog: Catalog) -> list[Relation]:
    """Every partition, at any depth."""
    found: list[Relation] = []
    for key in relation.children:
        child = catalog.relations.get(key)
        if child is not None:
            found += [child, *_below(child, catalog)]
    return found
