"""A live session whose servers are a script: for keys and screens. Real servers are in test_live.py."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from runbook.diagnosis.questions import answer_fact
from runbook.playbook import Playbook, SqlBlock, load
from runbook.session import events as ev
from runbook.session.recorded import RecordedSession
from tests.tui.incident import events


@cache
def shipped() -> dict[str, Playbook]:
    """The playbooks of the project."""
    return load()[0]


class ScriptedSession(RecordedSession):
    """Recorded events that go on: what is asked of it becomes an event, as in ``LiveSession``."""

    def __init__(
        self, given: Sequence[ev.Event], playbooks: Mapping[str, Playbook] | None = None, *, look_takes_s: float = 0.0
    ) -> None:
        super().__init__(given, shipped() if playbooks is None else playbooks)
        self.look_takes_s = look_takes_s
        self.asked: list[tuple[str, object]] = []
        self.closed_as: str | None = None

    @property
    def live(self) -> bool:
        return True

    def add(self, *payloads: ev.Payload) -> None:
        """More happens."""
        for payload in payloads:
            event = events([payload])[0]
            seq = len(self._events) + 1
            self._events = (*self._events, ev.Event(seq, event.at, seq * 0.2, payload))
            self.go_to(seq)

    async def look_again(self) -> None:
        self.asked.append(("look", None))
        self.add(ev.RoundStarted(self.state.round + 1))
        await asyncio.sleep(self.look_takes_s)
        self.add(ev.RoundFinished(self.state.round, 0.1))

    async def start(self) -> None:
        await self.look_again()

    def answer(self, question: str, answer: str) -> None:
        self.asked.append(("answer", (question, answer)))
        self.add(ev.Answered(question, answer, "test", answer_fact(question, answer)))

    def note(self, text: str) -> None:
        self.add(ev.Noted(text, "test"))

    def visit(self, screen: str) -> None:
        self.add(ev.ScreenVisited(screen))

    async def give_side(self, key: str, dsn: str) -> None:
        self.asked.append(("side", (key, dsn)))

    async def give_error(self, text: str) -> None:
        self.asked.append(("error", text))

    async def give_migration(self, paths: Sequence[Path], runner: str | None = None) -> None:
        self.asked.append(("migration", tuple(paths)))

    async def give_seen(self, seen: str) -> None:
        self.asked.append(("seen", seen))

    async def watch_locks(self, interval_s: float = 1.0) -> None:
        self.asked.append(("watch", interval_s))
        await asyncio.Event().wait()

    async def run_check(self, block: SqlBlock) -> ev.CheckRun:
        check = ev.CheckRun("production", block.sql, "ok", ("pid", "state"), (("4182", "idle in transaction"),))
        self.add(check)
        return check

    async def close(self, reason: str = "quit") -> None:
        self.closed_as = reason
