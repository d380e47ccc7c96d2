"""GitLab's code quality report.

Source: GitLab documentation, "Code Quality", "Code Quality report format": a list of description, check_name,
fingerprint (unique), severity (info, minor, major, critical, blocker) and location (path, lines.begin), no BOM. GitLab
compares it with the target branch's report by fingerprint.
"""

from __future__ import annotations

import json
from typing import Any

from runbook.check.findings import Finding
from runbook.check.report import Report
from runbook.migration.result import Severity
from runbook.text import clean_line

_SEVERITY: dict[Severity, str] = {"danger": "critical", "warning": "major", "notice": "info"}


def as_code_quality(report: Report) -> str:
    """The findings that count, as JSON."""
    return json.dumps([_issue(f, report) for f in report.counting], indent=2, ensure_ascii=False) + "\n"


def _issue(finding: Finding, report: Report) -> dict[str, Any]:
    return {
        "description": clean_line(finding.message),
        "check_name": finding.id,
        "fingerprint": finding.fingerprint,
        "severity": "blocker" if finding.certain_failure else _SEVERITY[finding.severity],
        "location": {
            "path": report.relative(finding.path),
            "lines": {"begin": finding.line, "end": finding.end_line},
        },
    }
