"""From a recorded incident: stop before each change of belief and ask "what would you look at next?". No database.

Right is a step that states a fact on which the next belief rests. The recording moves on only when somebody has looked.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runbook.session.events import Diagnosed, Event
from runbook.session.replay import ReplaySession
from runbook.session.state import State
from runbook.text import clean, clean_line, shorten
from runbook.triage.model import STEP_TITLES

if TYPE_CHECKING:
    from runbook.playbook import Playbook
    from runbook.triage.model import Step

TRIES = 3
"""How often one may look before the recording moves on."""
CHOICES = 4
"""How many causes to choose from."""


class NothingToAsk(ValueError):
    """The recording holds no belief that rests on something to look at."""


@dataclass(frozen=True)
class Stop:
    """A place in the recording. ``right``: steps that carry the next belief. ``choices``: causes, one of them the first."""

    event: int
    """The number of the event that changes the belief, from 1: what is known is everything before it."""
    right: tuple[str, ...]
    cause: str | None
    choices: tuple[str, ...]
    told: str


def stops(events: Sequence[Event], playbooks: Mapping[str, Playbook]) -> tuple[Stop, ...]:
    """Where to ask: each change of belief that rests on facts of some step, and not on all steps alike."""
    recording = ReplaySession(events, playbooks)
    found = []
    for number in recording.beliefs():
        recording.to_event(number)
        state = recording.state
        belief = events[number - 1].payload
        if not isinstance(belief, Diagnosed) or not state.steps:
            continue
        first = belief.causes[0] if belief.causes and belief.causes[0].verdict in ("proved", "likely") else None
        right = tuple(_carriers(state, playbooks, first.id)) if first is not None else _quiet(state)
        if right:
            choices = _choices(state, belief, playbooks, first.id) if first is not None else ()
            found.append(Stop(number, right, first.id if first else None, choices, belief.summary))
    return tuple(found)


def ask(
    events: Sequence[Event],
    playbooks: Mapping[str, Playbook],
    *,
    tell: Callable[[str], None],
    answer: Callable[[], str],
) -> tuple[int, int]:
    """Walk through the recording. ``answer`` is asked for one line at a time; ``q`` ends. Right answers, and questions.

    Raises NothingToAsk.
    """
    places = stops(events, playbooks)
    if not places:
        raise NothingToAsk("this recording holds no diagnosis that rests on a step: there is nothing to ask")
    recording = ReplaySession(events, playbooks)
    right = asked = 0
    for number, place in enumerate(places, 1):
        recording.to_event(place.event - 1)
        tell(f"\n{number} of {len(places)}: {recording.now_s:.0f} s into the incident")
        for line in known(recording.state):
            tell(f"  {line}")
        asked += 1
        outcome = _look(recording.state, place, tell, answer)
        if outcome is None:
            return right, asked - 1
        right += outcome
        if place.choices:
            asked += 1
            named = _name(place, playbooks, tell, answer)
            if named is None:
                return right, asked - 1
            right += named
        recording.to_event(place.event)
        tell(f"What was concluded then: {clean_line(place.told)}")
    return right, asked


def known(state: State) -> Iterator[str]:
    """What somebody on call has before looking: the migration, the error, what was answered."""
    for side in state.sides.values():
        yield f"{side.name}: PostgreSQL {side.server_version or '?'}" if side.reachable else f"{side.name}: unreachable"
    if state.migration is not None:
        for statement in state.migration.statements[:5]:
            yield shorten(f"migration: {clean_line(statement.sql)}", 110)
    if state.error is not None:
        yield shorten(f"error: {state.error.sqlstate or ''} {clean_line(state.error.message)}", 110)
    for given in state.answers.values():
        yield f"{clean_line(given.question)}: {clean_line(given.answer)}"


def _look(state: State, place: Stop, tell: Callable[[str], None], answer: Callable[[], str]) -> int | None:
    tell("What would you look at next? " + "  ".join(f"{n} {title}" for n, (_, title) in enumerate(STEP_TITLES, 1)))
    for attempt in range(TRIES):
        step = _step(state, answer())
        while step == "":
            tell(f"a number from 1 to {len(STEP_TITLES)}, or q")
            step = _step(state, answer())
        if step is None:
            return None
        for line in _seen(state, step):
            tell(f"  {line}")
        if step in place.right:
            tell("Yes: what was concluded rests on that.")
            return int(attempt == 0)
        tell("It does not tell. What else?" if attempt < TRIES - 1 else f"It was: {_titles(place.right)}.")
    return 0


def _name(
    place: Stop, playbooks: Mapping[str, Playbook], tell: Callable[[str], None], answer: Callable[[], str]
) -> int | None:
    tell("What is it?")
    for number, cause in enumerate(place.choices, 1):
        tell(f"  {number} {clean_line(playbooks[cause].title)}")
    while True:
        given = answer().strip()
        if given in ("q", "quit"):
            return None
        if given.isdecimal() and 1 <= int(given) <= len(place.choices):
            break
        tell(f"a number from 1 to {len(place.choices)}, or q")
    if place.choices[int(given) - 1] == place.cause:
        tell("Yes.")
        return 1
    true = playbooks.get(place.cause or "")
    tell(f"No: {clean_line(true.title) if true is not None else place.cause}.")
    return 0


def _step(state: State, given: str) -> str | None:
    """The step that was meant; empty for what is none, None to leave."""
    given = given.strip().lower()
    if given in ("q", "quit"):
        return None
    if given.isdecimal() and 1 <= int(given) <= len(STEP_TITLES):
        return STEP_TITLES[int(given) - 1][0]
    return next((id_ for id_, title in STEP_TITLES if given and given in (id_, title.lower())), "")


def _seen(state: State, step: str) -> Iterator[str]:
    """What that step showed then."""
    found: Step | None = state.steps.get(step)
    if found is None:
        yield "not examined then"
        return
    yield f"{found.title}: {clean_line(found.summary)}"
    for row in found.rows[:6]:
        yield shorten(
            f"  {clean(row.name)}: local {clean_line(row.local or '?')}, production {clean_line(row.production or '?')}",
            110,
        )


def _titles(steps: Sequence[str]) -> str:
    return " or ".join(dict(STEP_TITLES)[s] for s in steps)


def _carriers(state: State, playbooks: Mapping[str, Playbook], cause: str) -> Iterator[str]:
    """The steps whose facts make the cause's evidence true, in the steps' order."""
    from runbook.diagnosis.condition import ConditionError

    if cause not in playbooks:
        return
    book = state.book()
    used: set[str] = set()
    for item in (*playbooks[cause].required, *playbooks[cause].evidence):
        if item.strength in ("against", "refutes"):
            continue
        try:
            if item.when.evaluate(book).value is True:
                used |= item.when.facts
        except ConditionError:
            continue
    by_step = {f.id: f.step for f in state.facts if f.known}
    carrying = {by_step[fact] for fact in used if fact in by_step}
    yield from (id_ for id_, _ in STEP_TITLES if id_ in carrying and state.steps[id_].facts)


def _quiet(state: State) -> tuple[str, ...]:
    """Where nothing is wrong, the steps that looked alarming and were not: one has to look there to know."""
    return tuple(id_ for id_, _ in STEP_TITLES if id_ in state.steps and state.steps[id_].verdict == "attention")


def _choices(state: State, belief: Diagnosed, playbooks: Mapping[str, Playbook], first: str) -> tuple[str, ...]:
    """The true one among what was suspected, ruled out, and easily confused with it; in an order that tells nothing."""
    from runbook.diagnosis.confusable import GROUPS

    near = [c for ids in GROUPS.values() if first in ids for c in ids]
    others = [c.id for c in (*belief.causes[1:], *belief.ruled_out)] + near + sorted(playbooks)
    chosen = [first, *list(dict.fromkeys(c for c in others if c != first and c in playbooks))[: CHOICES - 1]]
    random.Random(f"choices {state.session_id}").shuffle(chosen)
    return tuple(chosen)
