"""What production's rows answered, put into a forecast: failures that are certain now, and those that are not to fear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from runbook.migration.result import DataAnswer, DataCheck, Fails, Forecast, StatementForecast, Summary

Answers = Mapping[tuple[int, str], DataAnswer]
"""By (index of the statement, the check's query)."""


def with_answers(forecast: Forecast, answers: Answers) -> Forecast:
    """``forecast`` with ``answers``: a statement that rows make fail fails for certain; one whose every query brought
    no offender no longer depends on data, until somebody writes one."""
    files = tuple(replace(f, statements=tuple(_answered(s, answers) for s in f.statements)) for f in forecast.files)
    found = [s.severity for f in files for s in f.statements]
    summary = Summary(found.count("danger"), found.count("warning"), found.count("notice"))
    return replace(forecast, files=files, summary=summary)


def _answered(statement: StatementForecast, answers: Answers) -> StatementForecast:
    checks = tuple(
        replace(c, answer=answers[(statement.index, c.sql)])
        if c.sql is not None and (statement.index, c.sql) in answers
        else c
        for c in statement.depends_on_data
    )
    if checks == statement.depends_on_data:
        return statement
    told = replace(statement, depends_on_data=checks)
    if statement.fails is not None and statement.fails.certain:
        return told
    failing = [c for c in checks if c.answer is not None and c.answer.verdict == "fails"]
    if failing:
        first = next((c for c in failing if c.certain), failing[0])
        fails = Fails(_sqlstate(first), _because(first), certain=first.certain)
        return replace(told, fails=fails, severity="danger" if first.certain else statement.severity)
    if statement.fails is not None and _all_pass(checks, statement.fails.sqlstate):
        return replace(told, fails=None)
    return told


def _sqlstate(check: DataCheck) -> str:
    return (check.answer.sqlstate if check.answer is not None else None) or check.sqlstate


def _because(check: DataCheck) -> str:
    answer = check.answer
    assert answer is not None
    return f"{check.because}: {answer.because}"


_OF_ROWS = ("22", "23")  # classes of SQLSTATEs that rows bring about


def _all_pass(checks: Sequence[DataCheck], sqlstate: str) -> bool:
    """Whether nothing is left of what the failure could come from."""
    asked = [c for c in checks if c.certain]
    return (
        (sqlstate[:2] in _OF_ROWS or sqlstate in {c.sqlstate for c in asked})
        and bool(asked)
        and all(c.answer is not None and c.answer.verdict == "passes" for c in asked)
    )
