"""Facts of the group role: role, on production."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
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
)
"""Group, name, type, meaning, sample."""
