"""A CONCURRENTLY build that waits for old transactions: its own kind of wait, told from a lock on the table."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.support import eventually, holding_lock, wait_until, waiting_for_lock
from tests.triage.incident import causes, explain, fact, in_thread, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, older_than, run, run_the_checks, shop, working

CAUSE = "cic-waits-old-snapshot"
SHOP = f"""
CREATE SCHEMA "My Schema";
CREATE TABLE {TABLE_SQL} (id int, t text);
INSERT INTO {TABLE_SQL} SELECT g, 'x' FROM generate_series(1, 100) g;
CREATE TABLE invoices (id int);
INSERT INTO invoices VALUES (1);
CREATE INDEX old_key ON {TABLE_SQL} (id);
"""
BUILD = f"CREATE INDEX CONCURRENTLY new_key ON {TABLE_SQL} (t)"
REPEATABLE = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM invoices"


@dataclass(frozen=True)
class Old:
    """A transaction that a build has to wait for, and in which phase it does."""

    sql: str
    phase: str
    major: int
    build: str = BUILD
    on_table: bool = False


OLD = [
    Old(REPEATABLE, "waiting for old snapshots", 12),
    Old("DECLARE c CURSOR WITHOUT HOLD FOR SELECT * FROM invoices", "waiting for old snapshots", 14),
    Old(f"DELETE FROM {TABLE_SQL} WHERE id = 1", "waiting for writers before build", 16, on_table=True),
    Old(REPEATABLE, "waiting for old snapshots", 18, build='REINDEX INDEX CONCURRENTLY "My Schema".old_key'),
]


@pytest.mark.parametrize("old", OLD, ids=lambda o: f"{o.major}-{o.phase}")
async def test_the_old_transaction_is_named_with_the_phase_and_the_fix_lets_the_build_go_on(
    old: Old, tmp_path: Path
) -> None:
    with shop(old.major, SHOP) as (local, production):
        path = write(tmp_path, old.build + ";\n")
        async with (
            holding_lock(production.dsn(), old.sql, application_name="report"),
            waiting_for_lock(production.dsn(), old.build, application_name="deploy"),
        ):
            state = await triage(local, production, migration=path, seen="hanging")
            assert likely(state) == [CAUSE], explain(state)
            assert fact(state, "locks.migration_progress")["phase"] == old.phase
            [only] = fact(state, "waits.old_snapshots")
            assert (only["application_name"], only["on_table"]) == ("report", old.on_table)
            run_the_checks(CAUSE, state, production)
            assert run(production, blocks(CAUSE, state, "fix", changes=True)[0]) == [(True,)]
        state = await triage(local, production, migration=path, seen="planned")
        assert CAUSE not in causes(state), explain(state)


async def test_a_query_that_still_runs_is_cancelled_and_not_terminated(tmp_path: Path) -> None:
    with shop(15, SHOP) as (local, production):
        path = write(tmp_path, BUILD + ";\n")
        async with (
            working(production, "SELECT pg_sleep(60) FROM invoices"),
            waiting_for_lock(production.dsn(), BUILD, application_name="deploy"),
        ):
            state = await triage(local, production, migration=path, seen="hanging")
            assert likely(state) == [CAUSE], explain(state)
            [end, *_] = blocks(CAUSE, state, "fix", changes=True)
            assert "pg_cancel_backend" in end.sql
            state = await triage(local, production, seen="hanging")
            assert likely(state) == [CAUSE], "without any file" + explain(state)


async def test_a_build_that_gave_up_and_one_that_is_planned_name_who_is_old(tmp_path: Path) -> None:
    with shop(13, SHOP) as (local, production):
        path = write(tmp_path, f"SET lock_timeout = '100ms';\n{BUILD};\n")
        async with holding_lock(production.dsn(), REPEATABLE, application_name="report") as report:
            error = await in_thread(psql, production, path)
            await in_thread(older_than, production, report.info.backend_pid, 2.2)
            state = await triage(local, production, migration=path, error=error)
        assert likely(state) == ["lock-timeout", CAUSE], error + explain(state)
        run_the_checks(CAUSE, state, production)
        assert len(run(production, blocks(CAUSE, state, "verify", changes=False)[0])) == 2
        for block in blocks(CAUSE, state, "roll_back", changes=True):
            run(production, block)
        assert run(production, blocks(CAUSE, state, "verify", changes=False)[0]) == [
            ('"My Schema".old_key', True, True)
        ]


async def test_whoever_only_reads_the_table_or_idles_without_a_snapshot_is_not_in_the_way(tmp_path: Path) -> None:
    with shop(17, SHOP) as (local, production):
        path = write(tmp_path, BUILD + ";\n")
        async with holding_lock(production.dsn(), f"SELECT * FROM {TABLE_SQL}", application_name="web") as web:
            await in_thread(older_than, production, web.info.backend_pid, 2.2)
            state = await triage(local, production, migration=path, seen="planned")
            assert fact(state, "waits.old_snapshots") == [], explain(state)
            assert causes(state) == [], explain(state)
            assert await in_thread(psql, production, path) == ""


# -- the tool itself in the way -------------------------------------------------------------------------------------

OWN = "cic-blocked-by-own-tool"
FLYWAY = int.from_bytes(b"Flyway") + 77
WAIT_FOR_THE_OTHER = """
DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted) LOOP PERFORM pg_sleep(0.01); END LOOP;
END $$;
"""


@pytest.mark.parametrize(("major", "key"), [(12, FLYWAY), (18, 4711)], ids=["known-key", "same-client"])
async def test_a_tool_that_holds_its_lock_in_a_transaction_waits_for_itself(
    major: int, key: int, tmp_path: Path
) -> None:
    with shop(major, SHOP) as (local, production):
        path = write(tmp_path, BUILD + ";\n")
        async with await psycopg.AsyncConnection.connect(production.dsn(), application_name="deploy") as lock:
            # with a parameter, as drivers send it: its snapshot stays until the next statement
            await lock.execute("SELECT pg_try_advisory_xact_lock(%s)", (key,))
            async with waiting_for_lock(production.dsn(), BUILD, application_name="deploy"):
                state = await triage(local, production, migration=path, seen="hanging")
                assert likely(state) == [OWN], explain(state)
                run_the_checks(OWN, state, production)
                assert run(production, blocks(OWN, state, "stop", changes=True)[0]) == [(True,)]
            [left] = run(production, blocks(OWN, state, "fix", changes=False)[0])
            assert left[1] is False
        run(production, blocks(OWN, state, "fix", changes=True)[0])
        assert run(production, blocks(OWN, state, "fix", changes=False)[0]) == []
        async with await psycopg.AsyncConnection.connect(production.dsn(), autocommit=True) as lock:
            await lock.execute("SELECT pg_try_advisory_lock(%s)", (key,))
            assert await in_thread(psql, production, path) == "", "a lock of the session is in nobody's way"


async def test_two_runs_that_start_together_are_told_from_any_other_deadlock(tmp_path: Path) -> None:
    with shop(16, SHOP) as (local, production):
        file = f"SET deadlock_timeout = '10ms';\nSELECT pg_advisory_lock(72707369);\n{WAIT_FOR_THE_OTHER}\n{BUILD};\n"
        path = write(tmp_path, file)
        first = asyncio.create_task(in_thread(psql, production, path))
        held = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
        await wait_until(lambda: production.execute(held), 30)
        second = await psycopg.AsyncConnection.connect(production.dsn(), autocommit=True, application_name="deploy")
        async with second:
            await second.execute("SET deadlock_timeout = '1h'")
            await second.execute("SELECT pg_advisory_lock(72707369)")
            error = await first
        assert "deadlock detected" in error
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [OWN], error + explain(state)
        run_the_checks(OWN, state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == [OWN], explain(alone)


# -- a build that blocks nobody and holds vacuum back ----------------------------------------------------------------

HEAVY = "heavy-validate-or-build"
QUEUE = """
CREATE TABLE jobs (id int PRIMARY KEY, state text) WITH (autovacuum_enabled = false);
INSERT INTO jobs SELECT g, 'new' FROM generate_series(1, 500) g;
INSERT INTO invoices SELECT 1 FROM generate_series(1, 200);
CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(0.5); RETURN $1; END';
ALTER TABLE invoices ADD CONSTRAINT slow_check CHECK (slow(id) > 0) NOT VALID;
ANALYZE;
"""


@pytest.mark.parametrize(
    ("major", "work"),
    [(13, "CREATE INDEX CONCURRENTLY slow_idx ON invoices (slow(id))"), (17, "ALTER TABLE invoices VALIDATE CONSTRAINT slow_check")],
)  # fmt: skip
async def test_a_build_whose_snapshot_keeps_dead_rows_is_named_only_when_somebody_suffers(
    major: int, work: str, tmp_path: Path
) -> None:
    with shop(major, SHOP + QUEUE) as (local, production):
        path = write(tmp_path, work + ";\n")
        async with working(production, work):
            state = await triage(local, production, migration=path, seen="running")
            assert HEAVY not in causes(state), "it works and hurts nobody" + explain(state)
            with production.connect() as jobs:
                for _ in range(3):
                    jobs.execute("UPDATE jobs SET state = 'done'")
            dead = "SELECT 1 FROM pg_stat_user_tables WHERE relname = 'jobs' AND n_dead_tup >= 1000"
            await wait_until(lambda: production.execute(dead), 30)
            state = await triage(local, production, migration=path, seen="running")
            assert likely(state) == [HEAVY], explain(state)
            assert fact(state, "waits.overdue")[0]["relation"] == "public.jobs"
            run_the_checks(HEAVY, state, production)
            production.execute("VACUUM jobs")
            assert production.execute(dead), "vacuum may not remove them"
            assert run(production, blocks(HEAVY, state, "stop", changes=True)[0]) == [(True,)]
        production.execute("VACUUM jobs")
        assert await in_thread(eventually, lambda: not production.execute(dead), 30)
