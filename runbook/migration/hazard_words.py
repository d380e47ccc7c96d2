"""What each hazard is called and what to do instead: the rules that reports, editors and ignores name.

Ids of causes are those of the catalogue (playbooks/ID.md tells the whole story); the rest are the checks' own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """``title``: what is wrong. ``instead``: what to do about it, in general; a finding brings the SQL for its statement.

    ``failure``: the statement fails, or may. ``server_only``: only a server that is asked can show it, so that nothing
    follows from its absence where none was.
    """

    title: str
    instead: str
    failure: bool = False
    server_only: bool = False


_IN_BATCHES = "Change the rows in batches along the primary key, each batch in a transaction of its own."
_NOT_VALID = "Add the constraint NOT VALID, and VALIDATE it in a later transaction, which lets others read and write."
_GRANT = "Have the right granted, or run the migration as the role that has it."
_ROWS = "Look for the offending rows with the query that the forecast shows, and repair them before the migration runs."
_EXPAND = "Deploy code that works before and after the change first, and change the schema in a later release."

HAZARDS: dict[str, Words] = {
    # Locks held while rows are read or written
    "table-rewrite": Words(
        "The statement rewrites the whole table under ACCESS EXCLUSIVE",
        "Add a new column of the new type, keep it in step with a trigger, fill it in batches, and swap the names.",
    ),
    "rewrite-depends-on-timezone": Words(
        "The table is rewritten only because of the session's TimeZone",
        "Run the statement in a session with SET TimeZone = 'UTC'.",
        server_only=True,
    ),
    "scan-under-exclusive-lock": Words("The statement reads the whole table under ACCESS EXCLUSIVE", _NOT_VALID),
    "foreign-key-locks-parent": Words("A foreign key stops writes to both tables while it is checked", _NOT_VALID),
    "create-index-blocks-writes": Words(
        "A plain index build stops all writes to the table",
        "Use CREATE INDEX CONCURRENTLY (DROP INDEX CONCURRENTLY, REINDEX CONCURRENTLY), outside a transaction.",
    ),
    "heavy-validate-or-build": Words(
        "The whole table is read; nobody waits, the server works",
        "Run it when there is little traffic, and watch the replicas.",
    ),
    "exclusive-maintenance": Words(
        "Maintenance that keeps everybody off the table",
        "Use REFRESH MATERIALIZED VIEW CONCURRENTLY, plain VACUUM, or pg_repack; else plan a pause.",
    ),
    "unbatched-backfill": Words("One UPDATE or DELETE of the whole table holds its row locks to the end", _IN_BATCHES),
    "production-only-trigger": Words(
        "A trigger fires for each row of a large change",
        "Know what the trigger does for each row, and change the rows in batches.",
        server_only=True,
    ),
    "locks-accumulate-in-one-transaction": Words(
        "One transaction holds strong locks while more is done",
        "Put each change that locks a table in use into a file of its own.",
    ),
    "lock-queue-behind-waiting-ddl": Words(
        "Without lock_timeout a statement that waits blocks everybody behind it",
        "SET lock_timeout = '2s' before the statement, and try again when it expires.",
    ),
    "invalid-index": Words(
        "IF NOT EXISTS keeps an invalid index that an earlier build left behind",
        "DROP INDEX CONCURRENTLY the invalid index, and build it anew.",
        server_only=True,
    ),
    # Code and replicas that rely on what changes
    "old-code-uses-removed-column": Words("Running code still uses a column or table that is taken away", _EXPAND),
    "old-code-omits-new-column": Words("Running code inserts rows without a value that becomes mandatory", _EXPAND),
    "publication-needs-replica-identity": Words(
        "A published table loses its replica identity: UPDATE and DELETE will fail",
        "Set REPLICA IDENTITY to another unique index, or to FULL, before the key is dropped.",
        server_only=True,
    ),
    "dirty-data-under-unvalidated-constraint": Words(
        "Rows written meanwhile are not checked",
        "Enable the triggers again in the same transaction, and check the rows that were written meanwhile.",
    ),
    "data-is-removed": Words(
        "Rows are removed that only a backup brings back",
        "Let code stop using them first, take a copy that can be restored, and remove them in a later release.",
    ),
    "cascade-reaches-further": Words(
        "CASCADE reaches objects or rows that the statement does not name",
        "Name what is to go: drop or change each dependent object by itself.",
        server_only=True,
    ),
    "statement-timeout": Words(
        "statement_timeout is shorter than the statement is likely to take",
        "SET statement_timeout = 0 for this statement, in its own session, and keep a lock_timeout.",
    ),
    # Failures
    "not-allowed-in-transaction": Words(
        "A statement that cannot run inside the tool's transaction",
        "Put it into a file of its own, with the mark by which the tool runs it outside a transaction.",
        failure=True,
    ),
    "enum-value-used-in-same-transaction": Words(
        "A new enum value is used before the transaction that adds it has committed",
        "Add the value in one file, and use it in the next.",
        failure=True,
    ),
    "object-already-exists": Words(
        "What the migration creates exists already",
        "Find out who made it and whether it is the same, before IF NOT EXISTS hides the difference.",
        failure=True,
    ),
    "missing-object": Words(
        "An object that the migration relies on does not exist",
        "Run the migration that creates it first, or name its schema.",
        failure=True,
    ),
    "dependent-object": Words(
        "Something depends on what is dropped or changed",
        "Change or drop what depends on it first, by name; CASCADE drops what you have not seen.",
        failure=True,
    ),
    "foreign-key-target-mismatch": Words(
        "A foreign key points at columns that are not unique",
        "Add a unique constraint on the referenced columns first.",
        failure=True,
    ),
    "needs-newer-major": Words(
        "The SQL needs a newer PostgreSQL", "Write it as this major knows it, or upgrade first.", failure=True
    ),
    "function-needs-newer-major": Words(
        "A function that this PostgreSQL does not have yet",
        "Use what this major offers, or upgrade first.",
        failure=True,
    ),
    "extension-not-available": Words(
        "The extension's files are not on the server",
        "Have the package installed on the server first.",
        failure=True,
        server_only=True,
    ),
    "lock-table-full": Words(
        "The transaction locks more relations than the lock table has room for",
        "Touch fewer partitions in a transaction, or raise max_locks_per_transaction and restart.",
        failure=True,
        server_only=True,
    ),
    "not-null-violation": Words("NULLs in existing rows break NOT NULL", _ROWS, failure=True),
    "foreign-key-violation": Words("Orphans in existing rows break a new foreign key", _ROWS, failure=True),
    "unique-violation-existing-duplicates": Words(
        "Duplicates in existing rows break a new unique index", _ROWS, failure=True
    ),
    "check-violation": Words("Existing rows break a new CHECK, EXCLUDE or domain constraint", _ROWS, failure=True),
    "exclusion-violation": Words("Existing rows break a new exclusion constraint", _ROWS, failure=True),
    "value-too-long": Words("Existing values are too long for the new type", _ROWS, failure=True),
    "numeric-out-of-range": Words("Existing values do not fit the new type", _ROWS, failure=True),
    "invalid-data-for-type": Words("Existing values cannot be read as the new type", _ROWS, failure=True),
    "not-object-owner": Words(
        "The migration's role does not own what it changes", _GRANT, failure=True, server_only=True
    ),
    "no-create-on-schema": Words(
        "The migration's role may not create in the schema", _GRANT, failure=True, server_only=True
    ),
    "no-usage-on-schema": Words("The migration's role may not use the schema", _GRANT, failure=True, server_only=True),
    "missing-table-privilege": Words(
        "A privilege on a table, column or sequence is missing", _GRANT, failure=True, server_only=True
    ),
    "no-references-privilege": Words(
        "The right to reference a table is missing", _GRANT, failure=True, server_only=True
    ),
    "extension-needs-superuser": Words(
        "The migration's role may not create the extension", _GRANT, failure=True, server_only=True
    ),
    "cannot-set-role": Words("The migration's role may not become another one", _GRANT, failure=True, server_only=True),
    "needs-superuser": Words("Only a superuser may do this", _GRANT, failure=True, server_only=True),
    # What no playbook is about
    "statement-fails": Words(
        "The statement fails, or may fail", "Correct it: the message is the server's own.", failure=True
    ),
    "waits-for-lock-now": Words(
        "A session holds now what this statement would wait for",
        "Let that session end its transaction first; `runbook triage` shows who it is.",
        server_only=True,
    ),
    "lock-blocks-queries": Words(
        "Others wait while the statement holds its locks",
        "Do less under the lock: split the statement, or the transaction.",
    ),
    "not-analysed": Words(
        "The statement could not be analysed",
        "Read it: SQL that is built at run time can take any lock. Write it as plain statements where that is possible.",
    ),
    "does-not-parse": Words(
        "The SQL cannot be read",
        "Correct it. A psql script's variables are not known here: give the file with their values put in.",
        failure=True,
    ),
    "file-problem": Words("The file is not as its tool wants it", "Correct the file, or name its tool with --runner."),
}
"""Every id that a finding about a migration can have."""

FAILURES = frozenset(id_ for id_, words in HAZARDS.items() if words.failure)

WITHOUT_PLAYBOOK = frozenset(
    {
        "cannot-set-role",
        "cascade-reaches-further",
        "data-is-removed",
        "dependent-object",
        "dirty-data-under-unvalidated-constraint",
        "does-not-parse",
        "enum-value-used-in-same-transaction",
        "exclusion-violation",
        "exclusive-maintenance",
        "file-problem",
        "foreign-key-locks-parent",
        "foreign-key-target-mismatch",
        "heavy-validate-or-build",
        "invalid-data-for-type",
        "lock-blocks-queries",
        "lock-table-full",
        "locks-accumulate-in-one-transaction",
        "needs-superuser",
        "no-references-privilege",
        "not-analysed",
        "numeric-out-of-range",
        "old-code-omits-new-column",
        "production-only-trigger",
        "publication-needs-replica-identity",
        "statement-fails",
        "value-too-long",
        "waits-for-lock-now",
    }
)
"""Ids that no shipped playbook is named after."""
