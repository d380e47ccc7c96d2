"""Step 2, table sizes: what the migration touches, side by side, with traffic and the age of the statistics."""

from __future__ import annotations

from collections.abc import Iterable

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Relation
from runbook.sql import split_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.model import ComparedRow, Mark, Step, StepVerdict
from runbook.words import count, duration, size

_STEP = ("sizes", "Table sizes")

LARGE_ROWS = 1_000_000
LARGE_BYTES = 1 << 30
"""A table is large when a full pass takes seconds to minutes: a million rows or a gigabyte."""

_OTHERS = 8  # the largest tables of production that the migration does not touch
_STALE_S = 7 * 86400.0


def examine(case: Case) -> Step:
    facts = Facts("sizes")
    local = case.local.catalog if case.local else None
    production = case.production.catalog if case.production else None
    if local is None and production is None:
        sides = case.sides()
        why = sides[0].why_not("relations") if sides else "no server was given"
        return Step(*_STEP, "unknown" if sides else "skipped", f"not seen: {why}", "?" if sides else "")
    touched = touched_relations(case)
    rows: list[ComparedRow] = []
    for name in touched:
        rows.extend(_relation_rows(name, local, production))
    known = production or local
    assert known is not None
    others = [r for r in sorted(known.relations.values(), key=lambda r: -r.total_bytes) if r.qualified not in touched]
    for relation in [r for r in others if r.kind in "rpm"][:_OTHERS]:
        rows.append(_size_row(relation.qualified, local, production, touched=False))
    verdict, summary, badge = _summary(touched, local, production)
    return Step(*_STEP, verdict, summary, badge, tuple(rows), tuple(facts.stated))


def touched_relations(case: Case) -> list[str]:
    """Tables that existed before and that the migration locks, or that the error names: ``schema.name``, in order."""
    names: dict[str, None] = {}
    forecast = case.forecast or case.forecast_local
    if forecast is not None:
        for statement in forecast.statements:
            for lock in sorted(statement.locks, key=lambda k: k.relation):
                if lock.pre_existing:
                    names[lock.relation] = None
            if statement.fails is not None and not statement.locks:
                names.update(dict.fromkeys(_named(case, statement.index)))  # it is refused before it locks anything
    elif case.error is not None and case.error.subject.relation:
        for catalog in _catalogs(case):
            found = catalog.find(case.error.subject.schema, case.error.subject.relation)
            if found is not None:
                names[found.qualified] = None
    return [n for n in names if _is_table(n, _catalogs(case))]


def _named(case: Case, index: int) -> list[str]:
    """The existing relations that a statement names."""
    statement = next((s for s in case.migration.statements if s.index == index), None) if case.migration else None
    if statement is None or statement.node is None:
        return []
    catalogs = _catalogs(case)
    found = [
        next((r for c in catalogs if (r := c.find(u.name.schema, u.name.name)) is not None), None)
        for u in ast.relations_used(statement.node)
    ]
    return [r.qualified for r in found if r is not None]


def find(catalog: Catalog | None, qualified: str) -> Relation | None:
    """The relation called ``schema.name`` (quoted where needed) in ``catalog``."""
    if catalog is None:
        return None
    schema, name = split_qualified(qualified)
    return catalog.find(schema, name)


def is_large(relation: Relation | None) -> bool:
    return relation is not None and (relation.rows >= LARGE_ROWS or relation.total_bytes >= LARGE_BYTES)


def _catalogs(case: Case) -> list[Catalog]:
    return [s.catalog for s in (case.production, case.local) if s is not None and s.catalog is not None]


def _is_table(name: str, catalogs: Iterable[Catalog]) -> bool:
    found = [r for c in catalogs if (r := find(c, name)) is not None]
    return not found or any(r.kind in "rpm" for r in found)


# -- what people read -----------------------------------------------------------------------------------------------


def _relation_rows(name: str, local: Catalog | None, production: Catalog | None) -> list[ComparedRow]:
    rows = [_size_row(name, local, production, touched=True)]
    there = find(production, name)
    if there is None or there.kind not in "rpm":
        return rows
    here = find(local, name)
    if there.writes_per_s is not None:
        busy = there.writes_per_s >= 1
        rows.append(
            ComparedRow(
                f"  {name} writes",
                f"{here.writes_per_s:.3g}/s" if here is not None and here.writes_per_s is not None else "-",
                f"{there.writes_per_s:.3g}/s",
                "matters" if busy else "info",
                "whoever blocks writers is felt at once" if busy else "",
            )
        )
    if there.rows < 0:
        rows.append(ComparedRow(f"  {name} statistics", "", "never analysed", "unknown", "row counts are not known"))
    elif there.last_analyze_s is not None and there.last_analyze_s > _STALE_S:
        age = duration(there.last_analyze_s)
        rows.append(ComparedRow(f"  {name} statistics", "", f"{age} old", "differs", "row counts may be off"))
    dead, live = there.dead_tuples or 0, there.live_tuples or 0
    if dead > 10_000 and dead > live / 5:
        rows.append(
            ComparedRow(
                f"  {name} dead rows", str(here.dead_tuples or 0) if here else "-", count(dead), "differs", "bloat"
            )
        )
    return rows


def _size_row(name: str, local: Catalog | None, production: Catalog | None, *, touched: bool) -> ComparedRow:
    here, there = find(local, name), find(production, name)
    why = ""
    mark: Mark = "info"
    if touched:
        ratio = size_ratio(here, there)
        if there is not None and is_large(there):
            mark = "matters"
        elif (here is None) != (there is None) and local is not None and production is not None:
            mark = "only_here"
        elif ratio is not None and ratio >= 10:
            mark = "differs"
        else:
            mark = "same"
        if ratio is not None and ratio >= 2:
            why = f"{ratio_text(ratio)} the rows of local"
    return ComparedRow(name, _text(here, local), _text(there, production), mark, why)


def _text(relation: Relation | None, catalog: Catalog | None) -> str | None:
    if catalog is None:
        return None
    if relation is None:
        return "-"
    rows = "never analysed" if relation.rows < 0 else f"{count(relation.rows)} rows"
    return f"{rows}  {size(relation.total_bytes)}"


def size_ratio(local: Relation | None, production: Relation | None) -> float | None:
    """Rows on production over rows on local; None when either is not known."""
    if local is None or production is None or local.rows < 0 or production.rows < 0:
        return None
    return production.rows / max(local.rows, 1.0)


def ratio_text(ratio: float) -> str:
    """``1,300x``, ``4.2x``."""
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.1f}x"


def _summary(touched: list[str], local: Catalog | None, production: Catalog | None) -> tuple[StepVerdict, str, str]:
    if production is None:
        return "unknown", "production's sizes are not known", "?"
    if not touched:
        return "same", "the migration touches no existing table", "none"
    largest = max(touched, key=lambda n: r.total_bytes if (r := find(production, n)) else 0)
    there = find(production, largest)
    if there is None:
        return "differs", f"{largest} does not exist on production", "missing"
    text = f"{largest}: {_text(there, production)} on production"
    ratio = size_ratio(find(local, largest), there)
    badge = ratio_text(ratio) if ratio is not None and ratio >= 2 else size(there.total_bytes)
    if ratio is not None:
        text += f", {ratio_text(ratio)} the rows of local"
    if is_large(there):
        return "attention", text, badge
    return ("differs" if ratio is not None and ratio >= 10 else "same"), text, badge
