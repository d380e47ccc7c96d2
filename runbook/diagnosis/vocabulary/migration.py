"""Facts of the group migration: the migration."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
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
    (
        "migration",
        "zone_rewrites",
        "list",
        "statements that rewrite a table on production only because of its session's TimeZone: [{sql, file, line, relation, "
        "column, to_zoned (timestamp becomes timestamptz), zone, zone_local, rewrites_locally, rows, seconds, large}]",
        [
            {
                "sql": "ALTER TABLE orders ALTER COLUMN placed_at TYPE timestamptz",
                "file": "0007_zones.sql",
                "line": 1,
                "relation": "public.orders",
                "column": "placed_at",
                "to_zoned": True,
                "zone": "Europe/Berlin",
                "zone_local": "UTC",
                "rewrites_locally": False,
                "rows": 39_000_000,
                "seconds": 210.0,
                "large": True,
            }
        ],
    ),
    ("migration", "scans_large", "list", "statements that scan a large table under ACCESS EXCLUSIVE: the same", []),
    ("migration", "builds_large", "list", "plain index builds on a large table: the same", []),
    ("migration", "backfills_large", "list", "UPDATE or DELETE of a large table in one statement: the same", []),
    ("migration", "sets_lock_timeout", "bool", "it sets lock_timeout itself", False),
    ("migration", "sets_statement_timeout", "bool", "it sets statement_timeout itself", False),
)
"""Group, name, type, meaning, sample."""
