"""A check in the making: its query as text, what it costs, and why there is none where there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runbook.migration.catalog import Catalog, Relation
from runbook.migration.data_checks.present import NoQuery, NotYet, Table
from runbook.migration.edit import lineage
from runbook.migration.effects.volatility import volatility
from runbook.migration.result import DataCheck, DataCost
from runbook.sql import quote_qualified

LIMIT = 5
"""How many offenders a query brings: enough to look at, few enough to end early."""


@dataclass(frozen=True, slots=True)
class Question:
    """A query over one table or two, and what it evaluates that a program should look at before it runs it."""

    sql: str
    tables: tuple[Table, ...]
    expressions: tuple[Any, ...] = ()
    index: str | None = None
    by_error: bool = False


def check(sqlstate: str, because: str, ask: Callable[[], Question], *, certain: bool = True) -> DataCheck:
    """The check that ``ask`` makes, or one without a query that says why."""
    try:
        question = ask()
    except NotYet as error:
        why = f"{error.because}: it can be asked once statement {error.index} has run"
        return DataCheck(sqlstate, because, withheld=why, not_before=error.index, certain=certain)
    except NoQuery as error:
        return DataCheck(sqlstate, because, withheld=str(error), certain=certain)
    catalog = question.tables[0].catalog
    made = DataCheck(
        sqlstate,
        because,
        sql=question.sql,
        cost=_cost(question),
        by_error=question.by_error,
        certain=certain,
        withheld=_volatile(question.expressions, catalog),
        search_path=catalog.search_path,
    )
    after = question.tables[0].unsure_after
    return made if after is None else replace(made, certain=False)


def offenders(
    table: Table, condition: str, *, columns: Sequence[str] = (), expressions: tuple[Any, ...] = (),
    index: str | None = None, more: tuple[Table, ...] = (), alias: str = "",
) -> Question:  # fmt: skip
    """Rows of one table for which ``condition`` holds."""
    prefix = f"{alias}." if alias else ""
    shown = ", ".join([*table.keys(prefix), *columns])
    name = f" AS {alias}" if alias else ""
    sql = f"SELECT {shown}\nFROM {table.source}{name}\nWHERE {condition}\nLIMIT {LIMIT}"
    return Question(sql, (table, *more), expressions, index)


def any_row(table: Table, *, more_than: int = 0) -> Question:
    """Whether the table has more rows than that."""
    offset = f"\nOFFSET {more_than}" if more_than else ""
    keys = ", ".join(table.keys())
    return Question(f"SELECT {keys}\nFROM {table.source}{offset}\nLIMIT 1", (table,))


def evaluated(table: Table, expression: str, *, where: str = "", expressions: tuple[Any, ...] = ()) -> Question:
    """A query that brings nothing and computes ``expression`` for every row: it ends with the error of the first row
    for which that fails."""
    condition = f"\nWHERE {where}" if where else ""
    sql = f"SELECT count({expression}) AS converted\nFROM {table.source}{condition}\nHAVING count({expression}) < 0"
    return Question(sql, (table,), expressions, by_error=True)


def helping_index(table: Table, columns: Sequence[str | None], *, unique: bool | None = None) -> str | None:
    """An index of production that begins with these columns, in any order."""
    known = table.now
    if known is None:
        return None
    try:
        wanted = {table.value(c).sql for c in columns if c is not None}
    except (NotYet, NoQuery):
        return None
    if not wanted or len(wanted) != len(columns):
        return None
    from runbook.sql import quote_ident

    for index in known.indexes:
        leading = {quote_ident(c) for c in index.columns[: len(wanted)] if c is not None}
        if index.valid and not index.has_predicate and index.method == "btree" and leading == wanted:
            return quote_qualified(index.schema or known.schema, index.name)
    return None


def _cost(question: Question) -> DataCost:
    known = [t.now for t in question.tables if t.now is not None]
    names = tuple(dict.fromkeys(quote_qualified(r.schema, r.name) for r in known))
    sizes = [_size(t.catalog, t.now) for t in question.tables if t.now is not None]
    rows = [r for r, _ in sizes]
    size = [b for _, b in sizes]
    return DataCost(
        names,
        None if None in rows or not rows else sum(r for r in rows if r is not None),
        None if None in size or not size else sum(b for b in size if b is not None),
        question.index,
    )


def _size(catalog: Catalog, relation: Relation) -> tuple[float | None, int | None]:
    """Rows and bytes of a relation with what is below it; None where they were not read."""
    members = [m for m in lineage(catalog, relation) if m.kind in ("r", "m")] or [relation]
    rows = None if any(m.rows < 0 for m in members) else sum(m.rows for m in members)
    return rows, None if not relation.oid else sum(m.bytes for m in members)


def _volatile(expressions: tuple[Any, ...], catalog: Catalog) -> str | None:
    """Why no program should run it: it calls what may change something, or what nobody knows."""
    for expression in expressions:
        found = volatility(expression, catalog)
        if found.unknown is not None:
            return f"it calls {found.unknown}(), of which nothing is known"
        if found.volatile:
            return f"it calls {found.function}(), which is volatile"
    return None
