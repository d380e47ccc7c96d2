"""Statements that are too deep for the server's parser or stack, and functions that call themselves without end."""

from __future__ import annotations

import re
from collections import Counter

from runbook.failure.report import ErrorReport
from runbook.migration.catalog import Catalog
from runbook.migration.nesting import nesting
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.failing import statement_at_fault

_TEXT = ("limits.nested_levels", "limits.nested_by", "limits.statement_bytes")
_FUNCTION = re.compile(r'^\S+(?: \S+)? ((?:"(?:[^"\n]|"")+"|[\w$.])+\([^()\n]*\)) \S+ \d+ ', re.MULTILINE)
"""PL/pgSQL's line of CONTEXT: ``PL/pgSQL function f(integer) line 1 at RETURN``, in the order that most languages keep."""
_OFTEN = 3
_MANY = 65_536  # a bind message counts its parameters in 16 bits (protocol 3.0, Bind)
_PARAMETERS = re.compile(r"\b65,?53[56] parameters|parameters must be between 0 and 65535")
"""libpq (fe-exec.c), lib/pq and pgx (65535 parameters), pgjdbc (65,535 parameters): the driver itself refuses."""
_BIND = re.compile(r"bind message supplies (\d+) parameters, but prepared statement \"[^\"]*\" requires (\d+)")


def state(facts: Facts, case: Case) -> None:
    """State ``limits.too_complex``, how deep the statement nests, and how much stack either side has."""
    error = case.error
    kind = _kind(error)
    facts.know("limits.too_complex", kind, "from the message and CONTEXT" if kind else "no such error")
    calling = _calls_itself(error) if kind == "recursion" else ""
    facts.know("limits.recursive_function", calling, "CONTEXT names it again and again" if calling else "none is named")
    fault = statement_at_fault(case)
    sql = fault.statement.sql if fault is not None else (error.statement if error is not None else None)
    if not sql:
        facts.unknown_all(list(_TEXT), "no statement is known to be at fault")
    else:
        found = nesting(sql)
        facts.know(_TEXT[0], found.levels, f"operators, parentheses, CASE and UNION in {len(sql)} characters")
        facts.know(_TEXT[1], found.by, "the innermost of them")
        facts.know(_TEXT[2], len(sql.encode()), "its text")
    _state_stack(facts, case.production, "limits.stack_bytes")
    _state_stack(facts, case.local, "limits.stack_local_bytes")


def _kind(error: ErrorReport | None) -> str:
    if error is None:
        return ""
    if "memory exhausted at or near" in error.message:
        return "parser"
    if error.sqlstate == "54001":
        return "recursion" if _calls_itself(error) else "stack"
    bind = _BIND.search(error.message)
    if bind is not None:
        supplied, wanted = int(bind[1]), int(bind[2])
        return "parameters" if wanted >= _MANY and supplied == wanted % _MANY else ""
    return "parameters" if _PARAMETERS.search(error.message) else ""


def _calls_itself(error: ErrorReport | None) -> str:
    """The function that stands in CONTEXT again and again."""
    called = Counter(_FUNCTION.findall(error.context or "")) if error is not None else Counter[str]()
    return next((name for name, times in called.most_common(1) if times >= _OFTEN), "")


def _state_stack(facts: Facts, side: SideCase | None, id_: str) -> None:
    catalog: Catalog | None = side.catalog if side is not None else None
    value = catalog.settings.get("max_stack_depth", "") if catalog is not None else ""
    if side is None or not value.isdecimal():
        facts.unknown(id_, "max_stack_depth is not known")
    else:
        because = f"max_stack_depth of {side.name}"
        facts.know(id_, int(value) * 1024, because, readings=f"{side.key}/settings")
