"""A session in which every text that came from outside is hostile."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

from runbook.diagnosis.facts import Fact
from runbook.migration.result import Forecast
from runbook.session import events as ev
from runbook.session.events import Event
from runbook.session.state import State, fold_all
from tests.tui import incident

_OURS = {
    "id",
    "mark",
    "verdict",
    "key",
    "step",
    "side",
    "at",
    "sampled_at",
    "severity",
    "confidence",
    "kind",
    "conclusion",
    "transaction",
    "strength",
}
"""Fields that hold words of this program."""

ERROR = ev.ErrorRead(
    framework="psql",
    message='column "note" contains null values',
    sqlstate="23502",
    detail="Failing row contains (…)",
    statement="ALTER TABLE orders ALTER note SET NOT NULL",
    raw='2026-11-21 02:59:58.120 UTC [77] ERROR:  column "note" contains null values\nSTATEMENT:  ALTER TABLE orders',
)


def payloads() -> list[ev.Payload]:
    """An incident in which everything that a transcript tells of happens at least once."""
    return [
        *incident.payloads(),
        ERROR,
        ev.InputFailed("playbook", "it has no front matter"),
        ev.Answered("seen", "hanging", "eva"),
        ev.Noted("called the owner of the report", "eva"),
        ev.CheckRun("production", "SELECT 1", "ok", ("one",), (("1",), (None,))),
        ev.CheckRun("production", "SELECT 2", "denied", reason="permission denied"),
        ev.Acted(
            "cancel",
            "production",
            "deploy",
            "SELECT pg_cancel_backend(5120)",
            "done",
            "t",
            "confirmed",
            effect=("it ended",),
        ),
        ev.Trained("hint", "look at who waits"),
        ev.SessionClosed("quit"),
    ]


def state(hostile: str | None = None) -> State:
    """The incident's state; with ``hostile`` in every text from outside."""
    events = incident.events(payloads())
    if hostile is not None:
        events = [replace(e, payload=poisoned(e.payload, hostile)) for e in events]
    return fold_all(events)


def long_events(rounds: int = 100, samples: int = 80) -> list[Event]:
    """A session of hours: the incident looked at again and again, with locks sampled in between."""
    found = payloads()
    tree = next(p.tree for p in found if isinstance(p, ev.LocksSampled))
    body = [p for p in found[1:-1] if not isinstance(p, ev.Noted)]
    long: list[ev.Payload] = [found[0]]
    for number in range(rounds):
        long += body
        long += [ev.LocksSampled(replace(tree, waiting=(number + n) % 50)) for n in range(samples)]
    return incident.events([*long, found[-1]], step_s=1.0)


def poisoned(value: Any, hostile: str) -> Any:
    """``value`` with ``hostile`` before, inside and after every text that is not this program's own word."""
    if isinstance(value, str):
        middle = len(value) // 2
        return f"{hostile}{value[:middle]}{hostile}{value[middle:]}{hostile}"
    if isinstance(value, tuple | list | frozenset):
        return type(value)(poisoned(item, hostile) for item in value)
    if isinstance(value, dict):
        return {key: poisoned(item, hostile) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = _OURS | ({"basis"} if isinstance(value, Forecast) else set())
        kept |= {"status"} if isinstance(value, ev.ReadingTaken | ev.CheckRun) else set()
        kept |= {"question"} if isinstance(value, ev.Answered | Fact) else set()
        changes = {
            f.name: poisoned(getattr(value, f.name), hostile) for f in dataclasses.fields(value) if f.name not in kept
        }
        return dataclasses.replace(value, **changes)
    return value
