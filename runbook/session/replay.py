"""A recording with a clock: play, pause, step, speed, jump; and a recording that is still being written, followed.

Another source of the same events: screens do not know the difference, and the state at an event is what it was then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runbook.session.events import Diagnosed, Event, SessionClosed
from runbook.session.journal import JournalError, Reader
from runbook.session.recorded import RecordedSession

if TYPE_CHECKING:
    from runbook.playbook import Playbook

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 16.0, 64.0)
FOLLOW_EVERY_S = 0.5
"""How often a journal that is still written is read for more."""


class ReplaySession(RecordedSession):
    """Recorded events with the real gaps of time between them. It begins before its first event, playing."""

    def __init__(
        self,
        events: Sequence[Event],
        playbooks: Mapping[str, Playbook],
        *,
        path: str = "",
        speed: float = 1.0,
        reader: Reader | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``reader``: the journal that is being written, to be followed; its newest events are shown at once."""
        super().__init__(events, playbooks, shown=len(events) if reader is not None else 0, path=path)
        self.playing = True
        self.speed = speed
        self.problem: str | None = None
        """Why the journal cannot be followed any more."""
        self.problems: tuple[str, ...] = ()
        """Lines that could not be read, or do not follow the one before them."""
        self._reader = reader
        self._clock = clock
        self._since = clock()
        self._from_s = self.position_s
        self._changed = asyncio.Event()

    # -- where it stands ------------------------------------------------------------------------------------------------

    @property
    def position_s(self) -> float:
        """Seconds into the session: the offset of the last event shown."""
        return self._events[self.shown - 1].offset_s if self.shown else 0.0

    @property
    def now_s(self) -> float:
        """Seconds into the session, moving on between two events while it plays."""
        if not self.playing or self.ended:
            return self.position_s
        return min(self._from_s + (self._clock() - self._since) * self.speed, self._events[self.shown].offset_s)

    @property
    def length_s(self) -> float:
        """Seconds from the first event to the last."""
        return self._events[-1].offset_s if self._events else 0.0

    @property
    def ended(self) -> bool:
        """Every event is shown."""
        return self.shown >= len(self._events)

    @property
    def following(self) -> bool:
        """More events may come: the session has not been closed, and its journal is watched."""
        closed = bool(self._events) and isinstance(self._events[-1].payload, SessionClosed)
        return self._reader is not None and not closed and self.problem is None

    # -- what a person does ---------------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Play or pause; from the end it plays again from the beginning."""
        if self.ended and not self.following:
            self.go_to(0)
            self.playing = True
        else:
            self.playing = not self.playing
        self._moved()

    def step(self, by: int) -> None:
        """So many events on, or back, and stay there."""
        self.playing = False
        self.go_to(self.shown + by)
        self._moved()

    def faster(self, by: int) -> None:
        """The next speed up, or down."""
        at = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - self.speed))
        self._from_s, self._since = self.now_s, self._clock()
        self.speed = SPEEDS[max(0, min(at + by, len(SPEEDS) - 1))]
        self._changed.set()

    def to_event(self, number: int) -> None:
        """Show everything up to the event of this number, from 1."""
        self.go_to(number)
        self._moved()

    def to_time(self, seconds: float) -> None:
        """Show everything up to this second of the session."""
        self.to_event(sum(1 for e in self._events if e.offset_s <= seconds))

    def to_belief(self, by: int) -> None:
        """To the next (1) or the previous (-1) event that changed which cause came first, or how sure it was."""
        beliefs = self.beliefs()
        wanted = [n for n in beliefs if n > self.shown] if by > 0 else [n for n in beliefs if n < self.shown][::-1]
        if wanted:
            self.playing = False
            self.go_to(wanted[0])
            self._moved()

    def to_newest(self) -> None:
        """Everything there is; a session that is still written is followed from here."""
        self.playing = True
        self.go_to(len(self._events))
        self._moved()

    def beliefs(self) -> tuple[int, ...]:
        """The numbers of the events that changed the belief."""
        found, before = [], None
        for number, event in enumerate(self._events, 1):
            if isinstance(event.payload, Diagnosed):
                first = event.payload.causes[0] if event.payload.causes else None
                belief = (event.payload.conclusion, first and first.id, first and first.verdict)
                if belief != before:
                    found.append(number)
                before = belief
        return tuple(found)

    # -- time -----------------------------------------------------------------------------------------------------------

    async def play(self) -> None:
        """Let time pass, until cancelled: events come when they came, and new ones of a journal that is written."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._play())
            if self._reader is not None:
                group.create_task(self._follow(self._reader))

    async def _play(self) -> None:
        self._moved()
        while True:
            self._changed.clear()
            if not self.playing or self.ended:
                await self._changed.wait()
                continue
            wait_s = (self._events[self.shown].offset_s - self.now_s) / self.speed
            if wait_s > 0:
                try:
                    await asyncio.wait_for(self._changed.wait(), wait_s)
                except TimeoutError:
                    pass
                else:
                    continue
            self.go_to(sum(1 for e in self._events if e.offset_s <= self._events[self.shown].offset_s))
            self._from_s, self._since = self.position_s, self._clock()

    async def _follow(self, reader: Reader) -> None:
        while self.following:
            await asyncio.sleep(FOLLOW_EVERY_S)
            try:
                more = reader.more()
            except JournalError as error:
                self.problem = str(error)
                return
            if more:
                newest = self.ended
                self._events = (*self._events, *more)
                if newest and self.playing:
                    self.go_to(len(self._events))
                self._changed.set()

    def _moved(self) -> None:
        self._from_s, self._since = self.position_s, self._clock()
        self._changed.set()


def open_replay(
    path: Path, playbooks: Mapping[str, Playbook], *, speed: float = 1.0, follow: bool = False
) -> ReplaySession:
    """The recording in ``path``. Raises ``JournalError`` when it cannot be read or holds no event."""
    reader = Reader(path)
    events = (*reader.more(), *(() if follow else reader.last()))
    if not events:
        raise JournalError(f"{path} holds no event that can be read")
    session = ReplaySession(events, playbooks, path=str(path), speed=speed, reader=reader if follow else None)
    session.problems = reader.problems
    return session
