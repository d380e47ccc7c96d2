"""Facts of the group dependency: what stands in the way of the statement at fault."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "dependency",
        "blockers",
        "list",
        "objects that keep the statement at fault from changing or dropping something: "
        "[{kind, description, on_kind, on, on_name, on_local, named}]; kind: policy, trigger, view, generated column, constraint, "
        "function ...; on_kind: column, table, function, type, index ...; on_name: that object's name as SQL takes it; "
        "on_local: true, false or null (not known); "
        "named: error (the error names it), forecast or catalog (it depends on the same column)",
        [
            {
                "kind": "policy",
                "description": "policy tenant on table orders",
                "on_kind": "column",
                "on": "column status of table orders",
                "on_name": "status of table orders",
                "on_local": False,
                "named": "error",
            }
        ],
    ),
    (
        "dependency",
        "replaced",
        "list",
        "functions and views that the statement at fault finds where it says CREATE OR REPLACE: "
        "[{kind, name, production, local, same}]; production and local: their signature or columns, local may be empty; "
        "same: true, false or null (not known)",
        [
            {
                "kind": "function",
                "name": "public.total",
                "production": "FUNCTION public.total(a integer) RETURNS bigint",
                "local": "FUNCTION public.total(a integer) RETURNS integer",
                "same": False,
            }
        ],
    ),
    (
        "dependency",
        "foreign_keys",
        "list",
        "foreign keys that the statement at fault adds: [{child, columns, types, parent, referenced, referenced_types, "
        "referenced_types_local, problem, problem_local, near}]; problem: why production refuses it (no primary key, "
        "no unique key, a deferrable key, other types, another number of columns) or empty; problem_local: the same of "
        "local, or null; near: why an index over just these columns does not do, or empty",
        [
            {
                "child": "public.orders",
                "columns": ["customer_id"],
                "types": ["integer"],
                "parent": "public.customers",
                "referenced": ["id"],
                "referenced_types": ["uuid"],
                "referenced_types_local": ["integer"],
                "problem": "other types",
                "problem_local": "",
                "near": "",
            }
        ],
    ),
    (
        "dependency",
        "type_differences",
        "list",
        "columns that the statement at fault uses and that have another type on production: "
        "[{relation, column, local, production, in_error}]; in_error: the error names production's type",
        [{"relation": "public.orders", "column": "total", "local": "numeric", "production": "text", "in_error": True}],
    ),
    (
        "dependency",
        "lookalikes",
        "list",
        "those whose two types hold the same values and behave otherwise: the same, with {kind: json, exact, case, blanks; "
        "production_behaves, local_behaves}",
        [
            {
                "relation": "public.orders",
                "column": "payload",
                "local": "jsonb",
                "production": "json",
                "in_error": True,
                "kind": "json",
                "production_behaves": "has no equality and no index",
                "local_behaves": "has equality and indexes",
            }
        ],
    ),
    (
        "dependency",
        "partitioned",
        "list",
        "tables that the statement at fault uses and that are partitioned on production: "
        "[{relation, key, strategy, partitions, on_local}]; on_local: partitioned, not partitioned, not there, not known",
        [
            {
                "relation": "public.orders",
                "key": ["placed_at"],
                "strategy": "range",
                "partitions": 24,
                "on_local": "not partitioned",
            }
        ],
    ),
    (
        "dependency",
        "functions",
        "list",
        "functions that the statement at fault calls and that are not immutable on production: "
        "[{name, production, local}]; production: stable, volatile; local: immutable, stable, volatile, not known",
        [{"name": "public.normalize", "production": "volatile", "local": "immutable"}],
    ),
    (
        "dependency",
        "event_triggers",
        "list",
        "event triggers of production: [{name, event, function, owner, extension, enabled, fires, in_context, on_local}]; "
        "enabled: pg_event_trigger.evtenabled; fires: it is enabled and runs with the statement at fault "
        "(or, where that is not known, with one of the migration); "
        "in_context: the error's CONTEXT names its function; "
        "on_local: true, false or null (not known)",
        [
            {
                "name": "ddl_freeze",
                "event": "ddl_command_start",
                "function": "ops.refuse_ddl",
                "owner": "dba",
                "extension": "",
                "enabled": "O",
                "fires": True,
                "in_context": True,
                "on_local": False,
            }
        ],
    ),
    (
        "dependency",
        "database",
        "str",
        "the database that CREATE (as template), DROP or ALTER DATABASE needs for itself, or empty",
        "template1",
    ),
    (
        "dependency",
        "database_sessions",
        "list",
        "sessions in that database now: [{pid, role, application_name, client, state, age_s, query}]",
        [
            {
                "pid": 4711,
                "role": "app",
                "application_name": "web",
                "client": "10.0.0.7",
                "state": "idle",
                "age_s": 620.0,
                "query": "SELECT 1",
            }
        ],
    ),
    (
        "dependency",
        "named",
        "list",
        "tablespaces, collations, foreign servers, wrappers and user mappings that the error or the migration names: "
        "[{kind, name, in_error, on_production, on_local, similar}]; on_*: true, false or null (not known); "
        "similar: what production has in its place",
        [
            {
                "kind": "tablespace",
                "name": "fast_ssd",
                "in_error": True,
                "on_production": False,
                "on_local": True,
                "similar": ["fast"],
            }
        ],
    ),
    (
        "dependency",
        "leftovers",
        "list",
        "what pg_repack, pgroll or pg-osc left behind on production: [{tool, kind, name, relation, in_the_way}]; "
        "kind: table, column, trigger, index, constraint; in_the_way: the error names it, or what exists belongs to it",
        [
            {
                "tool": "pg_repack",
                "kind": "table",
                "name": "repack.log_16500",
                "relation": "repack.log_16500",
                "in_the_way": True,
            }
        ],
    ),
)
"""Group, name, type, meaning, sample."""
