"""Facts of the group locks: locks, on production."""

from __future__ import annotations

from typing import Any

# A session as facts show it: pid, backend_start (ISO), role, application_name, state, query, xact_age_s, state_age_s,
# wait_event_type, wait_event, backend_type, client, is_migration, label (what people call it)
_SESSION = {
    "pid": 4182,
    "backend_start": "2026-11-21T02:00:00.123456+00:00",
    "role": "app",
    "application_name": "nightly-report",
    "state": "idle in transaction",
    "query": "SELECT count(*) FROM orders",
    "xact_age_s": 1510.0,
    "state_age_s": 1490.0,
    "wait_event_type": "Client",
    "wait_event": "ClientRead",
    "backend_type": "client backend",
    "client": "10.0.0.7",
    "is_migration": False,
    "label": "nightly-report as app",
}
_MIGRATION_SESSION = {
    **_SESSION,
    "pid": 5120,
    "role": "deploy",
    "application_name": "deploy",
    "state": "active",
    "query": "ALTER TABLE orders ADD COLUMN note text",
    "xact_age_s": 271.0,
    "state_age_s": 271.0,
    "wait_event_type": "Lock",
    "wait_event": "relation",
    "is_migration": True,
    "label": "deploy",
}
# A lock wait: the waiting session, what it waits for, who stands before it.
_WAIT = {
    **_MIGRATION_SESSION,
    "wait_s": 271.0,
    "locktype": "relation",
    "relation": "public.orders",
    "mode": "AccessExclusiveLock",
    "blocked_by": [4182],
}

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    ("locks", "waiting", "int", "sessions that wait for a lock", 43),
    ("locks", "longest_wait_s", "float", "the longest of these waits", 271.0),
    ("locks", "samples", "int", "how many looks this rests on", 2),
    ("locks", "migration_found", "bool", "a session that runs this migration was found", True),
    ("locks", "migration", "record", "that session", _MIGRATION_SESSION),
    ("locks", "migration_waits", "bool", "it waits for a lock now", True),
    ("locks", "migration_wait", "record", "what it waits for", _WAIT),
    ("locks", "migration_active", "bool", "it runs a statement and waits for no lock", False),
    ("locks", "migration_idle", "bool", "it sits idle in an open transaction", False),
    (
        "locks",
        "migration_progress",
        "record",
        "pg_stat_progress_* of it: {command, phase, done, total, percent}",
        {
            "command": "CREATE INDEX",
            "phase": "building index: scanning table",
            "done": 1200,
            "total": 5000,
            "percent": 24.0,
        },
    ),
    ("locks", "migration_client_gone", "bool", "its client is known to be dead (its process or host is gone)", False),
    (
        "locks",
        "blocker",
        "record",
        "the root of the chain the migration waits behind; without a waiting migration, the session that holds what its "
        "statements conflict with now. Extra keys: holds (modes), relation, gid (prepared transaction)",
        {**_SESSION, "holds": ["AccessShareLock"], "relation": "public.orders", "gid": ""},
    ),
    (
        "locks",
        "blocker_kind",
        "str",
        "idle_in_transaction, active, prepared, wraparound_autovacuum, autovacuum, maintenance, backup, ddl, migration, or none",
        "idle_in_transaction",
    ),
    ("locks", "blocker_is_now", "bool", "the migration waits behind it now (False: it would)", True),
    ("locks", "chain_depth", "int", "sessions between the migration and the root, the root included", 1),
    ("locks", "queued_behind_migration", "int", "sessions that wait because the migration waits", 42),
    ("locks", "queue", "list", "the first of them, as waits", [{**_WAIT, "pid": 5133, "application_name": "web"}]),
    ("locks", "blocked_by_migration", "int", "sessions that wait for a lock the migration HOLDS", 0),
    (
        "locks",
        "blocked_by_migration_types",
        "list",
        "lock types of those waits: relation, transactionid, tuple ...",
        [],
    ),
    ("locks", "blocked_relation", "str", "the relation those sessions wait for, or empty", "public.orders"),
    ("locks", "other_chains", "list", "roots that block others but not this migration: sessions", []),
    ("locks", "migrators", "int", "sessions that run a migration now", 1),
)
"""Group, name, type, meaning, sample."""
