"""Changes of data whose checks are put off to the end of the transaction, and statements that cannot wait for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.migration.catalog import Catalog, Relation
from runbook.migration.model import Statement
from runbook.triage.case import Case, Facts
from runbook.triage.failing import parts_of

_WRITES = re.compile(r"\s*(?:WITH\b.*?\b)?(?P<verb>INSERT|UPDATE|DELETE|MERGE)\b", re.I | re.S)
_NEEDS_QUIET = re.compile(
    r"\s*(?:ALTER\s+TABLE|CREATE\s+(?:UNIQUE\s+)?INDEX|DROP\s+TABLE|TRUNCATE|CLUSTER|REINDEX)\b", re.I
)
"""Commands that refuse a table with pending events (CheckTableNotInUse in tablecmds.c and indexcmds.c); measured on 12 and
18: CREATE TRIGGER, COMMENT, ADD FOREIGN KEY from another table and CREATE TABLE ... REFERENCES do not."""
_SETTLES = re.compile(r"\s*SET\s+CONSTRAINTS\s+ALL\s+IMMEDIATE\b", re.I)
_BOUNDARY = re.compile(r"\s*(?:COMMIT|END|ROLLBACK|BEGIN|START\s+TRANSACTION)\b(?!\s+TO\b)", re.I)


def state(facts: Facts, case: Case) -> None:
    """State ``waits.pending_events``: pairs of a write and a later statement of the same transaction that it stops."""
    catalog = case.production.catalog if case.production is not None else None
    if case.migration is None or catalog is None:
        facts.unknown("waits.pending_events", "there are no files, or production's catalog is not known")
        return
    found = list(_pairs(case, catalog))
    told = f"{len(found)} statements come after writes whose checks are put off"
    facts.know("waits.pending_events", found, told, readings="constraints")


def _pairs(case: Case, catalog: Catalog) -> Iterator[dict[str, Any]]:
    assert case.migration is not None
    # This error itself tells that a transaction was open, whatever the files say of their runner.
    refused = case.error is not None and case.error.sqlstate == "55006"
    writes: list[tuple[Statement, Relation, str]] = []
    file, settled = "", False
    for statement in case.migration.statements:
        if statement.file != file or _BOUNDARY.match(statement.sql) or not (statement.in_transaction or refused):
            writes, file, settled = [], statement.file, False
        if _SETTLES.match(statement.sql):
            writes, settled = [], True
        relation = _relation(statement, catalog)
        if relation is None or settled:
            continue
        verb = _WRITES.match(statement.sql)
        if verb is not None:
            constraint = _deferred(relation, verb["verb"].upper(), catalog)
            if constraint is not None:
                writes.append((statement, relation, constraint))
        elif _NEEDS_QUIET.match(statement.sql):
            yield from (_pair(statement, *written) for written in writes if written[1].qualified == relation.qualified)


def _pair(statement: Statement, write: Statement, relation: Relation, constraint: str) -> dict[str, Any]:
    return {
        "relation": relation.qualified,
        "constraint": constraint,
        "write": write.sql,
        "write_line": write.line,
        "sql": statement.sql,
        "file": statement.file,
        "line": statement.line,
        "rows": int(relation.rows),
    }


def _relation(statement: Statement, catalog: Catalog) -> Relation | None:
    named = parts_of(statement).relation
    return catalog.find(named.schema, named.name) if named is not None else None


def _deferred(relation: Relation, verb: str, catalog: Catalog) -> str | None:
    """The deferred foreign key that such a write puts off the check of: one of the table's own, or one that points to it."""
    if verb != "DELETE":
        own = next((c.name for c in relation.constraints if c.kind == "f" and c.deferred), None)
        if own is not None:
            return own
    if verb in ("DELETE", "UPDATE", "MERGE"):
        for other in catalog.relations.values():
            for c in other.constraints:
                if c.kind == "f" and c.deferred and c.references == (relation.schema, relation.name):
                    return c.name
    return None
