"""Small dialogs over a screen: a note, a path, an export, a text in full. Escape leaves each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, RadioButton, RadioSet

from runbook.text import clean
from runbook.transcript import FORMS
from runbook.tui.paint import Builder, Lines
from runbook.tui.replaying import place
from runbook.tui.views.header import clock

T = TypeVar("T")
FORMATS = tuple(FORMS.values())


def label(text: str, *, id: str | None = None, classes: str | None = None) -> Label:
    """A label of outside text: never markup."""
    return Label(Content(clean(text)), id=id, classes=classes)


class Dialog(ModalScreen[T | None]):
    """What all dialogs share: Escape leaves without a result."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", tooltip="Leave without doing anything"),
    ]

    def action_cancel(self) -> None:
        self.dismiss(None)


class NoteDialog(Dialog[str]):
    """One line that goes into the session with the time. Returns it, or None."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("Note", classes="dialog-title")
            yield Input(placeholder="what happened, what was decided", id="note")
            yield Label("Enter keeps it with the time, Escape drops it", classes="hint")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


class JumpDialog(Dialog[Any]):
    """Where in a recording to go. Returns an event's number (int), seconds (float), or None."""

    def __init__(self, events: int, seconds: float) -> None:
        super().__init__()
        self._range = f"0:00 to {clock(seconds)}, or #1 to #{events}"

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("Go to a time or an event", classes="dialog-title")
            yield Input(placeholder=self._range, id="place")
            yield label(f"{self._range}; Enter goes, Escape stays", id="hint", classes="hint")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        found = place(event.value)
        if found is not None:
            self.dismiss(found)
        elif event.value.strip():
            hint = self.query_one("#hint", Label)
            hint.update(Content(clean(f"neither a time like 2:30 nor an event like #34: {event.value}")))
            hint.add_class("-problem")


class PathDialog(Dialog[Any]):
    """Where to write. An existing file is replaced only when asked for twice. Returns the path, or None."""

    def __init__(self, title: str, proposal: Path) -> None:
        super().__init__()
        self._title = title
        self._proposal = proposal
        self._warned_of: Path | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield label(self._title, classes="dialog-title")
            yield from self.choices()
            yield Input(str(self._proposal), id="path")
            yield Label("Enter writes, Escape leaves", id="hint", classes="hint")

    def choices(self) -> ComposeResult:
        yield from ()

    def on_mount(self) -> None:
        self.query_one("#path", Input).focus()

    @on(Input.Submitted, "#path")
    def _submitted(self, event: Input.Submitted) -> None:
        path = Path(event.value).expanduser()
        if not event.value.strip():
            return
        try:
            problem = "" if path.parent.is_dir() else f"there is no folder {path.parent}"
            if path.is_dir():
                problem = f"{path} is a folder"
            exists = path.exists()
        except OSError as error:  # a name too long for the file system
            problem, exists = f"{error.strerror}: {path.name}", False
        if problem:
            self._hint(problem)
        elif exists and self._warned_of != path:
            self._warned_of = path
            self._hint(f"{path} exists: Enter again replaces it")
        else:
            self.chosen(path)

    def chosen(self, path: Path) -> None:
        self.dismiss(path)

    def _hint(self, text: str) -> None:
        hint = self.query_one("#hint", Label)
        hint.update(Content(clean(text)))
        hint.add_class("-problem")


class ExportDialog(PathDialog):
    """Which transcript, and where to. Returns (format, path), or None."""

    def __init__(self, session: str) -> None:
        super().__init__("Export the session", Path(f"runbook-{session}.md"))

    def choices(self) -> ComposeResult:
        with RadioSet(id="format"):
            for form in FORMATS:
                yield RadioButton(form.what, value=form.name == "markdown", id=f"format-{form.name}")

    @on(RadioSet.Changed)
    def _changed(self, event: RadioSet.Changed) -> None:
        path = self.query_one("#path", Input)
        if path.value.strip():
            # The longest ending first: a postmortem's ends like a transcript's.
            endings = sorted((form.suffix for form in FORMATS), key=len, reverse=True)
            ending = next((e for e in endings if path.value.endswith(e)), Path(path.value).suffix)
            path.value = path.value.removesuffix(ending) + FORMATS[event.index].suffix

    def chosen(self, path: Path) -> None:
        index = self.query_one(RadioSet).pressed_index
        self.dismiss((FORMATS[max(index, 0)].name, path))


class TextDialog(Dialog[None]):
    """A text in full, with copy and write."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "cancel", "close", show=False),
        Binding("c", "copy_text", "copy"),
        Binding("w", "write_text", "write"),
    ]

    def __init__(self, title: str, builder: Builder) -> None:
        super().__init__(name="text")
        self._title = title
        self._builder = builder

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -large"):
            yield Lines(self._builder, id="text", classes="pane")
            with Horizontal(classes="hint-row"):
                yield Label("c copy   w write to a file   Escape close", classes="hint")

    def on_mount(self) -> None:
        lines = self.query_one(Lines)
        lines.border_title = Content(clean(self._title))
        lines.focus()

    def on_lines_chosen(self) -> None:
        self.dismiss(None)

    def copyable(self) -> str:
        return self.query_one(Lines).text_of(None)

    def action_copy_text(self) -> None:
        from runbook.tui.app import RunbookApp

        if isinstance(self.app, RunbookApp):
            self.app.copy(self.copyable())

    def action_write_text(self) -> None:
        from runbook.tui.app import RunbookApp

        if isinstance(self.app, RunbookApp):
            self.app.write(self.copyable(), "runbook-text.txt")
