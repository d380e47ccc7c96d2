"""One look at one side: everything in few round trips, refusals as evidence, history, and the watcher."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from runbook.lab.servers import start_server, start_standby
from runbook.postgres import Watcher, look
from runbook.postgres.history import LIMIT
from runbook.postgres.probe import PROBES
from runbook.postgres.reading import Reading
from tests.postgres.shop import SHOP
from tests.support import BARE, Database, holding_lock, wait_until, waiting_for_lock


async def test_two_sides_are_looked_at_together_and_each_has_its_catalog(pair: tuple[Database, Database]) -> None:
    for database in pair:
        database.execute(SHOP)
    local, production = await asyncio.gather(
        look("local", pair[0].dsn(), sample_gap_s=0.05), look("production", pair[1].dsn(), sample_gap_s=0.05)
    )
    assert (local.side, production.side) == ("local", "production")
    for side, database in ((local, pair[0]), (production, pair[1])):
        assert side.reachable
        assert side.refusal is None
        assert side.identity is not None
        assert side.identity.server_version_num // 10000 == database.major
        assert side.catalog is not None
        assert side.catalog.basis == side.side
        assert side.catalog.relations["public", "orders"].writes_per_s is not None
        assert set(PROBES) <= set(side.readings)
        assert {r.side for r in side.readings.values()} == {side.side}
    entry = production.readings["history:public.alembic_version"].rows[0]
    assert (entry.tool, entry.values) == ("alembic", {"version_num": "ae1027a6acf"})


async def test_a_refusal_is_the_answer_and_not_an_exception() -> None:
    refused = await look("production", "host=127.0.0.1 port=1 dbname=shop user=app")
    assert not refused.reachable
    assert refused.refusal is not None
    assert refused.refusal.kind == "refused"
    assert str(refused.target) == "shop@127.0.0.1:1"
    bad = await look("production", "nonsense")
    assert bad.refusal is not None
    assert bad.refusal.kind == "bad_dsn"


async def test_a_wait_that_lasts_is_in_both_samples(database: Database) -> None:
    database.execute("CREATE TABLE t (id integer)")
    async with (
        holding_lock(database.dsn(), "LOCK TABLE t"),
        waiting_for_lock(database.dsn(), "ALTER TABLE t ADD COLUMN note text"),
    ):
        seen = await look("production", database.dsn(), sample_gap_s=0.05)
    waiting = seen.readings["blocking"].rows
    assert [w.pid for w in waiting] == [w.pid for w in seen.earlier["blocking"].rows]
    assert len(waiting) == 1


async def test_everything_travels_in_few_round_trips(database: Database) -> None:
    database.execute(SHOP)
    async with _counting_proxy(database) as (dsn, turns):
        seen = await look("production", dsn, sample_gap_s=0.01)
        assert seen.catalog is not None
        assert seen.readings["history:public.alembic_version"].ok
    # startup (TLS is refused, then the startup packet), all probes, the history table, the second sample
    assert turns() <= 5, turns()


async def test_readings_are_announced_as_they_arrive(database: Database) -> None:
    arrived: list[Reading[Any]] = []
    await look("local", database.dsn(), on_reading=arrived.append, sample_gap_s=0)
    assert [r.probe for r in arrived] == list(PROBES)


async def test_history_rows_come_newest_first_as_text_and_bounded(database: Database) -> None:
    database.execute(
        "CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), success boolean,"
        " checksum integer, installed_on timestamptz);"
        " INSERT INTO flyway_schema_history SELECT n, 'V' || n, n % 2 = 0, NULL, '2024-01-01 12:00+02'"
        " FROM generate_series(1, 600) AS n"
    )
    seen = await look("production", database.dsn(), sample_gap_s=0)
    reading = seen.readings["history:public.flyway_schema_history"]
    assert len(reading.rows) == LIMIT
    assert reading.truncated
    assert reading.rows[0].values == {
        "installed_rank": "600", "version": "V600", "success": "true", "checksum": None,
        "installed_on": "2024-01-01T10:00:00+00:00",
    }  # fmt: skip


async def test_a_history_table_that_is_locked_or_forbidden_says_so_and_is_not_waited_for(database: Database) -> None:
    database.execute(
        'CREATE TABLE "SequelizeMeta" (name varchar(255)); CREATE TABLE alembic_version (version_num text)'
    )
    database.execute(f"GRANT SELECT ON alembic_version TO {BARE}")
    async with holding_lock(database.dsn(), "LOCK TABLE alembic_version"):
        seen = await look("production", database.dsn(BARE), sample_gap_s=0)
    locked, denied = seen.readings["history:public.alembic_version"], seen.readings['history:public."SequelizeMeta"']
    assert (locked.status, locked.reason) == (
        "timed_out", "public.alembic_version is under ACCESS EXCLUSIVE: reading it would wait",
    )  # fmt: skip
    assert denied.status == "denied"
    assert f'GRANT SELECT ON public."SequelizeMeta" TO {BARE};' in (denied.reason or "")


async def test_the_watcher_shows_the_queue_grow_and_survives_a_lost_connection(database: Database) -> None:
    database.execute("CREATE TABLE t (id integer)")
    async with await Watcher.open("production", database.dsn()) as watcher:
        assert (await watcher.sample())["blocking"].rows == ()
        async with (
            holding_lock(database.dsn(), "LOCK TABLE t"),
            waiting_for_lock(database.dsn(), "SELECT * FROM t"),
        ):
            assert len((await watcher.sample())["blocking"].rows) == 1
        pid = watcher.connection.backend_pid
        database.execute(f"SELECT pg_terminate_backend({pid})")
        await watcher.sample()
        assert all(r.ok for r in (await watcher.sample()).values())


async def test_a_standby_answers_every_probe_and_says_what_it_is() -> None:
    with start_server(18) as primary, start_standby(primary) as standby:
        seen = await look("production", standby.dsn(), sample_gap_s=0)
        assert seen.identity is not None
        assert seen.identity.is_standby
        assert {name: r.reason for name, r in seen.readings.items() if not r.ok} == {}
        assert seen.readings["standby"].rows[0].receiver_status in ("streaming", None)
        assert seen.catalog is not None

        async def streaming() -> bool:
            on_primary = await look("production", primary.dsn(), sample_gap_s=0)
            return [r.state for r in on_primary.readings["replication"].rows] == ["streaming"]

        await wait_until(streaming)


@contextlib.asynccontextmanager
async def _counting_proxy(database: Database) -> AsyncIterator[tuple[str, Any]]:
    """A proxy on a TCP port that counts how often the talk turns from the server back to the client."""
    turns = 0
    last = "server"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_connection("127.0.0.1", database.server.port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, who: str) -> None:
            nonlocal turns, last
            while data := await source.read(65536):
                if who == "client" and last == "server":
                    # A client that goes on sending what it had begun has not waited for an answer.
                    await asyncio.sleep(0.02)
                    turns += 1
                last = who
                sink.write(data)
                await sink.drain()
            sink.close()

        await asyncio.gather(
            pump(reader, upstream[1], "client"), pump(upstream[0], writer, "server"), return_exceptions=True
        )

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield database.dsn(tcp=True).replace(f":{database.server.port}/", f":{port}/"), lambda: turns
    finally:
        server.close()


def test_readings_and_rows_cost_no_driver() -> None:
    import subprocess
    import sys

    script = "import runbook.postgres.reading, runbook.postgres.rows, sys; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("name", ["connect", "read_catalog", "look", "Watcher", "run_probes"])
def test_the_names_of_the_contract_are_found(name: str) -> None:
    import runbook.postgres
    import runbook.postgres.connection
    import runbook.postgres.survey

    assert callable(getattr(runbook.postgres, name))
