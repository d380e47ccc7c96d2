"""Facts of the group pooling: a pooler between the migration and the server, and what it does to a session."""

from __future__ import annotations

from typing import Any

_SET = {
    "kind": "setting",
    "name": "lock_timeout",
    "value": "5s",
    "sql": "SET lock_timeout = '5s'",
    "file": "0007_add_note.sql",
    "line": 1,
    "lost": True,
    "stays": True,
}

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    ("pooling", "between", "bool", "what answers at production's address is a pooler", True),
    (
        "pooling",
        "mode",
        "str",
        "transaction: it was seen to lend a server connection for a transaction only; none: no pooler; "
        "unknown where that did not show",
        "transaction",
    ),
    (
        "pooling",
        "session_state",
        "list",
        "what the migration does to its session: [{kind (setting, role, temporary table, cursor), name, value, sql, file, "
        "line, lost (statements after it need it and run in another transaction), stays (it outlives its transaction)}]",
        [_SET],
    ),
    ("pooling", "lost", "list", "those of them that later statements need in another transaction", [_SET]),
    (
        "pooling",
        "left",
        "list",
        "settings found on the server connections that the pooler lent us, which no role, database or file gives: "
        "[{name, value, of_migration (the migration sets it so)}]",
        [{"name": "lock_timeout", "value": "5000", "of_migration": True}],
    ),
    (
        "pooling",
        "explains",
        "list",
        "what of both accounts for the error: [{how (lost, left), kind, name, value, sql, file, line}]",
        [{"how": "lost", "kind": "setting", "name": "search_path", "value": "app", "sql": "SET search_path = app",
          "file": "0007_add_note.sql", "line": 1}],
    ),
    (
        "pooling",
        "prepared_problem",
        "str",
        "what the error says of a prepared statement: missing, exists, other (it is another client's), or empty",
        "exists",
    ),
    ("pooling", "prepared_name", "str", "that statement's name, or empty: it has none", "_pg3_0"),
    ("pooling", "prepared_by", "str", "the driver that calls its statements so, or empty", "psycopg 3"),
    (
        "pooling",
        "prepared_in_migration",
        "bool",
        "the migration itself prepares that name, or throws prepared statements away (DEALLOCATE, DISCARD)",
        False,
    ),
    (
        "pooling",
        "startup_parameter",
        "str",
        "the startup parameter that the pooler refused: options, extra_float_digits, search_path ..., or empty",
        "options",
    ),
    (
        "pooling",
        "lock_holder",
        "record",
        "the server session that holds a migration tool's advisory lock and shows signs of being lent to several clients: "
        "{pid, backend_start, role, application_name (empty: our own), client, query, key, tool, waiters}",
        {
            "pid": 3971,
            "backend_start": "2026-11-21T01:12:00.123456+00:00",
            "role": "deploy",
            "application_name": "web",
            "client": "10.0.0.9",
            "query": "SELECT id FROM orders WHERE customer_id = ...",
            "key": 72707369,
            "tool": "prisma",
            "waiters": 1,
        },
    ),
    (
        "pooling",
        "lock_signs",
        "list",
        "those signs: own (our own connection through the pooler was answered by it), changes_hands (it bore two "
        "application_names within two looks), other_work (what it ran last is an application's query)",
        ["own"],
    ),
    ("pooling", "lock_left", "bool", "the lock is on a shared connection for certain: own or changes_hands", True),
    (
        "pooling",
        "exhausted",
        "str",
        "the pool that says it had no connection to give within its time: SQLAlchemy, HikariCP, PgBouncer ..., or empty",
        "HikariCP",
    ),
    (
        "pooling",
        "waiting_clients",
        "list",
        "clients whose sessions wait for locks: [{role, application_name, client, sessions, waiting}], most waiting first",
        [{"role": "app", "application_name": "web", "client": "10.0.0.9", "sessions": 20, "waiting": 20}],
    ),
)  # fmt: skip
"""Group, name, type, meaning, sample."""
