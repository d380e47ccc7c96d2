"""A history on a real server, file by file: each statement forecast, run as its runner would, measured, compared.

Forecast twice: from the catalog that the server shows before the file, and from one that was only ever followed from the
empty database. Measured as a rehearsal measures (runbook.rehearsal).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import psycopg

from runbook.lab.servers import Server
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.conflicts import STRENGTH
from runbook.migration.edit import replace_keeping
from runbook.migration.forecast import forecast_and_follow
from runbook.migration.model import Migration, MigrationFile
from runbook.migration.result import Forecast, RelationLock, StatementForecast
from runbook.postgres import connect, read_catalog
from runbook.rehearsal.compare import Measured, disagreements, failure_disagrees, in_words_of_forecast
from runbook.rehearsal.measure import LOCKS, RELATIONS, Snapshot, done, snapshot
from runbook.rehearsal.plan import Planned, plan
from runbook.rehearsal.result import Disagreement, ServerError
from runbook.session.live import functions_of
from tests.oracle.history_bundle import History
from tests.oracle.shape import differences

Basis = Literal["server", "followed"]
BASES: tuple[Basis, ...] = ("server", "followed")
DATABASE = "history"
_MAY_COMMIT = ("COMMIT", "ROLLBACK", "CALL")


@dataclass(frozen=True)
class Judged:
    """One forecast of one statement against what the server did."""

    basis: Basis
    differ: tuple[Disagreement, ...]
    opaque: str | None  # why it was not analysed
    strongest: bool  # the strongest mode was told, whatever the relations


@dataclass(frozen=True)
class Ran:
    """One statement that was sent. ``locks_seen``: it ran in a transaction, so that its locks could be read."""

    file: str
    line: int
    sql: str
    kind: str
    error: ServerError | None
    locks_seen: bool
    locks: frozenset[RelationLock]
    judged: tuple[Judged, ...]


@dataclass(frozen=True)
class NotRun:
    """A statement that no server was sent, and why."""

    file: str
    line: int
    kind: str
    because: str


@dataclass(frozen=True)
class Replayed:
    """A history on one server. ``drift``: (file, what) in which the followed catalog parted from the server's."""

    history: History
    server_version_num: int
    ran: tuple[Ran, ...]
    not_run: tuple[NotRun, ...]
    nothing: int  # BEGIN, COMMIT and psql commands that send nothing
    failed: tuple[tuple[str, str], ...]  # files that stopped, and why
    drift: tuple[tuple[str, str], ...]


def replay(history: History, server: Server) -> Replayed:
    """All of it in a fresh database of ``server``. A file that fails ends there, and the next one is tried."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {DATABASE}")
    with asyncio.Runner() as runner:
        return _Replay(history, server, runner).all()


class _Stop(Exception):
    """The file ends here."""


class _Replay:
    def __init__(self, history: History, server: Server, runner: asyncio.Runner) -> None:
        self.history = history
        self.server = server
        self.runner = runner
        whole = Migration(history.runner, True, "none", history.files)
        self.functions = functions_of(whole)
        self.followed = self.fresh = self.now = self.read()  # ``now``: what the server shows
        self.ran: list[Ran] = []
        self.not_run: list[NotRun] = []
        self.nothing = 0
        self.failed: list[tuple[str, str]] = []
        self.drift: list[tuple[str, str]] = []
        self.known_drift: set[str] = set()

    def read(self) -> Catalog:
        async def ask() -> Catalog:
            connection = await connect(self.server.dsn(DATABASE))
            try:
                return await read_catalog(connection, functions=self.functions)
            finally:
                await connection.close()

        return self.runner.run(ask())

    def all(self) -> Replayed:
        for file in self.history.files:
            self.file(file)
        return Replayed(
            self.history, self.fresh.server_version_num, tuple(self.ran), tuple(self.not_run), self.nothing,
            tuple(self.failed), tuple(self.drift),
        )  # fmt: skip

    def file(self, file: MigrationFile) -> None:
        catalog = self.now
        migration = Migration(self.history.runner, True, file.transaction_mode, (file,))
        self.followed = named_like(self.followed, catalog)
        told, _ = forecast_and_follow(migration, catalog)
        told_followed, after = forecast_and_follow(migration, self.followed)
        run = _File(self, file, plan(migration, told, catalog, "commit"), catalog, told, told_followed)
        committed = run.go()
        if committed < len(file.statements):
            only = replace(file, statements=file.statements[:committed])
            _, after = forecast_and_follow(replace(migration, files=(only,)), self.followed)
        self.followed = deployed(after, self.fresh)
        self.now = self.read()
        for what in differences(self.now, self.followed):
            if what not in self.known_drift:
                self.known_drift.add(what)
                self.drift.append((file.path, what))


def deployed(catalog: Catalog, session: Catalog) -> Catalog:
    """A followed catalog once its migration is over: nothing is new any more, and the session's settings are gone."""
    relations = {
        key: replace(r, created_here=False, indexes=tuple(replace(i, created_here=False) for i in r.indexes))
        for key, r in catalog.relations.items()
        if r.persistence != "t"
    }
    path = tuple(s for s in session.search_path if s in catalog.schemas)
    return replace(
        catalog, relations=relations, search_path=path, role=session.role, settings=session.settings,
        timezone=session.timezone,
    )  # fmt: skip


def named_like(followed: Catalog, server: Catalog) -> Catalog:
    """The followed relations with the server's oids: they are in the names of TOAST tables, and in nothing else."""

    def named(relation: Relation) -> Relation:
        there = server.relations.get(relation.key)
        return replace(relation, oid=there.oid) if there is not None else relation

    return replace_keeping(followed, relations={key: named(r) for key, r in followed.relations.items()})


class _File:
    """One file on a connection of its own."""

    def __init__(
        self,
        replay: _Replay,
        file: MigrationFile,
        planned: tuple[Planned, ...],
        catalog: Catalog,
        told: Forecast,
        followed: Forecast,
    ) -> None:
        self.replay = replay
        self.path = file.path
        self.planned = planned
        self.catalogs: dict[Basis, Catalog] = {"server": catalog, "followed": replay.followed}
        self.told: dict[Basis, dict[int, StatementForecast]] = {
            "server": {s.index: s for s in told.statements},
            "followed": {s.index: s for s in followed.statements},
        }
        self.connection = psycopg.connect(replay.server.dsn(DATABASE), autocommit=True)
        self.connection.execute("SET client_min_messages = error")
        self.first = self.snapshot()
        self.committed = 0

    def go(self) -> int:
        """How many statements were committed."""
        try:
            for position, planned in enumerate(self.planned):
                self.statement(planned)
                ends = planned.unit_ends or planned.action == "commit"
                if planned.action == "rollback" and self.in_transaction:
                    self.execute("ROLLBACK")
                elif ends and self.in_transaction:
                    self.commit(planned)
                if not self.in_transaction:
                    self.committed = position + 1
        except _Stop as stop:
            self.replay.failed.append((self.path, str(stop)))
        finally:
            self.connection.close()
        return self.committed

    @property
    def in_transaction(self) -> bool:
        return self.connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE

    def execute(self, sql: str) -> ServerError | None:
        try:
            self.connection.execute(sql.encode())
        except psycopg.Error as error:
            return ServerError(error.sqlstate or "XX000", str(error).splitlines()[0])
        return None

    def snapshot(self) -> Snapshot:
        def rows(sql: str) -> list[tuple[object, ...]]:
            return self.connection.execute(sql.encode()).fetchall()

        return snapshot(rows(RELATIONS), rows(LOCKS))

    def commit(self, planned: Planned) -> None:
        error = self.execute("COMMIT")
        if error is not None:
            self.note(planned, error, locks_seen=False, did=None)
            raise _Stop(f"line {planned.statement.line}, at the commit: {error.sqlstate} {error.message}")

    def statement(self, planned: Planned) -> None:
        statement = planned.statement
        action = planned.action
        if action in ("nothing", "commit", "rollback"):
            self.replay.nothing += 1
            return
        if action == "skip":
            self.replay.not_run.append(NotRun(self.path, statement.line, statement.kind, planned.because or ""))
            return
        if action == "alone" and statement.kind == "DO" and not any(w in statement.sql.upper() for w in _MAY_COMMIT):
            action = "run"
        alone = action == "alone"
        if alone and planned.forecast.transaction == "forbidden":
            self.refused_inside(planned)
        if not alone and not self.in_transaction:
            self.execute("BEGIN")
        before = self.snapshot()
        error = self.execute(statement.sql)
        if error is not None:
            if self.in_transaction:
                self.execute("ROLLBACK")
            self.note(planned, error, locks_seen=False, did=None)
            raise _Stop(f"line {statement.line}: {error.sqlstate} {error.message}")
        after = self.snapshot()
        self.note(planned, None, locks_seen=not alone, did=_in_words(before, after, self.first))

    def refused_inside(self, planned: Planned) -> None:
        """A statement that was said to be forbidden in a transaction: the server must say so, too."""
        self.execute("BEGIN")
        error = self.execute(planned.statement.sql)
        self.execute("ROLLBACK")
        if error is None:
            differ = (Disagreement("fails", "25001 in a transaction", "it is allowed in a transaction"),)
            judged = tuple(Judged(b, differ, None, True) for b in BASES)
            statement = planned.statement
            self.replay.ran.append(
                Ran(self.path, statement.line, statement.sql, statement.kind, None, False, frozenset(), judged)
            )

    def note(self, planned: Planned, error: ServerError | None, *, locks_seen: bool, did: Measured | None) -> None:
        statement = planned.statement
        judged = tuple(self.judge(basis, planned, error, locks_seen, did) for basis in BASES)
        locks = did.locks if did is not None and locks_seen else frozenset()
        self.replay.ran.append(
            Ran(self.path, statement.line, statement.sql, statement.kind, error, locks_seen, locks, judged)
        )

    def judge(
        self, basis: Basis, planned: Planned, error: ServerError | None, locks_seen: bool, did: Measured | None
    ) -> Judged:
        told = self.told[basis][planned.statement.index]
        opaque = (told.opaque_because or "opaque") if told.confidence == "opaque" else None
        if error is not None:
            return Judged(basis, failure_disagrees(told, error) if opaque is None else (), opaque, True)
        assert did is not None
        differ = disagreements(planned.statement, told, did, self.catalogs[basis])
        if not locks_seen:
            differ = tuple(d for d in differ if d.facet not in ("locks", "scans"))
        if opaque is not None:
            return Judged(basis, (), opaque, True)
        strongest = not any(d.facet == "locks" for d in differ) or _strongest(told.locks) == _strongest(did.locks)
        return Judged(basis, differ, None, strongest)


def _in_words(before: Snapshot, after: Snapshot, first: Snapshot) -> Measured:
    return in_words_of_forecast(done(before, after), before, after, first)


def _strongest(locks: frozenset[RelationLock]) -> int:
    return max((STRENGTH[lock.mode] for lock in locks if lock.pre_existing), default=-1)


def judgements(replayed: Replayed, basis: Basis) -> Iterator[tuple[Ran, Judged]]:
    for ran in replayed.ran:
        for judged in ran.judged:
            if judged.basis == basis:
                yield ran, judged
