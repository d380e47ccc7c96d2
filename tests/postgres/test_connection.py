"""The guard: read-only, bounded, named, leaving nothing behind, directly and through a transaction pooler."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

import psycopg
import pytest

from runbook.postgres import Connection, ConnectionRefused, connect, run_probes
from runbook.postgres.pipeline import ConnectionLost, Outcome, Query, Segment
from tests.support import Database, wait_until

SESSION = """
    SELECT current_setting('default_transaction_read_only'), current_setting('statement_timeout'),
           current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'),
           current_setting('application_name')
"""


async def ask(connection: Connection, *queries: str, deadline_s: float = 30) -> list[Outcome]:
    """Each query in a segment of its own, without the local guard: what the session itself is like."""
    found: dict[int, Outcome] = {}
    segments = [Segment((Query(sql.encode()),), deadline_s) for sql in queries]
    await connection.run(segments, found.__setitem__)
    return [found[i] for i in range(len(queries))]


def cells(outcome: Outcome) -> list[str]:
    assert outcome.result is not None, outcome.error and outcome.error.error_message
    return [(outcome.result.get_value(0, i) or b"").decode() for i in range(outcome.result.nfields)]


async def test_a_direct_session_is_read_only_bounded_named_and_in_no_transaction(matrix_database: Database) -> None:
    async with await connect(matrix_database.dsn(), application_name="runbook test") as connection:
        assert connection.pooled is False
        [session] = await ask(connection, SESSION)
        assert cells(session) == ["on", "5s", "200ms", "10s", "runbook test"]
        [write] = await ask(connection, "CREATE TABLE t (id integer)")
        assert write.error is not None
        state = matrix_database.execute(
            f"SELECT state, xact_start IS NULL FROM pg_stat_activity WHERE pid = {connection.backend_pid}"
        )
        assert state == [("idle", True)]


async def test_both_guard_and_probes_hold_before_anything_else_is_asked(database: Database) -> None:
    async with await connect(database.dsn(), guard_now=False) as connection:
        assert connection.pooled is None
        readings = await run_probes(connection, ["identity"])
        assert readings["identity"].ok
        assert connection.pooled is False
        assert connection.backend_pid == readings["identity"].rows[0].backend_pid
        [session] = await ask(connection, SESSION)
        assert cells(session)[0] == "on"


async def test_leaving_with_a_query_in_flight_is_quick_and_leaves_nothing_on_the_server(database: Database) -> None:
    connection = await connect(database.dsn())
    pid = connection.backend_pid
    running = asyncio.create_task(
        ask(connection, *["SELECT set_config('statement_timeout', '0', true), pg_sleep(60)"] * 5, deadline_s=90)
    )

    async def busy() -> bool:
        return database.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep'") != []

    await wait_until(busy)
    begun = perf_counter()
    await connection.close()
    assert perf_counter() - begun < 2, "DESIGN: leaving takes two seconds at most"
    await asyncio.gather(running, return_exceptions=True)
    await wait_until(lambda: not database.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"), 2)


async def test_a_server_that_is_silent_too_long_is_given_up_and_asked_again_later(database: Database) -> None:
    from runbook.postgres.pipeline import DeadlinePassed

    async with await connect(database.dsn()) as connection:
        with pytest.raises(DeadlinePassed):
            await ask(connection, "SELECT pg_sleep(4)", "SELECT 1", deadline_s=0.2)
        assert connection.lost is not None
        [again] = await ask(connection, "SELECT '1'")
        assert cells(again) == ["1"]
        assert connection.lost is None


async def test_a_lost_connection_makes_what_is_left_unreachable_and_the_next_call_reconnects(
    database: Database,
) -> None:
    async with await connect(database.dsn()) as connection:
        database.execute(f"SELECT pg_terminate_backend({connection.backend_pid})")
        readings = await run_probes(connection, ["identity", "activity"])
        assert {r.status for r in readings.values()} == {"unreachable"}
        assert (readings["identity"].reason or "").startswith("the connection was lost: ")
        again = await run_probes(connection, ["identity", "activity"])
        assert all(r.ok for r in again.values())
        [session] = await ask(connection, SESSION)
        assert cells(session)[0] == "on", "the guard is set again"


async def test_a_server_that_is_gone_makes_every_probe_unreachable_with_why(database: Database) -> None:
    name = f"{database.name}_gone"
    database.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    connection = await connect(Database(database.server, name).dsn())
    database.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await run_probes(connection, ["identity"])
    reading = (await run_probes(connection, ["identity"]))["identity"]
    assert reading.status == "unreachable"
    assert reading.reason == f'FATAL: database "{name}" does not exist'
    await connection.close()


async def test_a_closed_connection_says_so(database: Database) -> None:
    connection = await connect(database.dsn())
    await connection.close()
    await connection.close()
    with pytest.raises(ConnectionLost):
        await ask(connection, "SELECT 1")


@pytest.fixture
async def pooler(database: Database, tmp_path: Path) -> AsyncIterator[str]:
    """The DSN of a PgBouncer in transaction mode with one server connection, so that everybody shares it."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path("/tmp") / f"runbook-pgbouncer-{port}"
    folder.mkdir(mode=0o755)
    server = database.server
    (folder / "users.txt").write_text('"postgres" ""\n')
    (folder / "ini").write_text(
        f"[databases]\n{database.name} = host=127.0.0.1 port={server.port} dbname={database.name}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {folder}/users.txt\npool_mode = transaction\ndefault_pool_size = 1\n"
    )
    nobody = pwd.getpwnam("nobody")
    as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    process = subprocess.Popen(  # noqa: ASYNC220 - it only starts
        [program, str(folder / "ini")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        **as_nobody,  # type: ignore[call-overload]
    )
    dsn = f"postgresql://postgres@127.0.0.1:{port}/{database.name}"
    try:

        async def ready() -> bool:
            with contextlib.suppress(ConnectionRefused):
                await (await connect(dsn)).close()
                return True
            return False

        await wait_until(ready)
        yield dsn
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


async def test_through_a_transaction_pooler_every_probe_answers_and_nothing_leaks_to_the_application(
    pooler: str, database: Database
) -> None:
    application = await psycopg.AsyncConnection.connect(pooler, autocommit=True, prepare_threshold=None)
    before = await (await application.execute(SESSION)).fetchone()
    assert before is not None
    async with await connect(pooler, guard_now=False) as connection:
        readings = await run_probes(connection, list(_all_probes()))
        assert connection.pooled is True
        assert {name: r.reason for name, r in readings.items() if not r.ok} == {}
        assert (await (await application.execute(SESSION)).fetchone()) == before
    await application.execute("CREATE TABLE the_application_still_writes (id integer)")
    async with application.transaction():
        assert (await (await application.execute("SHOW transaction_read_only")).fetchone()) == ("off",)
    await application.close()


async def test_the_local_guard_holds_through_a_pooler(pooler: str) -> None:
    async with await connect(pooler) as connection:
        found: dict[int, Outcome] = {}
        local = connection.guard.local(0.2)
        segments = [
            Segment((local, Query(sql)), 30) for sql in (b"CREATE TABLE t (id integer)", b"SELECT pg_sleep(30)")
        ]
        await connection.run(segments, found.__setitem__)
        states = [error.error_field(67) if (error := found[i].error) else None for i in (0, 1)]  # 67: 'C', SQLSTATE
        assert states == [b"25006", b"57014"]


def _all_probes() -> list[str]:
    from runbook.postgres.probe import PROBES

    return list(PROBES)


async def test_a_function_or_operator_of_somebody_else_is_never_called(matrix_database: Database) -> None:
    matrix_database.execute(
        "CREATE TABLE called (by_whom text); CREATE SCHEMA trap;"
        "CREATE FUNCTION trap.pg_backend_pid() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;"
        "CREATE FUNCTION trap.text_eq(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;"
        "CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.text_eq);"
    )
    matrix_database.execute(f"ALTER DATABASE {matrix_database.name} SET search_path = trap, public, pg_catalog")
    async with await connect(matrix_database.dsn()) as connection:
        readings = await run_probes(connection, _all_probes())
    assert {name: r.reason for name, r in readings.items() if not r.ok} == {}
    assert readings["identity"].rows[0].search_path == "trap, public, pg_catalog"


async def test_an_empty_search_path_is_no_obstacle(database: Database) -> None:
    database.execute(f"ALTER DATABASE {database.name} SET search_path = ''")
    async with await connect(database.dsn()) as connection:
        readings = await run_probes(connection, _all_probes())
    assert {name: r.reason for name, r in readings.items() if not r.ok} == {}
