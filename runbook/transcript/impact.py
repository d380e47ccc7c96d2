"""What an incident cost, in numbers that the journal holds: measured ones, then forecasts; nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runbook.session import events as ev
from runbook.session.state import State
from runbook.text import plural
from runbook.transcript.moments import lock_samples, named, nodes
from runbook.triage.alike import node_key
from runbook.triage.model import LockTree
from runbook.words import count, duration

LONGEST_GAP_S = 60.0
"""Between two samples that are further apart nobody can say what was; that time is not counted."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. ``basis``: where it comes from; ``kind``: what was seen, or what was forecast."""

    name: str
    value: str
    basis: str
    kind: Literal["measured", "forecast"] = "measured"


@dataclass(frozen=True, slots=True)
class Queue:
    """Who waited, over all samples of locks. Times in seconds; both sums are at least so much."""

    most: int
    most_at: str
    longest_s: float
    blocked_s: float  # during which somebody waited
    waiting_s: float  # of all sessions together
    sessions: int  # that were seen waiting
    migration_s: float | None
    migration: str
    side: str
    samples: int


def queue(state: State) -> Queue | None:
    """What the samples of locks come to; None where nobody was seen waiting."""
    samples = lock_samples(state.events)
    if not any(s.tree.waiting for s in samples):
        return None
    most, most_at, longest, blocked, together = 0, "", 0.0, 0.0, 0.0
    waited: set[str] = set()
    migration_s: float | None = None
    migration = ""
    for number, sample in enumerate(samples):
        tree, after = sample.tree, samples[number + 1] if number + 1 < len(samples) else None
        if tree.waiting > most:
            most, most_at = tree.waiting, sample.event.at
        if tree.waiting:
            longest = max(longest, tree.longest_wait_s + sample.older_s)
        if after is not None and tree.waiting:
            gap = after.event.offset_s - sample.event.offset_s
            if 0 < gap <= LONGEST_GAP_S:
                blocked += gap
                together += gap * tree.waiting
        if after is not None and after.tree is tree:
            continue  # the same sessions, and older in the next sample
        for node in nodes(tree):
            if node.waits_for is None:
                continue
            waited.add(node_key(node))
            if node.session.is_migration and node.wait_s is not None:
                wait_s = node.wait_s + sample.older_s
                if wait_s >= (migration_s or 0.0):
                    migration_s, migration = wait_s, named(node)
    return Queue(
        most,
        most_at,
        longest,
        blocked,
        together,
        len(waited),
        migration_s,
        migration,
        samples[0].tree.side,
        len(samples),
    )


def fullest(state: State) -> LockTree | None:
    """The sample in which most waited, the latest of equals; without any, the last tree there is."""
    samples = lock_samples(state.events)
    if not samples:
        return state.locks
    return max(enumerate(samples), key=lambda item: (item[1].tree.waiting, item[0]))[1].aged


def figures(state: State) -> tuple[Figure, ...]:
    """Every number there is, the most telling first."""
    return (*_measured(state), *_forecast(state))


def _measured(state: State) -> list[Figure]:
    found: list[Figure] = []
    waits = queue(state)
    if waits is not None:
        basis = f"{plural(waits.samples, 'sample')} of locks on {waits.side}"
        if waits.migration_s is not None:
            found.append(
                Figure("the migration waited", f"at least {duration(waits.migration_s)}", f"{waits.migration}, {basis}")
            )
        found.append(Figure("most sessions waiting at once", f"{waits.most:,}", f"sampled {waits.most_at[11:19]} UTC"))
        found.append(Figure("longest wait of a session", f"at least {duration(waits.longest_s)}", basis))
        found.append(Figure("sessions seen waiting", f"at least {waits.sessions:,}", basis))
        if waits.blocked_s:
            found.append(
                Figure("somebody waited for", f"at least {duration(waits.blocked_s)}", f"while we looked, {basis}")
            )
            found.append(
                Figure(
                    "waiting of all sessions together",
                    f"at least {duration(waits.waiting_s)}",
                    f"sessions x seconds between samples at most {LONGEST_GAP_S:.0f} s apart",
                )
            )
    if state.error is not None:
        found.append(Figure("the migration failed with", state.error.sqlstate or "no SQLSTATE", "the error text"))
    named_after = _named_after_s(state)
    if named_after is not None:
        found.append(
            Figure("cause named after", duration(named_after), "from opening the session to the first such diagnosis")
        )
    return found


def _forecast(state: State) -> list[Figure]:
    if state.forecast is None:
        return []
    on = {"production": "production's sizes", "local": "local's sizes", "assumed": "assumed sizes"}[
        state.forecast.basis
    ]
    found: list[Figure] = []
    held = [s for s in state.forecast.statements if s.seconds is not None and (s.blocks.reads or s.blocks.writes)]
    if held:
        longest = max(held, key=lambda s: s.seconds.likely if s.seconds is not None else 0.0)
        seconds = longest.seconds
        assert seconds is not None
        who = "reads and writes" if longest.blocks.reads else "writes"
        where = ", ".join(longest.blocks.reads or longest.blocks.writes)
        found.append(
            Figure(
                f"statement {longest.index} blocks {who} of {where} for",
                f"{duration(seconds.likely)} ({duration(seconds.low)} to {duration(seconds.high)})",
                f"forecast on {on}: {seconds.basis}",
                "forecast",
            )
        )
    rows: dict[str, float] = {}
    for statement in state.forecast.statements:
        for work in statement.work:
            rows[work.relation] = max(rows.get(work.relation, 0.0), work.rows)
    for relation, n in sorted(rows.items(), key=lambda item: (-item[1], item[0]))[:3]:
        if n > 0:
            found.append(Figure(f"rows of {relation}", count(n), f"{on}, by the server's statistics"))
    return found


def _named_after_s(state: State) -> float | None:
    """Seconds until the cause that came out first was first called likely or proved."""
    causes = state.diagnosis.causes if state.diagnosis else ()
    if not causes or causes[0].verdict not in ("proved", "likely"):
        return None
    for event in state.events:
        if isinstance(event.payload, ev.Diagnosed) and any(
            c.id == causes[0].id and c.verdict in ("proved", "likely") for c in event.payload.causes[:1]
        ):
            return event.offset_s
    return None
