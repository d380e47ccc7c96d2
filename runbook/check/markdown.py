"""The report as Markdown: for a pull request, or the step summary of a CI job."""

from __future__ import annotations

from collections.abc import Iterator

from runbook import rows_text
from runbook.check.findings import Finding
from runbook.check.report import Report
from runbook.check.sentences import held, instead, locks, safe_form, summary, word
from runbook.text import shorten
from runbook.transcript.markdown import block, code, escape


def as_markdown(report: Report) -> Iterator[str]:
    """The lines of the report, a section a file."""
    of_statement: dict[int | None, list[Finding]] = {}
    for finding in report.shown:
        of_statement.setdefault(finding.statement, []).append(finding)
    yield f"# Forecast: {escape(summary(report))}"
    for file in report.forecast.files:
        yield f"\n## {escape(file.path)}\n"
        yield "| line | statement | locks | held | |\n|---:|---|---|---|---|"
        for s in file.statements:
            yield f"| {s.line} | {code(shorten(s.sql, 60))} | {escape(locks(s))} | {held(s)} | {word(s.severity)} |"
        for s in file.statements:
            found = of_statement.get(s.index, [])
            if not any(f.severity in ("warning", "danger") for f in found) and not rows_text.open_checks(s):
                continue
            yield f"\n### Line {s.line}: {escape(shorten(s.sql, 70))}\n"
            yield from (_item(f) for f in found)
            yield from rows_text.markdown(s)
            sql = safe_form(s)
            if sql and any(f.counts for f in found):
                yield "\n" + block(sql, "sql")
            elif (advice := instead(s)) and any(f.counts for f in found):
                yield f"\nInstead: {escape(advice)}"
    if None in of_statement:
        yield "\n## Files and ignores\n"
        yield from (f"- {code(f'{f.path}:{f.line}')}: {_item(f)[2:]}" for f in of_statement[None])
    if report.rehearsed is not None:
        from runbook.rehearsal.render import markdown

        yield from markdown(report.rehearsed.rehearsal, report.rehearsed.forecast)


def _item(finding: Finding) -> str:
    answered = ""
    if finding.suppressed is not None:
        answered = f", ignored: {escape(finding.suppressed.reason)}"
    elif finding.known:
        answered = ", in the baseline"
    return f"- {escape(finding.message)} ({code(finding.id)}{answered})"
