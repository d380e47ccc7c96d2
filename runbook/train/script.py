"""A headless trainee: a script that looks, states, acts and declares as a person would, with the same guards.

A script is YAML: a list of steps, each a word or a word with what belongs to it. ``STEPS`` names them all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runbook.train.curriculum import LOOKS
from runbook.train.exercise import Exercise, NotNow

if TYPE_CHECKING:
    from runbook.lab.scenario import Side
    from runbook.session.state import State

STEPS = {
    "look": "locks, migration, check, or a step: versions, sizes, error, locks step as triage/locks, role, settings ...",
    "look_again": "look at both sides again",
    "hint": "take the next hint",
    "state": "a cause's id, or nothing",
    "rule_out": "a cause's id",
    "answer": "question=answer",
    "note": "a text",
    "cancel": "the application name (or pid) of a session of production; all of that name",
    "terminate": "the same",
    "sql": "SQL on production as the deployer, or {on, admin, sql}",
    "edit": "SQL that takes the migration's place",
    "resolve": "what the tool's documentation asks for after a failed run",
    "migrate": "run the migration again",
    "wait": "SQL that returns a row on production once it is so",
    "declare": "say that it is fixed",
    "give_up": "end without a fix",
}
"""Every step, with what it takes."""

WAITS_S = 30.0


class ScriptError(ValueError):
    """A script that cannot be followed: which step, and why."""


def read(text: str) -> list[tuple[str, Any]]:
    """The steps of a script. Raises ScriptError with the number of the step."""
    import yaml

    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScriptError(f"the script is no YAML: {error}") from None
    if not isinstance(raw, list):
        raise ScriptError("a script is a list of steps")
    steps = []
    for number, entry in enumerate(raw, 1):
        if isinstance(entry, str):
            entry = {entry: None}
        if not isinstance(entry, dict) or len(entry) != 1:
            raise ScriptError(f"step {number}: one word, or one word with what belongs to it")
        ((word, given),) = entry.items()
        if word not in STEPS:
            raise ScriptError(f"step {number}: there is no {word!r}; there are: {', '.join(STEPS)}")
        steps.append((word, given))
    return steps


async def follow(
    exercise: Exercise,
    steps: list[tuple[str, Any]],
    *,
    tell: Callable[[str], None] = lambda _: None,
    most_s: float | None = None,
) -> State:
    """Do every step; the whole state at the end. A script that never ends the exercise gives up. Raises ScriptError."""
    session = exercise.session
    await session.start()
    for number, (word, given) in enumerate(steps, 1):
        try:
            said = await _step(exercise, word, given, most_s)
        except (NotNow, KeyError, TypeError, ValueError) as error:
            raise ScriptError(f"step {number}, {word}: {error}") from None
        tell(f"{word}: {said}" if said else word)
        if exercise.over:
            return session.whole
    return await exercise.declare(gave_up=True, most_s=most_s)


async def _step(exercise: Exercise, word: str, given: Any, most_s: float | None) -> str:
    session = exercise.session
    match word:
        case "look":
            look = given if given in LOOKS else f"triage/{given}"
            if look not in LOOKS:
                raise NotNow(f"nobody can look at {given!r}; there are: {', '.join(sorted(LOOKS))}")
            session.visit(look)
        case "look_again":
            await session.look_again()
        case "hint":
            return exercise.hint() or "there are no more"
        case "state":
            exercise.state(str(given))
        case "rule_out":
            exercise.rule_out(str(given))
        case "answer":
            session.answer(*str(given).split("=", 1))
        case "note":
            session.note(str(given))
        case "cancel" | "terminate":
            return await _end(exercise, "cancel" if word == "cancel" else "terminate", given)
        case "sql":
            wanted = given if isinstance(given, dict) else {"sql": given}
            side: Side = "local" if wanted.get("on") == "local" else "production"
            did = await exercise.execute(side, exercise.stage.text(wanted["sql"]), admin=bool(wanted.get("admin")))
            return f"{did.status}: {did.answer}"
        case "edit":
            exercise.edit(exercise.stage.text(str(given)))
        case "resolve":
            did = await exercise.resolve()
            return f"{did.status}: {did.answer}"
        case "migrate":
            did = await exercise.migrate()
            return f"{did.status}: {did.answer}"
        case "wait":
            await _wait(exercise, str(given))
        case "declare" | "give_up":
            await exercise.declare(gave_up=word == "give_up", most_s=most_s)
    return ""


async def _end(exercise: Exercise, how: Any, given: Any) -> str:
    """Every session of that name, one after the other, each named with when it began."""
    from runbook.lab import census

    there = await census.sessions(exercise.stage)
    name = exercise.stage.text(str(given["name"] if isinstance(given, dict) else given))
    admin = isinstance(given, dict) and bool(given.get("admin"))
    meant = [s for s in there.values() if name in (s.application, str(s.pid))]
    if not meant:
        raise NotNow(f"there is no session of {name!r}")
    answers = [(await exercise.end_session(how, s.pid, s.backend_start, admin=admin)).answer for s in meant]
    return "; ".join(answers)


async def _wait(exercise: Exercise, sql: str) -> None:
    give_up = time.monotonic() + WAITS_S
    while not await exercise.stage.execute("production", sql, "postgres"):
        if time.monotonic() > give_up:
            raise NotNow(f"not so within {WAITS_S:.0f} s")
        await asyncio.sleep(0.05)
