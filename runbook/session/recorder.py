"""The recorder: redact, append to the journal, fold into the state, then tell whoever listens. In that order."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from runbook.session.events import Event, Payload, SessionOpened
from runbook.session.journal import Journal, JournalError
from runbook.session.redaction import redact
from runbook.session.source import Listener
from runbook.session.state import State, fold


def new_session_id(now: datetime) -> str:
    """Sortable by time, unique: ``20261121-023201-7f3a``."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class Recorder:
    """One session being written. Without a folder (or where it cannot be written) the session lives in memory only."""

    def __init__(self, folder: Path | None, *, version: str, title: str = "") -> None:
        now = datetime.now(UTC)
        session_id = new_session_id(now)
        self._started = time.monotonic()
        self._listeners: list[Listener] = []
        self._seq = 0
        self.problem: str | None = None
        self.journal: Journal | None = None
        if folder is not None:
            try:
                self.journal = Journal(folder / f"{session_id}.jsonl")
            except JournalError as error:
                self.problem = str(error)
        self.state = State(path=str(self.journal.path) if self.journal else "")
        self.append(SessionOpened(session_id, version, title or session_id))

    def append(self, payload: Payload) -> Event:
        """Record one event. When this returns, it is in the journal and in ``state``."""
        self._seq += 1
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        removed: Counter[str] = Counter()
        payload = redact(payload, removed)
        event = Event(self._seq, at, round(time.monotonic() - self._started, 3), payload, dict(removed))
        if self.journal is not None:
            self.journal.append(event)
            self.problem = self.journal.problem
        self.state = fold(self.state, event)
        for listener in tuple(self._listeners):
            listener(event, self.state)
        return event

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def close(self) -> None:
        if self.journal is not None:
            self.journal.close()


def replayed(path: Path) -> State:
    """The state that a journal leads to. Raises ``JournalError``."""
    from runbook.session.journal import read
    from runbook.session.state import fold_all

    recording = read(path)
    return replace(fold_all(recording.events), path=str(path))
