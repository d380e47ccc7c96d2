"""A second history table of the same tool: the one that the tool finds, and the one that knows what was applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runbook.sql import split_qualified
from runbook.triage.case import Case, Facts

if TYPE_CHECKING:
    from runbook.triage.history import History

_FACT = "history.elsewhere"
_OWN_SCHEMA = frozenset({"drizzle", "atlas", "sqitch"})
"""Tools that keep their history in a schema of their own, wherever the search path points."""


def state(facts: Facts, case: Case, histories: list[History]) -> None:
    """State ``history.elsewhere``."""
    catalog = case.production.catalog if case.production is not None else None
    if catalog is None:
        facts.unknown(_FACT, "production's catalog is not known")
        return
    runner = case.migration.runner if case.migration is not None else ""
    found = [
        row
        for history in histories
        if history.tool not in _OWN_SCHEMA and runner in (history.tool, "")
        if (row := _hidden(history, histories, catalog.search_path)) is not None
    ]
    facts.know(_FACT, found, f"{len(histories)} history tables on production", side="production")


def _hidden(history: History, histories: list[History], path: tuple[str, ...]) -> dict[str, Any] | None:
    """``history`` if it knows all that the one in the search path knows, and more; None where it is that one itself."""
    schema, name = split_qualified(history.table)
    of_name = {split_qualified(h.table)[0]: h for h in histories if split_qualified(h.table)[1] == name}
    found = next((of_name[s] for s in path if s in of_name), None)
    known = set(found.applied) if found is not None else set()
    if found is history or not known < set(history.applied):
        return None
    return {
        "table": history.table,
        "schema": schema or "",
        "applied": len(history.applied),
        "found": found.table if found is not None else "",
        "found_applied": len(known),
        "tool": history.tool,
    }
