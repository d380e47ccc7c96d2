"""The dialogs of an exercise: what it is, what to do, the confirmation; and the debrief."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, TextArea

from runbook.session.state import State
from runbook.text import clean, clean_line
from runbook.tui.lines import Line, fit, line
from runbook.tui.paint import Lines
from runbook.tui.screens.base import SessionScreen
from runbook.tui.screens.dialogs import Dialog, label

if TYPE_CHECKING:
    from runbook.playbook import Playbook


class CauseDialog(Dialog[str]):
    """One cause out of all that are known; typing narrows them. Returns its id, or None."""

    def __init__(self, title: str, causes: Mapping[str, Playbook], more: Mapping[str, str]) -> None:
        """``more``: what can be chosen beside the causes, id -> words; stands first."""
        super().__init__()
        self._title = title
        self._all = [*more.items(), *sorted(((c.id, c.title) for c in causes.values()), key=lambda p: p[1].lower())]
        self._words: list[str] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield label(self._title, classes="dialog-title")
            yield Input(placeholder="words of it: lock idle, owner, version ...", id="words")
            yield Lines(self._lines, id="causes", keeps_cursor=True)
            yield Label("↑ ↓ choose, Enter takes it, Escape leaves", classes="hint")

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.query_one("#causes", Lines).display_lines(self._lines)

    def _lines(self, width: int) -> list[Line]:
        found = [(i, t) for i, t in self._all if all(w in f"{i} {t}".lower() for w in self._words)]
        shown = [line(fit(clean_line(title), width), key=id_) for id_, title in found]
        return shown or [line(("no cause has all of these words", "muted"))]

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self._words = event.value.lower().split()
        causes = self.query_one("#causes", Lines)
        causes.display_lines(self._lines)
        if causes.keys and causes.cursor not in causes.keys:
            causes.move_to(causes.keys[0])

    def on_key(self, event: events.Key) -> None:
        causes = self.query_one("#causes", Lines)
        if event.key in ("up", "down") and not causes.has_focus:
            causes.action_up() if event.key == "up" else causes.action_down()
            event.stop()

    @on(Input.Submitted)
    def _taken(self) -> None:
        causes = self.query_one("#causes", Lines)
        self.dismiss(causes.cursor if causes.cursor in causes.keys else None)

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        self.dismiss(event.key)


class ActDialog(Dialog[Any]):
    """One line that says what to do. Returns the act, or None."""

    def __init__(self, proposal: str = "") -> None:
        super().__init__()
        self._proposal = proposal

    def compose(self) -> ComposeResult:
        from runbook.train.acts import HELP

        with Vertical(classes="dialog"):
            yield Label("Act", classes="dialog-title")
            yield Input(self._proposal, placeholder="terminate 1234", id="act")
            for row in HELP:
                yield label(row, classes="hint")
            yield label("Enter goes on; a change is confirmed first. Escape leaves", id="hint", classes="hint")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        from runbook.train.acts import NoAct, read_act

        try:
            self.dismiss(read_act(event.value))
        except NoAct as problem:
            hint = self.query_one("#hint", Label)
            hint.update(Content(clean(str(problem))))
            hint.add_class("-problem")


class ConfirmDialog(Dialog[bool]):
    """What is about to be done, in full, and a word that has to be typed. True, or None."""

    def __init__(self, told: Sequence[str], word: str) -> None:
        super().__init__()
        self._told = told
        self._word = word

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("This changes something", classes="dialog-title")
            for text in self._told:
                yield label(text)
            yield Input(placeholder=self._word, id="word")
            yield label(f"type {self._word} and Enter to do it, Escape to leave it", id="hint", classes="hint")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if event.value.strip() == self._word:
            self.dismiss(True)
        else:
            hint = self.query_one("#hint", Label)
            hint.update(Content(clean(f"not done: {event.value.strip() or 'nothing'} is not {self._word}")))
            hint.add_class("-problem")


class EndDialog(Dialog[str]):
    """How the exercise ends. Returns ``fixed``, ``give up`` or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "end('fixed')", "fixed", tooltip="It is fixed: measure it"),
        Binding("g", "end('give up')", "give up", tooltip="End without a fix"),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("Is it over?", classes="dialog-title")
            yield Label("f   it is fixed: measure the migration and the work")
            yield Label("g   I give up: nothing is run any more")
            yield Label("Escape goes on with the exercise", classes="hint")

    def action_end(self, how: str) -> None:
        self.dismiss(how)


class EditDialog(Dialog[str]):
    """A file of the migration. Returns its new text, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "keep", "keep", tooltip="Write the file", priority=True),
    ]

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield label(self._path.name, classes="dialog-title")
            yield TextArea(self._path.read_text(encoding="utf-8"), id="sql")
            yield Label("Ctrl+S writes the file (A migrate runs it), Escape leaves it", classes="hint")

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()

    def action_keep(self) -> None:
        self.dismiss(self.query_one(TextArea).text)


class DebriefScreen(SessionScreen):
    """What was found, fixed, harmed and read before acting; beside the tool's own path."""

    JOURNAL_NAME = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "back", tooltip="Back; the suspects are shown now"),
        Binding("c", "app.copy", "copy", tooltip="Copy the debrief"),
    ]

    def body(self) -> ComposeResult:
        yield Lines(id="debrief", classes="pane")

    def on_mount(self) -> None:
        pane = self.query_one("#debrief", Lines)
        pane.border_title = "Debrief"
        pane.focus()

    def show(self, state: State) -> None:
        self.query_one("#debrief", Lines).display_lines(self._lines)

    def _lines(self, width: int) -> list[Line]:
        from runbook.train.debrief import NoExercise, debrief
        from runbook.train.report import lines

        exercise = self.runbook.training
        if exercise is None:
            return []
        state = exercise.session.whole
        try:
            told = list(lines(debrief(state), state, self.source.playbooks, min(width, 110)))
        except NoExercise as problem:
            told = [str(problem)]
        return [_painted(row) for row in told]

    def copyable(self) -> str:
        return self.query_one("#debrief", Lines).text_of(None)


def _painted(row: str) -> Line:
    """What was right is green, what was not is red; headings stand out."""
    text = row.strip()
    paint = "good" if text.startswith("+ ") else "bad" if text.startswith("- ") else ""
    if row and not row.startswith(" ") and len(row) < 60 and not row.endswith("."):
        paint = "bold"
    return line((row, paint))
