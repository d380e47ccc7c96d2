"""The dialogs of the migration screen: what to imagine, and what to search for."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, RadioButton, RadioSet

from runbook.migration.what_if import MAJORS, WhatIf, WhatIfProblem, read_size
from runbook.text import clean
from runbook.tui.screens.dialogs import Dialog, label

_BUSY = ((None, "as busy as it is"), (True, "busy"), (False, "idle: no session, no writes"))


class WhatIfDialog(Dialog[WhatIf]):
    """What is taken to be otherwise. Returns it, or None."""

    def __init__(self, now: WhatIf) -> None:
        super().__init__()
        self._now = now

    def compose(self) -> ComposeResult:
        now = self._now
        size = f"{now.rows}" if now.rows is not None else f"x{now.factor:g}" if now.factor != 1 else ""
        with Vertical(classes="dialog"):
            yield Label("What if", classes="dialog-title")
            yield Input(now.relation or "", placeholder="table (empty: all tables)", id="table")
            yield Input(size, placeholder="its size: x100, or rows like 40 million", id="size")
            major = "" if now.major is None else str(now.major)
            yield Input(major, placeholder=f"PostgreSQL {MAJORS[0]} to {MAJORS[-1]} (empty: as it is)", id="major")
            with RadioSet(id="busy"):
                for value, text in _BUSY:
                    yield RadioButton(text, value=value is now.busy)
            yield label("Enter shows it, Escape leaves; nothing of it enters the diagnosis", id="hint", classes="hint")

    def on_mount(self) -> None:
        self.query_one("#size", Input).focus()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        try:
            self.dismiss(self._typed())
        except WhatIfProblem as problem:
            hint = self.query_one("#hint", Label)
            hint.update(Content(clean(str(problem))))
            hint.add_class("-problem")

    def _typed(self) -> WhatIf:
        factor, rows = read_size(self.query_one("#size", Input).value)
        major = self.query_one("#major", Input).value.strip()
        if major and (not major.isdecimal() or int(major) not in MAJORS):
            raise WhatIfProblem(f"majors {MAJORS[0]} to {MAJORS[-1]} are known, not {major}")
        busy = _BUSY[max(self.query_one(RadioSet).pressed_index, 0)][0]
        relation = self.query_one("#table", Input).value.strip() or None
        return WhatIf(relation, factor, rows, int(major) if major else None, busy)


class SearchDialog(Dialog[str]):
    """A text that the statements shown must have. Returns it (empty: show all again), or None."""

    def __init__(self, now: str) -> None:
        super().__init__()
        self._now = now

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("Search", classes="dialog-title")
            yield Input(self._now, placeholder="SQL, table, file, hazard, SQLSTATE", id="search")
            yield Label("Enter shows statements with it, empty shows all, Escape leaves", classes="hint")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())
