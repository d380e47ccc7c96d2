"""What the formats for people share: locks, times, severities and the summary in words."""

from __future__ import annotations

from runbook.check.report import Report
from runbook.migration.conflicts import STRENGTH
from runbook.migration.result import Forecast, Severity, StatementForecast
from runbook.text import clean, plural
from runbook.words import duration, lock_name

_BASIS = {
    "production": "forecast on production",
    "local": "forecast on local: production may be larger and busier",
    "assumed": "no server was asked: every table is taken to be large and busy",
}


def basis(forecast: Forecast) -> str:
    """What the forecast rests on, in a sentence."""
    return f"PostgreSQL {forecast.server_version_num // 10000}, {_BASIS[forecast.basis]}"


def locks(statement: StatementForecast) -> str:
    """The locks on what was there before, the strongest first."""
    strongest = sorted(statement.locks, key=lambda k: (-STRENGTH.get(k.mode, 0), k.relation))
    return ", ".join(f"{lock_name(k.mode)} {clean(k.relation)}" for k in strongest if k.pre_existing)


def held(statement: StatementForecast) -> str:
    """How long the locks are held."""
    seconds = statement.seconds
    if seconds is None:
        return ""
    if seconds.high < 0.1:
        return "for milliseconds"
    return f"about {duration(seconds.likely)} ({duration(seconds.low)} to {duration(seconds.high)})"


def safe_form(statement: StatementForecast) -> str:
    """The safe form of the first hazard that has one, as one text."""
    return "\n".join(next((h.safe_sql for h in statement.hazards if h.safe_sql), ()))


def instead(statement: StatementForecast) -> str:
    """What people do where no hazard of the statement has a safe form; empty where one has, or where nothing is known."""
    if safe_form(statement):
        return ""
    return next((h.instead for h in statement.hazards if h.instead), "")


def word(severity: Severity) -> str:
    return severity.upper() if severity == "danger" else severity


def summary(report: Report) -> str:
    """How many statements there are of each severity, what was answered for, and what it all rests on."""
    s = report.forecast.summary
    counts = f"{plural(len(report.forecast.statements), 'statement')}: "
    counts += f"{s.danger} danger, {s.warning} warning, {s.notice} notice"
    gate = report.gate
    if gate.suppressed:
        counts += f"; {plural(gate.suppressed, 'finding')} ignored"
    if gate.known:
        counts += f"; {plural(gate.known, 'finding')} known from the baseline"
    return f"{counts}. {basis(report.forecast)}."
