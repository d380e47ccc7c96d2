"""Facts of the group replication: publications, subscribers, standbys and slots that the migration has to do with."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "replication",
        "unidentified",
        "list",
        "published tables that the error names, or that the migration updates or deletes from, whose rows nothing "
        "identifies for a subscriber: [{relation, publications, all_tables, identity, key, in_error, on_local}]; identity: "
        "default, nothing, full or index; key: a unique index that may serve as identity, or empty; on_local: identified, "
        "not published, not there, or empty (the same, or not known)",
        [
            {
                "relation": "public.events",
                "publications": ["cdc"],
                "all_tables": True,
                "identity": "default",
                "key": "events_uid_key",
                "in_error": True,
                "on_local": "not published",
            }
        ],
    ),
    (
        "replication",
        "changes",
        "list",
        "changes that the given migration makes to published tables and that a subscriber must have too: [{change, relation, "
        "column, subscriber_sql, publications, done, file, line}]; change: new column, column renamed, table renamed, new "
        "table (of a publication FOR ALL TABLES), other type, new enum value, column dropped (one without a value there); "
        "subscriber_sql: the same for the subscriber, without constraints, or empty; done: production has it already, null: "
        "cannot be told",
        [
            {
                "change": "new column",
                "relation": "public.orders",
                "column": "region",
                "subscriber_sql": "ALTER TABLE public.orders ADD COLUMN region text",
                "publications": ["reporting"],
                "done": True,
                "file": "0007_region.sql",
                "line": 1,
            }
        ],
    ),
    (
        "replication",
        "subscribers",
        "list",
        "logical replication slots of production's database: [{name, application_name, plugin, active, restarting, postgres, "
        "publications, kept_bytes, lag_bytes}]; restarting: its reader came a few seconds ago; postgres: a subscription of "
        "PostgreSQL reads it; publications: those it asked for, empty: not known",
        [
            {
                "name": "reporting_sub",
                "application_name": "reporting_sub",
                "plugin": "pgoutput",
                "active": False,
                "restarting": False,
                "postgres": False,
                "publications": [],
                "kept_bytes": 734_003_200,
                "lag_bytes": 0,
            }
        ],
    ),
    (
        "replication",
        "subscriptions",
        "list",
        "subscriptions of production's own database: [{name, enabled, at_work, errors, publications}]; errors: of the apply "
        "worker since statistics were reset (15+), -1 not known",
        [{"name": "orders_sub", "enabled": True, "at_work": True, "errors": 0, "publications": ["orders"]}],
    ),
    (
        "replication",
        "apply_error",
        "bool",
        "the error is one of a subscriber's apply worker, not of the migration",
        True,
    ),
    (
        "replication",
        "conflict",
        "str",
        "what a query on a standby was cancelled for by recovery: lock, snapshot, pin, tablespace, deadlock, database, slot or "
        "other; empty: the error is none of that kind",
        "lock",
    ),
    (
        "replication",
        "conflict_statements",
        "list",
        "statements of the given migration that make standbys cancel queries: [{sql, file, line, what}]; what: lock (it takes "
        "ACCESS EXCLUSIVE on a table that is there) or snapshot (it leaves dead rows that vacuum removes)",
        [{"sql": "ALTER TABLE orders ADD COLUMN note text", "file": "0007_note.sql", "line": 1, "what": "lock"}],
    ),
    (
        "replication",
        "standby",
        "record",
        "production, where it is a standby: {conflicts_lock, conflicts_snapshot, conflicts_other (queries cancelled since "
        "statistics were reset), feedback (hot_standby_feedback), max_delay_ms (max_standby_streaming_delay, -1: waits for ever)}",
        {
            "conflicts_lock": 12,
            "conflicts_snapshot": 3,
            "conflicts_other": 0,
            "feedback": False,
            "max_delay_ms": 30_000,
        },
    ),
    (
        "replication",
        "horizon_holder",
        "record",
        "the standby or slot for whose sake vacuum on production keeps dead rows, where it is far older than every "
        "transaction of the database itself: {kind, name, active, age_xids}; kind: standby or replication slot; empty: none is",
        {"kind": "replication slot", "name": "replica_2", "active": False, "age_xids": 4_200_000},
    ),
    (
        "replication",
        "kept_rows",
        "list",
        "production's tables with more dead rows than autovacuum lets be, most first: [{relation, dead, live, vacuumed, "
        "last_vacuum_s}]; vacuumed: within six hours",
        [{"relation": "public.orders", "dead": 4_200_000, "live": 900_000, "vacuumed": True, "last_vacuum_s": 240.0}],
    ),
    (
        "replication",
        "slot_makers",
        "list",
        "statements of the migration, yet to run or failed, that make a logical replication slot: [{sql, file, line, where, "
        "failed}]; where: publisher (the slot is made on this server) or subscriber (on another)",
        [
            {
                "sql": "SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')",
                "file": "0007_cdc.sql",
                "line": 1,
                "where": "publisher",
                "failed": False,
            }
        ],
    ),
    (
        "replication",
        "slot_taken",
        "bool",
        "the error says that a subscription could not make its slot, because one of this name is there",
        False,
    ),
    (
        "replication",
        "slot_waits",
        "list",
        "sessions of production that wait while a logical slot is made, longest first: as sessions with where (publisher: this "
        "server makes it; subscriber: another does, and this one waits for its answer), wait_s and blocked_by (pids, 0: a "
        "prepared transaction; empty for a subscriber)",
        [
            {
                "pid": 5120,
                "backend_start": "2026-11-21T02:00:00.123456+00:00",
                "role": "replicator",
                "application_name": "reporting_sub",
                "state": "active",
                "query": 'CREATE_REPLICATION_SLOT "reporting_sub" LOGICAL pgoutput',
                "xact_age_s": 300.0,
                "state_age_s": 300.0,
                "wait_event_type": "Lock",
                "wait_event": "transactionid",
                "backend_type": "walsender",
                "client": "10.0.0.9",
                "is_migration": False,
                "label": "walsender",
                "where": "publisher",
                "wait_s": 300.0,
                "blocked_by": [4182],
            }
        ],
    ),
    (
        "replication",
        "old_writers",
        "list",
        "open transactions of all databases of production's server that have written, two seconds old or in the way of a slot, "
        "oldest first: [{kind (session, prepared transaction), pid, gid, database, label, state, query, backend_start, age_s, "
        "in_the_way}]",
        [
            {
                "kind": "session",
                "pid": 4182,
                "gid": "",
                "database": "billing",
                "label": "nightly as batch",
                "state": "idle in transaction",
                "query": "UPDATE invoices SET sent = true",
                "backend_start": "2026-11-21T02:00:00.123456+00:00",
                "age_s": 1510.0,
                "in_the_way": True,
            }
        ],
    ),
)
"""Group, name, type, meaning, sample."""
