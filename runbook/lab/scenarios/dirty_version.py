"""golang-migrate died half-way and left its version marked dirty."""

from runbook.lab.scenario import Scenario, Stage


async def died_half_way(stage: Stage) -> None:
    """The last run was killed between "dirty" and the file; nothing of the file took effect."""
    await stage.execute("production", "UPDATE schema_migrations SET version = 42, dirty = true")


async def force_back(stage: Stage) -> None:
    """``migrate force 41``: the schema shows that 42 never ran."""
    await stage.execute("production", "UPDATE schema_migrations SET version = 41, dirty = false")


SCENARIO = Scenario(
    id="dirty-version",
    title="A version marked dirty",
    story="The deploy pod was killed once; since then every deploy refuses to start.",
    seen="failed",
    expected="dirty-migration-state",
    runner="golang-migrate",
    migration={
        "migrations/000042_orders_channel.up.sql": "ALTER TABLE orders ADD COLUMN channel text;\n",
        "migrations/000042_orders_channel.down.sql": "ALTER TABLE orders DROP COLUMN channel;\n",
    },
    fault=died_half_way,
    unfault=force_back,
)
