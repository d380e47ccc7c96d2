"""The table belongs to a role that the deployer is not a member of."""

from runbook.lab.scenario import Scenario, Stage
from runbook.lab.tools import ONE_FILE


async def other_owner(stage: Stage) -> None:
    """On production an operations role owns orders."""
    owner = "CREATE ROLE shop_owner NOLOGIN; GRANT ALL ON SCHEMA public TO shop_owner; "
    await stage.execute(
        "production",
        owner + "ALTER TABLE orders OWNER TO shop_owner; GRANT ALL ON orders TO deploy; GRANT SELECT ON orders TO web",
        "postgres",
    )


async def join_owner(stage: Stage) -> None:
    """The deployer becomes a member of the owning role."""
    await stage.execute("production", "GRANT shop_owner TO deploy", "postgres")


SCENARIO = Scenario(
    id="not-owner",
    title="The deployer does not own the table",
    story="The first deploy with the new pipeline's role failed; the role has every privilege on the table.",
    seen="failed",
    expected="not-object-owner",
    runners=ONE_FILE,
    migration={
        "migrations/0044_orders_delivered_at.sql": (
            "ALTER TABLE orders ADD COLUMN delivered_at timestamptz;\n"
            "COMMENT ON COLUMN orders.delivered_at IS 'when the parcel was handed over';\n"
        )
    },
    fault=other_owner,
    unfault=join_owner,
    sqlstate="42501",
)
