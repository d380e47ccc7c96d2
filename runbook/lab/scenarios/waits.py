"""What a migration waits for, or makes others wait for, beyond one session with a lock in front of it."""

from runbook.lab.scenario import WRITES, Scenario, Stage, both, on_both, on_local, on_production
from runbook.lab.tools import ONE_FILE

MIGRATION_WAITS = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'deploy' AND wait_event_type = 'Lock'"


async def deploy(stage: Stage) -> None:
    """The migration runs, or waits."""
    stage.migrating()


# -- maintenance ----------------------------------------------------------------------------------------------------


async def vacuum_runs(stage: Stage) -> None:
    """Somebody vacuums the table by hand, gently, so that the shop does not notice."""

    async def work() -> None:
        import psycopg

        connection = await stage.connect("production", "postgres", "dba-console")
        try:
            await connection.execute("SET vacuum_cost_delay = 100")
            await connection.execute("SET vacuum_cost_limit = 1")
            await connection.execute(stage.text("VACUUM (DISABLE_PAGE_SKIPPING) orders").encode())
        except psycopg.Error:  # cancelled by whoever follows the playbook, or ended with the server
            await connection.close()

    stage.background(work())
    await stage.until(
        "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE a.query LIKE 'VACUUM%' AND l.relation = 'orders'::regclass AND l.granted"
    )


async def vacuum_ends(stage: Stage) -> None:
    """The vacuum is cancelled."""
    sql = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'VACUUM%'"
    await stage.execute("production", sql, "postgres")


# -- snapshots ------------------------------------------------------------------------------------------------------


async def report_with_snapshot(stage: Stage) -> None:
    """A report that wants one view of all tables, and has not come to this one yet."""
    await stage.hold(
        "month-end", "reporting", "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*), max(price) FROM products"
    )


async def report_ends(stage: Stage) -> None:
    """The report's transaction ends."""
    await stage.leave("month-end")


# -- the tool's own lock --------------------------------------------------------------------------------------------

# Prisma 6, schema-engine: the advisory lock of `migrate deploy`, and what it prints after ten seconds
PRISMA_LOCK = "SELECT pg_advisory_lock(72707369)"
TIMED_OUT = """Error: P1002

The database server at `db-1.example.org:5432` was reached but timed out.

Please try again.

Context: Timed out trying to acquire a postgres advisory lock (SELECT pg_advisory_lock(72707369)). Elapsed: 10000ms. \
See https://pris.ly/d/migrate-advisory-locking for details.
"""


async def job_was_killed(stage: Stage) -> None:
    """The pod of an earlier deploy is gone; its connection lives on in a pool, with the lock."""
    await stage.hold("old-job", "deploy", PRISMA_LOCK)


async def pool_lets_go(stage: Stage) -> None:
    """The connection is closed."""
    await stage.leave("old-job")


async def next_deploy(stage: Stage) -> str:
    """The next run asks for the lock for as long as the tool does, only shorter."""
    import psycopg

    async with await stage.connect("production") as connection:
        await connection.execute("SET statement_timeout = '200ms'")
        try:
            await connection.execute(PRISMA_LOCK.encode())
        except psycopg.errors.QueryCanceled:
            return TIMED_OUT
    raise RuntimeError("the lock was free")


# -- one transaction --------------------------------------------------------------------------------------------------

SLOW = """
CREATE FUNCTION rounded(price numeric) RETURNS numeric LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_sleep(0.1);
    RETURN round(price);
END
$$
"""


async def under_traffic(stage: Stage) -> None:
    """The migration is at its second statement; the application wants the table of the first."""
    stage.migrating()
    await stage.until(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'deploy' AND state = 'active' AND query LIKE '%rounded%'"
    )
    stage.application(6, *WRITES, pause_s=0.05)


async def cancelled(stage: Stage) -> None:
    """The migration is ended, and what it asks of every row becomes cheap."""
    sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'deploy'"
    await stage.execute("production", sql, "postgres")
    await stage.execute("production", SLOW.replace("CREATE", "CREATE OR REPLACE", 1).replace("0.1", "0"))


SCENARIOS = (
    Scenario(
        id="vacuum-in-the-way",
        title="The migration waits for a VACUUM that somebody started",
        story="The deploy hangs. The shop runs as always.",
        seen="hanging",
        expected="lock-wait-maintenance",
        runners=ONE_FILE,
        migration={"migrations/0111_orders_gift.sql": "ALTER TABLE orders ADD COLUMN gift boolean;\n"},
        fault=vacuum_runs,
        attempt=False,
        incident=deploy,
        unfault=vacuum_ends,
        in_force=MIGRATION_WAITS,
        traffic=False,
    ),
    Scenario(
        id="build-behind-report",
        title="CREATE INDEX CONCURRENTLY waits for a report on other tables",
        story="The index takes seconds on every copy, and has not come to its end for an hour here.",
        seen="hanging",
        expected="cic-waits-old-snapshot",
        decoys=("lock-wait-idle-in-transaction", "lock-wait-long-running-query"),
        migration={
            "migrations/0112_orders_reference.sql": "CREATE INDEX CONCURRENTLY orders_by_reference ON orders (reference);\n"
        },
        fault=report_with_snapshot,
        attempt=False,
        incident=deploy,
        unfault=report_ends,
        in_force=MIGRATION_WAITS,
        traffic=False,
    ),
    Scenario(
        id="tool-lock-left",
        title="The tool's lock is held by a connection whose job is dead",
        story="prisma migrate deploy gives up after ten seconds, each time.",
        seen="failed",
        expected="migration-lock-held",
        runner="prisma",
        migration={
            "prisma/migrations/20250412090000_orders_gift/migration.sql": "ALTER TABLE orders ADD COLUMN gift boolean;\n"
        },
        fault=job_was_killed,
        attempt=False,
        incident=next_deploy,
        unfault=pool_lets_go,
        traffic=False,
    ),
    Scenario(
        id="pending-events",
        title="Data and structure in one transaction",
        story="The migration passed in the pipeline, on an empty database.",
        seen="failed",
        expected="pending-trigger-events",
        migration={
            "migrations/0113_notes_order.sql": (
                "BEGIN;\n"
                "UPDATE notes SET customer_id = 1 WHERE customer_id IS NULL;\n"
                "ALTER TABLE notes ALTER COLUMN customer_id SET NOT NULL;\n"
                "COMMIT;\n"
            )
        },
        prepare=on_both(
            "CREATE TABLE notes (id int PRIMARY KEY,"
            " customer_id bigint REFERENCES customers (id) DEFERRABLE INITIALLY DEFERRED)"
        ),
        fault=on_production("INSERT INTO notes SELECT n FROM generate_series(1, 5) n"),
        unfault=on_production("UPDATE notes SET customer_id = 1 WHERE customer_id IS NULL"),
        sqlstate="55006",
        traffic=False,
    ),
    Scenario(
        id="locks-pile-up",
        title="A quick ALTER and a slow UPDATE in one transaction",
        story="Since the deploy started nobody can order. The deploy itself works at something else.",
        seen="running",
        expected="locks-accumulate-in-one-transaction",
        migration={
            "migrations/0114_orders_and_prices.sql": (
                "BEGIN;\n"
                "ALTER TABLE orders ADD COLUMN gift boolean;\n"
                "UPDATE products SET price = rounded(price);\n"
                "COMMIT;\n"
            )
        },
        prepare=both(on_local(SLOW.replace("0.1", "0.001")), on_production(SLOW)),
        attempt=False,
        incident=under_traffic,
        unfault=cancelled,
        in_force="""
            SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
            WHERE NOT l.granted AND a.application_name = 'web' AND l.relation = 'orders'::regclass HAVING count(*) >= 2
        """,
    ),
)
