"""What the trainee destroyed, from two censuses and the acts between them. What the fault did itself is no harm of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runbook.text import clean_line, plural

if TYPE_CHECKING:
    from runbook.lab.census import Census, SessionSeen
    from runbook.lab.hands import Did
    from runbook.train.curriculum import Drill

_NOBODY = ("", "psql")
"""Sessions under these names come and go: tools, and the lab's own."""


@dataclass(frozen=True)
class Harm:
    """One thing: ``what`` is killed, rows, dropped or power; ``text`` names it."""

    what: str
    text: str


def innocent(session: SessionSeen, *, deployer: str, nothing_wrong: bool, may_end: Sequence[str]) -> bool:
    """Whether a session, as it was just before it was ended, was in nobody's way: not the migration's, waited for by none.

    Where nothing is wrong, whatever it blocked was none of this migration's business.
    """
    if session.application in _NOBODY:
        return False
    if nothing_wrong:
        return True
    if session.role == deployer or any(name and session.application.startswith(name) for name in may_end):
        return False
    return not session.blocks


def harms(
    drill: Drill,
    before: Census,
    after: Census,
    killed: Sequence[SessionSeen],
    acts: Sequence[Did],
    *,
    of_local: frozenset[str],
) -> tuple[Harm, ...]:
    """All of it. ``of_local``: objects of local, where the migration passed: what is missing there, it removes itself."""
    if not any(not act.only_read for act in acts):
        return ()  # whoever only looked has harmed nothing
    found = [Harm("killed", f"{clean_line(s.application)} ({s.role}, pid {s.pid}) was in nobody's way") for s in killed]
    found += _rows(drill, before, after)
    gone = (before.objects & of_local) - after.objects
    tables = {name.removeprefix("table ") for name in gone if name.startswith("table ")}
    for name in sorted(gone):
        if _table_of(name) not in tables:
            found.append(Harm("dropped", f"{clean_line(name)} is gone"))
    found += [Harm("power", clean_line(power)) for power in sorted(after.powers - before.powers)]
    return tuple(found)


def _table_of(name: str) -> str | None:
    """The table that an object of a census belongs to; None for the table itself, and for what belongs to none."""
    if " on " in name:
        return name.rsplit(" on ", 1)[1]
    if name.startswith(("column ", "NOT NULL of ")):
        return name.rpartition(".")[0].removeprefix("column ").removeprefix("NOT NULL of ")
    return None


def _rows(drill: Drill, before: Census, after: Census) -> list[Harm]:
    found = []
    for table, then in before.rows.items():
        now = after.rows.get(table)
        if now is None or not now.exact:
            continue  # dropped: told as such; locked: nobody can say
        lost = then.count - now.count - drill.may_delete.get(table, 0)
        if lost > 0:
            found.append(Harm("rows", f"{plural(lost, 'row')} of {clean_line(table)} too many went"))
    return found
