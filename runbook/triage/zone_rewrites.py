"""Rewrites that only the session's TimeZone brings about: timestamp to timestamptz and back, free of charge under UTC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog
from runbook.migration.model import Statement
from runbook.migration.result import StatementForecast
from runbook.sql import quote_ident
from runbook.triage.case import Case, Facts
from runbook.triage.sizes import find, is_large

_FACT = "migration.zone_rewrites"
_HAZARD = "rewrite-depends-on-timezone"


def state(facts: Facts, case: Case) -> None:
    """State ``migration.zone_rewrites``."""
    production = case.production.catalog if case.production is not None else None
    if case.forecast is None or case.migration is None or production is None:
        facts.unknown(_FACT, "there is no forecast for production")
        return
    statements = {s.index: s for s in case.migration.statements}
    found = [
        row
        for f in case.forecast.statements
        if f.index in statements and any(h.id == _HAZARD for h in f.hazards)
        for row in _rows(case, f, statements[f.index], production)
    ]
    facts.know(_FACT, found, "by the forecasts under both time zones", readings="production/identity local/identity")


def _rows(
    case: Case, forecast: StatementForecast, statement: Statement, production: Catalog
) -> Iterator[dict[str, Any]]:
    local = case.local.catalog if case.local is not None else None
    here = case.forecast_of(statement, local=True)
    relation = next((r for name in forecast.rewrites if (r := find(production, name)) is not None), None)
    if relation is None:
        return
    for command in ast.alter_commands(statement.node):
        column = relation.column(command.name) if command.type == "AT_AlterColumnType" else None
        if column is None or not column.type.startswith("timestamp"):
            continue
        yield {
            "sql": statement.sql,
            "file": statement.file,
            "line": statement.line,
            "relation": relation.qualified,
            "column": quote_ident(column.name),
            "to_zoned": "with time zone" not in column.type,
            "zone": production.timezone,
            "zone_local": local.timezone if local is not None else "",
            "rewrites_locally": bool(here is not None and here.rewrites),
            "rows": int(relation.rows),
            "seconds": forecast.seconds.likely if forecast.seconds is not None else 0.0,
            "large": is_large(relation),
        }
