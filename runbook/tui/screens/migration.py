"""The migration screen: what each statement does to production, the safe form, and what would be if."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content

from runbook.migration.result import Forecast, StatementForecast
from runbook.migration.what_if import WhatIf, WhatIfProblem
from runbook.session.events import MigrationRead
from runbook.session.state import State
from runbook.tui.lines import Line, line
from runbook.tui.paint import Builder, Lines
from runbook.tui.screens.base import SessionScreen
from runbook.tui.views.rail import groups
from runbook.tui.views.statement import detail, picture, safe_sql
from runbook.tui.views.statements import View, alarm_after, find_statement, statements, summary


class MigrationScreen(SessionScreen):
    """A table of statements above, the selected one in full below. A what-if stays on this screen and out of the session."""

    JOURNAL_NAME = "migration"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "back", tooltip="Back to the triage screen"),
        Binding("a", "alarm(1)", "next alarm", tooltip="To the next statement with a warning or danger"),
        Binding("A", "alarm(-1)", "alarm before", show=False, tooltip="To the one before"),
        Binding("v", "safe_form", "safe form", tooltip="Show the safe form of this statement, or hide it"),
        Binding("c", "app.copy", "copy", tooltip="Copy the safe form if it is shown, else the statement"),
        Binding("i", "what_if", "what if", tooltip="Another size, another major, busy or idle"),
        Binding("x", "larger", "×10", tooltip="What if all tables were ten times as large (again: a hundred times)"),
        Binding("z", "as_it_is", "as it is", tooltip="End the what-if"),
        Binding("f", "filter", "filter", tooltip="Only statements that alarm, or all"),
        Binding("slash", "search", "search", key_display="/", tooltip="Only statements with a text"),
        Binding("o", "playbook", "playbook", tooltip="Open the playbook of this statement's hazard"),
        Binding("l", "locks", "locks", tooltip="The locks screen, at the session that this statement waits for"),
        Binding("tab", "app.focus_next", "pane", key_display="tab", tooltip="The next pane"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._safe_form = False
        self._view = View()
        self._what_if = WhatIf()
        self._shown: tuple[Forecast | None, MigrationRead | None] | None = None  # what the table was last built from

    def body(self) -> ComposeResult:
        with Container(id="migration"):
            yield Lines(id="statements", classes="pane", fixed=1, keeps_cursor=True)
            yield Lines(id="statement", classes="pane")

    def on_mount(self) -> None:
        self.query_one("#statements").focus()
        self.call_after_refresh(self._show_statement)  # the table selects its first row when it knows its width

    # -- showing --------------------------------------------------------------------------------------------------

    @property
    def forecast(self) -> Forecast | None:
        """What the table shows: the what-if, where there is one."""
        return self._view.imagined or self.state.forecast

    @property
    def selected(self) -> StatementForecast | None:
        return find_statement(self.forecast, self.query_one("#statements", Lines).cursor)

    def show(self, state: State) -> None:
        """Locks are sampled every second: the table is built again only when what it shows is another thing."""
        shown, self._shown = self._shown, (state.forecast, state.migration)
        if shown is not None and shown[0] is state.forecast and shown[1] is state.migration:
            return
        if self._view.imagined is not None:
            self._imagine(self._what_if)  # the servers were looked at again
        self._show_all()

    def _show_all(self) -> None:
        state, forecast = self.state, self.forecast
        if forecast is not None:
            self._view = replace(self._view, groups=groups(state.migration, forecast))
        table = self.query_one("#statements", Lines)
        title = ["Migration"]
        if self._view.imagined is not None:
            title.append(f"WHAT IF {self._view.assumed}")
        if self._view.alarming:
            title.append("only alarms")
        if self._view.search:
            title.append(f"with {self._view.search!r}")
        table.border_title = Content("  ".join(title))
        if forecast is not None:
            table.border_subtitle = Content(summary(forecast))
        view = self._view
        table.display_lines(_once_a_width(lambda width: statements(state, width, view)))
        self._show_statement()

    def _show_statement(self) -> None:
        one, state, safe_form, view = self.selected, self.state, self._safe_form, self._view
        pane = self.query_one("#statement", Lines)
        pane.border_title = f"Statement {one.index}" if one is not None else "Statement"

        def build(width: int) -> list[Line]:
            if one is None:
                return [line(("nothing is selected", "muted"))]
            return [*detail(state, one, width, safe_form=safe_form, view=view), *picture(state, one, width, view)]

        pane.display_lines(_once_a_width(build))
        self.refresh_bindings()

    def on_lines_moved(self, event: Lines.Moved) -> None:
        if event.lines.id == "statements":
            self._safe_form = False
            self._show_statement()
            self.query_one("#statement", Lines).scroll_home(animate=False)

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        if event.lines.id == "statements":
            self.query_one("#statement").focus()

    # -- keys -----------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return True
        if action in ("what_if", "larger"):
            return self.source.can_imagine  # hidden in a recording: the catalog is not in it
        if action == "as_it_is":
            return self._view.imagined is not None
        if action not in ("safe_form", "playbook"):
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

    def action_alarm(self, step: int) -> None:
        table = self.query_one("#statements", Lines)
        found = alarm_after(self.forecast, table.keys, table.cursor, step) if self.forecast is not None else None
        if found is None:
            self.runbook.say("no statement alarms")
        else:
            table.move_to(found)

    def action_filter(self) -> None:
        self._view = replace(self._view, alarming=not self._view.alarming)
        self._show_all()

    def action_search(self) -> None:
        from runbook.tui.screens.what_if import SearchDialog

        def search(text: str | None) -> None:
            if text is not None:
                self._view = replace(self._view, search=text)
                self._show_all()

        self.runbook.push_screen(SearchDialog(self._view.search), search)

    def action_locks(self) -> None:
        """The locks screen; where this statement waits for a session, at that session."""
        from runbook.tui.screens.locks import LocksScreen

        pids = {w.pid for w in self.selected.waits_for} if self.selected is not None else set()
        self.runbook.action_open("locks")
        if pids:
            locks = next((s for s in self.runbook.screen_stack if isinstance(s, LocksScreen)), None)
            if locks is not None:
                locks.seek(pids)

    # -- what if ----------------------------------------------------------------------------------------------------

    def action_what_if(self) -> None:
        from runbook.tui.screens.what_if import WhatIfDialog

        def chosen(wanted: WhatIf | None) -> None:
            if wanted is not None:
                self._imagine(wanted)

        self.runbook.push_screen(WhatIfDialog(self._what_if), chosen)

    def action_larger(self) -> None:
        now = self._what_if
        if now.rows is not None:
            self._imagine(replace(now, rows=now.rows * 10))
        else:
            self._imagine(replace(now, factor=now.factor * 10))

    def action_as_it_is(self) -> None:
        self._what_if = WhatIf()
        self._view = replace(self._view, imagined=None, assumed="")
        self._show_all()

    def _imagine(self, wanted: WhatIf) -> None:
        """Forecast anew in a thread; the newest wish counts."""
        if wanted.is_nothing:
            self.action_as_it_is()
            return
        self._what_if = wanted
        self.run_worker(self._imagined(wanted), group="what-if", exclusive=True, exit_on_error=False)

    async def _imagined(self, wanted: WhatIf) -> None:
        try:
            found = await asyncio.to_thread(self.source.forecast_if, wanted)
        except WhatIfProblem as problem:
            self._what_if = WhatIf()
            self.runbook.say(str(problem), severity="warning")
            return
        if wanted == self._what_if:
            self._view = replace(self._view, imagined=found, assumed=wanted.told)
            self._show_all()

    def copyable(self) -> str:
        one = self.selected
        if one is None:
            return self.query_one("#statements", Lines).text_of(None)
        return safe_sql(one) if self._safe_form and safe_sql(one) else one.sql


def _once_a_width(build: Builder) -> Builder:
    """``build`` kept for the last width: layout asks for height and lines one after the other."""
    kept: dict[int, list[Line]] = {}

    def lines(width: int) -> list[Line]:
        if width not in kept:
            kept.clear()
            kept[width] = list(build(width))
        return kept[width]

    return lines
