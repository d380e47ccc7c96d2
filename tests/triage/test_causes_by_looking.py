"""The migration hangs, runs, or went through and the service suffers: the true cause is seen on the servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from runbook.lab.servers import start_server, start_standby
from tests.support import BARE, MONITOR, Database, holding_lock, wait_until, waiting_for_lock
from tests.triage.incident import causes, explain, fact, psql, triage, write
from tests.triage.test_causes_by_error import SHOP

ALTER = "ALTER TABLE orders ADD COLUMN email text"

SLOW = """
CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
'BEGIN PERFORM pg_sleep(0.05); RETURN $1; END';
"""
"""Makes one row take 50 ms: what a large table does, on a small one."""


@pytest.fixture
def shop(pair: tuple[Database, Database]) -> tuple[Database, Database]:
    for side in pair:
        side.execute(SHOP)
        side.execute(SLOW)
    return pair


@asynccontextmanager
async def running(dsn: str, sql: str, *, application_name: str = "app") -> AsyncIterator[int]:
    """A real session that executes ``sql`` in autocommit and is active; its pid."""
    connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True, application_name=application_name)
    task = asyncio.create_task(connection.execute(sql.encode()))
    pid = connection.info.backend_pid
    try:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True, application_name="watch") as watch:

            async def active() -> bool:
                found = await watch.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'", (pid,)
                )
                return await found.fetchone() is not None

            await wait_until(active)
        yield pid
    finally:
        await connection.cancel_safe(timeout=5)
        await asyncio.gather(task, return_exceptions=True)
        await connection.close()


async def test_an_idle_transaction_in_front_of_the_migration_is_the_cause(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    async with (
        holding_lock(production.dsn(), "SELECT * FROM orders LIMIT 1", application_name="nightly"),
        waiting_for_lock(production.dsn(), ALTER, application_name="deploy"),
    ):
        state = await triage(local, production, migration=write(tmp_path, ALTER + ";\n"), seen="hanging")
    assert causes(state)[:1] == ["lock-wait-idle-in-transaction"], explain(state)
    assert fact(state, "locks.blocker")["application_name"] == "nightly"


async def test_a_long_query_in_front_of_the_migration_is_the_cause(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    async with (
        running(production.dsn(), "SELECT pg_sleep(60) FROM orders", application_name="report"),
        waiting_for_lock(production.dsn(), ALTER, application_name="deploy"),
    ):
        state = await triage(local, production, migration=write(tmp_path, ALTER + ";\n"), seen="hanging")
    assert causes(state)[:1] == ["lock-wait-long-running-query"], explain(state)


async def test_a_prepared_transaction_in_front_of_the_migration_is_the_cause(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    production.execute("BEGIN; UPDATE orders SET note = 'p' WHERE id = 1; PREPARE TRANSACTION 'pay-991'")
    async with waiting_for_lock(production.dsn(), ALTER, application_name="deploy"):
        state = await triage(local, production, migration=write(tmp_path, ALTER + ";\n"), seen="hanging")
    assert causes(state)[:1] == ["lock-wait-prepared-transaction"], explain(state)
    assert fact(state, "locks.blocker")["gid"] == "pay-991"


async def test_the_queue_behind_the_waiting_migration_comes_first_and_its_holder_second(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(holding_lock(production.dsn(), "SELECT * FROM orders LIMIT 1"))
        await stack.enter_async_context(waiting_for_lock(production.dsn(), ALTER, application_name="deploy"))
        for _ in range(3):
            await stack.enter_async_context(
                waiting_for_lock(production.dsn(), "SELECT * FROM orders LIMIT 1", application_name="web")
            )
        state = await triage(local, production, migration=write(tmp_path, ALTER + ";\n"), seen="hanging")
    assert causes(state)[:2] == ["lock-queue-behind-waiting-ddl", "lock-wait-idle-in-transaction"], explain(state)
    assert fact(state, "locks.queued_behind_migration") == 3


async def test_the_migration_is_found_and_its_blocker_named_without_any_file(shop: tuple[Database, Database]) -> None:
    local, production = shop
    async with (
        holding_lock(production.dsn(), "SELECT * FROM orders LIMIT 1"),
        waiting_for_lock(production.dsn(), ALTER, application_name="deploy"),
    ):
        state = await triage(local, production)
    assert causes(state)[:1] == ["lock-wait-idle-in-transaction"], explain(state)


@pytest.mark.parametrize("role", [MONITOR, BARE])
async def test_a_role_that_sees_less_still_finds_who_blocks_and_says_what_it_could_not_see(
    shop: tuple[Database, Database], tmp_path: Path, role: str
) -> None:
    local, production = shop
    async with (
        holding_lock(production.dsn(), "SELECT * FROM orders LIMIT 1"),
        waiting_for_lock(production.dsn(), ALTER, application_name="deploy"),
    ):
        state = await triage(local, production, migration=write(tmp_path, ALTER + ";\n"), seen="hanging", role=role)
    assert fact(state, "locks.migration_waits") is True, explain(state)
    if role == MONITOR:
        assert causes(state)[:1] == ["lock-wait-idle-in-transaction"], explain(state)
    else:
        assert state.locks is not None
        assert "pg_read_all_stats" in state.locks.note


async def test_a_lock_timeout_is_named_with_the_session_that_still_holds_the_lock(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    path = write(tmp_path, f"SET lock_timeout = '100ms';\n{ALTER};\n")
    async with holding_lock(production.dsn(), "SELECT * FROM orders LIMIT 1", application_name="nightly"):
        error = await asyncio.to_thread(psql, production, path)
        await _older_than(production, "nightly", 5.2)
        state = await triage(local, production, migration=path, error=error)
    assert causes(state)[:2] == ["lock-timeout", "lock-wait-idle-in-transaction"], error + explain(state)


async def test_a_lock_timeout_whose_holder_is_gone_is_still_a_lock_timeout(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    path = write(tmp_path, f"SET lock_timeout = '100ms';\n{ALTER};\n")
    async with holding_lock(production.dsn(), "SELECT * FROM orders LIMIT 1"):
        error = await asyncio.to_thread(psql, production, path)
    state = await triage(local, production, migration=path, error=error)
    assert causes(state)[:1] == ["lock-timeout"], error + explain(state)


async def test_a_statement_timeout_with_the_holder_still_there_was_a_lock_wait(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    path = write(tmp_path, f"SET statement_timeout = '100ms';\n{ALTER};\n")
    async with holding_lock(production.dsn(), "SELECT * FROM orders LIMIT 1", application_name="nightly"):
        error = await asyncio.to_thread(psql, production, path)
        await _older_than(production, "nightly", 5.2)
        state = await triage(local, production, migration=path, error=error)
    assert causes(state)[:1] == ["statement-timeout-was-lock-wait"], error + explain(state)


async def test_an_idle_transaction_on_another_table_does_not_win(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    production.execute("CREATE TABLE elsewhere (id int)")
    production.execute("ALTER TABLE orders ADD COLUMN email text")
    path = write(tmp_path, ALTER + ";\n")
    async with holding_lock(production.dsn(), "SELECT * FROM elsewhere", application_name="nightly"):
        error = await asyncio.to_thread(psql, production, path)
        await _older_than(production, "nightly", 5.2)
        state = await triage(local, production, migration=path, error=error)
    assert causes(state)[:1] == ["object-already-exists"], explain(state)
    assert "lock-wait-idle-in-transaction" not in causes(state)


async def test_a_plain_index_build_that_writers_wait_for_is_the_cause(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    sql = "CREATE INDEX orders_slow_idx ON orders (slow(id))"
    async with (
        running(production.dsn(), sql, application_name="deploy"),
        waiting_for_lock(production.dsn(), "UPDATE orders SET note = 'w' WHERE id = 2", application_name="web"),
    ):
        state = await triage(local, production, migration=write(tmp_path, sql + ";\n"), seen="running")
    assert causes(state)[:1] == ["create-index-blocks-writes"], explain(state)


async def test_a_rewrite_that_everybody_waits_for_is_the_cause(shop: tuple[Database, Database], tmp_path: Path) -> None:
    local, production = shop
    sql = "ALTER TABLE orders ALTER COLUMN customer_id TYPE bigint USING slow(customer_id)"
    async with (
        running(production.dsn(), sql, application_name="deploy"),
        waiting_for_lock(production.dsn(), "SELECT * FROM orders LIMIT 1", application_name="web"),
    ):
        state = await triage(local, production, migration=write(tmp_path, sql + ";\n"), seen="running")
    assert causes(state)[:1] == ["table-rewrite"], explain(state)


async def test_a_scan_under_exclusive_lock_that_everybody_waits_for_is_the_cause(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    sql = "ALTER TABLE orders ADD CONSTRAINT orders_slow CHECK (slow(id) > 0)"
    async with (
        running(production.dsn(), sql, application_name="deploy"),
        waiting_for_lock(production.dsn(), "SELECT * FROM orders LIMIT 1", application_name="web"),
    ):
        state = await triage(local, production, migration=write(tmp_path, sql + ";\n"), seen="running")
    assert causes(state)[:1] == ["scan-under-exclusive-lock"], explain(state)


async def test_a_backfill_in_one_statement_that_writers_wait_for_is_the_cause(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    sql = "UPDATE orders SET note = slow(id)::text"
    async with running(production.dsn(), sql, application_name="deploy"):
        await _row_is_locked(production, "SELECT 1 FROM orders WHERE id = 2 FOR UPDATE NOWAIT")
        async with waiting_for_lock(
            production.dsn(), "UPDATE orders SET note = 'w' WHERE id = 2", application_name="web"
        ):
            state = await triage(local, production, migration=write(tmp_path, sql + ";\n"), seen="running")
    assert causes(state)[:1] == ["unbatched-backfill"], explain(state)


async def test_a_session_that_outlived_its_reported_failure_is_named(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    async with (
        holding_lock(production.dsn(), "SELECT * FROM orders LIMIT 1"),
        waiting_for_lock(production.dsn(), ALTER, application_name="deploy"),
    ):
        state = await triage(
            local, production, migration=write(tmp_path, ALTER + ";\n"), seen="failed", answers=[("client_alive", "no")]
        )
    assert causes(state)[:1] == ["orphaned-migration-session"], explain(state)


async def test_an_invalid_index_left_behind_is_named_and_not_the_name_clash(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    production.execute("UPDATE customers SET email = 'twice' WHERE id IN (1, 2)")
    path = write(tmp_path, "CREATE UNIQUE INDEX CONCURRENTLY customers_email_key ON customers (email);\n")
    assert "ERROR" in await asyncio.to_thread(psql, production, path)
    production.execute("UPDATE customers SET email = 'once' WHERE id = 1")
    error = await asyncio.to_thread(psql, production, path)
    state = await triage(local, production, migration=path, error=error)
    assert causes(state)[:1] == ["invalid-index"], error + explain(state)


async def test_if_not_exists_over_an_invalid_index_is_named_before_it_runs(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    production.execute("UPDATE customers SET email = 'twice' WHERE id IN (1, 2)")
    path = write(tmp_path, "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS customers_email_key ON customers (email);\n")
    await asyncio.to_thread(psql, production, path)
    state = await triage(local, production, migration=path, seen="planned")
    assert causes(state)[:1] == ["invalid-index"], explain(state)


async def test_a_dirty_history_is_named_from_the_table_and_from_the_tools_words(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    for side, dirty in ((local, "false"), (production, "true")):
        side.execute("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
        side.execute(f"INSERT INTO schema_migrations VALUES (7, {dirty})")
    path = write(tmp_path, ALTER + ";\n", "0008_email.up.sql")
    error = "error: Dirty database version 7. Fix and force version."
    for text in (error, None):
        state = await triage(local, production, migration=path, error=text, seen=None if text else "failed")
        assert causes(state)[:1] == ["dirty-migration-state"], explain(state)


async def test_old_code_that_uses_a_dropped_column_is_named_from_the_applications_error(
    shop: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = shop
    path = write(tmp_path, "ALTER TABLE orders DROP COLUMN note;\n")
    assert await asyncio.to_thread(psql, production, path) == ""
    error = (
        'ERROR:  column "note" does not exist at character 12\n'
        "STATEMENT:  SELECT id, note FROM orders WHERE customer_id = $1\n"
    )
    state = await triage(local, production, migration=path, error=error, seen="broken")
    assert causes(state)[:1] == ["old-code-uses-removed-column"], explain(state)


async def test_a_standby_is_named_from_its_error_and_from_looking(tmp_path: Path) -> None:
    with start_server(18) as primary:
        with psycopg.connect(primary.dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE orders (id int)")
        with start_standby(primary) as standby:
            path = write(tmp_path, ALTER + ";\n")
            error = "psql:m.sql:1: ERROR:  cannot execute ALTER TABLE in a read-only transaction"
            state = await triage(None, None, migration=path, error=error, production_dsn=standby.dsn())
            assert causes(state)[:1] == ["connected-to-standby"], explain(state)
            state = await triage(None, None, migration=path, seen="planned", production_dsn=standby.dsn())
            assert causes(state)[:1] == ["connected-to-standby"], explain(state)


async def test_a_full_server_is_named_from_how_it_refuses() -> None:
    with start_server(18, settings={"max_connections": "6", "superuser_reserved_connections": "1"}) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("CREATE ROLE app LOGIN")
        taken = []
        try:
            while True:
                try:
                    taken.append(psycopg.connect(server.dsn(role="app"), connect_timeout=2))
                except psycopg.OperationalError:
                    break
            state = await triage(None, None, production_dsn=server.dsn(role="app"), seen="failed")
        finally:
            for connection in taken:
                connection.close()
    assert causes(state)[:1] == ["connection-saturation"], explain(state)


async def test_a_replica_that_falls_behind_during_a_backfill_is_named(tmp_path: Path) -> None:
    with start_server(18) as primary:
        with psycopg.connect(primary.dsn(), autocommit=True) as connection:
            connection.execute(SHOP.encode())
        with start_standby(primary) as standby:
            with psycopg.connect(standby.dsn(), autocommit=True) as connection:
                connection.execute("SELECT pg_wal_replay_pause()")
            noise = "SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 50) WHERE id > 0"
            sql = f"UPDATE orders SET note = ({noise})"
            with psycopg.connect(primary.dsn(), autocommit=True, application_name="deploy") as connection:
                for _ in range(30):
                    connection.execute(sql.encode())
            # Dead rows and old statistics would be causes as well; a session counts its last changes when it ends.
            with psycopg.connect(primary.dsn(), autocommit=True) as connection:
                gone = "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'deploy')"
                await wait_until(lambda: connection.execute(gone).fetchall(), 60)
                connection.execute("VACUUM (FULL, ANALYZE) orders")
            path = write(tmp_path, sql + ";\n")
            state = await triage(None, None, migration=path, seen="broken", production_dsn=primary.dsn())
    assert causes(state)[:1] == ["replication-lag"], explain(state)


async def _older_than(database: Database, application: str, seconds: float) -> None:
    """Until that session's transaction is as old as triage takes seriously."""
    async with await psycopg.AsyncConnection.connect(database.dsn(), autocommit=True) as watch:

        async def old() -> bool:
            found = await watch.execute(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = %s"
                " AND clock_timestamp() - xact_start > make_interval(secs => %s)",
                (application, seconds),
            )
            return await found.fetchone() is not None

        await wait_until(old, deadline_s=seconds + 10)


async def _row_is_locked(database: Database, sql: str) -> None:
    """Until a lock that ``sql`` asks for without waiting is refused."""
    async with await psycopg.AsyncConnection.connect(database.dsn(), autocommit=True) as asking:

        async def refused() -> bool:
            try:
                await asking.execute(sql.encode())
            except psycopg.errors.LockNotAvailable:
                return True
            return False

        await wait_until(refused)
