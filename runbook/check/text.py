"""The report for a terminal: each statement with what it locks, what speaks against it, and what to do instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbook import rows_text
from runbook.check.findings import Finding
from runbook.check.report import Report
from runbook.check.sentences import held, instead, locks, safe_form, summary, word
from runbook.migration.result import StatementForecast
from runbook.migration.severity import RANK
from runbook.text import clean, shorten


def as_text(report: Report) -> Iterator[str]:
    """The lines of the report, the summary last."""
    of_statement: dict[int | None, list[Finding]] = {}
    for finding in report.shown:
        of_statement.setdefault(finding.statement, []).append(finding)
    for file in report.forecast.files:
        for statement in file.statements:
            found = of_statement.get(statement.index, [])
            yield f"{clean(file.path)}:{statement.line}: {_severity(statement, found)} {shorten(statement.sql, 90)}"
            if statement.severity != "ok" or found:
                yield from (f"    {line}" for line in _details(statement, found))
            yield from (f"    {line}" for line in rows_text.lines(statement))
    for finding in of_statement.get(None, []):
        yield f"{clean(finding.path)}:{finding.line}: {word(finding.severity)} {clean(finding.message)}{_tag(finding)}"
    yield summary(report)
    if report.rehearsed is not None:
        from runbook.rehearsal.render import text

        yield ""
        yield from text(report.rehearsed.rehearsal, report.rehearsed.forecast)


def _severity(statement: StatementForecast, found: Sequence[Finding]) -> str:
    """The statement's, and whether somebody has answered for all that speaks against it."""
    severity = max([statement.severity, *(f.severity for f in found)], key=RANK.__getitem__)
    answered = bool(found) and not any(f.counts for f in found)
    return word(severity) + (" (answered for)" if answered else "")


def _details(statement: StatementForecast, found: Sequence[Finding]) -> Iterator[str]:
    strongest, long = locks(statement), held(statement)
    if strongest:
        yield f"locks {strongest}" + (f", held {long}" if long else "")
    fails = statement.fails
    for finding in found:
        message = clean(finding.message)
        if fails is not None and fails.certain and finding.certain_failure:
            message = f"fails with {fails.sqlstate}: {clean(fails.because)}"
        yield message + _tag(finding)
    if statement.opaque_because and not any(f.id in ("not-analysed", "does-not-parse") for f in found):
        sure = "not analysed" if statement.confidence == "opaque" else "less sure"
        yield f"{sure}: {clean(statement.opaque_because)}"
    sql = safe_form(statement)
    if sql and any(f.counts for f in found):
        yield "instead:"
        yield from (f"    {line}" for line in clean(sql).splitlines())
    elif (advice := instead(statement)) and any(f.counts for f in found):
        yield f"instead: {clean(advice)}"


def _tag(finding: Finding) -> str:
    """The id, by which it can be ignored, and who has answered for it."""
    if finding.suppressed is not None:
        return f" [{finding.id}, ignored: {clean(finding.suppressed.reason)}]"
    return f" [{finding.id}, in the baseline]" if finding.known else f" [{finding.id}]"
