"""What a statement does to each relation on a given server: locks, rewrites, scans, index builds, certain failures."""

from __future__ import annotations

from runbook.migration.catalog import Catalog
from runbook.migration.effects.result import Effects, Work
from runbook.migration.model import Statement

__all__ = ["Effects", "Work", "effects"]


def effects(statement: Statement, catalog: Catalog) -> Effects:
    """What ``statement`` does on the server that ``catalog`` describes. Pure.

    Locks are those kept to the end of the transaction (of a statement that cannot run in one: the strongest of those
    taken on the way), the strongest mode per relation; on indexes and TOAST tables where the server locks them. Objects
    that the statement itself makes are left out. Proved against real servers of every major by tests/oracle.
    """
    from runbook.migration.effects.dispatch import find_effects

    return find_effects(statement, catalog)
