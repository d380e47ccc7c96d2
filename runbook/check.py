"""``runbook check``: what each statement of a migration will do, without running it; as text, JSON or Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from runbook import rows_text
from runbook.migration.conflicts import STRENGTH
from runbook.migration.model import Migration
from runbook.migration.result import FileForecast, Forecast, Severity, StatementForecast
from runbook.text import clean, shorten
from runbook.words import duration, lock_name

FORMATS = ("text", "json", "markdown")
ORDER: tuple[Severity, ...] = ("ok", "notice", "warning", "danger")

_BASIS = {
    "production": "forecast on production",
    "local": "forecast on local: production may be larger and busier",
    "assumed": "no server was asked: every table is taken to be large and busy",
}


def worst(forecast: Forecast) -> Severity:
    """The highest severity of any statement."""
    return max((s.severity for s in forecast.statements), key=ORDER.index, default="ok")


def render(forecast: Forecast, migration: Migration, format: str) -> str:
    """The forecast in one of ``FORMATS``."""
    if format == "json":
        from runbook.documents import to_json

        return to_json(forecast).decode()
    lines = _markdown(forecast) if format == "markdown" else _text(forecast)
    problems = [f"{p.file}:{p.line}:{p.column}: {p.message}" for p in migration.problems]
    return "\n".join([*lines, *(clean(p) for p in problems)]) + "\n"


def basis(forecast: Forecast) -> str:
    """What the forecast rests on, in a sentence."""
    return f"PostgreSQL {forecast.server_version_num // 10000}, {_BASIS[forecast.basis]}"


def _text(forecast: Forecast) -> Iterator[str]:
    for file in forecast.files:
        for statement in file.statements:
            yield f"{clean(file.path)}:{statement.line}: {_word(statement.severity)} {shorten(statement.sql, 90)}"
            if statement.severity != "ok":
                yield from (f"    {line}" for line in _details(statement))
            yield from (f"    {line}" for line in rows_text.lines(statement))
    yield _summary(forecast)


def _markdown(forecast: Forecast) -> Iterator[str]:
    from runbook.transcript.markdown import block, code, escape

    yield f"# Forecast: {escape(_summary(forecast))}"
    for file in forecast.files:
        yield f"\n## {escape(file.path)}\n"
        yield "| line | statement | locks | held | |\n|---:|---|---|---|---|"
        for s in file.statements:
            yield f"| {s.line} | {code(shorten(s.sql, 60))} | {escape(_locks(s))} | {_held(s)} | {_word(s.severity)} |"
        for s in (s for s in file.statements if s.severity in ("warning", "danger") or rows_text.open_checks(s)):
            yield f"\n### Line {s.line}: {escape(shorten(s.sql, 70))}\n"
            yield from (f"- {escape(h.because)}" for h in s.hazards)
            yield from rows_text.markdown(s)
            for sql in _safe(s):
                yield "\n" + block(sql, "sql")


def _details(statement: StatementForecast) -> Iterator[str]:
    locks, held = _locks(statement), _held(statement)
    if locks:
        yield f"locks {locks}" + (f", held {held}" if held else "")
    if statement.fails is not None:
        sure = "fails" if statement.fails.certain else "may fail"
        yield f"{sure} with {statement.fails.sqlstate}: {clean(statement.fails.because)}"
    for waits in statement.waits_for[:3]:
        who = clean(waits.application_name or waits.state or "")
        yield f"would wait for pid {waits.pid} {who}, which holds {lock_name(waits.mode)} on {clean(waits.relation)}"
    yield from (clean(h.because) for h in statement.hazards)
    if statement.opaque_because:
        word = "not analysed" if statement.confidence == "opaque" else "less sure"
        yield f"{word}: {clean(statement.opaque_because)}"
    for sql in _safe(statement):
        yield "instead:"
        yield from (f"    {line}" for line in clean(sql).splitlines())


def _safe(statement: StatementForecast) -> tuple[str, ...]:
    """The safe form of the first hazard that has one, as one text."""
    found = next((h.safe_sql for h in statement.hazards if h.safe_sql), None)
    return ("\n".join(found),) if found else ()


def _locks(statement: StatementForecast) -> str:
    strongest = sorted(statement.locks, key=lambda k: (-STRENGTH.get(k.mode, 0), k.relation))
    return ", ".join(f"{lock_name(k.mode)} {clean(k.relation)}" for k in strongest if k.pre_existing)


def _held(statement: StatementForecast) -> str:
    seconds = statement.seconds
    if seconds is None:
        return ""
    if seconds.high < 0.1:
        return "for milliseconds"
    return f"about {duration(seconds.likely)} ({duration(seconds.low)} to {duration(seconds.high)})"


def _word(severity: Severity) -> str:
    return severity.upper() if severity == "danger" else severity


def _summary(forecast: Forecast) -> str:
    s = forecast.summary
    count = sum(len(f.statements) for f in forecast.files if isinstance(f, FileForecast))
    return f"{count} statements: {s.danger} danger, {s.warning} warning, {s.notice} notice. {basis(forecast)}."
