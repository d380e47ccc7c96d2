"""Facts of the group target: whether the database that was reached is the one that was meant."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    ("target", "tables_local", "int", "tables that local has, without those of extensions and of the migration", 24),
    ("target", "tables_shared", "int", "how many of their names production's database has, in any schema", 0),
    ("target", "tables", "int", "tables of production's database, without those of extensions", 0),
    (
        "target",
        "strange",
        "bool",
        "production's database has none of local's tables, or one in ten; without a local side: it has no table at all",
        True,
    ),
    (
        "target",
        "other",
        "str",
        "another database of the same server that looks like the one that was meant; empty: none does",
        "shop",
    ),
    (
        "target",
        "other_sign",
        "str",
        "why: same_name (it is called as local's), default_name (ours is called postgres, or as the role: what a client takes "
        "that was told no name), busy (it alone has sessions and writes); empty: none",
        "default_name",
    ),
    (
        "target",
        "databases",
        "list",
        "the server's databases that take connections: [{name, ours, may_connect, sessions, rows_written}]",
        [
            {"name": "postgres", "ours": True, "may_connect": True, "sessions": 1, "rows_written": 12},
            {"name": "shop", "ours": False, "may_connect": True, "sessions": 48, "rows_written": 90_200_000},
        ],
    ),
    ("target", "sessions", "int", "client sessions in production's database now, without our own", 0),
    (
        "target",
        "history_lacks",
        "bool",
        "local has a migration tool's history with rows, production's database has none",
        True,
    ),
)
"""Group, name, type, meaning, sample."""
