"""Without files: the one statement that the error, or a session that runs right now, shows."""

from __future__ import annotations

import re

from runbook.migration.model import Migration
from runbook.triage.case import Case
from runbook.triage.migrator import find_migrators
from runbook.triage.waits import Waits

_QUERY = re.compile(r"\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE|VALUES|SHOW|EXPLAIN|BEGIN|COMMIT|ROLLBACK|SET)\b", re.I)


def implied_migration(case: Case) -> Migration | None:
    """A migration of that one statement, so that it can be forecast; None when there is none, or it is a mere query."""
    from runbook.migration import parse

    sql = case.error.statement if case.error is not None else None
    if sql is None:
        sql = _running(case)
    if not sql or _QUERY.match(sql):
        return None
    migration = parse(sql, runner="psql")
    return migration if migration.statements and not migration.problems else None


def _running(case: Case) -> str | None:
    side = case.production
    if side is None or case.error is not None or not (side.ok("activity") and side.ok("locks")):
        return None
    migrators = find_migrators(case, Waits.of(side))
    return migrators[0].session.query if migrators else None
