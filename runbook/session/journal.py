"""The journal: one JSON line an event, appended before the event is shown, readable by its owner only.

Each line carries a hash over the line before it and itself, so that a gap or an edit shows. A line that was cut by a
crash is named and the rest is read.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
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
    "check": ev.CheckRun,
    "screen": ev.ScreenVisited,
    "round_started": ev.RoundStarted,
    "round_finished": ev.RoundFinished,
    "session_closed": ev.SessionClosed,
}
_NAMES = {type_: name for name, type_ in KINDS.items()}
_ENCODER = msgspec.json.Encoder(order="deterministic")
_CHAIN_HEAD = b'{"chain":"'
_CHAIN_LENGTH = 32


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
    body = _ENCODER.encode(
        {
            "seq": event.seq,
            "at": event.at,
            "offset_s": event.offset_s,
            "kind": _NAMES[type(event.payload)],
            "data": event.payload,
        }
    )
    chain = _link(chain, body)
    return _CHAIN_HEAD + chain.encode() + b'",' + body[1:] + b"\n", chain


def read(path: Path) -> Recording:
    """All events of a journal; broken lines are named, not fatal. Raises ``JournalError`` when it cannot be opened."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}") from None
    events: list[Event] = []
    problems: list[str] = []
    chain = ""
    for number, line in _lines(data):
        try:
            event, body = _decode(line)
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            torn = not line.endswith(b"\n") and number == data.count(b"\n") + 1
            what = "was cut off while it was written" if torn else f"cannot be read: {error}"
            problems.append(f"{path}:{number}: this line {what}")
            continue
        claimed = line[len(_CHAIN_HEAD) : len(_CHAIN_HEAD) + _CHAIN_LENGTH].decode("ascii", "replace")
        if claimed != _link(chain, body):
            problems.append(f"{path}:{number}: this line does not follow the one before it: something was changed")
        chain = claimed
        events.append(event)
    return Recording(path, tuple(events), tuple(problems))


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        if line.strip():
            yield number, line


def _decode(line: bytes) -> tuple[Event, bytes]:
    if not line.startswith(_CHAIN_HEAD):
        raise ValueError("it has no chain")
    body = b"{" + line.rstrip(b"\n")[len(_CHAIN_HEAD) + _CHAIN_LENGTH + 2 :]
    raw = msgspec.json.decode(body)
    payload: Payload = msgspec.convert(raw["data"], KINDS[raw["kind"]])
    return Event(raw["seq"], raw["at"], raw["offset_s"], payload), body


def _link(chain: str, body: bytes) -> str:
    return hashlib.sha256(chain.encode() + body).hexdigest()[:_CHAIN_LENGTH]
