"""How bad: lock x duration x who is affected (CONTRACT.md).

``danger``: it will fail, or readers or writers of a table in use stand still for long. ``warning``: they notice it.
``notice``: worth knowing. ``ok``: a strong lock for milliseconds on a table that is new, or small and idle, is no
alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

from runbook.migration.ast import is_node
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.conflicts import blocks_reads, blocks_writes
from runbook.migration.hazard_context import Context
from runbook.migration.result import Hazard, Severity, WaitsFor
from runbook.sql import split_qualified

RANK: dict[Severity, int] = {"ok": 0, "notice": 1, "warning": 2, "danger": 3}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Seconds that users of a table stand still, as likely as not."""

    notice_s: float = 0.2
    warning_s: float = 1.0
    danger_s: float = 5.0
    # A table of fewer bytes that nobody uses now is no one's outage.
    small_bytes: int = 16 * 1024 * 1024
    # More writes or index scans a second than this, or more since statistics began, and a table counts as in use.
    busy_per_s: float = 0.05
    busy_total: int = 1000
    # Sessions whose transactions are younger are gone before anyone notices.
    wait_notice_s: float = 1.0
    wait_danger_s: float = 10.0


DEFAULT = Thresholds()


def severity(
    context: Context, waits: tuple[WaitsFor, ...], risks: tuple[Hazard, ...], limits: Thresholds = DEFAULT
) -> Severity:
    """The worst of: certain failure, standing still, waiting in the queue, and what the hazards say by themselves."""
    found: list[Severity] = ["ok"]
    if context.fails is not None:
        found.append("danger" if context.fails.certain else "ok" if _nobody(context, limits) else "notice")
    if context.effects.confidence == "opaque":
        found.append("notice")
    for lock in context.effects.locks:
        if lock.pre_existing and (blocks_reads(lock.mode) or blocks_writes(lock.mode)):
            found.append(_standstill(context, lock.relation, limits))
    for key, held in context.held.items():
        if held.pre_existing and (blocks_reads(held.mode) or blocks_writes(held.mode)):
            relation = context.before.relations.get(key)
            if relation is None or in_use(relation, context.before, limits):
                found.append(_by_seconds(context.seconds.likely, limits))
    for wait in waits:
        found.append(_waiting(context, wait, limits))
    for risk in risks:
        level = OWN_WEIGHT.get(risk.id)
        if context.before.is_assumed and not context.effects.work and risk.id in _LONG:
            level = None if is_node(context.statement.node, "DropStmt") else "danger"
        if level is not None and not _nobody(context, limits):
            found.append(level)
    return max(found, key=RANK.__getitem__)


# Hazards that are one by what they are, not by how long they take. Source: shared/causes.yaml.
OWN_WEIGHT: dict[str, Severity] = {
    "old-code-uses-removed-column": "warning",
    "old-code-omits-new-column": "notice",
    "data-is-removed": "warning",
    "cascade-reaches-further": "warning",
    "statement-timeout": "warning",
    "unbatched-backfill": "warning",
    "not-allowed-in-transaction": "danger",
    "invalid-index": "warning",
    "publication-needs-replica-identity": "warning",
    "dirty-data-under-unvalidated-constraint": "notice",
    "production-only-trigger": "notice",
    "lock-queue-behind-waiting-ddl": "notice",
    "heavy-validate-or-build": "notice",
}


# With no server to ask some of these know no work whose seconds could be told: the tables are taken to be large.
_LONG = frozenset({"create-index-blocks-writes", "scan-under-exclusive-lock"})


def in_use(relation: Relation, catalog: Catalog, limits: Thresholds = DEFAULT) -> bool:
    """Whether somebody but us uses the relation: large, or busy. An assumed one is."""
    if relation.created_here:
        return False
    if catalog.is_assumed:
        return True
    if relation.bytes + relation.toast_bytes >= limits.small_bytes:
        return True
    if relation.writes_per_s is not None and relation.writes_per_s >= limits.busy_per_s:
        return True
    total = (relation.seq_scans or 0) + (relation.index_scans or 0) + (relation.writes or 0)
    rows = max(relation.rows, 0.0)
    return total >= limits.busy_total and total > 10 * rows


def _nobody(context: Context, limits: Thresholds) -> bool:
    """Whether every relation that the statement locks is new, or small and idle."""
    for key, _ in context.effects.modes:
        relation = context.before.relations.get(key)
        if relation is None:
            if context.before.is_assumed:
                return False
            continue
        table = context.before.relations.get(relation.of) if relation.of is not None else relation
        if table is not None and in_use(table, context.before, limits):
            return False
    return True


def _standstill(context: Context, qualified: str, limits: Thresholds) -> Severity:
    schema, name = split_qualified(qualified)
    relation = context.before.relations.get((schema or "", name))
    if relation is not None and relation.of is not None:
        if context.concurrent:
            return "ok"  # CONCURRENTLY locks an index only for a moment, once no query uses it
        relation = context.before.relations.get(relation.of, relation)
    if relation is not None and not in_use(relation, context.before, limits):
        return "ok" if context.seconds.likely < limits.warning_s else "notice"
    if relation is None and not context.before.is_assumed:
        return "ok"  # a TOAST table or an index of one: told by its table
    return _by_seconds(context.seconds.likely, limits)


def _by_seconds(seconds: float, limits: Thresholds) -> Severity:
    if seconds >= limits.danger_s:
        return "danger"
    if seconds >= limits.warning_s:
        return "warning"
    return "notice" if seconds >= limits.notice_s else "ok"


def _waiting(context: Context, wait: WaitsFor, limits: Thresholds) -> Severity:
    """A statement that waits makes everybody behind it wait as long, if its lock is one that they conflict with."""
    mode = next((k.mode for k in context.effects.locks if k.relation == wait.relation), "")
    age = wait.age_s if wait.age_s is not None else limits.wait_notice_s
    if age < limits.wait_notice_s and wait.pid != 0:
        return "ok"
    if not (blocks_reads(mode) or blocks_writes(mode)):
        return "notice"
    return "danger" if age >= limits.wait_danger_s or wait.pid == 0 else "warning"
