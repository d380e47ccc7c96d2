"""Facts of the group replication: publications, subscribers, standbys and slots that the migration has to do with."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "replication",
        "unidentified",
        "list",
        "published tables that the error names, or that the migration updates or deletes from, whose rows nothing "
        "identifies for a subscriber: [{relation, publications, all_tables, identity, key, in_error, on_local}]; identity: "
        "default, nothing, full or index; key: a unique index that may serve as identity, or empty; on_local: identified, "
        "not published, not there, or empty (the same, or not known)",
        [
            {
                "relation": "public.events",
                "publications": ["cdc"],
                "all_tables": True,
                "identity": "default",
                "key": "events_uid_key",
                "in_error": True,
                "on_local": "not published",
            }
        ],
    ),
)
"""Group, name, type, meaning, sample."""
