"""What the migration has left in the tables it changed: plans made from old or missing statistics, rows that are dead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, RelationKey
from runbook.migration.model import Migration
from runbook.postgres.rows import ColumnStatisticsRow, HorizonRow, RelationRow
from runbook.sql import quote_ident
from runbook.triage.case import Case, Facts, SideCase

_FACTS = ("after.stale_statistics", "after.bloated", "after.horizon")
_READS = frozenset({"read", "reference", "lock", "drop"})
_ROWS = 1000
"""Tables with fewer rows are not asked for their statistics: they are read whole, whatever those say."""
_MANY = 10_000
"""Changed or dead rows from which they are felt."""
_WASTE_BYTES = 8 << 20
_TUPLE_BYTES, _PAGE_HEADER_BYTES = 28, 24
"""Header (23, aligned to 24) and line pointer (4) of a row, and the header of a page. Source: "Database Page Layout"."""


def state(facts: Facts, case: Case) -> None:
    """State ``after.stale_statistics``, ``after.bloated`` and ``after.horizon``."""
    side, migration = case.production, case.whole or case.migration
    if side is None or side.catalog is None or migration is None or not case.given:
        known = side is not None and side.catalog is not None
        facts.unknown_all(list(_FACTS), "no migration was given" if known else "production's catalog is not known")
        return
    changed = _changed(migration, side.catalog)
    rows = [r for r in side.rows("relations") if (r.schema, r.name) in changed and r.kind in ("r", "m", "p")]
    if not side.ok("column_statistics"):
        facts.unknown_all(list(_FACTS[:2]), side.why_not("column_statistics"))
    else:
        statistics = _by_table(side)
        because = "what the migration changes, and production's counters and statistics of it now"
        shaped = _new_shapes(migration, side.catalog)
        stale = [found for row in rows if (found := _stale(row, statistics.get(row.oid, []), side, shaped)) is not None]
        facts.know(_FACTS[0], stale, because, side="production", readings="relations column_statistics settings")
        bloated = [found for row in rows if (found := _bloated(row, statistics.get(row.oid, []), side)) is not None]
        facts.know(_FACTS[1], bloated, because, side="production", readings="relations column_statistics settings")
    if not side.ok("horizon"):
        facts.unknown(_FACTS[2], side.why_not("horizon"))
        return
    holders: list[HorizonRow] = [
        r for r in side.rows("horizon") if r.this_database and (r.age_s is None or r.age_s > 60)
    ]
    oldest = [{"kind": r.kind, "name": r.name, "pid": r.pid or 0, "age_s": r.age_s} for r in holders[:5]]
    facts.know(_FACTS[2], oldest, "oldest first", side="production", readings="horizon")


def _changed(migration: Migration, catalog: Catalog) -> frozenset[RelationKey]:
    """Existing relations whose rows or columns the migration changes, or that it indexes."""
    keys: set[RelationKey] = set()
    for statement in migration.statements:
        for use in ast.relations_used(statement.node) if statement.node is not None else ():
            relation = catalog.find(use.name.schema, use.name.name) if use.use not in _READS else None
            if relation is not None:
                keys.add(relation.key)
    return frozenset(keys)


def _new_shapes(migration: Migration, catalog: Catalog) -> Mapping[RelationKey, tuple[set[str], set[str]]]:
    """The columns that the migration gives another type, and those that it adds, by table."""
    found: dict[RelationKey, tuple[set[str], set[str]]] = {}
    for statement in migration.statements:
        if not ast.is_node(statement.node, "AlterTableStmt"):
            continue
        name = ast.relation_name(statement.node.relation)
        relation = catalog.find(name.schema, name.name)
        if relation is not None:
            retyped, added = found.setdefault(relation.key, (set(), set()))
            retyped |= {c.name for c in ast.alter_commands(statement.node) if c.type == "AT_AlterColumnType"}
            added |= {c.name for c in ast.column_specs(statement.node)}
    return found


def _by_table(side: SideCase) -> Mapping[int, list[ColumnStatisticsRow]]:
    found: dict[int, list[ColumnStatisticsRow]] = {}
    for row in side.rows("column_statistics"):
        found.setdefault(row.table_oid, []).append(row)
    return found


def _live(row: RelationRow) -> float:
    return max(row.rows, row.live_tuples or 0, 0)


def _stale(
    row: RelationRow,
    statistics: list[ColumnStatisticsRow],
    side: SideCase,
    shaped: Mapping[RelationKey, tuple[set[str], set[str]]],
) -> dict[str, Any] | None:
    """What the planner gets wrong about a table: rows that changed since ANALYZE, columns that it knows nothing of."""
    own = next((s for s in statistics if s.relation_oid == row.oid), None)
    # where no column has any, nobody analyses the table: that is no work of the migration
    unknown = own.without if own is not None and own.known else ()
    retyped, added = shaped.get((row.schema, row.name), (set[str](), set[str]()))
    lost, new = [c for c in unknown if c in retyped], [c for c in unknown if c in added - retyped]
    expressions = [s.name for s in statistics if s.relation_oid != row.oid and s.without]
    modified, live = row.modified_since_analyze or 0, _live(row)
    many = live >= _MANY and modified >= max(_MANY, live / 5) and modified > _threshold(row, side, "analyze", 0.1)
    reasons = (
        ("type changed", lost),
        ("rows changed", many),
        ("expression indexed", expressions),
        ("column added", new),
    )
    why = next((reason for reason, found in reasons if found), None)
    if why is None:
        return None
    return {
        "relation": row.qualified,
        "why": why,
        "rows": int(live),
        "modified": modified if many else 0,
        "last_analyze_s": row.last_analyze_age_s,
        "columns": [quote_ident(c) for c in (*lost, *new)],
        "expressions": [quote_ident(i) for i in expressions],
        "autovacuum": _autovacuum(row, side),
    }


def _bloated(row: RelationRow, statistics: list[ColumnStatisticsRow], side: SideCase) -> dict[str, Any] | None:
    """A table with many dead rows, or one that takes far more room than its rows do."""
    dead, live = row.dead_tuples or 0, _live(row)
    own = next((s for s in statistics if s.relation_oid == row.oid), None)
    needed = _needed(row, own, side) if own is not None and own.known and not (own.without or own.hidden) else None
    wasted = row.bytes - needed if needed is not None else 0
    many = dead >= _MANY and dead > _threshold(row, side, "vacuum", 0.2)
    if row.kind == "p" or not (many or (needed is not None and wasted >= _WASTE_BYTES and wasted >= 0.8 * needed)):
        return None
    return {
        "relation": row.qualified,
        "why": "dead rows" if many else "empty pages",
        "rows": int(live),
        "dead": dead,
        "bytes": row.bytes + row.index_bytes + row.toast_bytes,
        "wasted_bytes": max(0, int(wasted)),
        "last_vacuum_s": row.last_vacuum_age_s,
        "autovacuum": _autovacuum(row, side),
    }


def _needed(row: RelationRow, own: ColumnStatisticsRow, side: SideCase) -> float | None:
    """Bytes that the rows would take, packed: an estimate, a tenth or so too low where columns are padded."""
    identity = side.identity
    block = side.catalog.block_size if side.catalog is not None and identity is not None else 8192
    fill = float(_options(row).get("fillfactor") or 100) / 100
    if row.rows < _ROWS:
        return None
    usable = (block - _PAGE_HEADER_BYTES) * fill
    return row.rows * (_TUPLE_BYTES + 8 * -(-own.width_bytes // 8)) / usable * block


def _options(row: RelationRow) -> dict[str, str]:
    return dict(option.split("=", 1) for option in row.options if "=" in option)


def _threshold(row: RelationRow, side: SideCase, kind: str, factor: float) -> float:
    """Changed or dead rows from which autovacuum acts (autovacuum.c, relation_needs_vacanalyze)."""
    settings, own = {s.name: s.value for s in side.rows("settings")}, _options(row)
    base = own.get(f"autovacuum_{kind}_threshold") or settings.get(f"autovacuum_{kind}_threshold") or 50
    scale = own.get(f"autovacuum_{kind}_scale_factor") or settings.get(f"autovacuum_{kind}_scale_factor") or factor
    return float(base) + float(scale) * max(row.rows, 0.0)


def _autovacuum(row: RelationRow, side: SideCase) -> str:
    """Whether autovacuum will come by itself: on, off (on the server), off for the table, never (a partitioned table)."""
    if row.kind == "p":
        return "never"
    if _options(row).get("autovacuum_enabled", "true").lower() in ("false", "off", "no", "0"):
        return "off for the table"
    return next((("on" if s.value == "on" else "off") for s in side.rows("settings") if s.name == "autovacuum"), "on")
