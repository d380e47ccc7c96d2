"""A plain CREATE INDEX on a large table: every write waits until it is done."""

from runbook.lab.scenario import READS, WRITES, Scenario, Stage
from runbook.lab.tools import ONE_FILE

SEARCH_KEY = """
CREATE FUNCTION search_key(reference text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM pg_sleep({pause_s});
    RETURN lower(regexp_replace(reference, '[^A-Za-z0-9]', '', 'g'));
END
$$
"""


async def slow_function(stage: Stage) -> None:
    """A half millisecond a row makes 400,000 rows last as long as tens of millions would."""
    await stage.both(SEARCH_KEY.format(pause_s=0.0005))


async def build_under_traffic(stage: Stage) -> None:
    """The build runs, readers go on, writers wait."""
    stage.migrating(again="DROP INDEX orders_search_key_idx")
    await stage.until("SELECT 1 FROM pg_stat_activity WHERE application_name = 'deploy' AND query LIKE 'CREATE INDEX%'")
    stage.application(6, *WRITES, pause_s=0.1)
    stage.application(3, *READS, pause_s=0.1)


async def build_quickly(stage: Stage) -> None:
    """The build that blocks is cancelled, and the next one takes a moment only."""
    await stage.execute(
        "production", "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'deploy'", "deploy"
    )
    await stage.execute("production", SEARCH_KEY.format(pause_s=0).replace("CREATE", "CREATE OR REPLACE", 1))


SCENARIO = Scenario(
    id="index-blocks-writes",
    title="A plain index build blocks every write",
    story="The deploy has been running for minutes. Customers can look, but nobody can order.",
    seen="running",
    expected="create-index-blocks-writes",
    runners=ONE_FILE,
    migration={
        "migrations/0045_orders_search_key.sql": (
            "CREATE INDEX orders_search_key_idx ON orders (search_key(reference));\n"
        )
    },
    prepare=slow_function,
    attempt=False,
    incident=build_under_traffic,
    unfault=build_quickly,
    in_force="""
        SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.relation = 'orders'::regclass AND NOT l.granted AND a.application_name = 'web'
          AND l.mode = 'RowExclusiveLock'
          AND EXISTS (SELECT 1 FROM pg_stat_progress_create_index)
        HAVING count(*) >= 4
    """,
)
