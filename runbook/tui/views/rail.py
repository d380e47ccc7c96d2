"""Which statements share a transaction, and what is locked meanwhile: locks are held to a transaction's end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from runbook.migration.result import LOCK_MODES, Forecast, RelationLock, StatementForecast
from runbook.session.events import MigrationRead
from runbook.text import plural
from runbook.words import duration, lock_name

_OPENS = frozenset({"BEGIN", "START TRANSACTION"})
_ENDS = frozenset({"COMMIT", "ROLLBACK", "PREPARE TRANSACTION"})
_STAYS = re.compile(r"\bTO\b|\bAND\s+CHAIN\b", re.I)
_TOLD = "ShareUpdateExclusiveLock"  # weaker ones keep nobody from reading or writing


@dataclass(frozen=True, slots=True)
class Group:
    """Statements of one transaction, in order."""

    statements: tuple[StatementForecast, ...]

    def mark(self, one: StatementForecast) -> str:
        """The piece of the rail beside a statement."""
        if len(self.statements) == 1:
            return "─"
        return "┌" if one is self.statements[0] else "└" if one is self.statements[-1] else "│"

    def held_after(self, one: StatementForecast) -> list[tuple[RelationLock, float]]:
        """Locks that ``one`` takes and keeps while later statements run, with the seconds those are likely to take."""
        at = next(n for n, s in enumerate(self.statements) if s is one)
        before = {k.relation: LOCK_MODES.index(k.mode) for s in self.statements[:at] for k in s.locks}
        later = sum(s.seconds.likely for s in self.statements[at + 1 :] if s.seconds is not None)
        new = [
            k
            for k in one.locks
            if k.pre_existing
            and k.mode in LOCK_MODES
            and LOCK_MODES.index(k.mode) > max(LOCK_MODES.index(_TOLD), before.get(k.relation, -1))
        ]
        return [(k, later) for k in sorted(new, key=lambda k: (-LOCK_MODES.index(k.mode), k.relation))]

    def told(self, one: StatementForecast) -> list[str]:
        """What sharing it means for ``one``, in sentences."""
        if len(self.statements) == 1:
            return ["a transaction of its own"]
        first, last = self.statements[0].index, self.statements[-1].index
        lines = [f"one transaction with statements {first} to {last}"]
        following = [s for s in self.statements if s.index > one.index and s.kind not in _ENDS]
        if following:
            for lock, later in self.held_after(one):
                lines.append(
                    f"keeps {lock_name(lock.mode)} on {lock.relation} until {last} is done: "
                    f"{plural(len(following), 'statement')} more, ~ {duration(later)}"
                )
        return lines


def groups(migration: MigrationRead | None, forecast: Forecast) -> Mapping[int, Group]:
    """The transaction of each statement that runs in one, by the statement's number."""
    inside = frozenset(s.index for s in migration.statements if s.in_transaction) if migration is not None else None
    found: dict[int, Group] = {}
    if inside is None:
        return found
    current: list[StatementForecast] = []

    def end() -> None:
        group = Group(tuple(current))
        found.update({s.index: group for s in current})
        current.clear()

    for file in forecast.files:
        if file.transaction_mode != "all_files":
            end()
        for one in file.statements:
            opens = one.kind in _OPENS
            if one.index not in inside or (opens and not current):
                end()
            if one.index in inside or opens:
                current.append(one)
            if one.kind in _ENDS and not _STAYS.search(one.sql):
                end()
    end()
    return found
