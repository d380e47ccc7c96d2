"""Facts of the group waits: what the migration waits for beyond who stands in front of it, and how far that has come."""

from __future__ import annotations

from typing import Any

_SESSION = {
    "pid": 4182,
    "backend_start": "2026-11-21T02:00:00.123456+00:00",
    "role": "reporting",
    "application_name": "nightly-report",
    "state": "active",
    "query": "SELECT count(*) FROM invoices",
    "xact_age_s": 1510.0,
    "state_age_s": 1490.0,
    "wait_event_type": "",
    "wait_event": "",
    "backend_type": "client backend",
    "client": "10.0.0.7",
    "is_migration": False,
    "label": "nightly-report as reporting",
}

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "waits",
        "blocker_progress",
        "record",
        "pg_stat_progress_* of the session in the migration's way: {command, phase, done, total, percent}",
        {"command": "VACUUM", "phase": "scanning heap", "done": 41_200, "total": 1_340_000, "percent": 3.1},
    ),
    (
        "waits",
        "blocker_command",
        "str",
        "which maintenance or DDL command that session runs: VACUUM, ANALYZE, CREATE INDEX CONCURRENTLY, "
        "VALIDATE CONSTRAINT, ALTER TABLE, DDL (any other) ...; empty: none of these",
        "VACUUM",
    ),
    (
        "waits",
        "blocker_exclusive",
        "bool",
        "it holds ACCESS EXCLUSIVE or EXCLUSIVE on what is waited for: others than migrations wait for it too",
        False,
    ),
    ("waits", "blocker_tables", "int", "tables on which that session holds a lock (as far as they were read)", 312),
    (
        "waits",
        "blocker_holds_tool_lock",
        "bool",
        "the session in the way holds an advisory lock with the key of a migration tool",
        False,
    ),
    (
        "waits",
        "blocker_same_client",
        "bool",
        "the session in the way comes from the same client, role and application as the one that runs the migration",
        False,
    ),
    (
        "waits",
        "chain",
        "list",
        "sessions between the migration and the root of its wait, each waiting for the next: as sessions with wait_s, "
        "locktype, relation, mode, blocked_by; empty: the root is next",
        [
            {
                **_SESSION,
                "pid": 4301,
                "label": "worker as app",
                "wait_s": 340.0,
                "locktype": "transactionid",
                "relation": "",
                "mode": "ShareLock",
                "blocked_by": [4182],
            }
        ],
    ),
    (
        "waits",
        "held_from_earlier",
        "list",
        "tables that the migration's transaction holds with SHARE or stronger, for a statement that is done: "
        "[{relation, mode, sql, line}]",
        [
            {
                "relation": "public.orders",
                "mode": "AccessExclusiveLock",
                "sql": "ALTER TABLE orders ADD COLUMN region text",
                "line": 1,
            }
        ],
    ),
    ("waits", "blocked_by_earlier", "bool", "all who wait for the migration wait for one of those tables", True),
    (
        "waits",
        "sync_waiters",
        "list",
        "sessions whose commit has waited for a synchronous standby for a second or more (IPC:SyncRep), longest first",
        [{**_SESSION, "pid": 5120, "query": "COMMIT", "wait_event_type": "IPC", "wait_event": "SyncRep"}],
    ),
    ("waits", "server_uptime_s", "float", "since production's server was started", 5_400_000.0),
    (
        "waits",
        "sync_names",
        "str",
        "synchronous_standby_names; empty: none, or synchronous_commit does not wait for them",
        "FIRST 1 (replica1)",
    ),
    ("waits", "sync_standbys", "int", "standbys that are connected and synchronous now", 0),
    (
        "waits",
        "builds",
        "list",
        "statements that build an index CONCURRENTLY, running or yet to run: [{sql, file, line, relation}]",
        [
            {
                "sql": "CREATE INDEX CONCURRENTLY orders_email_idx ON orders (email)",
                "file": "0007_index.sql",
                "line": 1,
                "relation": "public.orders",
            }
        ],
    ),
    (
        "waits",
        "old_snapshots",
        "list",
        "sessions for whose end such a build has to wait: those of this database that can still read old rows, and those "
        "that have written to its table; oldest first, as sessions with on_table (they hold a lock on that table)",
        [{**_SESSION, "on_table": False}],
    ),
    (
        "waits",
        "work",
        "str",
        "the build or validation that the migration works at now, waiting for nobody: CREATE INDEX CONCURRENTLY, "
        "VALIDATE CONSTRAINT, ...; empty: it does something else",
        "CREATE INDEX CONCURRENTLY",
    ),
    ("waits", "holds_horizon", "bool", "of all snapshots in the database, the migration's is the oldest", True),
    (
        "waits",
        "overdue",
        "list",
        "tables with more dead rows than autovacuum lets be: [{relation, dead, live}], most first",
        [{"relation": "public.sessions", "dead": 4_200_000, "live": 180_000}],
    ),
    (
        "waits",
        "parents",
        "list",
        "tables that the statement at hand (or any that is yet to run) locks only because of a foreign key: "
        "[{relation, mode, sql, action: made or dropped}]",
        [
            {
                "relation": "public.customers",
                "mode": "ShareRowExclusiveLock",
                "sql": "ALTER TABLE invoices ADD FOREIGN KEY (customer_id) REFERENCES customers",
                "action": "made",
            }
        ],
    ),
    ("waits", "for_parent", "bool", "what the migration waits for, or would, is one of these tables", True),
    (
        "waits",
        "pending_events",
        "list",
        "statements that come, in one transaction, after a write whose check is put off to its end: [{relation, constraint, "
        "write, write_line, sql, file, line, rows (on production, -1 unknown)}]",
        [
            {
                "relation": "public.orders",
                "constraint": "orders_customer_id_fkey",
                "write": "UPDATE orders SET customer_id = 1 WHERE customer_id IS NULL",
                "write_line": 3,
                "sql": "ALTER TABLE orders ALTER COLUMN customer_id SET NOT NULL",
                "file": "0007_customers.sql",
                "line": 4,
                "rows": 39_000_000,
            }
        ],
    ),
    ("waits", "frozen_age", "int", "age(relfrozenxid) of the table that is in the way, transactions", 213_000_000),
    ("waits", "freeze_limit", "int", "autovacuum_freeze_max_age that holds for that table, transactions", 200_000_000),
)
"""Group, name, type, meaning, sample."""
