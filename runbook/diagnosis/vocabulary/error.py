"""Facts of the group error: the exact error."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    ("error", "given", "bool", "an error text was given and an error was found in it", True),
    ("error", "framework", "str", "whose format it is", "psql"),
    ("error", "sqlstate", "str", "SQLSTATE", "42601"),
    ("error", "message", "str", "primary message", 'syntax error at or near "NULLS"'),
    ("error", "detail", "str", "DETAIL, or empty", ""),
    ("error", "hint", "str", "HINT, or empty", ""),
    ("error", "context", "str", "CONTEXT: the functions it came through, or empty", ""),
    ("error", "statement", "str", "the failing statement, or empty", "CREATE UNIQUE INDEX ..."),
    (
        "error",
        "timeout",
        "str",
        "statement, lock, idle_in_transaction, transaction, idle_session, user_request or none",
        "none",
    ),
    ("error", "is_connection", "bool", "it failed before any SQL ran", False),
    ("error", "refusal", "str", "how the connection was refused, or none", "none"),
    ("error", "connection_lost", "bool", "the connection broke while SQL ran", False),
    (
        "error",
        "tool_condition",
        "str",
        "what the migration tool itself refused for: dirty, failed_migration, checksum_mismatch, lock_not_acquired, "
        "unknown_revision, out_of_order, drift, not_in_transaction, or none",
        "none",
    ),
    ("error", "tool_version", "str", "the version the tool names in that refusal, or empty", ""),
    ("error", "lock_wait_logged", "bool", "the log shows that the statement waited for a lock", False),
    ("error", "from_migration", "bool", "the failing statement is one of the migration's own", True),
    (
        "error",
        "from_application",
        "bool",
        "the failing statement is a query of the application, not the migration's",
        False,
    ),
    ("error", "schema", "str", "schema the error names, or empty", ""),
    ("error", "relation", "str", "relation the error names (as stored), or empty", "orders"),
    ("error", "column", "str", "column the error names, or empty", "email"),
    ("error", "constraint", "str", "constraint the error names, or empty", "orders_email_key"),
    ("error", "index", "str", "index the error names, or empty", "orders_email_key"),
    ("error", "type", "str", "type the error names, or empty", ""),
    ("error", "function", "str", "bare name of the function the error names, or empty", "any_value"),
    ("error", "function_signature", "str", "as printed, or empty", "any_value(integer)"),
    ("error", "extension", "str", "extension the error names, or empty", ""),
    ("error", "missing_role", "str", "role the error names, or empty", ""),
    ("error", "setting", "str", "setting the error names, or empty", ""),
    ("error", "token", "str", "42601: what it stands at or near, or empty", "NULLS"),
    ("error", "object_kind", "str", "kind of the object it names: table, column, index, ..., or empty", "table"),
    ("error", "key_columns", "list", "columns of Key (...)=(...) in DETAIL", ["email"]),
    (
        "error",
        "privilege_problem",
        "str",
        "42501: owner, schema, table, extension, role, superuser, rls, other; or none",
        "none",
    ),
)
"""Group, name, type, meaning, sample."""
