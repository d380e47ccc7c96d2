"""Every drill of the curriculum, played by a script that solves it, by one that falls into its trap, and by nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook.lab.scenario import find_scenario
from runbook.playbook import load
from runbook.train.curriculum import Drill, curriculum, find
from runbook.train.debrief import CARE, DETECT, FIX, Debrief, debrief
from runbook.train.exercise import Exercise, enter, exercise
from runbook.train.script import follow, read

SCRIPTS: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "scripts.yaml").read_text())
FEWER = {"no-saving": 3_000, "waiting": 40_000}
"""Orders on production, where their number makes how long the fault lasts; elsewhere 10,000."""
DRILLS = pytest.mark.parametrize("drill", curriculum(), ids=[d.id for d in curriculum()])


def playing(drill: Drill) -> Any:
    return exercise(drill, playbooks=load, folder=None, smaller=FEWER.get(drill.id, 10_000))


async def played(exercise: Exercise, script: Any, most_s: float | None = None) -> Debrief:
    return debrief(await follow(exercise, read(yaml.safe_dump(script)), most_s=most_s))


@DRILLS
async def test_nothing_done_scores_nothing_and_then_the_solution_scores_all(drill: Drill) -> None:
    async with playing(drill) as first:
        idle = await played(first, [])
        assert idle.gave_up
        assert (idle.points, idle.detected, idle.fixed, idle.harms, idle.trap_taken) == (0, False, False, (), False)

        # The fault is untouched by somebody who only looked: the next trainee has it in full.
        second = await enter(drill, first._now, playbooks=load, folder=None)
        try:
            solved = await played(second, SCRIPTS[drill.id]["solve"])
        finally:
            await second.session.finish()
    assert solved.detected, solved.parts
    assert solved.fixed, solved.parts
    assert not solved.trap_taken, solved.parts
    assert solved.harms == ()
    assert solved.points == solved.of == 100, solved.parts


@DRILLS
async def test_the_trap_is_seen_and_costs(drill: Drill) -> None:
    async with playing(drill) as one:
        fell = await played(one, SCRIPTS[drill.id]["trap"], most_s=1.5)
    parts = {part.name: part for part in fell.parts}
    assert fell.trap_taken, fell.parts
    assert parts["care"].points == 0
    assert fell.points < 100 - CARE + 1
    assert bool(fell.harms) == bool(set(drill.trap.harms) if drill.trap else ()), fell.harms
    assert parts["detect"].points <= DETECT
    assert parts["fix"].points in (0, FIX)


@pytest.mark.parametrize("name", ["same-file", "second-try"])
async def test_a_drill_with_other_names_versions_and_tool_is_solved_in_the_same_way(name: str) -> None:
    async with exercise(find(name), playbooks=load, folder=None, seed=5, smaller=10_000) as one:
        assert one.stage.text("orders") != "orders"
        solved = await played(one, SCRIPTS[name]["solve"])
    assert solved.points == 100, solved.parts
    assert solved.seed == 5


def test_the_curriculum_has_twelve_drills_with_all_they_need() -> None:
    drills = curriculum()
    assert [d.number for d in drills] == list(range(1, 13))
    assert len({d.id for d in drills}) == 12
    assert len(drills[-1].truths) == 2, "the last has two faults at once"
    known, _ = load()
    for drill in drills:
        assert len(drill.hints) >= 3, drill.id
        assert drill.trap is not None
        assert all((drill.lesson, drill.questions, drill.needs)), drill.id
        assert {c for group in drill.truths for c in group} <= set(known), drill.id
        assert set(drill.trap.causes) <= set(known), drill.id
        assert set(SCRIPTS[drill.id]) == {"solve", "trap"}


def test_nothing_that_is_told_before_the_end_names_the_answer() -> None:
    known, _ = load()
    for drill in curriculum():
        scenario = find_scenario(drill.scenario)
        told = f"{drill.id} {drill.title} {drill.story}".lower()
        for cause in (c for group in drill.truths for c in group):
            assert cause not in told
            assert known[cause].title.lower() not in told
        assert drill.title != scenario.title
