"""What one check came to: the forecast, what was found in it, and whether that is too much."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runbook.check.findings import Finding, worst
from runbook.migration.hazard_words import HAZARDS, Words
from runbook.migration.model import Migration
from runbook.migration.result import Forecast, Severity
from runbook.migration.severity import RANK
from runbook.rehearsal.result import Rehearsed

FailOn = Literal["danger", "warning", "notice", "never"]
FORMATS = ("text", "json", "sarif", "github", "gitlab", "markdown")
FAIL_ON: tuple[FailOn, ...] = ("danger", "warning", "notice", "never")

IGNORE_RULES: dict[str, Words] = {
    "bad-ignore": Words(
        "An ignore that cannot be honoured",
        "Write `-- runbook:ignore HAZARD reason: why this is all right here`.",
    ),
    "unused-ignore": Words("An ignore that matches nothing any more", "Take it away."),
}


def words_of(id_: str) -> Words:
    """Title and advice of a finding's id."""
    return HAZARDS.get(id_) or IGNORE_RULES.get(id_) or Words(id_.replace("-", " ").capitalize(), "")


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether the check failed, and how many findings there are: by severity those that count, and those that do not."""

    fail_on: FailOn
    failed: bool
    danger: int
    warning: int
    notice: int
    suppressed: int
    known: int


@dataclass(frozen=True, slots=True)
class Report:
    """``root``: what paths in reports are relative to; the repository's root, else the working folder."""

    forecast: Forecast
    migration: Migration
    findings: tuple[Finding, ...]
    fail_on: FailOn
    root: Path
    rehearsed: Rehearsed | None = None

    @property
    def shown(self) -> tuple[Finding, ...]:
        """All but those of no consequence."""
        return tuple(f for f in self.findings if f.severity != "ok")

    @property
    def counting(self) -> tuple[Finding, ...]:
        """Those that nobody has answered for."""
        return tuple(f for f in self.findings if f.counts)

    @property
    def gate(self) -> Gate:
        severities = [f.severity for f in self.counting]
        found: Severity = worst(self.findings)
        return Gate(
            fail_on=self.fail_on,
            failed=self.fail_on != "never" and RANK[found] >= RANK[self.fail_on],
            danger=severities.count("danger"),
            warning=severities.count("warning"),
            notice=severities.count("notice"),
            suppressed=sum(1 for f in self.shown if f.suppressed is not None),
            known=sum(1 for f in self.shown if f.known and f.suppressed is None),
        )

    def relative(self, path: str) -> str:
        """``path`` from the root with forward slashes; absolute where it lies outside."""
        absolute = Path(os.path.abspath(path))
        for root in (Path(os.path.abspath(self.root)), self.root.resolve()):
            for place in (absolute, absolute.resolve()):
                if place.is_relative_to(root):
                    return place.relative_to(root).as_posix()
        return absolute.as_posix()


def repository_root(folder: Path) -> Path:
    """The nearest folder upwards that holds ``.git``, else ``folder`` itself."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)


def render(report: Report, format: str) -> str:
    """The report in one of ``FORMATS``, ending in a newline."""
    match format:
        case "json":
            from runbook.check.document import as_json

            return as_json(report)
        case "sarif":
            from runbook.check.sarif import as_sarif

            return as_sarif(report)
        case "gitlab":
            from runbook.check.gitlab import as_code_quality

            return as_code_quality(report)
        case "github":
            from runbook.check.github import as_commands

            return _lines(list(as_commands(report)))
        case "markdown":
            from runbook.check.markdown import as_markdown

            return _lines(list(as_markdown(report)))
        case _:
            from runbook.check.text import as_text

            return _lines(list(as_text(report)))


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
