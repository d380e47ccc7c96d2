"""Replay in the real app: the same screens, moved in time by keys."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from runbook.session.replay import ReplaySession
from runbook.tui.app import RunbookApp
from runbook.tui.replaying import place, replay_line
from runbook.tui.screens.locks import LocksScreen
from tests.tui import incident
from tests.tui.live import shipped
from tests.tui.pilot import piloted
from tests.tui.test_app import text_on


def paused() -> ReplaySession:
    session = ReplaySession(incident.events(incident.payloads()), shipped())
    session.toggle()
    return session


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_recording_is_moved_in_time_and_the_screens_follow(size: tuple[int, int]) -> None:
    session = paused()
    app = RunbookApp(session, replay=session)
    async with piloted(app, size) as pilot:
        assert f"event 0 of {session.length}" in text_on(app.screen)
        await pilot.press("full_stop", "full_stop", "comma")
        assert f"event 1 of {session.length}" in text_on(app.screen)
        await pilot.press("right_square_bracket")
        assert app.state.diagnosis is not None
        assert "A queue behind waiting DDL" in text_on(app.screen)
        await pilot.press("greater_than_sign", "l")
        assert isinstance(app.screen, LocksScreen)
        assert f"event {session.length} of {session.length}" in text_on(app.screen)
        await pilot.press("less_than_sign")
        assert app.state.diagnosis is None


async def test_space_plays_and_typing_in_the_jump_dialog_moves_nothing() -> None:
    session = paused()
    app = RunbookApp(session, replay=session)
    async with piloted(app, (120, 36)) as pilot:
        await pilot.press("J")
        app.screen.query_one("#place", Input).value = "nowhere "
        await pilot.press("space", "full_stop", "enter")
        assert session.shown == 0
        assert "neither a time" in text_on(app.screen)
        app.screen.query_one("#place", Input).value = "#4"
        await pilot.press("enter")
        assert session.shown == 4
        await pilot.press("space")
        assert session.playing


async def test_a_live_session_has_no_keys_of_a_recording() -> None:
    from tests.tui.live import ScriptedSession

    app = RunbookApp(ScriptedSession(incident.events(incident.payloads())), start=False)
    async with piloted(app, (120, 36)) as pilot:
        assert "play/pause" not in text_on(app.screen)
        assert not any(b.binding.action.startswith("replay") for b in app.screen.active_bindings.values())
        await pilot.press("full_stop")


def test_a_place_is_a_time_or_an_event() -> None:
    assert (place("#34"), place("90"), place("2:30"), place("1:02:03"), place(" 0:05 ")) == (
        34,
        90.0,
        150.0,
        3723.0,
        5.0,
    )
    assert [place(text) for text in ("", "x", "#", "1:", "-3")] == [None] * 5


@pytest.mark.parametrize("width", [20, 60, 200])
def test_the_bar_fits_any_width(width: int) -> None:
    session = paused()
    session.to_event(7)
    assert replay_line(session, width).width <= width
