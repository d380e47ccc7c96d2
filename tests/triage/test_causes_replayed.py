"""What a standby replays, cancels and asks to be kept: told on a primary and its standby."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from runbook.lab.servers import start_server, start_standby
from tests.playbooks.incident import playbooks
from tests.support import Database, eventually, wait_until
from tests.triage.incident import causes, explain, fact, in_thread, psql, triage, write
from tests.triage.waiting import blocks, likely, nearest, run, run_the_checks

ORDERS = "CREATE TABLE orders (id int PRIMARY KEY, code int NOT NULL)"


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
