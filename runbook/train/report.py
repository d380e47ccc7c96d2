"""A debrief for people: text for a terminal and for a screen. JSON is the debrief itself."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from runbook.session.state import State
from runbook.text import clean, clean_line, plural
from runbook.train.debrief import Debrief, Moment
from runbook.words import duration

if TYPE_CHECKING:
    from runbook.playbook import Playbook, Rendered

WIDTH = 100


def text(of: Debrief, state: State, playbooks: Mapping[str, Playbook], width: int = WIDTH) -> str:
    """The debrief, wrapped to ``width``. ``state`` gives the true cause's playbook this incident's values."""
    return "\n".join(lines(of, state, playbooks, width)) + "\n"


def lines(of: Debrief, state: State, playbooks: Mapping[str, Playbook], width: int = WIDTH) -> Iterator[str]:
    """The same, line by line."""
    yield from _wrap(f"{of.points} of {of.of} points: {_name(of)}", width)
    yield ""
    yield from _wrap(of.story, width)
    yield ""
    yield from _wrap(f"What it was: {_truth(of, playbooks)}.", width)
    found = "not named" if of.detected_after_s is None else f"named after {duration(of.detected_after_s)}"
    acted = "nothing was done" if of.first_act_after_s is None else f"first act after {duration(of.first_act_after_s)}"
    end = "given up" if of.gave_up else "fixed" if of.fixed else "declared, and not fixed"
    yield from _wrap(
        f"{found[:1].upper()}{found[1:]}; {acted}; {end} after {duration(of.duration_s)} (par is {of.par_minutes} minutes; "
        f"time is not scored); {plural(of.hints_used, 'hint')}.",
        width,
    )
    yield ""
    for part in of.parts:
        yield f"{part.name:<8} {part.points:>3} of {part.of}"
        for said in part.said:
            yield from _wrap(said, width, "    ", "      ")
    yield ""
    yield "Your path"
    yield from _path(of.path, width)
    yield ""
    yield "The tool's path, from the same servers"
    yield from _path(of.tools, width)
    yield from _remedy(of, state, playbooks, width)
    if of.lesson:
        yield ""
        yield from _wrap(f"Lesson: {of.lesson}", width)
    yield ""
    kept = bool(of.journal)
    yield f"The transcript: runbook export {of.session}" if kept else "No journal was kept."
    if kept:
        yield f"Again, and with other names and versions: runbook train {of.number or of.scenario} --seed {of.seed + 1}"


def _name(of: Debrief) -> str:
    drill = f"drill {of.number}, {of.title}" if of.number else of.title
    return f"{drill} (scenario {of.scenario}, seed {of.seed})"


def _truth(of: Debrief, playbooks: Mapping[str, Playbook]) -> str:
    if not of.truths:
        return "nothing; nothing is in the migration's way"
    first = [group[0] for group in of.truths]
    return "; and ".join(f"{c} ({clean_line(playbooks[c].title)})" if c in playbooks else c for c in first)


def _path(moments: tuple[Moment, ...], width: int) -> Iterator[str]:
    if not moments:
        yield "  nothing"
    for moment in moments:
        minutes, seconds = divmod(int(moment.at_s), 60)
        at = f"{minutes:>3}:{seconds:02} " if not moment.what.startswith("  ") else " " * 7
        yield from _wrap(moment.what.strip(), width, f"  {at}", " " * 11)


def _remedy(of: Debrief, state: State, playbooks: Mapping[str, Playbook], width: int) -> Iterator[str]:
    """What the playbook of each true cause would have you run, with this incident's values."""
    from runbook.playbook import PlaybookError

    for group in of.truths:
        if group[0] not in playbooks:
            continue
        try:
            rendered: Rendered = playbooks[group[0]].render(state.book())
        except PlaybookError:
            continue
        blocks = [b for b in rendered.sql if b.changes and b.section in ("stop", "fix") and b.on != "local"][:2]
        if blocks:
            yield f"  its playbook {group[0]} would have you run"
        for block in blocks:
            for row in clean(block.sql).strip().splitlines()[:12]:
                yield f"      {row[: width - 6]}"
            if block is not blocks[-1]:
                yield "      -- or"


def _wrap(paragraph: str, width: int, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(
        clean_line(paragraph), width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    ) or [first]
