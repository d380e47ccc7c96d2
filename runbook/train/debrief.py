"""The debrief: what was found, fixed, harmed and read before acting, from the journal alone. Pure.

100 points: 30 for naming the cause, 40 for the fix, 15 for what was not harmed, 15 for how. The last two count only for
somebody who found or fixed something: doing nothing harms nobody and teaches nothing. Time is told and not scored:
nobody should learn to hurry on a production server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runbook.session import events as ev
from runbook.session.state import State

DETECT, FIX, CARE, PROCESS = 30, 40, 15, 15
HINT_COSTS, WRONG_COSTS = 4, 6
"""What a hint, and a cause that was stated and is not true, take from the points of the detection."""
NOTHING_WRONG = "nothing"


class NoExercise(ValueError):
    """The session is no exercise, or one that was not ended."""


@dataclass(frozen=True)
class Part:
    """Some of the points, and a sentence for each thing that gave or took them; ``+`` or ``-`` stands before it."""

    name: str
    points: int
    of: int
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Moment:
    """One step of a path: seconds since the beginning, who, what."""

    at_s: float
    what: str


@dataclass(frozen=True)
class Debrief:
    """One exercise, judged. ``path``: what the trainee did; ``tools``: what the tool itself came to, from the same facts."""

    session: str
    journal: str
    started_at: str
    drill: str
    number: int
    title: str
    scenario: str
    seed: int
    story: str
    gave_up: bool
    truths: tuple[tuple[str, ...], ...]
    detected: bool
    fixed: bool
    migration: bool
    workload: bool
    trap: str | None
    trap_taken: bool
    harms: tuple[str, ...]
    hints_used: int
    duration_s: float
    detected_after_s: float | None
    first_act_after_s: float | None
    par_minutes: int
    parts: tuple[Part, ...]
    path: tuple[Moment, ...]
    tools: tuple[Moment, ...]
    lesson: str

    @property
    def points(self) -> int:
        return sum(part.points for part in self.parts)

    @property
    def of(self) -> int:
        return sum(part.of for part in self.parts)


def document(of: Debrief) -> dict[str, Any]:
    """The debrief as JSON types, with its sums."""
    return {"schema_version": 1, "points": of.points, "of": of.of, **asdict(of)}


def debrief(state: State) -> Debrief:
    """Judge the exercise that ``state`` recorded. Raises NoExercise."""
    moments = {moment.what: (at, moment) for at, moment in state.training}
    if "begun" not in moments:
        raise NoExercise("this session is no exercise: `runbook train` records one")
    if "measured" not in moments:
        raise NoExercise("this exercise was not ended: nothing was declared, so nothing was measured")
    begun_s, begun = moments["begun"]
    data = moments["measured"][1].data
    ended_s = moments["declared" if "declared" in moments else "gave_up"][0]
    gave_up = "declared" not in moments
    stated = [(at, str(m.data.get("cause"))) for at, m in state.training if m.what == "stated"]
    truths = tuple(tuple(group) for group in data["truths"])
    fixed = bool(data["migration"] and data["workload"]) and not gave_up
    detected_s = _detected(truths, stated)
    harms = tuple(str(h["text"]) for h in data["harms"])
    trap = data["trap"]
    taken = _taken(trap, data, stated, fixed, gave_up)
    worked = detected_s is not None or fixed
    detect = _detection(truths, stated, data, sum(1 for _, m in state.training if m.what == "hint"))
    parts = (
        detect,
        _fix(data, fixed, gave_up),
        _care(harms, trap, taken, worked),
        _process(state, data, stated, worked),
    )
    first_act = next((at for at, act in state.actions if act.what not in ("look",) and act.status != "refused"), None)
    return Debrief(
        session=state.session_id,
        journal=state.path,
        started_at=state.started_at,
        drill=data["drill"],
        number=data["number"],
        title=data["title"],
        scenario=data["scenario"],
        seed=data["seed"],
        story=begun.text,
        gave_up=gave_up,
        truths=truths,
        detected=detected_s is not None,
        fixed=fixed,
        migration=data["migration"],
        workload=data["workload"],
        trap=trap["text"] if trap else None,
        trap_taken=taken,
        harms=harms,
        hints_used=sum(1 for _, m in state.training if m.what == "hint"),
        duration_s=round(ended_s - begun_s, 1),
        detected_after_s=round(detected_s - begun_s, 1) if detected_s is not None else None,
        first_act_after_s=round(first_act - begun_s, 1) if first_act is not None else None,
        par_minutes=data["par_minutes"],
        parts=parts,
        path=tuple(_path(state, begun_s)),
        tools=tuple(_tools(state, begun_s, truths)),
        lesson=data["lesson"],
    )


def _detected(truths: Sequence[Sequence[str]], stated: Sequence[tuple[float, str]]) -> float | None:
    """When the last of all that is true was named; where nothing is wrong, when that was said and stayed said."""
    if not truths:
        return stated[-1][0] if stated and stated[-1][1] == NOTHING_WRONG else None
    times = [next((at for at, cause in stated if cause in group), None) for group in truths]
    known = [at for at in times if at is not None]
    return max(known) if len(known) == len(times) else None


def _wrong(truths: Sequence[Sequence[str]], also: Sequence[str], stated: Sequence[tuple[float, str]]) -> list[str]:
    true = {cause for group in truths for cause in group} | set(also)
    if not truths:
        true.add(NOTHING_WRONG)
    return list(dict.fromkeys(cause for _, cause in stated if cause not in true))


def _detection(
    truths: Sequence[Sequence[str]], stated: Sequence[tuple[float, str]], data: dict[str, Any], hints: int
) -> Part:
    groups = [tuple(group) for group in truths] or [(NOTHING_WRONG,)]
    named = {cause for _, cause in stated} if truths else {stated[-1][1]} if stated else set()
    said, points = [], 0.0
    for group in groups:
        if named & set(group):
            points += DETECT / len(groups)
            said.append(f"+ {_or_nothing(group)}: named")
        else:
            said.append(f"- {_or_nothing(group)}: not named")
    if points:
        wrong = _wrong(truths, data["also"], stated)
        points -= WRONG_COSTS * len(wrong) + HINT_COSTS * hints
        said += [f"- {cause} was stated, and is not so" for cause in wrong]
        if hints:
            said.append(f"- {hints} of {data['hints']} hints used")
    return Part("detect", max(round(points), 0), DETECT, tuple(said))


def _or_nothing(group: Sequence[str]) -> str:
    return "nothing is wrong" if group == (NOTHING_WRONG,) else " or ".join(group)


def _fix(data: dict[str, Any], fixed: bool, gave_up: bool) -> Part:
    said = [
        f"{'+' if data['migration'] else '-'} the migration {'has passed' if data['migration'] else 'has not passed'}",
        f"{'+' if data['workload'] else '-'} the application's work {'runs' if data['workload'] else 'does not run'}",
    ]
    said += [f"- {why}" for why in data["why"] if f"- {why}" not in said]
    if gave_up:
        said.append("- given up")
    return Part("fix", FIX if fixed else 0, FIX, tuple(said))


def _taken(
    trap: dict[str, Any] | None,
    data: dict[str, Any],
    stated: Sequence[tuple[float, str]],
    fixed: bool,
    gave_up: bool,
) -> bool:
    if trap is None:
        return False
    kinds = {h["what"] for h in data["harms"]}
    return bool(
        {cause for _, cause in stated} & set(trap["causes"])
        or kinds & set(trap["harms"])
        or data["trap_shows"]
        or (trap["too_early"] and not fixed and not gave_up)
    )


def _care(harms: Sequence[str], trap: dict[str, Any] | None, taken: bool, worked: bool) -> Part:
    said = [f"- {harm}" for harm in harms]
    if trap is not None:
        said.append(f"{'-' if taken else '+'} the trap was {'taken' if taken else 'avoided'}: {trap['text']}")
    if not harms:
        said.append("+ nothing was harmed")
    clean = worked and not harms and not taken
    if not worked:
        said.append("- it counts only for somebody who found or fixed something")
    return Part("care", CARE if clean else 0, CARE, tuple(said))


def _process(state: State, data: dict[str, Any], stated: Sequence[tuple[float, str]], worked: bool) -> Part:
    """Evidence before the first act, rivals before the statement."""
    looks = list(_looks(state))
    act_s = next((at for at, act in state.actions if act.what != "look"), None)
    until = act_s if act_s is not None else state.duration_s
    begun: list[tuple[bool, str]] = []
    for alternatives in data["needs"]:
        seen = any(at <= until and look in alternatives for at, look in looks)
        begun.append((seen, f"{_named(alternatives)} {'was' if seen else 'was not'} read before acting"))
    last_stated = stated[-1][0] if stated else state.duration_s
    ruled_out = {str(m.data.get("cause")) for _, m in state.training if m.what == "ruled_out"}
    for rival, alternatives in data["rivals"].items():
        done = rival in ruled_out or any(at <= last_stated and look in alternatives for at, look in looks)
        begun.append((done, f"the rival {rival} {'could be' if done else 'was not'} ruled out before stating a cause"))
    points = round(PROCESS * sum(ok for ok, _ in begun) / len(begun)) if begun else PROCESS
    said = [f"{'+' if ok else '-'} {text}" for ok, text in begun]
    if not worked:
        said.append("- it counts only for somebody who found or fixed something")
    return Part("process", points if worked else 0, PROCESS, tuple(said))


def _looks(state: State) -> Iterator[tuple[float, str]]:
    """Everything that was looked at, with its time."""
    for event in state.events:
        match event.payload:
            case ev.ScreenVisited(screen=screen):
                yield event.offset_s, screen
            case ev.CheckRun():
                yield event.offset_s, "check"
            case ev.Acted(what="look"):
                yield event.offset_s, "check"
            case _:
                pass


def _named(alternatives: Sequence[str]) -> str:
    names = {"locks": "the lock screen", "migration": "the migration screen", "check": "a query"}
    return " or ".join(names.get(a, f"the step {a.removeprefix('triage/')}") for a in alternatives)


def _path(state: State, begun_s: float) -> Iterator[Moment]:
    """What the trainee looked at, said and did; a run of the same look is one."""
    last = ""
    for event in state.events:
        if event.offset_s < begun_s:
            continue  # what the exercise itself gave
        at = round(event.offset_s - begun_s, 1)
        what = ""
        match event.payload:
            case ev.ScreenVisited(screen=screen) if screen != "triage":  # where every dialog leads back to
                what = f"looked at {screen}"
            case ev.CheckRun(side=side):
                what = f"ran a check on {side}"
            case ev.Answered(question=question, answer=answer) if question != "seen":
                what = f"answered {question}: {answer}"
            case ev.Acted() as act:
                what = f"{act.what} on {act.side}{f' as {act.role}' if act.role else ''}: {act.status}, {_line(act.answer)}"
            case ev.Trained(what="hint", data=data):
                what = f"took hint {data.get('number')}"
            case ev.Trained(what=("stated" | "ruled_out") as kind, data=data):
                what = f"{kind.replace('_', ' ')} {data.get('cause')}"
            case ev.Trained(what="declared"):
                what = "said that it is fixed"
            case ev.Trained(what="gave_up"):
                what = "gave up"
            case _:
                pass
        if what and what != last:
            yield Moment(max(at, 0.0), what)
            last = what


def _tools(state: State, begun_s: float, truths: Sequence[Sequence[str]]) -> Iterator[Moment]:
    """What the tool said, each change of its belief, and what it would open."""
    true = {cause for group in truths for cause in group}
    last: tuple[object, ...] | None = None
    for event in state.events:
        if not isinstance(event.payload, ev.Diagnosed):
            continue
        found = event.payload
        first = found.causes[0] if found.causes else None
        belief = (found.conclusion, first and first.id, first and first.verdict)
        if belief == last:
            continue
        last = belief
        at = max(round(event.offset_s - begun_s, 1), 0.0)
        if first is None or first.verdict == "possible":
            yield Moment(at, _line(found.summary))
            continue
        right = "" if not truths or first.id in true else ", which is not the cause"
        yield Moment(at, f"{first.verdict}: {first.id}{right}")
        for reason in first.supporting[:3]:
            yield Moment(at, f"  because {_line(reason.because)}")


def _line(text: str) -> str:
    from runbook.text import clean_line, shorten

    return shorten(clean_line(text), 160)
