"""What an applied migration asks of code that was there before it: values for new columns, plans made anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, RelationKey
from runbook.migration.model import Statement
from runbook.sql import quote_ident, quote_qualified
from runbook.triage import left_behind, left_on_old, recreated_types
from runbook.triage.case import Case, Facts, SideCase

_NEW_SHAPE = frozenset({"AT_AddColumn", "AT_DropColumn", "AT_AlterColumnType"})


def state(facts: Facts, case: Case) -> None:
    """State every ``after.*`` fact."""
    left_behind.state(facts, case)
    left_on_old.state(facts, case)
    recreated_types.state(facts, case)
    catalog = case.production.catalog if case.production is not None else None
    migration = case.whole or case.migration
    if catalog is None or migration is None or not case.given:
        reason = "no migration was given" if catalog is not None else "production's catalog is not known"
        facts.unknown_all(["after.required_columns", "after.changed_relations", "after.unlogged"], reason)
    else:
        because = "read from the migration, and from production as it is now"
        required = list(_required(migration.statements, catalog))
        facts.know("after.required_columns", required, because, side="production", readings="production/columns")
        changed = list(dict.fromkeys(_changed(migration.statements, catalog)))
        facts.know("after.changed_relations", changed, because)
        local = case.local.catalog if case.local is not None else None
        unlogged = [_unlogged(key, catalog, local) for key in _left_unlogged(migration.statements, catalog)]
        facts.know("after.unlogged", unlogged, because, side="production", readings="production/relations")
    side = case.production
    if side is None or not side.ok("activity"):
        facts.unknown("after.clients", side.why_not("activity") if side is not None else "no production side was given")
        return
    facts.know("after.clients", _clients(side), "sessions now", side="production", readings="production/activity")


def _required(statements: tuple[Statement, ...], catalog: Catalog) -> Iterator[dict[str, Any]]:
    seen: set[tuple[str, str]] = set()
    for statement in statements:
        if not ast.is_node(statement.node, "AlterTableStmt"):
            continue
        name = ast.relation_name(statement.node.relation)
        relation = catalog.find(name.schema, name.name)
        added = {c.name for c in ast.column_specs(statement.node)}
        demanded = {c.name for c in ast.alter_commands(statement.node) if c.type == "AT_SetNotNull"}
        for column in relation.columns if relation is not None else ():
            if relation is None or column.name not in added | demanded or (relation.qualified, column.name) in seen:
                continue
            if column.not_null and not (column.has_default or column.identity or column.generated):
                seen.add((relation.qualified, column.name))
                yield {
                    "relation": relation.qualified,
                    "column": quote_ident(column.name),
                    "name": column.name,
                    "added": column.name in added,
                }


def _changed(statements: tuple[Statement, ...], catalog: Catalog) -> Iterator[str]:
    for statement in statements:
        node = statement.node
        if ast.is_node(node, "AlterTableStmt"):
            if not any(c.type in _NEW_SHAPE for c in ast.alter_commands(node)):
                continue
            name = ast.relation_name(node.relation)
        elif ast.is_node(node, "RenameStmt") and ast.enum_name(node, "rename_type") == "OBJECT_COLUMN":
            name = ast.relation_name(node.relation)
        elif ast.is_node(node, "ViewStmt"):
            name = ast.relation_name(node.view)
        else:
            continue
        found = catalog.find(name.schema, name.name)
        yield found.qualified if found is not None else quote_qualified(name.schema, name.name)


def _left_unlogged(statements: tuple[Statement, ...], catalog: Catalog) -> list[RelationKey]:
    """Tables of production that the migration sets UNLOGGED last."""
    last: dict[RelationKey, str] = {}
    for statement in statements:
        if not ast.is_node(statement.node, "AlterTableStmt"):
            continue
        name = ast.relation_name(statement.node.relation)
        relation = catalog.find(name.schema, name.name)
        for command in ast.alter_commands(statement.node):
            if relation is not None and command.type in ("AT_SetUnLogged", "AT_SetLogged"):
                last[relation.key] = command.type
    return [key for key, type_ in last.items() if type_ == "AT_SetUnLogged"]


def _unlogged(key: RelationKey, catalog: Catalog, local: Catalog | None) -> dict[str, Any]:
    words = {"u": "unlogged", "p": "logged"}
    there, here = catalog.relations[key], local.relations.get(key) if local is not None else None
    return {
        "relation": there.qualified,
        "now": words.get(there.persistence, "logged"),
        "rows": int(there.rows),
        "on_local": words.get(here.persistence, "logged") if here is not None else "not known",
    }


def _clients(side: SideCase) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in side.rows("activity"):
        if row.this_database and not row.ours and row.backend_type in ("client backend", ""):
            groups.setdefault((row.application_name, row.role or ""), []).append(row)
    found = [
        {
            "application_name": application,
            "role": role,
            "count": len(rows),
            "idle": sum(r.state == "idle" for r in rows),
            "oldest_s": max((r.backend_age_s for r in rows if r.backend_age_s is not None), default=None),
        }
        for (application, role), rows in groups.items()
    ]
    return sorted(found, key=lambda row: -row["count"])
