"""Connections under guard: read-only, with timeouts, named, in no transaction, and gone when we leave.

The guard has two layers (DESIGN, "Never break these" 1). Every query travels with ``set_config(..., is_local => true)``
in its own implicit transaction, so it holds through a transaction pooler and leaves nothing behind on the pooled server
connection. On a direct connection the same is set for the session as well. A pooler is told by its own BackendKeyData:
the pid in it is not the backend's, and the statement that sets the session does so only where both agree.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Format, TransactionStatus

from runbook.postgres.dsn import describe_target, explain_bad_dsn, mask_dsn, scrub
from runbook.postgres.pipeline import ConnectionLost, DeadlinePassed, Outcome, Query, Segment, exchange
from runbook.postgres.reading import Refusal, SideKey, Target
from runbook.postgres.refusals import ConnectionRefused, read_refusal

__all__ = ["Connection", "ConnectionRefused", "Guard", "connect", "describe_target", "mask_dsn"]

# Settings of the session that somebody else left on a pooled server connection, without those that poolers set anew for
# each client (PgBouncer: track_extra_parameters and its built-in list) and those that drivers set for themselves.
_LEFT_BEHIND = """(
    SELECT pg_catalog.jsonb_object_agg(s.name, s.setting)::pg_catalog.text FROM pg_catalog.pg_settings AS s
    WHERE s.source OPERATOR(pg_catalog.=) 'session' AND s.setting OPERATOR(pg_catalog.<>) s.reset_val
      AND s.name OPERATOR(pg_catalog.<>) ALL (ARRAY['application_name', 'client_encoding', 'DateStyle', 'IntervalStyle',
          'TimeZone', 'standard_conforming_strings', 'extra_float_digits', 'bytea_output', 'transaction_isolation',
          'transaction_read_only', 'transaction_deferrable', 'client_min_messages']))"""

LEAVE_S = 0.9  # how long closing may take when a query of ours is in flight

# pg_catalog goes first in the search path, so that nobody's function or operator of the same name is called with our
# rights; the compiler and parallel workers would cost a busy server more than they bring to a probe.
_LOCAL = """
    pg_catalog.set_config('transaction_read_only', 'on', true),
    pg_catalog.set_config('statement_timeout', $1::pg_catalog.text, true),
    pg_catalog.set_config('lock_timeout', $2::pg_catalog.text, true),
    pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'pg_catalog',
        pg_catalog.substring(pg_catalog.current_setting('search_path'), '.+')), true),
    pg_catalog.set_config('jit', 'off', true),
    pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)
"""


@dataclass(frozen=True, slots=True)
class Guard:
    """What every transaction of ours is bounded by, in milliseconds."""

    statement_timeout_ms: int = 5000
    lock_timeout_ms: int = 200
    idle_in_transaction_timeout_ms: int = 10_000

    def session(self, libpq_pid: int) -> Query:
        """For the session, but only where the backend is the process that libpq was told of: no pooler between."""
        settings = (
            ("default_transaction_read_only", "on"),
            ("statement_timeout", str(self.statement_timeout_ms)),
            ("lock_timeout", str(self.lock_timeout_ms)),
            ("idle_in_transaction_session_timeout", str(self.idle_in_transaction_timeout_ms)),
        )
        calls = ", ".join(f"pg_catalog.set_config('{name}', '{value}', false)" for name, value in settings)
        sql = (
            "SELECT pg_catalog.pg_backend_pid()::pg_catalog.int8, "
            "CASE WHEN pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) $1::pg_catalog.int4 "
            f"THEN pg_catalog.concat({calls}) ELSE {_LEFT_BEHIND} END::pg_catalog.text"
        )
        return Query(sql.encode(), (str(libpq_pid).encode(),))

    def local(self, deadline_s: float, *, unconverted: bool = False) -> Query:
        """For the transaction it stands in, which must be read-only before anything else happens in it.

        ``unconverted``: texts come as the server stores them, whatever their encoding.
        """
        calls = _LOCAL + (", pg_catalog.set_config('client_encoding', 'SQL_ASCII', true)" if unconverted else "")
        timeout_ms = max(1, min(round(deadline_s * 1000), self.statement_timeout_ms))
        return Query(
            b"SELECT " + calls.encode(),
            (str(timeout_ms).encode(), str(self.lock_timeout_ms).encode()),
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """How a side is connected to. The DSN never shows: not in ``repr``, messages or task names."""

    dsn: str = field(repr=False)
    side: SideKey
    target: Target
    connect_timeout_s: float
    application_name: str
    service: str | None
    guard: Guard


class Connection:
    """One guarded connection to one side. ``async with`` closes it; ``run`` reconnects when it was lost."""

    def __init__(self, settings: Settings, live: psycopg.AsyncConnection[Any]) -> None:
        self.settings = settings
        self.backend_pid: int | None = None  # the real backend's, known after the first exchange
        self.pooled: bool | None = None  # True: what answers is not the process we were told of
        self.left_behind: str | None = None  # pooled: settings that others left on the server connection, as JSON
        self.lost: str | None  # why the connection is of no use any more
        self._lock = asyncio.Lock()
        self._in_flight = False
        self._closing = False
        self._adopt(live)

    def _adopt(self, live: psycopg.AsyncConnection[Any]) -> None:
        self._live = live
        self._guarded = False
        # Kept here, because a closed connection no longer tells them.
        self.server_version_num = live.info.server_version  # as the server or its pooler announced it
        self.libpq_pid = live.info.backend_pid  # as it was told to us; the key to cancel with
        self.lost = None
        live.pgconn.enter_pipeline_mode()

    def __repr__(self) -> str:
        state = f"lost: {self.lost}" if self.lost else "open"
        return f"<Connection {self.side} {self.target} {state}>"

    @property
    def side(self) -> SideKey:
        return self.settings.side

    @property
    def target(self) -> Target:
        return self.settings.target

    @property
    def guard(self) -> Guard:
        return self.settings.guard

    @property
    def closed(self) -> bool:
        return self._closing

    async def run(self, segments: Sequence[Segment], deliver: Callable[[int, Outcome], None]) -> None:
        """One round trip: the guard where it is still due, then ``segments``, ``deliver`` called as each ends.

        Reconnects first when the connection was lost before. Raises ``ConnectionRefused``, ``ConnectionLost`` or
        ``DeadlinePassed``; after the last two, and after cancellation, nothing of ours runs on the server any more
        and the connection is ``lost``.
        """
        async with self._lock:
            if self._closing:
                raise ConnectionLost("the connection was closed")
            if self.lost is not None:
                await self._reconnect()
            batch = list(segments)
            first = 0
            if not self._guarded:
                first = 1
                batch.insert(0, Segment((self.guard.session(self.libpq_pid),), 5.0))

            def sort_out(index: int, outcome: Outcome) -> None:
                if index < first:
                    self._note_guard(outcome)
                else:
                    deliver(index - first, outcome)

            self._in_flight = True
            try:
                await exchange(self._live.pgconn, batch, sort_out)
            except ConnectionLost as error:
                self.lost = scrub(str(error), self.settings.dsn)
                await self._drop()
                raise ConnectionLost(self.lost) from None
            except DeadlinePassed:
                self.lost = "the server did not answer in time"
                await self._drop()
                raise
            except BaseException:
                self.lost = "interrupted"
                await asyncio.shield(self._drop())
                raise
            finally:
                self._in_flight = False

    async def close(self) -> None:
        """Cancel what is in flight and leave, in under a second. Safe to call twice and from any task."""
        self._closing = True
        if self._in_flight:
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    while self._in_flight:
                        await self._cancel()
                        await asyncio.sleep(0.02)
        self.lost = self.lost or "closed"
        await self._live.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def _note_guard(self, outcome: Outcome) -> None:
        result = outcome.result
        if result is None or result.ntuples != 1:
            return  # a pooler that cannot even run this: the local guard in every segment still holds
        value = result.get_value(0, 0) or b""
        self.backend_pid = int.from_bytes(value, "big") if result.fformat(0) == Format.BINARY else int(value)
        self.pooled = self.backend_pid != self.libpq_pid
        if self.pooled:  # text looks the same in either format
            self.left_behind = (result.get_value(0, 1) or b"").decode(errors="replace") or None
        self._guarded = True

    async def _cancel(self) -> None:
        with suppress(psycopg.Error, OSError):
            await self._live.cancel_safe(timeout=0.5)

    async def _drop(self) -> None:
        """Stop what still runs, statement after statement, then close: a closed socket alone does not stop a query."""
        with suppress(TimeoutError, psycopg.Error, OSError):
            async with asyncio.timeout(LEAVE_S):
                while self._busy():
                    await self._cancel()
                    await self._drain(0.05)
        with suppress(psycopg.Error):
            await self._live.close()

    def _busy(self) -> bool:
        return self._live.pgconn.transaction_status == TransactionStatus.ACTIVE

    async def _drain(self, seconds: float) -> None:
        """Read and forget answers until the pipeline is empty or ``seconds`` passed."""
        from runbook.postgres.pipeline import wait_ready

        pgconn = self._live.pgconn
        deadline = asyncio.get_running_loop().time() + seconds
        while (left := deadline - asyncio.get_running_loop().time()) > 0 and self._busy():
            pending = pgconn.flush()
            try:
                await wait_ready(pgconn.socket, write=bool(pending), timeout_s=left)
            except TimeoutError:
                return
            pgconn.consume_input()
            nothing = 0
            while nothing < 2 and not pgconn.is_busy():
                nothing = nothing + 1 if pgconn.get_result() is None else 0

    async def _reconnect(self) -> None:
        self._adopt(await _open(self.settings))


async def connect(
    dsn: str,
    *,
    side: SideKey = "production",
    connect_timeout_s: float = 5.0,
    application_name: str = "runbook",
    service: str | None = None,
    guard: Guard | None = None,
    guard_now: bool = True,
) -> Connection:
    """Connect under guard. Raises ``ConnectionRefused``; its ``refusal`` says how, without any secret.

    ``dsn`` is anything libpq takes: URI, key=value, several hosts, a service. With ``guard_now=False`` the session's
    guard travels with the first probes and saves a round trip (nothing can be asked before it).
    """
    full = f"service={service}" if service and not dsn.strip() else dsn
    try:
        target = describe_target(full)
    except ValueError as error:
        raise ConnectionRefused(Refusal("bad_dsn", scrub(str(error), dsn))) from None
    settings = Settings(dsn, side, target, connect_timeout_s, application_name, service, guard or Guard())
    connection = Connection(settings, await _open(settings))
    if guard_now:
        try:
            await connection.run((), lambda _index, _outcome: None)
        except (ConnectionLost, DeadlinePassed) as error:
            await connection.close()
            raise ConnectionRefused(read_refusal(str(error) or "timeout expired")) from None
        except BaseException:
            await connection.close()
            raise
    return connection


async def _open(settings: Settings) -> psycopg.AsyncConnection[Any]:
    try:
        return await _attempt(settings)
    except ConnectionRefused as error:
        if error.refusal.kind == "no_hba_entry" and await _would_tls_help(settings):
            raise ConnectionRefused(replace(error.refusal, kind="tls_required")) from None
        raise


async def _attempt(settings: Settings, **override: str) -> psycopg.AsyncConnection[Any]:
    params: dict[str, Any] = {
        "application_name": settings.application_name,
        "client_encoding": "UTF8",
        # libpq counts whole seconds and per host; the limit that holds is the one around it.
        "connect_timeout": str(max(1, math.ceil(settings.connect_timeout_s))),
        **override,
    }
    if settings.service:
        params["service"] = settings.service
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            # Shielded: psycopg forgets a half-open connection when it is cancelled, and the server keeps it.
            opening = asyncio.ensure_future(
                psycopg.AsyncConnection.connect(settings.dsn, autocommit=True, prepare_threshold=None, **params)
            )
            try:
                return await asyncio.shield(opening)
            except asyncio.CancelledError:
                opening.add_done_callback(_finish)
                raise
    except TimeoutError:
        message = f"no answer within {settings.connect_timeout_s:g} s"
        raise ConnectionRefused(Refusal("timed_out", message, transient=True)) from None
    except psycopg.ProgrammingError as error:
        raise ConnectionRefused(Refusal("bad_dsn", scrub(explain_bad_dsn(str(error)), settings.dsn))) from None
    except (psycopg.Error, OSError, UnicodeError) as error:
        message = scrub("\n".join(str(error).splitlines()), settings.dsn)
        if message.startswith("connection is bad: ") and ("invalid " in message or "not found" in message):
            raise ConnectionRefused(Refusal("bad_dsn", explain_bad_dsn(message.partition(": ")[2]))) from None
        raise ConnectionRefused(understand(message)) from None


def _finish(opening: asyncio.Future[psycopg.AsyncConnection[Any]]) -> None:
    """Close a connection that nobody waits for any more, as soon as it is there."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().pgconn.finish()


def understand(message: str) -> Refusal:
    """The refusal in ``message`` (free of secrets), also where the server speaks another language than English."""
    refusal = read_refusal(message)
    if refusal.kind == "other":
        from runbook.failure.refusals import read_refusal as read_translated

        return read_translated(message)
    return refusal


async def _would_tls_help(settings: Settings) -> bool:
    """Whether the same connection gets further with TLS, where the DSN says not to use it."""
    try:
        if conninfo_to_dict(settings.dsn).get("sslmode") != "disable":
            return False
        live = await _attempt(settings, sslmode="require")
    except (ConnectionRefused, psycopg.Error) as error:
        kind = error.refusal.kind if isinstance(error, ConnectionRefused) else "other"
        return kind in ("wrong_password", "no_such_database", "no_such_role", "authentication_failed")
    await live.close()
    return True
