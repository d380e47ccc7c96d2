"""What a session comes to, for people: the parts that every form of a transcript tells, made once from its state.

Every text is as it came from outside; the form that shows it makes it inert. Nothing is said that is not in the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runbook.session import events as ev
from runbook.session.events import CauseView, CheckRun
from runbook.session.state import State
from runbook.text import plural
from runbook.transcript.impact import Figure, figures
from runbook.transcript.moments import Timeline, lock_samples, timeline
from runbook.triage.model import ComparedRow, Step

_SYMPTOMS = ("error", "locks")
"""Steps whose rows are what happened; the rows of the others are how the sides differ."""

_ESTABLISHED = ("proved", "likely")

VERDICT_WORDS = {
    "proved": "proved",
    "likely": "likely, not proved",
    "possible": "possible, not established",
}


@dataclass(frozen=True, slots=True)
class RuledOut:
    """What it was not, and what says so."""

    title: str
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unseen:
    """What could not be seen, and why; ``count`` alike ones are told as one."""

    what: str
    why: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Belief:
    """What was held to be the cause from ``at`` (ISO, UTC) on."""

    at: str
    seq: int
    summary: str
    cause: CauseView | None


@dataclass(frozen=True, slots=True)
class Matter:
    """A difference between the sides, or a state of one, that matters for this migration."""

    step: str
    row: ComparedRow


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended, as far as the journal tells: sentences, and whether they amount to an end."""

    known: bool
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """The parts. ``root`` is the first cause when it is likely or proved; ``others`` are the suspects beside it."""

    title: str
    headline: str
    verdict: str
    root: CauseView | None
    others: tuple[CauseView, ...]
    beliefs: tuple[Belief, ...]
    ruled_out: tuple[RuledOut, ...]
    found_same: tuple[Step, ...]
    unseen: tuple[Unseen, ...]
    matters: tuple[Matter, ...]
    impact: tuple[Figure, ...]
    ended: Ended
    checks: tuple[CheckRun, ...]
    timeline: Timeline
    opened_at: str
    closed_at: str
    duration_s: float
    runbook_version: str


def story(state: State, gaps: Sequence[str] = ()) -> Story:
    """The story of a session. Pure: the same state gives the same story. ``gaps``: what is wrong with its journal."""
    diagnosis = state.diagnosis
    causes = diagnosis.causes if diagnosis else ()
    root = causes[0] if causes and causes[0].verdict in _ESTABLISHED else None
    opened = next((e.payload for e in state.events if isinstance(e.payload, ev.SessionOpened)), None)
    beliefs = _beliefs(state)
    return Story(
        title=state.title or state.session_id,
        headline=diagnosis.summary if diagnosis else "Nothing was concluded.",
        verdict=_verdict(state),
        root=root,
        others=causes[1:] if root is not None else causes,
        beliefs=beliefs,
        ruled_out=_ruled_out(state, beliefs),
        found_same=tuple(s for s in state.steps.values() if s.verdict == "same"),
        unseen=(*(Unseen("a part of the journal", gap) for gap in gaps), *_unseen(state)),
        matters=tuple(
            Matter(s.title, r)
            for s in state.steps.values()
            if s.id not in _SYMPTOMS
            for r in s.rows
            if r.mark == "matters" or (r.mark == "only_here" and r.why)
        ),
        impact=figures(state),
        ended=_ended(state),
        checks=state.checks,
        timeline=timeline(state.events),
        opened_at=state.started_at,
        closed_at=state.events[-1].at if state.events else "",
        duration_s=state.duration_s,
        runbook_version=opened.runbook_version if opened is not None else "",
    )


def _verdict(state: State) -> str:
    """One word for the whole: a verdict of a cause, or what the conclusion is when no cause stands out."""
    diagnosis = state.diagnosis
    if diagnosis is None:
        return "nothing concluded"
    if diagnosis.causes:
        return diagnosis.causes[0].verdict
    return diagnosis.conclusion.replace("_", " ")


def _beliefs(state: State) -> tuple[Belief, ...]:
    """The diagnoses that changed which cause came first, or how sure it was."""
    found: list[Belief] = []
    before: tuple[object, ...] | None = None
    for event in state.events:
        if isinstance(event.payload, ev.Diagnosed):
            first = event.payload.causes[0] if event.payload.causes else None
            now = (event.payload.conclusion, first and first.id, first and first.verdict)
            if now != before:
                found.append(Belief(event.at, event.seq, event.payload.summary, first))
            before = now
    return tuple(found)


def _ruled_out(state: State, beliefs: tuple[Belief, ...]) -> tuple[RuledOut, ...]:
    """Causes that evidence refutes, and those that once came first and then were not held any more."""
    if state.diagnosis is None:
        return ()
    found = {c.id: RuledOut(c.title, tuple(r.because for r in c.opposing)) for c in state.diagnosis.ruled_out}
    held = {c.id for c in state.diagnosis.causes}
    for belief in beliefs:
        cause = belief.cause
        if cause is not None and cause.id not in held and cause.id not in found:
            after = next((b for b in beliefs if b.seq > belief.seq), None)
            by = f"held from event {belief.seq} on" + (
                f", given up at event {after.seq}: {after.summary}" if after else ""
            )
            found[cause.id] = RuledOut(cause.title, (by,))
    return tuple(found.values())


def _unseen(state: State) -> tuple[Unseen, ...]:
    """Servers not given or not reached, readings that were refused, evidence that nobody could judge."""
    found: list[Unseen] = []
    for key in ("local", "production"):
        seen = state.sides.get(key)
        if seen is None:
            reason = "it did not answer before the session ended" if key in state.given else "it was not given"
            found.append(Unseen(f"the {key} server", reason))
        elif not seen.reachable:
            found.append(Unseen(seen.name, f"not reached: {seen.reason or 'no reason was given'}"))
    if state.migration is None and not any(p.what == "migration" for p in state.problems):
        found.append(Unseen("the migration's files", "they were not given"))
    found += [Unseen(p.what, f"could not be used: {p.reason}") for p in state.problems]
    refused: dict[tuple[str, str, str], list[str]] = {}
    for reading in state.readings.values():
        if reading.status != "ok":
            why = (reading.side, reading.status.replace("_", " "), reading.reason or "")
            refused.setdefault(why, []).append(reading.probe)
    for (side, status, reason), probes in refused.items():
        why_told = f"{status}: {reason}" if reason else status
        found.append(Unseen(f"{side}: {', '.join(probes)}", why_told, len(probes)))
    judged: dict[str, list[str]] = {}
    for cause in state.diagnosis.causes if state.diagnosis else ():
        for missing in (m for u in cause.unseen for m in u.missing or (u.because,)):
            titles = judged.setdefault(missing, [])
            titles += [cause.title] if cause.title not in titles else []
    found += [Unseen(f"evidence on {'; '.join(titles)}", f"not known: {missing}") for missing, titles in judged.items()]
    if state.locks is not None and state.locks.note:
        found.append(Unseen(f"sessions on {state.locks.side}", state.locks.note))
    found += [
        Unseen(f"what statement {s.index} does", s.opaque_because or "it cannot be analysed")
        for s in (state.forecast.statements if state.forecast else ())
        if s.confidence == "opaque"
    ]
    if state.removed:
        kinds = ", ".join(f"{kind} ({n:,})" for kind, n in sorted(state.removed.items()))
        found.append(Unseen("what was taken out before it was written", kinds, sum(state.removed.values())))
    return tuple(dict.fromkeys(found))


def _ended(state: State) -> Ended:
    """Actions and their answers, queues that went away, and the last belief where it is that nothing is wrong."""
    told: list[str] = []
    known = False
    for _, action in state.actions:
        answer = f": {action.answer}" if action.answer else ""
        told.append(f"{action.what} on {action.side} as {action.role}, {action.status}{answer}")
        told += action.effect
    samples = lock_samples(state.events)
    waited = [s.tree.waiting for s in samples if s.tree.waiting]
    if waited and samples[-1].tree.waiting == 0:
        known = True
        told.append(f"Nobody waited for a lock any more when locks were last sampled, after up to {max(waited):,} had.")
    elif waited:
        told.append(f"{plural(samples[-1].tree.waiting, 'session')} still waited when locks were last sampled.")
    if state.diagnosis is not None and state.diagnosis.conclusion == "nothing_wrong" and len(_beliefs(state)) > 1:
        known = True
        told.append(f"The last look at the servers says: {state.diagnosis.summary}")
    return Ended(known, tuple(told))
