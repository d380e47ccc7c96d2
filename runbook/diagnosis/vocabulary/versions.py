"""Facts of the group versions: words that the two servers' majors understand differently."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    ("versions", "setting", "str", "the setting that a 42704 does not know, or empty", "transaction_timeout"),
    (
        "versions",
        "setting_since",
        "int",
        "the first major that has it; 0: none brought it, or all from 12 on have it",
        17,
    ),
    ("versions", "setting_until", "int", "the first major that lacks it again; 0: none", 0),
    ("versions", "setting_on_local", "bool", "local's server has that setting", True),
    (
        "versions",
        "removed",
        "list",
        "what the migration uses that a major between local and production took away: [{feature, kind, since, sqlstate, file, "
        "line, sql}]; kind: function, type, setting, column",
        [
            {
                "feature": "pg_start_backup",
                "kind": "function",
                "since": 15,
                "sqlstate": "42883",
                "file": "0007.sql",
                "line": 3,
                "sql": "SELECT pg_start_backup('release')",
            }
        ],
    ),
    (
        "versions",
        "error_removed",
        "str",
        "what the error misses, where a major between local and production took it away; or empty",
        "pg_start_backup",
    ),
    ("versions", "error_since", "int", "the major that took it away, or 0", 15),
    (
        "versions",
        "keyword",
        "str",
        "a word that the parser stumbled over (or will) and that one of the two majors reserves and the other does not",
        "system_user",
    ),
    ("versions", "keyword_reserved_by", "str", "production, local, or empty", "production"),
)
"""Group, name, type, meaning, sample."""
