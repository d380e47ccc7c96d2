"""Unique indexes that let duplicates in: found by an error that they should have made impossible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Index, Relation
from runbook.migration.model import Statement
from runbook.postgres.rows import EncodingRow, IndexRow
from runbook.sql import quote_ident, quote_qualified, split_qualified
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.failing import parts_of

_FACTS = ("locale.mismatches", "locale.contradicted")
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin", "d": "default"}
_LANGUAGELESS = frozenset({"C", "POSIX"})
_RECORDS_DATABASES = 150000
"""From 15 on the version of a database's own collation is recorded (pg_database.datcollversion)."""
_NEW_COPY = re.compile(r"_ccnew\d*$")
"""What REINDEX CONCURRENTLY calls the copy it builds (indexcmds.c, ChooseRelationName(..., "ccnew"))."""


def state(facts: Facts, case: Case) -> None:
    """State ``locale.mismatches`` and ``locale.contradicted``."""
    side = case.production
    if side is None or side.catalog is None or side.identity is None:
        reason = side.why_not("encoding") if side is not None else "no production side was given"
        facts.unknown_all(list(_FACTS), reason)
        return
    mismatches = [r for r in side.rows("encoding") if r.version_differs and (r.kind == "collation" or r.this_database)]
    if not side.ok("encoding"):
        facts.unknown(_FACTS[0], side.why_not("encoding"))
    elif not mismatches and not _recorded(side):
        facts.unknown(_FACTS[0], "before 15 the version of a database's collation is not recorded", side="production")
    else:
        because = "the recorded version beside that of the library"
        facts.know(_FACTS[0], [_mismatch(r) for r in mismatches], because, side="production", readings="encoding")
    if case.error is None or case.error.sqlstate != "23505":
        facts.know(_FACTS[1], [], "no duplicates were found", side="production")
        return
    found = [_row(index, relation, rebuilt, side, mismatches) for index, relation, rebuilt in _contradicted(case, side)]
    facts.know(_FACTS[1], found, "unique indexes beside the error", side="production", readings="indexes")


def _recorded(side: SideCase) -> bool:
    row: EncodingRow | None = next((r for r in side.rows("encoding") if r.kind == "database" and r.this_database), None)
    version = side.identity.server_version_num if side.identity is not None else 0
    return version >= _RECORDS_DATABASES or (row is not None and row.collation in _LANGUAGELESS)


def _mismatch(row: EncodingRow) -> dict[str, Any]:
    provider = _PROVIDERS.get(row.provider or "", "")
    recorded, actual = row.recorded_version or "", row.actual_version or ""
    return {"kind": row.kind, "name": row.name, "provider": provider, "recorded": recorded, "actual": actual}


def _contradicted(case: Case, side: SideCase) -> Iterator[tuple[Index, Relation, bool]]:
    """Valid unique indexes over columns in which a build of a unique index has just met duplicates."""
    catalog, error, statement = side.catalog, case.error, case.failing
    if catalog is None or error is None or (statement is not None and not _only_builds(statement)):
        return
    if not error.subject.index and (statement is None or error.subject.constraint):
        return  # a row was written: that is what unique indexes are for
    relation, rebuilt = _relation(case, catalog)
    if relation is None:
        return
    parts = parts_of(statement) if statement is not None else None
    retyped = _retyped(statement)
    keys = set(error.subject.key_columns) or set(parts.columns if parts is not None else ())
    gone = _dropped_before(case)
    for index in relation.indexes:
        own = index.name == rebuilt
        plain = bool(index.columns) and not (index.has_expressions or index.has_predicate)
        held = own or (plain and all(c in keys for c in index.columns))
        if retyped and not retyped.isdisjoint({*index.columns, *(index.expression_columns or ())}):
            continue  # values that were different may have become alike
        if held and index.unique and index.valid and index.ready and index.live and index.name not in gone:
            yield index, relation, own


def _only_builds(statement: Statement) -> bool:
    """The statement writes no rows, and compares values as the existing indexes do."""
    node = statement.node
    if ast.is_node(node, "IndexStmt"):
        return not any(ast.unwrap(e).collation or ast.unwrap(e).opclass for e in node.index_params)
    return ast.is_node(node, "AlterTableStmt", "ReindexStmt")


def _retyped(statement: Statement | None) -> set[str]:
    if statement is None or not ast.is_node(statement.node, "AlterTableStmt"):
        return set()
    return {c.name for c in ast.alter_commands(statement.node) if c.type == "AT_AlterColumnType"}


def _relation(case: Case, catalog: Catalog) -> tuple[Relation | None, str]:
    """The table, and the index that is built anew (empty: a new one is built)."""
    error = case.error
    if error is None:
        return None, ""
    name = _NEW_COPY.sub("", error.subject.index or "")
    tables = [
        key for (schema, index), keys in catalog.index_tables.items() if index == name for key in keys
        if error.subject.schema in (None, schema)
    ]  # fmt: skip
    parts = parts_of(case.failing) if case.failing is not None else None
    if parts is not None and parts.relation is not None:
        found = catalog.find(parts.relation.schema, parts.relation.name)
        if found is not None and found.kind in "rpm":
            return found, name if found.key in tables else ""
    if len(tables) == 1:
        return catalog.relations.get(tables[0]), name
    if error.subject.relation:
        return catalog.find(error.subject.schema, error.subject.relation), ""
    return None, ""


def _dropped_before(case: Case) -> set[str]:
    """Indexes and constraints that the migration drops: while they are gone, duplicates may come."""
    names: set[str] = set()
    for statement in case.migration.statements if case.migration is not None else ():
        node = statement.node
        if ast.is_node(node, "DropStmt") and ast.enum_name(node, "remove_type") == "OBJECT_INDEX":
            names |= {ast.qualified(item).name for item in node.objects}
        elif ast.is_node(node, "AlterTableStmt"):
            names |= {c.name for c in ast.alter_commands(node) if c.type == "AT_DropConstraint"}
    return names


def _row(index: Index, relation: Relation, rebuilt: bool, side: SideCase, off: list[EncodingRow]) -> dict[str, Any]:
    schema = index.schema or relation.schema
    rows: tuple[IndexRow, ...] = side.rows("indexes")
    by_collation = any(r.collation_dependent for r in rows if (r.schema, r.name) == (schema, index.name))
    used = {c.collation for c in relation.columns if c.name in index.columns}
    changed = {None if r.kind == "database" else split_qualified(r.name)[1] for r in off}
    return {
        "index": quote_qualified(schema, index.name),
        "relation": relation.qualified,
        "columns": [quote_ident(c) for c in index.columns if c is not None],
        "rebuilt": rebuilt,
        "by_collation": by_collation,
        "mismatch": by_collation and bool(used & changed),
    }
