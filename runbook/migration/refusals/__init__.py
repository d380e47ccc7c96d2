"""Statements that the server refuses whatever the rows are: what the catalog alone decides, beside what effects find.

Every refusal here is one that real servers were seen to make (tests/migration/refusal_cases.py). Where the catalog may
not hold what is asked for (a truncated one, an extension's types), nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from runbook.migration.ast import relations_used
from runbook.migration.catalog import Catalog
from runbook.migration.model import Statement
from runbook.migration.refusals.existing import taken_names
from runbook.migration.refusals.names import missing_names
from runbook.migration.refusals.partitions import wrong_partitions
from runbook.migration.refusals.published import unidentified_rows
from runbook.migration.refusals.tables import wrong_tables
from runbook.migration.refusals.types import wrong_types
from runbook.migration.refusals.written import wrong_rows
from runbook.migration.result import Fails

Finder = Callable[[Any, Catalog], Iterator[Fails]]

_FINDERS: tuple[Finder, ...] = (
    taken_names, wrong_tables, missing_names, wrong_types, wrong_partitions, wrong_rows, unidentified_rows,
)  # fmt: skip


def refusal(statement: Statement, catalog: Catalog) -> Fails | None:
    """The first refusal that the catalog foretells; None where it foretells none, or a relation is missing: that comes
    first, and effects say it."""
    node = statement.node
    if node is None or catalog.is_assumed:
        return None
    found = next((f for finder in _FINDERS for f in finder(node, catalog)), None)
    return None if found is None or _lacks_relation(node, catalog) else found


def _lacks_relation(node: Any, catalog: Catalog) -> bool:
    for use in relations_used(node):
        if use.use in ("create", "drop"):
            continue
        if use.name.schema in ("pg_catalog", "information_schema") or use.name.name.startswith("pg_"):
            continue
        if catalog.find(use.name.schema, use.name.name) is None:
            return True
    return False
