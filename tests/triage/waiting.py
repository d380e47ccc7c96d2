"""What the tests of waits share: who is likely, and the queries of a playbook run on the incident's own server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import psycopg

from runbook.migration.statement import split
from runbook.playbook import SqlBlock
from runbook.session.state import State
from tests.playbooks.incident import playbooks
from tests.support import Database, create_database, drop_database, eventually, majors, wait_until

SCHEMA, TABLE = "My Schema", 'Order\'s "Items"'
TABLE_SQL = '"My Schema"."Order\'s ""Items"""'
"""A table whose name breaks whoever quotes by hand."""


def nearest(major: int) -> int:
    """Without the npm matrix the nearest major that is there: the causes are the same on all of them."""
    return min(majors(), key=lambda here: (abs(here - major), -here))


@contextmanager
def shop(major: int, sql: str) -> Iterator[tuple[Database, Database]]:
    """A local database on 18 and production on ``major``, both after ``sql``."""
    made = [create_database(m) for m in (18, nearest(major))]
    try:
        for database in made:
            database.execute(sql)
        yield made[0], made[1]
    finally:
        for database in made:
            drop_database(database)


def likely(state: State) -> list[str]:
    assert state.diagnosis is not None
    return [c.id for c in state.diagnosis.causes if c.verdict in ("proved", "likely")]


def blocks(cause: str, state: State, section: str, *, changes: bool, on: str = "production") -> list[SqlBlock]:
    """The blocks of one section, filled in from the incident; each of them can be run."""
    found = [
        b
        for b in playbooks()[cause].render(state.book()).sql
        if b.section == section and b.changes == changes and b.on == on
    ]
    assert found, f"{cause} has no such block in {section}"
    assert all(b.runnable for b in found), found
    return found


def run(database: Database, block: SqlBlock) -> list[tuple[object, ...]]:
    """Its statements one by one, as psql sends them; the rows of the last."""
    rows: list[tuple[object, ...]] = []
    with database.connect() as connection:
        for statement in split(block.sql)[0]:
            cursor = connection.execute(statement.sql.encode())
            rows = cursor.fetchall() if cursor.description else []
    return rows


def run_the_checks(cause: str, state: State, production: Database) -> None:
    """Every query of the playbook that looks, filled in from this incident, runs where it says, and may not write."""
    checks = [b for b in playbooks()[cause].render(state.book()).sql if not b.changes and b.on == "production"]
    assert checks
    assert all(b.runnable for b in checks), [(b.section, b.missing) for b in checks]
    with production.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for block in checks:
            for statement in split(block.sql)[0]:
                try:
                    connection.execute(statement.sql.encode())
                except psycopg.Error as error:
                    raise AssertionError(f"{block.section}: {block.sql}") from error


def older_than(production: Database, pid: int, seconds: float) -> None:
    """Until that session's transaction is as old as triage takes seriously."""
    old = f"clock_timestamp() - xact_start > make_interval(secs => {seconds})"
    eventually(lambda: production.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND {old}"), seconds + 20)


@asynccontextmanager
async def working(production: Database, sql: str, *, before: str = "") -> AsyncIterator[int]:
    """A session that has run ``before`` and now executes ``sql``, whose locks the server shows; its pid."""
    session = await psycopg.AsyncConnection.connect(production.dsn(), autocommit=True, application_name="somebody")
    pid = session.info.backend_pid
    for statement in split(before)[0]:
        await session.execute(statement.sql.encode())
    task = asyncio.create_task(session.execute(sql.encode()))
    holds = (
        f"SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = {pid} AND l.granted"
        " AND c.relnamespace <> 'pg_catalog'::regnamespace"
    )
    try:
        await wait_until(lambda: production.execute(holds), 30, what=f"the locks of {sql}")
        yield pid
    finally:
        await session.cancel_safe(timeout=5)
        await asyncio.gather(task, return_exceptions=True)
        await session.close()
