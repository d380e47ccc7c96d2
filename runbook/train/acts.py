"""What a trainee types to act: one line -> what it means, and what has to be typed to confirm it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from runbook.lab.hands import How
    from runbook.lab.scenario import Side

HELP = (
    "cancel PID          end the query of a session of production",
    "terminate PID       end the session",
    "migrate             run the migration again, as its file is now",
    "edit                change the migration's file",
    "resolve             tell the tool that its failed run is settled",
    "sql SELECT ...      run SQL on production, as the deployer",
    "admin ...           any of these as the superuser",
    "local sql ...       run SQL on local",
)
"""What can be typed."""


@dataclass(frozen=True)
class Act:
    """One act. ``confirm``: what has to be typed before it is done; empty where it only looks."""

    what: Literal["cancel", "terminate", "migrate", "edit", "resolve", "sql"]
    admin: bool = False
    side: Side = "production"
    pid: int = 0
    sql: str = ""
    confirm: str = ""

    @property
    def how(self) -> How:
        """For an act on a session."""
        return "cancel" if self.what == "cancel" else "terminate"


class NoAct(ValueError):
    """What was typed means nothing; the sentence says what would."""


def read_act(text: str) -> Act:
    """What ``text`` means. Raises NoAct."""
    from runbook.lab.hands import reads_only

    rest, admin, side = text.strip(), False, "production"
    while found := re.match(r"(admin|local)\s+", rest, re.I):
        admin, side = admin or found[1].lower() == "admin", "local" if found[1].lower() == "local" else side
        rest = rest[found.end() :]
    word, _, given = rest.partition(" ")
    word, given = word.lower(), given.strip()
    if word in ("cancel", "terminate"):
        if not given.isdecimal():
            raise NoAct(f"{word} takes the pid of a session, as the lock screen shows it")
        how: Literal["cancel", "terminate"] = "cancel" if word == "cancel" else "terminate"
        return Act(how, admin, pid=int(given), confirm=given)
    if word in ("migrate", "resolve"):
        run: Literal["migrate", "resolve"] = "migrate" if word == "migrate" else "resolve"
        return Act(run, confirm="production")
    if word == "edit":
        return Act("edit")
    if word == "sql":
        if not given:
            raise NoAct("sql takes what to run")
        where: Side = "local" if side == "local" else "production"
        return Act("sql", admin, where, sql=given, confirm="" if reads_only(given) else where)
    raise NoAct(f"{word or 'nothing'}: there are cancel, terminate, migrate, edit, resolve and sql")
