"""The Markdown transcript. Whatever came from outside is inert: no HTML, no links, no headings, no terminal escapes."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from runbook.playbook import Playbook, PlaybookError
from runbook.session import events as ev
from runbook.session.events import Event
from runbook.session.state import State
from runbook.text import clean, clean_line, plural, shorten
from runbook.triage.model import MARKS
from runbook.words import duration

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def markdown(state: State, playbooks: dict[str, Playbook]) -> str:
    """The whole session as Markdown; the same bytes for the same state."""
    template = _environment().get_template("transcript.md.jinja")
    return str(template.render(state=state, playbook=_first_playbook(state, playbooks), marks=MARKS))


def escape(text: object) -> str:
    """Text from outside as plain Markdown text on one line."""
    line = _SPECIAL.sub(r"\\\1", clean_line(str(text)))
    # A line must not start a list, a heading or an ordered item by accident.
    return re.sub(r"^([-+]|\d+(?=[.)]))", r"\\\1", line)


def code(text: object) -> str:
    """Text from outside as a code span that it cannot leave."""
    line = clean_line(str(text))
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else ""


def block(text: object, language: str = "") -> str:
    """Text from outside as a fenced block that it cannot leave."""
    body = clean(str(text)).rstrip("\n")
    longest = max((len(run) for run in re.findall(r"^\s*(`{3,})", body, re.M)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}\n{fence}"


@cache
def _environment() -> Environment:
    env = Environment(
        loader=PackageLoader("runbook.transcript", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    env.filters.update(
        e=escape,
        code=code,
        short=_short,
        pictures=_pictures,
        block=block,
        duration=duration,
        when=_when,
        told=_told,
        percent=_percent,
        plural=plural,
    )
    return env


def _short(sql: str) -> str:
    """A statement for a table's cell: a pipe would end the cell, also in a code span."""
    return shorten(clean_line(sql), 60).replace("|", "¦")


_MOST_PICTURES = 5
_WORTH_A_PICTURE_S = 1.0


def _pictures(state: State) -> list[tuple[int, str]]:
    """Number and picture of the statements that take longest and grow with rows, in order."""
    from runbook.chart import point, relation_of, text

    if state.forecast is None:
        return []
    side = "production" if state.forecast.basis == "production" else "local"
    local = {s.index: s for s in state.forecast_local.statements} if state.forecast_local is not None else {}
    long = [s for s in state.forecast.statements if s.seconds is not None and s.seconds.likely >= _WORTH_A_PICTURE_S]
    long.sort(key=lambda s: -(s.seconds.likely if s.seconds is not None else 0.0))
    found = []
    for one in long[:_MOST_PICTURES]:
        other = local.get(one.index) if side == "production" else None
        points = [p for p in (point("local", other, relation_of(one)), point(side, one)) if p is not None]
        if points:
            found.append((one.index, text(points)))
    return sorted(found)


def _percent(probability: float) -> str:
    return f"{probability * 100:.0f} %"


def _when(at: str) -> str:
    return datetime.fromisoformat(at).strftime("%H:%M:%S")


def _first_playbook(state: State, playbooks: dict[str, Playbook]) -> str:
    causes = state.diagnosis.causes if state.diagnosis else ()
    if not causes or causes[0].id not in playbooks:
        return ""
    try:
        rendered = playbooks[causes[0].id].render(state.book())
    except PlaybookError:
        return ""
    # One level down: the transcript has its own headings. Fence attributes are the screens' business.
    text = re.sub(r"^(#+ )", r"##\1", rendered.markdown(), flags=re.M)
    return re.sub(r"^```sql [^\n]*$", "```sql", text, flags=re.M)


def _told(event: Event) -> str:
    """One event as one line of the timeline; empty for what a reader need not see."""
    match event.payload:
        case ev.SessionOpened():
            return "session opened"
        case ev.SideSeen(name=name, reachable=True, server_version=version, database=database):
            return f"{escape(name)} answered: PostgreSQL {escape(version)}, database {code(database)}"
        case ev.SideSeen(name=name, reason=reason):
            return f"{escape(name)} could not be reached: {escape(reason)}"
        case ev.MigrationRead(runner=runner, files=files, statements=statements):
            return f"migration read: {plural(len(files), 'file')}, {plural(len(statements), 'statement')} ({escape(runner)})"
        case ev.ErrorRead(sqlstate=sqlstate, message=message):
            return f"error read: {escape(sqlstate or 'no SQLSTATE')} {escape(message)}"
        case ev.InputFailed(what=what, reason=reason):
            return f"{escape(what)} could not be used: {escape(reason)}"
        case ev.ReadingTaken(status=status, side=side, probe=probe, reason=reason) if status != "ok":
            return f"{escape(side)} {escape(probe)}: {escape(status)}: {escape(reason)}"
        case ev.Diagnosed(summary=summary):
            return f"diagnosis: {escape(summary)}"
        case ev.Answered(question=question, answer=answer, by=by):
            return f"{escape(by)} answered {escape(question)}: {escape(answer)}"
        case ev.Noted(text=text, by=by):
            return f"note by {escape(by)}: {escape(text)}"
        case ev.CheckRun(sql=sql, status=status, rows=rows):
            return f"check {code(shorten(sql, 80))}: {escape(status)}, {plural(len(rows), 'row')}"
        case ev.SessionClosed(reason=reason):
            return f"session closed ({escape(reason)})"
        case _:
            return ""


def cell(value: Any) -> str:
    return "?" if value is None else escape(value)
