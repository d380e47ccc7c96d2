"""Facts of the group history: migration history."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
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
)
"""Group, name, type, meaning, sample."""
