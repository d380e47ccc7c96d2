"""Same symptom, another cause: two exercises that look alike to whoever is on call, drawn by seed.

From the groups that are easily confused, and from what looks alarming beside a scenario in which it is no matter.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from runbook.train.curriculum import Drill, of_scenario

if TYPE_CHECKING:
    from runbook.lab.scenario import Scenario


@dataclass(frozen=True)
class Pair:
    """Two scenarios under one symptom, by id. ``decoy``: nothing is wrong in the first."""

    symptom: str
    first: str
    second: str
    decoy: bool = False


@cache
def pairs() -> tuple[Pair, ...]:
    """Every pair that the lab's scenarios allow, in a fixed order."""
    from runbook.diagnosis.confusable import GROUPS
    from runbook.lab.scenario import list_scenarios

    plain = [s for s in list_scenarios() if s.kind in ("fault", "two causes") and s.expected is not None]
    found = []
    for symptom, causes in GROUPS.items():
        inside = [s for s in plain if s.expected in causes]
        found += [
            Pair(symptom, a.id, b.id)
            for number, a in enumerate(inside)
            for b in inside[number + 1 :]
            if not _true(a) & _true(b) and a.seen == b.seen
        ]
    for quiet in (s for s in list_scenarios() if s.kind in ("healthy", "decoy")):
        found += [Pair("is it in the way?", quiet.id, s.id, True) for s in plain if s.expected in quiet.decoys]
    return tuple(found)


def draw_pair(seed: int) -> tuple[Drill, Drill]:
    """Two drills of one symptom, in an order that tells nothing. First the symptom is drawn, so that none prevails."""
    chance = random.Random(f"pair {seed}")
    symptom = chance.choice(sorted({p.symptom for p in pairs()}))
    pair = chance.choice([p for p in pairs() if p.symptom == symptom])
    both = [_drill(pair.first, pair), _drill(pair.second, pair)]
    chance.shuffle(both)
    return both[0], both[1]


def _drill(scenario: str, pair: Pair) -> Drill:
    """The scenario's exercise, with the other one's cause as a rival."""
    from runbook.lab.scenario import find_scenario
    from runbook.train.curriculum import looks_of

    drill = of_scenario(find_scenario(scenario))
    other = find_scenario(pair.second if scenario == pair.first else pair.first)
    rivals = dict(drill.rivals)
    if other.expected is not None:
        rivals = {other.expected: looks_of(other.expected), **rivals}
    return replace(drill, title=f"Same symptom: {pair.symptom}", rivals=dict(list(rivals.items())[:2]))


def _true(scenario: Scenario) -> set[str | None]:
    return {scenario.expected, *scenario.beside}
