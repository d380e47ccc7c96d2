"""ALTER TABLE waits behind a forgotten transaction, and the whole shop waits behind ALTER TABLE."""

from runbook.lab.scenario import READS, WRITES, Scenario, Stage
from runbook.lab.tools import ONE_FILE


async def report_left_open(stage: Stage) -> None:
    """A report that read orders and never ended its transaction."""
    await stage.hold(
        "nightly-report",
        "reporting",
        "BEGIN",
        "SELECT status, count(*), sum(total_net) FROM orders GROUP BY status",
    )


async def deploy_and_traffic(stage: Stage) -> None:
    """The migration waits; then every reader and writer of the table waits behind it."""
    stage.migrating()
    await stage.until(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'deploy' AND wait_event_type = 'Lock'",
    )
    stage.application(9, *READS, *WRITES, pause_s=0.1)


async def close_report(stage: Stage) -> None:
    """The report's transaction ends."""
    await stage.leave("nightly-report")


SCENARIO = Scenario(
    id="lock-queue",
    title="ALTER TABLE waits, and the shop waits behind it",
    story="The deploy has been hanging for a while, and the shop answers no more.",
    seen="hanging",
    expected="lock-queue-behind-waiting-ddl",
    beside=("lock-wait-idle-in-transaction",),
    runners=ONE_FILE,
    migration={"migrations/0043_orders_note.sql": "ALTER TABLE orders ADD COLUMN note text;\n"},
    fault=report_left_open,
    attempt=False,
    incident=deploy_and_traffic,
    unfault=close_report,
    in_force="""
        SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.relation = 'orders'::regclass AND NOT l.granted AND a.application_name = 'web'
        HAVING count(*) >= 5
    """,
)
