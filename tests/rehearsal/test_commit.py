"""``--rehearse=commit``: what cannot be rolled back runs as its runner would run it, and what is left is named."""

from __future__ import annotations

from runbook.migration import parse
from runbook.postgres.rehearsal import Limits
from runbook.rehearsal.result import Rehearsal
from runbook.rehearsal.run import rehearse
from tests.rehearsal.digest import digest, sessions
from tests.support import Database, eventually

SHOP = "CREATE TABLE orders (id int PRIMARY KEY, total int); INSERT INTO orders SELECT g, g % 10 FROM generate_series(1, 500) g"


async def committed(database: Database, sql: str, runner: str = "psql", limits: Limits | None = None) -> Rehearsal:
    database.execute(SHOP)
    done = await rehearse(parse(sql, runner), database.dsn(), mode="commit", limits=limits)
    eventually(lambda: sessions(database) == 0)
    return done.rehearsal


async def test_what_cannot_be_rolled_back_runs_and_stays(matrix_database: Database) -> None:
    sql = """
    CREATE INDEX CONCURRENTLY orders_total ON orders (total);
    BEGIN; ALTER TABLE orders ADD COLUMN a int; UPDATE orders SET a = 1; COMMIT;
    VACUUM orders;
    DO $$ BEGIN UPDATE orders SET total = 7; COMMIT; END $$;
    """
    found = await committed(matrix_database, sql)
    assert found.outcome == "completed", found.because
    ran = [s for s in found.statements if s.status == "ran"]
    assert [s.kind for s in ran] == ["CREATE INDEX", "ALTER TABLE", "UPDATE", "VACUUM", "DO"]
    assert all(s.committed for s in ran)
    assert ran[0].index_builds == ("public.orders_total",)
    assert ran[0].locks is None
    assert ran[1].locks is not None
    assert ran[1].disagreements == ()
    assert matrix_database.execute("SELECT DISTINCT a, total FROM orders") == [(1, 7)]
    assert found.left_behind == ()


async def test_a_failure_keeps_what_was_committed_before_and_nothing_of_its_own_transaction(database: Database) -> None:
    sql = "UPDATE orders SET total = 1; BEGIN; UPDATE orders SET total = 2; SELECT 1 / 0; COMMIT; UPDATE orders SET total = 3"
    found = await committed(database, sql)
    assert [(s.status, s.committed) for s in found.statements if s.status != "nothing_to_run"] == [
        ("ran", True),
        ("ran", False),
        ("failed", False),
        ("not_reached", False),
        ("not_reached", False),
    ]
    assert database.execute("SELECT DISTINCT total FROM orders") == [(1,)]


async def test_one_transaction_for_the_file_commits_all_or_nothing(database: Database) -> None:
    found = await committed(database, "UPDATE orders SET total = 1; SELECT 1 / 0", "psql-1")
    assert [s.committed for s in found.statements] == [False, False]
    assert database.execute("SELECT count(DISTINCT total) FROM orders") == [(10,)]


async def test_the_files_rollback_undoes_its_transaction(database: Database) -> None:
    found = await committed(
        database, "BEGIN; UPDATE orders SET total = 1; ROLLBACK; ALTER TABLE orders ADD COLUMN b int"
    )
    assert found.outcome == "completed"
    assert database.execute("SELECT count(DISTINCT total), count(b) FROM orders") == [(10, 0)]


async def test_an_invalid_index_that_is_left_is_named_with_its_drop(database: Database) -> None:
    found = await committed(database, "CREATE UNIQUE INDEX CONCURRENTLY once ON orders (total)")
    assert found.failure is not None
    assert found.failure.error is not None
    assert found.failure.error.sqlstate == "23505"
    (left,) = found.left_behind
    assert left.what == "invalid index public.once"
    assert left.sql == "DROP INDEX CONCURRENTLY public.once;"
    database.execute(left.sql)


async def test_a_limit_rolls_back_what_was_not_committed(database: Database) -> None:
    database.execute(SHOP.replace("orders", "other"))
    sql = "BEGIN; UPDATE orders SET total = 1; SELECT pg_sleep(120); COMMIT"
    found = await committed(database, sql, limits=Limits(total_s=3.0))
    assert found.outcome == "stopped"
    assert database.execute("SELECT count(DISTINCT total) FROM orders") == [(10,)]


async def test_what_reaches_beyond_the_database_is_not_run_even_then(database: Database) -> None:
    database.execute(SHOP)
    before = digest(database)
    sql = "DROP DATABASE template1; BEGIN; PREPARE TRANSACTION 'left'; COPY orders TO PROGRAM 'cat'; COMMIT"
    done = await rehearse(parse(sql), database.dsn(), mode="commit")
    skipped = [s for s in done.rehearsal.statements if s.status == "not_rehearsed"]
    assert [s.kind for s in skipped] == ["DROP DATABASE", "PREPARE TRANSACTION", "COPY"]
    assert digest(database) == before
