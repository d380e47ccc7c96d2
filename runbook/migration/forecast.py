"""effects x this server's state: whom each statement waits for, who waits behind it, how long, and whether it fails.

Pure: ``forecast`` takes no connection, and follows the migration statement by statement. What a lock costs is decided
by its mode, by how long it is held (to the end of the transaction) and by who uses the table.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runbook.migration.apply import apply
from runbook.migration.ast import constant, enum_name, functions_used, is_node
from runbook.migration.catalog import Catalog, RelationKey
from runbook.migration.conflicts import STRENGTH, blocks_reads, blocks_writes, conflicts
from runbook.migration.data_checks import Present, data_checks
from runbook.migration.edit import replace_keeping
from runbook.migration.effects import Effects, effects
from runbook.migration.hazard_context import Context
from runbook.migration.hazards import added_labels, hazards, uses_label
from runbook.migration.lock_table import overflow
from runbook.migration.model import Migration, MigrationFile, Statement
from runbook.migration.needs import needs
from runbook.migration.refusals import refusal
from runbook.migration.result import (
    Blocks,
    DataCheck,
    Fails,
    FileForecast,
    Forecast,
    QueuesBehind,
    RelationLock,
    StatementForecast,
    Summary,
    WaitsFor,
)
from runbook.migration.revise import replace
from runbook.migration.rights import Missing, missing, missing_after_set_role
from runbook.migration.severity import severity
from runbook.migration.timing import DEFAULT, Throughput, amounts, seconds_of
from runbook.sql import quote_qualified, split_qualified

__all__ = ["HeldLock", "Throughput", "forecast", "forecast_and_follow"]


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A relation lock that another session has now.

    ``pid`` 0: a prepared transaction. ``relation``: schema.name, quoted.
    """

    pid: int
    backend_start: datetime | None
    relation: str
    mode: str
    age_s: float | None = None  # of its transaction
    state: str | None = None
    query: str | None = None
    application_name: str | None = None


def forecast(
    migration: Migration,
    catalog: Catalog,
    *,
    activity: Sequence[HeldLock] = (),
    measured: Throughput | None = None,
) -> Forecast:
    """What each statement of ``migration`` will do to the server that ``catalog`` describes.

    ``activity``: the relation locks that its sessions hold now; ``measured``: a throughput measured on that server, in
    place of the defaults. With an assumed catalog tables are taken to be large and busy, and every basis says so.
    Files that undo a migration (``is_down``) are left out.
    """
    return forecast_and_follow(migration, catalog, activity=activity, measured=measured)[0]


def forecast_and_follow(
    migration: Migration,
    catalog: Catalog,
    *,
    activity: Sequence[HeldLock] = (),
    measured: Throughput | None = None,
) -> tuple[Forecast, Catalog]:
    """``forecast``, and the catalog as the migration would leave it: the one that the next migration finds."""
    walk = _Walk(catalog, migration.runner, activity, measured or DEFAULT)
    with _without_collector():
        files = tuple(walk.file(f) for f in migration.files if not f.is_down)
        walk.end()
    found = [s.severity for f in files for s in f.statements]
    told = Forecast(
        server_version_num=catalog.server_version_num,
        basis=catalog.basis,
        files=files,
        summary=Summary(found.count("danger"), found.count("warning"), found.count("notice")),
    )
    return told, walk.catalog


@contextmanager
def _without_collector() -> Iterator[None]:
    """The cycle collector rests: over a catalog of 10,000 relations it takes longer than the forecast."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            # What was made meanwhile goes to the oldest generation unlooked at: a first pass over it takes as long again.
            gc.freeze()
            gc.unfreeze()
            gc.enable()


@dataclass
class _Transaction:
    """What an open transaction has done so far. ``before``: the catalog to return to on ROLLBACK."""

    before: Catalog
    held: dict[RelationKey, RelationLock] = field(default_factory=dict)
    since: dict[RelationKey, int] = field(default_factory=dict)
    labels: dict[str, RelationKey] = field(default_factory=dict)
    local: bool = False
    savepoints: list[tuple[str, _Transaction]] = field(default_factory=list)  # each with all as it was then
    present: Present | None = None  # as it was when it was begun, where SQL began it

    def save(self, name: str, catalog: Catalog, present: Present) -> None:
        """SAVEPOINT: what to return to, should it be rolled back to."""
        now = _Transaction(
            catalog, dict(self.held), dict(self.since), dict(self.labels), self.local, present=present.copy()
        )
        self.savepoints.append((name, now))

    def release(self, name: str) -> None:
        """RELEASE: this savepoint and those after it are gone, what was done stays."""
        at = self._last(name)
        if at is not None:
            del self.savepoints[at:]

    def back_to(self, name: str) -> _Transaction | None:
        """ROLLBACK TO: locks and labels since then are gone, the savepoint stays; the transaction as it was."""
        at = self._last(name)
        if at is None:
            return None
        then = self.savepoints[at][1]
        del self.savepoints[at + 1 :]
        self.held, self.since, self.labels = dict(then.held), dict(then.since), dict(then.labels)
        self.local = then.local
        return then

    def _last(self, name: str) -> int | None:
        return next((i for i in reversed(range(len(self.savepoints))) if self.savepoints[i][0] == name), None)


class _Walk:
    """Follows a migration: the catalog after each statement, the open transaction, what is uncertain."""

    def __init__(self, catalog: Catalog, runner: str, activity: Sequence[HeldLock], throughput: Throughput) -> None:
        self.runner = runner
        self.catalog = catalog
        self.role = catalog.role
        self.throughput = throughput
        self.by_relation: dict[str, list[HeldLock]] = {}
        for lock in activity:
            self.by_relation.setdefault(lock.relation, []).append(lock)
        self.transaction: _Transaction | None = None
        self.unsure = False
        self.present = Present.of(catalog)

    def file(self, file: MigrationFile) -> FileForecast:
        if file.transaction_mode != "all_files":
            self._end(keep=True)
        told = tuple(self.statement(s, file) for s in file.statements)
        if file.transaction_mode != "all_files":
            self._end(keep=True)
        return FileForecast(file.path, self.runner, file.transaction_mode, told)

    def end(self) -> None:
        """Nothing follows: what is open is committed."""
        self._end(keep=True)

    def statement(self, statement: Statement, file: MigrationFile) -> StatementForecast:
        inside = statement.in_transaction and statement.kind not in ("BEGIN", "START TRANSACTION")
        if not inside:
            self._end(keep=True)
        elif self.transaction is None:
            self.transaction = _Transaction(self.catalog)
        found = effects(statement, self.catalog)
        refused = _outside_transaction(statement, found, self.transaction, inside) or refusal(statement, self.catalog)
        stops = _certain(found.fails) or _certain(refused)
        after = self.catalog if stops else found.after or apply(self.catalog, statement)
        transaction = self.transaction
        lacking = self._lacking(statement)
        fails = self._fails(statement, found, inside, lacking, refused)
        asks = () if _certain(fails) else data_checks(statement, self.catalog, self.present)
        fails = _by_rows(statement, fails, asks)
        seconds = seconds_of(found, self.catalog, self.throughput, self._calls(statement))
        context = Context(
            statement=statement,
            effects=found,
            before=self.catalog,
            after=after,
            seconds=seconds,
            fails=fails,
            lacking=lacking,
            in_transaction=inside,
            held=dict(transaction.held) if transaction is not None else {},
            held_since=dict(transaction.since) if transaction is not None else {},
            transaction_mode=file.transaction_mode,
            runner=self.runner,
        )
        waits = self._waits(found)
        blocks = _blocks(found, self.catalog, concurrent=context.concurrent)
        risks = hazards(context)
        told = StatementForecast(
            index=statement.index,
            line=statement.line,
            sql=statement.sql,
            kind=statement.kind,
            locks=found.locks,
            rewrites=found.rewrites,
            scans=found.scans,
            index_builds=found.index_builds,
            transaction=found.transaction,
            min_server_version=found.min_server_version,
            blocks=blocks,
            waits_for=waits,
            seconds=seconds if found.modes or found.work else None,
            fails=fails,
            severity=severity(context, waits, risks),
            hazards=risks,
            confidence=found.confidence,
            opaque_because=found.opaque_because,
            depends_on_data=asks,
            work=amounts(found, self.catalog),
            behind=self._behind(blocks, waits),
        )
        self._step(statement, found, after)
        return told

    def _calls(self, statement: Statement) -> tuple[str, ...]:
        """Users' functions in the statement that are not inlined: evaluated row by row, at a cost nobody can know."""
        if statement.node is None or is_node(statement.node, "CreateFunctionStmt", "CreateTrigStmt"):
            return ()
        called = (use.name.name for use in functions_used(statement.node))
        return tuple(dict.fromkeys(name for name in called if _is_opaque(self.catalog, name)))

    def _lacking(self, statement: Statement) -> Missing | None:
        """The first right that the role lacks which the statement runs as: the migration's, or after SET ROLE another."""
        role = self.catalog.roles.get(self.role)
        if self.catalog.is_assumed:
            return None
        if self.catalog.role != self.role:
            lacking = (missing_after_set_role(n, self.catalog, self.role) for n in needs(statement, self.catalog))
            return next((m for m in lacking if m is not None), None)
        if role is not None and role.superuser:
            return None
        return next((m for n in needs(statement, self.catalog) if (m := missing(n, self.catalog)) is not None), None)

    def _fails(
        self, statement: Statement, found: Effects, inside: bool, lacking: Missing | None, refused: Fails | None
    ) -> Fails | None:
        if found.transaction == "forbidden" and inside and is_node(statement.node, "DoStmt"):
            because = "a COMMIT or ROLLBACK in a DO block is refused inside a transaction block"
            return Fails("2D000", because, certain=found.confidence == "exact")
        if found.transaction == "forbidden" and inside:
            because = f"{statement.kind} cannot run inside a transaction block"
            return Fails("25001", because, certain=True)
        label = self._label_used_early(statement)
        if label is not None:
            because = f"the enum value {label} was added in this transaction and cannot be used before it commits"
            return Fails("55P04", because, certain=True)
        if refused is not None:
            return replace(refused, certain=refused.certain and not self.unsure)
        if found.fails is not None and found.fails.certain:
            return replace(found.fails, certain=not self.unsure)
        if lacking is not None:
            return Fails("42501", lacking.because, certain=lacking.certain and not self.unsure)
        held = self.transaction.held if self.transaction is not None else {}
        return found.fails or overflow(len({*held, *(key for key, _ in found.modes)}), self.catalog)

    def _label_used_early(self, statement: Statement) -> str | None:
        if self.transaction is None or statement.node is None or is_node(statement.node, "AlterEnumStmt"):
            return None
        for label, kind in self.transaction.labels.items():
            if uses_label(statement.node, label, kind, self.catalog):
                return label
        return None

    def _waits(self, found: Effects) -> tuple[WaitsFor, ...]:
        """Sessions whose locks conflict with a lock of this statement, the oldest transaction first."""
        waits: dict[tuple[int, datetime | None, str], WaitsFor] = {}
        for lock in found.locks:
            for other in self.by_relation.get(lock.relation, ()) if lock.pre_existing else ():
                if conflicts(lock.mode, other.mode):
                    key = (other.pid, other.backend_start, other.relation)
                    known = waits.get(key)
                    if known is None or STRENGTH.get(other.mode, 0) > STRENGTH.get(known.mode, 0):
                        waits[key] = WaitsFor(
                            other.pid, other.backend_start, other.relation, other.mode, other.age_s, other.state,
                            other.query, other.application_name,
                        )  # fmt: skip
        return tuple(sorted(waits.values(), key=lambda w: -(w.age_s or 0.0)))

    def _behind(self, blocks: Blocks, waits: tuple[WaitsFor, ...]) -> tuple[QueuesBehind, ...]:
        """Who uses the blocked relations now; nothing where no server was asked."""
        if self.catalog.is_assumed:
            return ()
        found = []
        for name in blocks.writes:
            relation = self.catalog.relations.get(_key(name))
            users = {(w.pid, w.backend_start) for w in waits if w.relation == name}
            rate = relation.writes_per_s if relation is not None else None
            found.append(QueuesBehind(name, name in blocks.reads, len(users), rate))
        return tuple(found)

    def _step(self, statement: Statement, found: Effects, after: Catalog) -> None:
        """The world after the statement."""
        before, self.catalog = self.catalog, after
        if found.confidence == "opaque":
            self.unsure = True
        transaction = self.transaction
        if transaction is not None:
            for lock, (key, mode) in zip(_by_key(found), found.modes, strict=True):
                held = transaction.held.get(key)
                if lock.pre_existing and (held is None or STRENGTH[mode] > STRENGTH[held.mode]):
                    transaction.held[key] = lock
                    transaction.since.setdefault(key, statement.index)
            transaction.labels.update(added_labels(statement, before))
        node = statement.node
        if is_node(node, "VariableSetStmt") and node.is_local and transaction is not None:
            transaction.local = True
        if is_node(node, "TransactionStmt"):
            self._transaction_statement(node)
        else:
            self.present.note(statement, found, before)
            if _resets_role(node):
                self.catalog = replace_keeping(self.catalog, role=self.role)

    def _transaction_statement(self, node: Any) -> None:
        transaction = self.transaction
        match enum_name(node, "kind"):
            case "TRANS_STMT_COMMIT" | "TRANS_STMT_PREPARE" | "TRANS_STMT_ROLLBACK" as kind:
                self._end(keep=kind != "TRANS_STMT_ROLLBACK")
                if node.chain:
                    self.transaction = _Transaction(self.catalog, present=self.present.copy())
            case "TRANS_STMT_BEGIN" | "TRANS_STMT_START" if transaction is None:
                self.transaction = _Transaction(self.catalog, present=self.present.copy())
            case "TRANS_STMT_SAVEPOINT" if transaction is not None:
                transaction.save(node.savepoint_name, self.catalog, self.present)
            case "TRANS_STMT_RELEASE" if transaction is not None:
                transaction.release(node.savepoint_name)
            case "TRANS_STMT_ROLLBACK_TO" if transaction is not None:
                then = transaction.back_to(node.savepoint_name)
                if then is not None and then.present is not None:
                    self.catalog, self.present = then.before, then.present.copy()

    def _end(self, *, keep: bool) -> None:
        """The transaction is over: its SET LOCALs end, and with ROLLBACK all that it did."""
        transaction, self.transaction = self.transaction, None
        if transaction is None:
            return
        if not keep:
            self.catalog = transaction.before
            self.present = transaction.present or self.present
        elif transaction.local:
            was = transaction.before
            self.catalog = replace_keeping(
                self.catalog, search_path=was.search_path, role=was.role, settings=was.settings, timezone=was.timezone
            )


_CHECKED = ("AlterTableStmt", "AlterDomainStmt", "IndexStmt")


def _by_rows(statement: Statement, fails: Fails | None, asks: tuple[DataCheck, ...]) -> Fails | None:
    """What rows may bring about, as exactly as the checks know it: which error first, or none at all."""
    if _certain(fails) or not is_node(statement.node, *_CHECKED):
        return fails
    if fails is not None and fails.sqlstate[:2] not in ("22", "23"):
        return fails
    first = next((c for c in asks if c.certain), None)
    return Fails(first.sqlstate, first.because, certain=False) if first is not None else None


def _outside_transaction(
    statement: Statement, found: Effects, transaction: _Transaction | None, inside: bool
) -> Fails | None:
    """What makes sense in a transaction block only, and savepoints that are not there."""
    node = statement.node
    kind = enum_name(node, "kind") if is_node(node, "TransactionStmt") else ""
    if not inside:
        if kind in ("TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO") or is_node(
            node, "LockStmt"
        ):
            return Fails("25P01", f"{statement.kind} can only be used in transaction blocks", certain=True)
        if is_node(node, "LockStmt") and found.modes:
            return Fails("25P01", "LOCK TABLE can only be used in transaction blocks", certain=True)
        if is_node(node, "DeclareCursorStmt") and not node.options & _HOLD:
            return Fails("25P01", "a cursor without HOLD can only be used in transaction blocks", certain=True)
        return None
    names = {name for name, _ in transaction.savepoints} if transaction is not None else set()
    if kind in ("TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO") and node.savepoint_name not in names:
        return Fails("3B001", f"savepoint {node.savepoint_name} does not exist", certain=True)
    return None


def _key(qualified: str) -> RelationKey:
    schema, name = split_qualified(qualified)
    return (schema or "", name)


def _resets_role(node: Any) -> bool:
    """RESET ROLE, SET ROLE NONE, the same of SESSION AUTHORIZATION, DISCARD ALL."""
    if is_node(node, "DiscardStmt"):
        return enum_name(node, "target") == "DISCARD_ALL"
    if not is_node(node, "VariableSetStmt") or node.name.lower() not in ("role", "session_authorization"):
        return False
    return enum_name(node, "kind") in ("VAR_RESET", "VAR_SET_DEFAULT") or (
        bool(node.args) and str(constant(node.args[0])).lower() == "none"
    )


_HOLD = 0x0020  # CURSOR_OPT_HOLD, parsenodes.h


def _is_opaque(catalog: Catalog, name: str) -> bool:
    overloads = catalog.functions.get(name, ())
    return any(f.language not in ("internal", "c", "") and f.inlined_volatility is None for f in overloads)


def _certain(fails: Fails | None) -> bool:
    return fails is not None and fails.certain


def _by_key(found: Effects) -> list[RelationLock]:
    """The locks in the order of ``found.modes``."""
    named = {lock.relation: lock for lock in found.locks}
    return [named[quote_qualified(*key)] for key, _ in found.modes]


def _blocks(found: Effects, catalog: Catalog, *, concurrent: bool) -> Blocks:
    """The tables whose users wait: a locked index keeps every query on its table from being planned.

    CONCURRENTLY locks an index only once it is dead to new queries and those before have ended (index.c, index_drop).
    """
    reads: set[str] = set()
    writes: set[str] = set()
    new = {lock.relation for lock in found.locks if not lock.pre_existing}
    for key, mode in found.modes:
        relation = catalog.relations.get(key)
        table = relation.of if relation is not None and relation.of is not None else key
        name = quote_qualified(*table)
        if key[0] == "pg_toast" or quote_qualified(*key) in new or name in new:
            continue
        if concurrent and table != key:
            continue
        if blocks_reads(mode):
            reads.add(name)
        if blocks_writes(mode):
            writes.add(name)
    return Blocks(tuple(sorted(reads)), tuple(sorted(writes)))
