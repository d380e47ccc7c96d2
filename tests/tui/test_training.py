"""An exercise on the screen, with keys alone, on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from runbook.playbook import load
from runbook.session.journal import read
from runbook.session.state import fold_all
from runbook.train.curriculum import find
from runbook.train.debrief import debrief
from runbook.train.exercise import Exercise, exercise
from runbook.tui.app import RunbookApp
from runbook.tui.screens.dialogs import TextDialog
from runbook.tui.screens.locks import LocksScreen
from runbook.tui.screens.training import ActDialog, CauseDialog, ConfirmDialog, DebriefScreen, EditDialog, EndDialog
from tests.support import wait_until
from tests.tui.pilot import piloted
from tests.tui.test_app import text_on

DEADLINE_S = 60.0


@asynccontextmanager
async def training(
    drill: str, folder: Path | None = None, *, suspects: bool = True
) -> AsyncIterator[tuple[Exercise, RunbookApp, Pilot[int]]]:
    playing = exercise(find(drill), playbooks=load, folder=folder, suspects=suspects, smaller=10_000)
    async with playing as one:
        app = RunbookApp(one.session, training=one)
        async with piloted(app, (120, 40)) as pilot:
            await shown(app, pilot, TextDialog)
            assert "Enter begins" in text_on(app.screen)
            await pilot.press("enter")
            await wait_until(lambda: one.session.whole.diagnosis is not None and not app.state.busy, DEADLINE_S)
            await pilot.pause()
            yield one, app, pilot


async def shown(app: RunbookApp, pilot: Pilot[int], screen: type) -> None:
    await wait_until(lambda: isinstance(app.screen, screen), DEADLINE_S, screen.__name__)
    await pilot.pause()


async def typed(app: RunbookApp, pilot: Pilot[int], text: str) -> None:
    app.screen.query_one(Input).value = text
    await pilot.pause()
    await pilot.press("enter")


async def test_somebody_solves_a_drill_with_keys_alone_and_reads_the_debrief() -> None:
    async with training("dead-service", suspects=False) as (one, app, pilot):
        assert "Kept from you" in text_on(app.screen)
        assert "blocks the application behind it" not in text_on(app.screen)

        await pilot.press("l")
        await wait_until(lambda: app.state.locks is not None and "nightly-report" in text_on(app.screen), DEADLINE_S)
        await pilot.press("S")
        await shown(app, pilot, CauseDialog)
        await typed(app, pilot, "migration blocks application")
        await wait_until(lambda: any(m.what == "stated" for _, m in app.state.training), DEADLINE_S)

        (holder,) = [s for s in (await sessions(one)) if s.application == "nightly-report"]
        await pilot.press("A")
        await shown(app, pilot, ActDialog)
        await typed(app, pilot, f"admin terminate {holder.pid}")
        await shown(app, pilot, ConfirmDialog)
        assert "somebody waits for it" in text_on(app.screen)
        await typed(app, pilot, "yes")
        assert isinstance(app.screen, ConfirmDialog), "another word than the pid does nothing"
        assert not app.state.actions
        await typed(app, pilot, str(holder.pid))
        await shown(app, pilot, TextDialog)
        assert [act.status for _, act in app.state.actions] == ["done"]
        await pilot.press("enter")

        await pilot.press("F")
        await shown(app, pilot, EndDialog)
        await pilot.press("f")
        await shown(app, pilot, DebriefScreen)
        assert "100 of 100 points" in text_on(app.screen)
        await pilot.press("escape")
        await shown(app, pilot, LocksScreen)
        await pilot.press("escape")
        await wait_until(lambda: "Kept from you" not in text_on(app.screen), DEADLINE_S, "the suspects are shown now")
        assert app.state.diagnosis is not None


async def sessions(one: Exercise) -> list:  # type: ignore[type-arg]
    from runbook.lab import census

    return list((await census.sessions(one.stage)).values())


async def test_the_migration_is_edited_and_run_from_the_screen() -> None:
    async with training("same-file") as (one, app, pilot):
        await pilot.press("A")
        await shown(app, pilot, ActDialog)
        await typed(app, pilot, "edit")
        await shown(app, pilot, EditDialog)
        file = app.screen.query_one(TextArea)
        file.text = file.text.replace("VIRTUAL", "STORED")
        await pilot.press("ctrl+s")
        await wait_until(lambda: "STORED" in one.files[0].read_text(), DEADLINE_S)
        await wait_until(lambda: not isinstance(app.screen, EditDialog), DEADLINE_S)

        await pilot.press("A")
        await shown(app, pilot, ActDialog)
        await typed(app, pilot, "migrate")
        await shown(app, pilot, ConfirmDialog)
        await typed(app, pilot, "production")
        await shown(app, pilot, TextDialog)
        assert "passed" in text_on(app.screen)
        assert [act.what for _, act in app.state.actions] == ["edit", "migrate"]


async def test_whoever_leaves_without_a_word_has_given_up_and_the_journal_says_so(tmp_path: Path) -> None:
    async with training("refused", tmp_path) as (one, app, pilot):
        await pilot.press("H")
        await shown(app, pilot, TextDialog)
        await pilot.press("enter")
        await pilot.press("5")
        await wait_until(
            lambda: "triage/role" in [getattr(e.payload, "screen", "") for e in app.state.events], DEADLINE_S
        )
        await pilot.press("q")
        await wait_until(lambda: not app.is_running, DEADLINE_S)
        await one.declare(gave_up=True)
    recording = read(Path(one.session.whole.path))
    assert recording.problems == ()
    found = debrief(fold_all(recording.events))
    assert found.gave_up
    assert found.points == 0
    assert found.hints_used == 1
    assert any(moment.what == "looked at triage/role" for moment in found.path)


async def test_outside_of_an_exercise_its_keys_do_nothing() -> None:
    from runbook.session.live import LiveSession, Options

    app = RunbookApp(LiveSession(Options(), load, folder=None), start=False)
    async with piloted(app, (120, 40)) as pilot:
        for key in "SRAHFBD":
            await pilot.press(key)
        assert len(app.screen_stack) == 1
        assert "exercise" not in text_on(app.screen)
