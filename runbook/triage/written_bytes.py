"""How much disk the migration takes on production besides what is there: copies of tables, indexes, new row versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration.catalog import Catalog
from runbook.migration.result import StatementForecast
from runbook.triage.case import Case, Facts
from runbook.triage.sizes import find
from runbook.triage.temp_files import at_stake, index_sorts


def state(facts: Facts, case: Case) -> None:
    """State ``disk.writes`` and ``disk.writes_bytes``."""
    ids = ["disk.writes", "disk.writes_bytes"]
    sorts = index_sorts(case)
    catalog = case.production.catalog if case.production is not None else None
    if catalog is None or case.migration is None or sorts is None:
        facts.unknown_all(
            ids, "no migration was given" if case.migration is None else "production's catalog is not known"
        )
        return
    rows = [row for _, forecast in at_stake(case) for row in _rows(forecast, catalog)]
    rewritten = {row["relation"] for row in rows if row["what"] == "rewrite"}
    rows += [
        {"relation": s["relation"], "what": "index", "bytes": s["files_bytes"]}
        for s in sorts
        if s["relation"] not in rewritten  # a rewrite counts with its indexes
    ]
    rows = sorted((r for r in rows if r["bytes"] > 0), key=lambda r: -r["bytes"])
    total = sum(r["bytes"] for r in rows)
    because = f"{len(rows)} copies, indexes and backfills"
    facts.know(ids[0], rows[:20], because, side="production", readings="production/relations")
    facts.know(ids[1], total, because, side="production", readings="production/relations")


def _rows(forecast: StatementForecast, catalog: Catalog) -> Iterator[dict[str, Any]]:
    for name in forecast.rewrites:
        table = find(catalog, name)
        if table is not None:
            yield {"relation": name, "what": "rewrite", "bytes": table.total_bytes}
    for amount in forecast.work:
        table = find(catalog, amount.relation)
        if amount.kind == "written_rows" and table is not None and table.rows > 0:
            share = min(amount.rows, amount.amount) / table.rows
            yield {"relation": amount.relation, "what": "rows", "bytes": round(table.total_bytes * share)}
