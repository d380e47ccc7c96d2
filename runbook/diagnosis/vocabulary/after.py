"""Facts of the group after: what the migration, once applied, asks of code that was there before it."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "after",
        "required_columns",
        "list",
        "columns that the migration adds or makes NOT NULL, and that production now demands without a default: "
        "[{relation, column, name, added}]; column: quoted where needed, name: as stored",
        [{"relation": "public.orders", "column": "region", "name": "region", "added": True}],
    ),
    (
        "after",
        "changed_relations",
        "list",
        "relations whose columns the migration adds, drops, renames or gives another type: schema.name",
        ["public.orders"],
    ),
    (
        "after",
        "unlogged",
        "list",
        "tables that the migration sets UNLOGGED and does not set LOGGED again: [{relation, now, rows, on_local}]; now: "
        "unlogged on production, or logged (not run yet); rows: production's estimate, -1 not known; on_local: unlogged, "
        "logged or not known",
        [{"relation": "public.orders", "now": "unlogged", "rows": 39_000_000, "on_local": "unlogged"}],
    ),
    (
        "after",
        "stale_statistics",
        "list",
        "tables that the migration changes and about whose rows the planner knows too little on production: [{relation, "
        "why, rows, modified, last_analyze_s, columns, expressions, autovacuum}]; why, the weightiest: type changed, rows "
        "changed, expression indexed, column added; modified: rows changed since ANALYZE, 0 if few; last_analyze_s: its "
        "age, or null; columns: those without statistics that it adds or gives another type; expressions: indexes whose "
        "expressions have none; autovacuum: on, off, off for the table, never (a partitioned table)",
        [
            {
                "relation": "public.orders",
                "why": "type changed",
                "rows": 39_000_000,
                "modified": 0,
                "last_analyze_s": 86_400.0,
                "columns": ["customer_id"],
                "expressions": [],
                "autovacuum": "on",
            }
        ],
    ),
    (
        "after",
        "bloated",
        "list",
        "tables that the migration changes and that hold many dead rows, or take far more room than their rows need: "
        "[{relation, why, rows, dead, bytes, wasted_bytes, last_vacuum_s, autovacuum}]; why: dead rows, or (after a "
        "vacuum) empty pages; bytes: with indexes and TOAST; "
        "wasted_bytes: an estimate for the table alone, 0 where there is none; autovacuum: on, off, off for the table",
        [
            {
                "relation": "public.orders",
                "why": "dead rows",
                "rows": 39_000_000,
                "dead": 38_500_000,
                "bytes": 29_000_000_000,
                "wasted_bytes": 11_000_000_000,
                "last_vacuum_s": 172_800.0,
                "autovacuum": "on",
            }
        ],
    ),
    (
        "after",
        "on_old",
        "list",
        "what stays with the old definition on production when the migration swaps, renames or drops: [{why, kind, what, "
        "relation, old, name, new_name, done, in_error}]; why: reads the old table (a view, matview, function, rule or "
        "foreign key that follows the old table to its new name, old), names what is gone (a function or procedure whose "
        "text has name, which the migration drops or renames to new_name); relation: the name that is meant; done: it is "
        "so already, not only after the run; in_error: CONTEXT of the error names it",
        [
            {
                "why": "reads the old table",
                "kind": "view",
                "what": "public.bi_orders",
                "relation": "public.orders",
                "old": "public.orders_old",
                "name": "",
                "new_name": "",
                "done": True,
                "in_error": False,
            }
        ],
    ),
    (
        "after",
        "lost_type",
        "int",
        "OID of the type that the error does not find (cache lookup failed for type N); 0: it is no such error",
        16_388,
    ),
    ("after", "lost_type_exists", "bool", "production's user types have one with that OID", False),
    (
        "after",
        "dropped_types",
        "list",
        "types and extensions that the migration drops: [{name, kind, made_again}]; kind: type, domain, extension; name: "
        "as it was before the migration renamed it; made_again: the migration makes one of that name",
        [{"name": "order_status", "kind": "type", "made_again": True}],
    ),
    (
        "after",
        "horizon",
        "list",
        "who holds back what vacuum may remove in production's database, for more than a minute, oldest first: "
        "[{kind, name, pid, age_s}]; kind: session, prepared transaction, replication slot, standby; pid 0: none; "
        "age_s: null where it is not known",
        [{"kind": "session", "name": "4182", "pid": 4182, "age_s": 1500.0}],
    ),
    (
        "after",
        "clients",
        "list",
        "client sessions of production's database by application and role: "
        "[{application_name, role, count, idle, oldest_s}]; oldest_s: seconds since the oldest of them connected, or null",
        [{"application_name": "web", "role": "app", "count": 20, "idle": 18, "oldest_s": 86400.0}],
    ),
)
"""Group, name, type, meaning, sample."""
