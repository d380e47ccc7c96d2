"""The lock tree of one live sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook.failure.report import ErrorReport
from runbook.migration.model import Migration
from runbook.postgres.reading import Reading, Target
from runbook.triage.case import Case, SideCase
from runbook.triage.lock_tree import build
from runbook.triage.migrator import find_migrators
from runbook.triage.model import LockTree
from runbook.triage.waits import Waits


def tree_of(
    readings: Mapping[str, Reading[Any]], name: str, *, migration: Migration | None, error: ErrorReport | None
) -> LockTree | None:
    """The tree of one sample of production; None when activity or locks could not be read."""
    side = SideCase("production", name, Target(None, None, None, None), readings=readings)
    if not (side.ok("activity") and side.ok("locks") and side.ok("blocking")):
        return None
    waits = Waits.of(side)
    case = Case(production=side, migration=migration, error=error, given=migration is not None)
    return build(waits, side=name, migrators=[m.session.pid for m in find_migrators(case, waits)])
