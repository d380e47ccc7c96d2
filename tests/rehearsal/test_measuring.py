"""What a rehearsal measures is what the server did; forecast and measurement stand side by side."""

from __future__ import annotations

from dataclasses import replace

from runbook.migration import Catalog, forecast, parse
from runbook.migration.result import RelationLock, StatementForecast
from runbook.postgres.survey import look
from runbook.rehearsal.compare import with_production
from runbook.rehearsal.render import sentence
from runbook.rehearsal.result import Rehearsal, Rehearsed, StatementRehearsal
from runbook.rehearsal.run import rehearse
from runbook.rehearsal.throughput import SHORTEST_S, rates, throughput
from tests.support import BARE, Database

SHOP = """
CREATE TABLE orders (id int PRIMARY KEY, total int, note text DEFAULT repeat('x', 100));
CREATE TABLE items (id int PRIMARY KEY, order_id int);
INSERT INTO orders (id, total) SELECT g, g FROM generate_series(1, {rows}) g;
INSERT INTO items SELECT g, g FROM generate_series(1, 500) g;
ANALYZE;
"""


async def tried(database: Database, sql: str, runner: str = "psql", rows: int = 1000) -> Rehearsal:
    database.execute(SHOP.format(rows=rows))
    return (await rehearse(parse(sql, runner), database.dsn())).rehearsal


def locks(one: StatementRehearsal) -> dict[str, str]:
    return {lock.relation: lock.mode for lock in one.locks or () if lock.pre_existing}


async def test_locks_rewrites_scans_and_builds_are_measured_and_as_forecast(matrix_database: Database) -> None:
    sql = """
    ALTER TABLE orders ADD COLUMN email text;
    ALTER TABLE orders ALTER COLUMN total TYPE bigint;
    CREATE INDEX orders_total ON orders (total);
    ALTER TABLE items ADD FOREIGN KEY (order_id) REFERENCES orders;
    CREATE TABLE made (id int PRIMARY KEY, order_id int REFERENCES orders);
    UPDATE items SET order_id = 1;
    ALTER TABLE items ADD CHECK (order_id > 0);
    """
    found = await tried(matrix_database, sql)
    by_index = {s.index: s for s in found.statements}
    assert [s.status for s in found.statements] == ["ran"] * 7
    assert locks(by_index[1]) == {"public.orders": "AccessExclusiveLock"}
    assert by_index[1].rewrites == ()
    assert by_index[2].rewrites == ("public.orders",)
    assert by_index[2].index_builds == ("public.orders_pkey",)
    assert by_index[3].index_builds == ("public.orders_total",)
    assert by_index[3].scans == ("public.orders",)
    assert locks(by_index[4])["public.items"] == "ShareRowExclusiveLock"
    assert by_index[6].rows == 500
    assert by_index[7].scans == ("public.items",)
    assert all(s.seconds is not None and s.seconds > 0 and s.wal_bytes is not None for s in found.statements)
    assert [s.disagreements for s in found.statements] == [()] * 7
    assert (found.compared, found.agreeing) == (7, 7)


async def test_a_failure_ends_it_and_stands_beside_the_forecast(database: Database) -> None:
    found = await tried(database, "ALTER TABLE orders ADD COLUMN a int; ALTER TABLE gone ADD COLUMN b int; SELECT 1")
    assert found.outcome == "failed"
    assert [s.status for s in found.statements] == ["ran", "failed", "not_reached"]
    assert found.failure is not None
    assert found.failure.error is not None
    assert found.failure.error.sqlstate == "42P01"
    assert found.failure.agrees is True


async def test_a_failure_that_nobody_forecast_is_a_disagreement(database: Database) -> None:
    found = await tried(database, "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'P0099'; END $$")
    assert found.failure is not None
    (differs,) = found.failure.disagreements
    assert (differs.facet, differs.measured) == ("fails", "P0099 no")


async def test_a_forecast_that_is_wrong_is_told_in_every_facet(database: Database) -> None:
    """The comparison itself: the same measurement beside a forecast that says something else."""
    database.execute(SHOP.format(rows=100))
    migration = parse("ALTER TABLE orders ALTER COLUMN total TYPE bigint")

    def lie(told: StatementForecast) -> StatementForecast:
        weaker = frozenset({RelationLock("public.orders", "ShareLock")})
        return replace(told, locks=weaker, rewrites=(), scans=("public.items",), index_builds=())

    found = (await _with_forecast(migration, database, lie)).rehearsal.statements[0]
    assert {d.facet for d in found.disagreements} == {"locks", "rewrites", "scans", "index_builds"}
    assert found.agrees is False


async def _with_forecast(migration, database, change) -> Rehearsed:  # type: ignore[no-untyped-def]
    from runbook.rehearsal import run

    real = run.forecast

    def changed(*arguments, **options):  # type: ignore[no-untyped-def]
        told = real(*arguments, **options)
        files = tuple(replace(f, statements=tuple(change(s) for s in f.statements)) for f in told.files)
        return replace(told, files=files)

    run.forecast = changed
    try:
        return await rehearse(migration, database.dsn())
    finally:
        run.forecast = real


async def test_what_needs_a_skipped_statement_is_named_with_it(database: Database) -> None:
    sql = """
    CREATE UNIQUE INDEX CONCURRENTLY orders_total ON orders (total);
    ALTER TABLE orders ADD CONSTRAINT orders_total_key UNIQUE USING INDEX orders_total;
    COMMENT ON CONSTRAINT orders_total_key ON orders IS 'x';
    ALTER TABLE orders ALTER COLUMN total TYPE bigint;
    """
    found = await tried(database, sql)
    assert [s.status for s in found.statements] == ["not_rehearsed", "not_rehearsed", "not_rehearsed", "ran"]
    assert found.statements[3].disagreements == ()
    assert found.statements[1].because == "it uses orders_total, and statement 1 was not run"
    assert found.statements[2].because == "it uses orders_total_key, and statement 2 was not run"
    assert found.outcome == "completed"


async def test_set_local_ends_where_the_runner_would_commit(database: Database) -> None:
    sql = "BEGIN; SET LOCAL search_path = nowhere; COMMIT; CREATE TABLE made (id int)"
    found = await tried(database, sql)
    assert found.statements[-1].status == "ran"
    assert found.outcome == "completed"


async def test_a_constraint_that_fails_at_commit_is_seen_where_the_runner_commits(database: Database) -> None:
    deferred = "ALTER TABLE items ADD FOREIGN KEY (order_id) REFERENCES orders DEFERRABLE INITIALLY DEFERRED"
    one = await tried(
        database, f"{deferred}; BEGIN; INSERT INTO items VALUES (0, -1); DELETE FROM items WHERE id = 0; COMMIT"
    )
    assert one.outcome == "completed"
    two = (await rehearse(parse(f"{deferred}; INSERT INTO items VALUES (0, -1); SELECT 1"), database.dsn())).rehearsal
    assert [s.status for s in two.statements] == ["ran", "failed", "not_reached"]
    assert two.statements[1].because == "at the commit after it"


async def test_an_enum_value_is_only_too_early_within_one_transaction(database: Database) -> None:
    database.execute("CREATE TYPE state AS ENUM ('new')")
    sql = "ALTER TYPE state ADD VALUE 'paid'; ALTER TABLE items ADD COLUMN s state DEFAULT 'paid'"
    apart = await tried(database, sql)
    assert [s.status for s in apart.statements] == ["ran", "not_rehearsed"]
    together = (await rehearse(parse(sql, "psql-1"), database.dsn())).rehearsal
    assert together.failure is not None
    assert together.failure.error is not None
    assert together.failure.error.sqlstate == "55P04"
    assert together.failure.agrees is True


async def test_what_wants_to_be_outside_a_transaction_fails_in_one_as_forecast(matrix_database: Database) -> None:
    for sql, sqlstate in {
        "DO $$ BEGIN COMMIT; END $$": "2D000",
        "DISCARD ALL": "25001",
        "VACUUM": "25001",
        "CREATE INDEX CONCURRENTLY ON pg_class (relname)": "25001",
    }.items():
        done = await rehearse(parse(sql, "psql-1"), matrix_database.dsn())
        (statement,) = done.rehearsal.statements
        assert statement.error is not None, sql
        assert (statement.error.sqlstate, statement.agrees) == (sqlstate, True), sql


async def test_the_role_that_runs_migrations_is_the_one_that_is_tried(database: Database) -> None:
    database.execute(SHOP.format(rows=10))
    done = await rehearse(parse("ALTER TABLE orders ADD COLUMN a int"), database.dsn(), role=BARE)
    failure = done.rehearsal.failure
    assert failure is not None
    assert failure.error is not None
    assert (failure.error.sqlstate, failure.agrees) == ("42501", True)


async def test_one_sentence_tells_of_one_statement(database: Database) -> None:
    found = await tried(database, "ALTER TABLE orders ADD COLUMN a int; VACUUM; BEGIN")
    ran, skipped, nothing = (sentence(found, index) for index in (1, 2, 3))
    assert ran is not None
    assert ran.startswith(f"rehearsed on {database.name}@")
    assert ran.endswith("locks ACCESS EXCLUSIVE public.orders, as forecast")
    assert skipped is not None
    assert "cannot run in a transaction" in skipped
    assert nothing is None


async def test_notices_of_the_server_are_kept(database: Database) -> None:
    found = await tried(database, "DROP TABLE IF EXISTS gone")
    assert [(n.severity, n.message) for n in found.statements[0].notices] == [
        ("NOTICE", 'table "gone" does not exist, skipping')
    ]


async def test_measured_work_makes_the_forecast_for_production(pair: tuple[Database, Database]) -> None:
    local, production = pair
    production.execute(SHOP.format(rows=20_000))
    local.execute(SHOP.format(rows=200_000))
    migration = parse("UPDATE orders SET note = 'y'; UPDATE orders SET note = 'z'")
    done = await rehearse(migration, local.dsn())
    (rate,) = done.rehearsal.rates  # 400,000 rows with an index take longer than the shortest time that counts
    assert rate.work == "written_rows"
    measured = throughput(done.rehearsal.rates)
    assert measured is not None
    catalog = (await look("production", production.dsn(), sample_gap_s=0)).catalog
    assert catalog is not None
    there = forecast(migration, catalog, measured=measured)
    seconds = there.statements[0].seconds
    assert seconds is not None
    assert seconds.basis.startswith("local rehearsal: ")
    assert "rows/s" in seconds.basis
    found = with_production(done.rehearsal, done.forecast, there)
    first = found.statements[0]
    assert first.production_seconds == seconds
    (size,) = first.sizes
    assert (size.relation, size.local_rows, size.production_rows) == ("public.orders", 200_000, 20_000)


def test_only_work_of_one_kind_that_took_long_enough_counts() -> None:
    told = forecast(
        parse("UPDATE orders SET a = 1; ALTER TABLE orders ALTER a TYPE bigint"), Catalog.assumed()
    ).statements
    assert rates([(told[0], SHORTEST_S / 2)]) == ()
    (rate,) = rates([(told[0], 10.0), (told[0], 30.0)])
    assert rate.seconds == 40.0
    assert rate.per_second == rate.amount / 40.0
    assert throughput([]) is None
    measured = throughput([rate])
    assert measured is not None
    assert measured.written_rows.likely == rate.per_second
    assert measured.basis_of({"written_rows"}).startswith("local rehearsal: ")
    assert measured.basis_of({"index_rows"}) == "default throughput"
