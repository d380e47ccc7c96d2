"""Work that grows with the rows, under a lock that others wait for: quick on the laptop, minutes on production."""

from runbook.lab.scenario import WRITES, Scenario, Stage, on_both
from runbook.lab.tools import ONE_FILE

# A half millisecond a row makes 400,000 rows last as long as tens of millions would.
SLOW = """
CREATE FUNCTION normalised(value text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_sleep(0.0005);
    RETURN lower(value);
END
$$
"""
WAITING = """
    SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE NOT l.granted AND a.application_name = 'web' HAVING count(*) >= 2
"""


async def under_traffic(stage: Stage) -> None:
    """The migration works; the application writes, and waits."""
    stage.migrating()
    await stage.until(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'deploy' AND state = 'active' AND query LIKE '%orders%'"
    )
    stage.application(6, *WRITES, pause_s=0.05)


async def cancelled(stage: Stage) -> None:
    """The migration is cancelled, and what it asks of every row becomes cheap."""
    await stage.execute(
        "production",
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'deploy'",
        "postgres",
    )
    await stage.execute("production", SLOW.replace("CREATE", "CREATE OR REPLACE", 1).replace("0.0005", "0"))


SCENARIOS = (
    Scenario(
        id="rewrite-under-traffic",
        title="A column whose default is computed for every row",
        story="Adding a column takes minutes, and the shop cannot even read the table.",
        seen="running",
        expected="table-rewrite",
        runners=ONE_FILE,
        migration={
            "migrations/0093_orders_folded.sql": (
                "ALTER TABLE orders ADD COLUMN folded text DEFAULT normalised('NONE');\n"
            )
        },
        prepare=on_both(SLOW),
        attempt=False,
        incident=under_traffic,
        unfault=cancelled,
        in_force=WAITING,
    ),
    Scenario(
        id="check-scans-under-lock",
        title="A constraint is checked row by row while everybody waits",
        story="A new CHECK constraint has been running for minutes. Nothing else is.",
        seen="running",
        expected="scan-under-exclusive-lock",
        runners=ONE_FILE,
        migration={
            "migrations/0094_orders_reference_form.sql": (
                "ALTER TABLE orders ADD CONSTRAINT orders_reference_form CHECK (normalised(reference) LIKE 'r-%');\n"
            )
        },
        prepare=on_both(SLOW),
        attempt=False,
        incident=under_traffic,
        unfault=cancelled,
        in_force=WAITING,
    ),
    Scenario(
        id="backfill-in-one-go",
        title="One UPDATE for every row",
        story="The deploy has been running for a while; some customers' orders hang when they are changed.",
        seen="running",
        expected="unbatched-backfill",
        runners=ONE_FILE,
        migration={
            "migrations/0095_orders_fold_reference.sql": "UPDATE orders SET reference = normalised(reference);\n"
        },
        prepare=on_both(SLOW),
        attempt=False,
        incident=under_traffic,
        unfault=cancelled,
        in_force=WAITING,
    ),
)
