"""The journal as a timeline: what happened when, in a sentence each, with the details folded away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runbook.session import events as ev
from runbook.session.state import State
from runbook.text import clean_line
from runbook.triage.model import MARKS, LockTree
from runbook.triage.tree_ages import aged
from runbook.tui.lines import Line, fit, line, paragraph
from runbook.tui.views.header import clock
from runbook.tui.views.lock_tree import age, lock_tree
from runbook.tui.views.sql_block import result
from runbook.words import duration, percent


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of the timeline: one event, or a run of events of the same kind."""

    events: tuple[ev.Event, ...]

    @property
    def key(self) -> str:
        return f"event:{self.events[0].seq}"

    @property
    def last(self) -> ev.Event:
        return self.events[-1]


_FOLDED = (ev.ReadingTaken, ev.LocksSampled, ev.LocksUnchanged, ev.ScreenVisited)
"""Kinds of which a run is one entry."""


_LOOKS_AT_LOCKS = {ev.LocksSampled, ev.LocksUnchanged}


def entries(events: Iterable[ev.Event]) -> list[Entry]:
    """Events as entries; readings and lock samples that follow each other are one."""
    found: list[list[ev.Event]] = []
    for event in events:
        kind = type(event.payload)
        before = type(found[-1][-1].payload) if found else None
        if before in _FOLDED and (kind is before or {kind, before} == _LOOKS_AT_LOCKS):
            found[-1].append(event)
        else:
            found.append([event])
    return [Entry(tuple(run)) for run in found]


def timeline(state: State, width: int, opened: frozenset[str]) -> list[Line]:
    """Every entry on one line; those in ``opened`` with their details below."""
    lines: list[Line] = []
    for entry in entries(state.events):
        what, paint, text = _said(entry)
        details = entry.key in opened and has_details(entry)
        sign = "▾" if details else "▸" if has_details(entry) else " "
        at = entry.events[0]
        room = width - 24
        lines.append(
            line(
                (f"{clock(at.offset_s)} ", "muted"),
                (sign, "faint"),
                (f" {what:<11} ", paint),
                fit(clean_line(text), room - 2),
                key=entry.key,
            )
        )
        if details:
            lines += [Line((*line("      ").spans, *d.spans), entry.key) for d in _details(state, entry, width - 6)]
            lines.append(line(key=entry.key))
    return lines or [line(("nothing happened yet", "muted"))]


def _said(entry: Entry) -> tuple[str, str, str]:
    """Kind, paint and sentence of an entry."""
    match entry.last.payload:
        case ev.SessionOpened(title=title, runbook_version=version):
            return "opened", "accent", f"{title}, by runbook {version}, at {entry.last.at[:19]} UTC"
        case ev.SideGiven(side=side):
            return "given", "", f"{side.key}: {side.target}" + (f" ({side.source})" if side.source else "")
        case ev.SideSeen() as seen:
            if not seen.reachable:
                return "side", "bad", f"{seen.key} is unreachable: {seen.reason}"
            return "side", "", f"{seen.key} is PostgreSQL {seen.server_version}, as {seen.role} on {seen.database}"
        case ev.ReadingTaken():
            return "probes", "muted", _readings(entry)
        case ev.MigrationRead(statements=statements, files=files, runner=runner):
            return "migration", "", f"{len(statements)} statements in {', '.join(files)} ({runner})"
        case ev.ErrorRead() as error:
            return "error", "bad", f"{error.sqlstate or ''} {error.message}".strip()
        case ev.InputFailed() as failed:
            return "problem", "bad", f"{failed.what}: {failed.reason}"
        case ev.StepExamined(step=step):
            return "step", "warn" if step.verdict in ("attention", "unknown") else "", f"{step.title}: {step.summary}"
        case ev.ForecastMade(forecast=forecast):
            s = forecast.summary
            return "forecast", "", f"{s.danger} danger, {s.warning} warning, {s.notice} notice"
        case ev.Diagnosed() as found:
            return "diagnosis", "accent", found.summary
        case ev.Answered() as answer:
            return "answer", "good", f"{answer.question}: {answer.answer} ({answer.by})"
        case ev.Noted() as note:
            return "note", "good bold", f"{note.text} ({note.by})"
        case ev.LocksSampled():
            return "locks", "muted", _looks(entry)
        case ev.LocksUnchanged(elapsed_s=elapsed_s):
            return "locks", "muted", _looks(entry) or f"as {elapsed_s:.0f} s before"
        case ev.CheckRun() as check:
            outcome = f"{len(check.rows)} rows" if check.status == "ok" else f"{check.status}: {check.reason}"
            return "check", "", f"on {check.side}, {outcome}: {check.sql}"
        case ev.Acted() as action:
            paint = "warn" if action.status == "done" else "bad"
            return "action", paint, f"{action.what} on {action.side} as {action.role}: {action.answer or action.status}"
        case ev.Trained() as moment:
            return "exercise", "accent", f"{moment.what.replace('_', ' ')}: {moment.text}"
        case ev.ScreenVisited():
            screens = [e.payload.screen for e in entry.events if isinstance(e.payload, ev.ScreenVisited)]
            return "screen", "faint", " → ".join(screens)
        case ev.RoundStarted(round=number):
            return "look", "muted", f"look {number} at both sides begins"
        case ev.RoundFinished(round=number):
            return "look", "muted", f"look {number} has ended"
        case ev.SessionClosed(reason=reason):
            return "closed", "accent", reason


def _looks(entry: Entry) -> str:
    """The last of some samples in words; empty where only ages were recorded."""
    tree = _last_tree(entry)
    if tree is None:
        return ""
    samples = f"{len(entry.events)} samples, the last: " if len(entry.events) > 1 else ""
    return f"{samples}{tree.waiting} wait, longest {age(tree.longest_wait_s)}"


def _last_tree(entry: Entry) -> LockTree | None:
    tree = None
    for event in entry.events:
        if isinstance(event.payload, ev.LocksSampled):
            tree = event.payload.tree
        elif isinstance(event.payload, ev.LocksUnchanged) and tree is not None:
            tree = aged(tree, event.payload.elapsed_s, event.payload.sampled_at)
    return tree


def _readings(entry: Entry) -> str:
    readings = [e.payload for e in entry.events if isinstance(e.payload, ev.ReadingTaken)]
    refused = {s: sum(r.status == s for r in readings) for s in ("denied", "timed_out", "unsupported", "unreachable")}
    more = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in refused.items() if n)
    sides = " and ".join(sorted({r.side for r in readings}))
    return f"{len(readings)} probes on {sides}" + (f": {more}" if more else "")


def has_details(entry: Entry) -> bool:
    """Whether there is more to show of an entry than its line."""
    return isinstance(
        entry.last.payload,
        ev.ReadingTaken
        | ev.StepExamined
        | ev.Diagnosed
        | ev.LocksSampled
        | ev.LocksUnchanged
        | ev.CheckRun
        | ev.Acted
        | ev.ErrorRead
        | ev.MigrationRead
        | ev.Noted
        | ev.InputFailed,
    )


def _details(state: State, entry: Entry, width: int) -> list[Line]:
    match entry.last.payload:
        case ev.ReadingTaken():
            return [_reading(e.payload, width) for e in entry.events if isinstance(e.payload, ev.ReadingTaken)]
        case ev.StepExamined(step=step):
            rows = [
                line(
                    (f"{MARKS[r.mark]:>2} ", "muted"),
                    fit(f"{r.name}: {r.local or '?'} | {r.production or '?'}  {r.why}", width - 3),
                )
                for r in step.rows
            ]
            return [
                *rows,
                *(line(("  · ", "muted"), (fit(f.because, width - 4), "muted")) for f in step.facts if f.known),
            ]
        case ev.Diagnosed() as found:
            lines = [line(f"{c.verdict} {percent(c.probability)}: {fit(c.title, width - 20)}") for c in found.causes]
            return lines + [line((f"ruled out: {fit(c.title, width - 12)}", "muted")) for c in found.ruled_out]
        case ev.LocksSampled() | ev.LocksUnchanged():
            tree = _last_tree(entry)
            return lock_tree(tree, width) if tree is not None else []
        case ev.CheckRun() as check:
            return [*paragraph(check.sql, width, "code", most=6), *result(check, width)]
        case ev.Acted() as action:
            told = [one for text in (action.guard, *action.effect) if text for one in paragraph(text, width, "muted")]
            return [*paragraph(action.sql, width, "code", most=12), *told]
        case ev.ErrorRead() as error:
            texts = (error.message, error.detail, error.hint, error.statement)
            return [one for text in texts if text for one in paragraph(text, width, most=6)]
        case ev.MigrationRead() as migration:
            return [line((f"{s.index:>4} ", "muted"), fit(clean_line(s.sql), width - 5)) for s in migration.statements]
        case ev.Noted() as note:
            return paragraph(note.text, width)
        case ev.InputFailed() as failed:
            return paragraph(failed.reason, width)
        case _:
            return []


def _reading(reading: ev.ReadingTaken, width: int) -> Line:
    status = reading.status.replace("_", " ")
    took = duration(reading.duration_s)
    outcome = f"{reading.rows:,} rows" if reading.status == "ok" else f"{status}: {reading.reason or ''}"
    paint = "" if reading.status == "ok" else "warn"
    return line(
        (f"{reading.side:<11}", "muted"),
        f"{fit(reading.probe, 24):<25}",
        (fit(f"{outcome}  {took}", width - 37), paint),
    )
