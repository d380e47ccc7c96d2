"""A statement_timeout that hangs on the deployer's role and on nothing that a laptop has."""

from runbook.lab.scenario import Scenario, Stage
from runbook.lab.tools import ONE_FILE


async def timeout_on_role(stage: Stage) -> None:
    """Set for the application years ago, copied to the deployer when it was made."""
    await stage.execute("production", "ALTER ROLE deploy SET statement_timeout = '150ms'", "postgres")


async def no_timeout(stage: Stage) -> None:
    """The role's setting goes."""
    await stage.execute("production", "ALTER ROLE deploy RESET statement_timeout", "postgres")


SCENARIO = Scenario(
    id="role-timeout",
    title="A statement timeout that only production's role has",
    story="The migration was cancelled after a blink. Nothing was locked.",
    seen="failed",
    expected="statement-timeout",
    runners=ONE_FILE,
    migration={
        "migrations/0048_revenue_by_product.sql": (
            "CREATE MATERIALIZED VIEW revenue_by_product AS\n"
            "SELECT p.sku, c.country, date_trunc('month', o.placed_at) AS month, sum(i.quantity * i.price) AS revenue\n"
            "FROM orders o\n"
            "JOIN order_items i ON i.order_id = o.id\n"
            "JOIN products p ON p.id = i.product_id\n"
            "JOIN customers c ON c.id = o.customer_id\n"
            "GROUP BY p.sku, c.country, month;\n"
        )
    },
    fault=timeout_on_role,
    unfault=no_timeout,
    sqlstate="57014",
    items=400_000,
)
