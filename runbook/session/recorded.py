"""A session read from its events: what a replay shows, through the protocol that a live one speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runbook.session.events import CheckRun, Event
from runbook.session.source import Listener
from runbook.session.state import State, fold, fold_all

if TYPE_CHECKING:
    from runbook.migration.result import Forecast
    from runbook.migration.what_if import WhatIf
    from runbook.playbook import Playbook, Rendered, SqlBlock


class NotLive(Exception):
    """Raised where somebody asks a recording to look, to answer or to run something."""

    def __init__(self, what: str) -> None:
        super().__init__(f"this is a recording: {what}")


class RecordedSession:
    """Recorded events as a ``SessionSource``. ``shown`` of them have happened; ``go_to`` moves in time."""

    def __init__(
        self, events: Sequence[Event], playbooks: Mapping[str, Playbook], *, shown: int | None = None, path: str = ""
    ) -> None:
        self._events = tuple(events)
        self._playbooks = dict(playbooks)
        self._listeners: list[Listener] = []
        self._path = path
        self.shown = 0
        self._state = State(path=path)
        self.go_to(len(self._events) if shown is None else shown)

    @property
    def state(self) -> State:
        return self._state

    @property
    def live(self) -> bool:
        return False

    @property
    def playbooks(self) -> dict[str, Playbook]:
        return self._playbooks

    @property
    def length(self) -> int:
        """How many events there are."""
        return len(self._events)

    def go_to(self, count: int) -> None:
        """Show the state after the first ``count`` events; listeners hear of each that is new to them."""
        count = max(0, min(count, len(self._events)))
        if count < self.shown:
            self._state = fold_all(self._events[:count], State(path=self._path))
            self.shown = count
            self._tell(self._events[max(count, 1) - 1])
            return
        for event in self._events[self.shown : count]:
            self._state = fold(self._state, event)
            self.shown += 1
            self._tell(event)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    async def start(self) -> None:
        """Nothing to look at: the events are all there."""

    async def look_again(self) -> None:
        raise NotLive("no server can be asked")

    def answer(self, question: str, answer: str) -> None:
        raise NotLive("a question cannot be answered any more")

    def note(self, text: str) -> None:
        raise NotLive("a note cannot be added")

    def visit(self, screen: str) -> None:
        """Looking at a recording leaves no trace in it."""

    async def give_side(self, key: str, dsn: str) -> None:
        raise NotLive("a side cannot be given")

    async def give_error(self, text: str) -> None:
        raise NotLive("an error cannot be given")

    async def give_migration(self, paths: Sequence[Path], runner: str | None = None) -> None:
        raise NotLive("a migration cannot be given")

    async def give_seen(self, seen: str) -> None:
        raise NotLive("what is seen cannot be given")

    async def watch_locks(self, interval_s: float = 1.0) -> None:
        """The locks are as they were recorded."""

    def render(self, cause: str) -> Rendered:
        return self._playbooks[cause].render(self.state.book())

    @property
    def can_imagine(self) -> bool:
        return False

    def forecast_if(self, what_if: WhatIf) -> Forecast:
        raise NotLive("the catalog that a what-if needs was not recorded")

    async def run_check(self, block: SqlBlock) -> CheckRun:
        raise NotLive("SQL cannot be run")

    def export(self, format: str, path: Path) -> Path:
        from runbook.transcript import write

        return write(self.state, self._playbooks, format, path)

    async def close(self, reason: str = "quit") -> None:
        """Nothing is open."""

    def _tell(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener(event, self._state)
