"""``runbook check --format json``: FORECAST of the contract, with the findings and the gate beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from runbook.check.findings import Finding
from runbook.check.report import Gate, Report
from runbook.migration.result import FileForecast, Forecast, Summary
from runbook.rehearsal.result import Rehearsal


@dataclass(frozen=True, slots=True)
class CheckDocument:
    """``summary`` counts statements by what they do; ``gate`` counts findings by who has answered for them."""

    server_version_num: int
    basis: Literal["production", "local", "assumed"]
    files: tuple[FileForecast, ...]
    summary: Summary
    findings: tuple[Finding, ...]
    gate: Gate
    schema_version: int = 1
    rehearsal: Rehearsal | None = None


def document(report: Report) -> CheckDocument:
    """The report as what is written."""
    forecast: Forecast = report.forecast
    return CheckDocument(
        forecast.server_version_num, forecast.basis, forecast.files, forecast.summary, report.shown, report.gate,
        forecast.schema_version, report.rehearsed.rehearsal if report.rehearsed is not None else None,
    )  # fmt: skip


def as_json(report: Report) -> str:
    """Indented JSON, the same text for the same report."""
    data = msgspec.json.encode(document(report), order="deterministic")
    return msgspec.json.format(data, indent=2).decode() + "\n"
