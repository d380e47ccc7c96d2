"""Who ended the migration's client or its connection, when it was not the server, and what the server did of the file."""

from __future__ import annotations

from typing import Any

from runbook.failure.gave_up import how_lost
from runbook.triage import partial
from runbook.triage.case import Case, Facts
from runbook.triage.failing import statement_at_fault
from runbook.triage.settings import effective_settings


def state(facts: Facts, case: Case) -> None:
    """State the facts of the group ``gave_up``."""
    error = case.error
    seen = error.gave_up if error is not None else None
    told = f"{seen.tool} says so" if seen is not None else "nothing that was given speaks of it"
    facts.know("gave_up.who", seen.who if seen is not None else "none", told)
    facts.know("gave_up.tool", seen.tool if seen is not None else "", told)
    facts.know("gave_up.words", seen.words if seen is not None else "", told)
    facts.know("gave_up.after_s", (seen.after_s or 0.0) if seen is not None else 0.0, told)
    lost = how_lost(error.raw) if error is not None and error.connection_lost else ""
    facts.know("gave_up.lost", lost or "none", "read from the error" if lost else "no error tells of it")
    _state_effects(facts, case)
    _state_keepalive(facts, case)


def _state_effects(facts: Facts, case: Case) -> None:
    catalog = case.production.catalog if case.production is not None else None
    fault = statement_at_fault(case)
    ids = ["gave_up.done", "gave_up.left", "gave_up.finished"]
    if catalog is None or catalog.is_assumed:
        facts.unknown_all(ids, "production's catalog is not known")
        return
    if case.migration is None or not case.given:
        facts.unknown_all(ids, "no migration was given")
        return
    file = fault.statement.file if fault is not None else None
    files = [f for f in case.migration.files if not f.is_down and (file is None or f.path == file)]
    effects = [pair for f in files for pair in partial.effects_on(f, catalog)]
    readings = "production/relations production/columns production/constraints production/indexes"
    for name in ("done", "left"):
        rows: list[dict[str, Any]] = [
            {"sql": s.sql, "file": s.file, "line": s.line} for s, found in effects if found == name
        ]
        facts.know(
            f"gave_up.{name}", rows, f"{len(rows)} statements, by the schema", side="production", readings=readings
        )
    effect = next(
        (found for s, found in reversed(effects) if case.failing is None or s.index == case.failing.index), None
    )
    if effect in (None, "unknown"):
        facts.unknown("gave_up.finished", "no schema shows whether that statement has taken effect")
    else:
        told = "it is there" if effect == "done" else "it is not there"
        facts.know("gave_up.finished", effect == "done", told, side="production", readings=readings)


def _state_keepalive(facts: Facts, case: Case) -> None:
    side = case.production
    if side is None or not side.ok("settings"):
        reason = "no production side was given" if side is None else side.why_not("settings")
        facts.unknown("gave_up.keepalive_s", reason)
        return
    setting = effective_settings(side).get("tcp_keepalives_idle")
    if setting is None or setting.number is None:
        facts.unknown("gave_up.keepalive_s", f"{side.name} does not show tcp_keepalives_idle")
        return
    seconds = int(setting.number / 1000)
    facts.know(
        "gave_up.keepalive_s",
        seconds,
        f"tcp_keepalives_idle is {setting.shown}",
        side="production",
        readings="settings",
    )
