"""Commits that wait for a synchronous standby: no blocker, committed all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runbook.lab.servers import start_server
from tests.support import Database, wait_until
from tests.triage.incident import causes, explain, in_thread, psql, triage, write
from tests.triage.waiting import blocks, likely, nearest, run, run_the_checks

CAUSE = "waiting-for-synchronous-standby"
SHOP = "CREATE TABLE orders (id int)"
SQL = "ALTER TABLE orders ADD COLUMN note text"


@pytest.fixture(params=[12, 17], ids=lambda m: f"pg{m}")
def production(request: pytest.FixtureRequest) -> Iterator[Database]:
    with start_server(nearest(request.param)) as server:
        made = Database(server, "postgres")
        made.execute(SHOP)
        yield made


@pytest.mark.parametrize("sql", [SQL, f"BEGIN; {SQL}; COMMIT"], ids=["alone", "in-a-transaction"])
async def test_a_commit_that_waits_for_a_standby_is_no_lock_wait_and_is_committed_when_cancelled(
    production: Database, database: Database, sql: str, tmp_path: Path
) -> None:
    database.execute(SHOP)
    path = write(tmp_path, SQL + ";\n")
    state = await triage(database, production, migration=path, seen="planned")
    assert causes(state) == [], explain(state)
    production.execute("ALTER SYSTEM SET synchronous_standby_names = 'replica1'")
    production.execute("SELECT pg_reload_conf()")
    in_force = "SELECT 1 FROM pg_settings WHERE name = 'synchronous_standby_names' AND setting <> ''"
    await wait_until(lambda: production.execute(in_force), 30)
    state = await triage(database, production, migration=path, seen="planned")
    assert likely(state) == [CAUSE], explain(state)

    async with await psycopg.AsyncConnection.connect(
        production.dsn(), autocommit=True, application_name="deploy"
    ) as session:
        hangs = asyncio.create_task(session.execute(sql.encode()))
        pid = session.info.backend_pid
        waiting = "wait_event = 'SyncRep' AND clock_timestamp() - state_change > interval '1.2 s'"
        await wait_until(
            lambda: production.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND {waiting}"), 30
        )
        state = await triage(database, production, migration=path, seen="hanging")
        assert likely(state) == [CAUSE], explain(state)
        run_the_checks(CAUSE, state, production)
        assert run(production, blocks(CAUSE, state, "verify", changes=False)[0]) != []
        production.execute(f"SELECT pg_cancel_backend({pid})")
        await hangs
    assert production.execute("SELECT 1 FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'note'")
    [relax] = blocks(CAUSE, state, "fix", changes=True)
    run(production, relax)
    await wait_until(lambda: not production.execute(in_force), 30)
    error = await in_thread(psql, production, path)
    assert "already exists" in error
