"""The one connection of the program that writes: to the local side, after the server on it was found to be no production.

``open_for_rehearsal`` is the only way to get one. The server is asked who it is on this very connection, read-only, before
anything else: an address that leads elsewhere the second time cannot slip through. Statements go out one by one in the
extended protocol, in which the server itself refuses a string of several, so that a COMMIT cannot hide in another
statement; timeouts of ours lie over those of the file, and a client that dies takes its query with it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast

import psycopg
from psycopg import generators
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import ExecStatus, TransactionStatus

from runbook.postgres.connection import connect, understand
from runbook.postgres.dsn import describe_target, explain_bad_dsn, scrub
from runbook.postgres.pipeline import ConnectionLost, DeadlinePassed, Outcome, Query, Segment
from runbook.postgres.probe import file_for
from runbook.postgres.reading import Refusal
from runbook.postgres.refusals import ConnectionRefused
from runbook.rehearsal.escapes import Routine, reaching_out
from runbook.rehearsal.measure import LOCKS, RELATIONS, WAL, Snapshot, snapshot
from runbook.rehearsal.result import Notice, ServerError
from runbook.rehearsal.signs import Client, Production, ServerFacts, at_work, refusal, signs, standing
from runbook.sql import quote_ident, quote_literal
from runbook.text import clean, clean_line

APPLICATION_NAME = "runbook rehearsal"
LEAVE_S = 5.0  # how long stopping a query and rolling back may take before the connection is just closed

# Who it is: the same question to production (under guard) and to the local side.
_IDENTITY = """
SELECT pg_catalog.json_build_object(
    'pid', pg_catalog.pg_backend_pid(), 'database', pg_catalog.current_database(), 'role', current_user,
    'started_at', pg_catalog.to_char(pg_catalog.pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),
    'in_recovery', pg_catalog.pg_is_in_recovery(),
    'server_address', pg_catalog.host(pg_catalog.inet_server_addr()), 'server_port', pg_catalog.inet_server_port(),
    'client_address', pg_catalog.host(pg_catalog.inet_client_addr()))::pg_catalog.text"""
_SYSTEM = "SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system()"
_LIFE = """
SELECT pg_catalog.json_build_object(
    'database_bytes', pg_catalog.pg_database_size(pg_catalog.current_database()),
    'transactions', d.xact_commit + d.xact_rollback,
    'counted_s', coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - d.stats_reset), 0),
    'archiving', pg_catalog.current_setting('archive_mode') <> 'off',
    'replicas', (SELECT count(*) FROM pg_catalog.pg_stat_replication)
              + (SELECT count(*) FROM pg_catalog.pg_replication_slots s WHERE s.active AND s.slot_type = 'logical'
                   AND s.active_pid NOT IN (SELECT r.pid FROM pg_catalog.pg_stat_replication r)),
    'clients', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
            'pid', a.pid, 'address', pg_catalog.host(a.client_addr), 'state', a.state,
            'in_transaction', a.xact_start IS NOT NULL, 'application_name', coalesce(a.application_name, ''))), '[]')
        FROM pg_catalog.pg_stat_activity a
       WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
         AND a.usesysid IS NOT NULL AND coalesce(a.backend_type, 'client backend') = 'client backend'
         AND coalesce(a.application_name, '') NOT LIKE 'runbook%'))::pg_catalog.text
  FROM pg_catalog.pg_stat_database d WHERE d.datname = pg_catalog.current_database()"""
_ROUTINES = """
SELECT p.proname::pg_catalog.text, l.lanname::pg_catalog.text, l.lanpltrusted, coalesce(p.prosrc, '')
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.oid >= 16384 AND (l.lanname NOT IN ('c', 'internal') OR p.proname ~ '^(dblink|http)')"""
_TRIGGERS = """
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), p.proname::pg_catalog.text
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE t.tgenabled <> 'D'"""
_EVENT_TRIGGERS = """
SELECT p.proname::pg_catalog.text FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
 WHERE e.evtenabled <> 'D'"""
_SEQUENCES = """
SELECT s.schemaname::pg_catalog.text, s.sequencename::pg_catalog.text, s.last_value FROM pg_catalog.pg_sequences s"""
_DEFERRED = """
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.conname)
  FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace WHERE c.condeferred"""

_WATCHDOGS = {"idle_in_transaction_session_timeout": 60_000, "client_connection_check_interval": 1000}
"""Milliseconds after which the server gives up on a client that is silent, or gone (the latter from 14 on)."""
_TIMEOUTS = """
SELECT s.name, s.setting::pg_catalog.int8 FROM pg_catalog.pg_settings s
 WHERE s.name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'client_connection_check_interval')"""


class RehearsalRefused(Exception):
    """The server is not one to rehearse on; the text says why and whether that can be overridden."""


_LEAVING_TRIES, _LEAVING_S = 4, 0.25


class RehearsalLost(Exception):
    """The connection broke; the server rolls back what was open."""


class LimitReached(Exception):
    """The time that the rehearsal may take is over."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. ``total_s``: for everything. ``lock_s``: for one lock."""

    total_s: float = 600.0
    lock_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Ran:
    """One statement that was sent. ``limit``: it ended because of our limits and not by itself."""

    seconds: float
    rows: int | None = None
    error: ServerError | None = None
    limit: str | None = None
    notices: tuple[Notice, ...] = ()


async def read_production(name: str, dsn: str, *, connect_timeout_s: float = 5.0) -> Production:
    """What tells the production server apart, read under guard; without its facts where it cannot be asked.

    Raises ``ValueError`` for a connection string that cannot be read.
    """
    target = describe_target(dsn)
    known = Production(name, target.host, target.port or 5432, target.database)
    told: dict[str, Any] = {}
    system: str | None = None

    def keep(index: int, outcome: Outcome) -> None:
        nonlocal system
        value = outcome.result.get_value(0, 0) if outcome.result is not None and outcome.result.ntuples else None
        if value is not None and index == 0:
            told.update(json.loads(value))
        elif value is not None:
            system = value.decode()

    try:
        async with await connect(dsn, side="production", connect_timeout_s=connect_timeout_s) as connection:
            guard = connection.guard.local(3.0)
            asked = [Segment((guard, Query(sql.encode())), 5.0) for sql in (_IDENTITY, _SYSTEM)]
            await connection.run(asked, keep)
    except (ConnectionRefused, ConnectionLost, DeadlinePassed):
        return known
    if not told:
        return known
    facts = ServerFacts(
        host=target.host, host_address=None, port=known.port, database=str(told["database"]), role=str(told["role"]),
        system_identifier=system, started_at=str(told["started_at"]), in_recovery=bool(told["in_recovery"]),
        pooled=False, server_address=told["server_address"], server_port=told["server_port"],
        client_address=told["client_address"], database_bytes=0, transactions=0, counted_s=0.0, archiving=False,
        replicas=0, providers=(), clients=(),
    )  # fmt: skip
    return replace(known, database=facts.database, facts=facts)


async def open_for_rehearsal(
    dsn: str,
    *,
    production: Sequence[Production] = (),
    typed: str | None = None,
    limits: Limits | None = None,
    connect_timeout_s: float = 5.0,
) -> RehearsalConnection:
    """A connection that may write, to a server that does not look like production.

    ``production``: the servers it must not be; ``typed``: what was given with ``--rehearse-on``. Raises
    ``RehearsalRefused`` and ``ConnectionRefused``.
    """
    live = await _open(dsn, connect_timeout_s)
    connection = RehearsalConnection(live, limits or Limits())
    try:
        await connection.set_up()
        facts = await _facts(live)
        for _ in range(_LEAVING_TRIES):
            # A session that has just been closed is still listed for a moment.
            if not at_work(facts):
                break
            await asyncio.sleep(_LEAVING_S)
            facts = await _facts(live)
        stand = standing(signs(facts, production), facts, typed)
        if stand:
            raise RehearsalRefused(clean_line(refusal(stand, facts)))
        connection.facts = facts
        await connection.allow_writes()
    except psycopg.Error as error:
        await connection.leave()
        raise ConnectionRefused(understand(scrub(str(error), dsn))) from None
    except BaseException:
        await connection.leave()
        raise
    return connection


async def _open(dsn: str, connect_timeout_s: float) -> psycopg.AsyncConnection[Any]:
    try:
        given = conninfo_to_dict(dsn)
        if "," in str(given.get("host") or given.get("hostaddr") or ""):
            raise RehearsalRefused("not rehearsed: the connection string names several hosts; give the one to use")
        async with asyncio.timeout(connect_timeout_s):
            return await psycopg.AsyncConnection.connect(
                dsn, autocommit=True, prepare_threshold=None, application_name=APPLICATION_NAME,
                client_encoding="UTF8", connect_timeout=max(2, round(connect_timeout_s)),
            )  # fmt: skip
    except TimeoutError:
        message = f"no answer within {connect_timeout_s:g} s"
        raise ConnectionRefused(Refusal("timed_out", message, transient=True)) from None
    except psycopg.ProgrammingError as error:
        raise ConnectionRefused(Refusal("bad_dsn", scrub(explain_bad_dsn(str(error)), dsn))) from None
    except (psycopg.Error, OSError, UnicodeError) as error:
        raise ConnectionRefused(understand(scrub(str(error), dsn))) from None


async def _facts(live: psycopg.AsyncConnection[Any]) -> ServerFacts:
    told: dict[str, Any] = {}
    for sql in (_IDENTITY, _LIFE):
        row = await (await live.execute(sql.encode())).fetchone()
        told.update(json.loads(row[0]) if row is not None else {})
    try:
        system = await (await live.execute(_SYSTEM.encode())).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        system = None
    hints = file_for("provider", live.info.server_version // 10000)
    assert hints is not None
    found = await (await psycopg.AsyncRawCursor(live).execute(hints.sql, (100,))).fetchall()
    poolers = {"pgbouncer", "pgcat", "supavisor", "odyssey", "pgpool"}
    host = live.info.host or None
    return ServerFacts(
        host=None if host is None or host.startswith(("/", "@")) else host,
        host_address=live.info.hostaddr or None,
        port=live.info.port,
        database=told["database"],
        role=told["role"],
        system_identifier=system[0] if system is not None else None,
        started_at=told["started_at"],
        in_recovery=told["in_recovery"],
        pooled=told["pid"] != live.info.backend_pid,
        server_address=told["server_address"],
        server_port=told["server_port"],
        client_address=told["client_address"],
        database_bytes=told["database_bytes"],
        transactions=told["transactions"] or 0,
        counted_s=float(told["counted_s"]),
        archiving=told["archiving"],
        replicas=told["replicas"],
        providers=tuple(sorted({row[0] for row in found if row[0] not in poolers and row[1] != "application_name"})),
        clients=tuple(
            Client(c["pid"], c["address"], c["state"], c["in_transaction"], clean_line(c["application_name"]))
            for c in told["clients"]
        ),
    )


class RehearsalConnection:
    """Sends statements one by one and measures. After ``leave`` nothing of ours is left on the server."""

    facts: ServerFacts

    def __init__(self, live: psycopg.AsyncConnection[Any], limits: Limits) -> None:
        self._live = live
        self.limits = limits
        self.server_version_num = live.info.server_version
        self.deadline = time.monotonic() + limits.total_s
        self._notices: list[Notice] = []
        self._armed: dict[str, int] = {}  # what we last set, so that it is not taken for the file's
        live.add_notice_handler(self._note)

    @property
    def lost(self) -> bool:
        return self._live.closed

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, failed or not."""
        return self._live.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    def start_clock(self) -> None:
        """The time that the rehearsal may take begins now."""
        self.deadline = time.monotonic() + self.limits.total_s

    async def set_up(self) -> None:
        """Read-only until the server was looked at, and bounded from the first statement on."""
        await self.command("SET default_transaction_read_only = on")
        await self._arm()

    async def allow_writes(self) -> None:
        """Back to what a session of this role has; the role itself may be read-only."""
        await self._live.execute("RESET default_transaction_read_only")

    @property
    def _lock_ms(self) -> int:
        return round(self.limits.lock_s * 1000)

    @property
    def _left_ms(self) -> int:
        return max(1, round((self.deadline - time.monotonic()) * 1000))

    # -- transactions -------------------------------------------------------------------------------------------------

    async def command(self, sql: str) -> None:
        """A command of our own: BEGIN, ROLLBACK, SAVEPOINT ... Raises ``psycopg.Error``'s kinds as ``RehearsalLost``
        where the connection is gone, else as they are."""
        try:
            await self._live.execute(sql.encode())
        except psycopg.Error as error:
            if self.lost:
                raise RehearsalLost(clean_line(str(error))) from None
            raise

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a question of our own."""
        try:
            return await (await self._live.execute(sql.encode())).fetchall()
        except psycopg.Error as error:
            if self.lost:
                raise RehearsalLost(clean_line(str(error))) from None
            raise

    async def set_role(self, role: str) -> ServerError | None:
        """Run what follows as ``role``; the server's refusal where it may not."""
        return (await self.run(f"SET ROLE {quote_ident(role)}")).error

    async def check_deferred(self) -> ServerError | None:
        """What a COMMIT would do here: deferred constraints are checked, and are deferred again for what follows."""
        ran = await self.run("SET CONSTRAINTS ALL IMMEDIATE")
        if ran.error is not None:
            return ran.error
        deferred = await self.rows(_DEFERRED)
        if deferred:
            await self.command(f"SET CONSTRAINTS {', '.join(row[0] for row in deferred)} DEFERRED")
        return None

    async def shield(self, sequence: str) -> bool:
        """Give a sequence a new file in this transaction, so that a rollback takes the numbers back that nextval gave.

        ``sequence``: schema.name, quoted. False where we may not: its owner alone can.
        """
        name = quote_literal(sequence)
        owns = await self.rows(
            "SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class c"
            f" WHERE c.oid = pg_catalog.to_regclass({name})"
        )
        if not owns or not owns[0][0]:
            return False
        ((last, called),) = await self.rows(f"SELECT last_value, is_called FROM {sequence}")
        await self.command(f"ALTER SEQUENCE {sequence} RESTART")
        await self.rows(f"SELECT pg_catalog.setval({name}, {int(last)}, {'true' if called else 'false'})")
        return True

    # -- statements ---------------------------------------------------------------------------------------------------

    async def run(self, sql: str) -> Ran:
        """Send one statement of the migration under our limits. Raises ``LimitReached``, ``RehearsalLost``.

        After an error inside a transaction that transaction can only be rolled back.
        """
        if self.deadline <= time.monotonic():
            raise LimitReached
        statement_ms, lock_ms = await self._arm()
        self._notices.clear()
        cursor = self._live.cursor()
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.deadline - time.monotonic() + 1.0):
                # binary: the extended protocol, which takes one statement and no more
                await cursor.execute(sql.encode("utf-8", "surrogatepass"), binary=True)
        except TimeoutError:
            raise LimitReached from None
        except psycopg.Error as error:
            seconds = time.perf_counter() - began
            if self.lost:
                raise RehearsalLost(clean_line(str(error))) from None
            told = _told(error)
            limit = None
            if told.sqlstate == "57014" and statement_ms is None:
                limit = f"it was stopped after {seconds:.0f} s: the rehearsal may take {self.limits.total_s:.0f} s"
            elif told.sqlstate == "55P03" and lock_ms is None:
                limit = f"it waited {self.limits.lock_s:g} s for a lock that another session holds"
            return Ran(seconds, None, told, limit, tuple(self._notices))
        seconds = time.perf_counter() - began
        rows = cursor.rowcount if cursor.rowcount >= 0 else None
        return Ran(seconds, rows, notices=tuple(self._notices))

    async def _arm(self) -> tuple[int | None, int | None]:
        """Our timeouts over the file's: (its statement_timeout, its lock_timeout) in ms where those are shorter."""
        local = "true" if self.in_transaction else "false"
        limits = {"statement_timeout": self._left_ms, "lock_timeout": self._lock_ms}
        found = dict(await self.rows(_TIMEOUTS))
        own: dict[str, int | None] = {}
        for name, limit in limits.items():
            shorter = 0 < found[name] < limit and found[name] != self._armed.get(name)
            own[name] = found[name] if shorter else None
            if not shorter:
                self._armed[name] = limit
                await self.rows(f"SELECT pg_catalog.set_config('{name}', '{limit}', {local})")
        for name, value in _WATCHDOGS.items():
            if found.get(name) == 0:
                await self.rows(f"SELECT pg_catalog.set_config('{name}', '{value}', {local})")
        return own["statement_timeout"], own["lock_timeout"]

    async def refuses(self, sql: str) -> ServerError | None:
        """What the server says when it parses ``sql`` without running it; None where it would take it."""
        pgconn = self._live.pgconn
        pgconn.send_prepare(b"", sql.encode("utf-8", "surrogatepass"))
        results = await self._live.wait(generators.execute(pgconn))
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                return _told(psycopg.errors.error_from_result(result, encoding="utf-8"))
        return None

    async def snapshot(self) -> Snapshot:
        """The relations and our locks as they are now in this transaction."""
        relations, locks = await self.rows(RELATIONS), await self.rows(LOCKS)
        return snapshot(relations, locks, (await self.rows(WAL))[0][0])

    async def with_locks_now(self, earlier: Snapshot) -> Snapshot:
        """``earlier`` with our locks as they are now: a third of the cost where no relation can have changed."""
        return replace(earlier, locks=snapshot((), await self.rows(LOCKS)).locks)

    async def sequences(self) -> dict[str, int | None]:
        """Where each sequence stands; None: it was never used, or this role may not see it."""
        return {f"{quote_ident(s)}.{quote_ident(n)}": last for s, n, last in await self.rows(_SEQUENCES)}

    async def functions_reaching_out(self) -> frozenset[str]:
        """Names of this database's functions that reach out of a transaction."""
        return reaching_out(Routine(*row) for row in await self.rows(_ROUTINES))

    async def triggers_calling(self, functions: Collection[str]) -> dict[str, str]:
        """Tables with an enabled trigger that calls one of ``functions``, with that function."""
        names = ", ".join(map(quote_literal, sorted(functions)))
        return dict(await self.rows(f"{_TRIGGERS} AND p.proname IN ({names})")) if functions else {}

    async def event_trigger_functions(self) -> frozenset[str]:
        """Names of the functions that DDL fires here."""
        return frozenset(row[0] for row in await self.rows(_EVENT_TRIGGERS))

    async def setting(self, name: str) -> str | None:
        """A setting's present value; None where there is none of that name."""
        return cast(
            "str | None", (await self.rows(f"SELECT pg_catalog.current_setting({quote_literal(name)}, true)"))[0][0]
        )

    async def restore(self, name: str, value: str | None) -> None:
        """Put a setting back that a SET LOCAL changed."""
        called = f"pg_catalog.set_config({quote_literal(name)}, {quote_literal(value or '')}, true)"
        await self.rows(f"SELECT {called}")

    async def leave(self) -> None:
        """Stop what runs, roll back and close. Never raises for what the server does."""
        with suppress(psycopg.Error, OSError, TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                if self._live.info.transaction_status == TransactionStatus.ACTIVE:
                    await self._live.cancel_safe(timeout=2.0)
                if not self._live.closed and self.in_transaction:
                    await self._live.execute("ROLLBACK")
        with suppress(psycopg.Error, OSError):
            await self._live.close()

    def _note(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if len(self._notices) < 50:
            severity = diagnostic.severity_nonlocalized or diagnostic.severity or "NOTICE"
            self._notices.append(Notice(severity, clean(diagnostic.message_primary or "")))


def _told(error: psycopg.Error) -> ServerError:
    message = error.diag.message_primary or str(error)
    return ServerError(error.sqlstate or "XX000", clean(message))
