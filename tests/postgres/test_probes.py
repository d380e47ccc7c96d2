"""Every probe on every major, for every kind of role, under locks: each ends with a typed answer or says why not."""

from __future__ import annotations

import asyncio
import types
import typing
from dataclasses import fields
from time import perf_counter
from typing import Any

import psycopg
import pytest

from runbook.postgres import connect, run_probes
from runbook.postgres.probe import FOLDER, PROBES, Probe, encode, file_for, files, read_probe
from runbook.postgres.reading import Reading
from tests.postgres.shop import LOCK_EVERYTHING, SHOP
from tests.support import BARE, MONITOR, SUPERUSER, Database, holding_lock, waiting_for_lock


async def ask(dsn: str, *names: str, **params: object) -> dict[str, Reading[Any]]:
    async with await connect(dsn) as connection:
        return await run_probes(connection, names or PROBES, params=params)


def badly_typed(reading: Reading[Any]) -> list[str]:
    """Fields whose value is not what the row type declares."""
    row_type = PROBES[reading.probe].row_type
    hints = typing.get_type_hints(row_type)
    return [
        f"{reading.probe}.{field.name}: {getattr(row, field.name)!r}"
        for row in reading.rows
        for field in fields(row_type)
        if not _fits(getattr(row, field.name), hints[field.name])
    ]


def _fits(value: object, hint: Any) -> bool:
    if isinstance(hint, types.UnionType):
        return any(_fits(value, member) for member in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(v, typing.get_args(hint)[0]) for v in value)
    return type(value) is hint


@pytest.mark.parametrize("role", [SUPERUSER, MONITOR, BARE])
async def test_every_probe_answers_with_typed_rows_or_names_the_grant(matrix_database: Database, role: str) -> None:
    matrix_database.execute(SHOP)
    readings = await ask(matrix_database.dsn(role))
    assert list(readings) == list(PROBES)
    for name, reading in readings.items():
        assert reading.ok or (role == BARE and reading.status == "denied"), (name, reading)
        if not reading.ok:
            assert reading.reason is not None
            assert f"GRANT pg_monitor TO {BARE};" in reading.reason
        assert badly_typed(reading) == []
        assert reading.at is not None
    denied = {name for name, reading in readings.items() if not reading.ok}
    assert denied == ({"wal"} if role == BARE else set())


def test_the_columns_of_every_probe_file_are_the_fields_of_its_row_type(matrix_database: Database) -> None:
    with psycopg.connect(matrix_database.dsn(), autocommit=True) as connection:
        for name, probe in PROBES.items():
            file = file_for(name, matrix_database.major)
            assert file is not None, name
            encoded = [encode(value) for value in ({"limit": 1}.get(p) for p in file.params)]
            result = connection.pgconn.exec_params(file.sql, encoded)
            columns = [(result.fname(i) or b"").decode() for i in range(result.nfields)]
            assert columns == [field.name for field in fields(probe.row_type)], f"{name}: {result.error_message!r}"


def test_every_probe_file_belongs_to_a_probe_and_binds_the_limit_its_probe_declares() -> None:
    assert set(files()) == set(PROBES)
    for path in FOLDER.glob("*.sql"):
        probe = PROBES[path.name.split(".")[0]]
        assert ("limit" in read_probe(path).params) == (probe.limit is not None), path.name


def test_the_newest_file_that_is_not_newer_than_the_server_is_asked() -> None:
    assert b"NULL::int8 AS leader_pid" in file_for("activity", 12).sql  # type: ignore[union-attr]
    assert file_for("activity", 13) == file_for("activity", 18) != file_for("activity", 12)


async def test_every_probe_ends_with_rows_while_another_session_locks_every_table(matrix_database: Database) -> None:
    matrix_database.execute(SHOP)
    dsn = matrix_database.dsn()
    async with (
        holding_lock(dsn, LOCK_EVERYTHING),
        waiting_for_lock(dsn, "ALTER TABLE orders ADD COLUMN late integer"),
        await connect(dsn) as connection,
    ):
        readings = await run_probes(connection, PROBES)
    assert {name: r.reason for name, r in readings.items() if not r.ok} == {}
    assert {r.name for r in readings["relations"].rows} >= {"customers", "orders", "events", "big_orders"}
    assert "customers" in {lock.relation for lock in readings["locks"].rows if lock.mode == "AccessExclusiveLock"}
    checks = [c for c in readings["constraints"].rows if c.kind == "c"]
    assert len(checks) == 2
    assert all(c.expression is None for c in checks), "an expression of a locked table cannot have been read"
    assert readings["history_tables"].rows[0].locked
    waiting = [lock for lock in readings["locks"].rows if not lock.granted]
    assert [lock.relation for lock in waiting] == ["orders"]
    assert readings["blocking"].rows[0].pid == waiting[0].pid
    assert len(readings["blocking"].rows[0].blocked_by) == 1


async def test_a_probe_that_meets_a_lock_is_asked_again_and_the_others_are_not_harmed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("CREATE TABLE victim (id integer)")
    asked = _with_probe(monkeypatch, "SELECT count(*)::int8 AS pid, '{}'::int8[] AS blocked_by FROM victim")
    async with holding_lock(database.dsn(), "LOCK TABLE victim"), await connect(database.dsn()) as connection:
        arrived: list[Reading[Any]] = []
        readings = await run_probes(connection, [asked, "identity"], on_reading=arrived.append)
    assert readings[asked].status == "timed_out"
    assert "lock" in (readings[asked].reason or "")
    assert readings["identity"].ok
    assert sorted(r.probe for r in arrived) == sorted([asked, "identity"]), "each reading is announced once"


async def test_a_slow_probe_is_stopped_by_the_server_and_the_next_ones_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = _with_probe(
        monkeypatch, "SELECT pg_backend_pid()::int8 AS pid, '{}'::int8[] AS blocked_by FROM pg_sleep(60)", 0.2
    )
    readings = await ask(database.dsn(), slow, "identity")
    assert (readings[slow].status, readings[slow].sqlstate) == ("timed_out", "57014")
    assert readings["identity"].ok


async def test_what_a_server_does_not_know_is_unsupported_and_harms_no_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = _with_probe(monkeypatch, "SELECT 1::int8 AS pid, '{}'::int8[] AS blocked_by FROM pg_no_such_view")
    readings = await ask(database.dsn(), odd, "identity")
    assert (readings[odd].status, readings[odd].sqlstate) == ("unsupported", "42P01")
    assert "pg_no_such_view" in (readings[odd].reason or "")
    assert readings["identity"].ok


async def test_a_probe_only_for_newer_majors_is_unsupported_and_names_the_version(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runbook.postgres.probe.file_for", lambda name, major: None)
    monkeypatch.setattr("runbook.postgres.probe.files", lambda: {"wal": ((99, FOLDER / "wal.pg99.sql"),)})
    readings = await ask(database.dsn(), "wal")
    assert readings["wal"].status == "unsupported"
    assert readings["wal"].reason == "needs PostgreSQL 99 or newer; this server is 18"


async def test_no_probe_can_write(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.execute("CREATE SEQUENCE counter")
    writes = _with_probe(monkeypatch, "SELECT nextval('counter')::int8 AS pid, '{}'::int8[] AS blocked_by")
    readings = await ask(database.dsn(), writes)
    assert readings[writes].sqlstate == "25006"
    assert database.execute("SELECT is_called FROM counter") == [(False,)]


async def test_names_are_bound_never_pasted(database: Database) -> None:
    readings = await ask(database.dsn(), "role", "functions", role="x'; DROP TABLE t; --", functions=['a"b\\', "now"])
    assert readings["role"].rows == ()
    assert [f.name for f in readings["functions"].rows] == ["now"]


async def test_more_rows_than_the_limit_are_said_to_be_more(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA c")
    monkeypatch.setitem(PROBES, "schemas", Probe("schemas", PROBES["schemas"].row_type, limit=2))  # type: ignore[index]
    reading = (await ask(database.dsn(), "schemas"))["schemas"]
    assert reading.truncated
    assert len(reading.rows) == 2


async def test_escape_sequences_in_names_and_queries_are_shown_not_sent(database: Database) -> None:
    database.execute('CREATE TABLE "evil\x1b]52;c;x\x07" ("a\u202eb" integer)')
    async with holding_lock(database.dsn(), "SELECT '\x1b[2J'", application_name="\x1bapp"):
        readings = await ask(database.dsn(), "relations", "columns", "activity")
    values = [getattr(row, f.name) for r in readings.values() for row in r.rows for f in fields(row)]
    shown = "".join(value for value in values if isinstance(value, str))
    assert not set(shown) & {"\x1b", "\x07", "\u202e"}
    assert "evil␛]52;c;x␇" in {r.name for r in readings["relations"].rows}


@pytest.mark.parametrize("ours", ["UTF8", "EUC_JP"])
async def test_query_text_that_is_not_in_our_encoding_does_not_hide_the_sessions(database: Database, ours: str) -> None:
    theirs = Database(database.server, f"{database.name}_theirs")
    here = Database(database.server, f"{database.name}_here")
    database.execute(f"CREATE DATABASE {theirs.name} TEMPLATE template0 ENCODING 'LATIN1'")
    database.execute(f"CREATE DATABASE {here.name} TEMPLATE template0 ENCODING '{ours}'")
    try:
        async with await psycopg.AsyncConnection.connect(theirs.dsn(), client_encoding="latin1") as session:
            await session.execute("SELECT 'caf\u00e9 du march\u00e9'")
            reading = (await ask(here.dsn(), "activity"))["activity"]
        assert reading.ok, reading.reason
        assert [r.query for r in reading.rows if r.database == theirs.name] == ["SELECT 'caf\ufffd du march\ufffd'"]
    finally:
        database.execute(f"DROP DATABASE {theirs.name}")
        database.execute(f"DROP DATABASE {here.name}")


async def test_hidden_queries_name_the_grant_and_the_lock_tree_is_still_told(database: Database) -> None:
    database.execute("CREATE TABLE t (id integer)")
    async with (
        holding_lock(database.dsn(), "LOCK TABLE t"),
        waiting_for_lock(database.dsn(), "SELECT * FROM t"),
    ):
        readings = await ask(database.dsn(BARE), "activity", "locks", "blocking", "connections", "connection_limits")
    sessions = {s.pid: s for s in readings["activity"].rows}
    waiter = readings["blocking"].rows[0]
    assert sessions[waiter.pid].query_hidden
    assert sessions[waiter.pid].query is None
    assert f"GRANT pg_read_all_stats TO {BARE};" in (readings["activity"].reason or "")
    assert waiter.blocked_by[0] in sessions
    limits = readings["connection_limits"].rows[0]
    assert limits.database_connections == 3, "hidden sessions count: two of the superuser, one of ours"
    assert sum(c.count for c in readings["connections"].rows) == limits.client_connections


async def test_a_prepared_transaction_is_found_with_what_it_locks(matrix_database: Database) -> None:
    matrix_database.execute("CREATE TABLE t (id integer)")
    async with holding_lock(matrix_database.dsn(), "LOCK TABLE t IN SHARE MODE; PREPARE TRANSACTION 'pay-991'"):
        pass
    async with waiting_for_lock(matrix_database.dsn(), "INSERT INTO t VALUES (1)"):
        readings = await ask(matrix_database.dsn(), "prepared_transactions", "blocking", "locks")
    prepared = readings["prepared_transactions"].rows[0]
    assert (prepared.gid, prepared.relations, prepared.modes) == ("pay-991", ("public.t",), ("ShareLock",))
    assert readings["blocking"].rows[0].blocked_by == (0,)
    held = [lock for lock in readings["locks"].rows if lock.relation == "t" and lock.granted]
    assert {(lock.pid, lock.virtual_transaction) for lock in held} == {(None, prepared.virtual_transaction)}


async def test_settings_tell_what_a_new_session_gets_and_where_it_comes_from(database: Database) -> None:
    database.execute("CREATE ROLE deployer LOGIN; ALTER ROLE deployer SET statement_timeout = '7s'")
    database.execute(f"ALTER DATABASE {database.name} SET lock_timeout = '3s'")
    try:
        readings = await ask(database.dsn("deployer"), "settings", "role_settings", role="deployer")
        found = {s.name: s for s in readings["settings"].rows}
        assert (found["statement_timeout"].value, found["statement_timeout"].source) == ("7000", "role")
        assert (found["lock_timeout"].value, found["lock_timeout"].source) == ("3000", "database")
        assert found["default_transaction_read_only"].value == "off", "our own guard is not the server's setting"
        assert found["default_transaction_read_only"].source == "default"
        scopes = {(r.name, r.value, r.scope) for r in readings["role_settings"].rows}
        assert scopes == {("statement_timeout", "7s", "role"), ("lock_timeout", "3s", "database")}
    finally:
        database.execute("DROP ROLE deployer")


@pytest.mark.parametrize(
    ("tables", "tool"),
    [
        ("CREATE TABLE schema_migrations (version bigint, dirty boolean)", "golang-migrate"),
        ("CREATE TABLE schema_migrations (version varchar PRIMARY KEY); CREATE TABLE ar_internal_metadata (key text)",
         "rails"),
        ("CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)", "dbmate"),
        ('CREATE SCHEMA drizzle; CREATE TABLE drizzle.__drizzle_migrations (id serial, hash text, created_at bigint)',
         "drizzle"),
        ('CREATE TABLE "SequelizeMeta" (name varchar(255))', "sequelize"),
    ],
)  # fmt: skip
async def test_history_tables_are_told_apart_by_their_columns(database: Database, tables: str, tool: str) -> None:
    database.execute(tables)
    rows = (await ask(database.dsn(), "history_tables"))["history_tables"].rows
    assert [row.tool for row in rows] == [tool]


async def test_a_thousand_tables_are_asked_for_in_one_go(database: Database) -> None:
    database.execute(
        "DO $$ BEGIN FOR i IN 1..300 LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a text)', i);"
        " END LOOP; END $$"
    )
    readings = await ask(database.dsn())
    assert len(readings["relations"].rows) == 300
    assert len(readings["columns"].rows) == 600
    assert len(readings["indexes"].rows) == 300


async def test_cancelling_the_task_ends_the_query_on_the_server(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support import wait_until

    sleeper = _with_probe(
        monkeypatch, "SELECT 1::int8 AS pid, '{}'::int8[] AS blocked_by FROM pg_sleep(50)", deadline_s=60
    )
    watch = await psycopg.AsyncConnection.connect(database.dsn(), autocommit=True)
    running = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(50)%%' AND state = 'active' AND pid <> %s"

    async def is_running() -> bool:
        asked = await watch.execute(running, (watch.info.backend_pid,))
        return await asked.fetchone() is not None

    async def is_gone() -> bool:
        return not await is_running()

    connection = await connect(database.dsn())
    task = asyncio.create_task(run_probes(connection, [sleeper, sleeper, "identity"]))
    await wait_until(is_running)
    begun = perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert perf_counter() - begun < 2, "leaving is always possible"
    await wait_until(is_gone, deadline_s=2)
    again = await run_probes(connection, ["identity"])
    assert again["identity"].ok, "the next call reconnects"
    await connection.close()
    await watch.close()


def _with_probe(monkeypatch: pytest.MonkeyPatch, sql: str, deadline_s: float = 2.0) -> str:
    """Put ``sql`` in the place of probe ``blocking`` for this test; its name."""
    from runbook.postgres.probe import ProbeFile

    original = file_for
    monkeypatch.setitem(PROBES, "blocking", Probe("blocking", PROBES["blocking"].row_type, deadline_s=deadline_s))  # type: ignore[index]
    monkeypatch.setattr(
        "runbook.postgres.probe.file_for",
        lambda name, major: ProbeFile(sql.encode(), ()) if name == "blocking" else original(name, major),
    )
    return "blocking"
