"""Changes of many rows in batches: along a key, or by physical place, each batch committed."""

from __future__ import annotations

from typing import Any

from runbook.migration.ast import constant, enum_name, is_node, strings, unwrap
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.deparse import expression_text
from runbook.migration.safe_parts import ALONE, sql_of
from runbook.sql import quote_ident, quote_qualified

BATCH_ROWS = 5_000
PAUSE_S = 0.05


def primary_key(relation: Relation) -> tuple[str, ...]:
    """The columns of the primary key, else of a unique index over columns that are NOT NULL;

    empty where there is none.
    """
    for index in sorted(relation.indexes, key=lambda i: not i.primary):
        columns = tuple(c for c in index.columns if c is not None)
        usable = index.unique and index.valid and not index.has_predicate and len(columns) == len(index.columns)
        if (
            usable
            and index.method == "btree"
            and all((c := relation.column(n)) is not None and c.not_null for n in columns)
        ):
            return columns
    return ()


def batches_of(node: Any, catalog: Catalog) -> tuple[str, ...] | None:
    """A whole-table UPDATE or DELETE as a walk along the primary key, each batch committed."""
    if (
        not is_node(node, "UpdateStmt", "DeleteStmt")
        or node.HasField("with_clause")
        or node.HasField("returning_clause")
    ):
        return None
    relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
    if relation is None or relation.kind not in ("r", "p") or (relation.kind == "r" and relation.children):
        return None
    keys = primary_key(relation)
    joined = node.from_clause if is_node(node, "UpdateStmt") else node.using_clause
    if joined:
        return None
    if not keys:
        return _delete_without_key(node, relation) or _update_without_key(node, relation)
    if is_node(node, "UpdateStmt") and any(unwrap(t).name in keys for t in node.target_list):
        return None
    copied = type(node)()
    copied.CopyFrom(node)
    condition = expression_text(unwrap(node.where_clause)) if node.HasField("where_clause") else ""
    copied.ClearField("where_clause")
    title = node.relation.alias.aliasname if node.relation.HasField("alias") else node.relation.relname
    written = quote_qualified(node.relation.schemaname or None, node.relation.relname)
    alias = quote_ident(title) if node.relation.HasField("alias") else written
    return (loop(relation, keys, sql_of(copied).rstrip(";"), condition, alias),)


def _delete_without_key(node: Any, relation: Relation) -> tuple[str, ...] | None:
    """DELETE by physical place: a row that is gone is not found again, which an updated one would be."""
    if not is_node(node, "DeleteStmt") or relation.kind != "r" or node.relation.HasField("alias"):
        return None
    condition = f" WHERE {expression_text(unwrap(node.where_clause))}" if node.HasField("where_clause") else ""
    table = relation.qualified
    return (
        f"{ALONE}DO $batches$\nBEGIN\n    LOOP\n"
        f"        DELETE FROM {table} WHERE ctid = ANY (ARRAY(\n"
        f"            SELECT ctid FROM {table}{condition} LIMIT {BATCH_ROWS} FOR UPDATE));\n"
        f"        EXIT WHEN NOT FOUND;\n"
        f"        COMMIT;\n"
        f"        PERFORM pg_sleep({PAUSE_S});\n"
        f"    END LOOP;\nEND\n$batches$;",
    )


def _update_without_key(node: Any, relation: Relation) -> tuple[str, ...] | None:
    """UPDATE ... WHERE column IS NULL that gives the column a constant: a row that is done is not found again."""
    if not is_node(node, "UpdateStmt") or relation.kind != "r" or node.relation.HasField("alias"):
        return None
    test = unwrap(node.where_clause) if node.HasField("where_clause") else None
    if test is None or not is_node(test, "NullTest") or enum_name(test, "nulltesttype") != "IS_NULL":
        return None
    marked = unwrap(test.arg)
    name = strings(marked.fields)[-1:] if is_node(marked, "ColumnRef") else ()
    targets = [unwrap(t) for t in node.target_list]
    done = any((t.name,) == name and constant(unwrap(t.val)) is not None for t in targets if not t.indirection)
    if not done or any(trigger.enabled != "D" for trigger in relation.triggers):
        return None  # a trigger could make the column NULL again
    copied = type(node)()
    copied.CopyFrom(node)
    copied.ClearField("where_clause")
    table = relation.qualified
    return (
        f"{ALONE}DO $batches$\nBEGIN\n    LOOP\n"
        f"        {sql_of(copied).rstrip(';')} WHERE ctid = ANY (ARRAY(\n"
        f"            SELECT ctid FROM {table} WHERE {expression_text(test)} LIMIT {BATCH_ROWS} FOR UPDATE));\n"
        f"        EXIT WHEN NOT FOUND;\n"
        f"        COMMIT;\n"
        f"        PERFORM pg_sleep({PAUSE_S});\n"
        f"    END LOOP;\nEND\n$batches$;",
    )


def loop(relation: Relation, keys: tuple[str, ...], change: str, condition: str, alias: str) -> str:
    """A DO block that walks along the key, changes a batch, commits, rests a moment, and goes on."""
    table = relation.qualified
    marks = [f"last_{n}" for n in range(1, len(keys) + 1)]
    columns = [quote_ident(k) for k in keys]
    declare = "\n".join(f"    {mark} {table}.{column}%TYPE;" for mark, column in zip(marks, columns, strict=True))
    named = ", ".join(f"{c} AS key_{n}" for n, c in enumerate(columns, 1))
    order = ", ".join(columns)
    after = f"({', '.join(columns)}) > ({', '.join(marks)})"
    joined = " AND ".join(f"{alias}.{c} = batch.key_{n}" for n, c in enumerate(columns, 1))
    where = f"{joined} AND ({condition})" if condition else joined
    join_word = "USING" if change.startswith("DELETE") else "FROM"
    last = ", ".join(f"key_{n}" for n in range(1, len(keys) + 1))
    newest = ", ".join(f"key_{n} DESC" for n in range(1, len(keys) + 1))
    return (
        f"{ALONE}DO $batches$\nDECLARE\n{declare}\nBEGIN\n    LOOP\n"
        f"        WITH batch AS MATERIALIZED (\n"
        f"            SELECT {named} FROM {table}\n"
        f"             WHERE {marks[0]} IS NULL OR {after}\n"
        f"             ORDER BY {order} LIMIT {BATCH_ROWS}\n"
        f"        ), changed AS (\n"
        f"            {change} {join_word} batch WHERE {where} RETURNING 1\n"
        f"        )\n"
        f"        SELECT {last} INTO {', '.join(marks)} FROM batch ORDER BY {newest} LIMIT 1;\n"
        f"        EXIT WHEN NOT FOUND;\n"
        f"        COMMIT;\n"
        f"        PERFORM pg_sleep({PAUSE_S});\n"
        f"    END LOOP;\nEND\n$batches$;"
    )
