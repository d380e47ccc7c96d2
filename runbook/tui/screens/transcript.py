"""The transcript screen: the journal as a timeline, and the way to export it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from runbook.session.state import State
from runbook.text import clean_line
from runbook.tui.paint import Lines
from runbook.tui.screens.base import SessionScreen
from runbook.tui.views.timeline import entries, has_details, timeline


class TranscriptScreen(SessionScreen):
    """Every event with its time. The cursor follows the newest as long as it stands on the last one."""

    JOURNAL_NAME = "transcript"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "back", tooltip="Back to the triage screen"),
        Binding("o", "open_all", "open all", tooltip="Show all details, or fold them again"),
        Binding("n", "app.note", "note", tooltip="Write a note with the time into the session"),
        Binding("e", "app.export", "export", tooltip="Export: Markdown, HTML, postmortem, chat, JSON"),
        Binding("c", "app.copy", "copy", tooltip="Copy the timeline as it is shown"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._opened: frozenset[str] = frozenset()

    def body(self) -> ComposeResult:
        yield Lines(id="timeline", classes="pane")

    def on_mount(self) -> None:
        pane = self.query_one("#timeline", Lines)
        pane.focus()
        self.call_after_refresh(pane.action_end)

    def show(self, state: State) -> None:
        pane = self.query_one("#timeline", Lines)
        at_end = bool(pane.keys) and pane.cursor == pane.keys[-1]
        pane.border_title = "Transcript"
        pane.border_subtitle = Content(clean_line(state.path or "not recorded on disk"))
        opened = self._opened
        pane.display_lines(lambda width: timeline(state, width, opened))
        if at_end and pane.keys:
            pane.action_end()

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        if event.key is not None:
            self._opened = self._opened ^ {event.key}
            self.show(self.state)

    def action_open_all(self) -> None:
        keys = frozenset(entry.key for entry in entries(self.state.events) if has_details(entry))
        self._opened = frozenset() if self._opened else keys
        self.show(self.state)

    def copyable(self) -> str:
        return self.query_one("#timeline", Lines).text_of(None)
