"""From what was gathered to what it means: forecast, steps, diagnosis, question. Pure; no server, no journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from runbook.diagnosis.engine import Cause, Diagnosis, diagnose
from runbook.diagnosis.facts import Fact, FactBook
from runbook.diagnosis.questions import Asked, next_question
from runbook.failure.report import ErrorReport
from runbook.migration.data_checks import with_answers
from runbook.migration.data_checks.answers import Answers
from runbook.migration.model import Migration, Statement
from runbook.migration.result import Forecast, StatementForecast
from runbook.migration.what_if import WhatIf
from runbook.playbook import Playbook
from runbook.session.events import AnswerView, CauseView, Diagnosed, QuestionView, ReasonView, UnseenView
from runbook.triage import error as error_step
from runbook.triage import history, locks, role, schema, settings, sizes, versions
from runbook.triage.case import Case, SideCase
from runbook.triage.lock_tree import build
from runbook.triage.migrator import find_migrators
from runbook.triage.model import LockTree, Step
from runbook.triage.waits import Waits

_EXAMINERS: tuple[Callable[[Case], Step], ...] = (
    versions.examine,
    sizes.examine,
    error_step.examine,
    locks.examine,
    role.examine,
    settings.examine,
    schema.examine,
    history.examine,
)

_SHOWN_RULED_OUT = 12


@dataclass(frozen=True)
class Conclusion:
    """What one round came to. ``problems`` are (what, reason) of inputs that could not be used."""

    steps: tuple[Step, ...]
    diagnosed: Diagnosed
    forecast: Forecast | None
    forecast_local: Forecast | None
    locks: LockTree | None
    case: Case | None = None  # what it was concluded from; stays in memory
    problems: tuple[tuple[str, str], ...] = ()


def conclude(
    *,
    local: SideCase | None,
    production: SideCase | None,
    migration: Migration | None,
    error: ErrorReport | None,
    seen: str | None,
    answers: tuple[Fact, ...],
    playbooks: Mapping[str, Playbook],
    answered: Answers | None = None,
) -> Conclusion:
    """Examine all eight steps and diagnose. ``answered``: what rows said where --probe-data asked them."""
    case = prepare(
        Case(
            local=local, production=production, migration=migration, error=error, seen=seen, given=migration is not None
        )
    )
    if answered and case.forecast is not None:
        case = _with_rows(case, case.forecast, answered)
    steps = []
    for examine in _EXAMINERS:
        begun = time.perf_counter()
        step = examine(case)
        steps.append(replace(step, duration_s=round(time.perf_counter() - begun, 4)))
    book = FactBook([f for step in steps for f in step.facts] + list(answers))
    diagnosis = diagnose(book, playbooks.values())
    asked = next_question(book, list(playbooks.values()), diagnosis)
    return Conclusion(
        steps=tuple(steps),
        diagnosed=diagnosed_view(diagnosis, asked),
        forecast=case.forecast if case.given else None,
        forecast_local=case.forecast_local if case.given else None,
        locks=_tree(case),
        case=case,
    )


def _with_rows(case: Case, forecast: Forecast, answered: Answers) -> Case:
    """The forecasts with what rows answered; where only local was given, its rows are all there is to go by."""
    if case.production is not None or case.forecast_local is None:
        return replace(case, forecast=with_answers(forecast, answered))
    local = with_answers(case.forecast_local, answered)
    by_index = {s.index: s for s in local.statements}
    files = tuple(
        replace(f, statements=tuple(_as_local(s, by_index.get(s.index, s)) for s in f.statements))
        for f in forecast.files
    )
    return replace(case, forecast=replace(forecast, files=files), forecast_local=local)


def _as_local(statement: StatementForecast, local: StatementForecast) -> StatementForecast:
    fails = local.fails if any(c.answer is not None for c in local.depends_on_data) else statement.fails
    return replace(statement, depends_on_data=local.depends_on_data, fails=fails)


def prepare(case: Case) -> Case:
    """Add what follows from the inputs alone: the statement at fault and the forecasts of both sides."""
    from runbook.failure.locate import locate
    from runbook.migration.catalog import Catalog
    from runbook.migration.forecast import forecast
    from runbook.triage.holders import held_locks
    from runbook.triage.implied import implied_migration
    from runbook.triage.observed import throughput
    from runbook.triage.pending import pending_migration
    from runbook.triage.writer import writer

    migration = case.migration or implied_migration(case)
    if migration is None:
        return case
    case = replace(case, migration=migration, whole=case.migration)
    migration = pending_migration(case) or migration
    failing = locate(case.error, migration) if case.error is not None else None
    if failing is None and case.error is not None and migration is not case.migration and case.migration is not None:
        failing = locate(case.error, case.migration)
        if failing is not None:
            migration = case.migration  # the error is about a file that is counted as applied
    case = replace(case, migration=migration)
    if failing is not None and not _belongs(case, failing):
        failing = None
    if failing is None and not case.given and case.error is not None and len(migration.statements) == 1:
        failing = migration.statements[0]
    production = case.production.catalog if case.production else None
    local = case.local.catalog if case.local else None
    if failing is None and case.error is not None and case.given and case.error.statement is None:
        failing = writer(case.error, migration, production) if case.seen != "broken" else None
    assumed = Catalog.assumed(local.server_version_num if local else 180000)
    held = held_locks(case.production) if case.production else ()
    measured = throughput(case.production) if case.production else None
    return replace(
        case,
        failing=failing,
        forecast=forecast(migration, production or assumed, activity=held, measured=measured),
        forecast_local=forecast(migration, local) if local is not None else None,
    )


def forecast_if(case: Case, what_if: WhatIf) -> Forecast:
    """The forecast of the case's migration for production as it would be. Pure. Raises WhatIfProblem."""
    from runbook.migration.catalog import Catalog
    from runbook.migration.forecast import forecast
    from runbook.migration.what_if import WhatIfProblem, imagine
    from runbook.triage.holders import held_locks
    from runbook.triage.observed import throughput

    if case.migration is None:
        raise WhatIfProblem("there is no migration to forecast")
    production = case.production.catalog if case.production else None
    local = case.local.catalog if case.local else None
    catalog = imagine(production or Catalog.assumed(local.server_version_num if local else 180000), what_if)
    held = held_locks(case.production) if case.production and what_if.busy is not False else ()
    measured = throughput(case.production) if case.production else None
    return forecast(case.migration, catalog, activity=held, measured=measured)


def _belongs(case: Case, statement: Statement) -> bool:
    """Whether the located statement can be the error's: names alone are no proof when the error shows another query."""
    from runbook.failure.locate import normalised

    shown = case.error.statement if case.error is not None else None
    if not shown:
        return case.seen != "broken"  # applied already: who fails now is the application
    one, other = normalised(shown.strip(". ")), normalised(statement.sql)
    return one in other or other in one


def _tree(case: Case) -> LockTree | None:
    side = case.production
    if side is None or not (side.ok("activity") and side.ok("locks")):
        return None
    waits = Waits.of(side)
    pids = [m.session.pid for m in find_migrators(case, waits)]
    role_name = side.identity.role if side.identity else "our role"
    return build(waits, side=side.name, migrators=pids, role=role_name)


def diagnosed_view(diagnosis: Diagnosis, asked: Asked | None) -> Diagnosed:
    question = None
    if asked is not None:
        answers = tuple(AnswerView(a.id, a.text, a.key) for a in asked.question.answers)
        question = QuestionView(asked.question.id, asked.question.text, asked.why, answers)
    # What was ruled out is worth showing where something spoke for it, the most tempting first.
    tempting = sorted(
        (c for c in diagnosis.ruled_out if any(r.strength != "suggests" for r in c.supporting)),
        key=lambda c: -len(c.supporting),
    )
    return Diagnosed(
        diagnosis.conclusion,
        diagnosis.summary,
        tuple(_cause(c) for c in diagnosis.suspects),
        tuple(_cause(c) for c in tempting[:_SHOWN_RULED_OUT]),
        question,
    )


def _cause(cause: Cause) -> CauseView:
    return CauseView(
        cause.id,
        cause.title,
        cause.kind,
        cause.verdict,
        cause.probability,
        tuple(ReasonView(r.because, r.strength, r.required) for r in cause.supporting),
        tuple(ReasonView(r.because, r.strength, r.required) for r in cause.opposing),
        tuple(UnseenView(u.because, u.missing) for u in cause.unseen),
    )
