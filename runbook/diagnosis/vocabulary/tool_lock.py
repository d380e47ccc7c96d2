"""Facts of the group tool_lock: the migration tool's own lock, with which it keeps a second run out."""

from __future__ import annotations

from typing import Any

_HOLDER = {
    "pid": 3971,
    "backend_start": "2026-11-21T01:12:00.123456+00:00",
    "role": "deploy",
    "application_name": "prisma",
    "state": "idle",
    "query": "SELECT pg_advisory_lock(72707369)",
    "xact_age_s": 0.0,
    "state_age_s": 5220.0,
    "wait_event_type": "Client",
    "wait_event": "ClientRead",
    "backend_type": "client backend",
    "client": "10.0.0.7",
    "is_migration": False,
    "label": "prisma as deploy",
}

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "tool_lock",
        "kind",
        "str",
        "what a run of the tool would find held on production now: advisory (an advisory lock), row (a mark in the "
        "tool's lock table), or none",
        "advisory",
    ),
    ("tool_lock", "tool", "str", "whose lock that is, or empty: not known", "prisma"),
    ("tool_lock", "key", "int", "the advisory lock's 64-bit key; 0: none", 72707369),
    ("tool_lock", "key_known", "bool", "it is the key that this tool uses, not only one that is held", True),
    ("tool_lock", "holder", "record", "the session that holds the advisory lock", _HOLDER),
    ("tool_lock", "holder_is_migration", "bool", "it belongs to the run of the migration that is seen at work", False),
    ("tool_lock", "waiters", "int", "sessions that wait for that advisory lock", 1),
    (
        "tool_lock",
        "row",
        "record",
        "the mark: {table (qualified), column, locked_by, since (as stored)}",
        {
            "table": "public.databasechangeloglock",
            "column": "locked",
            "locked_by": "deploy-7f9c (10.0.0.7)",
            "since": "2026-11-21T01:12:00.123",
        },
    ),
    (
        "tool_lock",
        "row_sessions",
        "list",
        "sessions that may belong to whoever set the mark: from its host, or at work on the schema",
        [{**_HOLDER, "application_name": "liquibase", "state": "active"}],
    ),
)
"""Group, name, type, meaning, sample."""
