"""Publications, subscribers, standbys and slots on real servers: what a laptop does not have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from runbook.lab.servers import Server, start_server, start_standby
from tests.playbooks.incident import playbooks
from tests.support import Database, create_database, drop_database, eventually, wait_until
from tests.triage.incident import causes, explain, fact, in_thread, psql, triage, write
from tests.triage.waiting import blocks, likely, nearest, run, run_the_checks, shop

# -- no replica identity ---------------------------------------------------------------------------------------------

IDENTITY = "publication-needs-replica-identity"
SHOP = """
CREATE SCHEMA audit;
CREATE TABLE audit.event (id int, uid int NOT NULL, note text);
CREATE UNIQUE INDEX event_uid ON audit.event (uid);
INSERT INTO audit.event SELECT g, g, 'n' FROM generate_series(1, 900) g;
CREATE TABLE depot (id int PRIMARY KEY, code text);
INSERT INTO depot SELECT g, 'd' || g FROM generate_series(1, 90) g;
CREATE TABLE reading (at int, v int) PARTITION BY RANGE (at);
CREATE TABLE reading_0 PARTITION OF reading FOR VALUES FROM (0) TO (100);
INSERT INTO reading VALUES (1, 1);
"""


@dataclass(frozen=True)
class Refused:
    """``fault`` is what only production has; ``planned``: seen before it runs."""

    name: str
    migration: str
    fault: str
    major: int = 18
    planned: bool = True


REFUSED = [
    Refused("update", "UPDATE audit.event SET note = 'x' WHERE id = 0;", "CREATE PUBLICATION cdc FOR ALL TABLES", 12),
    Refused("delete", "DELETE FROM audit.event WHERE id < 7;", "CREATE PUBLICATION cdc FOR TABLE audit.event", 14),
    Refused("partition", "UPDATE reading SET v = 2;", "CREATE PUBLICATION cdc FOR TABLE reading", 17),
    Refused(
        "of-a-schema", "UPDATE audit.event SET note = 'x';", "CREATE PUBLICATION cdc FOR TABLES IN SCHEMA audit", 15
    ),
    Refused(
        "key-dropped",
        "UPDATE depot SET code = 'x';",
        "ALTER TABLE depot DROP CONSTRAINT depot_pkey; CREATE PUBLICATION cdc FOR TABLE depot",
        13,
    ),
    Refused(
        "deferrable-key",
        "UPDATE depot SET code = 'x';",
        "ALTER TABLE depot DROP CONSTRAINT depot_pkey, ADD PRIMARY KEY (id) DEFERRABLE;"
        " CREATE PUBLICATION cdc FOR TABLE depot",
        16,
    ),
    Refused(
        "column-list",
        "UPDATE depot SET code = 'x';",
        "CREATE PUBLICATION cdc FOR TABLE depot (code)",
        18,
        planned=False,
    ),
    Refused(
        "row-filter",
        "UPDATE depot SET code = 'x';",
        "CREATE PUBLICATION cdc FOR TABLE depot WHERE (code <> 'd')",
        15,
        planned=False,
    ),
    Refused(
        "in-a-block",
        "DO $$ BEGIN UPDATE audit.event SET note = 'x'; END $$;",
        "CREATE PUBLICATION cdc FOR TABLE audit.event",
        16,
        planned=False,
    ),
]
NOT_REFUSED = [
    ("insert", "INSERT INTO audit.event VALUES (1000, 1000, 'x'); TRUNCATE audit.event;", "CREATE PUBLICATION a FOR ALL TABLES"),
    ("has-a-key", "UPDATE depot SET code = 'x';", "CREATE PUBLICATION a FOR ALL TABLES"),
    ("inserts-only", "UPDATE audit.event SET note = 'x';", "CREATE PUBLICATION a FOR ALL TABLES WITH (publish = 'insert')"),
    ("full", "UPDATE audit.event SET note = 'x';", "ALTER TABLE audit.event REPLICA IDENTITY FULL; CREATE PUBLICATION a FOR ALL TABLES"),
    ("by-index", "UPDATE audit.event SET note = 'x';", "ALTER TABLE audit.event REPLICA IDENTITY USING INDEX event_uid; CREATE PUBLICATION a FOR ALL TABLES"),
    ("another-table", "UPDATE audit.event SET note = 'x';", "CREATE PUBLICATION a FOR TABLE depot"),
    ("key-added", "ALTER TABLE audit.event ADD PRIMARY KEY (id); UPDATE audit.event SET note = 'x';", "CREATE PUBLICATION a FOR ALL TABLES"),
    ("identity-set", "ALTER TABLE audit.event REPLICA IDENTITY FULL; UPDATE audit.event SET note = 'x';", "CREATE PUBLICATION a FOR ALL TABLES"),
    ("taken-out", "ALTER PUBLICATION a DROP TABLE audit.event; DELETE FROM audit.event;", "CREATE PUBLICATION a FOR TABLE audit.event"),
    ("dropped", "DROP PUBLICATION a; DELETE FROM audit.event;", "CREATE PUBLICATION a FOR ALL TABLES"),
    ("set-to-insert", "ALTER PUBLICATION a SET (publish = 'insert'); DELETE FROM audit.event;", "CREATE PUBLICATION a FOR ALL TABLES"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=[c.name for c in REFUSED])
async def test_a_published_table_without_an_identity_is_named(case: Refused, tmp_path: Path) -> None:
    with shop(case.major, SHOP) as (local, production):
        if production.major < case.major:
            pytest.skip(f"PostgreSQL {production.major} has no such publication")
        production.execute(case.fault)
        path = write(tmp_path, case.migration + "\n")
        if case.planned:
            state = await triage(local, production, migration=path, seen="planned")
            assert likely(state) == [IDENTITY], explain(state)
        error = psql(production, path)
        assert "replica identity" in error, error
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [IDENTITY], error + explain(state)
        assert fact(state, "replication.unidentified")[0]["publications"] == ["cdc"]
        run_the_checks(IDENTITY, state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == [IDENTITY], error + explain(alone)
        assert "ERROR" not in psql(local, path)
        state = await triage(local, local, migration=path, seen="planned")
        assert causes(state) == [], explain(state)


@pytest.mark.parametrize(("name", "migration", "publication"), NOT_REFUSED, ids=[c[0] for c in NOT_REFUSED])
async def test_what_a_publication_lets_pass_is_not_called_refused(
    pair: tuple[Database, Database], tmp_path: Path, name: str, migration: str, publication: str
) -> None:
    local, production = pair
    for database in pair:
        database.execute(SHOP)
        database.execute(publication)
    path = write(tmp_path, migration.replace("; ", ";\n") + "\n")
    state = await triage(local, production, migration=path, seen="planned")
    assert IDENTITY not in causes(state), explain(state)
    assert "ERROR" not in psql(production, path)


async def test_other_errors_on_a_table_without_identity_are_not_blamed_on_it(
    pair: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = pair
    for database in pair:
        database.execute(SHOP)
    production.execute("CREATE PUBLICATION cdc FOR ALL TABLES")
    path = write(tmp_path, "INSERT INTO audit.event VALUES (1, 1, 'x') ON CONFLICT (id) DO NOTHING;\n")
    error = psql(production, path)
    assert "ON CONFLICT" in error, error
    state = await triage(local, production, migration=path, error=error)
    assert IDENTITY not in causes(state), error + explain(state)


# -- changes that a subscriber does not get --------------------------------------------------------------------------

DDL = "ddl-not-replicated"
ORDERS = "CREATE TABLE orders (id int PRIMARY KEY, code int NOT NULL)"


@pytest.fixture
def replicated(request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database, Database]]:
    """Local, production, and a database of another server that subscribes to all tables of production."""
    production_major, subscriber_major = map(nearest, request.param)
    local, production = create_database(18), create_database(production_major)
    with start_server(subscriber_major) as server:
        subscriber = Database(server, "postgres")
        for database in (local, production, subscriber):
            database.execute(ORDERS)
        production.execute("CREATE PUBLICATION everything FOR ALL TABLES")
        production.execute(f"SELECT pg_create_logical_replication_slot('{slot(production)}', 'pgoutput')")
        subscribe(subscriber, production)
        yield local, production, subscriber
        # a server that stops ends its connections; the slot goes with the database
    eventually(lambda: not production.execute(READER.format(slot(production))), 60, "the reader has gone")
    for database in (local, production):
        drop_database(database)


READER = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = '{}' AND active"


def slot(production: Database) -> str:
    return f"sub_{production.name}"


def subscribe(subscriber: Database, production: Database) -> None:
    server = production.server
    address = f"host=127.0.0.1 port={server.port} user=postgres dbname={production.name}"
    subscriber.execute(
        f"CREATE SUBSCRIPTION {slot(production)} CONNECTION '{address}' PUBLICATION everything"
        f" WITH (create_slot = false, copy_data = false, slot_name = '{slot(production)}')"
    )
    production.execute("INSERT INTO orders VALUES (1, 1)")
    eventually(lambda: subscriber.execute("SELECT 1 FROM orders WHERE id = 1"), 60, "the first row arrived")


BOTH_WAYS = pytest.mark.parametrize("replicated", [(12, 13), (15, 18), (18, 16)], indirect=True, ids=str)


def error_in(server: Server, since: int) -> str:
    """What the subscriber's log says of the failure, as an engineer copies it."""
    found = eventually(lambda: [x for x in server.log()[since:].splitlines() if "ERROR: " in x], 60, "it failed")
    lines = server.log()[since:].splitlines()
    at = lines.index(found[0])
    return "\n".join([lines[at], *(x for x in lines[at + 1 : at + 3] if "CONTEXT" in x or "DETAIL" in x)]) + "\n"


@BOTH_WAYS
async def test_a_column_that_a_subscriber_lacks_stops_it_and_is_told_before_and_after(
    replicated: tuple[Database, Database, Database], tmp_path: Path
) -> None:
    local, production, subscriber = replicated
    quiet = write(tmp_path, "ALTER TABLE orders ALTER COLUMN code SET DEFAULT 0;\n", "0006_quiet.sql")
    state = await triage(local, production, migration=quiet, seen="planned")
    assert causes(state) == [], explain(state)
    path = write(tmp_path, "ALTER TABLE orders ADD COLUMN region varchar(9) NOT NULL DEFAULT 'x';\n")
    state = await triage(local, production, migration=path, seen="planned")
    assert likely(state) == [DDL], explain(state)
    had = await triage(local, production, migration=path, seen="planned", answers=[("subscriber_has_change", "yes")])
    assert likely(had) == [], explain(had)
    assert "ERROR" not in await in_thread(psql, local, path)
    since = len(subscriber.server.log())
    assert "ERROR" not in await in_thread(psql, production, path)
    state = await triage(local, production, migration=path, seen="broken")
    assert DDL not in likely(state), "no row was written yet, and the subscriber is well" + explain(state)
    production.execute("INSERT INTO orders VALUES (2, 2)")
    error = await in_thread(error_in, subscriber.server, since)
    for side in (production, subscriber):
        state = await triage(local, side, migration=path, error=error)
        assert likely(state) == [DDL], error + explain(state)
    alone = await triage(None, None, error=error)
    assert likely(alone) == [DDL], error + explain(alone)
    # a worker that fails connects anew every five seconds: between two of them nobody reads the slot
    await wait_until(lambda: not production.execute(READER.format(slot(production))), 60)
    state = await triage(local, production, migration=path, seen="broken")
    assert likely(state) == [DDL], explain(state)
    run_the_checks(DDL, state, production)
    [change] = blocks(DDL, state, "fix", changes=True, on="subscriber")
    run(subscriber, change)
    [look] = blocks(DDL, state, "fix", changes=False, on="subscriber")
    assert run(subscriber, look)[0][1] is True
    await wait_until(lambda: subscriber.execute("SELECT 1 FROM orders WHERE id = 2 AND region = 'x'"), 60)


# name, migration, what is written afterwards, what the message says
STOPS = [
    ("column-renamed", "ALTER TABLE orders RENAME COLUMN code TO number;", "INSERT INTO orders VALUES (2, 2)", "missing"),
    ("table-renamed", "ALTER TABLE orders RENAME TO sales;", "INSERT INTO sales VALUES (2, 2)", "does not exist"),
    ("new-table", "CREATE TABLE gifts (id int PRIMARY KEY);", "INSERT INTO gifts VALUES (1)", "does not exist"),
    ("wider", "ALTER TABLE orders ALTER COLUMN code TYPE bigint;", "INSERT INTO orders VALUES (2, 3000000000)", "out of range"),
    ("dropped", "ALTER TABLE orders DROP COLUMN code;", "INSERT INTO orders VALUES (2)", "null value"),
]  # fmt: skip


@pytest.mark.parametrize("replicated", [(17, 17)], indirect=True, ids=str)
@pytest.mark.parametrize(("name", "migration", "written", "says"), STOPS, ids=[s[0] for s in STOPS])
async def test_every_change_that_stops_a_subscriber_is_told_from_its_error(
    replicated: tuple[Database, Database, Database], tmp_path: Path, name: str, migration: str, written: str, says: str
) -> None:
    local, production, subscriber = replicated
    path = write(tmp_path, migration + "\n")
    state = await triage(local, production, migration=path, seen="planned")
    assert DDL in likely(state), explain(state)
    since = len(subscriber.server.log())
    for database in (local, production):
        assert "ERROR" not in await in_thread(psql, database, path)
    production.execute(written)
    error = await in_thread(error_in, subscriber.server, since)
    assert says in error, error
    state = await triage(local, production, migration=path, error=error)
    assert likely(state) == [DDL], error + explain(state)


async def test_a_migration_s_own_null_is_not_blamed_on_a_subscriber(
    pair: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = pair
    for database in pair:
        database.execute(ORDERS)
        database.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    production.execute(f"SELECT pg_create_logical_replication_slot('{slot(production)}', 'pgoutput')")
    path = write(tmp_path, "INSERT INTO orders (id) SELECT 7;\n")
    error = await in_thread(psql, production, path)
    assert "null value" in error, error
    state = await triage(local, production, migration=path, error=error)
    assert DDL not in causes(state), explain(state)


# -- queries that a standby cancels ----------------------------------------------------------------------------------

CONFLICT = "recovery-conflict"


@contextmanager
def with_standby(major: int, **settings: str) -> Iterator[tuple[Database, Database]]:
    """A primary of our own with ``ORDERS`` and rows, and a standby that has replayed them."""
    with start_server(nearest(major)) as primary:
        first = Database(primary, "postgres")
        first.execute(f"{ORDERS}; INSERT INTO orders SELECT g, g FROM generate_series(1, 5000) g")
        with start_standby(primary, settings=settings) as server:
            second = Database(server, "postgres")
            replayed(first, second)
            yield first, second


def replayed(primary: Database, standby: Database) -> None:
    [(lsn,)] = primary.execute("SELECT pg_current_wal_lsn()")
    eventually(lambda: standby.execute(f"SELECT 1 WHERE pg_last_wal_replay_lsn() >= '{lsn}'"), 60, "it is replayed")


def cancelled_on(standby: Database, fault: Callable[[], None]) -> str:
    """A report on the standby that has read a table and goes on reading, what happens then, and the error it gets."""
    with psycopg.connect(standby.dsn()) as report:
        report.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        report.execute("SELECT count(*) FROM orders")
        fault()
        with pytest.raises(psycopg.Error) as refused:
            report.execute("SELECT pg_sleep(60), count(*) FROM orders")
    diag = refused.value.diag
    return f"{diag.severity}:  {diag.message_primary}\nDETAIL:  {diag.message_detail}\n"


@pytest.mark.parametrize(("major", "kind"), [(12, "lock"), (16, "lock"), (14, "snapshot"), (18, "snapshot")])
async def test_a_report_on_a_standby_that_replay_cancels_is_told_from_its_error(
    major: int, kind: str, database: Database, tmp_path: Path
) -> None:
    database.execute(ORDERS)
    sql = {"lock": "ALTER TABLE orders ADD COLUMN note text;", "snapshot": "UPDATE orders SET code = 0;"}[kind]
    path = write(tmp_path, sql + "\n")
    with with_standby(major, max_standby_streaming_delay="100ms") as (primary, standby):
        state = await triage(database, primary, migration=path, seen="planned")
        assert CONFLICT not in causes(state), explain(state)

        def migrate() -> None:
            assert "ERROR" not in psql(primary, path)
            if kind == "snapshot":
                primary.execute("VACUUM orders")

        error = await in_thread(cancelled_on, standby, migrate)
        assert "conflict with recovery" in error, error
        for side in (primary, standby):
            state = await triage(database, side, migration=path, error=error, seen="broken")
            assert likely(state)[:1] == [CONFLICT], error + explain(state)
            assert fact(state, "replication.conflict") == kind
            assert "replication-lag" not in likely(state)
        told = await triage(None, None, error=error)
        assert likely(told) == [CONFLICT], error + explain(told)
        rendered = playbooks()[CONFLICT].render(state.book())
        for block in (b for b in rendered.sql if not b.changes):
            run(standby, block)
        [longer] = blocks(CONFLICT, state, "fix", changes=True, on="standby")
        run(standby, longer)
        in_force = "SELECT 1 FROM pg_settings WHERE name = 'max_standby_streaming_delay' AND setting = '900000'"
        await wait_until(lambda: standby.execute(in_force), 60)


SERIALIZATION = "ERROR:  could not serialize access due to concurrent update\n"
# as PostgreSQL 15's German, French and Russian catalogs have it (src/backend/po)
TRANSLATED = [
    "FEHLER:  storniere Anfrage wegen Konflikt mit der Wiederherstellung\n",
    "ERREUR:  annulation de la requête à cause d'un conflit avec la restauration\n",
    "ВАЖНО:  закрытие подключения из-за конфликта с процессом восстановления\n",
]


async def test_a_serialization_failure_is_no_conflict_with_recovery() -> None:
    assert CONFLICT not in causes(await triage(None, None, error=SERIALIZATION))


@pytest.mark.parametrize("error", TRANSLATED, ids=["de", "fr", "ru"])
async def test_a_standby_s_error_is_told_in_other_languages(error: str) -> None:
    state = await triage(None, None, error=error)
    assert likely(state) == [CONFLICT], explain(state)


# -- dead rows that are kept for a standby ---------------------------------------------------------------------------

FEEDBACK = "standby-feedback-holds-snapshot"
BACKFILL = "UPDATE orders SET code = code + 1;\n"
# each subtransaction that writes takes a transaction id
BURN = """
CREATE TEMP TABLE burn (i int);
DO $$ BEGIN FOR i IN 1..60000 LOOP BEGIN INSERT INTO burn VALUES (i); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$;
"""
AGE = "SELECT age(backend_xmin) FROM pg_stat_replication UNION ALL SELECT age(xmin) FROM pg_replication_slots"
HELD = f"SELECT 1 FROM ({AGE}) a (age) WHERE age > 0"
OLD = f"SELECT 1 FROM ({AGE}) a (age) WHERE age > 60000"


def backfilled(primary: Database, path: Path) -> None:
    """The migration, much other work, and a vacuum; until the counters show its dead rows or their removal."""
    assert "ERROR" not in psql(primary, path)
    primary.execute(BURN)
    primary.execute("VACUUM ANALYZE orders")


def dead(primary: Database) -> int:
    [(count,)] = primary.execute("SELECT n_dead_tup FROM pg_stat_all_tables WHERE relname = 'orders'")
    return int(count)


def counted(primary: Database) -> bool:
    """Whether the counters tell of the backfill and of the vacuum after it: up to 14 they come late."""
    counters = "SELECT n_tup_upd, n_dead_tup, n_mod_since_analyze, last_vacuum FROM pg_stat_all_tables"
    [(updated, kept, changed, vacuumed)] = primary.execute(f"{counters} WHERE relname = 'orders'")
    return bool(updated >= 5000 and kept >= 5000 and changed == 0 and vacuumed)


@pytest.mark.parametrize("major", [12, 16, 18])
async def test_rows_kept_for_a_report_on_a_standby_are_told_from_its_feedback(
    major: int, database: Database, tmp_path: Path
) -> None:
    database.execute(ORDERS)
    path = write(tmp_path, BACKFILL)
    settings = {"hot_standby_feedback": "on", "wal_receiver_status_interval": "1s", "max_standby_streaming_delay": "-1"}
    with with_standby(major, **settings) as (primary, standby):
        with psycopg.connect(standby.dsn(), application_name="month-end") as report:
            report.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            report.execute("SELECT count(*) FROM orders")
            # the standby's next word after the snapshot was taken is at most as young as the snapshot
            primary.execute("CREATE TABLE marker ()")
            await wait_until(lambda: primary.execute(HELD), 60, "the standby's word is an old one")
            await in_thread(backfilled, primary, path)
            await wait_until(lambda: counted(primary) and primary.execute(OLD), 60)
            state = await triage(database, primary, migration=path, seen="broken")
            assert likely(state)[:1] == [FEEDBACK], explain(state)
            assert fact(state, "replication.horizon_holder")["kind"] == "standby"
            run_the_checks(FEEDBACK, state, primary)
            [look] = blocks(FEEDBACK, state, "fix", changes=False, on="standby")
            assert [row[0] for row in run(standby, look)] == [report.info.backend_pid]
            # an index build does not wait for it
            with primary.connect() as builder:
                builder.execute("SET statement_timeout = '60s'")
                builder.execute("CREATE INDEX CONCURRENTLY ON orders (code)")
        await wait_until(lambda: not primary.execute(OLD), 60, "the standby speaks of younger rows")
        [vacuum] = blocks(FEEDBACK, state, "fix", changes=True)
        run(primary, vacuum)
        await wait_until(lambda: dead(primary) == 0, 60)
        state = await triage(database, primary, migration=path, seen="broken")
        assert FEEDBACK not in causes(state), explain(state)


@pytest.mark.parametrize("major", [13, 17])
async def test_rows_kept_for_a_standby_that_is_gone_are_told_from_its_slot(
    major: int, database: Database, tmp_path: Path
) -> None:
    database.execute(ORDERS)
    path = write(tmp_path, BACKFILL)
    settings = {"hot_standby_feedback": "on", "wal_receiver_status_interval": "1s", "primary_slot_name": "it_s_gone"}
    with start_server(nearest(major)) as server:
        primary = Database(server, "postgres")
        primary.execute(f"{ORDERS}; INSERT INTO orders SELECT g, g FROM generate_series(1, 5000) g")
        primary.execute("SELECT pg_create_physical_replication_slot('it_s_gone', true)")
        with start_standby(server, settings=settings):
            await wait_until(lambda: primary.execute("SELECT 1 FROM pg_replication_slots WHERE xmin IS NOT NULL"), 60)
        await wait_until(lambda: not primary.execute("SELECT 1 FROM pg_replication_slots WHERE active"), 60)
        state = await triage(database, primary, migration=path, seen="planned")
        assert FEEDBACK not in causes(state), explain(state)
        await in_thread(backfilled, primary, path)
        await wait_until(lambda: counted(primary), 60)
        state = await triage(database, primary, migration=path, seen="broken")
        assert likely(state)[:1] == [FEEDBACK], explain(state)
        run_the_checks(FEEDBACK, state, primary)
        drop, vacuum = blocks(FEEDBACK, state, "fix", changes=True)
        run(primary, drop)
        run(primary, vacuum)
        await wait_until(lambda: dead(primary) == 0, 60)


async def test_a_standby_with_feedback_that_keeps_up_holds_nothing(database: Database, tmp_path: Path) -> None:
    database.execute(ORDERS)
    path = write(tmp_path, BACKFILL)
    settings = {"hot_standby_feedback": "on", "wal_receiver_status_interval": "1s"}
    with with_standby(15, **settings) as (primary, _):
        primary.execute("ALTER TABLE orders SET (autovacuum_enabled = off)")
        assert "ERROR" not in psql(primary, path)
        primary.execute(BURN)
        await wait_until(lambda: dead(primary) >= 5000 and not primary.execute(OLD), 60)
        state = await triage(database, primary, migration=path, seen="broken")
        assert FEEDBACK not in causes(state), explain(state)


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
