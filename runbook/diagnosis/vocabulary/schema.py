"""Facts of the group schema: schema."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
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
)
"""Group, name, type, meaning, sample."""
