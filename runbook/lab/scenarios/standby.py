"""The deployer's address leads to a standby."""

from runbook.lab.scenario import Scenario, Stage
from runbook.lab.tools.printed import PRINTED_NAMES


async def to_the_primary(stage: Stage) -> None:
    """The address leads to the primary again."""
    standby, stage.standby = stage.standby, None
    if standby is not None:
        standby.stop()


SCENARIO = Scenario(
    id="standby",
    title="Connected to a standby",
    story="After last night's failover every migration is refused.",
    seen="failed",
    expected="connected-to-standby",
    runners=PRINTED_NAMES,
    migration={
        "migrations/0051_orders_gift.sql": "ALTER TABLE orders ADD COLUMN gift boolean NOT NULL DEFAULT false;\n"
    },
    standby=True,
    unfault=to_the_primary,
    sqlstate="25006",
    orders=50_000,
)
