"""The migration waits for a query that is really running, and will for long."""

from runbook.lab.scenario import Scenario, Stage
from runbook.lab.tools import ONE_FILE

# A nested loop that no index helps: hours on any machine, and cancelled in a moment.
REPORT = """
SELECT count(*) FROM orders a JOIN orders b ON a.total_net * 2 < b.total_net + a.id % 7
WHERE a.reference || b.reference LIKE '%77%77%'
"""


async def report_runs(stage: Stage) -> None:
    """An analyst compares every order with every other."""

    async def work() -> None:
        import psycopg

        connection = await stage.connect("production", "reporting", "analytics")
        try:
            await connection.execute("SET max_parallel_workers_per_gather = 0")
            await connection.execute(stage.text(REPORT).encode())
        except psycopg.Error:  # ended by whoever follows the playbook, or with the server
            await connection.close()

    stage.background(work())
    await stage.until(
        "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'analytics'"
        " AND l.relation = 'orders'::regclass"
    )


async def deploy(stage: Stage) -> None:
    """The migration queues behind the report."""
    stage.migrating()


async def end_report(stage: Stage) -> None:
    """The report is cancelled."""
    sql = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'analytics'"
    await stage.execute("production", sql, "postgres")


SCENARIO = Scenario(
    id="long-report",
    title="The migration waits for a report",
    story="The deploy hangs. Somebody mentions a quarterly report.",
    seen="hanging",
    expected="lock-wait-long-running-query",
    runners=ONE_FILE,
    migration={"migrations/0054_orders_region.sql": "ALTER TABLE orders ADD COLUMN region text;\n"},
    fault=report_runs,
    attempt=False,
    incident=deploy,
    unfault=end_report,
    in_force="SELECT 1 FROM pg_stat_activity WHERE application_name = 'deploy' AND wait_event_type = 'Lock'",
    traffic=False,
)
