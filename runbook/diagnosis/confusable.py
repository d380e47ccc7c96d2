"""Groups of causes that look alike to the client: each member needs evidence of its own.

Source: the table "The same text, different causes" of the project's diagnosis notes, measured on PostgreSQL 12-18.
"""

from __future__ import annotations

from collections.abc import Mapping

GROUPS: Mapping[str, tuple[str, ...]] = {
    "permission denied for table": (
        "missing-table-privilege",
        "missing-grant-on-new-object",
        "no-references-privilege",
        "rls-blocks-write",
    ),
    "must be owner of": ("not-object-owner", "provider-owned-schema"),
    "permission denied to create extension": ("extension-needs-superuser", "provider-admin-not-superuser"),
    "function does not exist": (
        "function-needs-newer-major",
        "extension-not-installed",
        "extension-in-other-schema",
        "extension-version-too-old",
        "search-path-difference",
        "type-semantics-differ",
        "function-ambiguous",
    ),
    "type does not exist": (
        "extension-not-installed",
        "extension-in-other-schema",
        "missing-object",
        "search-path-difference",
        "needs-newer-major",
    ),
    "already exists": (
        "object-already-exists",
        "partially-applied-migration",
        "invalid-index",
        "history-table-elsewhere",
        "concurrent-migrators",
        "object-name-differs",
        "orphaned-migration-session",
        "online-ddl-leftovers",
    ),
    "does not exist": (
        "missing-object",
        "object-name-differs",
        "search-path-difference",
        "connected-to-wrong-database",
        "old-code-uses-removed-column",
        "out-of-order-migration",
    ),
    "could not create unique index": (
        "unique-violation-existing-duplicates",
        "collation-version-mismatch",
        "corrupt-unique-index",
    ),
    "violates foreign key constraint": (
        "foreign-key-violation",
        "dirty-data-under-unvalidated-constraint",
        "lookup-value-missing",
    ),
    "statement timeout": ("statement-timeout", "statement-timeout-was-lock-wait"),
    "canceled by user request": ("cancelled-by-other-session", "client-side-timeout", "runner-deadline"),
    "read-only transaction": ("connected-to-standby", "read-only-default"),
    "no space left on device": (
        "disk-full",
        "wal-volume-fills-disk",
        "inactive-replication-slot",
        "shared-memory-too-small",
    ),
    "out of memory": ("lock-table-full", "out-of-memory"),
    "it hangs": (
        "lock-wait-long-running-query",
        "lock-wait-idle-in-transaction",
        "lock-wait-prepared-transaction",
        "lock-wait-wraparound-autovacuum",
        "lock-wait-backup",
        "lock-wait-maintenance",
        "lock-wait-blocker-chain",
        "lock-queue-behind-waiting-ddl",
        "cic-waits-old-snapshot",
        "cic-blocked-by-own-tool",
        "migration-lock-held",
        "orphaned-migration-session",
        "waiting-for-synchronous-standby",
        "logical-slot-waits",
        "setting-difference",
        "connection-saturation",
    ),
}
