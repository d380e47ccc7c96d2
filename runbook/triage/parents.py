"""The other table of a foreign key, which a statement locks although it seems to be about one table."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runbook.migration.model import Statement
from runbook.sql import split_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.failing import parts_of
from runbook.triage.migrator import Migrator
from runbook.triage.waits import Blocker

_MAKES = re.compile(r"\bREFERENCES\b", re.I)
_DROPS = re.compile(r"^\s*DROP\s+TABLE\b|\bDROP\s+CONSTRAINT\b", re.I)
_STRONG = {"ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE", "AccessExclusiveLock": "ACCESS EXCLUSIVE"}


def state(facts: Facts, case: Case, migrator: Migrator | None, blocker: Blocker | None) -> None:
    """State ``waits.parents``, and whether the wait at hand is for one of them."""
    if case.forecast is None:
        facts.unknown_all(["waits.parents", "waits.for_parent"], "which tables the statements lock is not known")
        return
    found = {row["relation"]: row for s in _statements(case, migrator) for row in _parents(case, s)}
    facts.know("waits.parents", list(found.values()), ", ".join(found) or "no foreign key is made or dropped")
    relation = blocker.relation if blocker is not None else ""
    facts.know("waits.for_parent", relation in found, f"the wait is for {relation or 'nothing'}")


def _statements(case: Case, migrator: Migrator | None) -> list[Statement]:
    if migrator is not None and migrator.statement is not None:
        return [migrator.statement]
    if case.failing is not None:
        return [case.failing]
    return list(case.migration.statements) if case.migration is not None else []


def _parents(case: Case, statement: Statement) -> Iterator[dict[str, str]]:
    """Source: FACTS.md, measured on 14 to 18: ADD FOREIGN KEY takes SHARE ROW EXCLUSIVE on both tables, DROP of the
    constraint or of the child ACCESS EXCLUSIVE on both."""
    makes, drops = _MAKES.search(statement.sql), _DROPS.search(statement.sql)
    forecast = case.forecast_of(statement)
    if forecast is None or not (makes or drops):
        return
    named = parts_of(statement).relation
    catalog = case.production.catalog if case.production is not None else None
    own = catalog.find(named.schema, named.name) if named is not None and catalog is not None else None
    wanted = ("ShareRowExclusiveLock",) if makes and not drops else tuple(_STRONG)
    for lock in forecast.locks:
        if lock.pre_existing and lock.mode in wanted and (own is None or lock.relation != own.qualified):
            relation = catalog.find(*split_qualified(lock.relation)) if catalog is not None else None
            if relation is None or relation.kind in ("r", "p"):
                action = "made" if makes else "dropped"
                yield {"relation": lock.relation, "mode": lock.mode, "sql": statement.sql, "action": action}
