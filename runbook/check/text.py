"""The report for a terminal: each statement with what it locks, what speaks against it, and what to do instead."""

from __future__ import annotations

from collections.abc import Iterator

from runbook import rows_text
from runbook.check.report import Report
from runbook.check.sentences import held, locks, safe_form, summary, word
from runbook.migration.result import StatementForecast
from runbook.text import clean, shorten
from runbook.words import lock_name


def as_text(report: Report) -> Iterator[str]:
    """The lines of the report, the summary last."""
    of_statement: dict[int | None, list[str]] = {}
    for finding in report.shown:
        note = ""
        if finding.suppressed is not None:
            note = f"ignored {finding.id}: {finding.suppressed.reason}"
        elif finding.known:
            note = f"known {finding.id}: it is in the baseline"
        elif finding.statement is None:
            note = f"{finding.path}:{finding.line}: {word(finding.severity)} {finding.message}"
        elif finding.id == "does-not-parse":
            note = finding.message
        if note:
            of_statement.setdefault(finding.statement, []).append(clean(note))
    counting = {f.statement for f in report.counting}
    for file in report.forecast.files:
        for statement in file.statements:
            notes = of_statement.get(statement.index, [])
            severity = word(statement.severity)
            if notes and statement.index not in counting:
                severity += " (answered for)"
            elif statement.index in counting and any("cannot be read" in n for n in notes):
                severity = word("danger")
            yield f"{clean(file.path)}:{statement.line}: {severity} {shorten(statement.sql, 90)}"
            if statement.severity != "ok":
                yield from (f"    {line}" for line in _details(statement))
            yield from (f"    {line}" for line in notes)
            yield from (f"    {line}" for line in rows_text.lines(statement))
    yield from of_statement.get(None, [])
    yield summary(report)
    if report.rehearsed is not None:
        from runbook.rehearsal.render import text

        yield ""
        yield from text(report.rehearsed.rehearsal, report.rehearsed.forecast)


def _details(statement: StatementForecast) -> Iterator[str]:
    strongest, long = locks(statement), held(statement)
    if strongest:
        yield f"locks {strongest}" + (f", held {long}" if long else "")
    if statement.fails is not None:
        sure = "fails" if statement.fails.certain else "may fail"
        yield f"{sure} with {statement.fails.sqlstate}: {clean(statement.fails.because)}"
    for waits in statement.waits_for[:3]:
        who = clean(waits.application_name or waits.state or "")
        yield f"would wait for pid {waits.pid} {who}, which holds {lock_name(waits.mode)} on {clean(waits.relation)}"
    yield from (clean(h.because) for h in statement.hazards)
    if statement.opaque_because:
        sure = "not analysed" if statement.confidence == "opaque" else "less sure"
        yield f"{sure}: {clean(statement.opaque_because)}"
    sql = safe_form(statement)
    if sql:
        yield "instead:"
        yield from (f"    {line}" for line in clean(sql).splitlines())
