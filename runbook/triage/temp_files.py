"""What a process may write to temporary files, and what the migration's index builds have to.

Measured on 12 to 18: ``temp_file_limit`` holds for each process by itself, so parallel workers share a sort out among
their limits. A parallel build goes through files however much memory it has; one without workers does not once
``maintenance_work_mem`` holds the sort. Temporary tables do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Column, Index, Relation
from runbook.migration.effects.types import BUILT_IN, FIXED_LENGTH
from runbook.migration.model import Statement
from runbook.migration.result import StatementForecast
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.failing import parts_of
from runbook.triage.settings import Effective, effective_settings
from runbook.triage.sizes import find

_NAMED = re.compile(r"temp_file_limit.*?\((\d+)\s*kB\)", re.S)
"""FileWrite (fd.c): the setting and its value stand in the message in every language."""

_TUPLE_HEADER, _LENGTH_WORD = 8, 4  # IndexTupleData with its alignment, and the length before it on tape (tuplesort)
_SORT_TUPLE = 48  # SortTuple, in an array that is doubled when it is full
_PARALLEL_TABLE_BYTES = 8 << 20  # min_parallel_table_scan_size
_PARALLEL_MEMORY = 64 << 20  # plan_create_index_workers: 32 MB for each process, or there is no worker
_SHOWN = 20  # of many builds the largest are told
_MOST_WORKERS = 8  # where nobody told how many there may be


def state(facts: Facts, case: Case) -> None:
    """State ``disk.temp_limit_*`` and ``disk.sorts*``."""
    limit = _state_limit(facts, case.production, "disk.temp_limit_bytes", "disk.temp_limit_source")
    _state_limit(facts, case.local, "disk.temp_limit_local_bytes")
    named = _NAMED.search(case.error.message) if case.error is not None else None
    if named is None:
        facts.unknown("disk.temp_limit_in_error_bytes", "the error names no limit of temporary files")
    else:
        facts.know("disk.temp_limit_in_error_bytes", int(named[1]) * 1024, "the error names it")
    sorts = index_sorts(case)
    if sorts is None:
        reason = "no migration was given" if case.migration is None else "production's catalog is not known"
        facts.unknown_all(["disk.sorts", "disk.sorts_over_limit"], reason)
        return
    facts.know(
        "disk.sorts",
        sorts[:_SHOWN],
        f"{len(sorts)} indexes are built",
        readings="production/indexes production/columns",
    )
    if limit is None:
        facts.unknown("disk.sorts_over_limit", "temp_file_limit is not known")
        return
    over = [sort for sort in sorts if 0 <= limit < sort["one_process_bytes"]]
    facts.know(
        "disk.sorts_over_limit",
        over[:_SHOWN],
        f"{len(over)} index builds need more temporary files than they may write",
    )


def index_sorts(case: Case) -> list[dict[str, Any]] | None:
    """The indexes that the statement at fault builds (without one: all that are yet to run), see ``disk.sorts``."""
    side = case.production
    if side is None or side.catalog is None or case.migration is None:
        return None
    settings = effective_settings(side) if side.ok("settings") else {}
    found = [s for one, told in at_stake(case) for s in _sorts(one, told, side.catalog, settings)]
    return sorted(found, key=lambda s: -s["files_bytes"])


def at_stake(case: Case) -> Iterator[tuple[Statement, StatementForecast]]:
    """The statement at fault with its forecast; where none is, all statements that are yet to run."""
    if case.migration is None or case.forecast is None:
        return
    forecasts = {told.index: told for told in case.forecast.statements}
    for statement in [case.failing] if case.failing is not None else case.migration.statements:
        if (told := forecasts.get(statement.index)) is not None:
            yield statement, told


def _state_limit(facts: Facts, side: SideCase | None, id_: str, source: str | None = None) -> int | None:
    ids = [id_, source] if source else [id_]
    setting = effective_settings(side).get("temp_file_limit") if side is not None and side.ok("settings") else None
    if setting is None or setting.number is None:
        reason = "this side was not given" if side is None else f"temp_file_limit of {side.name} was not read"
        facts.unknown_all(ids, reason)
        return None
    limit = -1 if setting.number < 0 else int(setting.number)
    assert side is not None
    because = f"temp_file_limit = {setting.shown} ({setting.source})"
    readings = f"{side.key}/settings {side.key}/role_settings"
    facts.know(id_, limit, because, readings=readings)
    if source:
        facts.know(source, setting.source, because, readings=readings)
    return limit


def _sorts(
    statement: Statement, forecast: StatementForecast, catalog: Catalog, settings: Mapping[str, Effective]
) -> Iterator[dict[str, Any]]:
    """One row for each B-tree that the statement builds over all rows of a table that was there before."""
    for name, relation, columns in _builds(statement, forecast, catalog):
        if relation.rows < 1 or relation.created_here:
            continue
        rows = int(relation.rows)
        low, high = _tuple_bytes(relation, columns)
        yield {
            "relation": relation.qualified,
            "index": name,
            "sql": statement.sql,
            "file": statement.file,
            "line": statement.line,
            "rows": rows,
            "files_bytes": rows * (high + _LENGTH_WORD),
            "one_process_bytes": _by_one_process(relation, rows, low, settings),
            "memory_bytes": rows * (_SORT_TUPLE + 2 * high),
        }


def _by_one_process(relation: Relation, rows: int, tuple_bytes: int, settings: Mapping[str, Effective]) -> int:
    """The least that the busiest process writes to files; 0 where the sort may stay in memory."""
    memory = _bytes(settings, "maintenance_work_mem")
    workers = _least(_bytes(settings, n) for n in ("max_parallel_maintenance_workers", "max_parallel_workers"))
    in_memory = memory is None or memory >= rows * (tuple_bytes + _SORT_TUPLE // 2)
    parallel = bool(workers) and relation.bytes >= _PARALLEL_TABLE_BYTES and (memory or 0) >= _PARALLEL_MEMORY
    if in_memory and not parallel:
        return 0
    return rows * (tuple_bytes + _LENGTH_WORD) // (1 + (_MOST_WORKERS if workers is None else workers))


def _builds(
    statement: Statement, forecast: StatementForecast, catalog: Catalog
) -> Iterator[tuple[str, Relation, tuple[str, ...] | None]]:
    """Name, table and columns (None: expressions) of each such index."""
    node = statement.node
    if node is None or not (forecast.index_builds or _plain_build(node)):
        return
    parts = parts_of(statement)
    relation = catalog.find(parts.relation.schema, parts.relation.name) if parts.relation is not None else None
    if relation is not None and parts.index is not None:
        if _plain_build(node) or (parts.unique and parts.constraint and forecast.index_builds):
            yield parts.index.name, relation, parts.columns or None
        return
    for name in forecast.rewrites:  # a rewritten table gets its indexes anew
        table = find(catalog, name)
        for index in table.indexes if table is not None else ():
            if table is not None and _sorted(index):
                yield index.name, table, _names(index)


def _plain_build(node: Any) -> bool:
    """A B-tree over all rows; also one whose name an earlier, failed try has left behind."""
    if ast.node_name(node) != "IndexStmt":
        return False
    return not ast.has(node, "where_clause") and (node.access_method or "btree") == "btree"


def _sorted(index: Index) -> bool:
    return index.method == "btree" and not index.has_predicate and index.live


def _names(index: Index) -> tuple[str, ...] | None:
    named = tuple(c for c in index.columns if c is not None)
    return named if len(named) == len(index.columns) else None


def _tuple_bytes(relation: Relation, columns: tuple[str, ...] | None) -> tuple[int, int]:
    """An index tuple (at least, at most on the average): a variable value is as long as the table's whole rows at most."""
    by_name = {c.name: c for c in relation.columns}
    found = [by_name.get(c) for c in columns] if columns is not None else [None]
    row = relation.bytes / relation.rows
    low = sum(_width(c) or 0 for c in found if c is not None and c.not_null)
    high = sum(float(w) if (w := _width(c)) is not None else row for c in found)
    return _TUPLE_HEADER + max(_aligned(low), 8), _TUPLE_HEADER + _aligned(int(min(high, 2704)))  # BTMaxItemSize


def _width(column: Column | None) -> int | None:
    return FIXED_LENGTH.get(BUILT_IN.get(column.type, column.type)) if column is not None else None


def _aligned(width: int) -> int:
    return (width + 7) // 8 * 8


def _bytes(settings: Mapping[str, Effective], name: str) -> int | None:
    setting = settings.get(name)
    return int(setting.number) if setting is not None and setting.number is not None else None


def _least(numbers: Iterable[int | None]) -> int | None:
    known = [n for n in numbers if n is not None]
    return min(known) if known else None
