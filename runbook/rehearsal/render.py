"""A rehearsal as text and as Markdown: forecast beside measurement, statement by statement."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.migration.conflicts import STRENGTH
from runbook.migration.result import Forecast, Seconds, StatementForecast
from runbook.rehearsal.result import Rehearsal, StatementRehearsal
from runbook.rehearsal.throughput import in_words
from runbook.text import clean, clean_line, plural, shorten
from runbook.words import count, duration, lock_name

_WORK = {
    "scan_bytes": "read",
    "rewrite_bytes": "rewritten",
    "index_rows": "indexed",
    "written_rows": "written",
}


def summary(rehearsal: Rehearsal) -> str:
    """One sentence: where, how it ended, how well the forecast did."""
    ran = sum(1 for s in rehearsal.statements if s.status == "ran")
    committed = sum(1 for s in rehearsal.statements if s.committed)
    end = "rolled back" if rehearsal.mode == "rollback" else f"{committed} of them committed"
    parts = [
        f"Rehearsal on {clean_line(rehearsal.server)} (PostgreSQL {rehearsal.server_version_num // 10000}): "
        f"{ran} of {plural(len(rehearsal.statements), 'statement')} ran in {duration(rehearsal.duration_s)}, {end}"
    ]
    if rehearsal.outcome != "completed":
        parts.append(f"{rehearsal.outcome}: {clean_line(rehearsal.because or '')}")
    if rehearsal.compared:
        parts.append(f"{rehearsal.agreeing} of {rehearsal.compared} did as forecast")
    return "; ".join(parts)


def sentence(rehearsal: Rehearsal, index: int) -> str | None:
    """What the rehearsal has to say of one statement, for who looks at that statement elsewhere."""
    one = rehearsal.statement(index)
    if one is None or one.status in ("nothing_to_run", "not_reached"):
        return None
    did = _did(one)
    parts = [f"rehearsed on {clean_line(rehearsal.server)}: {_status(one)}", *([did] if did else []), *_remarks(one)]
    return "; ".join(parts) + (", as forecast" if one.agrees and one.status == "ran" else "")


def text(rehearsal: Rehearsal, forecast: Forecast) -> Iterator[str]:
    """Lines for a terminal. ``forecast``: of the local side."""
    told = {s.index: s for s in forecast.statements}
    yield summary(rehearsal)
    for one in rehearsal.statements:
        if one.status not in ("nothing_to_run", "not_reached"):
            sql = told[one.index].sql if one.index in told else one.kind
            yield f"{clean_line(one.file)}:{one.line}: {_status(one)} {shorten(sql, 70)}"
            yield from (f"    {line}" for line in _details(one, told.get(one.index)))
    yield from _end(rehearsal)


def markdown(rehearsal: Rehearsal, forecast: Forecast) -> Iterator[str]:
    """The same as a section."""
    from runbook.transcript.markdown import code, escape

    told = {s.index: s for s in forecast.statements}
    yield f"\n## {escape(summary(rehearsal))}\n"
    yield "| line | statement | measured | forecast | on production | |\n|---:|---|---:|---:|---:|---|"
    for one in rehearsal.statements:
        if one.status == "nothing_to_run":
            continue
        sql = told[one.index].sql if one.index in told else one.kind
        cells = [
            str(one.line),
            code(shorten(sql, 60)),
            _took(one.seconds) if one.seconds is not None else "",
            _span(one.forecast_seconds),
            _span(one.production_seconds),
            "; ".join(escape(line) for line in (_status(one), *_remarks(one))),
        ]
        yield "| " + " | ".join(cells) + " |"
    yield ""
    yield from (f"- {escape(line)}" for line in _end(rehearsal))


def _status(one: StatementRehearsal) -> str:
    match one.status:
        case "ran":
            return f"ran in {_took(one.seconds or 0.0)}" + (", committed" if one.committed else "")
        case "failed":
            return f"FAILED with {one.error.sqlstate}" if one.error else "FAILED"
        case other:
            return other.replace("_", " ")


def _details(one: StatementRehearsal, told: StatementForecast | None) -> Iterator[str]:
    if one.status == "ran":
        if one.forecast_seconds is not None and (one.seconds or 0) >= 0.01:
            yield f"forecast here {_span(one.forecast_seconds)}"
        did = _did(one)
        if did:
            yield did + (" (as forecast)" if one.agrees else "")
    if one.production_seconds is not None and one.production_seconds.high >= 0.1:
        yield f"on production {_span(one.production_seconds)}{_sizes(one)}; {clean_line(one.production_seconds.basis)}"
    if one.status == "failed" and told is not None and told.fails is not None and one.agrees:
        yield f"as forecast: {clean_line(told.fails.because)}"
    yield from _remarks(one)


def _remarks(one: StatementRehearsal) -> Iterator[str]:
    if one.error is not None:
        yield clean_line(one.error.message)
    if one.because:
        yield clean_line(one.because)
    for differs in one.disagreements:
        measured, expected = clean_line(differs.measured), clean_line(differs.forecast)
        yield f"NOT as forecast ({differs.facet.replace('_', ' ')}): {measured}; forecast: {expected}"
    for notice in one.notices[:3]:
        yield f"{clean_line(notice.severity)}: {shorten(notice.message, 120)}"


def _did(one: StatementRehearsal) -> str:
    """What was measured, in a line."""
    parts = []
    strongest = sorted(one.locks or (), key=lambda k: (-STRENGTH.get(k.mode, 0), k.relation))
    locks = [f"{lock_name(k.mode)} {clean(k.relation)}" for k in strongest if k.pre_existing]
    if locks:
        parts.append("locks " + ", ".join(locks[:4]) + (f" and {len(locks) - 4} more" if len(locks) > 4 else ""))
    for what, names in (("rewrites", one.rewrites), ("reads", one.scans), ("builds", one.index_builds)):
        if names:
            parts.append(f"{what} {', '.join(map(clean, names[:4]))}")
    if one.rows:
        parts.append(plural(one.rows, "row"))
    return "; ".join(parts)


def _took(seconds: float) -> str:
    return duration(seconds) if seconds >= 0.001 else "under 1 ms"


def _span(seconds: Seconds | None) -> str:
    if seconds is None:
        return ""
    if seconds.high < 0.1:
        return "milliseconds"
    return f"about {duration(seconds.likely)} ({duration(seconds.low)} to {duration(seconds.high)})"


def _sizes(one: StatementRehearsal) -> str:
    largest = max(one.sizes, key=lambda s: s.production_rows or 0.0, default=None)
    if largest is None or largest.production_rows is None:
        return ""
    here = f" for {count(largest.local_rows)} here" if largest.local_rows is not None else ""
    return f" for {count(largest.production_rows)} rows of {clean(largest.relation)}{here}"


def _end(rehearsal: Rehearsal) -> Iterator[str]:
    for rate in rehearsal.rates:
        numbers = ", ".join(map(str, rate.statements[:5]))
        yield f"measured: {in_words(rate)} {_WORK.get(rate.work, rate.work)} (statement {numbers})"
    for left in rehearsal.left_behind:
        yield f"left behind: {clean_line(left.what)}" + (f"; to remove it: {clean_line(left.sql)}" if left.sql else "")
    yield from (f"note: {clean_line(note)}" for note in rehearsal.notes)
