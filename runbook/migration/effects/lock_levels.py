"""Lock modes of ALTER TABLE's subcommands and of storage parameters, as tables.

Sources: AlterTableGetLockLevel (src/backend/commands/tablecmds.c) and reloptions.c of PostgreSQL 12-18.
"""

from __future__ import annotations

from collections.abc import Mapping

from runbook.migration.effects.scene import AX, SRX, SUX

DEFAULT_LEVEL = AX

LEVELS: Mapping[str, str] = {
    "AT_SetStatistics": SUX,
    "AT_SetOptions": SUX,
    "AT_ResetOptions": SUX,
    "AT_ClusterOn": SUX,
    "AT_DropCluster": SUX,
    "AT_ValidateConstraint": SUX,
    "AT_AttachPartition": SUX,
    "AT_DetachPartitionFinalize": SUX,
    "AT_EnableTrig": SRX,
    "AT_EnableAlwaysTrig": SRX,
    "AT_EnableReplicaTrig": SRX,
    "AT_EnableTrigAll": SRX,
    "AT_EnableTrigUser": SRX,
    "AT_DisableTrig": SRX,
    "AT_DisableTrigAll": SRX,
    "AT_DisableTrigUser": SRX,
}
"""On the table itself. What is not here takes AccessExclusiveLock."""

OPTION_LEVELS: Mapping[str, str] = {
    "user_catalog_table": AX,
    "fastupdate": AX,
    "autosummarize": AX,
    "gin_pending_list_limit": AX,
    "pages_per_range": AX,
    "buffering": AX,
    "security_barrier": AX,
    "security_invoker": AX,
    "check_option": AX,
}
"""Storage parameters whose change takes AccessExclusiveLock; every other one takes ShareUpdateExclusiveLock."""

OPTION_SINCE: Mapping[str, int] = {
    "autovacuum_vacuum_insert_threshold": 13,
    "autovacuum_vacuum_insert_scale_factor": 13,
    "deduplicate_items": 13,
    "security_invoker": 15,
    "autovacuum_vacuum_max_threshold": 18,
    "vacuum_max_eager_freeze_failure_rate": 18,
}
"""The first major that knows a storage parameter, of those added since 12. Older ones refuse it: 22023."""

# Subcommands that go on to partitions and inheriting tables. Source: ATPrepCmd and the ATExec functions.
RECURSES = frozenset(
    {
        "AT_AddColumn",
        "AT_DropColumn",
        "AT_ColumnDefault",
        "AT_SetNotNull",
        "AT_DropNotNull",
        "AT_AlterColumnType",
        "AT_SetStatistics",
        "AT_SetStorage",
        "AT_SetCompression",
        "AT_SetExpression",
        "AT_DropExpression",
        "AT_DropConstraint",
    }
)
# Those that go on to partitions only.
RECURSES_PARTITIONED = frozenset(
    {
        "AT_EnableTrig",
        "AT_EnableAlwaysTrig",
        "AT_EnableReplicaTrig",
        "AT_EnableTrigAll",
        "AT_EnableTrigUser",
        "AT_DisableTrig",
        "AT_DisableTrigAll",
        "AT_DisableTrigUser",
        "AT_AlterConstraint",
    }
)
IDENTITY_RECURSES = 17
"""From this major identity columns of partitioned tables are shared with their partitions."""
