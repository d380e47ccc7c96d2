"""Replay on the screen: its keys, and the bar that says where in the recording we are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from textual.binding import Binding

from runbook.text import clean_line
from runbook.tui.lines import Line, Span, fit
from runbook.tui.paint import Painted
from runbook.tui.views.header import clock

if TYPE_CHECKING:
    from runbook.session.replay import ReplaySession
    from runbook.tui.app import RunbookApp

REPLAY_BINDINGS = (
    Binding(
        "space",
        "replay('toggle')",
        "play/pause",
        id="replay.toggle",
        tooltip="Play or pause the recording",
        priority=True,  # elsewhere it pages down
    ),
    Binding("full_stop", "replay('on')", "step", key_display=".", id="replay.on", tooltip="One event on"),
    Binding("comma", "replay('back')", "back", key_display=",", id="replay.back", tooltip="One event back"),
    Binding(
        "right_square_bracket",
        "replay('belief')",
        "belief",
        key_display="]",
        id="replay.belief",
        tooltip="To the next change of what was believed",
    ),
    Binding(
        "left_square_bracket",
        "replay('belief_before')",
        "belief before",
        key_display="[",
        show=False,
        id="replay.belief_before",
        tooltip="To the change of belief before",
    ),
    Binding("plus", "replay('faster')", "faster", key_display="+", id="replay.faster", tooltip="Play faster"),
    Binding("minus", "replay('slower')", "slower", key_display="-", show=False, id="replay.slower", tooltip="Slower"),
    Binding("J", "jump", "jump", id="replay.jump", tooltip="To a time (2:30) or an event (#34) of the recording"),
    Binding(
        "less_than_sign",
        "replay('first')",
        "beginning",
        key_display="<",
        show=False,
        id="replay.first",
        tooltip="To the beginning of the recording",
    ),
    Binding(
        "greater_than_sign",
        "replay('newest')",
        "newest",
        key_display=">",
        show=False,
        id="replay.newest",
        tooltip="To the newest event; a session that is still written is followed from there",
    ),
)
"""Only there while a recording is shown."""


def move(replay: ReplaySession, what: str) -> None:
    """What one of the keys does."""
    match what:
        case "toggle":
            replay.toggle()
        case "on" | "back":
            replay.step(1 if what == "on" else -1)
        case "belief" | "belief_before":
            replay.to_belief(1 if what == "belief" else -1)
        case "faster" | "slower":
            replay.faster(1 if what == "faster" else -1)
        case "first":
            replay.to_event(0)
        case "newest":
            replay.to_newest()


_PLACE = re.compile(r"#(?P<event>\d+)|(?:(?:(?P<h>\d+):)?(?P<m>\d+):)?(?P<s>\d+(?:\.\d+)?)")


def place(text: str) -> int | float | None:
    """Where to: ``#34`` is an event, ``90``, ``2:30`` and ``1:02:03`` are times (as float seconds); None for neither."""
    found = _PLACE.fullmatch(text.strip())
    if found is None:
        return None
    if found["event"]:
        return int(found["event"])
    return int(found["h"] or 0) * 3600.0 + int(found["m"] or 0) * 60.0 + float(found["s"])


def jump(replay: ReplaySession, to: int | float) -> None:
    """To what ``place`` read."""
    if isinstance(to, int):
        replay.to_event(to)
    else:
        replay.to_time(to)


class ReplayBar(Painted):
    """Where in the recording we are, above the keys; nothing for a live session."""

    def on_mount(self) -> None:
        app = cast("RunbookApp", self.app)
        self.display = app.replay is not None
        if app.replay is not None:
            self.watch(app, "state", self._moved, init=False)
            self.set_interval(0.25, self.refresh)

    def build(self, width: int) -> Sequence[Line]:
        replay = cast("RunbookApp", self.app).replay
        return [replay_line(replay, width)] if replay is not None else []

    def _moved(self) -> None:
        self.refresh()


def replay_line(replay: ReplaySession, width: int) -> Line:
    """``▶ 00:12 of 03:20  ━━━━━━────  event 34 of 210  ×4``."""
    speed = f"×{replay.speed:g}"
    if replay.problem is not None:
        sign, how = "!", clean_line(replay.problem)
    elif replay.following and replay.ended:
        sign, how = "●", "following"
    elif replay.ended:
        sign, how = "■", "the end"
    elif replay.playing:
        sign, how = "▶", speed
    else:
        sign, how = "‖", f"paused  {speed}"
    times = f" {sign} {clock(replay.now_s)} of {clock(replay.length_s)}  "
    events = f"  event {replay.shown} of {replay.length}  {how}"
    room = width - len(times) - len(events) - 1
    done = round(room * (replay.now_s / replay.length_s if replay.length_s else 1.0))
    bar = [Span("━" * done, "accent"), Span("─" * (room - done), "faint")] if room >= 8 else []
    return Line((Span(times, "bold"), *bar, Span(fit(events, max(width - len(times), 0)), "muted")))
