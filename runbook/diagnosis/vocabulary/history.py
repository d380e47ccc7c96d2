"""Facts of the group history: migration history."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    ("history", "found", "bool", "a migration tool's history table was found on production", True),
    ("history", "tool", "str", "the tool it belongs to", "golang-migrate"),
    ("history", "table", "str", "the table, schema.name quoted", "public.schema_migrations"),
    ("history", "dirty", "bool", "the history says that a migration failed or did not finish", False),
    ("history", "dirty_version", "str", "that migration's version, or empty", ""),
    ("history", "dirty_detail", "str", "what the history row says, or empty", ""),
    ("history", "latest", "str", "newest version applied on production", "20240101120000"),
    ("history", "latest_local", "str", "newest version applied on local", "20240102120000"),
    ("history", "pending", "list", "versions in the files that production has not applied", []),
    ("history", "unknown", "list", "versions applied on production that the files do not have", []),
    ("history", "edited", "list", "versions whose stored checksum differs from the file", []),
    ("history", "out_of_order", "list", "pending versions older than the newest applied", []),
    ("history", "only_local", "list", "versions applied on local and not on production", []),
    (
        "history",
        "partial",
        "list",
        "files of which a beginning has taken effect on production and the rest has not: [{file, version, done, left, "
        "unclear, one_transaction, checks}]; done, left, unclear: statements as [{sql, line, kind, undo}], unclear those "
        "between whose effect no schema shows; one_transaction: the runner cannot commit the one without the other; "
        "checks: SQL rows (kind, name, is it there)",
        [
            {
                "file": "0007_shipping.sql",
                "version": "0007",
                "done": [
                    {
                        "sql": "ALTER TABLE orders ADD COLUMN shipped_at timestamptz",
                        "line": 1,
                        "kind": "ALTER TABLE",
                        "undo": ["ALTER TABLE public.orders DROP COLUMN shipped_at;"],
                    }
                ],
                "left": [
                    {
                        "sql": "CREATE INDEX orders_shipped_idx ON orders (shipped_at)",
                        "line": 3,
                        "kind": "CREATE INDEX",
                        "undo": [],
                    }
                ],
                "unclear": [{"sql": "UPDATE orders SET shipped_at = now()", "line": 2, "kind": "UPDATE", "undo": []}],
                "one_transaction": False,
                "checks": ["('relation', 'orders', EXISTS (SELECT FROM pg_class WHERE relname = 'orders'))"],
            }
        ],
    ),
    (
        "history",
        "one_transaction",
        "list",
        "files that run in the transaction of the statement at fault up to it, in order",
        ["0007_status.sql", "0008_backfill.sql"],
    ),
    (
        "history",
        "meets",
        "list",
        "the earlier statement of the same transaction that the statement at fault meets: [{label, type, sql, file, line, "
        "other_file}]; label, type: the enum value that it adds, or empty where it writes the same table",
        [
            {
                "label": "returned",
                "type": "public.status",
                "sql": "ALTER TYPE status ADD VALUE 'returned'",
                "file": "0007_status.sql",
                "line": 1,
                "other_file": True,
            }
        ],
    ),
    (
        "history",
        "drift",
        "list",
        "differences between the sides in the tables of the statement at fault that the migration does not make: sentences",
        ["index orders_email_key of public.orders exists only on local"],
    ),
    ("history", "late_are", "str", "what the tool does with out_of_order files: refuses, skips, run", "refuses"),
    (
        "history",
        "late_makers",
        "list",
        "statements of out_of_order files that create what the error misses: [{name, kind, file, line, version}]",
        [{"name": "orders", "kind": "relation", "file": "V2__orders.sql", "line": 1, "version": "2"}],
    ),
    ("history", "edited_are", "str", "what the tool does with edited files: refuses, warns, ignored", "refuses"),
    ("history", "unknown_are", "str", "what the tool does with unknown versions: refuses, ignored", "refuses"),
    ("history", "unknown_newer", "bool", "every unknown version is newer than the newest file", False),
    (
        "history",
        "elsewhere",
        "list",
        "a history table of the tool that its search path does not find, and that knows more than the one it finds: "
        "[{table, schema, applied, found, found_applied, tool}]; found: the one it finds, or empty",
        [
            {
                "table": "app.schema_migrations",
                "schema": "app",
                "applied": 41,
                "found": "public.schema_migrations",
                "found_applied": 0,
                "tool": "rails",
            }
        ],
    ),
    (
        "history",
        "kinds",
        "list",
        "relations of the statement at fault that are another kind on production: [{relation, local, production, owner}]",
        [{"relation": "public.orders", "local": "table", "production": "view", "owner": "bi"}],
    ),
    (
        "history",
        "overloads",
        "list",
        "the functions that the error calls ambiguous, where production has one more: "
        "[{signature, kind, extension, on_local}]",
        [{"signature": "public.note(text)", "kind": "FUNCTION", "extension": "", "on_local": False}],
    ),
    ("history", "lock_held", "bool", "the tool's own lock (row or advisory) is held now", False),
)
"""Group, name, type, meaning, sample."""
