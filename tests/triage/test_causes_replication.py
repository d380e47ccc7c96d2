"""Publications and their subscribers on real servers: what a laptop does not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runbook.lab.servers import Server, start_server
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
