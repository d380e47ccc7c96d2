"""The migration protects itself with lock_timeout, and gives up behind a forgotten transaction."""

from runbook.lab.scenario import Scenario
from runbook.lab.scenarios.lock_queue import close_report, report_left_open
from runbook.lab.tools import ONE_FILE

SCENARIO = Scenario(
    id="lock-timeout",
    title="The migration gave up waiting for its lock",
    story="The deploy ended after two seconds, three times in a row.",
    seen="failed",
    expected="lock-timeout",
    beside=("lock-wait-idle-in-transaction",),
    runners=ONE_FILE,
    migration={
        "migrations/0052_orders_shop.sql": "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN shop text;\n",
    },
    fault=report_left_open,
    unfault=close_report,
    sqlstate="55P03",
)
