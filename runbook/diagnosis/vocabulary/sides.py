"""Facts that each side has: ``local.*`` and ``production.*`` are the same list."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, Any], ...] = (
    ("given", "bool", "a connection to this side was given", True),
    ("reachable", "bool", "the server accepted our connection", True),
    ("refusal", "str", "how it refused (RefusalKind), when it did", "too_many_clients"),
    ("refusal_message", "str", "the refusal as the server worded it", "FATAL: sorry, too many clients already"),
    ("name", "str", "the side's display name", "production"),
    ("host", "str", "host the connection goes to", "db-1"),
    ("port", "int", "port the connection goes to", 5432),
    ("database", "str", "current_database()", "shop"),
    ("role", "str", "the role that runs migrations on this side (ours unless --role says otherwise)", "deploy"),
    ("version_num", "int", "server_version_num", 140011),
    ("version", "str", "server_version", "14.11"),
    ("major", "int", "major version", 14),
    ("is_standby", "bool", "pg_is_in_recovery()", False),
    ("read_only_default", "bool", "default_transaction_read_only is on for the migration's role", False),
    ("read_only_source", "str", "where default_transaction_read_only comes from", "database"),
    ("superuser", "bool", "the migration's role is a superuser", False),
    ("provider", "str", "managed provider the server shows signs of, or none", "none"),
    ("pooler", "str", "pooler between us and the server, or none", "none"),
    ("timezone", "str", "TimeZone", "UTC"),
    ("encoding", "str", "server encoding", "UTF8"),
    ("collation", "str", "datcollate", "en_US.UTF-8"),
    ("search_path", "list", "schemas an unqualified name is looked up in, in order", ["public"]),
    (
        "extensions",
        "map",
        "installed extensions: name -> {version, schema}",
        {"pgcrypto": {"version": "1.3", "schema": "public"}},
    ),
    ("available_extensions", "list", "extensions whose files the server has", ["pgcrypto", "plpgsql"]),
    (
        "settings",
        "map",
        "effective settings of the migration's role: name -> value as SHOW prints it",
        {"statement_timeout": "5s", "lock_timeout": "0", "max_connections": "100"},
    ),
    (
        "setting_sources",
        "map",
        "setting -> where its value comes from: role, database, server, default",
        {"statement_timeout": "role deploy"},
    ),
    ("statement_timeout_s", "float", "effective statement_timeout, 0 = none", 5.0),
    ("statement_timeout_source", "str", "where it comes from", "role deploy"),
    ("lock_timeout_s", "float", "effective lock_timeout, 0 = none", 0.0),
    ("lock_timeout_source", "str", "where it comes from", "default"),
    ("idle_in_transaction_timeout_s", "float", "effective idle_in_transaction_session_timeout, 0 = none", 0.0),
    ("maintenance_work_mem_bytes", "int", "effective maintenance_work_mem", 67108864),
    ("client_connection_check_interval_s", "float", "0 = a dead client is noticed only when it is written to", 0.0),
    ("connections", "int", "client connections open now", 97),
    ("connections_limit", "int", "how many an ordinary role may open: max_connections less the reserved", 97),
    ("max_connections", "int", "max_connections", 100),
    (
        "connections_by_role",
        "list",
        "who holds them: [{role, application_name, state, count}], most first",
        [{"role": "app", "application_name": "web", "state": "idle", "count": 80}],
    ),
    ("role_connections", "int", "connections of the migration's role", 2),
    ("role_connection_limit", "int", "its CONNECTION LIMIT, -1 = none", -1),
    (
        "replicas",
        "list",
        "standbys as this server sees them: [{name, state, sync_state, replay_lag_s, lag_bytes}]",
        [
            {
                "name": "replica1",
                "state": "streaming",
                "sync_state": "async",
                "replay_lag_s": 95.0,
                "lag_bytes": 734003200,
            }
        ],
    ),
    ("replication_lag_s", "float", "the largest replay lag in seconds; 0 without standbys", 95.0),
    ("replication_lag_bytes", "int", "the largest distance in WAL bytes; 0 without standbys", 734003200),
    ("replication_conflicts", "int", "queries this standby cancelled because of recovery (lock and snapshot)", 0),
    (
        "prepared_transactions",
        "list",
        "[{gid, owner, database, age_s, relations}]",
        [{"gid": "pay-991", "owner": "app", "database": "shop", "age_s": 5400.0, "relations": ["public.orders"]}],
    ),
    (
        "invalid_indexes",
        "list",
        "indexes that are not valid and are not being built now: [{index, relation}]",
        [{"index": "public.orders_email_idx", "relation": "public.orders"}],
    ),
    ("not_valid_constraints", "list", "NOT VALID leftovers: [{constraint, relation, kind}]", []),
    ("database_bytes", "int", "pg_database_size of the database", 120_000_000_000),
)
"""Name, type, meaning, sample."""
