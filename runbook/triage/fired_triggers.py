"""Triggers that the migration's own INSERT, UPDATE, DELETE and COPY fire on production, and whether local has them too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Relation, Trigger
from runbook.migration.model import Statement
from runbook.migration.written import target, written
from runbook.sql import quote_ident, quote_qualified, split_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.failing import is_whole_table, parts_of, statement_at_fault

_ENOUGH = 20
_RAISED = re.compile(r"\bRAISE\s+(?:EXCEPTION\s+)?'((?:[^']|'')*)'|\bMESSAGE\s*=\s*'((?:[^']|'')*)'", re.IGNORECASE)
_TELLING = 8
"""Letters below which a message's fixed words say nothing about where they were raised."""
_FEW = 1000
"""Rows below which a statement over a whole table is not called a large one."""


def state(facts: Facts, case: Case) -> None:
    """State ``data.triggers_fired`` and ``data.error_in_trigger``."""
    ids = ["data.triggers_fired", "data.error_in_trigger"]
    side = case.production
    if side is None or side.catalog is None or not side.ok("triggers"):
        facts.unknown_all(ids, side.why_not("triggers") if side is not None else "no production side was given")
        return
    local = case.local.catalog if case.local is not None else None
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for statement in _statements(case):
        for relation, trigger in _fired(statement, side.catalog):
            row = _row(statement, relation, trigger, side.catalog, local)
            before = found.setdefault((row["relation"], row["trigger"]), row)
            if row["many"] and not before["many"]:
                found[(row["relation"], row["trigger"])] = row
    rows = list(found.values())[:_ENOUGH]
    because = f"{len(found)} triggers on tables that the migration writes"
    facts.know(ids[0], rows, because, side="production", readings="production/triggers")
    named = next((r for r in rows if _in_context(case, r)), None)
    because = f"CONTEXT of the error names {named['function']}()" if named else "CONTEXT names no trigger's function"
    if named is None and case.error is not None and not case.error.context:
        named = next((r for r in rows if raises(_definition(side.catalog, r["function"]), case.error.message)), None)
        because = f"{named['function']}() raises these words" if named else "no trigger's function raises these words"
    facts.know(ids[1], named["function"] if named else "", because, side="production")


def _statements(case: Case) -> tuple[Statement, ...]:
    """The one at fault where that is known, else all that are to run."""
    fault = statement_at_fault(case)
    if fault is not None and fault.how in ("error", "running", "waiting"):
        return (fault.statement,)
    return case.migration.statements if case.migration is not None else ()


def _fired(statement: Statement, catalog: Catalog) -> Iterator[tuple[Relation, Trigger]]:
    """Enabled triggers for what the statement does, of its table and of the tables below it.

    Source: CREATE TRIGGER; ``UPDATE OF`` fires where one of its columns is in the SET list, whatever its value.
    """
    node = statement.node
    name = ast.relation_name(node.relation) if ast.is_node(node, "DeleteStmt") else target(node)
    relation = catalog.find(name.schema, name.name) if name is not None else None
    if relation is None:
        return
    event = {"DeleteStmt": "DELETE", "UpdateStmt": "UPDATE"}.get(ast.node_name(node), "INSERT")
    does = written(node, relation)
    for each in (relation, *(catalog.relations[k] for k in relation.children if k in catalog.relations)):
        for trigger in each.triggers:
            if trigger.internal or trigger.enabled not in ("O", "A") or event not in trigger.events:
                continue
            if event == "UPDATE" and trigger.columns and does is not None and does.given.isdisjoint(trigger.columns):
                continue
            if each is relation or not relation.is_partition:
                yield each, trigger


def _row(
    statement: Statement, relation: Relation, trigger: Trigger, production: Catalog, local: Catalog | None
) -> dict[str, Any]:
    return {
        "trigger": quote_ident(trigger.name),
        "trigger_name": trigger.name,
        "relation": relation.qualified,
        "function": trigger.function,
        "events": list(trigger.events),
        "on_local": _on_local(relation, trigger, production, local),
        "many": _many(statement, relation),
        "rows": int(relation.rows) if relation.rows >= 0 else -1,
        "file": statement.file,
        "line": statement.line,
    }


def _many(statement: Statement, relation: Relation) -> bool:
    """Whether it may fire for very many rows: a whole large table, or rows that a query brings."""
    node = statement.node
    if ast.is_node(node, "InsertStmt"):
        return node.HasField("select_stmt") and bool(ast.unwrap(node.select_stmt).from_clause)
    if ast.is_node(node, "CopyStmt"):
        return True
    return is_whole_table(parts_of(statement), relation) and relation.rows >= _FEW


def _on_local(relation: Relation, trigger: Trigger, production: Catalog, local: Catalog | None) -> str:
    """same, absent, disabled, other (another function, or another body), or unknown."""
    if local is None:
        return "unknown"
    mine = local.find(relation.schema, relation.name)
    if mine is None:
        return "absent"
    alike = [t for t in mine.triggers if t.function == trigger.function and set(t.events) == set(trigger.events)]
    named = next((t for t in mine.triggers if t.name == trigger.name), None)
    found = next((t for t in alike if t.name == trigger.name), next(iter(alike), None))
    if found is None:
        return "other" if named is not None else "absent"
    if found.enabled not in ("O", "A"):
        return "disabled"
    bodies = [_definition(catalog, trigger.function) for catalog in (production, local)]
    return "other" if None not in bodies and bodies[0] != bodies[1] else "same"


def _definition(catalog: Catalog, function: str) -> str | None:
    schema, name = split_qualified(function)
    overloads = [f for f in catalog.functions.get(name, ()) if f.schema == schema and not f.arguments]
    return overloads[0].definition if overloads else None


def raises(definition: str | None, message: str) -> bool:
    """Whether a PL/pgSQL function has a RAISE whose words are the message's, for tools that do not print CONTEXT."""
    for literal in (one or other for one, other in _RAISED.findall(definition or "")):
        words = literal.replace("''", "'").split("%%")
        if len(re.sub(r"[\W%]", "", literal)) < _TELLING:
            continue
        pattern = "%".join(".*".join(re.escape(piece) for piece in part.split("%")) for part in words)
        if re.fullmatch(pattern, message.strip(), re.DOTALL):
            return True
    return False


def _in_context(case: Case, row: dict[str, Any]) -> bool:
    """CONTEXT names the function as format_procedure() does, in every language: ``schema.name()`` or ``name()``."""
    context = case.error.context if case.error is not None else None
    if not context:
        return False
    schema, name = split_qualified(row["function"])
    return f"{quote_qualified(None, name)}()" in context or f"{quote_qualified(schema, name)}()" in context
