"""Alarming things that have nothing to do with the migration: the tool must not fall for them."""

from runbook.lab.scenario import Scenario, Stage
from runbook.lab.tools import ONE_FILE


async def decoys(stage: Stage) -> None:
    """A forgotten transaction and a lock wait, both on a table that the migration does not touch."""
    await stage.hold("stock-import", "postgres", "BEGIN", "LOCK TABLE products IN ACCESS EXCLUSIVE MODE")

    async def work() -> None:
        import psycopg

        connection = await stage.connect("production", "web", "web-catalogue")
        try:
            await connection.execute(stage.text("SELECT count(*) FROM products").encode())
        except psycopg.Error:
            await connection.close()

    stage.background(work())


async def end_import(stage: Stage) -> None:
    """The decoys go, too."""
    await stage.leave("stock-import")


SCENARIO = Scenario(
    id="healthy-with-decoys",
    title="Alarming, and none of this migration's business",
    story="A small migration is about to run, and somebody is worried about a lock.",
    seen="planned",
    expected=None,
    kind="decoy",
    decoys=("lock-wait-idle-in-transaction", "lock-queue-behind-waiting-ddl"),
    runners=ONE_FILE,
    migration={"migrations/0055_customers_landline.sql": "ALTER TABLE customers ADD COLUMN landline text;\n"},
    fault=decoys,
    attempt=False,
    unfault=end_import,
    in_force="SELECT 1 FROM pg_stat_activity WHERE application_name = 'web-catalogue' AND wait_event_type = 'Lock'",
)
