"""Facts of the group waits: what the migration waits for beyond who stands in front of it, and how far that has come."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "waits",
        "blocker_progress",
        "record",
        "pg_stat_progress_* of the session in the migration's way: {command, phase, done, total, percent}",
        {"command": "VACUUM", "phase": "scanning heap", "done": 41_200, "total": 1_340_000, "percent": 3.1},
    ),
    (
        "waits",
        "blocker_command",
        "str",
        "which maintenance or DDL command that session runs: VACUUM, ANALYZE, CREATE INDEX CONCURRENTLY, "
        "VALIDATE CONSTRAINT, ALTER TABLE, DDL (any other) ...; empty: none of these",
        "VACUUM",
    ),
    (
        "waits",
        "blocker_exclusive",
        "bool",
        "it holds ACCESS EXCLUSIVE or EXCLUSIVE on what is waited for: others than migrations wait for it too",
        False,
    ),
    ("waits", "blocker_tables", "int", "tables on which that session holds a lock (as far as they were read)", 312),
    ("waits", "frozen_age", "int", "age(relfrozenxid) of the table that is in the way, transactions", 213_000_000),
    ("waits", "freeze_limit", "int", "autovacuum_freeze_max_age that holds for that table, transactions", 200_000_000),
)
"""Group, name, type, meaning, sample."""
