"""Column numbers: a table has 1600 for its whole life, and dropping a column gives none back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from runbook.failure.report import ErrorReport
from runbook.migration import ast
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.model import Statement
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.failing import parts_of
from runbook.triage.together import in_its_transaction

_MOST = 1600  # MaxHeapAttributeNumber (htup_details.h)
_SHOWN = 12


def state(facts: Facts, case: Case) -> None:
    """State ``limits.columns``, ``limits.columns_full`` and ``limits.too_wide``."""
    wide = _too_wide(case.error)
    facts.know("limits.too_wide", wide, "from the SQLSTATE and the message" if wide else "no such error")
    side = case.production
    catalog = side.catalog if side is not None else None
    ids = ["limits.columns", "limits.columns_full"]
    if side is None or catalog is None or case.migration is None or not side.ok("relations"):
        reason = "no migration was given" if case.migration is None else "production's tables are not known"
        facts.unknown_all(ids, reason)
        return
    local = _numbers(case.local) if case.local is not None else {}
    rows = sorted(_rows(_statements(case), catalog, _numbers(side), local), key=lambda r: (r["left"], r["relation"]))
    full = [r for r in rows if r["left"] < 0]
    because = f"pg_class.relnatts of {len(rows)} tables that get columns"
    facts.know(ids[0], rows[:_SHOWN], because, readings="production/relations")
    facts.know(
        ids[1], full[:_SHOWN], f"{because}: {len(full)} have too few numbers left", readings="production/relations"
    )


def _too_wide(error: ErrorReport | None) -> str:
    """The same SQLSTATEs are those of indexes and of target lists, whose messages speak of no table."""
    if error is None or error.subject.object_kind != "table":
        return ""
    return {"54011": "table", "54000": "row"}.get(error.sqlstate or "", "")


def _numbers(side: SideCase) -> dict[str, int]:
    """Column numbers given out, by relation."""
    return {r.qualified: r.attributes for r in side.rows("relations") if r.kind in ("r", "p", "f")}


def _statements(case: Case) -> Iterable[Statement]:
    """What was rolled back with the one that failed; without one all that are yet to run."""
    if case.failing is not None:
        return (*in_its_transaction(case, case.failing), case.failing)
    return case.migration.statements if case.migration is not None else ()


def _rows(
    statements: Iterable[Statement], catalog: Catalog, used: dict[str, int], local: dict[str, int]
) -> Iterator[dict[str, Any]]:
    adds: Counter[str] = Counter()
    relations: dict[str, Relation] = {}
    for statement in statements:
        for relation, columns in _added(statement, catalog):
            for heir in _with_heirs(relation, catalog):
                relations[heir.qualified] = heir
                adds[heir.qualified] += sum(not (optional and heir.column(name)) for name, optional in columns)
    for name, count in adds.items():
        found = used.get(name)
        if not count or not found:
            continue  # nothing is new, or the migration makes the table
        yield {
            "relation": name,
            "used": found,
            "live": len(relations[name].columns),
            "dropped": found - len(relations[name].columns),
            "adds": count,
            "left": _MOST - found - count,
            "used_local": local.get(name, -1),
        }


def _added(statement: Statement, catalog: Catalog) -> Iterator[tuple[Relation, list[tuple[str, bool]]]]:
    """The table, and of each new column its name and whether IF NOT EXISTS stands before it."""
    if not ast.is_node(statement.node, "AlterTableStmt"):
        return
    named = parts_of(statement).relation
    relation = catalog.find(named.schema, named.name) if named is not None else None
    if relation is not None:
        commands = [c for c in ast.alter_commands(statement.node) if c.type == "AT_AddColumn"]
        yield relation, [(c.name or getattr(c.definition, "colname", ""), c.missing_ok) for c in commands]


def _with_heirs(relation: Relation, catalog: Catalog) -> Iterator[Relation]:
    """The table, its partitions and all that inherit from it, each once."""
    todo, seen = [relation], {relation.key}
    while todo:
        one = todo.pop()
        yield one
        for key in one.children:
            if key not in seen and (child := catalog.relations.get(key)) is not None:
                seen.add(key)
                todo.append(child)
