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
        "clients",
        "list",
        "client sessions of production's database by application and role: "
        "[{application_name, role, count, idle, oldest_s}]; oldest_s: seconds since the oldest of them connected, or null",
        [{"application_name": "web", "role": "app", "count": 20, "idle": 18, "oldest_s": 86400.0}],
    ),
)
"""Group, name, type, meaning, sample."""
