"""Renames that running code survives: the old name goes on working until no code uses it."""

from __future__ import annotations

from typing import Any

from runbook.migration.ast import enum_name
from runbook.migration.catalog import Catalog
from runbook.migration.safe_columns import rename_column
from runbook.sql import quote_ident, quote_qualified


def rename(node: Any, catalog: Catalog) -> tuple[str, ...] | None:
    """A table: a view takes its old name, through which reads and writes go on (an automatically updatable one).

    A column: a second one beside it that a trigger keeps the same. None for views and other objects.
    """
    relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
    if enum_name(node, "rename_type") == "OBJECT_COLUMN":
        return rename_column(relation, node.subname, node.newname, catalog) if relation is not None else None
    if enum_name(node, "rename_type") != "OBJECT_TABLE" or relation is None or relation.kind not in ("r", "p"):
        return None
    old, new = relation.qualified, quote_qualified(relation.schema, node.newname)
    return (
        "-- in one transaction: INSERT ... ON CONFLICT works through the view, COPY and TRUNCATE do not\n"
        f"BEGIN;\nSET LOCAL lock_timeout = '2s';\nALTER TABLE {old} RENAME TO {quote_ident(node.newname)};\n"
        f"CREATE VIEW {old} AS SELECT * FROM {new};\nCOMMIT;",
        f"-- when no running code uses the old name\nDROP VIEW {old};",
    )
