"""Functions that the statement at fault calls and that are not immutable on production."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Function
from runbook.sql import quote_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault

_WORDS = {"i": "immutable", "s": "stable", "v": "volatile"}
_DATE_TRUNC_IN_ZONE = 160000
"""date_trunc(text, timestamptz, text) is immutable from 16 on, stable before: pg_proc of servers 12 to 18 compared."""


def state(facts: Facts, case: Case, fault: AtFault | None) -> None:
    """State ``dependency.functions``."""
    id_ = "dependency.functions"
    production = case.production.catalog if case.production is not None else None
    if fault is None or fault.statement.node is None or production is None:
        facts.unknown(id_, "production's catalog is not known" if fault else "no statement is known to be at fault")
        return
    local = case.local.catalog if case.local is not None else None
    rows = list(_rows(fault, production, local))
    facts.know(
        id_, rows, f"{len(rows)} are not immutable", side="production", readings="production/functions local/functions"
    )


def _rows(fault: AtFault, production: Catalog, local: Catalog | None) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for call in ast.functions_used(fault.statement.node):
        there, here = _volatility(call, production), _volatility(call, local)
        found = _overload(call, production)
        name = quote_qualified(found.schema, found.name) if found is not None else call.name.name
        if there in ("s", "v") and name not in seen:
            seen.add(name)
            yield {"name": name, "production": _WORDS[there], "local": _WORDS.get(here or "", "not known")}


def _volatility(call: ast.FunctionUse, catalog: Catalog | None) -> str | None:
    """i, s or v of users' functions and of the one built-in that differs between majors; None: not known."""
    if catalog is None:
        return None
    found = _overload(call, catalog)
    if found is not None:
        return found.volatility
    if call.name.name == "date_trunc" and call.arguments == 3 and call.name.schema in (None, "pg_catalog"):
        return "i" if catalog.server_version_num >= _DATE_TRUNC_IN_ZONE else "s"
    return None


def _overload(call: ast.FunctionUse, catalog: Catalog) -> Function | None:
    """The user's function that the call means, if only one can be meant."""
    schemas = (call.name.schema,) if call.name.schema else catalog.search_path
    fitting = [
        f
        for f in catalog.functions.get(call.name.name, ())
        if f.schema in schemas and len(f.arguments) == call.arguments
    ]
    return fitting[0] if len(fitting) == 1 else None
