"""Rows that a statement writes itself: keys that are taken (23505), parents that are not there (23503), or are needed.

Only what stands in the statement as constants is asked for: VALUES of an INSERT; the WHERE of a DELETE.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration.ast import columns_used, functions_used, is_node, is_null, relations_used, unwrap
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.data_checks.make import Question, check, helping_index, offenders
from runbook.migration.data_checks.present import Present, Table
from runbook.migration.data_checks.rows import points_here
from runbook.migration.deparse import expression_text
from runbook.migration.effects.volatility import volatility
from runbook.migration.result import DataCheck

_MOST_ROWS = 200  # of VALUES, that a query repeats


def inserted(node: Any, present: Present, catalog: Catalog) -> Iterator[DataCheck]:
    """INSERT ... VALUES of constants."""
    relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
    select = unwrap(node.select_stmt) if node.HasField("select_stmt") else None
    if (
        relation is None
        or select is None
        or not is_node(select, "SelectStmt")
        or not select.values_lists
        or node.HasField("with_clause")
    ):
        return
    given = [t.name for item in node.cols if (t := unwrap(item)) is not None]
    columns = given or [c.name for c in relation.columns]
    rows = [[_constant(v, catalog) for v in unwrap(r).items] for r in select.values_lists]
    if len(rows) > _MOST_ROWS:
        return
    table = present.table(relation, catalog)
    if not node.HasField("on_conflict_clause") and not table.is_new:
        for index in relation.indexes:
            names = [c for c in index.columns if c is not None]
            if not index.unique or index.has_expressions or index.has_predicate or not set(names) <= set(columns):
                continue
            found = _columns_of(rows, columns, names)
            if found:
                title = ", ".join(names)
                because = f"the ({title}) that it inserts must not be taken in {relation.qualified}"

                def taken(names: list[str] = names, found: list[list[str]] = found) -> Question:
                    left = ", ".join(table.value(n).sql for n in names)
                    right = ", ".join(f"({', '.join(r)})" for r in found)
                    condition = f"({left}) IN ({right})"
                    return offenders(table, condition, index=helping_index(table, list(names)))

                yield check("23505", because, taken)
    yield from _parents(relation, rows, columns, present, catalog)


def _constant(node: Any, catalog: Catalog) -> str | None:
    """A value as SQL, where it is the same whoever computes it; ``NULL`` for a null, None for anything else."""
    value = unwrap(node)
    if value is None or is_node(value, "SetToDefault") or columns_used(value) or relations_used(value):
        return None
    if is_null(value):
        return "NULL"
    if functions_used(value) and volatility(value, catalog).volatile:
        return None
    return expression_text(value)


def _columns_of(rows: list[list[str | None]], columns: list[str], names: list[str]) -> list[list[str]]:
    """The values of some columns, of the rows that have all of them, and none null."""
    at = [columns.index(n) for n in names]
    found = [[row[i] if i < len(row) else None for i in at] for row in rows]
    return [[v for v in row if v is not None] for row in found if all(v not in (None, "NULL") for v in row)]


def _parents(
    relation: Relation, rows: list[list[str | None]], columns: list[str], present: Present, catalog: Catalog
) -> Iterator[DataCheck]:
    for constraint in relation.constraints:
        if constraint.kind != "f" or not constraint.enforced or constraint.references in (None, relation.key):
            continue
        target = catalog.relations.get(constraint.references) if constraint.references is not None else None
        if target is None or constraint.deferrable or not set(constraint.columns) <= set(columns):
            continue
        found = _columns_of(rows, columns, list(constraint.columns))
        if not found:
            continue
        parent = present.table(target, catalog)
        because = f"the ({', '.join(constraint.columns)}) that it inserts must exist in {target.qualified}"
        referenced = constraint.referenced_columns

        def missing(
            parent: Table = parent, found: list[list[str]] = found, referenced: tuple[str, ...] = referenced
        ) -> Question:
            source = parent.source
            names = [f"v{n}" for n in range(1, len(referenced) + 1)]
            kinds = [c.type if (c := parent.column(r)) is not None else "text" for r in referenced]
            values = ", ".join(
                "(" + ", ".join(f"CAST({v} AS {k})" for v, k in zip(r, kinds, strict=True)) + ")" for r in found
            )
            on = " AND ".join(f"{parent.value(r, 'p.').sql} = v.{n}" for r, n in zip(referenced, names, strict=True))
            sql = (
                f"SELECT {', '.join(names)}\nFROM (VALUES {values}) AS v({', '.join(names)})\n"
                f"WHERE NOT EXISTS (SELECT FROM {source} AS p WHERE {on})\nLIMIT 5"
            )
            return Question(sql, (parent,), (), helping_index(parent, list(referenced)))

        yield check("23503", because, missing)


def deleted(node: Any, present: Present, catalog: Catalog) -> Iterator[DataCheck]:
    """DELETE, of one table alone: rows of others may point to what goes."""
    relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
    if relation is None or node.using_clause or node.HasField("with_clause"):
        return
    where = unwrap(node.where_clause) if node.HasField("where_clause") else None
    if where is not None and relations_used(where):
        return
    table = present.table(relation, catalog)
    if not table.is_new:
        yield from points_here(table, where, catalog)
