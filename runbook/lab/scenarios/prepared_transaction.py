"""A prepared transaction that nobody finished holds its locks, and no session shows it."""

from runbook.lab.scenario import Scenario, Stage
from runbook.lab.tools import ONE_FILE


async def prepare(stage: Stage) -> None:
    """A transaction manager prepared its part and died."""
    await stage.execute(
        "production",
        "BEGIN; UPDATE orders SET status = 'paid' WHERE id = 4711; PREPARE TRANSACTION 'payment-4711'",
        "web",
    )


async def deploy(stage: Stage) -> None:
    """The migration waits for a lock that no session holds."""
    stage.migrating()


async def finish(stage: Stage) -> None:
    """The transaction's manager would do this."""
    await stage.execute("production", "ROLLBACK PREPARED 'payment-4711'", "postgres")


SCENARIO = Scenario(
    id="prepared-transaction",
    title="Locked by a session that does not exist",
    story="The deploy waits for a lock on orders, and no session seems to hold it.",
    seen="hanging",
    expected="lock-wait-prepared-transaction",
    runners=ONE_FILE,
    migration={"migrations/0047_orders_parcel.sql": "ALTER TABLE orders ADD COLUMN parcel text;\n"},
    fault=prepare,
    attempt=False,
    incident=deploy,
    unfault=finish,
    in_force="""
        SELECT 1 FROM pg_stat_activity
        WHERE application_name = 'deploy' AND wait_event_type = 'Lock' AND 0 = ANY (pg_blocking_pids(pid))
    """,
    traffic=False,
)
