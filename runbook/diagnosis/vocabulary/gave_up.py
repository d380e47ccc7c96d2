"""Facts of the group gave_up: who ended the migration's client or its connection, when it was not the server."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "gave_up",
        "who",
        "str",
        "as the job's output or the server's log tells: runner (the time of the job was up), client (driver, ORM or pooler "
        "gave up on the statement), memory (the client's container had no more), vanished (nobody was left at the other "
        "end), killed (by a signal), none (nothing tells)",
        "runner",
    ),
    ("gave_up", "tool", "str", "whose words these are, or empty", "GitHub Actions"),
    (
        "gave_up",
        "words",
        "str",
        "the line that says so, or empty",
        "The action 'Migrate' has timed out after 10 minutes.",
    ),
    ("gave_up", "after_s", "float", "the limit that it names, seconds; 0: it names none", 600.0),
    (
        "gave_up",
        "lost",
        "str",
        "how an open connection broke: timed_out (nobody answered any more), reset (refused in the middle), closed (the "
        "stream just ended); none: it did not break, or nothing tells",
        "timed_out",
    ),
    (
        "gave_up",
        "done",
        "list",
        "statements of the file at hand whose effect production's schema shows now: [{sql, file, line}]",
        [{"sql": "CREATE INDEX orders_email_idx ON orders (email)", "file": "0007_index.sql", "line": 1}],
    ),
    (
        "gave_up",
        "left",
        "list",
        "those whose effect it does not show: [{sql, file, line}]",
        [{"sql": "ALTER TABLE orders ADD COLUMN region text", "file": "0007_index.sql", "line": 2}],
    ),
    (
        "gave_up",
        "finished",
        "bool",
        "the statement of the error (where it is not known: the file's last one) has taken effect, by the schema",
        True,
    ),
    (
        "gave_up",
        "keepalive_s",
        "int",
        "production's tcp_keepalives_idle: after so many seconds of silence its server shows that it is there; 0: the "
        "operating system decides, after 7200 on Linux",
        0,
    ),
)
"""Group, name, type, meaning, sample."""
