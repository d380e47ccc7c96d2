"""Findings: each hazard of each statement with a severity of its own, so that one can be answered for without the rest.

A forecast gives a severity to a statement. Here it is shared out: a certain failure is ``danger``; a hazard that weighs
by what it is has that weight; what is left is owed to the locks, to a wait, or to what could not be analysed. The worst
finding of a statement is as bad as the statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from runbook.check.fingerprint import Fingerprints
from runbook.migration.hazard_words import FAILURES
from runbook.migration.model import Migration, Problem, Statement
from runbook.migration.result import Fails, Forecast, Hazard, Severity, StatementForecast
from runbook.migration.severity import DEFAULT, OWN_WEIGHT, RANK
from runbook.words import lock_name


@dataclass(frozen=True, slots=True)
class Suppression:
    """Somebody answered for the finding: where that stands, and the reason given."""

    by: Literal["inline", "file", "config"]
    reason: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that speaks against a statement, a file or an ignore.

    ``path`` as it was given, ``line`` and ``end_line`` 1-based; ``statement`` is the index of the forecast's statement,
    None for what is not about one. ``known``: the baseline has it. ``ok`` findings count nowhere and are not shown; an
    ignore of one is no stale ignore.
    """

    id: str
    severity: Severity
    message: str
    path: str
    line: int
    end_line: int
    statement: int | None
    sql: str
    fingerprint: str
    safe_sql: tuple[str, ...] | None = None
    certain_failure: bool = False
    instead: str | None = None
    """Where no safe sequence can be generated: why, and what people do."""
    suppressed: Suppression | None = None
    known: bool = False

    @property
    def counts(self) -> bool:
        """Whether it decides about the exit code."""
        return self.severity != "ok" and self.suppressed is None and not self.known


def findings(forecast: Forecast, migration: Migration) -> tuple[Finding, ...]:
    """All findings in the order of the statements, then what is wrong with the files themselves."""
    sent = {s.index: s for s in migration.statements}
    prints = Fingerprints()
    found = [f for s in forecast.statements for f in _of_statement(s, sent[s.index], prints)]
    shown = {f.path for f in forecast.files} | {sent[s.index].file for s in forecast.statements}
    unread = {(s.file, s.problem) for s in migration.statements if s.problem}
    for file in migration.files:
        for problem in () if file.is_down else file.problems:
            of_statement = f"{problem.message} (line {problem.line}, column {problem.column})"
            if problem.file in shown and (problem.file, of_statement) not in unread:
                found.append(_of_file(problem, prints))
    return tuple(found)


def worst(found: Sequence[Finding]) -> Severity:
    """The highest severity among findings that count."""
    return max((f.severity for f in found if f.counts), key=RANK.__getitem__, default="ok")


@dataclass(frozen=True, slots=True)
class _Part:
    id: str
    severity: Severity
    message: str
    safe_sql: tuple[str, ...] | None = None
    certain: bool = False
    instead: str | None = None


def _of_statement(told: StatementForecast, sent: Statement, prints: Fingerprints) -> Iterator[Finding]:
    for part in _parts(told, sent):
        yield Finding(
            part.id, part.severity, part.message, sent.file, told.line, told.line + told.sql.count("\n"), told.index,
            told.sql, prints.of(part.id, sent.file, told.sql), part.safe_sql, part.certain, part.instead,
        )  # fmt: skip


def _of_file(problem: Problem, prints: Fingerprints) -> Finding:
    return Finding(
        "file-problem", "warning", problem.message, problem.file, problem.line, problem.line, None, "",
        prints.of("file-problem", problem.file, problem.message),
    )  # fmt: skip


def _parts(told: StatementForecast, sent: Statement) -> Iterator[_Part]:
    if sent.problem:
        # Nothing could be said about it, and a gate that cannot read a statement must not let it pass.
        yield _Part("does-not-parse", "danger", f"this cannot be read: {sent.problem}", certain=True)
        return
    fails = told.fails
    certain = fails is not None and fails.certain
    failure = next((h for h in told.hazards if h.id in FAILURES), None) if fails is not None else None
    of_fails: Severity = "ok"
    if fails is not None:
        of_fails = "danger" if certain else _at_most("notice", told.severity)
        yield _failure_part(fails, failure, of_fails)
    others = [h for h in told.hazards if h is not failure]
    own = {h.id: _at_most(OWN_WEIGHT[h.id], told.severity) for h in others if h.id in OWN_WEIGHT}
    explained = max([of_fails, *own.values()], key=RANK.__getitem__)
    left = RANK[told.severity] > RANK[explained]
    waiting = bool(told.waits_for)
    # With the rest explained otherwise, the locks count for as long as they are held.
    by_locks = told.severity if left and not waiting else _at_most(_by_seconds(told), told.severity)
    for hazard in others:
        yield _Part(hazard.id, own.get(hazard.id, by_locks), hazard.because, hazard.safe_sql, instead=hazard.instead)
    if waiting:
        yield _Part("waits-for-lock-now", told.severity if left else _at_most("notice", told.severity), _wait(told))
        return
    if left and all(h.id in own for h in others):
        yield _residual(told)


def _failure_part(fails: Fails, hazard: Hazard | None, severity: Severity) -> _Part:
    if hazard is not None:
        return _Part(hazard.id, severity, hazard.because, hazard.safe_sql, fails.certain, hazard.instead)
    word = "fails" if fails.certain else "may fail"
    return _Part("statement-fails", severity, f"{word} with {fails.sqlstate}: {fails.because}", None, fails.certain)


def _residual(told: StatementForecast) -> _Part:
    """What no hazard names: a lock that is held while others wait, or a statement that could not be analysed."""
    strong = sorted({f"{lock_name(k.mode)} on {k.relation}" for k in told.locks if k.pre_existing})
    if told.confidence == "opaque" and not (told.blocks.reads or told.blocks.writes):
        return _Part("not-analysed", told.severity, f"not analysed: {told.opaque_because or 'nothing is known of it'}")
    held = f" for about {told.seconds.likely:.0f} s" if told.seconds is not None and told.seconds.likely >= 1 else ""
    what = ", ".join(strong) or "locks of earlier statements"
    return _Part("lock-blocks-queries", told.severity, f"{what} {'is' if len(strong) == 1 else 'are'} held{held}")


def _wait(told: StatementForecast) -> str:
    shown = []
    for held in told.waits_for[:3]:
        who = f"pid {held.pid}" if held.pid else "a prepared transaction"
        name = held.application_name or held.state
        shown.append(f"{who}{f' ({name})' if name else ''}, which holds {lock_name(held.mode)} on {held.relation}")
    more = f"; and {len(told.waits_for) - 3} more" if len(told.waits_for) > 3 else ""
    return f"would wait for {'; '.join(shown)}{more}"


def _by_seconds(told: StatementForecast) -> Severity:
    if told.seconds is None:
        return "notice"
    likely = told.seconds.likely
    return "danger" if likely >= DEFAULT.danger_s else "warning" if likely >= DEFAULT.warning_s else "notice"


def _at_most(severity: Severity, limit: Severity) -> Severity:
    return min(severity, limit, key=RANK.__getitem__)
