"""The migration screen: what each statement does to production, and the safe form where there is one."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content

from runbook.migration.result import StatementForecast
from runbook.session.state import State
from runbook.tui.lines import Line, line
from runbook.tui.paint import Lines
from runbook.tui.screens.base import SessionScreen
from runbook.tui.views.plot import bars, on_local, plot, points
from runbook.tui.views.statements import detail, find_statement, safe_sql, statements, summary

_WORTH_A_PICTURE_S = 0.1


class MigrationScreen(SessionScreen):
    """A table of statements above, the selected one in full below."""

    JOURNAL_NAME = "migration"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "back", tooltip="Back to the triage screen"),
        Binding("tab", "app.focus_next", "pane", key_display="tab", tooltip="The next pane"),
        Binding("v", "safe_form", "safe form", tooltip="Show the safe form of this statement, or hide it"),
        Binding("c", "app.copy", "copy", tooltip="Copy the safe form if it is shown, else the statement"),
        Binding("o", "playbook", "playbook", tooltip="Open the playbook of this statement's hazard"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._safe_form = False

    def body(self) -> ComposeResult:
        with Container(id="migration"):
            yield Lines(id="statements", classes="pane", fixed=1, keeps_cursor=True)
            yield Lines(id="statement", classes="pane")

    def on_mount(self) -> None:
        self.query_one("#statements").focus()

    def show(self, state: State) -> None:
        table = self.query_one("#statements", Lines)
        table.border_title = "Migration"
        if state.forecast is not None:
            table.border_subtitle = Content(summary(state.forecast))
        table.display_lines(lambda width: statements(state, width))
        self._show_statement()

    @property
    def selected(self) -> StatementForecast | None:
        return find_statement(self.state, self.query_one("#statements", Lines).cursor)

    def _show_statement(self) -> None:
        one, state, safe_form = self.selected, self.state, self._safe_form
        pane = self.query_one("#statement", Lines)
        pane.border_title = f"Statement {one.index}" if one is not None else "Statement"

        def build(width: int) -> list[Line]:
            if one is None:
                return [line(("nothing is selected", "muted"))]
            return [*detail(state, one, width, safe_form=safe_form), *_picture(state, one, width)]

        pane.display_lines(build)
        self.refresh_bindings()

    def on_lines_moved(self, event: Lines.Moved) -> None:
        if event.lines.id == "statements":
            self._safe_form = False
            self._show_statement()
            self.query_one("#statement", Lines).scroll_home(animate=False)

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        if event.lines.id == "statements":
            self.query_one("#statement").focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted or action not in ("safe_form", "playbook"):
            return True
        one = self.selected
        if action == "safe_form":
            return True if one is not None and safe_sql(one) else None
        return True if one is not None and self._playbook_of(one) else None

    def action_safe_form(self) -> None:
        self._safe_form = not self._safe_form
        self._show_statement()
        self.query_one("#statement", Lines).scroll_home(animate=False)

    def action_playbook(self) -> None:
        one = self.selected
        cause = self._playbook_of(one) if one is not None else None
        if cause is not None:
            self.runbook.open_playbook(cause)

    def _playbook_of(self, one: StatementForecast) -> str | None:
        names = [name for hazard in one.hazards for name in (hazard.playbook, hazard.id) if name]
        return next((name for name in names if name in self.source.playbooks), None)

    def copyable(self) -> str:
        one = self.selected
        if one is None:
            return self.query_one("#statements", Lines).text_of(None)
        return safe_sql(one) if self._safe_form and safe_sql(one) else one.sql


def _picture(state: State, one: StatementForecast, width: int) -> list[Line]:
    if one.seconds is None or one.seconds.high < _WORTH_A_PICTURE_S:
        return []
    head = [
        line(),
        line(("rows against seconds", "muted"), ("   ● local", "local-text"), ("   ● PRODUCTION", "production-text")),
    ]
    found = points(state, one)
    if len(found) == 2:
        return [*head, *plot(found, min(width, 90))]
    local = on_local(state, one)
    sides = [("local", local.seconds)] if local is not None and local.seconds is not None else []
    basis = "production" if state.forecast is not None and state.forecast.basis == "production" else "forecast"
    return [
        line(),
        line(("how long the locks are held", "muted")),
        *bars([*sides, (basis, one.seconds)], min(width, 90)),
    ]
