"""The statement that broke a constraint which production's catalog has, where the error names no table and shows no SQL."""

from __future__ import annotations

from runbook.failure.report import ErrorReport
from runbook.migration.catalog import Catalog, RelationKey
from runbook.migration.model import Migration, Statement
from runbook.migration.written import target
from runbook.triage.spent_sequences import sequence_of

_BROKEN_BY_ROWS = frozenset({"23505", "23514", "23503", "23P01"})


def writer(error: ErrorReport, migration: Migration, catalog: Catalog | None) -> Statement | None:
    """The only INSERT, UPDATE or COPY of a table that has what the error names; None where there are none or several.

    Drivers print ``duplicate key value violates unique constraint "t_pkey"`` and nothing else: whose key that is, the
    catalog knows. A constraint that the migration was just making is in no catalog.
    """
    if catalog is None:
        return None
    tables = _tables(error, catalog)
    found = []
    for statement in migration.statements if tables else ():
        name = target(statement.node)
        relation = catalog.find(name.schema, name.name) if name is not None else None
        if relation is not None and relation.key in tables:
            found.append(statement)
    return found[0] if len(found) == 1 else None


def _tables(error: ErrorReport, catalog: Catalog) -> frozenset[RelationKey]:
    """The tables whose constraint, index or sequence the error names, with the tables that they are partitions of."""
    constraint, sequence = error.subject.constraint, error.subject.relation
    found: set[RelationKey] = set()
    for relation in catalog.relations.values():
        if error.sqlstate in _BROKEN_BY_ROWS and constraint is not None:
            owns = relation.constraint(constraint) is not None or relation.index(constraint) is not None
            if owns and relation.kind in ("r", "p"):
                found |= {relation.key, *relation.parents}
        elif error.sqlstate == "2200H" and sequence is not None:
            feeds = (sequence_of(catalog, relation, c) for c in relation.columns)
            if any(key is not None and key[1] == sequence for key in feeds):
                found.add(relation.key)
    return frozenset(found)
