"""An exercise that was drawn from the lab: no data of a drill, and it is judged as fairly."""

from __future__ import annotations

import pytest

from runbook.lab.scenario import find_scenario
from runbook.playbook import load
from runbook.train.curriculum import of_scenario
from runbook.train.debrief import Debrief, debrief
from runbook.train.exercise import Exercise, NotNow, exercise
from runbook.train.script import ScriptError, follow, read


async def ended(one: Exercise) -> Debrief:
    return debrief(await one.declare())


@pytest.mark.parametrize(
    ("name", "repair"),
    [
        ("orphaned-items", "DELETE FROM order_items WHERE order_id < 0"),
        ("old-status-under-check", "UPDATE products SET price = 1 WHERE price = 0"),
    ],
)
async def test_a_repair_that_removes_what_the_fault_brought_harms_nothing(name: str, repair: str) -> None:
    async with exercise(of_scenario(find_scenario(name)), playbooks=load, folder=None, smaller=5_000) as one:
        await one.session.start()
        one.state(str(find_scenario(name).expected))
        assert (await one.execute("production", repair)).status == "done"
        assert (await one.migrate()).status == "done"
        found = await ended(one)
    assert found.harms == ()
    assert found.fixed, found.parts


async def test_a_repair_that_removes_more_is_seen() -> None:
    async with exercise(
        of_scenario(find_scenario("orphaned-items")), playbooks=load, folder=None, smaller=5_000
    ) as one:
        await one.session.start()
        await one.execute("production", "DELETE FROM order_items WHERE order_id < 100")
        await one.migrate()
        found = await ended(one)
    assert found.fixed, "it works, and it cost rows"
    assert [harm.split(" of ")[1] for harm in found.harms] == ["order_items too many went"]


async def test_after_the_end_nothing_can_be_done_any_more() -> None:
    async with exercise(of_scenario(find_scenario("healthy")), playbooks=load, folder=None, smaller=5_000) as one:
        await one.session.start()
        with pytest.raises(NotNow, match="no cause"):
            one.state("gremlins")
        with pytest.raises(NotNow, match="needs nothing"):
            await one.resolve()
        with pytest.raises(ScriptError, match="step 1, look"):
            await follow(one, read("- look: under the carpet"))
        await one.declare(gave_up=True)
        for act in (one.migrate(), one.execute("production", "SELECT 1"), one.end_session("cancel", 1)):
            with pytest.raises(NotNow, match="over"):
                await act


async def test_what_the_tool_suspects_can_be_kept_from_the_screens_and_stands_in_the_journal() -> None:
    drill = of_scenario(find_scenario("not-owner"))
    async with exercise(drill, playbooks=load, folder=None, suspects=False, smaller=5_000) as one:
        heard: list[object] = []
        one.session.subscribe(lambda event, state: heard.append(state.diagnosis))
        await one.session.start()
        assert one.session.whole.diagnosis is not None
        assert one.session.state.diagnosis is None
        assert heard
        assert not any(heard)
        await one.declare(gave_up=True)
        assert one.session.state.diagnosis is not None
