"""The journal: one JSON line an event, appended before the event is shown, readable by its owner only.

Each line carries a hash over the line before it and itself, so that a gap or an edit shows. A line that was cut by a
crash is named and the rest is read.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from runbook.session import events as ev
from runbook.session.events import Event, Payload

KINDS: dict[str, type[Any]] = {
    "session_opened": ev.SessionOpened,
    "side_given": ev.SideGiven,
    "side_seen": ev.SideSeen,
    "reading": ev.ReadingTaken,
    "migration": ev.MigrationRead,
    "error": ev.ErrorRead,
    "input_failed": ev.InputFailed,
    "step": ev.StepExamined,
    "forecast": ev.ForecastMade,
    "diagnosis": ev.Diagnosed,
    "answer": ev.Answered,
    "note": ev.Noted,
    "locks": ev.LocksSampled,
    "locks_unchanged": ev.LocksUnchanged,
    "check": ev.CheckRun,
    "action": ev.Acted,
    "training": ev.Trained,
    "screen": ev.ScreenVisited,
    "round_started": ev.RoundStarted,
    "round_finished": ev.RoundFinished,
    "session_closed": ev.SessionClosed,
}
_NAMES = {type_: name for name, type_ in KINDS.items()}
_ENCODER = msgspec.json.Encoder(order="deterministic")
_CHAIN_HEAD = b'{"chain":"'
_CHAIN_LENGTH = 32


UPGRADERS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = MappingProxyType({})
"""By version: what makes a line (kind and data) of that version one of the next. Version 1 is the first."""


class JournalError(Exception):
    """A journal that cannot be used: one sentence with its path."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a journal holds: its events, and every line that could not be read or does not follow the one before."""

    path: Path
    events: tuple[Event, ...]
    problems: tuple[str, ...] = ()


class Journal:
    """An open journal. ``append`` writes before it returns; a full disk is remembered and tried again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None  # why events are waiting in memory, if they are
        self._chain = ""
        self._waiting: list[bytes] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"the session cannot be recorded in {path}: {error.strerror}") from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise JournalError(f"another program is writing to {path}") from None

    def append(self, event: Event) -> None:
        """Write one event as one line. Never raises for a full disk: see ``problem``."""
        line, self._chain = encode(event, self._chain)
        self._waiting.append(line)
        self._flush()

    def close(self) -> None:
        self._flush()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _flush(self) -> None:
        while self._waiting and self._fd >= 0:
            line = self._waiting[0]
            try:
                written = os.write(self._fd, line)
            except OSError as error:
                self.problem = f"events wait to be written to {self.path}: {error.strerror}"
                return
            if written == len(line):
                self._waiting.pop(0)
            else:
                self._waiting[0] = line[written:]
        self.problem = None


def encode(event: Event, chain: str) -> tuple[bytes, str]:
    """One line for ``event`` and the new end of the chain, given the chain so far."""
    told = {
        "seq": event.seq,
        "at": event.at,
        "offset_s": event.offset_s,
        "kind": _NAMES[type(event.payload)],
        "data": event.payload,
    }
    body = _ENCODER.encode({**told, "removed": event.removed} if event.removed else told)
    chain = _link(chain, body)
    return _CHAIN_HEAD + chain.encode() + b'",' + body[1:] + b"\n", chain


def read(path: Path) -> Recording:
    """All events of a journal; broken lines are named, not fatal. Raises ``JournalError`` when it cannot be opened."""
    reader = Reader(path)
    events = (*reader.more(), *reader.last())
    return Recording(path, events, reader.problems)


class Reader:
    """A journal that may still be written: ``more`` returns the events that came since it was last asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: tuple[str, ...] = ()
        self._at = 0
        self._number = 0
        self._chain = ""
        self._rest = b""  # a line whose end is not written yet
        self._version = ev.JOURNAL_VERSION

    def more(self) -> tuple[Event, ...]:
        """Events since the last call; broken lines go to ``problems``. Raises ``JournalError`` when it cannot be read."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except OSError as error:
            raise JournalError(f"{self.path} cannot be read: {error.strerror}") from None
        self._at += len(data)
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        found = (self._event(line) for line in (whole + newline).splitlines(keepends=True))
        return tuple(event for event in found if event is not None)

    def last(self) -> tuple[Event, ...]:
        """What stands after the last line's end, when no more will come: an event, or a line that a crash cut off."""
        if not self._rest.strip():
            return ()
        known = self.problems
        event = self._event(self._rest)
        if event is None:
            where = f"{self.path}:{self._number}"
            self.problems = (*known, f"{where}: this line was cut off while it was written")
            return ()
        return (event,)

    def _decode(self, line: bytes) -> tuple[Event, bytes]:
        """The event of a line, made one of this version, and what its link of the chain was made over."""
        if not line.startswith(_CHAIN_HEAD):
            raise ValueError("it has no chain")
        body = b"{" + line.rstrip(b"\n")[len(_CHAIN_HEAD) + _CHAIN_LENGTH + 2 :]
        raw = msgspec.json.decode(body)
        if raw["kind"] == "session_opened":
            self._version = raw["data"].get("journal_version", 1)
        for version in range(self._version, ev.JOURNAL_VERSION):
            raw = UPGRADERS[version](raw)
        if raw["kind"] not in KINDS:
            newer = f": it was written by a newer runbook (journal version {self._version})"
            raise ValueError(f"there is no event {raw['kind']!r}{newer if self._version > ev.JOURNAL_VERSION else ''}")
        payload: Payload = msgspec.convert(raw["data"], KINDS[raw["kind"]])
        return Event(raw["seq"], raw["at"], raw["offset_s"], payload, raw.get("removed", {})), body

    def _event(self, line: bytes) -> Event | None:
        self._number += 1
        if not line.strip():
            return None
        where = f"{self.path}:{self._number}"
        try:
            event, body = self._decode(line)
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            self.problems += (f"{where}: this line cannot be read: {error}",)
            return None
        claimed = line[len(_CHAIN_HEAD) : len(_CHAIN_HEAD) + _CHAIN_LENGTH].decode("ascii", "replace")
        if claimed != _link(self._chain, body):
            self.problems += (f"{where}: this line does not follow the one before it: something was changed",)
        self._chain = claimed
        return event


def _link(chain: str, body: bytes) -> str:
    return hashlib.sha256(chain.encode() + body).hexdigest()[:_CHAIN_LENGTH]
