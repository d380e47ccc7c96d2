"""Every fact a step may state and a playbook may ask for: the words between triage and diagnosis.

A name that is not here is an error in a playbook (with file and line), never a silent false. ``sample`` is a plausible
value; ``runbook playbooks check`` renders every playbook with the samples. Facts under ``local`` and ``production`` are
the same list, once per side. A fact that could not be read is *unknown* and says why; it is never false.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SIDES = ("local", "production")


@dataclass(frozen=True, slots=True)
class FactSpec:
    """One name: ``group.name``. ``type`` is a word for people: bool, int, float, str, list, map, record."""

    group: str
    name: str
    type: str
    meaning: str
    sample: Any

    @property
    def id(self) -> str:
        return f"{self.group}.{self.name}"


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

_SIDE: tuple[tuple[str, str, str, Any], ...] = (
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

_OTHER: tuple[tuple[str, str, str, str, Any], ...] = (
    # -- the exact error -----------------------------------------------------------------------------------------
    ("error", "given", "bool", "an error text was given and an error was found in it", True),
    ("error", "framework", "str", "whose format it is", "psql"),
    ("error", "sqlstate", "str", "SQLSTATE", "42601"),
    ("error", "message", "str", "primary message", 'syntax error at or near "NULLS"'),
    ("error", "detail", "str", "DETAIL, or empty", ""),
    ("error", "hint", "str", "HINT, or empty", ""),
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
    # -- the statement at fault: failing, running, waiting, or the first that will fail ---------------------------------
    ("failing", "known", "bool", "one statement of the migration is known to be at fault (or to run now)", True),
    ("failing", "how", "str", "error (it failed), running, waiting, or forecast", "error"),
    ("failing", "sql", "str", "its text", "ALTER TABLE orders ADD COLUMN note text"),
    ("failing", "kind", "str", "its command tag", "ALTER TABLE"),
    ("failing", "file", "str", "file it stands in", "0007_add_note.sql"),
    ("failing", "line", "int", "line it starts at", 3),
    ("failing", "index", "int", "its number in the migration", 1),
    ("failing", "relation", "str", "the relation it works on: schema.name, quoted where needed", "public.orders"),
    ("failing", "relation_name", "str", "the same without schema and quotes", "orders"),
    ("failing", "schema", "str", "that relation's schema, as stored", "public"),
    ("failing", "domain", "str", "the domain whose constraint it adds or validates: schema.name, or empty", ""),
    ("failing", "column", "str", "the column it works on, quoted where needed, or empty", "email"),
    ("failing", "columns", "list", "the columns it works on, quoted where needed", ["email"]),
    (
        "failing",
        "constraint",
        "str",
        "the constraint it adds or validates, quoted where needed, or empty",
        "orders_total_check",
    ),
    ("failing", "index_name", "str", "the index it builds or drops, quoted where needed, or empty", "orders_email_key"),
    ("failing", "index_relation", "str", "schema.index of that index, quoted, or empty", "public.orders_email_key"),
    (
        "failing",
        "referenced_relation",
        "str",
        "the parent of the foreign key it adds, schema.name, or empty",
        "public.customers",
    ),
    ("failing", "referenced_columns", "list", "the key's columns there, quoted", ["id"]),
    ("failing", "check_expression", "str", "the condition of the CHECK it adds, or empty", "total >= 0"),
    ("failing", "new_type", "str", "the type it changes the column to, or empty", ""),
    ("failing", "primary_key", "list", "primary key columns of the relation on production, quoted", ["id"]),
    ("failing", "lock_mode", "str", "strongest lock it takes on a table that existed before", "AccessExclusiveLock"),
    ("failing", "blocks_reads", "bool", "readers of a table wait while it holds its locks", True),
    ("failing", "blocks_writes", "bool", "writers of a table wait while it holds its locks", True),
    ("failing", "rewrites", "list", "tables it rewrites on production", ["public.orders"]),
    ("failing", "scans", "list", "tables it reads in full on production", ["public.orders"]),
    ("failing", "index_builds", "list", "indexes it builds", ["orders_email_key"]),
    ("failing", "concurrently", "bool", "it is a CONCURRENTLY statement", False),
    ("failing", "unique", "bool", "it adds a unique index or constraint", True),
    ("failing", "is_ddl", "bool", "it changes the schema (not DML)", True),
    ("failing", "is_backfill", "bool", "an UPDATE or DELETE of a whole table or large part, in one statement", False),
    ("failing", "forbidden_in_transaction", "bool", "it cannot run in a transaction block", False),
    ("failing", "in_transaction", "bool", "its runner has a transaction open at that point", True),
    ("failing", "seconds_likely", "float", "how long it is expected to hold its locks on production", 52.0),
    ("failing", "seconds_high", "float", "the pessimistic end of that", 120.0),
    ("failing", "elapsed_s", "float", "how long it runs (or waits) by now, since it was sent", 720.0),
    ("failing", "forecast_sqlstate", "str", "SQLSTATE it was forecast to fail with on production, or empty", ""),
    ("failing", "forecast_certain", "bool", "that forecast is certain, not a possibility", False),
    ("failing", "rows", "int", "rows of the relation on production (estimate)", 39_000_000),
    ("failing", "rows_local", "int", "rows of the relation on local (estimate)", 30_000),
    ("failing", "bytes", "int", "bytes of the relation on production, with TOAST and indexes", 11_000_000_000),
    ("failing", "size_ratio", "float", "rows on production / rows on local", 1300.0),
    (
        "failing",
        "safe_sql",
        "list",
        "a safe sequence for this statement, one SQL text a step; empty if none is known",
        ["SET lock_timeout = 0;", "CREATE INDEX CONCURRENTLY orders_email_key ON public.orders (email);"],
    ),
    ("failing", "earlier", "list", "statements of the same file that stand before it", []),
    (
        "failing",
        "foretold",
        "str",
        "SQLSTATE that production's rows were found to bring about; empty: not asked, or none",
        "",
    ),
    ("failing", "foretold_because", "str", "what the query of --probe-data found, or empty", ""),
    (
        "failing",
        "refused",
        "str",
        "SQLSTATE with which production's catalog refuses it for certain, whatever the rows are; empty: none is foretold",
        "",
    ),
    ("failing", "refused_because", "str", "what the catalog holds against it, or empty", ""),
    (
        "failing",
        "offenders_sql",
        "str",
        "a query that finds the offending rows of the error, or of the first thing that depends on rows; or empty",
        "SELECT id\nFROM public.orders\nWHERE total < 0\nLIMIT 5",
    ),
    # -- the migration ----------------------------------------------------------------------------------------
    ("migration", "given", "bool", "files were given", True),
    ("migration", "runner", "str", "psql, prisma, flyway ...", "psql"),
    ("migration", "transaction_mode", "str", "per_file, all_files, none, implicit", "per_file"),
    ("migration", "statements", "int", "number of statements", 3),
    ("migration", "files", "list", "paths, in order", ["0007_add_note.sql"]),
    ("migration", "relations", "list", "existing relations it touches, schema.name", ["public.orders"]),
    (
        "migration",
        "needs_newer",
        "list",
        "what it uses that production's version lacks: [{feature, kind, min_version, file, line, sql}] "
        "(kind: syntax, function, type, setting, option)",
        [
            {
                "feature": "NULLS NOT DISTINCT",
                "kind": "syntax",
                "min_version": 15,
                "file": "0007.sql",
                "line": 3,
                "sql": "CREATE UNIQUE INDEX ... NULLS NOT DISTINCT",
            }
        ],
    ),
    ("migration", "unparsed", "list", "pieces that do not parse: [{file, line, message}]", []),
    ("migration", "creates_extensions", "list", "extensions it creates", []),
    (
        "migration",
        "drops_columns",
        "list",
        "columns it drops or renames away: [{relation, column, renamed_to}]",
        [{"relation": "public.orders", "column": "status", "renamed_to": ""}],
    ),
    ("migration", "drops_relations", "list", "tables or views it drops or renames away: [{relation, renamed_to}]", []),
    (
        "migration",
        "forbidden_in_transaction",
        "list",
        "statements that cannot run in a transaction, where the runner opens one: [{sql, file, line}]",
        [],
    ),
    (
        "migration",
        "rewrites_large",
        "list",
        "statements that rewrite a table that is large on production: [{sql, file, line, relation, rows, seconds}]",
        [],
    ),
    ("migration", "scans_large", "list", "statements that scan a large table under ACCESS EXCLUSIVE: the same", []),
    ("migration", "builds_large", "list", "plain index builds on a large table: the same", []),
    ("migration", "backfills_large", "list", "UPDATE or DELETE of a large table in one statement: the same", []),
    ("migration", "sets_lock_timeout", "bool", "it sets lock_timeout itself", False),
    ("migration", "sets_statement_timeout", "bool", "it sets statement_timeout itself", False),
    # -- locks, on production --------------------------------------------------------------------------------
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
    # -- role, on production -----------------------------------------------------------------------------------
    (
        "role",
        "missing",
        "list",
        "rights the statements need and the role lacks: [{kind, object, privilege, sql, grant_sql, file, line, owner}]; kind: "
        "owner, schema_create, schema_usage, table, sequence, references, database, extension, superuser, membership, "
        "other",
        [
            {
                "kind": "owner",
                "object": "public.orders",
                "privilege": "ownership",
                "sql": "ALTER TABLE orders ...",
                "grant_sql": "GRANT app_owner TO deploy;",
                "file": "0007.sql",
                "line": 3,
                "owner": "app_owner",
            }
        ],
    ),
    ("role", "missing_kinds", "list", "the kinds among them", ["owner"]),
    ("role", "missing_on_local", "list", "the same kinds on the local side", []),
    ("role", "unknown", "list", "rights that could not be checked: descriptions", []),
    # -- schema ------------------------------------------------------------------------------------------------
    (
        "schema",
        "already_there",
        "list",
        "objects the migration creates that production has already: "
        "[{kind, name, relation, same_on_local, valid, building, optional, sql, file, line}]",
        [
            {
                "kind": "column",
                "name": "email",
                "relation": "public.orders",
                "same_on_local": True,
                "valid": True,
                "sql": "ALTER TABLE ...",
                "file": "0007.sql",
                "line": 3,
            }
        ],
    ),
    (
        "schema",
        "not_there",
        "list",
        "objects the migration uses that production lacks: "
        "[{kind, name, relation, on_local, elsewhere, similar, sql, file, line}]; "
        "elsewhere: schemas that have it, similar: names that differ only in case",
        [
            {
                "kind": "table",
                "name": "orders",
                "relation": "",
                "on_local": True,
                "elsewhere": [],
                "similar": [],
                "sql": "ALTER TABLE orders ...",
                "file": "0007.sql",
                "line": 3,
            }
        ],
    ),
    (
        "schema",
        "missing_extensions",
        "list",
        "extensions that bring names the migration uses, not created on production and not by the migration: "
        "[{extension, kind, name, available, on_local, sql, file, line}]",
        [
            {
                "extension": "citext",
                "kind": "type",
                "name": "citext",
                "available": True,
                "on_local": True,
                "sql": "ALTER TABLE customers ALTER email TYPE citext",
                "file": "0007.sql",
                "line": 3,
            }
        ],
    ),
    ("schema", "error_object_on_production", "bool", "the object that the error names exists on production", False),
    ("schema", "error_object_on_local", "bool", "it exists on local", True),
    ("schema", "error_object_elsewhere", "list", "schemas outside the search path that have it on production", []),
    (
        "schema",
        "error_object_extension",
        "str",
        "extension that provides it on local (or is known to), or none",
        "none",
    ),
    ("schema", "error_object_extension_installed", "bool", "that extension is installed on production", False),
    ("schema", "error_object_extension_available", "bool", "its files are on production's server", True),
    ("schema", "error_function_min_major", "int", "first major that has the function, 0 = none known to have it", 16),
    ("schema", "error_index_valid", "bool", "the index that the error or the failing statement names is valid", True),
    (
        "schema",
        "error_index_exists",
        "bool",
        "the index that the error or the failing statement names exists on production",
        True,
    ),
    (
        "schema",
        "error_column_dropped_by_migration",
        "bool",
        "the column or relation the error misses is one that the migration drops or renames",
        False,
    ),
    ("schema", "drift", "list", "differences between the sides in what the migration touches: sentences", []),
    (
        "schema",
        "dependants",
        "list",
        "objects on production that depend on what the migration changes: "
        "[{kind, description, relation, column, on_local}]",
        [],
    ),
    # -- migration history --------------------------------------------------------------------------------------
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
    ("history", "lock_held", "bool", "the tool's own lock (row or advisory) is held now", False),
    # -- what only a person can tell ------------------------------------------------------------------------------
    ("answer", "seen", "str", "what the engineer sees: failed, hanging, running, broken, planned", "failed"),
    ("answer", "client_alive", "str", "is the job that runs the migration still alive: yes, no", "yes"),
    ("answer", "error_from", "str", "who got the error: migration, application", "migration"),
    ("answer", "elapsed_matches_timeout", "str", "did it fail after the time statement_timeout allows: yes, no", "yes"),
    ("answer", "waited_for_lock", "str", "did anybody see it wait for a lock: yes, no", "no"),
    ("answer", "blocker_may_end", "str", "may the blocking session be ended: yes, no", "no"),
    ("answer", "object_made_by", "str", "who made the object that exists already: earlier_run, by_hand", "by_hand"),
    ("answer", "wrapped_in_transaction", "str", "does the runner wrap the file in a transaction: yes, no", "yes"),
    ("answer", "old_version_running", "str", "does an older version of the application still run: yes, no", "yes"),
)

SPECS: tuple[FactSpec, ...] = tuple(
    FactSpec(side, name, type_, meaning, sample) for side in SIDES for name, type_, meaning, sample in _SIDE
) + tuple(FactSpec(*row) for row in _OTHER)

BY_ID: Mapping[str, FactSpec] = {spec.id: spec for spec in SPECS}
GROUPS: Mapping[str, frozenset[str]] = {
    group: frozenset(s.name for s in SPECS if s.group == group) for group in dict.fromkeys(s.group for s in SPECS)
}


def samples() -> Iterator[tuple[str, Any]]:
    """Every fact id with its sample value."""
    return ((spec.id, spec.sample) for spec in SPECS)
