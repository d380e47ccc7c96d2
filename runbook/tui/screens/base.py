"""What all full screens share: the bars, the state they watch, and the journal's note that they were opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.screen import Screen

from runbook.session.state import State
from runbook.tui.bars import HeaderBar, KeyBar
from runbook.tui.replaying import ReplayBar
from runbook.tui.training import TrainingBar

if TYPE_CHECKING:
    from runbook.session.source import SessionSource
    from runbook.tui.app import RunbookApp


class SessionScreen(Screen[None]):
    """A screen of the session. Subclasses compose ``body`` and show the state in ``show``."""

    JOURNAL_NAME = ""

    def __init__(self) -> None:
        super().__init__(name=self.JOURNAL_NAME)

    @property
    def runbook(self) -> RunbookApp:
        return cast("RunbookApp", self.app)

    @property
    def source(self) -> SessionSource:
        return self.runbook.source

    @property
    def state(self) -> State:
        return self.runbook.state

    def compose(self) -> ComposeResult:
        yield HeaderBar(id="header")
        yield from self.body()
        yield ReplayBar(id="replay")
        yield TrainingBar(id="training")
        yield KeyBar(id="keys")

    def body(self) -> ComposeResult:
        raise NotImplementedError

    def show(self, state: State) -> None:
        """Show ``state``. Called when it changes and when the screen comes to the front."""
        raise NotImplementedError

    def copyable(self) -> str:
        """What ``c`` copies."""
        return ""

    # Textual calls the handlers of every class of a screen: subclasses do not call these.
    def on_mount(self) -> None:
        self.watch(self.app, "state", self._state_changed, init=False)
        self.show(self.state)

    def on_screen_resume(self) -> None:
        if self.JOURNAL_NAME and self.source.live and self.state.closed is None:
            self.source.visit(self.JOURNAL_NAME)

    def _state_changed(self, state: State) -> None:
        self.show(state)
