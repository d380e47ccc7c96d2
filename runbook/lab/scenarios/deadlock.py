"""The migration and the application lock two tables in opposite order."""

from runbook.lab.scenario import Scenario, Stage, as_superuser, both


async def crossing(stage: Stage) -> str | None:
    """A checkout holds a product and wants an order, while the migration holds the orders and wants the products."""
    import psycopg

    checkout = await stage.connect("production", "web", "web-checkout")
    await checkout.execute("BEGIN")
    await checkout.execute(stage.text("UPDATE products SET price = price WHERE id = 1").encode())

    async def wants_order() -> None:
        try:
            await checkout.execute(stage.text("UPDATE orders SET status = 'paid' WHERE id = 1").encode())
            await checkout.execute("COMMIT")
        except psycopg.Error:
            await checkout.close()

    async def when_locked() -> None:
        await stage.until(
            "SELECT 1 FROM pg_locks WHERE relation = 'orders'::regclass AND mode = 'AccessExclusiveLock' AND granted"
        )
        await wants_order()

    crossed = stage.background(when_locked())
    outcome = await stage.migrate("production")
    await crossed
    return outcome.error_text


SCENARIO = Scenario(
    id="deadlock",
    title="Two tables, locked in opposite order",
    story="The deploy failed once, at the busiest hour. The second try might pass.",
    seen="failed",
    expected="deadlock",
    migration={
        "migrations/0096_price_source.sql": (
            "BEGIN;\n"
            "ALTER TABLE orders ADD COLUMN price_source text;\n"
            "UPDATE orders SET price_source = 'list' WHERE id <= 20000 AND md5(md5(md5(reference))) <> '';\n"
            "SELECT pg_sleep(1);\n"
            "ALTER TABLE products ADD COLUMN price_source text;\n"
            "COMMIT;\n"
        )
    },
    # Whoever looks for the deadlock first is its victim.
    fault=both(
        as_superuser("ALTER ROLE deploy SET deadlock_timeout = '300ms'"),
        as_superuser("ALTER ROLE web SET deadlock_timeout = '20s'"),
    ),
    attempt=False,
    incident=crossing,
    traffic=False,
)
