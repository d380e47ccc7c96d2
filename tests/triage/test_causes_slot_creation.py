"""Logical slots and subscriptions that wait for transactions of any database of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from runbook.lab.servers import start_server
from tests.support import Database, wait_until
from tests.triage.incident import causes, explain, fact, in_thread, psql, triage, write
from tests.triage.waiting import blocks, likely, nearest, run, run_the_checks

ORDERS = "CREATE TABLE orders (id int PRIMARY KEY, code int NOT NULL)"


# -- slots that wait for old transactions ----------------------------------------------------------------------------

SLOT = "logical-slot-waits"
MAKES = "SELECT pg_create_logical_replication_slot('its_cdc', 'pgoutput');\n"
SLOT_WAITS = (
    "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'transactionid' AND query ~* 'create_(logical_)?replication_slot'"
    " AND clock_timestamp() - query_start > '2.5 s'"
)
MADE = "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'its_cdc' AND confirmed_flush_lsn IS NOT NULL"


@pytest.fixture
def publisher(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A server of our own: a slot waits for all databases of its server."""
    with start_server(nearest(request.param)) as server:
        made = Database(server, "postgres")
        made.execute(ORDERS)
        made.execute("CREATE DATABASE billing")
        yield made


@contextmanager
def written_elsewhere(production: Database, *, prepared: bool) -> Iterator[None]:
    """A transaction of another database that has written and stays open."""
    other = Database(production.server, "billing")
    connection = psycopg.connect(other.dsn(), application_name="nightly", autocommit=True)
    try:
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE invoices (id int)")
        if prepared:
            connection.execute("PREPARE TRANSACTION 'it''s open'")
        yield
    finally:
        connection.close()
        if other.execute("SELECT 1 FROM pg_prepared_xacts"):
            other.execute("ROLLBACK PREPARED 'it''s open'")


@contextmanager
def hanging(production: Database, sql: str) -> Iterator[Future[None]]:
    """``sql`` in a session called deploy; done, in whatever way, at the end."""

    def work() -> None:
        with production.connect() as session:
            session.execute("SET application_name = 'deploy'")
            session.execute(sql.encode())

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        try:
            yield future
        finally:
            production.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'deploy'"
            )
            wait([future], 60)


@pytest.mark.parametrize("publisher", [12, 15, 18], indirect=True)
@pytest.mark.parametrize("prepared", [False, True], ids=["session", "prepared"])
async def test_a_slot_that_waits_for_a_transaction_in_another_database_is_told_and_made_when_that_ends(
    publisher: Database, database: Database, tmp_path: Path, prepared: bool
) -> None:
    database.execute(ORDERS)
    path = write(tmp_path, MAKES)
    state = await triage(database, publisher, migration=path, seen="planned")
    assert causes(state) == [], explain(state)
    with written_elsewhere(publisher, prepared=prepared), hanging(publisher, MAKES) as made:
        await wait_until(lambda: publisher.execute(SLOT_WAITS), 60)
        state = await triage(database, publisher, migration=path, seen="hanging")
        assert likely(state) == [SLOT], explain(state)
        [writer] = [w for w in fact(state, "replication.old_writers") if w["in_the_way"]]
        assert (writer["database"], writer["kind"] == "session") == ("billing", not prepared)
        run_the_checks(SLOT, state, publisher)
        [end] = blocks(SLOT, state, "fix", changes=True)
        run(Database(publisher.server, "billing"), end)
        await asyncio.wrap_future(made)
    [look] = blocks(SLOT, state, "verify", changes=False)
    assert run(publisher, look)[0][5] is not None
    state = await triage(database, publisher, migration=path, seen="hanging")
    assert SLOT not in causes(state), explain(state)


@pytest.mark.parametrize("publisher", [13, 17], indirect=True)
async def test_a_subscription_that_waits_is_told_on_both_servers(
    publisher: Database, database: Database, tmp_path: Path
) -> None:
    publisher.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    address = f"host=127.0.0.1 port={publisher.server.port} user=postgres dbname=postgres"
    sql = f"CREATE SUBSCRIPTION its_cdc CONNECTION '{address}' PUBLICATION everything;\n"
    path = write(tmp_path, sql)
    with start_server(publisher.major) as server:
        subscriber = Database(server, "postgres")
        subscriber.execute(ORDERS)
        database.execute(ORDERS)
        state = await triage(database, subscriber, migration=path, seen="planned")
        assert SLOT not in causes(state), explain(state)
        with written_elsewhere(publisher, prepared=True), hanging(subscriber, sql) as made:
            await wait_until(lambda: publisher.execute(SLOT_WAITS), 60)
            state = await triage(database, publisher, seen="hanging")
            assert likely(state) == [SLOT], explain(state)
            older = (
                "SELECT 1 FROM pg_stat_activity WHERE query ~ '^CREATE SUB' AND clock_timestamp() - query_start > '3 s'"
            )
            await wait_until(lambda: subscriber.execute(older), 60)
            state = await triage(database, subscriber, migration=path, seen="hanging")
            assert likely(state) == [SLOT], explain(state)
            run_the_checks(SLOT, state, subscriber)
            # cancelled on the subscriber, it goes on waiting on the publisher
            subscriber.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'deploy'")
            await wait_until(made.done, 60)
            state = await triage(database, publisher, seen="hanging")
            assert likely(state) == [SLOT], explain(state)
            again = await in_thread(psql, subscriber, path)
            assert "already exists" in again, again
            state = await triage(database, publisher, migration=path, error=again)
            assert likely(state) == [SLOT], again + explain(state)
            [left] = blocks(SLOT, state, "roll_back", changes=False)
            assert len(run(publisher, left)) == 1
        await wait_until(lambda: not publisher.execute("SELECT 1 FROM pg_replication_slots"), 60, "it lets the slot go")
        state = await triage(database, publisher, migration=path, error=again)
        assert SLOT not in likely(state), explain(state)


@pytest.mark.parametrize("publisher", [16], indirect=True)
async def test_what_a_slot_does_not_wait_for_is_not_blamed(
    publisher: Database, database: Database, tmp_path: Path
) -> None:
    database.execute(ORDERS)
    path = write(tmp_path, MAKES)
    with psycopg.connect(publisher.dsn()) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM orders")
        state = await triage(database, publisher, migration=path, seen="planned")
        assert causes(state) == [], explain(state)
        assert "ERROR" not in await in_thread(psql, publisher, path)
        assert publisher.execute(MADE)
    # an ordinary row lock is Lock:transactionid as well
    publisher.execute("INSERT INTO orders VALUES (1, 1)")
    update = "UPDATE orders SET code = 2 WHERE id = 1;\n"
    path = write(tmp_path, update)
    with psycopg.connect(publisher.dsn(), application_name="nightly") as holder:
        holder.execute("UPDATE orders SET code = 3 WHERE id = 1")
        with hanging(publisher, update):
            waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'transactionid'"
            await wait_until(lambda: publisher.execute(waits), 60)
            state = await triage(database, publisher, migration=path, seen="hanging")
            assert likely(state)[:1] == ["lock-wait-idle-in-transaction"], explain(state)
            assert SLOT not in causes(state)
