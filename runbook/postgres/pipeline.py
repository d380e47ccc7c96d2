"""Many small transactions in one round trip, each failing on its own: libpq's pipeline mode with a Sync per segment.

psycopg's own ``pipeline()`` waits at every Sync and keeps only the first error, so this speaks to ``conn.pgconn``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from psycopg import Error
from psycopg.pq import ConnStatus, ExecStatus, Format

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult


@dataclass(frozen=True, slots=True)
class Query:
    sql: bytes
    params: tuple[bytes | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """Queries that share one implicit transaction, which ends at the segment's Sync."""

    queries: tuple[Query, ...]
    deadline_s: float  # how long the server may be silent about it before the whole exchange is given up


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one segment brought: the last query's result, or the error of the first query that failed."""

    result: PGresult | None
    error: PGresult | None
    seconds: float


class ConnectionLost(Exception):
    """The connection broke while the exchange ran. The text is libpq's or the server's last word."""


class DeadlinePassed(Exception):
    """The server was silent for longer than the segment at hand may take. The connection is of no use any more."""


async def exchange(pgconn: PGconn, segments: Sequence[Segment], deliver: Callable[[int, Outcome], None]) -> None:
    """Send all ``segments`` at once and call ``deliver(index, outcome)`` as each ends.

    ``pgconn`` must be non-blocking, in pipeline mode and idle. Raises ``ConnectionLost`` or ``DeadlinePassed``;
    whatever was delivered before stays true. On any exception, cancellation too, the connection is not idle.
    """
    try:
        for segment in segments:
            for query in segment.queries:
                pgconn.send_query_params(query.sql, query.params, result_format=Format.BINARY)
            pgconn.pipeline_sync()
    except Error as error:
        raise ConnectionLost(_last_words(pgconn, None) or str(error)) from None
    index = 0
    last: PGresult | None = None
    failed: PGresult | None = None
    fatal: PGresult | None = None
    started = perf_counter()
    while index < len(segments):
        try:
            pending = pgconn.flush()
            left = segments[index].deadline_s - (perf_counter() - started)
            if left <= 0:
                raise DeadlinePassed
            await wait_ready(pgconn.socket, write=bool(pending), timeout_s=left)
            pgconn.consume_input()
            in_query = True
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    if not in_query:
                        break
                    in_query = False
                    continue
                in_query = True
                status = result.status
                if status == ExecStatus.PIPELINE_SYNC:
                    deliver(index, Outcome(None if failed else last, failed, perf_counter() - started))
                    index, last, failed, started = index + 1, None, None, perf_counter()
                    if index == len(segments):
                        return
                elif status == ExecStatus.FATAL_ERROR:
                    failed = failed or result
                    fatal = result
                elif status == ExecStatus.TUPLES_OK:
                    last = result
        except Error as error:
            raise ConnectionLost(_last_words(pgconn, fatal) or str(error)) from None
        except TimeoutError:
            raise DeadlinePassed from None
        if pgconn.status == ConnStatus.BAD:
            raise ConnectionLost(_last_words(pgconn, fatal) or "the server closed the connection")


async def wait_ready(fd: int, *, write: bool, timeout_s: float) -> None:
    """Return when ``fd`` can be read (or written, with ``write``). Raises ``TimeoutError``."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(fd, wake)
    if write:
        loop.add_writer(fd, wake)
    try:
        async with asyncio.timeout(timeout_s):
            await ready
    finally:
        loop.remove_reader(fd)
        if write:
            loop.remove_writer(fd)


def _last_words(pgconn: PGconn, fatal: PGresult | None) -> str:
    if fatal is not None and (message := fatal.get_error_message("utf-8").strip()):
        return message.splitlines()[0]
    # libpq goes on: "This probably means the server terminated abnormally ..."
    return " ".join(pgconn.get_error_message("utf-8").partition("This probably means")[0].split())
