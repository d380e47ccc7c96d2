"""The triage screen: steps, the two sides compared, the suspects, and the question worth asking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content

from runbook.session.events import AnswerView, QuestionView
from runbook.session.state import State
from runbook.text import clean_line
from runbook.triage.model import STEP_TITLES
from runbook.tui.lines import Line, fit, line
from runbook.tui.paint import Lines, Painted
from runbook.tui.screens.base import SessionScreen
from runbook.tui.training import hidden
from runbook.tui.views.compared import compared, row_in_full
from runbook.tui.views.question import question
from runbook.tui.views.steps import PROBES, steps
from runbook.tui.views.suspects import diagnosis_text, suspects

if TYPE_CHECKING:
    from runbook.tui.app import RunbookApp

_FIRST_STEP = {"lock": "locks", "version": "versions", "privilege": "role", "history": "history", "data": "error"}
"""Which step is shown first for a family of causes; else the first that needs attention."""


class QuestionLine(Painted, can_focus=True):
    """The question. While it has the focus, each answer's key gives that answer; otherwise no key does."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "screen.leave_question", "Not now", show=False)]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.asked: QuestionView | None = None

    def show_question(self, asked: QuestionView | None) -> None:
        self.asked = asked
        self.set_class(asked is None, "-none")
        self.can_focus = asked is not None
        self.refresh(layout=True)

    def build(self, width: int) -> Sequence[Line]:
        if self.asked is None:
            return ()
        return question(self.asked, width, focused=self.has_focus, why=self.app.size.height >= 30)

    def on_focus(self) -> None:
        self.refresh(layout=True)

    def on_blur(self) -> None:
        self.refresh(layout=True)

    def on_key(self, event: events.Key) -> None:
        if self.asked is None:
            return
        for answer in self.asked.answers:
            if event.character == answer.key:
                event.stop()
                event.prevent_default()
                cast("TriageScreen", self.screen).give_answer(self.asked, answer)
                return

    def on_click(self) -> None:
        self.focus()


class ProblemLines(Painted):
    """Inputs that could not be used, one line each; never hidden, because a diagnosis without them means less."""

    MOST = 3

    def build(self, width: int) -> Sequence[Line]:
        problems = cast("RunbookApp", self.app).state.problems
        shown = problems[-self.MOST :] if len(problems) <= self.MOST else problems[-self.MOST + 1 :]
        lines = [line(("! ", "bad bold"), (fit(f"{p.what}: {p.reason}", width - 2), "bad")) for p in shown]
        if len(problems) > len(shown):
            lines.append(line((f"  and {len(problems) - len(shown)} more: t shows them all", "muted")))
        return lines


class TriageScreen(SessionScreen):
    """Where the app starts, and what Escape leads back to."""

    JOURNAL_NAME = "triage"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "step('versions')", "step", key_display="1-8", id="triage.step", tooltip="Show that step"),
        *(
            Binding(str(n), f"step('{id_}')", title, show=False)
            for n, (id_, title) in enumerate(STEP_TITLES[1:], start=2)
        ),
        Binding(
            "0", f"step('{PROBES}')", "What was asked", show=False, tooltip="Every probe with its outcome and reason"
        ),
        Binding("tab", "app.focus_next", "pane", key_display="tab", id="triage.pane", tooltip="The next pane"),
        Binding("enter", "playbook", "playbook", show=False, id="triage.playbook", tooltip="Open the playbook"),
        Binding("a", "focus_question", "answer", id="triage.answer", tooltip="Then the answer's key; Escape: not now"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._chosen = False  # the person has chosen a step; from then on it stays
        self._read = ""  # the step that an exercise's journal named last

    def body(self) -> ComposeResult:
        with Container(id="panes"):
            yield Lines(id="steps", classes="pane", keeps_cursor=True)
            yield Lines(id="compared", classes="pane")
            yield Lines(id="suspects", classes="pane")
        yield ProblemLines(id="problems")
        yield QuestionLine(id="question")

    def on_mount(self) -> None:
        self.query_one("#steps").border_title = "First ten minutes"
        self.query_one("#suspects").border_title = "Suspects"
        self.query_one("#question").border_title = "Question"
        self.query_one("#steps").focus()

    # -- showing ----------------------------------------------------------------------------------------------------

    def show(self, state: State) -> None:
        step_list = self.query_one("#steps", Lines)
        step_list.display_lines(lambda width: steps(state, width))
        if not self._chosen:
            first = self._worth_showing(state)
            if first is not None and first != step_list.cursor:
                step_list.move_to(first)
        self._show_step(state)
        training = self.runbook.training
        if training is not None and training.suspects_hidden:
            self.query_one("#suspects", Lines).display_lines(hidden)
        else:
            self.query_one("#suspects", Lines).display_lines(lambda width: suspects(state, width))
        found = state.diagnosis
        asked = found.question if found is not None and self.source.live and state.closed is None else None
        self.query_one(QuestionLine).show_question(asked)
        problems = self.query_one(ProblemLines)
        problems.set_class(not state.problems, "-none")
        problems.refresh(layout=True)
        self.refresh_bindings()

    def _show_step(self, state: State) -> None:
        selected = self.selected
        self._note_what_is_read(state, selected)
        pane = self.query_one("#compared", Lines)
        pane.border_title = _title(selected)
        as_of = state.locks.sampled_at[11:19] if selected == "locks" and state.locks is not None else ""
        live = ", l watches it live" if self.source.live else ""
        pane.border_subtitle = Content(clean_line(f"as of {as_of} UTC{live}") if as_of else "")
        pane.display_lines(lambda width: compared(state, selected, width))

    def _note_what_is_read(self, state: State, selected: str) -> None:
        """In an exercise, which steps were read before acting is part of the debrief."""
        if self.runbook.training is None or selected not in state.steps or selected == self._read:
            return
        self._read = selected
        if state.closed is None:
            self.source.visit(f"{self.JOURNAL_NAME}/{selected}")

    @property
    def selected(self) -> str:
        """The step that is shown: its id, or ``probes``."""
        return self.query_one("#steps", Lines).cursor or STEP_TITLES[0][0]

    def _worth_showing(self, state: State) -> str | None:
        found = state.diagnosis
        if found is None:
            return None
        if found.causes and found.causes[0].id in self.source.playbooks:
            step = _FIRST_STEP.get(self.source.playbooks[found.causes[0].id].family)
            if step in state.steps:
                return step
        return next(
            (id_ for id_, _ in STEP_TITLES if id_ in state.steps and state.steps[id_].verdict == "attention"), None
        )

    def copyable(self) -> str:
        """The item under the cursor of the middle pane while it has the focus, else the diagnosis."""
        pane = self.query_one("#compared", Lines)
        if pane.has_focus:
            return pane.text_of(None)
        return diagnosis_text(self.state)

    # -- keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "focus_question":
            return self.is_mounted and self.query_one(QuestionLine).asked is not None
        return True

    def action_step(self, key: str) -> None:
        self._chosen = True
        self.query_one("#steps", Lines).move_to(key)

    def on_lines_moved(self, event: Lines.Moved) -> None:
        if event.lines.id == "steps":
            if self.focused is event.lines:
                self._chosen = True
            self._show_step(self.state)
            self.query_one("#compared", Lines).scroll_home(animate=False)

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        key = event.key or ""
        if event.lines.id == "compared" and key.startswith("row:") and self.selected in self.state.steps:
            self._show_row(int(key.removeprefix("row:")))
        elif event.lines.id == "suspects" and key:
            self.runbook.open_playbook(key)
        else:
            self.action_playbook()

    def _show_row(self, number: int) -> None:
        from runbook.tui.screens.dialogs import TextDialog

        state, step = self.state, self.state.steps[self.selected]
        if number < len(step.rows):
            self.app.push_screen(TextDialog(step.title, lambda width: row_in_full(state, step, number, width)))

    def action_playbook(self) -> None:
        found = self.state.diagnosis
        cursor = self.query_one("#suspects", Lines).cursor
        if found is not None and found.causes:
            ids = [c.id for c in found.causes]
            self.runbook.open_playbook(cursor if cursor in ids and cursor is not None else ids[0])
        else:
            self.runbook.say("there is no suspect yet, so there is no playbook to open")

    def action_focus_question(self) -> None:
        self.query_one(QuestionLine).focus()

    def action_leave_question(self) -> None:
        self.query_one("#steps").focus()

    def give_answer(self, asked: QuestionView, answer: AnswerView) -> None:
        self.runbook.answer(asked.id, answer.id)
        self.query_one("#steps").focus()
        self.runbook.say(f"{asked.text} {answer.text}")


def _title(selected: str) -> str:
    if selected == PROBES:
        return "0  What was asked"
    number = next((n for n, (id_, _) in enumerate(STEP_TITLES, start=1) if id_ == selected), 0)
    return f"{number}  {dict(STEP_TITLES).get(selected, '')}"
