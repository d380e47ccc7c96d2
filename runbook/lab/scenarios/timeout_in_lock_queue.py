"""statement_timeout ended a statement that never ran: it spent its time waiting for a lock."""

from runbook.lab.scenario import Scenario, Stage
from runbook.lab.scenarios.lock_queue import close_report, report_left_open
from runbook.lab.tools import ONE_FILE


async def timeout_and_report(stage: Stage) -> None:
    """A sensible statement_timeout for the deployer, and a report that never ended."""
    await stage.execute("production", "ALTER ROLE deploy SET statement_timeout = '3s'", "postgres")
    await report_left_open(stage)


SCENARIO = Scenario(
    id="timeout-in-lock-queue",
    title="A statement timeout that was a lock wait",
    story="Adding a column took longer than three seconds, says production. It never does.",
    seen="failed",
    expected="statement-timeout-was-lock-wait",
    beside=("lock-wait-idle-in-transaction",),
    runners=ONE_FILE,
    migration={"migrations/0053_orders_locale.sql": "ALTER TABLE orders ADD COLUMN locale text;\n"},
    fault=timeout_and_report,
    unfault=close_report,
    sqlstate="57014",
)
