"""Files that share one transaction, and the earlier statement of it that the statement at fault meets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog
from runbook.migration.hazards import added_labels, uses_label
from runbook.migration.model import Migration, Statement
from runbook.sql import quote_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.failing import parts_of, statement_at_fault

_FACTS = ("history.one_transaction", "history.meets")
_MET = frozenset({"55P04", "55006"})
"""A new enum value that is not committed; pending trigger events: both say that what is met is of the same transaction."""


def state(facts: Facts, case: Case) -> None:
    """State ``history.one_transaction`` and ``history.meets``."""
    fault = statement_at_fault(case)
    migration = case.migration
    if migration is None or not case.given or fault is None:
        reason = (
            "no migration was given" if migration is None or not case.given else "no statement is known to be at fault"
        )
        facts.unknown_all(list(_FACTS), reason)
        return
    sqlstate = case.error.sqlstate if case.error is not None else None
    catalog = case.production.catalog if case.production is not None else None
    before = list(_before(migration, fault.statement, proved=sqlstate in _MET))
    files = list(dict.fromkeys(s.file for s in (*reversed(before), fault.statement)))
    facts.know(_FACTS[0], files, f"by the transaction mode of {migration.runner}")
    met = _meets(fault.statement, before, catalog or Catalog.assumed())
    facts.know(_FACTS[1], [met] if met else [], "the statements before it in the same transaction")


def in_its_transaction(case: Case, statement: Statement) -> Iterator[Statement]:
    """Statements of the migration that run before it in its transaction, the latest first."""
    return _before(case.migration, statement, proved=False) if case.migration is not None else iter(())


def _before(migration: Migration, fault: Statement, *, proved: bool) -> Iterator[Statement]:
    """Statements that ran before it in its transaction, the latest first.

    ``proved``: the error itself says that it is the same transaction, whatever the runner is thought to do.
    """
    modes = {f.path: f.transaction_mode for f in migration.files}
    last = fault
    for statement in reversed([s for s in migration.statements if s.index < fault.index]):
        if ast.is_node(statement.node, "TransactionStmt"):
            if not statement.in_transaction or statement.kind not in ("BEGIN", "START TRANSACTION", "SAVEPOINT"):
                return
            continue
        crosses = statement.file != last.file and modes[last.file] != "all_files"
        if not proved and (crosses or not (statement.in_transaction and last.in_transaction)):
            return
        yield statement
        last = statement


def _meets(fault: Statement, before: list[Statement], catalog: Catalog) -> dict[str, Any] | None:
    for statement in before:
        for label, kind in added_labels(statement, catalog).items():
            if uses_label(fault.node, label, kind, catalog):
                return _row(statement, fault, label=label, type=quote_qualified(kind[0] or None, kind[1]))
    mine = parts_of(fault)
    for statement in before:
        theirs = parts_of(statement)
        same = mine.relation is not None and theirs.relation is not None and mine.relation.name == theirs.relation.name
        if same and ast.is_node(statement.node, "InsertStmt", "UpdateStmt", "DeleteStmt") and mine.ddl:
            return _row(statement, fault)
    return None


def _row(statement: Statement, fault: Statement, *, label: str = "", type: str = "") -> dict[str, Any]:
    return {
        "label": label,
        "type": type,
        "sql": statement.sql,
        "file": statement.file,
        "line": statement.line,
        "other_file": statement.file != fault.file,
    }
