"""What can go wrong with a statement, in sentences; ids are those of the catalogue of causes (shared/causes.yaml)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from runbook.migration.ast import (
    alter_commands,
    column_spec,
    constant,
    enum_name,
    is_node,
    options,
    qualified,
    relations_used,
    strings,
    types_used,
    unwrap,
    walk,
)
from runbook.migration.catalog import Catalog, Relation, RelationKey
from runbook.migration.conflicts import blocks_reads, blocks_writes
from runbook.migration.effects.types import type_of_column, type_written
from runbook.migration.hazard_context import NOTICEABLE_S, Context, duration_words, hazard, size_words
from runbook.migration.hazards_of_loss import LOSS_RULES
from runbook.migration.model import Statement
from runbook.migration.result import Hazard
from runbook.sql import quote_qualified

# SQLSTATE of a forecast failure -> cause. Source: shared/causes.yaml.
FAILURES: dict[str, str] = {
    "25001": "not-allowed-in-transaction",
    "55P04": "enum-value-used-in-same-transaction",
    "42P07": "object-already-exists",
    "42701": "object-already-exists",
    "42710": "object-already-exists",
    "42P06": "object-already-exists",
    "42723": "object-already-exists",
    "42P01": "missing-object",
    "42703": "missing-object",
    "42704": "missing-object",
    "3F000": "missing-object",
    "23502": "not-null-violation",
    "23503": "foreign-key-violation",
    "23505": "unique-violation-existing-duplicates",
    "23514": "check-violation",
    "23P01": "exclusion-violation",
    "22001": "value-too-long",
    "22003": "numeric-out-of-range",
    "22P02": "invalid-data-for-type",
    "2BP01": "dependent-object",
    "42830": "foreign-key-target-mismatch",
    "53200": "lock-table-full",
    "58P01": "extension-not-available",
}


# The kind of right that is lacking -> cause. Source: shared/causes.yaml.
RIGHTS: dict[str, str] = {
    "owner": "not-object-owner",
    "schema_create": "no-create-on-schema",
    "schema_usage": "no-usage-on-schema",
    "table": "missing-table-privilege",
    "sequence": "missing-table-privilege",
    "references": "no-references-privilege",
    "extension": "extension-needs-superuser",
    "membership": "cannot-set-role",
    "superuser": "needs-superuser",
}


def hazards(context: Context) -> tuple[Hazard, ...]:
    """The hazards of a statement, each once, the gravest kind first."""
    found: dict[str, Hazard] = {}
    for rule in _RULES:
        for one in rule(context):
            found.setdefault(one.id, one)
    return tuple(found.values())


def _failure(context: Context) -> Iterator[Hazard]:
    fails = context.fails
    if fails is None:
        return
    if fails.sqlstate in ("42601", "42883", "22023", "0A000") and "needs PostgreSQL" in fails.because:
        function = fails.sqlstate == "42883"
        yield hazard(context, "function-needs-newer-major" if function else "needs-newer-major", fails.because)
        return
    if fails.sqlstate in ("0A000", "58P01") and "extension" in fails.because:
        yield hazard(context, "extension-not-available", fails.because)
        return
    if fails.sqlstate == "42501" and context.lacking is not None:
        lacking = context.lacking
        right = RIGHTS.get(lacking.need.kind, "missing-table-privilege")
        yield hazard(context, right, lacking.because, (lacking.grant_sql,) if lacking.grant_sql else None)
        return
    cause = FAILURES.get(fails.sqlstate)
    if cause is not None:
        word = "" if fails.certain else "depends on data: "
        yield hazard(context, cause, f"{word}{fails.because} ({fails.sqlstate})")


def _rewrite(context: Context) -> Iterator[Hazard]:
    if is_node(context.statement.node, "VacuumStmt", "ClusterStmt", "RefreshMatViewStmt"):
        return
    for work in context.effects.work:
        if work.kind == "rewrite" and not context.is_new(work.relation):
            name = quote_qualified(*work.relation)
            size = size_words(context, work.relation)
            because = f"{name} ({size}) is rewritten under AccessExclusiveLock: reads and writes wait for {duration_words(context)}"
            yield hazard(context, "table-rewrite", because)
            if _zone_decides(context):
                zone = context.before.settings.get("TimeZone", context.before.timezone)
                yield hazard(
                    context, "rewrite-depends-on-timezone", f"TimeZone is {zone}: under UTC nothing would be rewritten"
                )


def _zone_decides(context: Context) -> bool:
    for command in alter_commands(context.statement.node):
        if command.type != "AT_AlterColumnType":
            continue
        for relation in (context.relation(w.relation) for w in context.effects.work):
            column = relation.column(command.name)
            if column is not None:
                from runbook.migration.ast import type_ref

                old = type_of_column(column, context.before)
                new = type_written(type_ref(command.definition.type_name), context.before)
                return {old.name, new.name} == {"timestamp", "timestamptz"}
    return False


def _scan(context: Context) -> Iterator[Hazard]:
    """Rows are read while a lock that stops others is held."""
    node = context.statement.node
    if not is_node(node, "AlterTableStmt", "AlterDomainStmt", "CreateStmt"):
        return
    modes = dict(context.effects.modes)
    rewritten = {w.relation for w in context.effects.work if w.kind == "rewrite"}
    for work in context.effects.work:
        mode = modes.get(work.relation, "")
        if work.kind != "scan" or context.is_new(work.relation) or work.relation in rewritten:
            continue
        name, size = quote_qualified(*work.relation), size_words(context, work.relation)
        if blocks_reads(mode):
            because = (
                f"{name} ({size}) is read in full under {mode}: reads and writes wait for {duration_words(context)}"
            )
            yield hazard(context, "scan-under-exclusive-lock", because)
        elif blocks_writes(mode):
            id_ = (
                "foreign-key-locks-parent"
                if is_node(node, "AlterTableStmt", "CreateStmt")
                else "scan-under-exclusive-lock"
            )
            yield hazard(
                context, id_, f"{name} ({size}) is read in full under {mode}: writes wait for {duration_words(context)}"
            )
        elif context.big(work.relation):
            held = context.held.get(work.relation)
            if held is not None and blocks_writes(held.mode):
                since = context.held_since.get(work.relation)
                because = (
                    f"{name} is validated in the transaction that locked it in {held.mode} (statement {since}): "
                    f"what NOT VALID was to spare is waited for all the same"
                )
                yield hazard(context, "scan-under-exclusive-lock", because)
            else:
                yield hazard(
                    context, "heavy-validate-or-build", f"{name} ({size}) is read in full; nobody waits for it"
                )


def _index(context: Context) -> Iterator[Hazard]:
    node = context.statement.node
    modes = dict(context.effects.modes)
    if is_node(node, "IndexStmt", "ReindexStmt"):
        for work in context.effects.work:
            mode = modes.get(work.relation, "")
            if work.kind == "index_build" and not context.is_new(work.relation):
                name, size = quote_qualified(*work.relation), size_words(context, work.relation)
                if blocks_writes(mode):
                    because = f"writes to {name} ({size}) wait for {duration_words(context)} while the index is built"
                    yield hazard(context, "create-index-blocks-writes", because)
                elif context.big(work.relation):
                    yield hazard(
                        context,
                        "heavy-validate-or-build",
                        f"the index over {name} ({size}) takes {duration_words(context)}",
                    )
    if is_node(node, "DropStmt") and enum_name(node, "remove_type") == "OBJECT_INDEX" and not node.concurrent:
        for key, mode in context.effects.modes:
            if blocks_reads(mode) and context.relation(key).kind in ("r", "m") and not context.is_new(key):
                if context.relation(key).oid or not context.before.is_assumed:
                    table = quote_qualified(*key)
                else:
                    table = "its table"
                because = f"DROP INDEX takes {mode} on {table}: it queues behind every open query on it"
                yield hazard(context, "create-index-blocks-writes", because)
                return
    if is_node(node, "IndexStmt") and node.if_not_exists and node.idxname:
        for relation in _tables(context):
            index = relation.index(node.idxname)
            if index is not None and not index.valid and not index.building:
                yield hazard(
                    context, "invalid-index", f"IF NOT EXISTS keeps {index.name}, which is invalid: no query uses it"
                )


def _tables(context: Context) -> list[Relation]:
    keys = [k for k, _ in context.effects.modes]
    return [r for k in keys if (r := context.before.relations.get(k)) is not None and r.kind in ("r", "p", "m")]


def _unknown_tables(context: Context) -> Iterator[Hazard]:
    """With no server to ask: REINDEX of a table, and VALIDATE in the transaction that locked it."""
    node = context.statement.node
    if not context.before.is_assumed or context.effects.work:
        return
    if is_node(node, "ReindexStmt") and not context.concurrent:
        what = node.relation.relname or node.name or "the database"
        because = f"writes to {what} wait while its indexes are built, for as long as that takes"
        yield hazard(context, "create-index-blocks-writes", because)
    for command in alter_commands(node):
        kept = next((lock for k, lock in context.held.items() if k in dict(context.effects.modes)), None)
        if command.type == "AT_ValidateConstraint" and kept is not None and blocks_writes(kept.mode):
            because = (
                f"{kept.relation} is validated in the transaction that locked it in {kept.mode}: "
                f"what NOT VALID was to spare is waited for all the same"
            )
            yield hazard(context, "scan-under-exclusive-lock", because)


def _exclusive_maintenance(context: Context) -> Iterator[Hazard]:
    node = context.statement.node
    heavy = is_node(node, "ClusterStmt") or (
        is_node(node, "VacuumStmt") and options(node.options).get("full", False) is not False
    )
    refresh = is_node(node, "RefreshMatViewStmt") and not node.concurrent
    if heavy or refresh:
        for key, mode in context.effects.modes:
            if blocks_reads(mode) and context.relation(key).kind in ("r", "m", "v") and not context.is_new(key):
                because = f"{quote_qualified(*key)} is out of reach, for reads too, for {duration_words(context)}"
                yield hazard(context, "exclusive-maintenance", because)
                return


def _backfill(context: Context) -> Iterator[Hazard]:
    if not is_node(context.statement.node, "UpdateStmt", "DeleteStmt"):
        return
    if context.before.is_assumed and _one_row(context.statement.node):
        return
    for work in context.effects.work:
        if (
            work.kind == "write"
            and work.share >= 1
            and context.big(work.relation)
            and not context.is_new(work.relation)
        ):
            name, size = quote_qualified(*work.relation), size_words(context, work.relation)
            word = "deletes" if is_node(context.statement.node, "DeleteStmt") else "updates"
            because = (
                f"one statement {word} all of {name} ({size}): "
                f"each row stays locked to the end, for {duration_words(context)}"
            )
            yield hazard(context, "unbatched-backfill", because)
            for trigger in context.relation(work.relation).triggers:
                if trigger.enabled in ("O", "A"):
                    yield hazard(
                        context, "production-only-trigger", f"trigger {trigger.name} fires for each row of {name}"
                    )


def _one_row(node: Any) -> bool:
    """WHERE id = constant, with nothing known of the table: by that name it is the key."""
    if not node.HasField("where_clause"):
        return False
    clause = unwrap(node.where_clause)
    parts = [unwrap(a) for a in clause.args] if is_node(clause, "BoolExpr") else [clause]
    if is_node(clause, "BoolExpr") and enum_name(clause, "boolop") != "AND_EXPR":
        return False
    for part in parts:
        if is_node(part, "A_Expr") and enum_name(part, "kind") == "AEXPR_OP" and strings(part.name) == ("=",):
            left, right = unwrap(part.lexpr), unwrap(part.rexpr)
            if is_node(left, "ColumnRef") and strings(left.fields)[-1:] in (("id",), ("uuid",)):
                return is_node(right, "A_Const", "TypeCast")
    return False


def _held(context: Context) -> Iterator[Hazard]:
    """What runs while earlier statements of the transaction keep others waiting."""
    kept = {k: lock for k, lock in context.held.items() if lock.pre_existing and blocks_reads(lock.mode)}
    kept = {k: lock for k, lock in kept.items() if context.relation(k).kind in ("r", "p", "m", "v")}
    if not kept:
        return
    if context.seconds.likely >= NOTICEABLE_S:
        names = ", ".join(sorted(lock.relation for lock in kept.values())[:3])
        because = f"{names} stays locked for reads and writes while this runs, for {duration_words(context)}"
        yield hazard(context, "locks-accumulate-in-one-transaction", because)
        return
    more = [
        k
        for k, mode in context.effects.modes
        if blocks_reads(mode)
        and k not in kept
        and not context.is_new(k)
        and context.relation(k).kind in ("r", "p")
        and context.big(k)
    ]
    if more and any(context.big(k) for k in kept):
        names = ", ".join(sorted(quote_qualified(*k) for k in {*kept, *more})[:4])
        because = (
            f"one transaction locks several tables for reads and writes ({names}): it can deadlock with the application"
        )
        yield hazard(context, "locks-accumulate-in-one-transaction", because)


def _removed(context: Context) -> Iterator[Hazard]:
    """Names that running code may still use."""
    node = context.statement.node
    if is_node(node, "RenameStmt") and node.HasField("relation"):
        kind = enum_name(node, "rename_type")
        relation = context.before.find(node.relation.schemaname or None, node.relation.relname)
        if relation is not None and (relation.created_here or relation.kind not in ("r", "p", "v", "m")):
            return
        if kind == "OBJECT_COLUMN":
            yield hazard(context, "old-code-uses-removed-column", f"code that runs now asks for column {node.subname}")
        elif kind in ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW") and (
            relation is not None or context.before.is_assumed
        ):
            yield hazard(
                context, "old-code-uses-removed-column", f"code that runs now asks for {node.relation.relname}"
            )
    elif is_node(node, "DropStmt") and enum_name(node, "remove_type") in (
        "OBJECT_TABLE",
        "OBJECT_VIEW",
        "OBJECT_MATVIEW",
    ):
        for item in node.objects:
            name = qualified(item)
            relation = context.before.find(name.schema, name.name)
            if (relation is None and context.before.is_assumed) or (relation is not None and not relation.created_here):
                yield hazard(context, "old-code-uses-removed-column", f"code that runs now may still ask for {name}")
                return
    for command in alter_commands(node):
        relation = context.before.find(node.relation.schemaname or None, node.relation.relname)
        if relation is not None and relation.created_here:
            return
        if command.type == "AT_DropColumn":
            known = relation is not None and relation.columns and relation.column(command.name) is None
            if not known:
                yield hazard(
                    context,
                    "old-code-uses-removed-column",
                    f"code that runs now may still ask for column {command.name}",
                )
        elif command.type == "AT_AddColumn":
            spec = column_spec(command.definition)
            serial = spec.type is not None and spec.type.is_serial
            filled = serial or spec.default is not None or spec.constraint("identity") or spec.constraint("generated")
            if spec.not_null and not filled:
                because = f"code that runs now inserts no value for {spec.name}"
                yield hazard(context, "old-code-omits-new-column", because)
        elif command.type == "AT_SetNotNull":
            column = relation.column(command.name) if relation is not None else None
            if column is not None and not column.has_default and not column.not_null:
                because = f"code that runs now may insert rows without {command.name}"
                yield hazard(context, "old-code-omits-new-column", because)


def _replica_identity(context: Context) -> Iterator[Hazard]:
    node = context.statement.node
    if not is_node(node, "AlterTableStmt"):
        return
    relation = context.before.find(node.relation.schemaname or None, node.relation.relname)
    if relation is None or not relation.publications:
        return
    later = context.after.relations.get(relation.key)
    if later is None or later.replica_identity == "f":
        return
    has_key = any(i.primary for i in later.indexes) if later.replica_identity == "d" else any(
        i.replica_identity for i in later.indexes
    )  # fmt: skip
    had_key = any(i.primary or i.replica_identity for i in relation.indexes)
    if had_key and not has_key:
        published = ", ".join(relation.publications[:2])
        because = f"{relation.qualified} is published by {published}: without replica identity UPDATE and DELETE fail"
        yield hazard(context, "publication-needs-replica-identity", because)


def _triggers_off(context: Context) -> Iterator[Hazard]:
    for command in alter_commands(context.statement.node):
        if command.type in ("AT_DisableTrig", "AT_DisableTrigAll", "AT_DisableTrigUser"):
            what = command.name or "all triggers"
            because = f"{what} is off until it is enabled again: rows written meanwhile are not checked"
            yield hazard(context, "dirty-data-under-unvalidated-constraint", because)


def _no_lock_timeout(context: Context) -> Iterator[Hazard]:
    """A strong lock on a table in use, asked for without lock_timeout: everybody queues behind the wait."""
    if context.concurrent:
        return  # its only strong locks are on indexes that no new query uses by then
    if context.before.settings.get("lock_timeout", "0") not in ("0", "0ms", "0s"):
        return
    for key, mode in context.effects.modes:
        relation = context.relation(key)
        if (
            not (blocks_reads(mode) or blocks_writes(mode))
            or relation.created_here
            or relation.kind not in ("r", "p", "m")
        ):
            continue
        busy = (relation.writes_per_s or 0.0) >= 1 or (relation.index_scans or 0) + (relation.seq_scans or 0) > 10_000
        if context.before.is_assumed or (context.big(key) and busy):
            name = quote_qualified(*key)
            because = f"no lock_timeout is set: while it waits for {name}, every new query on it waits behind"
            if context.effects.work:  # with a timeout it would be as slow as without
                yield Hazard("lock-queue-behind-waiting-ddl", because, playbook="lock-queue-behind-waiting-ddl")
            else:
                yield hazard(context, "lock-queue-behind-waiting-ddl", because)
            return


_RULES: tuple[Callable[[Context], Iterator[Hazard]], ...] = (
    _failure,
    _rewrite,
    _scan,
    _index,
    _unknown_tables,
    _exclusive_maintenance,
    _backfill,
    _held,
    _removed,
    _replica_identity,
    _triggers_off,
    *LOSS_RULES,
    _no_lock_timeout,
)


# -- enum values ------------------------------------------------------------------------------------------------------


def added_labels(statement: Statement, before: Catalog) -> dict[str, RelationKey]:
    """Enum values that a statement adds to a type that other sessions know: not usable before it commits."""
    node = statement.node
    if not is_node(node, "AlterEnumStmt") or node.old_val:
        return {}
    name = qualified(node.type_name)
    for schema in [name.schema] if name.schema is not None else before.search_path:
        kind = before.types.get((schema, name.name))
        if kind is not None:
            return {} if node.new_val in kind.labels else {node.new_val: (schema, name.name)}
    return {node.new_val: (name.schema or "", name.name)}


def uses_label(node: Any, label: str, kind: RelationKey, catalog: Catalog) -> bool:
    """Whether a statement mentions an enum value where its type is in play:

    in a cast, or over a table with such a column.
    """
    if not any(is_node(n, "A_Const") and constant(n) == label for n in walk(node)):
        return False
    if any(t.name == kind[1] for t in types_used(node)):
        return True
    for use in relations_used(node):
        relation = catalog.find(use.name.schema, use.name.name)
        if relation is None and catalog.is_assumed:
            return True
        if relation is not None and any(c.type.rsplit(".", 1)[-1].strip('"') == kind[1] for c in relation.columns):
            return True
    return False
