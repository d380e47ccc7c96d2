"""Training on the screen: its keys, and the bar that says what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from textual.binding import Binding

from runbook.tui.lines import Line, Span, line, paragraph
from runbook.tui.paint import Painted

if TYPE_CHECKING:
    from runbook.train.exercise import Exercise
    from runbook.tui.app import RunbookApp

TRAINING_BINDINGS = tuple(
    Binding(key, f"train('{what}')", words, show=False, id=f"train.{what}", tooltip=tooltip)
    for key, what, words, tooltip in (
        ("S", "state", "state", "Exercise: say what it is"),
        ("R", "rule_out", "rule out", "Exercise: say what it is not"),
        ("A", "act", "act", "Exercise: cancel, terminate, run SQL, migrate, edit; with its guard"),
        ("H", "hint", "hint", "Exercise: the next hint"),
        ("F", "fixed", "fixed", "Exercise: say that it is fixed, or give up; then the debrief"),
        ("B", "story", "briefing", "Exercise: what you were told, and how it goes"),
        ("D", "debrief", "debrief", "Exercise: the debrief, once it is over"),
    )
)
"""Only there while somebody trains."""


class TrainingBar(Painted):
    """The exercise, above the keys; nothing outside of one."""

    def on_mount(self) -> None:
        app = cast("RunbookApp", self.app)
        self.display = app.training is not None
        if app.training is not None:
            self.watch(app, "state", self._moved, init=False)

    def build(self, width: int) -> Sequence[Line]:
        app = cast("RunbookApp", self.app)
        return [training_line(app.training, width)] if app.training is not None else []

    def _moved(self) -> None:
        self.refresh()


def training_line(exercise: Exercise, width: int) -> Line:
    """``exercise  S state  R rule out  A act  H hint (3 left)  F fixed``; once it is over, how to the debrief."""
    if exercise.over:
        return line((" the exercise is over ", "bold"), (" D", "key"), " debrief ", (" q", "key"), " leave")
    keys = [("S", "state"), ("R", "rule out"), ("A", "act"), ("H", f"hint ({exercise.hints_left})"), ("F", "fixed")]
    spans: list[Span] = [Span(" exercise ", "bold")]
    for key, words in keys:
        spans += [Span(f" {key}", "key"), Span(f" {words} ")]
    told = Line(tuple(spans))
    return told if told.width <= width else Line(tuple(spans[1:]))


def hidden(width: int) -> list[Line]:
    """In place of the suspects, while they are kept from the trainee."""
    return [
        *paragraph("Kept from you until the end of the exercise.", width),
        line(),
        *paragraph("state what you think it is", width, first=Span("S  ", "key"), indent=3),
        *paragraph("rule out what it is not", width, first=Span("R  ", "key"), indent=3),
    ]
