"""SARIF 2.1.0, for GitHub code scanning and every other viewer.

Source: OASIS SARIF v2.1.0 with Errata 01; GitHub documentation, "SARIF support for code scanning": what it reads, and
that paths are relative to the repository's root.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from runbook import __version__
from runbook.check.findings import Finding
from runbook.check.report import Report, words_of
from runbook.migration.result import Severity
from runbook.text import clean

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "SRCROOT"
_LEVEL: dict[Severity, str] = {"danger": "error", "warning": "warning", "notice": "note"}


def as_sarif(report: Report) -> str:
    """One run with every finding; those that somebody answered for carry a suppression, known ones their baseline state."""
    return (
        json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report)]}, indent=2, ensure_ascii=False) + "\n"
    )


def _run(report: Report) -> dict[str, Any]:
    ids = list(dict.fromkeys(f.id for f in report.shown))
    driver = {
        "name": "runbook",
        "semanticVersion": __version__,
        "rules": [_rule(id_, report) for id_ in ids],
    }
    invocation: dict[str, Any] = {"executionSuccessful": True, "exitCode": int(report.gate.failed)}
    notes = [_notification(f, report) for f in report.shown if f.id in ("does-not-parse", "file-problem")]
    if notes:
        invocation["toolExecutionNotifications"] = notes
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": "runbook/check/"},
        "originalUriBaseIds": {ROOT: {"uri": report.root.absolute().as_uri().rstrip("/") + "/"}},
        "invocations": [invocation],
        "results": [_result(f, ids.index(f.id), report) for f in report.shown],
    }


def _rule(id_: str, report: Report) -> dict[str, Any]:
    words = words_of(id_)
    worst = max((f.severity for f in report.shown if f.id == id_), key=list(_LEVEL)[::-1].index)
    rule: dict[str, Any] = {
        "id": id_,
        "name": "".join(part.capitalize() for part in id_.split("-")),
        "shortDescription": {"text": f"{words.title}."},
        "fullDescription": {"text": f"{words.title}. {words.instead}".strip()},
        "defaultConfiguration": {"level": _LEVEL[worst]},
        "properties": {"tags": ["postgresql", "migration"], "precision": "high"},
    }
    if words.instead:
        rule["help"] = {"text": f"Instead: {words.instead}", "markdown": f"**Instead:** {words.instead}"}
    return rule


def _result(finding: Finding, rule: int, report: Report) -> dict[str, Any]:
    text = clean(finding.message)
    if finding.safe_sql:
        text += "\n\nInstead:\n" + clean("\n".join(finding.safe_sql))
    elif finding.instead:
        text += f"\n\nInstead: {clean(finding.instead)}"
    result: dict[str, Any] = {
        "ruleId": finding.id,
        "ruleIndex": rule,
        "level": _LEVEL[finding.severity],
        "message": {"text": text},
        "locations": [_location(finding, report)],
        "partialFingerprints": {"runbookStatement/v1": finding.fingerprint},
    }
    if finding.known:
        result["baselineState"] = "unchanged"
    if finding.suppressed is not None:
        suppression = finding.suppressed
        result["suppressions"] = [
            {
                "kind": "external" if suppression.by == "config" else "inSource",
                "status": "accepted",
                "justification": clean(suppression.reason),
                "location": {
                    "physicalLocation": {
                        "artifactLocation": _artifact(suppression.path, report),
                        "region": {"startLine": suppression.line},
                    }
                },
            }
        ]
    return result


def _location(finding: Finding, report: Report) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": finding.line, "endLine": finding.end_line}
    if finding.sql:
        region["snippet"] = {"text": clean(finding.sql)}
    return {"physicalLocation": {"artifactLocation": _artifact(finding.path, report), "region": region}}


def _artifact(path: str, report: Report) -> dict[str, Any]:
    relative = report.relative(path)
    if relative.startswith("/"):
        return {"uri": "file://" + quote(relative)}
    return {"uri": quote(relative), "uriBaseId": ROOT}


def _notification(finding: Finding, report: Report) -> dict[str, Any]:
    return {
        "level": "error" if finding.id == "does-not-parse" else "warning",
        "message": {"text": clean(finding.message)},
        "associatedRule": {"id": finding.id},
        "locations": [_location(finding, report)],
    }
