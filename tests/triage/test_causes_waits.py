"""The migration waits behind work of the server's own: vacuum, maintenance, dumps. Each is told from its neighbours."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from runbook.lab.installations import available_majors
from runbook.lab.servers import start_server
from runbook.migration.statement import split
from tests.support import BARE, Database, eventually, wait_until, waiting_for_lock
from tests.triage.incident import causes, explain, fact, in_thread, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, nearest, older_than, run, run_the_checks, shop, working

ALTER = f"ALTER TABLE {TABLE_SQL} ADD COLUMN note text"

# -- an autovacuum that prevents wraparound ----------------------------------------------------------------------

ORDERS = f"""
CREATE SCHEMA "My Schema";
CREATE TABLE {TABLE_SQL} (id int, t text);
"""
# An exception block that fails uses up a transaction number and leaves nothing.
BURN = """
DO $$ BEGIN
    FOR i IN 1 .. 101000 LOOP
        BEGIN INSERT INTO burnt VALUES (1); RAISE 'x'; EXCEPTION WHEN raise_exception THEN NULL; END;
    END LOOP;
END $$
"""


@pytest.fixture(scope="module", params=[12, 16], ids=lambda m: f"pg{m}")
def wraparound(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A server on which a worker freezes a table, slowly, because the table is too old."""
    settings = {"autovacuum_freeze_max_age": "100000", "autovacuum_naptime": "1", "vacuum_freeze_min_age": "1000"}
    with start_server(nearest(request.param), settings=settings) as server:
        production = Database(server, "postgres")
        production.execute(ORDERS)
        # Off, so that no ordinary autovacuum comes first: only one that prevents wraparound runs all the same.
        slow = "autovacuum_enabled = off, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"
        production.execute(f"ALTER TABLE {TABLE_SQL} SET ({slow})")
        production.execute(f"INSERT INTO {TABLE_SQL} SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g")
        production.execute("CREATE TABLE burnt (i int)")
        production.execute(BURN)
        yield production


def worker(production: Database) -> int | None:
    """The pid of the worker that freezes the table."""
    literal = "'" + TABLE_SQL.replace("'", "''") + "'"
    found = production.execute(f"SELECT pid FROM pg_stat_progress_vacuum WHERE relid = {literal}::regclass")
    return int(found[0][0]) if found else None


async def test_a_worker_that_prevents_wraparound_is_named_before_during_and_after_and_the_fix_gets_rid_of_it(
    wraparound: Database, database: Database, tmp_path: Path
) -> None:
    cause = "lock-wait-wraparound-autovacuum"
    database.execute(ORDERS)
    pid = await in_thread(eventually, lambda: worker(wraparound), 60)
    await in_thread(older_than, wraparound, pid, 5.2)
    path = write(tmp_path, ALTER + ";\n")
    state = await triage(database, wraparound, migration=path, seen="planned")
    assert likely(state) == [cause], explain(state)
    async with waiting_for_lock(wraparound.dsn(), ALTER, application_name="deploy"):
        state = await triage(database, wraparound, migration=path, seen="hanging")
    assert likely(state) == [cause], explain(state)
    assert fact(state, "waits.blocker_progress")["command"] == "VACUUM"
    assert fact(state, "waits.frozen_age") > fact(state, "waits.freeze_limit") == 100_000
    run_the_checks(cause, state, wraparound)
    impatient = write(tmp_path, f"SET lock_timeout = '100ms';\n{ALTER};\n", "0008_impatient.sql")
    error = await in_thread(psql, wraparound, impatient)
    state = await triage(database, wraparound, migration=impatient, error=error)
    assert likely(state) == ["lock-timeout", cause], error + explain(state)

    by_hand, cancel, *_ = blocks(cause, state, "fix", changes=True)
    with wraparound.connect() as vacuum:
        freezing = threading.Thread(target=run_in, args=(vacuum, by_hand.sql))
        freezing.start()
        waiting = f"SELECT 1 FROM pg_locks WHERE pid = {vacuum.info.backend_pid} AND NOT granted"
        await wait_until(lambda: wraparound.execute(waiting), 30)
        assert run(wraparound, cancel) == [(True,)]
        await in_thread(freezing.join, 60)
    [age] = run(wraparound, blocks(cause, state, "verify", changes=False)[0])
    assert int(str(age[1])) < 100_000, age
    assert await in_thread(psql, wraparound, path) == ""
    state = await triage(database, wraparound, migration=path, seen="planned")
    assert cause not in causes(state), explain(state)


def run_in(connection: psycopg.Connection[tuple[object, ...]], sql: str) -> None:
    for statement in split(sql)[0]:
        connection.execute(statement.sql.encode())


# -- maintenance and other DDL -----------------------------------------------------------------------------------

SHOP = f"""
{ORDERS}
INSERT INTO {TABLE_SQL} SELECT g, repeat('x', 500) FROM generate_series(1, 3000) g;
ALTER TABLE {TABLE_SQL} ADD CONSTRAINT late CHECK (id > 0) NOT VALID;
CREATE TABLE elsewhere (id int);
CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(0.02); RETURN $1; END';
ALTER TABLE {TABLE_SQL} ADD CONSTRAINT slow_check CHECK (slow(id) > 0) NOT VALID;
"""
GENTLY = "SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1"


@dataclass(frozen=True)
class Work:
    """Somebody runs ``sql`` on the table while the migration comes."""

    sql: str
    migration: str
    command: str
    major: int = 18
    planned: bool = False


WORKS = [
    Work(f"VACUUM {TABLE_SQL}", ALTER, "VACUUM", 12, planned=True),
    Work(f"/* cron */ VACUUM (VERBOSE) {TABLE_SQL}", f"CREATE INDEX CONCURRENTLY ON {TABLE_SQL} (t)", "VACUUM", 14),
    Work(f"CREATE INDEX CONCURRENTLY ON {TABLE_SQL} (slow(id))", f"ALTER TABLE {TABLE_SQL} VALIDATE CONSTRAINT late",
         "CREATE INDEX CONCURRENTLY", 17),
    Work(f"ALTER TABLE {TABLE_SQL} VALIDATE CONSTRAINT slow_check", ALTER, "VALIDATE CONSTRAINT", 15),
    Work(f"CREATE INDEX by_hand ON {TABLE_SQL} (slow(id))", ALTER, "CREATE INDEX", 13, planned=True),
]  # fmt: skip


@pytest.mark.parametrize("work", WORKS, ids=lambda w: w.command)
async def test_maintenance_in_front_of_the_migration_is_named_with_what_a_cancel_costs(
    work: Work, tmp_path: Path
) -> None:
    cause = "lock-wait-maintenance"
    with shop(work.major, SHOP) as (local, production):
        path = write(tmp_path, work.migration + ";\n")
        async with working(production, work.sql, before=GENTLY) as pid:
            async with waiting_for_lock(production.dsn(), work.migration, application_name="deploy"):
                state = await triage(local, production, migration=path, seen="hanging")
            assert likely(state) == [cause], explain(state)
            assert fact(state, "waits.blocker_command") == work.command
            run_the_checks(cause, state, production)
            impatient = write(tmp_path, f"SET lock_timeout = '100ms';\n{work.migration};\n", "0008_impatient.sql")
            error = await in_thread(psql, production, impatient)
            state = await triage(local, production, migration=impatient, error=error)
            assert likely(state) == ["lock-timeout", cause], error + explain(state)
            if work.planned:
                await in_thread(older_than, production, pid, 5.2)
                state = await triage(local, production, migration=path, seen="planned")
                assert likely(state) == [cause], explain(state)
            assert run(production, blocks(cause, state, "fix", changes=True)[0]) == [(True,)]
            gone = f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND state = 'active'"
            await wait_until(lambda: not production.execute(gone), 30)
        state = await triage(local, production, migration=path, seen="planned")
        assert cause not in causes(state), explain(state)


async def test_maintenance_of_another_table_is_not_in_the_way(tmp_path: Path) -> None:
    with shop(16, SHOP) as (local, production):
        production.execute("INSERT INTO elsewhere SELECT generate_series(1, 500000)")
        async with working(production, "VACUUM elsewhere", before=GENTLY) as pid:
            await in_thread(older_than, production, pid, 5.2)
            state = await triage(local, production, migration=write(tmp_path, ALTER + ";\n"), seen="planned")
        assert causes(state) == [], explain(state)


# -- a dump ------------------------------------------------------------------------------------------------------


@contextmanager
def dumping(production: Database, *command: str) -> Iterator[None]:
    """A real dump or export by a role whose rows pass a slow policy: it stays in the middle of the table."""
    production.execute(f'GRANT USAGE ON SCHEMA "My Schema" TO {BARE}; GRANT SELECT ON {TABLE_SQL}, elsewhere TO {BARE}')
    production.execute(f"ALTER TABLE {TABLE_SQL} ENABLE ROW LEVEL SECURITY")
    production.execute(f"CREATE POLICY slowly ON {TABLE_SQL} USING (slow(id) > 0)")
    executable = available_majors()[18].bin / command[0]
    program = subprocess.Popen([str(executable), *command[1:], production.dsn(BARE)], stdout=subprocess.DEVNULL)
    at_work = "SELECT 1 FROM pg_stat_activity WHERE query ILIKE 'copy%' AND state = 'active'"
    try:
        eventually(lambda: production.execute(at_work), 30, "it copies the table")
        yield
    finally:
        program.kill()
        program.wait(30)
        production.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{BARE}' AND query ILIKE 'copy%'"
        )
        eventually(lambda: not production.execute(at_work), 30, "it is gone")


EXPORTS = {
    "pg_dump": (12, ("pg_dump", "--enable-row-security")),
    "pg_dump-with-jobs": (17, ("pg_dump", "--enable-row-security", "-Fd", "-j2", "-f")),
    "copy-of-psql": (15, ("psql", "-X", "-c", f"\\copy {TABLE_SQL} TO STDOUT")),
}


@pytest.mark.parametrize("export", EXPORTS)
async def test_a_dump_is_named_with_all_that_it_locks_and_the_fix_ends_all_its_sessions(
    export: str, tmp_path: Path
) -> None:
    cause = "lock-wait-backup"
    major, command = EXPORTS[export]
    folder = (str(tmp_path / "dump"),) if command[-1] == "-f" else ()
    with shop(major, SHOP) as (local, production):
        path = write(tmp_path, ALTER + ";\n")
        with dumping(production, *command, *folder):
            async with waiting_for_lock(production.dsn(), ALTER, application_name="deploy"):
                state = await triage(local, production, migration=path, seen="hanging")
            assert likely(state) == [cause], explain(state)
            assert fact(state, "waits.blocker_tables") == (1 if command[0] == "psql" else 2)
            run_the_checks(cause, state, production)
            assert len(run(production, blocks(cause, state, "fix", changes=True)[0])) == (3 if folder else 1)
            [gone, *_] = blocks(cause, state, "verify", changes=False)
            await wait_until(lambda: not run(production, gone), 30)
            assert await in_thread(psql, production, path) == ""


async def test_a_dump_in_front_of_the_next_migration_is_foretold(tmp_path: Path) -> None:
    with shop(14, SHOP) as (local, production), dumping(production, *EXPORTS["pg_dump"][1]):
        [(pid,)] = production.execute(f"SELECT pid FROM pg_stat_activity WHERE usename = '{BARE}'")
        await in_thread(older_than, production, pid, 5.2)
        state = await triage(local, production, migration=write(tmp_path, ALTER + ";\n"), seen="planned")
        assert likely(state) == ["lock-wait-backup"], explain(state)
        harmless = write(tmp_path, f"CREATE INDEX CONCURRENTLY ON {TABLE_SQL} (t);\n", "0009_index.sql")
        state = await triage(local, production, migration=harmless, seen="planned")
        assert "lock-wait-backup" not in causes(state), explain(state)


# -- maintenance that holds the table for itself -----------------------------------------------------------------


@dataclass(frozen=True)
class Alone:
    """Maintenance that lets nobody, or nobody who changes something, near ``relation``."""

    sql: str
    migration: str
    major: int


VIEW = f"CREATE MATERIALIZED VIEW seen AS SELECT slow(id) AS id FROM {TABLE_SQL} WHERE id < 3; CREATE UNIQUE INDEX ON seen (id);"
LONGER = "CREATE OR REPLACE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(5); RETURN $1; END'"
ALONE = [
    Alone("REFRESH MATERIALIZED VIEW seen", "ALTER MATERIALIZED VIEW seen RENAME TO seen_before", 12),
    Alone("REFRESH MATERIALIZED VIEW CONCURRENTLY seen", "ALTER MATERIALIZED VIEW seen RENAME TO seen_before", 15),
    Alone(f"VACUUM (FULL) {TABLE_SQL}", ALTER, 18),
]


@pytest.mark.parametrize("alone", ALONE, ids=lambda a: a.sql[:25])
async def test_maintenance_that_holds_the_table_for_itself_is_told_from_the_kind_that_lets_readers_pass(
    alone: Alone, tmp_path: Path
) -> None:
    cause = "exclusive-maintenance"
    with shop(alone.major, SHOP + VIEW + f"CREATE INDEX slow_index ON {TABLE_SQL} (slow(id)) WHERE id < 3;") as both:
        local, production = both
        production.execute(LONGER)
        path = write(tmp_path, alone.migration + ";\n")
        async with (
            working(production, alone.sql),
            waiting_for_lock(production.dsn(), alone.migration, application_name="deploy"),
        ):
            state = await triage(local, production, migration=path, seen="hanging")
            assert likely(state) == [cause], explain(state)
            run_the_checks(cause, state, production)
            assert run(production, blocks(cause, state, "stop", changes=True)[0]) == [(True,)]
        await in_thread(eventually, lambda: not production.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))
        state = await triage(local, production, migration=path, seen="planned")
        assert cause not in causes(state), explain(state)
