"""Workflow commands of GitHub Actions: annotations in the files of a pull request.

Source: GitHub documentation, "Workflow commands for GitHub Actions", and actions/toolkit packages/core/src/command.ts
for what must be escaped. GitHub shows ten annotations of each level for a step; the rest stands in the log.
"""

from __future__ import annotations

from collections.abc import Iterator

from runbook.check.report import Report, words_of
from runbook.migration.result import Severity
from runbook.text import clean

_COMMAND: dict[Severity, str] = {"danger": "error", "warning": "warning", "notice": "notice"}


def as_commands(report: Report) -> Iterator[str]:
    """One command a finding that counts, the worst first."""
    found = sorted(report.counting, key=lambda f: list(_COMMAND).index(f.severity))
    for finding in found:
        properties = {
            "file": report.relative(finding.path),
            "line": str(finding.line),
            "endLine": str(finding.end_line),
            "title": f"{words_of(finding.id).title} ({finding.id})",
        }
        message = finding.message
        if finding.safe_sql:
            message += "\nInstead:\n" + "\n".join(finding.safe_sql)
        elif finding.instead:
            message += f"\nInstead: {finding.instead}"
        given = ",".join(f"{name}={_property(clean(value))}" for name, value in properties.items())
        yield f"::{_COMMAND[finding.severity]} {given}::{_data(clean(message))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
