"""Where no safe sequence is generated: why, in one sentence, and what people do instead."""

from __future__ import annotations

from runbook.migration.ast import alter_commands, column_spec, constraint_spec, enum_name, is_node
from runbook.migration.model import Statement

_BY_COMMAND = {
    "AT_SetTableSpace": "Every page must be copied under the lock: pg_repack --tablespace moves a table in use, "
    "or plan a pause.",
    "AT_SetLogged": "Every page must be written to the WAL under the lock: copy the rows in batches into a logged "
    "table, and swap the names.",
    "AT_SetUnLogged": "The table is rewritten under the lock: copy the rows in batches into an unlogged table, "
    "and swap the names.",
    "AT_SetExpression": "Every row is computed anew under the lock: add a second column with the new expression kept "
    "by a trigger, fill it in batches, and let code move to it.",
    "AT_AlterColumnType": "A view, policy, generated column, partition or child depends on the column, an index of it has "
    "an expression, WHERE, order or options, it has rights or a comment of its own, or the table has no key to walk along: "
    "add a column of the new type with all that hangs on the old one, keep it in step by a trigger, fill it in batches, "
    "and swap the names.",
    "AT_AttachPartition": "Add a valid CHECK that implies the partition's bound first (NOT VALID, then VALIDATE), and one "
    "on the default partition that excludes it: then neither is read under the lock.",
}
_MAINTENANCE = {
    "VacuumStmt": "VACUUM FULL cannot do without its lock: plain VACUUM makes the room usable again, pg_repack gives it "
    "back to the disk while the table is in use.",
    "ClusterStmt": "CLUSTER cannot do without its lock: pg_repack orders a table while it is in use, or plan a pause.",
    "RefreshMatViewStmt": "REFRESH CONCURRENTLY needs a unique index over plain columns without WHERE on the materialized "
    "view: create one first.",
}
_BY_HAZARD = {
    "data-is-removed": "No form of it keeps the rows: rename the table away first, and drop or empty it when nobody "
    "has missed it.",
    "unbatched-backfill": "No key to walk along, or rows of other tables decide: choose batches by hand with a WHERE that "
    "becomes false once a row is done, each batch in a transaction of its own.",
    "old-code-uses-removed-column": "Both names cannot stand at once here: deploy code that works with either, then "
    "change the schema, then remove what the old code needed.",
}


def no_safe_form(statement: Statement, hazard: str) -> str | None:
    """Why there is no sequence for this statement and what to do; None where nothing is known to say."""
    node = statement.node
    if hazard in _BY_HAZARD:
        return _BY_HAZARD[hazard]
    if hazard == "exclusive-maintenance":
        return next((words for name, words in _MAINTENANCE.items() if is_node(node, name)), None)
    if hazard not in ("table-rewrite", "scan-under-exclusive-lock", "create-index-blocks-writes"):
        return None
    if is_node(node, "IndexStmt", "ReindexStmt"):
        return (
            "Partitions below partitions, or several relations at once, are done by hand: CREATE INDEX ... ON ONLY the "
            "parent, CONCURRENTLY on each leaf, then ATTACH PARTITION from the leaves up; REINDEX CONCURRENTLY one by one."
        )
    for command in alter_commands(node):
        if command.type in _BY_COMMAND:
            return _BY_COMMAND[command.type]
        if command.type == "AT_AddColumn":
            spec = column_spec(command.definition)
            if spec.constraint("generated"):
                return (
                    "A stored generated column is computed for every row under the lock: use a plain column kept by a "
                    "trigger and filled in batches, or from 18 on a VIRTUAL one."
                )
            if spec.constraint("identity"):
                return (
                    "An identity column is numbered in every row under the lock: add a nullable bigint with a sequence's "
                    "nextval() as default, fill it in batches, set NOT NULL, then ADD GENERATED ... AS IDENTITY."
                )
            return "The old rows can be filled in batches only along a key: give the table a primary key first."
        if command.type == "AT_AddConstraint":
            constraint = constraint_spec(command.definition)
            if constraint is not None and constraint.kind == "x":
                return (
                    "An exclusion constraint cannot be NOT VALID nor take an index built beforehand: plan a pause, or "
                    "add it to a new table and move the rows in batches."
                )
            if constraint is not None and constraint.kind in ("u", "p"):
                return (
                    "On a partitioned table, or with NULLS NOT DISTINCT or WITHOUT OVERLAPS: build the unique index "
                    "CONCURRENTLY on each partition, CREATE UNIQUE INDEX ... ON ONLY the parent, and ATTACH them."
                )
    if is_node(node, "DropStmt") and enum_name(node, "remove_type") == "OBJECT_INDEX":
        return "DROP INDEX CONCURRENTLY takes one index and no CASCADE: drop them one by one."
    return None
