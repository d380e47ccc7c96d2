"""What stays with the old definition when a migration renames, swaps or drops: views, foreign keys, bodies of functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runbook.failure.report import ErrorReport
from runbook.migration import ast
from runbook.migration.catalog import READERS, Catalog, Function, Relation, RelationKey
from runbook.migration.model import Statement
from runbook.sql import quote_ident, quote_qualified
from runbook.triage.case import Case, Facts

_FACT = "after.on_old"
_ENOUGH = 40


@dataclass(frozen=True, slots=True)
class _Gone:
    """A name that the migration takes away: a column of ``relation``, or (``column`` empty) the relation's own name."""

    relation: RelationKey
    column: str
    now: str  # its new name, '' where it is dropped


def state(facts: Facts, case: Case) -> None:
    """State ``after.on_old``."""
    catalog = case.production.catalog if case.production is not None else None
    migration = case.whole or case.migration
    if catalog is None or migration is None or not case.given:
        facts.unknown(_FACT, "no migration was given" if catalog is not None else "production's catalog is not known")
        return
    found = [*_swapped(migration.statements, catalog), *_bodies(migration.statements, catalog, case.error)]
    found.sort(key=lambda row: (not row["in_error"], row["why"]))
    readings = "production/dependants production/constraints production/functions"
    facts.know(_FACT, found[:_ENOUGH], "names that the migration moves, and who used them", readings=readings)


# -- tables that change places ------------------------------------------------------------------------------------------


def _swaps(statements: tuple[Statement, ...], catalog: Catalog) -> dict[RelationKey, RelationKey]:
    """The name that another table takes over -> the name under which the old table goes on, where it is kept."""
    moved: dict[RelationKey, RelationKey] = {}
    swapped: dict[RelationKey, RelationKey] = {}
    for statement in statements:
        node = statement.node
        if ast.is_node(node, "RenameStmt") and ast.enum_name(node, "rename_type") == "OBJECT_TABLE":
            old = _key(ast.relation_name(node.relation), catalog)
            new = (old[0], node.newname)
            if new in moved:
                swapped[new] = moved[new]
            moved[old] = new
        elif ast.is_node(node, "CreateStmt", "CreateTableAsStmt"):
            target = node.relation if ast.is_node(node, "CreateStmt") else node.into.rel
            key = _key(ast.relation_name(target), catalog)
            if key in moved:
                swapped[key] = moved[key]
        elif ast.is_node(node, "DropStmt"):
            dropped = {_key(use.name, catalog) for use in ast.relations_used(node)}
            swapped = {name: old for name, old in swapped.items() if old not in dropped}
    return swapped


def _key(name: ast.Name, catalog: Catalog) -> RelationKey:
    found = catalog.find(name.schema, name.name)
    if found is not None:
        return found.key
    return (name.schema or next(iter(catalog.search_path), "public"), name.name)


def _swapped(statements: tuple[Statement, ...], catalog: Catalog) -> Iterator[dict[str, Any]]:
    made = {_key(ast.relation_name(s.node.view), catalog) for s in statements if ast.is_node(s.node, "ViewStmt")}
    for name, old in _swaps(statements, catalog).items():
        there = catalog.relations.get(old)
        relation = there or catalog.relations.get(name)
        if relation is None:
            continue
        for kind, dependant in _dependants(relation, catalog):
            if there is None and dependant in made:
                continue  # the migration makes the view anew
            yield _row(
                "reads the old table",
                kind,
                dependant if isinstance(dependant, str) else quote_qualified(*dependant),
                quote_qualified(*name),
                old=quote_qualified(*old),
                done=there is not None,
            )


def _dependants(relation: Relation, catalog: Catalog) -> Iterator[tuple[str, RelationKey | str]]:
    """Views and functions that read the relation, and foreign keys of other tables that point to it."""
    seen: set[RelationKey | str] = set()
    for d in relation.dependants:
        what: RelationKey | str = d.relation if d.relation is not None and d.kind in READERS else d.description
        if d.kind in {*READERS, "function", "rule"} and what not in seen:
            seen.add(what)
            yield d.kind, what
    for key, constraint in catalog.referencing.get(relation.key, ()):
        if key != relation.key and not catalog.relations[key].is_partition:
            yield "foreign key", f"{quote_ident(constraint.name)} of {quote_qualified(*key)}"


# -- bodies that are text -------------------------------------------------------------------------------------------------


def _gone(statements: tuple[Statement, ...], catalog: Catalog) -> Iterator[_Gone]:
    for statement in statements:
        node = statement.node
        if ast.is_node(node, "AlterTableStmt"):
            key = _key(ast.relation_name(node.relation), catalog)
            yield from (_Gone(key, c.name, "") for c in ast.alter_commands(node) if c.type == "AT_DropColumn")
        elif ast.is_node(node, "RenameStmt"):
            kind = ast.enum_name(node, "rename_type")
            if kind == "OBJECT_COLUMN":
                yield _Gone(_key(ast.relation_name(node.relation), catalog), node.subname, node.newname)
            elif kind == "OBJECT_TABLE":
                key = _key(ast.relation_name(node.relation), catalog)
                yield _Gone(key, "", node.newname)
        elif ast.is_node(node, "DropStmt") and ast.enum_name(node, "remove_type") == "OBJECT_TABLE":
            yield from (_Gone(_key(use.name, catalog), "", "") for use in ast.relations_used(node))


def _bodies(statements: tuple[Statement, ...], catalog: Catalog, error: ErrorReport | None) -> Iterator[dict[str, Any]]:
    """Functions whose body, kept as text, names what the migration takes away."""
    swapped = _swaps(statements, catalog)
    remade = {ast.qualified(s.node.funcname).name for s in statements if ast.is_node(s.node, "CreateFunctionStmt")}
    for gone in dict.fromkeys(_gone(statements, catalog)):
        if not gone.column and gone.relation in swapped:
            continue  # the name leads to the new table
        relation = catalog.relations.get(gone.relation)
        done = relation is None or bool(gone.column and relation.column(gone.column) is None)
        for function in (f for overloads in catalog.functions.values() for f in overloads):
            if function.definition is None or function.extension is not None or (function.name in remade and not done):
                continue
            if _names(function, gone):
                named = quote_qualified(function.schema, function.name)
                yield _row(
                    "names what is gone",
                    "procedure" if function.kind == "p" else "function",
                    f"{named}({', '.join(function.arguments)})",
                    quote_qualified(*gone.relation),
                    name=gone.column or gone.relation[1],
                    new_name=gone.now,
                    done=done,
                    in_error=done and error is not None and _came_from(function, gone, error),
                )


def _names(function: Function, gone: _Gone) -> bool:
    """The body has the column's name, and the table's unless it is a trigger of that table."""
    body = re.sub(r"--[^\n]*|/\*.*?\*/", " ", function.definition or "", flags=re.DOTALL)
    if re.search(r"\bBEGIN\s+ATOMIC\b", body, re.IGNORECASE):
        return False  # kept as a tree since 14: it follows a rename, and forbids the drop
    body = body.partition("\nAS $")[2]  # as pg_get_functiondef writes it
    if gone.column and not _has_word(body, gone.column):
        return False
    is_trigger = any(d.kind == "trigger" and d.relation == gone.relation for d in function.used_by)
    return (bool(gone.column) and is_trigger) or _has_word(body, gone.relation[1])


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w$]){re.escape(word)}(?![\w$])", text, re.IGNORECASE) is not None


def _came_from(function: Function, gone: _Gone, error: ErrorReport) -> bool:
    """CONTEXT names the function, in whatever language: ``PL/pgSQL function name(args) line n``, ``SQL function "name"``.

    Where a tool does not print CONTEXT: the error misses the name, and the statement that was sent does not have it.
    """
    if error.sqlstate not in ("42703", "42P01") or not _has_word(error.message, gone.column or gone.relation[1]):
        return False
    if error.context:
        names = {quote_qualified(None, function.name), quote_qualified(function.schema, function.name)}
        called = any(re.search(rf'(?<![\w$."]){re.escape(name)}\(', error.context) for name in names)
        return called or f'"{function.name}"' in error.context
    return bool(error.statement) and not _has_word(error.statement or "", gone.column or gone.relation[1])


def _row(why: str, kind: str, what: str, relation: str, **other: Any) -> dict[str, Any]:
    empty = {"old": "", "name": "", "new_name": "", "done": False, "in_error": False}
    return {"why": why, "kind": kind, "what": what, "relation": relation, **empty, **other}
