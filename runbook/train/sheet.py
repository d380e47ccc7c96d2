"""The game master's sheet: a drill played by a group. Setup, timeline, injects, what they should find, questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from runbook.text import clean_line

if TYPE_CHECKING:
    from runbook.playbook import Playbook
    from runbook.train.curriculum import Drill

_PRESSURE = (
    (0.3, "Support: what may we tell customers, and when do you tell us more?"),
    (0.6, "A manager: can we not just restart production? Somebody answers, with a reason."),
    (0.9, "A second engineer joins. Somebody hands over in one minute: known, ruled out, under way."),
)
"""When, as a share of par, and what the game master says in somebody's name."""


def sheet(drill: Drill, playbooks: Mapping[str, Playbook]) -> str:
    """The sheet as Markdown. It names the answer: it is for the game master only."""
    return "\n".join(_lines(drill, playbooks)) + "\n"


def _lines(drill: Drill, playbooks: Mapping[str, Playbook]) -> Iterator[str]:
    from runbook.lab.scenario import find_scenario

    scenario = find_scenario(drill.scenario)
    name = str(drill.number) if drill.number else drill.id
    yield f"# {drill.title}"
    yield ""
    yield "For the game master only: this sheet names the answer."
    yield ""
    yield "## Setup"
    yield ""
    yield f"- One machine with the shared screen: `runbook train {name} --without-suspects`; beginners leave the option out."
    majors = f"local PostgreSQL {scenario.local_major}, production {scenario.production_major}"
    yield f"- Servers: {majors}, started and removed by the command. Nothing real is touched."
    yield "- Roles: incident lead, hands (types, says aloud what and why), scribe (`n` writes notes with the time), observers."
    yield f"- Time: {drill.par_minutes} minutes to play, as long again to talk."
    yield "- Rule: nobody acts before the lead has said what it is expected to do, and how one would see that it did not."
    yield ""
    yield "The migration:"
    yield ""
    for path, text in scenario.migration.items():
        yield f"`{path}`"
        yield ""
        yield "```sql"
        yield from text.rstrip("\n").splitlines()
        yield "```"
        yield ""
    yield "## Timeline and injects"
    yield ""
    yield "| minute | the game master |"
    yield "|---:|---|"
    yield f"| 0 | reads aloud: {_cell(drill.story)} |"
    for at, said in sorted(_injects(drill)):
        yield f"| {at} | {_cell(said)} |"
    yield f"| {drill.par_minutes * 2} | stop: whatever stands, debrief |"
    yield ""
    yield "## Expected findings"
    yield ""
    if not drill.truths:
        yield "- Nothing is wrong: the group says so, says why, and lets the migration run."
    for group in drill.truths:
        titles = " or ".join(f"`{c}` ({clean_line(playbooks[c].title)})" if c in playbooks else f"`{c}`" for c in group)
        yield f"- {titles}"
    for alternatives in drill.needs:
        yield f"- Read before acting: {_where(alternatives)}."
    for rival, looks in drill.rivals.items():
        yield f"- Ruled out before it is named: `{rival}`, by {_where(looks)}."
    if drill.trap is not None:
        yield f"- The trap: {drill.trap.text}"
    yield "- Fixed means measured: the migration passes and the application's statements run. `F` in the app says so."
    yield ""
    yield "## Questions"
    yield ""
    for question in (
        *drill.questions,
        "What did you believe first, and which reading changed it?",
        "Which act could not have been undone? Who decided it?",
        "What would have shown this before the deploy?",
    ):
        yield f"- {question}"
    if drill.lesson:
        yield ""
        yield f"Lesson: {drill.lesson}"
    yield ""
    yield "The debrief with points: printed when the app is left, and `runbook train --debrief SESSION` later."


def _injects(drill: Drill) -> Iterator[tuple[int, str]]:
    """The hints, spread over the time there is, and what people ask meanwhile."""
    for number, hint in enumerate(drill.hints, 1):
        at = round(drill.par_minutes * (0.5 + 0.5 * number / max(len(drill.hints), 1)))
        yield at, f"only if they are stuck (hint {number}): {hint}"
    for share, said in _PRESSURE:
        yield max(round(drill.par_minutes * share), 1), said


def _where(looks: tuple[str, ...]) -> str:
    names = {
        "locks": "the lock screen (`l`)",
        "migration": "the migration screen (`m`)",
        "check": "a query of their own",
    }
    return " or ".join(names.get(look, f"the step {look.removeprefix('triage/')}") for look in looks)


def _cell(text: str) -> str:
    return clean_line(text).replace("|", "\\|")
