"""Sequences that have no value left, or next to none, for the columns that the migration leaves to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration.catalog import Catalog, Column, Relation, RelationKey
from runbook.migration.model import Statement
from runbook.migration.written import target, written
from runbook.postgres.rows import SequenceRow
from runbook.sql import quote_ident, quote_qualified
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.failing import statement_at_fault

_BITS = {"smallint": 16, "integer": 32, "bigint": 64}
_NEARLY = 100  # a hundredth of all values
_ENOUGH = 20


def state(facts: Facts, case: Case) -> None:
    """State ``data.spent_sequences``."""
    id_, side = "data.spent_sequences", case.production
    if side is None or side.catalog is None or not side.ok("sequences"):
        facts.unknown(id_, side.why_not("sequences") if side is not None else "no production side was given")
        return
    found: dict[str, dict[str, Any]] = {}
    for relation, column, sequence in _fed(case, side.catalog):
        row = next((r for r in side.rows("sequences") if (r.schema, r.name) == sequence), None)
        spent = _spent(row, relation, column) if row is not None else None
        if spent is not None:
            found.setdefault(spent["sequence"], spent)
    named = _named(case, side)
    if named is not None:
        found[named["sequence"]] = named
    because = f"{len(found)} of the sequences that feed what the migration writes"
    readings = "production/sequences production/columns"
    facts.know(id_, list(found.values())[:_ENOUGH], because, side="production", readings=readings)


def _statements(case: Case) -> tuple[Statement, ...]:
    fault = statement_at_fault(case)
    if case.error is not None:
        return (fault.statement,) if fault is not None else ()
    return case.migration.statements if case.migration is not None else ()


def _fed(case: Case, catalog: Catalog) -> Iterator[tuple[Relation, Column, RelationKey]]:
    """The columns that statements leave to a sequence."""
    for statement in _statements(case):
        name = target(statement.node)
        relation = catalog.find(name.schema, name.name) if name is not None else None
        does = written(statement.node, relation) if relation is not None else None
        if relation is None or does is None:
            continue
        for column in (c for c in relation.columns if c.name in does.left):
            sequence = sequence_of(catalog, relation, column)
            if sequence is not None:
                yield relation, column, sequence


def sequence_of(catalog: Catalog, relation: Relation, column: Column) -> RelationKey | None:
    """The sequence that its default calls, or that its identity is."""
    if column.default_sequences:
        return column.default_sequences[0]
    if not column.identity:
        return None
    owned = catalog.owned_sequences.get(relation.key, ())
    return next((k for k in owned if catalog.relations[k].owned_by == (relation.key, column.name)), None)


def _spent(row: SequenceRow, relation: Relation | None, column: Column | None) -> dict[str, Any] | None:
    """One sequence, when at most a hundredth of its values is left; None while there are more, or nobody knows."""
    up = row.increment > 0
    bits = _BITS.get(column.type) if column is not None else None
    limit = row.maximum if up else row.minimum
    of_column = (2 ** (bits - 1) - 1 if up else -(2 ** (bits - 1))) if bits is not None else limit
    bound_by_column = of_column < limit if up else of_column > limit
    limit = of_column if bound_by_column else limit
    if row.cycle or row.last_value is None:
        return None
    if bound_by_column and column is not None and column.identity:
        return None  # measured on 12 and 18: it goes on at the other end of the column's type, without an error
    left = max(0, (limit - row.last_value) // row.increment)
    if left * _NEARLY * abs(row.increment) > abs(limit):
        return None
    return _row(row, relation, column, limit, left, "column" if bound_by_column else "sequence")


def _row(
    row: SequenceRow, relation: Relation | None, column: Column | None, limit: int, left: int, bound_by: str
) -> dict[str, Any]:
    return {
        "sequence": quote_qualified(row.schema, row.name),
        "sequence_type": row.type,
        "relation": relation.qualified if relation is not None else "",
        "column": quote_ident(column.name) if column is not None else "",
        "column_type": column.type if column is not None else "",
        "identity": column is not None and bool(column.identity),
        "increment": row.increment,
        "limit": limit,
        "left": left,
        "bound_by": bound_by,
    }


def _named(case: Case, side: SideCase) -> dict[str, Any] | None:
    """The sequence that the error names (2200H): it has nothing left, whether its last value could be read or not."""
    error = case.error
    name = error.subject.relation if error is not None and error.sqlstate == "2200H" else None
    row = next((r for r in side.rows("sequences") if r.name == name), None) if name is not None else None
    if row is None or side.catalog is None:
        return None
    for relation in side.catalog.relations.values():
        for column in relation.columns:
            if sequence_of(side.catalog, relation, column) == (row.schema, row.name):
                return _row(row, relation, column, row.maximum if row.increment > 0 else row.minimum, 0, "sequence")
    return _row(row, None, None, row.maximum if row.increment > 0 else row.minimum, 0, "sequence")
