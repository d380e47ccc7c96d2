"""What a server has room for: each limit is met by a real psql on a real server, and told from its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runbook.lab.servers import start_server
from tests.support import Database, create_database, drop_database
from tests.triage.incident import causes, explain, fact, in_thread, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, nearest, run, run_the_checks, shop

# -- the lock table ---------------------------------------------------------------------------------------------------

LOCKS = "lock-table-full"
SMALL = {
    "max_locks_per_transaction": "10", "max_connections": "10", "max_worker_processes": "1", "max_wal_senders": "0",
    "max_replication_slots": "0", "wal_level": "minimal", "max_prepared_transactions": "0", "autovacuum_max_workers": "1",
    "superuser_reserved_connections": "1", "autovacuum": "off",
}  # fmt: skip
DAYS, DAYS_SQL = 1200, '"My Schema"."Day\'s ""Sums"""'


def partitioned(database: Database, parts: int) -> None:
    database.execute(f'CREATE SCHEMA "My Schema"; CREATE TABLE {DAYS_SQL} (day int, total int) PARTITION BY LIST (day)')
    for start in range(0, parts, 50):
        names = [(n, f'"My Schema"."day\'s {n}"') for n in range(start, min(start + 50, parts))]
        database.execute("; ".join(f"CREATE TABLE {p} PARTITION OF {DAYS_SQL} FOR VALUES IN ({n})" for n, p in names))


@pytest.fixture(scope="module", params=[12, 15, 18], ids=lambda m: f"pg{m}")
def crowded(request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    """Two databases of a server with a small lock table: one with very many partitions, one with a few."""
    major = nearest(request.param)
    settings = {**SMALL, "autovacuum_worker_slots": "1"} if major >= 18 else SMALL
    with start_server(major, settings=settings) as server:
        many, few = Database(server, "postgres"), Database(server, "few")
        many.execute("CREATE DATABASE few")
        partitioned(many, DAYS)
        partitioned(few, 20)
        yield many, few


@pytest.fixture
def laptop() -> Iterator[Database]:
    database = create_database(18)
    partitioned(database, 20)
    yield database
    drop_database(database)


DDL = {
    "add-column": f"ALTER TABLE {DAYS_SQL} ADD COLUMN note text",
    "index": f'CREATE INDEX "day\'s total" ON {DAYS_SQL} (total)',
    "several": f"CREATE TABLE audit (id int);\nALTER TABLE {DAYS_SQL} ADD CHECK (total > 0)",
}


@pytest.mark.parametrize("sql", DDL.values(), ids=DDL)
async def test_a_migration_that_locks_more_than_the_table_holds_is_told_before_and_after(
    crowded: tuple[Database, Database], laptop: Database, sql: str, tmp_path: Path
) -> None:
    many, few = crowded
    path = write(tmp_path, f"BEGIN;\n{sql};\nCOMMIT;\n")
    state = await triage(laptop, few, migration=path, seen="planned")
    assert LOCKS not in causes(state), explain(state)

    state = await triage(laptop, many, migration=path, seen="planned")
    assert likely(state)[0] == LOCKS, explain(state)
    assert DAYS < fact(state, "limits.locks_needed") <= 3 * DAYS
    error = psql(many, path)
    assert "out of shared memory" in error
    state = await triage(laptop, many, migration=path, error=error)
    assert likely(state)[0] == LOCKS, error + explain(state)
    [table, *_] = fact(state, "limits.locks_of")
    assert (table["relation"], table["partitions"]) == (DAYS_SQL, DAYS)
    run_the_checks(LOCKS, state, many)
    silent = await triage(None, None, error=error.split("HINT")[0])  # tools that print no HINT
    assert likely(silent) == [LOCKS], explain(silent)


async def test_what_is_dropped_partition_by_partition_fits(
    crowded: tuple[Database, Database], laptop: Database, tmp_path: Path
) -> None:
    many, _ = crowded
    table = DAYS_SQL.replace("Day", "Old day")
    many.execute(f"CREATE TABLE {table} (day int, total int) PARTITION BY LIST (day)")
    for start in range(0, DAYS, 50):
        made = [f"CREATE TABLE old_{n} PARTITION OF {table} FOR VALUES IN ({n})" for n in range(start, start + 50)]
        many.execute("; ".join(made))
    path = write(tmp_path, f"DROP TABLE {table};\n")
    error = psql(many, path)
    state = await triage(laptop, many, migration=path, error=error)
    assert likely(state) == [LOCKS], error + explain(state)
    [listing] = [b for b in blocks(LOCKS, state, "fix", changes=False) if "format" in b.sql]
    with many.connect() as connection:
        for (statement,) in run(many, listing):
            connection.execute(str(statement).encode())
    assert psql(many, path) == ""


async def test_a_lock_table_that_somebody_else_fills_is_told_even_by_those_who_cannot_log_in(
    crowded: tuple[Database, Database], tmp_path: Path
) -> None:
    many, few = crowded
    path = write(tmp_path, "CREATE TABLE wishes (id int);\n")
    with many.connect() as greedy:
        greedy.execute("BEGIN")
        held = 0
        while True:  # one by one, so that nothing is left when it ends
            greedy.execute("SAVEPOINT one")
            try:
                greedy.execute(f"SELECT pg_advisory_xact_lock({held})".encode())
            except psycopg.errors.OutOfMemory:
                break
            held += 1
            greedy.execute("RELEASE one")
        error = await in_thread(psql, few, path)
        assert "out of shared memory" in error
        assert held <= 10 * 13 * 7 // 4 + 800
    state = await triage(None, few, migration=path, error=error)
    assert likely(state) == [LOCKS], error + explain(state)


@pytest.mark.parametrize(
    "error",
    [
        # predicate.c, 12 to 18
        "ERROR:  53200: out of shared memory\nHINT:  You might need to increase max_pred_locks_per_transaction.",
        'ERROR:  53200: out of memory\nDETAIL:  Failed on request of size 1073741824 in memory context "ExecutorState".',
        'ERROR:  could not resize shared memory segment "/PostgreSQL.1" to 134217728 bytes: No space left on device',
    ],
)
async def test_memory_that_is_not_the_lock_tables_is_not_called_so(error: str) -> None:
    state = await triage(None, None, error=error)
    assert LOCKS not in causes(state), explain(state)


# -- column numbers and rows ------------------------------------------------------------------------------------------

COLUMNS = "too-many-columns"
KEYED = f'CREATE SCHEMA "My Schema"; CREATE TABLE {TABLE_SQL} (id int PRIMARY KEY, t text); INSERT INTO {TABLE_SQL} VALUES (1)'
HALVES = f"""
    CREATE SCHEMA "My Schema";
    CREATE TABLE {TABLE_SQL} (id int, t text) PARTITION BY LIST (id);
    CREATE TABLE "My Schema"."it's new" PARTITION OF {TABLE_SQL} FOR VALUES IN (1);
    CREATE TABLE "My Schema"."it's old" (id int, t text);
    ALTER TABLE {TABLE_SQL} ATTACH PARTITION "My Schema"."it's old" FOR VALUES IN (2);
"""


def age(database: Database, table: str, columns: int) -> None:
    """A past of as many columns that were added and dropped; of a partition, before it was attached."""
    if table != TABLE_SQL:
        database.execute(f"ALTER TABLE {TABLE_SQL} DETACH PARTITION {table}")
    database.execute(f"ALTER TABLE {table} " + ", ".join(f"ADD COLUMN was_{n} int" for n in range(columns)))
    database.execute(f"ALTER TABLE {table} " + ", ".join(f"DROP COLUMN was_{n}" for n in range(columns)))
    if table != TABLE_SQL:
        database.execute(f"ALTER TABLE {TABLE_SQL} ATTACH PARTITION {table} FOR VALUES IN (2)")


ADDED = f"ALTER TABLE {TABLE_SQL} ADD COLUMN a int;\nALTER TABLE {TABLE_SQL} ADD COLUMN IF NOT EXISTS t text, ADD COLUMN b int"
AGED = [(12, KEYED, TABLE_SQL), (17, HALVES, '"My Schema"."it\'s old"')]


@pytest.mark.parametrize(("major", "setup", "aged"), AGED, ids=["table-pg12", "partition-pg17"])
async def test_a_table_with_a_long_past_of_dropped_columns_is_told_before_and_after(
    major: int, setup: str, aged: str, tmp_path: Path
) -> None:
    path = write(tmp_path, f"BEGIN;\n{ADDED};\nCOMMIT;\n")
    with shop(major, setup) as (local, production):
        age(production, aged, 1596)
        state = await triage(local, production, migration=path, seen="planned")
        assert COLUMNS not in causes(state), explain(state)  # two numbers are left, and two are wanted
        age(production, aged, 1)
        state = await triage(local, production, migration=path, seen="planned")
        assert likely(state) == [COLUMNS], explain(state)
        [full] = fact(state, "limits.columns_full")
        assert (full["relation"], full["left"], full["used_local"]) == (aged, -1, 2)
        error = psql(production, path)
        assert "at most 1600 columns" in error
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [COLUMNS], error + explain(state)
        run_the_checks(COLUMNS, state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == [COLUMNS], error + explain(alone)
        if aged == TABLE_SQL:
            [beside] = blocks(COLUMNS, state, "fix", changes=True, on="file")
            run(production, beside)
        assert "ERROR" not in psql(local, path)


async def test_a_row_that_fits_no_page_is_told_by_what_production_has_filled(tmp_path: Path) -> None:
    columns = ", ".join(f"a{n} int" for n in range(1200))
    wider = ", ".join(f"ALTER a{n} TYPE bigint" for n in range(1200))
    path = write(tmp_path, f"ALTER TABLE {TABLE_SQL} {wider};\n")
    with shop(18, f'CREATE SCHEMA "My Schema"; CREATE TABLE {TABLE_SQL} (id int, {columns})') as (local, production):
        local.execute(f"INSERT INTO {TABLE_SQL} VALUES (1)")
        production.execute(f"INSERT INTO {TABLE_SQL} SELECT {', '.join('1' for _ in range(1201))}")
        assert "ERROR" not in psql(local, path)
        error = psql(production, path)
        assert "row is too big" in error
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [COLUMNS], error + explain(state)
        run_the_checks(COLUMNS, state, production)


@pytest.mark.parametrize(
    "sql",
    [
        f"CREATE INDEX ON {TABLE_SQL} ({', '.join(['id'] * 33)})",
        f"CREATE VIEW wide AS SELECT {', '.join(f'{n} AS c{n}' for n in range(1665))}",
    ],
    ids=["index", "target-list"],
)
async def test_another_limit_of_columns_is_not_taken_for_the_tables(sql: str, tmp_path: Path) -> None:
    with shop(14, KEYED) as (local, production):
        path = write(tmp_path, sql + ";\n")
        error = psql(production, path)
        assert "ERROR" in error
        state = await triage(local, production, migration=path, error=error)
        assert COLUMNS not in causes(state), explain(state)


# -- depth ------------------------------------------------------------------------------------------------------------

DEEP = "statement-too-large"
TREE = f"""
    CREATE SCHEMA "My Schema";
    CREATE TABLE {TABLE_SQL} (id int PRIMARY KEY, parent int, "E mail" text);
    INSERT INTO {TABLE_SQL} SELECT n, n - 1, 'x' FROM generate_series(1, 50) n;
    CREATE FUNCTION "top of"(start int) RETURNS int LANGUAGE plpgsql AS $$
        DECLARE above int := (SELECT parent FROM {TABLE_SQL} WHERE id = start);
        BEGIN RETURN CASE WHEN above IS NULL THEN start ELSE "top of"(above) END; END $$;
"""
BUILT = f"DO $$ BEGIN EXECUTE (SELECT 'SELECT ' || string_agg(id::text, '+') FROM {TABLE_SQL}); END $$;"
CONCATENATED = f'UPDATE {TABLE_SQL} SET "E mail" = ' + " || ".join(["'x'"] * 1500) + ";"
DEEPER = [
    (12, CONCATENATED, "ALTER DATABASE {} SET max_stack_depth = '150kB'", "stack"),
    (14, f"SELECT {'(' * 12_000}1{')' * 12_000};", "", "parser"),
    (16, BUILT, f"INSERT INTO {TABLE_SQL} SELECT n, NULL FROM generate_series(100, 9000) n", "stack"),
    (18, f'SELECT "top of"(id) FROM {TABLE_SQL};', f"UPDATE {TABLE_SQL} SET parent = 50 WHERE id = 1", "recursion"),
]


@pytest.mark.parametrize(("major", "sql", "fault", "kind"), DEEPER, ids=[f"{d[3]}-pg{d[0]}" for d in DEEPER])
async def test_a_statement_that_is_too_deep_is_told_with_what_makes_it_so(
    major: int, sql: str, fault: str, kind: str, tmp_path: Path
) -> None:
    path = write(tmp_path, sql + "\n")
    with shop(major, TREE) as (local, production):
        if fault:
            assert "ERROR" not in psql(production, path)
            production.execute(fault.format(production.name))
        error = psql(production, path)
        assert "stack depth" in error or "memory exhausted" in error
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [DEEP], error[:2000] + explain(state)
        assert fact(state, "limits.too_complex") == kind
        run_the_checks(DEEP, state, production)
        if sql == CONCATENATED:
            assert fact(state, "limits.nested_by") == "||"
            assert fact(state, "limits.stack_bytes") < fact(state, "limits.stack_local_bytes")
            [joined] = blocks(DEEP, state, "fix", changes=True, on="file")
            run(production, joined)
        alone = await triage(None, None, error=error)
        assert likely(alone) == [DEEP], error[:2000] + explain(alone)


async def test_a_driver_that_may_not_send_so_many_parameters_is_understood(database: Database) -> None:
    with database.connect() as connection, pytest.raises(psycopg.OperationalError) as refused:
        connection.execute("SELECT " + ",".join(["%s"] * 70_000), ["x"] * 70_000)
    for error in (
        f"psycopg.OperationalError: {refused.value}",
        'error: bind message supplies 4464 parameters, but prepared statement "" requires 70000',  # node-postgres
        "pq: got 70000 parameters but PostgreSQL only supports 65535 parameters",  # lib/pq, conn.go
    ):
        state = await triage(None, None, error=error)
        assert likely(state) == [DEEP], error + explain(state)


async def test_parameters_that_a_pooler_mixed_up_are_not_too_many() -> None:
    error = 'error: bind message supplies 1 parameters, but prepared statement "s1" requires 2'
    state = await triage(None, None, error=error)
    assert DEEP not in causes(state), explain(state)
