"""Facts of the group provider: the managed service that runs production, and what it keeps for itself."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "provider",
        "key",
        "str",
        "rds, aurora, cloudsql, alloydb, azure, supabase, neon, heroku ...; none: no managed server",
        "rds",
    ),
    ("provider", "name", "str", "its name for people, or empty", "Amazon RDS"),
    ("provider", "admin", "str", "the role that customers get in place of a superuser, or empty", "rds_superuser"),
    ("provider", "admin_member", "bool", "the migration's role is that role, or a member of it", False),
    (
        "provider",
        "extension_trusted",
        "bool",
        "the extension that is refused is a trusted one: CREATE on the database is enough, also on a managed server",
        False,
    ),
    ("provider", "pooled_endpoint", "bool", "the address leads to the provider's own pooler", False),
    (
        "provider",
        "owned",
        "list",
        "objects that belong to a role of the provider and on which a right is missing: [{object, owner, privilege}]",
        [{"object": "storage.objects", "owner": "supabase_storage_admin", "privilege": "ownership"}],
    ),
    (
        "provider",
        "allowed_extensions",
        "list",
        "the extensions that the provider's setting allows; * all; empty: no list",
        ["citext"],
    ),
    (
        "provider",
        "refused_extensions",
        "list",
        "extensions that the migration creates and that are not among them",
        ["pg_trgm"],
    ),
)
"""Group, name, type, meaning, sample."""
