"""Facts of the group answer: what only a person can tell."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    ("answer", "seen", "str", "what the engineer sees: failed, hanging, running, broken, planned", "failed"),
    ("answer", "client_alive", "str", "is the job that runs the migration still alive: yes, no", "yes"),
    ("answer", "error_from", "str", "who got the error: migration, application", "migration"),
    ("answer", "elapsed_matches_timeout", "str", "did it fail after the time statement_timeout allows: yes, no", "yes"),
    ("answer", "ended_by", "str", "who ended the job or its query: deadline, client, person, nobody", "deadline"),
    ("answer", "waited_for_lock", "str", "did anybody see it wait for a lock: yes, no", "no"),
    (
        "answer",
        "volume_full",
        "str",
        "which volume of production's server is (nearly) full: wal, data, both, no",
        "both",
    ),
    (
        "answer",
        "crash_signal",
        "str",
        "how the server's log says that one of its processes ended: killed (signal 9), other (another signal, PANIC), none",
        "killed",
    ),
    ("answer", "same_database", "str", "is it the database that the application uses: yes, no", "no"),
    ("answer", "pool_mode", "str", "how the pooler lends its connections: transaction, session", "transaction"),
    ("answer", "blocker_may_end", "str", "may the blocking session be ended: yes, no", "no"),
    ("answer", "object_made_by", "str", "who made the object that exists already: earlier_run, by_hand", "by_hand"),
    ("answer", "wrapped_in_transaction", "str", "does the runner wrap the file in a transaction: yes, no", "yes"),
    ("answer", "subscriber_has_change", "str", "do the subscribers have the migration's change already: yes, no", "no"),
    ("answer", "other_run", "str", "is another run of the migrations at work: yes, no", "no"),
    ("answer", "old_version_running", "str", "does an older version of the application still run: yes, no", "yes"),
)
"""Group, name, type, meaning, sample."""
