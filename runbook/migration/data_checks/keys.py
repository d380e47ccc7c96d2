"""Two rows alike under a new unique index or key (23505), two that exclude each other (23P01), keys too large (54000).

Two nulls are not alike unless NULLS NOT DISTINCT says so. Equality is the one that the index would use: the column's
type and collation, or the collation that the index names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runbook.migration.ast import ConstraintSpec, is_node, qualified, strings, unwrap
from runbook.migration.data_checks.make import LIMIT, Question, any_row, check, helping_index
from runbook.migration.data_checks.present import NoQuery, NotYet, Table
from runbook.migration.result import DataCheck
from runbook.sql import quote_ident, quote_qualified


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a key: a column or an expression, with what the index says of its collation."""

    column: str | None = None
    expression: Any = None
    collation: str | None = None  # as SQL

    def sql(self, table: Table, prefix: str = "") -> str:
        text = table.value(self.column, prefix).sql if self.column else f"({table.expression(self.expression, prefix)})"
        return f"{text} COLLATE {self.collation}" if self.collation else text


def parts_of_index(elements: Any) -> tuple[Part, ...]:
    """The key of CREATE INDEX or EXCLUDE: a list of IndexElem nodes."""
    return tuple(_part(e) for item in elements if is_node(e := unwrap(item), "IndexElem"))


def _part(element: Any) -> Part:
    collation = None
    if element.collation:
        name = qualified(element.collation)
        collation = quote_qualified(name.schema, name.name)
    if element.name:
        return Part(column=element.name, collation=collation)
    return Part(expression=unwrap(element.expr), collation=collation)


def unique(
    table: Table, parts: tuple[Part, ...], *, predicate: Any = None, nulls_alike: bool = False, because: str = ""
) -> Iterator[DataCheck]:
    """What a unique index over ``parts`` needs of the rows."""
    if table.is_new or any(p.column is not None and table.fills_itself(p.column) for p in parts):
        return
    titles = ", ".join(p.column or "an expression" for p in parts)
    because = because or f"no two rows of {table.relation.qualified} may be alike in ({titles})"
    if predicate is None and all(p.column is not None and _same(table, p.column) for p in parts):
        if nulls_alike or not any(p.column is not None and _null(table, p.column) for p in parts):
            why = f"every row of {table.relation.qualified} gets the same ({titles}): there may be one at most"
            yield check("23505", why, lambda: any_row(table, more_than=1))
        return
    yield check("23505", because, lambda: _duplicates(table, parts, predicate, nulls_alike))


def _same(table: Table, column: str) -> bool:
    try:
        return table.value(column).same
    except (NotYet, NoQuery):
        return False


def _null(table: Table, column: str) -> bool:
    return table.value(column).null


def _duplicates(table: Table, parts: tuple[Part, ...], predicate: Any, nulls_alike: bool) -> Question:
    names = [f"k{n}" for n in range(1, len(parts) + 1)]
    key = table.numeric_key()
    found = [f"{p.sql(table)} AS {n}" for p, n in zip(parts, names, strict=True)]
    if key is not None:
        found.append(f"{key} AS row_key")
    where = f"\n    WHERE {table.expression(predicate)}" if predicate is not None else ""
    shown = ["count(*) AS rows_alike", *(["min(row_key) AS first_key", "max(row_key) AS last_key"] if key else [])]
    not_null = "" if nulls_alike else "\nWHERE " + " AND ".join(f"{n} IS NOT NULL" for n in names)
    sql = (
        f"SELECT {', '.join(shown)}\nFROM (\n    SELECT {', '.join(found)}\n    FROM {table.source}{where}\n) AS keys"
        f"{not_null}\nGROUP BY {', '.join(names)}\nHAVING count(*) > 1\nLIMIT {LIMIT}"
    )
    expressions = tuple(p.expression for p in parts if p.expression is not None)
    if predicate is not None:
        expressions += (predicate,)
    index = helping_index(table, [p.column for p in parts]) if predicate is None else None
    return Question(sql, (table,), expressions, index)


# -- EXCLUDE --------------------------------------------------------------------------------------------------------


def excluded(table: Table, spec: ConstraintSpec) -> Iterator[DataCheck]:
    """What an EXCLUDE constraint needs of the rows."""
    pairs = [unwrap(item).items for item in spec.node.exclusions]
    parts = tuple(_part(unwrap(pair[0])) for pair in pairs)
    operators = tuple(_operator(unwrap(pair[1])) for pair in pairs)
    predicate = unwrap(spec.node.where_clause) if spec.node.HasField("where_clause") else None
    yield from _conflicts(table, parts, operators, predicate)


def without_overlaps(table: Table, columns: tuple[str, ...]) -> Iterator[DataCheck]:
    """PRIMARY KEY or UNIQUE (..., period WITHOUT OVERLAPS): equal in all but the last, which may not overlap."""
    if table.is_new:
        return
    parts = tuple(Part(column=c) for c in columns)
    yield from _conflicts(table, parts, (*["="] * (len(parts) - 1), "&&"), None)
    from runbook.migration.data_checks.make import offenders

    last = columns[-1]
    because = f"no row may have an empty range in column {last}"
    yield check("23514", because, lambda: offenders(table, f"isempty({table.value(last).sql})"))


def _conflicts(
    table: Table, parts: tuple[Part, ...], operators: tuple[str, ...], predicate: Any
) -> Iterator[DataCheck]:
    if table.is_new:
        return
    titles = ", ".join(f"{p.column or 'an expression'} with {o}" for p, o in zip(parts, operators, strict=True))
    because = f"no two rows of {table.relation.qualified} may conflict in ({titles})"
    yield check("23P01", because, lambda: _pairs(table, parts, operators, predicate))


def _pairs(table: Table, parts: tuple[Part, ...], operators: tuple[str, ...], predicate: Any) -> Question:
    names = [f"k{n}" for n in range(1, len(parts) + 1)]
    keys = [f"{k} AS key{n}" for n, k in enumerate(table.keys(), 1)]
    found = ", ".join(
        [f"{p.sql(table)} AS {n}" for p, n in zip(parts, names, strict=True)]
        + [*keys, "tableoid AS part", "ctid AS place"]
    )
    where = f" WHERE {table.expression(predicate)}" if predicate is not None else ""
    rows = f"(SELECT {found} FROM {table.source}{where})"
    on = " AND ".join(f"a.{n} {o} b.{n}" for n, o in zip(names, operators, strict=True))
    shown = ", ".join(f"{side}.key{n} AS {side}_key{n}" for side in "ab" for n in range(1, len(keys) + 1))
    sql = (
        f"SELECT {shown}\nFROM {rows} AS a\nJOIN {rows} AS b\n"
        f"  ON (a.part, a.place) < (b.part, b.place) AND {on}\nLIMIT {LIMIT}"
    )
    expressions = tuple(p.expression for p in parts if p.expression is not None)
    return Question(sql, (table,), (*expressions, predicate) if predicate is not None else expressions)


def _operator(node: Any) -> str:
    names = strings(node.items)
    if len(names) == 1:
        return names[0]
    return f"OPERATOR({'.'.join(quote_ident(n) for n in names[:-1])}.{names[-1]})"


# -- size -----------------------------------------------------------------------------------------------------------

# A btree entry must fit a third of a page. Source: BTMaxItemSize (nbtree.h) for pages of 8 kB.
LARGEST_ENTRY = 2704
_UNBOUNDED = frozenset({"text", "character varying", "bytea", "jsonb", "citext"})


def too_large(table: Table, parts: tuple[Part, ...]) -> Iterator[DataCheck]:
    """Values that may not fit an index of the kind btree. What is stored compressed may fit all the same."""
    if table.is_new or not table.relation.oid:
        return
    from runbook.migration.data_checks.make import offenders

    wide = [
        p.column
        for p in parts
        if p.column is not None
        and (column := table.column(p.column)) is not None
        and column.type in _UNBOUNDED
        and not 0 < column.typmod < LARGEST_ENTRY // 4
        and (table.relation.has_toast is not False)
    ]
    for name in wide:
        because = f"a value of column {name} over {LARGEST_ENTRY} bytes does not fit the index, unless it compresses"

        def ask(name: str = name) -> Question:
            value = table.value(name).sql
            kind = table.column(name)
            measured = value if kind is not None and kind.type == "bytea" else f"{value}::text"
            return offenders(table, f"octet_length({measured}) > {LARGEST_ENTRY}")

        yield check("54000", because, ask, certain=False)
