"""What a server has room for: each limit is met by a real psql on a real server, and told from its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runbook.lab.servers import start_server
from tests.support import Database, create_database, drop_database
from tests.triage.incident import causes, explain, fact, in_thread, psql, triage, write
from tests.triage.waiting import blocks, likely, nearest, run, run_the_checks

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
