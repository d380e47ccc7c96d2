"""One statement of the forecast in full: what it does, how long, who waits, what is wrong with it, the safe form."""

from __future__ import annotations

from runbook.migration.result import Forecast, Hazard, QueuesBehind, StatementForecast
from runbook.session.state import State
from runbook.text import plural
from runbook.tui.lines import Line, column, fit, line, paragraph, preformatted
from runbook.tui.views.lock_tree import age
from runbook.tui.views.plot import bars, on_local, plot, points
from runbook.tui.views.statements import PLAIN, SEVERITY, View, held_text, strongest_first, transaction_of
from runbook.words import duration, lock_name

_WORTH_A_PICTURE_S = 0.1
_LABEL = 11
_MOST_SQL = 12


def detail(state: State, one: StatementForecast, width: int, *, safe_form: bool, view: View = PLAIN) -> list[Line]:
    """All that the forecast says of one statement; with ``safe_form`` the safe sequence comes first."""
    forecast = view.imagined or state.forecast
    file = next((f for f in forecast.files if any(s is one for s in f.statements)), None) if forecast else None
    word, paint = SEVERITY[one.severity]
    where = f"{file.path}:{one.line}" if file is not None else f"line {one.line}"
    lines = _what_if(state.forecast, one, width, view)
    lines.append(line((f"{word}  ", paint), (fit(f"{one.index}  {where}  {one.kind}", width - len(word) - 2), "muted")))
    sql = preformatted(one.sql.strip(), width, "code")
    lines += sql[:_MOST_SQL]
    if len(sql) > _MOST_SQL:
        lines.append(line((f"… {plural(len(sql) - _MOST_SQL, 'line')} more", "muted")))
    if safe_form:
        lines += _safe_forms(one, width)
    if one.fails is not None:
        sure = "fails" if one.fails.certain else "may fail"
        lines += [
            line(),
            *paragraph(one.fails.because, width, first=(f"{sure} with {one.fails.sqlstate}: ", "bad bold"), indent=4),
        ]
    if one.opaque_because:
        lines += [line(), *paragraph(one.opaque_because, width, first=("cannot be told: ", "warn bold"), indent=4)]
    for hazard in one.hazards:
        lines += [line(), *_hazard(hazard, width, shown=safe_form)]
    lines += [line(), *_effects(one, width)]
    group = view.groups.get(one.index)
    told = group.told(one) if group is not None else ([transaction_of(file)] if file is not None else [])
    for number, sentence in enumerate(told):
        label = "runs in" if not number else ""
        lines += _labelled(label, sentence, width, "muted" if not number else "warn")
    return lines


def picture(state: State, one: StatementForecast, width: int, view: View = PLAIN) -> list[Line]:
    """Rows against seconds where the work grows with rows; a bar a side where only seconds are known."""
    now = one
    if view.imagined is not None and state.forecast is not None:
        now = next((s for s in state.forecast.statements if s.index == one.index), one)
    longest = max((s.seconds.high for s in (one, now) if s.seconds is not None), default=0.0)
    if longest < _WORTH_A_PICTURE_S:
        return []
    found = points(state, now, one if view.imagined is not None else None)
    if found:
        return [line(), line(("seconds (likely, low to high) against rows", "muted")), *plot(found, min(width, 90))]
    basis = "production" if state.forecast is not None and state.forecast.basis == "production" else "forecast"
    local = on_local(state, one)
    sides = [("local", local), (basis, now), *([("what-if", one)] if view.imagined is not None else [])]
    known = [(side, s.seconds) for side, s in sides if s is not None and s.seconds is not None]
    return [line(), line(("how long the locks are held", "muted")), *bars(known, min(width, 90))]


def _what_if(now: Forecast | None, one: StatementForecast, width: int, view: View) -> list[Line]:
    """That this is imagined, and what of the statement is another thing now."""
    if view.imagined is None:
        return []
    lines = paragraph(
        f"{view.assumed}. Not the state of production, and no part of the diagnosis; z goes back",
        width,
        "warn",
        first=("WHAT IF  ", "accent bold"),
        indent=9,
    )
    before = next((s for s in now.statements if s.index == one.index), None) if now is not None else None
    if before is not None:
        for name, then, imagined in (
            ("verdict", before.severity, one.severity),
            ("held", held_text(before), held_text(one)),
            ("fails", _failing(before), _failing(one)),
            ("waits for", plural(len(before.waits_for), "session"), plural(len(one.waits_for), "session")),
        ):
            if then != imagined:
                lines.append(
                    line(
                        (column(name, _LABEL), "muted"), (fit(f"{then} now, {imagined} if so", width - _LABEL), "bold")
                    )
                )
    return [*lines, line()]


def _failing(one: StatementForecast) -> str:
    return "no" if one.fails is None else f"{one.fails.sqlstate}{'' if one.fails.certain else ' perhaps'}"


def _hazard(hazard: Hazard, width: int, *, shown: bool) -> list[Line]:
    lines = paragraph(hazard.because, width, first=("! ", "bad bold"), indent=2)
    if hazard.instead and not hazard.safe_sql:
        lines += paragraph(hazard.instead, width, "muted", first=("  instead ", "muted"), indent=2)
    if hazard.safe_sql and not shown:
        lines.append(line(("  v", "key"), (" shows the safe form, ", "muted"), ("c", "key"), (" copies it", "muted")))
    return lines


def _safe_forms(one: StatementForecast, width: int) -> list[Line]:
    lines: list[Line] = []
    for hazard in one.hazards:
        if hazard.safe_sql:
            lines += [line(), line(("safe form", "good bold"), (fit(f"  against {hazard.id}", width - 9), "muted"))]
            for step in hazard.safe_sql:
                lines += preformatted(step, width, "code", indent=2)
    return lines or [line(), line(("no safe form is known for this statement", "muted"))]


def safe_sql(one: StatementForecast) -> str:
    """The safe sequences of a statement as SQL, or an empty text."""
    return "\n".join(step for hazard in one.hazards for step in hazard.safe_sql or ())


def _labelled(label: str, text: str, width: int, style: str = "", most: int = 0) -> list[Line]:
    return paragraph(text, width, style, first=(column(label, _LABEL), "muted"), indent=_LABEL, most=most)


def _effects(one: StatementForecast, width: int) -> list[Line]:
    lines: list[Line] = []
    for number, lock in enumerate(sorted(one.locks, key=strongest_first)):
        made = "" if lock.pre_existing else "  (made by this migration)"
        text = f"{lock_name(lock.mode)} on {lock.relation}{made}"
        lines.append(line((column("locks" if not number else "", _LABEL), "muted"), fit(text, width - _LABEL)))
    for name, values in (("rewrites", one.rewrites), ("scans", one.scans), ("builds", one.index_builds)):
        if values:
            lines += _labelled(name, ", ".join(values), width, "warn")
    if one.blocks.reads:
        lines += _labelled("blocks", f"readers and writers of {', '.join(one.blocks.reads)}", width, "warn")
    only_writes = [name for name in one.blocks.writes if name not in one.blocks.reads]
    if only_writes:
        lines += _labelled("" if one.blocks.reads else "blocks", f"writers of {', '.join(only_writes)}", width, "warn")
    for number, wait in enumerate(one.waits_for):
        who = f"pid {wait.pid}" if wait.pid else "a prepared transaction"
        since = f"since {wait.backend_start:%Y-%m-%d %H:%M:%S}" if wait.backend_start is not None else ""
        state = f"{wait.state or ''} {age(wait.age_s)}".strip()
        known = ", ".join(word for word in (who, wait.application_name, since, state) if word)
        held = f": holds {lock_name(wait.mode)} on {wait.relation}"
        lines += _labelled("waits for" if not number else "", known + held, width, "warn")
        if wait.query:
            lines += _labelled("", wait.query, width, "muted", most=2)
    if one.waits_for:
        lines.append(line((" " * _LABEL), ("l", "key"), (" shows them among the locks", "muted")))
    for number, queue in enumerate(one.behind):
        lines += _labelled("behind it" if not number else "", _behind(one, queue), width)
    if one.seconds is not None:
        s = one.seconds
        text = f"{duration(s.likely)} ({duration(s.low)} to {duration(s.high)}), from: {s.basis}"
        lines += _labelled("held", text, width)
    if one.transaction == "forbidden":
        lines += _labelled("", "cannot run in a transaction", width, "warn")
    if one.min_server_version:
        lines += _labelled("needs", f"PostgreSQL {one.min_server_version // 10000} or newer", width)
    for check in one.depends_on_data:
        answer = f"; the rows say: {check.answer.because}" if check.answer is not None else ""
        lines += _labelled("rows", f"{check.sqlstate}: {check.because}{answer}", width)
    if one.confidence != "exact":
        lines += _labelled("how sure", one.confidence, width)
    return lines


def _behind(one: StatementForecast, queue: QueuesBehind) -> str:
    """Who would queue: sessions that use the relation now, and how fast more come."""
    kind = "every reader and writer" if queue.reads else "every writer"
    parts = [f"{kind} of {queue.relation} would queue"]
    if queue.sessions:
        parts.append(f"{plural(queue.sessions, 'session')} at work on it now")
    if queue.writes_per_s is not None:
        rate = f"{queue.writes_per_s:,.0f}" if queue.writes_per_s >= 10 else f"{queue.writes_per_s:.2g}"
        held = one.seconds.likely if one.seconds is not None else 0.0
        more = f": ~ {queue.writes_per_s * held:,.0f} while it is held" if queue.writes_per_s * held >= 1 else ""
        parts.append(f"{rate} rows written a second{more}")
    return "; ".join(parts)
