"""A rehearsal from beginning to end: refuse or open, run statement by statement, measure, undo, say what is left.

What a rollback leaves in any case, and no dump shows: dead rows and their space, used transaction ids, WAL, log lines,
statistics counters, and the row estimates that ANALYZE and CREATE INDEX write over in place (pg_class.reltuples).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from runbook.migration.ast import functions_used, is_node
from runbook.migration.catalog import Catalog
from runbook.migration.forecast import forecast
from runbook.migration.model import Migration
from runbook.migration.result import StatementForecast
from runbook.postgres.rehearsal import (
    LimitReached,
    Limits,
    Ran,
    RehearsalConnection,
    RehearsalLost,
    RehearsalRefused,
    open_for_rehearsal,
)
from runbook.postgres.survey import Look, look
from runbook.rehearsal.compare import disagreements, failure_disagrees, in_words_of_forecast
from runbook.rehearsal.escapes import fires
from runbook.rehearsal.measure import Snapshot, done
from runbook.rehearsal.plan import LABEL_TOO_EARLY, REFUSED_INSIDE, Planned, leaves_out, needed, plan
from runbook.rehearsal.result import (
    LeftBehind,
    Mode,
    Outcome,
    Rehearsal,
    Rehearsed,
    ServerError,
    StatementRehearsal,
)
from runbook.rehearsal.signs import Production
from runbook.rehearsal.throughput import rates
from runbook.sql import quote_qualified, split_qualified

UNIT, STATEMENT = "runbook_unit", "runbook_statement"  # our savepoints
_MAKE_FUNCTIONS = frozenset({"CREATE FUNCTION", "CREATE PROCEDURE", "CREATE EXTENSION", "CREATE SCHEMA", "DO"})
_CHANGE_NOTHING = frozenset(
    {"VACUUM", "ANALYZE", "CHECKPOINT", "REINDEX", "CLUSTER"}
)  # that a later statement could need

OnStatement = Callable[[StatementRehearsal], None]


class NothingToRehearseOn(Exception):
    """The local side could not be asked; the text says why."""


async def rehearse(
    migration: Migration,
    dsn: str,
    *,
    mode: Mode = "rollback",
    production: Sequence[Production] = (),
    typed: str | None = None,
    role: str | None = None,
    functions: Sequence[str] = (),
    limits: Limits | None = None,
    connect_timeout_s: float = 5.0,
    narrow: Callable[[Look], Migration] | None = None,
    on_statement: OnStatement | None = None,
) -> Rehearsed:
    """Run ``migration`` on the local side ``dsn`` and measure it; with ``rollback`` nothing stays.

    ``production``: servers that it must not be (``runbook.postgres.rehearsal.read_production``); ``typed``: what was
    given with --rehearse-on; ``role`` runs the migration; ``functions``: pg_catalog functions it names; ``narrow``: what
    of the migration this side has yet to run. Raises
    ``RehearsalRefused``, ``ConnectionRefused``, ``NothingToRehearseOn``. A cancelled task is an outcome
    (``interrupted``) once statements were sent: what was open is rolled back first.
    """
    connection = await open_for_rehearsal(
        dsn, production=production, typed=typed, limits=limits, connect_timeout_s=connect_timeout_s
    )
    try:
        seen = await look("local", dsn, role=role, functions=functions, sample_gap_s=0)
        if seen.catalog is None:
            raise NothingToRehearseOn((seen.refusal.message if seen.refusal else seen.catalog_problem) or "no answer")
        told = forecast(migration if narrow is None else narrow(seen), seen.catalog)
        if role is not None and (refused := await connection.set_role(role)) is not None:
            raise RehearsalRefused(f"not rehearsed: SET ROLE {role} was refused: {refused.message}")
        run = _Run(connection, plan(migration, told, seen.catalog, mode), seen.catalog, mode, on_statement)
        await run.go()
    finally:
        await asyncio.shield(connection.leave())
    if mode == "commit":
        await run.look_for_invalid_indexes(dsn)
    return Rehearsed(run.result(str(seen.target)), told)


class _Stop(Exception):
    """The rehearsal ends here."""

    def __init__(self, outcome: Outcome, because: str) -> None:
        super().__init__(because)
        self.outcome: Outcome = outcome
        self.because = because


class _Run:
    """One rehearsal under way."""

    def __init__(
        self,
        connection: RehearsalConnection,
        planned: Sequence[Planned],
        catalog: Catalog,
        mode: Mode,
        on_statement: OnStatement | None,
    ) -> None:
        self.connection = connection
        self.planned = planned
        self.catalog = catalog
        self.mode: Mode = mode
        self.on_statement = on_statement
        self.told: list[StatementRehearsal] = []
        self.outcome: Outcome = "completed"
        self.because: str | None = None
        self.left_behind: list[LeftBehind] = []
        self.notes: list[str] = []
        self.missing: dict[str, int] = {}  # names that are not as they would be, by the statement that was not run
        self.skipped: list[int] = []
        self.outside: frozenset[str] = frozenset()
        self.shielded: set[str] = set()
        self.set_local: dict[str, str | None] = {}
        self.unit = 0
        self.uncommitted: list[int] = []  # positions in ``told`` of what the open transaction did
        self.first: Snapshot | None = None
        self.before: Snapshot | None = None
        self.began = time.monotonic()
        self.undoing = {p.unit for p in planned if p.action == "rollback"}

    async def go(self) -> None:
        """All of it. Raises nothing: how it ended is in ``outcome``; afterwards no transaction is open."""
        try:
            sequences = await self.connection.sequences()
            await self._prepare()
            self.connection.start_clock()
            await self._statements()
            await self._undo(sequences)
        except _Stop as stop:
            self.outcome, self.because = stop.outcome, stop.because
            await self._undo_quietly()
        except LimitReached:
            total = self.connection.limits.total_s
            self.outcome, self.because = "stopped", f"the rehearsal may take {total:.0f} s"
            await self._undo_quietly()
        except RehearsalLost as lost:
            self.outcome, self.because = "lost", f"the connection broke ({lost}); the server rolls back what was open"
        except asyncio.CancelledError:
            self.outcome, self.because = "interrupted", "it was interrupted"
            await self._undo_quietly()
        self.uncommitted.clear()
        for planned in self.planned[len(self.told) :]:
            self._tell(_of(planned, "not_reached"))

    async def _prepare(self) -> None:
        self.outside = await self.connection.functions_reaching_out()
        fired = sorted(self.outside & await self.connection.event_trigger_functions())
        if fired:
            raise _Stop(
                "failed", f"nothing was run: the event trigger function {fired[0]}() reaches out of its transaction"
            )
        if self.outside:
            names = ", ".join(sorted(self.outside)[:5])
            self.notes.append(f"not run was what calls a function that reaches out of its transaction: {names}")
        if self.mode == "rollback":
            await self.connection.command("BEGIN")
        self.first = self.before = await self.connection.snapshot()

    async def _statements(self) -> None:
        for planned in self.planned:
            if planned.unit != self.unit:
                self.unit = planned.unit
                if self.mode == "rollback" and planned.unit in self.undoing:
                    await self.connection.command(f"SAVEPOINT {UNIT}")
            told = await self._statement(planned)
            self._tell(told)
            if told.status == "failed":
                raise _Stop("failed", f"statement {told.index} failed")
            if told.status == "stopped":
                raise _Stop("stopped", told.because or "")
            await self._end_of_unit(planned)

    def _tell(self, told: StatementRehearsal) -> None:
        self.told.append(told)
        if self.on_statement is not None:
            self.on_statement(told)

    # -- one statement ------------------------------------------------------------------------------------------------

    async def _statement(self, planned: Planned) -> StatementRehearsal:
        match planned.action:
            case "nothing" | "commit" | "rollback":
                return _of(planned, "nothing_to_run")
            case "skip":
                return self._skip(planned, planned.because or "")
            case "parse":
                error = await self.connection.refuses(planned.statement.sql)
                if error is None:
                    return self._skip(planned, "it could not be parsed here, so that what it does is not known")
                return self._failed(planned, Ran(0.0, error=error))
        lacks = needed(planned.statement, self.missing)
        if lacks is not None:
            return self._skip(planned, f"it uses {lacks[0]}, and statement {lacks[1]} was not run")
        reaching = [f.name.name for f in functions_used(planned.statement.node) if f.name.name in self.outside]
        if self.outside and not reaching:
            calling = await self.connection.triggers_calling(self.outside)
            reaching = [name for name in [fires(planned.forecast, calling)] if name is not None]
        if reaching:
            return self._skip(planned, f"it is never run in a rehearsal: {reaching[0]}() reaches out of the database")
        return await (self._alone(planned) if planned.action == "alone" else self._inside(planned))

    async def _inside(self, planned: Planned) -> StatementRehearsal:
        connection, node = self.connection, planned.statement.node
        if self.mode == "commit" and not connection.in_transaction:
            await connection.command("BEGIN")
            self.before = None
        if self.mode == "rollback":
            await self._shield(planned.forecast)
        if is_node(node, "VariableSetStmt") and node.is_local and node.name not in self.set_local:
            self.set_local[node.name] = await connection.setting(node.name)
        before = self.before or await connection.snapshot()
        if planned.guarded:
            await connection.command(f"SAVEPOINT {STATEMENT}")
        ran = await connection.run(planned.statement.sql)
        if ran.error is not None:
            unable = self._unable(planned, ran.error)
            if unable is None:
                return self._failed(planned, ran)
            await connection.command(f"ROLLBACK TO SAVEPOINT {STATEMENT}; RELEASE SAVEPOINT {STATEMENT}")
            return self._skip(planned, unable)
        if not connection.in_transaction:
            raise AssertionError("a statement ended the rehearsal's transaction")
        if planned.guarded:
            await connection.command(f"RELEASE SAVEPOINT {STATEMENT}")
        if planned.statement.kind in _MAKE_FUNCTIONS:
            self.outside = await connection.functions_reaching_out()
        after = self.before = await connection.snapshot()
        assert self.first is not None
        did = in_words_of_forecast(done(before, after), before, after, self.first)
        opaque = planned.forecast.confidence == "opaque"
        differ = () if opaque else disagreements(
            planned.statement, planned.forecast, did, self.catalog, shielded=self.shielded, missing=self.missing
        )  # fmt: skip
        if self.mode == "commit":
            self.uncommitted.append(len(self.told))
        return replace(
            _ran(planned, ran),
            locks=did.locks,
            rewrites=did.rewrites,
            scans=did.scans,
            index_builds=did.index_builds,
            wal_bytes=did.wal_bytes,
            disagreements=differ,
            agrees=None if opaque else not differ,
        )

    async def _alone(self, planned: Planned) -> StatementRehearsal:
        """Outside any transaction: what it locked is released again before it could be read."""
        before = await self.connection.snapshot()
        ran = await self.connection.run(planned.statement.sql)
        if ran.error is not None:
            return self._failed(planned, ran)
        after = await self.connection.snapshot()
        assert self.first is not None
        did = in_words_of_forecast(done(before, after), before, after, self.first)
        self.before = None
        opaque = planned.forecast.confidence == "opaque"
        unseen = replace(planned.forecast, locks=frozenset(), scans=())
        differ = () if opaque else disagreements(
            planned.statement, unseen, replace(did, locks=frozenset(), scans=()), self.catalog, missing=self.missing
        )  # fmt: skip
        return replace(
            _ran(planned, ran),
            committed=True,
            rewrites=did.rewrites,
            index_builds=did.index_builds,
            wal_bytes=did.wal_bytes,
            disagreements=differ,
            agrees=None if opaque else not differ,
        )

    def _unable(self, planned: Planned, error: ServerError) -> str | None:
        """Why an error of a guarded statement says nothing about the migration; None where it does."""
        if not planned.guarded:
            return None
        if error.sqlstate in REFUSED_INSIDE and not planned.statement.in_transaction:
            return f"it cannot run in a transaction, and so not be rolled back ({error.message})"
        if error.sqlstate == LABEL_TOO_EARLY:
            return f"it uses an enum value that its runner would have committed before ({error.message})"
        return None

    def _skip(self, planned: Planned, because: str) -> StatementRehearsal:
        index = planned.statement.index
        if planned.statement.kind not in _CHANGE_NOTHING:
            self.skipped.append(index)
        for name in leaves_out(planned.statement, planned.forecast, self.catalog):
            self.missing.setdefault(name, index)
        return _of(planned, "not_rehearsed", because)

    def _failed(self, planned: Planned, ran: Ran) -> StatementRehearsal:
        assert ran.error is not None
        if ran.limit is not None:
            told = _ran(planned, ran)
            return replace(told, status="stopped", because=ran.limit, error=ran.error)
        because = None
        differ = failure_disagrees(planned.forecast, ran.error)
        if differ and self.skipped:
            numbers = ", ".join(map(str, self.skipped[-3:]))
            because = f"it may need what was not rehearsed (statement {numbers})"
        return replace(
            _ran(planned, ran),
            status="failed",
            because=because,
            error=ran.error,
            disagreements=differ,
            agrees=None if because else not differ,
        )

    async def _shield(self, told: StatementForecast) -> None:
        """Numbers that nextval gives are not taken back by a rollback, except from a file that the rollback removes."""
        for lock in told.locks:
            schema, name = split_qualified(lock.relation)
            relation = self.catalog.relations.get((schema or "", name))
            if relation is None or relation.kind != "S" or lock.relation in self.shielded or not lock.pre_existing:
                continue
            assert self.before is not None
            if not any(r.qualified == lock.relation for r in self.before.relations.values()):
                continue
            if await self.connection.shield(lock.relation):
                self.shielded.add(lock.relation)
                self.before = await self.connection.snapshot()

    # -- ends of units and of all -------------------------------------------------------------------------------------

    async def _end_of_unit(self, planned: Planned) -> None:
        """Where the runner commits: in rollback mode deferred constraints are checked, and SET LOCAL ends."""
        connection = self.connection
        if planned.action == "rollback":
            if self.mode == "rollback":
                await connection.command(f"ROLLBACK TO SAVEPOINT {UNIT}; RELEASE SAVEPOINT {UNIT}")
            elif connection.in_transaction:
                await connection.command("ROLLBACK")
            self.uncommitted.clear()
            self.set_local.clear()
            self.before = None
            return
        if not planned.unit_ends and planned.action != "commit":
            return
        if self.mode == "commit":
            if connection.in_transaction:
                ran = await connection.run("COMMIT")
                if ran.error is not None:
                    self._fail_commit(planned, ran.error)
                for position in self.uncommitted:
                    self.told[position] = replace(self.told[position], committed=True)
                self.uncommitted.clear()
                self.before = None
            return
        error = await connection.check_deferred()
        if error is not None:
            self._fail_commit(planned, error)
        for name, value in self.set_local.items():
            await connection.restore(name, value)
        self.set_local.clear()
        self.before = await connection.with_locks_now(self.before) if self.before is not None else None

    def _fail_commit(self, planned: Planned, error: ServerError) -> None:
        last = self.told[-1]
        differ = failure_disagrees(planned.forecast, error)
        self.told[-1] = replace(
            last,
            status="failed",
            because="at the commit after it",
            error=error,
            disagreements=differ,
            agrees=not differ,
        )
        raise _Stop("failed", f"the commit after statement {planned.statement.index} failed")

    async def _undo(self, sequences: dict[str, int | None]) -> None:
        """Roll back, and look whether everything is as it was."""
        if self.mode != "rollback":
            return
        await self.connection.command("ROLLBACK")
        after = await self.connection.snapshot()
        assert self.first is not None
        if {o: r.file for o, r in after.relations.items()} != {o: r.file for o, r in self.first.relations.items()}:
            self.notes.append("the database's relations are not what they were: another session changed them meanwhile")
        for name, last in (await self.connection.sequences()).items():
            if name in sequences and sequences[name] != last:
                what = f"sequence {name} went from {sequences[name]} to {last}: a rollback takes no numbers back"
                self.left_behind.append(LeftBehind(what))

    async def _undo_quietly(self) -> None:
        """After something went wrong: the connection may be of no use, and leaving it rolls back as well."""
        try:
            async with asyncio.timeout(5.0):
                if self.connection.in_transaction and not self.connection.lost:
                    await self.connection.command("ROLLBACK")
        except Exception as error:  # noqa: BLE001 - leaving does the rest
            self.notes.append(f"the rollback was left to the server ({type(error).__name__})")

    async def look_for_invalid_indexes(self, dsn: str) -> None:
        """What an interrupted CREATE INDEX CONCURRENTLY leaves."""
        seen = await look("local", dsn, sample_gap_s=0)
        if seen.catalog is None:
            self.notes.append("the server could not be asked for invalid indexes that may be left")
            return
        before = _invalid(self.catalog)
        for name in sorted(_invalid(seen.catalog) - before):
            self.left_behind.append(LeftBehind(f"invalid index {name}", f"DROP INDEX CONCURRENTLY {name};"))

    def result(self, server: str) -> Rehearsal:
        compared = [s for s in self.told if s.agrees is not None]
        told = {p.statement.index: p.forecast for p in self.planned}
        timed = [(told[s.index], s.seconds) for s in self.told if s.status == "ran" and s.seconds is not None]
        return Rehearsal(
            mode=self.mode,
            server=server,
            server_version_num=self.connection.server_version_num,
            outcome=self.outcome,
            because=self.because,
            duration_s=round(time.monotonic() - self.began, 3),
            statements=tuple(self.told),
            compared=len(compared),
            agreeing=sum(1 for s in compared if s.agrees),
            rates=rates(timed),
            left_behind=tuple(self.left_behind),
            notes=tuple(self.notes),
        )


def _of(planned: Planned, status: str, because: str | None = None) -> StatementRehearsal:
    statement = planned.statement
    return StatementRehearsal(
        index=statement.index,
        file=statement.file,
        line=statement.line,
        kind=statement.kind,
        status=status,  # type: ignore[arg-type]
        because=because,
        forecast_seconds=planned.forecast.seconds,
    )


def _ran(planned: Planned, ran: Ran) -> StatementRehearsal:
    return replace(_of(planned, "ran"), seconds=round(ran.seconds, 6), rows=ran.rows, notices=ran.notices)


def _invalid(catalog: Catalog) -> set[str]:
    return {
        quote_qualified(i.schema or r.schema, i.name)
        for r in catalog.relations.values()
        for i in r.indexes
        if not i.valid
    }
