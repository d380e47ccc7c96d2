"""The drills: a story, what has to be found, the hints and the trap, as data in drills.yaml; and drawn exercises."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runbook.lab.scenario import Scenario

LOOKS = frozenset(
    {f"triage/{s}" for s in ("versions", "sizes", "error", "locks", "role", "settings", "schema", "history")}
    | {"locks", "migration", "check"}
)
"""What can be looked at: a step, a screen, or a query of one's own."""
HARMS = frozenset({"killed", "rows", "dropped", "power"})


@dataclass(frozen=True)
class Trap:
    """What tempts here. It is taken when one of ``causes`` is stated, one of ``harms`` is done, ``shows`` returns a row
    on production at the end, or (``too_early``) it is declared fixed and is not."""

    text: str
    causes: tuple[str, ...] = ()
    harms: tuple[str, ...] = ()
    shows: str | None = None
    too_early: bool = False


@dataclass(frozen=True)
class Drill:
    """One exercise. ``truths``: groups of causes; of each group one has to be named. Empty: nothing is wrong.

    ``needs``: evidence to read before acting, each a tuple of alternatives out of ``LOOKS``. ``rivals``: what else it
    could be -> where to look to rule it out. ``may_end``: application names of sessions that may be ended though nobody
    waits for them. ``may_delete``: table -> rows that the repair has to remove.
    """

    id: str
    title: str
    scenario: str
    story: str
    truths: tuple[tuple[str, ...], ...]
    hints: tuple[str, ...] = ()
    trap: Trap | None = None
    needs: tuple[tuple[str, ...], ...] = ()
    rivals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    may_end: tuple[str, ...] = ()
    may_delete: Mapping[str, int] = field(default_factory=dict)
    lesson: str = ""
    par_minutes: int = 10
    questions: tuple[str, ...] = ()
    """What a game master asks a group afterwards."""
    number: int = 0
    """Its place in the curriculum, from 1; 0 for one that was drawn."""


class UnknownDrill(LookupError):
    """There is no such drill; the sentence names a way out."""


@cache
def curriculum() -> tuple[Drill, ...]:
    """The twelve drills in their order. Raises ValueError for data that does not hold together."""
    import yaml

    raw = yaml.safe_load((Path(__file__).parent / "drills.yaml").read_text(encoding="utf-8"))
    return tuple(_drill(number, entry) for number, entry in enumerate(raw, 1))


def find(name: str) -> Drill:
    """The drill of this number or id; a scenario's id makes a drill of it. Raises UnknownDrill."""
    from runbook.lab.scenario import find_scenario

    for drill in curriculum():
        if name in (drill.id, str(drill.number)):
            return drill
    try:
        return of_scenario(find_scenario(name))
    except KeyError:
        raise UnknownDrill(f"there is no drill {name!r}; `runbook train --list` names them") from None


def of_scenario(scenario: Scenario) -> Drill:
    """An exercise of any scenario: what its data tells, and hints that hold everywhere."""
    truth = () if scenario.expected is None else ((scenario.expected, *scenario.beside),)
    first = _STEP_OF_FAMILY.get(_family(scenario.expected), ("triage/error",))
    rivals = {rival: looks_of(rival) for rival in _rivals(scenario)}
    return Drill(
        id=scenario.id,
        title="Drawn from the lab",
        scenario=scenario.id,
        story=scenario.story,
        truths=truth,
        hints=(
            "Read the migration and, if there is one, the exact error before anything else.",
            f"Look at {' or '.join(look.removeprefix('triage/') for look in first)}: compare the two sides.",
        ),
        trap=Trap("Something alarming here explains nothing.", causes=scenario.decoys) if scenario.decoys else None,
        needs=(first,),
        rivals=rivals,
    )


def draw(seed: int) -> Drill:
    """Any scenario of the lab, by seed. One that the lab calls outside the catalogue has no name to state: not drawn."""
    from runbook.lab.scenario import list_scenarios

    pool = [s for s in list_scenarios() if s.kind != "outside"]
    return of_scenario(random.Random(f"drill {seed}").choice(pool))


_STEP_OF_FAMILY: Mapping[str, tuple[str, ...]] = {
    "lock": ("locks", "triage/locks"),
    "timeout": ("triage/locks", "triage/settings"),
    "version": ("triage/versions",),
    "extension": ("triage/versions", "triage/schema"),
    "privilege": ("triage/role",),
    "history": ("triage/history",),
    "data": ("triage/error", "check"),
    "dependency": ("triage/schema",),
    "after": ("triage/schema",),
    "resource": ("triage/settings", "triage/sizes"),
    "replication": ("triage/versions", "triage/settings"),
    "connection": ("triage/settings", "triage/error"),
}
"""Where a family of causes shows. The triage screen chooses its first step by the same families."""


@cache
def _families() -> Mapping[str, str]:
    from runbook.playbook import load

    playbooks, _ = load()
    return {p.id: p.family for p in playbooks.values()}


def _family(cause: str | None) -> str:
    return _families().get(cause, "") if cause is not None else "lock"


def _rivals(scenario: Scenario) -> list[str]:
    """Two causes that look like this one to the client; the scenario's own decoys first."""
    from runbook.diagnosis.confusable import GROUPS

    near = [c for ids in GROUPS.values() if scenario.expected in ids for c in ids]
    true = {scenario.expected, *scenario.beside}
    return list(dict.fromkeys(c for c in (*scenario.decoys, *near) if c not in true and c in _families()))[:2]


def looks_of(cause: str) -> tuple[str, ...]:
    """Where one looks to confirm a cause or to rule it out."""
    return _STEP_OF_FAMILY.get(_families().get(cause, ""), ("triage/error",))


def _drill(number: int, entry: dict[str, Any]) -> Drill:
    drill = Drill(
        id=entry["id"],
        title=entry["title"],
        scenario=entry["scenario"],
        story=" ".join(entry["story"].split()),
        truths=tuple(_tuple(group) for group in entry.get("truths", ())),
        hints=tuple(" ".join(hint.split()) for hint in entry["hints"]),
        trap=_trap(entry["trap"]),
        needs=tuple(_tuple(one) for one in entry["needs"]),
        rivals={cause: _tuple(looks) for cause, looks in entry.get("rivals", {}).items()},
        may_end=_tuple(entry.get("may_end", ())),
        may_delete=entry.get("may_delete", {}),
        lesson=" ".join(entry["lesson"].split()),
        par_minutes=entry.get("par_minutes", 10),
        questions=tuple(" ".join(one.split()) for one in entry.get("questions", ())),
        number=number,
    )
    wrong = {look for one in (*drill.needs, *drill.rivals.values()) for look in one} - LOOKS
    if wrong:
        raise ValueError(f"drill {drill.id}: nobody can look at {', '.join(sorted(wrong))}")
    return drill


def _trap(entry: dict[str, Any]) -> Trap:
    trap = Trap(
        text=" ".join(entry["text"].split()),
        causes=_tuple(entry.get("causes", ())),
        harms=_tuple(entry.get("harms", ())),
        shows=entry.get("shows"),
        too_early=bool(entry.get("too_early")),
    )
    if not set(trap.harms) <= HARMS:
        raise ValueError(f"no such harm: {', '.join(set(trap.harms) - HARMS)}")
    return trap


def _tuple(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
