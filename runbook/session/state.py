"""The state of a session is a fold over its events: screens, JSON and transcripts all read this one value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeVar

from runbook.diagnosis.facts import Fact, FactBook
from runbook.migration.result import Forecast
from runbook.session.events import (
    Acted,
    Answered,
    CheckRun,
    Diagnosed,
    ErrorRead,
    Event,
    ForecastMade,
    InputFailed,
    LocksSampled,
    LocksUnchanged,
    MigrationRead,
    Noted,
    ReadingTaken,
    RoundFinished,
    RoundStarted,
    ScreenVisited,
    SessionClosed,
    SessionOpened,
    SideGiven,
    SideInput,
    SideSeen,
    StepExamined,
    Trained,
)
from runbook.triage.model import LockTree, Step
from runbook.triage.tree_ages import aged

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class State:
    """All that is known at one moment. ``events`` is the whole story so far, in order."""

    session_id: str = ""
    title: str = ""
    path: str = ""
    started_at: str = ""
    duration_s: float = 0.0
    round: int = 0
    busy: bool = False  # a look at the servers is under way
    given: Mapping[str, SideInput] = field(default_factory=lambda: MappingProxyType({}))
    sides: Mapping[str, SideSeen] = field(default_factory=lambda: MappingProxyType({}))
    readings: Mapping[tuple[str, str], ReadingTaken] = field(default_factory=lambda: MappingProxyType({}))
    """By (side, probe): the newest of each."""
    migration: MigrationRead | None = None
    error: ErrorRead | None = None
    problems: tuple[InputFailed, ...] = ()
    steps: Mapping[str, Step] = field(default_factory=lambda: MappingProxyType({}))
    forecast: Forecast | None = None
    forecast_local: Forecast | None = None
    diagnosis: Diagnosed | None = None
    answers: Mapping[str, Answered] = field(default_factory=lambda: MappingProxyType({}))
    locks: LockTree | None = None
    checks: tuple[CheckRun, ...] = ()
    notes: tuple[tuple[str, Noted], ...] = ()  # (at, note)
    actions: tuple[tuple[float, Acted], ...] = ()  # (offset_s, action)
    training: tuple[tuple[float, Trained], ...] = ()  # (offset_s, moment)
    closed: str | None = None
    removed: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Secrets and row values taken out before they were written, by kind."""
    events: tuple[Event, ...] = ()

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Every fact stated, the answers included."""
        stated = tuple(f for step in self.steps.values() for f in step.facts)
        return stated + tuple(a.fact for a in self.answers.values() if a.fact is not None)

    def book(self) -> FactBook:
        return FactBook(self.facts)


def fold(state: State, event: Event) -> State:
    """The state after ``event``. Pure; the same events give the same state."""
    state = replace(state, events=(*state.events, event), duration_s=event.offset_s)
    if event.removed:
        counts = {kind: state.removed.get(kind, 0) + number for kind, number in event.removed.items()}
        state = replace(state, removed=MappingProxyType({**state.removed, **counts}))
    match event.payload:
        case SessionOpened(session_id=session_id, title=title):
            return replace(state, session_id=session_id, title=title, started_at=event.at)
        case SideGiven(side=side):
            return replace(state, given=_with(state.given, side.key, side))
        case SideSeen() as seen:
            return replace(state, sides=_with(state.sides, seen.key, seen))
        case ReadingTaken() as reading:
            return replace(state, readings=_with(state.readings, (reading.side, reading.probe), reading))
        case MigrationRead() as migration:
            return replace(state, migration=migration)
        case ErrorRead() as error:
            return replace(state, error=error)
        case InputFailed() as failed:
            return replace(state, problems=(*state.problems, failed))
        case StepExamined(step=step):
            return replace(state, steps=_with(state.steps, step.id, step))
        case ForecastMade(forecast=forecast, local=local):
            return replace(state, forecast=forecast, forecast_local=local)
        case Diagnosed() as diagnosis:
            return replace(state, diagnosis=diagnosis)
        case Answered() as answered:
            return replace(state, answers=_with(state.answers, answered.question, answered))
        case Noted() as note:
            return replace(state, notes=(*state.notes, (event.at, note)))
        case LocksSampled(tree=tree):
            return replace(state, locks=tree)
        case LocksUnchanged(sampled_at=at, elapsed_s=elapsed_s):
            return replace(state, locks=aged(state.locks, elapsed_s, at) if state.locks is not None else None)
        case CheckRun() as check:
            return replace(state, checks=(*state.checks, check))
        case Acted() as action:
            return replace(state, actions=(*state.actions, (event.offset_s, action)))
        case Trained() as moment:
            return replace(state, training=(*state.training, (event.offset_s, moment)))
        case RoundStarted(round=number):
            return replace(state, round=number, busy=True)
        case RoundFinished():
            return replace(state, busy=False)
        case SessionClosed(reason=reason):
            return replace(state, closed=reason, busy=False)
        case ScreenVisited():
            return state


def fold_all(events: Iterable[Event], state: State | None = None) -> State:
    state = state or State()
    for event in events:
        state = fold(state, event)
    return state


def _with(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    return MappingProxyType({**mapping, key: value})
