"""Step 3, the exact error: what it says, what it names, and the statement it belongs to."""

from __future__ import annotations

import re

from runbook.diagnosis.vocabulary import GROUPS
from runbook.failure.report import ErrorReport
from runbook.text import shorten
from runbook.triage import disk, ended_clients, failing, limited_logins, login
from runbook.triage.case import Case, Facts
from runbook.triage.model import ComparedRow, Step, StepVerdict

_STEP = ("error", "Exact error")

_NEUTRAL: dict[str, object] = {
    "timeout": "none",
    "refusal": "none",
    "tool_condition": "none",
    "privilege_problem": "none",
    "framework": "none",
    "is_connection": False,
    "connection_lost": False,
    "lock_wait_logged": False,
    "from_migration": False,
    "from_application": False,
    "key_columns": [],
}

_PRIVILEGE: tuple[tuple[str, str], ...] = (
    (r"must be owner of|not the owner|muss Eigentümer|doit être (?:le )?propriétaire|debe ser (?:el )?dueño", "owner"),
    (r"row-level security", "rls"),
    (r"permission denied (?:to create|to alter|for) extension|allow-listed", "extension"),
    (r"permission denied for schema", "schema"),
    (
        r"must be (?:a )?member of role|SET ROLE|permission denied to set role|permission denied to change default"
        r" privileges|permission denied to (?:reassign|drop) objects",
        "role",
    ),
    (r"must be superuser|permission denied to create|permission denied to set parameter|Only roles with", "superuser"),
    (
        r"permission denied for (?:table|relation|sequence|column|view|materialized view|foreign table)",
        "table",
    ),
)
"""What a 42501 refuses for. Source: aclcheck_error() in src/backend/catalog/aclchk.c and its callers."""

_BY_KIND = {
    "schema": "schema",
    "table": "table",
    "relation": "table",
    "sequence": "table",
    "view": "table",
    "column": "table",
    "extension": "extension",
}

_QUERY = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|EXECUTE|FETCH)\b", re.I)


def examine(case: Case) -> Step:
    facts = Facts("error")
    error = case.error
    _state_error(facts, case)
    failing.state(facts, case)
    login.state(facts, case)
    limited_logins.state(facts, case)
    disk.state(facts, case)
    ended_clients.state(facts, case)
    if error is None:
        fault = failing.statement_at_fault(case)
        if fault is not None and fault.how in ("running", "waiting"):
            return Step(
                *_STEP,
                "attention",
                f"no error was given; the migration is {fault.how} now",
                fault.how,
                _fault_rows(case),
                tuple(facts.stated),
            )
        return Step(*_STEP, "skipped", "no error was given", "none", _fault_rows(case), tuple(facts.stated))
    verdict: StepVerdict = "attention"
    badge = error.sqlstate or error.tool_code or "no code"
    return Step(
        *_STEP,
        verdict,
        shorten(f"{badge}: {error.message}", 160),
        badge,
        (*_rows(error), *_fault_rows(case)),
        tuple(facts.stated),
    )


def _state_error(facts: Facts, case: Case) -> None:
    error = case.error
    if error is None:
        facts.know("error.given", False, "no error was given")
        for name in sorted(GROUPS["error"] - {"given"}):
            facts.know(f"error.{name}", _NEUTRAL.get(name, ""), "no error was given")
        return
    because = f"read from the {error.framework} output"
    subject = error.subject
    values: dict[str, object] = {
        "given": True,
        "framework": error.framework,
        "sqlstate": error.sqlstate or "",
        "message": error.message,
        "detail": error.detail or "",
        "hint": error.hint or "",
        "context": error.context or "",
        "statement": error.statement or "",
        "timeout": error.timeout or "none",
        "is_connection": error.is_connection,
        "refusal": error.refusal_kind or "none",
        "connection_lost": error.connection_lost,
        "tool_condition": error.tool_condition or "none",
        "tool_version": error.tool_version or "",
        "lock_wait_logged": bool(error.waits),
        "schema": subject.schema or "",
        "relation": subject.relation or "",
        "column": subject.column or "",
        "constraint": subject.constraint or "",
        "index": subject.index or "",
        "type": subject.type or "",
        "function": subject.function or "",
        "function_signature": subject.function_signature or "",
        "extension": subject.extension or "",
        "missing_role": subject.role or "",
        "setting": subject.setting or "",
        "token": subject.token or "",
        "object_kind": subject.object_kind or "",
        "key_columns": list(subject.key_columns),
        "privilege_problem": privilege_problem(error),
    }
    for name, value in values.items():
        facts.know(f"error.{name}", value, because)
    _state_origin(facts, case, error)


def _state_origin(facts: Facts, case: Case, error: ErrorReport) -> None:
    """Whether the failing statement is the migration's own or a query of the application."""
    located = case.given and case.failing is not None
    query = bool(error.statement and _QUERY.match(error.statement))
    if located:
        facts.know("error.from_migration", True, "its statement stands in the migration")
        facts.know("error.from_application", False, "its statement stands in the migration")
    elif error.statement and case.given:
        facts.know("error.from_migration", False, "its statement does not stand in the migration")
        facts.know("error.from_application", query, "its statement does not stand in the migration")
    elif error.tool_condition or error.migration_version:
        facts.know("error.from_migration", True, f"{error.framework} reports it of a migration")
        facts.know("error.from_application", False, f"{error.framework} reports it of a migration")
    elif error.statement and not query:
        facts.know("error.from_application", False, "it is DDL, not a query")
        facts.unknown("error.from_migration", "no migration was given to look it up in")
    else:
        reason = "the error does not show its statement"
        facts.unknown_all(["error.from_migration", "error.from_application"], reason)


def privilege_problem(error: ErrorReport) -> str:
    """What a 42501 is about (``owner``, ``schema``, ``table`` ... ``other``); ``none`` for any other error."""
    if error.sqlstate != "42501":
        return "none"
    for pattern, kind in _PRIVILEGE:
        if re.search(pattern, error.message, re.I):
            return kind
    return _BY_KIND.get(error.subject.object_kind or "", "other")


def _rows(error: ErrorReport) -> list[ComparedRow]:
    pairs = [
        ("SQLSTATE", error.sqlstate, error.condition or ""),
        ("message", error.message, ""),
        ("detail", error.detail, ""),
        ("hint", error.hint, ""),
        ("context", error.context, ""),
        ("printed by", error.framework, ""),
        ("tool's code", error.tool_code, error.tool_condition or ""),
        ("statement", error.statement, ""),
    ]
    rows = [ComparedRow(name, "", shorten(value, 400), "info", why) for name, value, why in pairs if value]
    if error.sqlstate is None and error.tool_condition is None:
        rows.insert(0, ComparedRow("SQLSTATE", "", None, "unknown", "neither printed nor known from the message"))
    if error.later_errors:
        rows.append(ComparedRow("later errors", "", str(error.later_errors), "info", "they follow from the first"))
    return rows


def _fault_rows(case: Case) -> tuple[ComparedRow, ...]:
    fault = failing.statement_at_fault(case)
    if fault is None:
        return ()
    word = {"error": "failed at", "waiting": "waits in", "running": "runs", "forecast": "will fail at"}[fault.how]
    if fault.how == "forecast" and (fault.forecast is None or fault.forecast.fails is None):
        word = "does most harm"
    where = f"{fault.statement.file}:{fault.statement.line}"
    rows = [
        ComparedRow(
            word, "", shorten(fault.statement.sql, 300), "matters" if fault.how != "forecast" else "info", where
        )
    ]
    measured = failing.expected_beside_measured(case, fault)
    if measured:
        basis = (
            fault.forecast.seconds.basis if fault.forecast is not None and fault.forecast.seconds is not None else ""
        )
        rows.append(ComparedRow("expected", "", measured, "info", basis))
    if fault.forecast is not None and fault.forecast.fails is not None:
        fails = fault.forecast.fails
        told = f"{'fails' if fails.certain else 'may fail'} with {fails.sqlstate}"
        seen = case.error.sqlstate if case.error is not None and fault.how == "error" else None
        if seen is not None:
            told += "; so it did" if seen == fails.sqlstate else f"; it failed with {seen}"
        rows.append(ComparedRow("forecast", "", told, "matters", fails.because))
    return tuple(rows)
