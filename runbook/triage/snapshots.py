"""Builds that run CONCURRENTLY, and the transactions whose end they have to wait for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.migration.conflicts import conflicts
from runbook.migration.model import Statement
from runbook.postgres.rows import SessionRow
from runbook.triage.case import Case, Facts
from runbook.triage.failing import parts_of
from runbook.triage.migrator import Migrator
from runbook.triage.session_facts import session_fact
from runbook.triage.waits import Waits, without_leading_comments

_BUILD = re.compile(r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b|REINDEX\b.*\bCONCURRENTLY\b", re.I | re.S)
_YOUNG_S = 2.0
"""A build waits for younger transactions too, and nobody notices."""


def state(facts: Facts, case: Case, waits: Waits, migrators: list[Migrator]) -> None:
    """State ``waits.builds`` and ``waits.old_snapshots``."""
    builds = list(_builds(case, migrators))
    facts.know("waits.builds", builds, f"{len(builds)} index builds CONCURRENTLY")
    if not builds:
        facts.know("waits.old_snapshots", [], "nothing is built CONCURRENTLY")
        return
    if waits.hidden:
        facts.unknown("waits.old_snapshots", "other sessions' transactions are hidden from our role")
        return
    found = _old(waits, {b["relation"] for b in builds}, migrators)
    facts.know("waits.old_snapshots", found, f"{len(found)} transactions are older", readings="activity locks")


def _builds(case: Case, migrators: list[Migrator]) -> Iterator[dict[str, Any]]:
    """The build that runs or failed; otherwise all that are yet to run."""
    for statement in _statements(case, migrators):
        if _BUILD.match(without_leading_comments(statement.sql)):
            relation = _relation(case, statement)
            yield {"sql": statement.sql, "file": statement.file, "line": statement.line, "relation": relation}


def _relation(case: Case, statement: Statement) -> str:
    """The table it builds on. By name first: an index that is there already, half built, has no forecast any more."""
    named = parts_of(statement).relation
    catalog = case.production.catalog if case.production is not None else None
    found = catalog.find(named.schema, named.name) if named is not None and catalog is not None else None
    if found is not None:
        return found.qualified
    forecast = case.forecast_of(statement)
    return next((k.relation for k in forecast.locks if k.pre_existing), "") if forecast is not None else ""


def _statements(case: Case, migrators: list[Migrator]) -> list[Statement]:
    known = [m.statement for m in migrators if m.statement is not None]
    if known:
        return known
    if case.failing is not None:
        return [case.failing]
    return list(case.migration.statements) if case.migration is not None and case.error is None else []


def _old(waits: Waits, relations: set[str], migrators: list[Migrator]) -> list[dict[str, Any]]:
    """As DefineIndex waits (indexcmds.c): first for whoever has written to the table, at the end for every snapshot of
    this database that is older than the build's own. Vacuum and, from 14 on, simple builds of others do not count."""
    running = {m.session.pid for m in migrators}
    waited_for = {pid for m in running if m in waits.waits for pid in waits.waits[m].blocked_by}
    found: list[tuple[SessionRow, bool]] = []
    for session in waits.sessions.values():
        if session.ours or not session.this_database or session.pid in running or session.pid in _workers(waits):
            continue
        if session.backend_type not in ("client backend", ""):
            continue
        if (session.xact_age_s or 0.0) < _YOUNG_S and session.pid not in waited_for:
            continue
        held = [k for k in waits.held_by(session.pid) if k.qualified in relations]
        writes = any(conflicts("ShareLock", k.mode) for k in held)
        if session.pid in waited_for or session.xmin_age is not None or writes:
            found.append((session, bool(held)))
    found.sort(key=lambda f: -(f[0].xact_age_s or 0.0))
    return [{**session_fact(s), "on_table": held} for s, held in found[:20]]


def _workers(waits: Waits) -> set[int]:
    """Parallel workers: their leader stands for them."""
    return {s.pid for s in waits.sessions.values() if s.leader_pid is not None and s.leader_pid != s.pid}
