"""Values that PostgreSQL makes itself: a key that a sequence handed out and was taken; a column that nobody may write."""

from __future__ import annotations

import re

from runbook.migration import ast
from runbook.migration.catalog import Column, Relation
from runbook.migration.written import corrected, target, written
from runbook.postgres.rows import SequenceRow
from runbook.sql import quote_ident, quote_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault, statement_at_fault
from runbook.triage.spent_sequences import sequence_of

_KEY = ("key_left_to_sequence", "key_column", "key_sequence", "key_sequence_increment", "key_sequence_cache")


def state(facts: Facts, case: Case) -> None:
    """State the ``data.*`` facts about values that PostgreSQL makes itself."""
    fault = statement_at_fault(case)
    _state_key(facts, case, fault)
    _state_generated(facts, case, fault)


# -- a unique key, broken by a value from a sequence ----------------------------------------------------------------------


def _state_key(facts: Facts, case: Case, fault: AtFault | None) -> None:
    error = case.error
    if error is None or error.sqlstate != "23505":
        facts.know("data.key_left_to_sequence", False, "no unique key was broken")
        for name in ("key_column", "key_sequence", "key_value"):
            facts.know(f"data.{name}", "", "no unique key was broken")
        return
    key = error.subject.key_columns
    facts.know("data.key_value", _only_value(error.detail or ""), "DETAIL of the error")
    ids = [f"data.{name}" for name in _KEY]
    production = case.production.catalog if case.production is not None else None
    table = target(fault.statement.node) if fault is not None else None
    if fault is None or table is None:
        facts.unknown_all(ids, "no INSERT is known that broke the key")
        return
    relation = production.find(table.schema, table.name) if production is not None else None
    if production is None or relation is None:
        facts.unknown_all(ids, f"what feeds the columns of {table} on production is not known")
        return
    key = key or _columns_of(relation, error.subject.constraint)
    does = written(fault.statement.node, relation)
    if does is None or not key:
        facts.unknown_all(ids, "the statement does not tell which columns it writes, or the error not which key")
        return
    fed = [(c, s) for c in relation.columns if c.name in key and (s := sequence_of(production, relation, c))]
    left = [(c, s) for c, s in fed if c.name in does.left]
    if not left:
        facts.know("data.key_left_to_sequence", False, f"the statement itself writes {', '.join(key)}")
        facts.know("data.key_column", "", "no column of the key is left to a sequence")
        facts.know("data.key_sequence", "", "no column of the key is left to a sequence")
        return
    column, sequence = left[0]
    because = f"{relation.qualified}.{quote_ident(column.name)} is fed by {quote_qualified(*sequence)}"
    readings = "production/columns production/sequences"
    facts.know("data.key_left_to_sequence", True, because, side="production", readings=readings)
    facts.know("data.key_column", quote_ident(column.name), because, side="production", readings=readings)
    facts.know("data.key_sequence", quote_qualified(*sequence), because, side="production", readings=readings)
    row = _row(case, sequence)
    if row is None:
        facts.unknown_all(["data.key_sequence_increment", "data.key_sequence_cache"], "the sequence was not read")
        return
    facts.know("data.key_sequence_increment", row.increment, because, side="production", readings=readings)
    facts.know("data.key_sequence_cache", row.cache, because, side="production", readings=readings)


def _only_value(detail: str) -> str:
    """The value of a key of one column in DETAIL; punctuation is the same in every language (nbtinsert.c)."""
    match = re.search(r"\)=\((.*?)\)", detail)
    return match[1] if match else ""


def _columns_of(relation: Relation, constraint: str | None) -> tuple[str, ...]:
    index = relation.index(constraint) if constraint is not None else None
    return tuple(c for c in index.columns if c is not None) if index is not None else ()


def _row(case: Case, sequence: tuple[str, str]) -> SequenceRow | None:
    rows = case.production.rows("sequences") if case.production is not None else ()
    return next((r for r in rows if (r.schema, r.name) == sequence), None)


# -- a column that only PostgreSQL may fill -----------------------------------------------------------------------------


def _state_generated(facts: Facts, case: Case, fault: AtFault | None) -> None:
    ids = ["data.generated_written", "data.generated_corrected_sql"]
    table = target(fault.statement.node) if fault is not None else None
    if fault is None or table is None:
        facts.unknown_all(ids, "no INSERT, UPDATE or COPY is known to be at fault")
        return
    production = case.production.catalog if case.production is not None else None
    relation = production.find(table.schema, table.name) if production is not None else None
    if relation is None:
        facts.unknown_all(ids, f"which columns of {table} only PostgreSQL may fill on production is not known")
        return
    node = fault.statement.node
    does = written(node, relation)
    if does is None:
        facts.unknown_all(ids, "the statement does not tell which columns it writes")
        return
    copies = ast.is_node(node, "CopyStmt")  # COPY takes what is given for an identity column
    found = [
        c for c in relation.columns if c.name in does.given and (c.generated or (c.identity == "a" and not copies))
    ]
    if ast.is_node(node, "InsertStmt") and ast.enum_name(node, "override") == "OVERRIDING_SYSTEM_VALUE":
        found = [c for c in found if c.generated]
    local = case.local.catalog if case.local is not None else None
    mine = local.find(table.schema, table.name) if local is not None else None
    rows = [
        {
            "column": quote_ident(c.name),
            "name": c.name,
            "kind": "generated" if c.generated else "identity",
            "local": _local_kind(mine, c) if local is not None else "unknown",
        }
        for c in found
    ]
    because = f"{relation.qualified}: columns marked GENERATED that the statement writes"
    facts.know(ids[0], rows, because, side="production", readings="production/columns")
    identity = frozenset(c.name for c in found if not c.generated)
    generated = frozenset(c.name for c in found if c.generated)
    facts.know(ids[1], corrected(node, identity, generated, relation) if found else "", because)


def _local_kind(relation: Relation | None, column: Column) -> str:
    mine = relation.column(column.name) if relation is not None else None
    if mine is None:
        return "absent"
    if mine.generated or mine.identity == "a":
        return "always"
    return "by default" if mine.identity else "plain"
