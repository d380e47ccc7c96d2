"""The case screen: choose the sides, paste the error, pick the migration, say what is seen. Each is used at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, DirectoryTree, Input, Label, RadioButton, RadioSet, Select, TextArea

from runbook.session.state import State
from runbook.text import clean_line
from runbook.tui.choices import CaseChoices
from runbook.tui.commands import SEEN
from runbook.tui.lines import Line, fit, line
from runbook.tui.paint import Painted
from runbook.tui.screens.base import SessionScreen

if TYPE_CHECKING:
    from runbook.tui.app import RunbookApp

_SIDES = (("local", "Local: where the migration worked"), ("production", "PRODUCTION: where it does not (only read)"))


class Known(Painted):
    """What is known of one part of the case, from the state."""

    def __init__(self, part: str) -> None:
        super().__init__(id=f"known-{part}", classes="known")
        self.part = part

    def build(self, width: int) -> Sequence[Line]:
        sign, paint, text = known(cast("RunbookApp", self.app).state, self.part)
        return [line((f"{sign} ", paint), (fit(text, width - 2), paint if sign == "!" else "muted"))]


def known(state: State, part: str) -> tuple[str, str, str]:
    """(sign, paint, sentence) of what was given for a part."""
    failed = next((p for p in reversed(state.problems) if p.what == part), None)
    if part in ("local", "production"):
        given, seen = state.given.get(part), state.sides.get(part)
        if given is None:
            return "·", "muted", "not given: what the other parts tell is told all the same"
        if seen is None:
            return "▸", "accent", f"{given.target}: {'looking …' if state.busy else 'not looked at yet'}"
        if not seen.reachable:
            return "!", "bad", f"{given.target}: {seen.reason}"
        return "✓", "good", f"{given.target}: PostgreSQL {seen.server_version} as {seen.role}"
    if part == "error" and state.error is not None:
        return "✓", "good", f"{state.error.sqlstate or 'no SQLSTATE'}: {state.error.message}"
    if part == "migration" and state.migration is not None:
        return "✓", "good", f"{len(state.migration.statements)} statements, {', '.join(state.migration.files)}"
    if part == "seen" and "seen" in state.answers:
        return "✓", "good", dict(SEEN).get(state.answers["seen"].answer, state.answers["seen"].answer)
    if failed is not None:
        return "!", "bad", failed.reason
    return "·", "muted", "not given"


class FileTree(DirectoryTree):
    """Files without pictures, which many a terminal draws with the wrong width; hidden ones are left out."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    ICON_FILE = "  "

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        return [path for path in paths if not path.name.startswith((".", "__pycache__", "node_modules"))]


class CaseScreen(SessionScreen):
    """A form in which nothing has to be filled in."""

    JOURNAL_NAME = "case"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "to triage", tooltip="To the triage screen; come back with g"),
        Binding("ctrl+s", "use_error", "use the error", priority=True, tooltip="Read the pasted error"),
        Binding("tab", "app.focus_next", "next field", key_display="tab", tooltip="The next field"),
    ]

    def body(self) -> ComposeResult:
        choices = self.runbook.case or CaseChoices()
        with VerticalScroll(id="case", can_focus=False):
            yield Label(
                "What is there is used at once; anything may be missing, and each can be given later.", classes="hint"
            )
            for key, title in _SIDES:
                with self._part(key, title):
                    if choices.sides:
                        options = [
                            (Content(clean_line(f"{o.label}   {o.masked}")), n) for n, o in enumerate(choices.sides)
                        ]
                        yield Select(options, prompt="choose a connection", id=f"choose-{key}")
                    yield Input(
                        placeholder="or type one: postgresql://user@host/database, service=name; Enter",
                        id=f"dsn-{key}",
                    )
            with self._part("seen", "What do you see of the migration?"), RadioSet(id="seen"):
                for id_, text in SEEN:
                    yield RadioButton(text, id=f"seen-{id_}", value=self._seen == id_)
            with self._part("error", "The error, as it was printed"):
                yield TextArea(
                    id="error",
                    soft_wrap=True,
                    tab_behavior="focus",
                    placeholder="paste it here, all of it; then ctrl+s",
                )
                with Horizontal(classes="buttons"):
                    yield Button("Read this error", id="use-error")
            with self._part("migration", "The migration: a file or a folder"):
                yield Input(placeholder="path; Enter", id="path")
                yield FileTree(choices.folder, id="tree")
            with Horizontal(classes="buttons"):
                yield Button("To the triage screen", id="done", variant="primary")

    def _part(self, part: str, title: str) -> Vertical:
        box = Vertical(Known(part), classes="part", id=f"part-{part}")
        box.border_title = title
        return box

    @property
    def _seen(self) -> str:
        given = self.state.answers.get("seen")
        return given.answer if given is not None else ""

    def on_mount(self) -> None:
        first = self.query("Select") or self.query("Input")
        first.first().focus()

    def show(self, state: State) -> None:
        for one in self.query(Known):
            one.refresh()

    # -- what is given ----------------------------------------------------------------------------------------------

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        if isinstance(event.value, int) and self.runbook.case is not None:
            key = (event.select.id or "").removeprefix("choose-")
            self._give_side(key, self.runbook.case.sides[event.value].dsn)

    @on(Input.Submitted, "#dsn-local,#dsn-production")
    def _typed(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self._give_side((event.input.id or "").removeprefix("dsn-"), event.value.strip())
            event.input.value = ""  # a password may stand in it

    def _give_side(self, key: str, dsn: str) -> None:
        self.runbook.look(lambda: self.source.give_side(key, dsn), f"looking at {key}")

    @on(RadioSet.Changed, "#seen")
    def _seen_changed(self, event: RadioSet.Changed) -> None:
        seen = (event.pressed.id or "").removeprefix("seen-")
        if seen != self._seen:
            self.runbook.give_seen(seen)

    @on(Button.Pressed, "#use-error")
    def _use_error(self) -> None:
        self.action_use_error()

    def action_use_error(self) -> None:
        text = self.query_one("#error", TextArea).text
        if text.strip():
            self.runbook.look(lambda: self.source.give_error(text), "reading the error")

    @on(Input.Submitted, "#path")
    def _path(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self._give_migration(Path(event.value.strip()).expanduser())

    @on(DirectoryTree.FileSelected)
    def _file(self, event: DirectoryTree.FileSelected) -> None:
        self.query_one("#path", Input).value = str(event.path)
        self._give_migration(event.path)

    def _give_migration(self, path: Path) -> None:
        self.runbook.look(lambda: self.source.give_migration([path]), "reading the migration")

    @on(Button.Pressed, "#done")
    def _done(self) -> None:
        self.app.pop_screen()
