"""What a running index build shows of the server's pace, between two looks at a real server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from types import MappingProxyType

import psycopg
import pytest

from runbook.migration import forecast, parse
from runbook.migration.timing import DEFAULT
from runbook.postgres import connect, read_catalog
from runbook.postgres.dsn import describe_target
from runbook.postgres.probe import run_probes
from runbook.triage.case import SideCase
from runbook.triage.observed import paces, throughput
from tests.support import WHEEL_MAJORS, Database, create_database, drop_database

# One row a page, and a function that makes the build take about two seconds.
SLOW = """
CREATE TABLE wide (id int, filler char(7000));
ALTER TABLE wide ALTER COLUMN filler SET STORAGE PLAIN;
INSERT INTO wide SELECT g, 'x' FROM generate_series(1, 4000) g;
ANALYZE wide;
CREATE FUNCTION slowly(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_sleep(0.0004); RETURN $1; END $$;
"""


async def _two_looks(database: Database, pid: int) -> SideCase:
    """The build at two moments between which it has read more than a thousand pages."""
    connection = await connect(database.dsn(), side="production")
    async with connection:
        catalog = await read_catalog(connection)
        first = None
        async with asyncio.timeout(60):
            while True:
                reading = (await run_probes(connection, ("progress",)))["progress"]
                row = next((r for r in reading.rows if r.pid == pid and r.unit == "blocks" and r.done), None)
                if row is not None and first is None:
                    first = (reading, row.done)
                elif row is not None and first is not None and row.done - first[1] >= 1000:
                    break
                await asyncio.sleep(0.01)
    assert first is not None
    return SideCase(
        "production",
        "production",
        describe_target("host=db"),
        readings=MappingProxyType({"progress": reading}),
        earlier=MappingProxyType({"progress": first[0]}),
        catalog=catalog,
    )


@pytest.fixture(params=WHEEL_MAJORS)
def somewhere(request: pytest.FixtureRequest) -> Iterator[Database]:
    database = create_database(request.param)
    yield database
    drop_database(database)


async def test_a_running_index_build_says_how_long_its_phase_still_takes_and_bounds_the_forecast(
    somewhere: Database,
) -> None:
    database = somewhere
    with database.connect() as connection:
        connection.execute(SLOW.encode())
        connection.commit()
    building = database.connect()
    pid = building.info.backend_pid

    def build() -> None:
        with contextlib.suppress(psycopg.Error):  # it is cancelled below
            building.execute("CREATE INDEX ON wide (slowly(id))")

    thread = threading.Thread(target=build, daemon=True)
    thread.start()
    try:
        side = await _two_looks(database, pid)
    finally:
        building.cancel_safe(timeout=10)
        thread.join(30)
        building.close()

    (pace,) = paces(side)
    assert pace.pid == pid
    assert 0 <= pace.left <= 3000
    assert 0 < pace.left_s < 60

    seen = throughput(side)
    assert seen is not None
    assert side.catalog is not None
    assert seen.index_rows.likely < DEFAULT.index_rows.likely  # a few thousand rows a second, by that function
    statement = parse("CREATE INDEX ON wide (id)", runner="psql")
    (told,) = forecast(statement, side.catalog, measured=seen).statements
    (guessed,) = forecast(statement, side.catalog).statements
    assert told.seconds is not None
    assert guessed.seconds is not None
    assert told.seconds.likely > guessed.seconds.likely
    assert f"pid {pid} on production now" in told.seconds.basis


async def test_where_nothing_runs_the_defaults_are_left_alone(database: Database) -> None:
    connection = await connect(database.dsn(), side="production")
    async with connection:
        catalog = await read_catalog(connection)
        reading = (await run_probes(connection, ("progress",)))["progress"]
    side = SideCase(
        "production",
        "production",
        describe_target("host=db"),
        readings=MappingProxyType({"progress": reading}),
        earlier=MappingProxyType({"progress": reading}),
        catalog=catalog,
    )
    assert paces(side) == ()
    assert throughput(side) is None
