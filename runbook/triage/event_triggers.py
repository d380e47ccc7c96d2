"""Event triggers: what production runs along with the DDL of the statement at fault."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runbook.failure.report import ErrorReport
from runbook.migration import ast
from runbook.migration.catalog import Catalog
from runbook.migration.model import Statement
from runbook.postgres.rows import EventTriggerRow
from runbook.sql import quote_ident, split_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault
from runbook.triage.fired_triggers import raises

_FUNCTION = re.compile(r"function (.+?)\(")


def state(facts: Facts, case: Case, fault: AtFault | None) -> None:
    """State ``dependency.event_triggers``."""
    id_ = "dependency.event_triggers"
    side = case.production
    if side is None or not side.ok("event_triggers"):
        facts.unknown(id_, side.why_not("event_triggers") if side is not None else "no production side was given")
        return
    here: frozenset[str] | None = None
    if case.local is not None and case.local.ok("event_triggers"):
        here = frozenset(row.name for row in case.local.rows("event_triggers"))
    whole = case.migration.statements if case.migration is not None and case.error is not None else ()
    statements = (fault.statement,) if fault is not None else whole
    rows = [
        {
            "name": quote_ident(row.name),
            "event": row.event,
            "function": row.function,
            "owner": row.owner,
            "extension": row.extension or "",
            "enabled": row.enabled,
            "fires": row.enabled in "OA" and any(_fires(row, s) for s in statements),
            "in_context": case.error is not None
            and (row.function in list(_context(case.error, row)) or _is_worded(case.error, row, side.catalog)),
            "on_local": row.name in here if here is not None else None,
        }
        for row in side.rows("event_triggers")
    ]
    facts.know(id_, rows, f"{len(rows)} on production", side="production", readings="production/event_triggers")


_QUERIES = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "TRUNCATE TABLE", "DO", "CALL", "SET"})


def _fires(row: EventTriggerRow, statement: Statement) -> bool:
    """Whether the event comes with this statement. Source: PostgreSQL documentation, 38.2, Event Trigger Firing Matrix."""
    if statement.kind in _QUERIES or row.event == "login":
        return False
    if row.tags and statement.kind not in row.tags:
        return False
    drops = statement.kind.startswith("DROP ") or (
        ast.is_node(statement.node, "AlterTableStmt")
        and any(c.type in ("AT_DropColumn", "AT_DropConstraint") for c in ast.alter_commands(statement.node))
    )
    return drops if row.event == "sql_drop" else True


def _is_worded(error: ErrorReport, row: EventTriggerRow, catalog: Catalog | None) -> bool:
    """Whether the trigger's function raises these words, for tools that do not print CONTEXT."""
    schema, name = split_qualified(row.function)
    found = catalog.functions.get(name, ()) if catalog is not None and not error.context else ()
    return any(raises(f.definition, error.message) for f in found if f.schema == schema)


def _context(error: ErrorReport, row: EventTriggerRow) -> Iterator[str]:
    """The trigger's function, where CONTEXT names it: with its schema only if the session does not find it without."""
    schema, name = split_qualified(row.function)
    for written in _FUNCTION.findall(error.context or ""):
        found_schema, found_name = split_qualified(written)
        if found_name == name and found_schema in (None, schema):
            yield row.function
