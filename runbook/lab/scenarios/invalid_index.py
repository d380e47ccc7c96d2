"""An index that an earlier, cancelled CREATE INDEX CONCURRENTLY left behind, invalid."""

import contextlib

from runbook.lab.scenario import Scenario, Stage

BUILD = "CREATE INDEX CONCURRENTLY orders_placed_at_idx ON orders (placed_at)"


async def first_attempt_cancelled(stage: Stage) -> None:
    """Yesterday's build waited for an old transaction until the pipeline's time was up."""
    import psycopg

    await stage.hold("web-checkout", "web", "BEGIN", "UPDATE orders SET status = 'paid' WHERE id = 1")

    async def build() -> None:
        async with await stage.connect("production", "deploy", "deploy") as connection:
            with contextlib.suppress(psycopg.errors.QueryCanceled):
                await connection.execute(stage.text(BUILD).encode())

    building = stage.background(build())
    await stage.until("SELECT 1 FROM pg_stat_activity WHERE application_name = 'deploy' AND wait_event_type = 'Lock'")
    await stage.execute(
        "production",
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'deploy'",
        "postgres",
    )
    await building
    await stage.leave("web-checkout")


async def drop_invalid(stage: Stage) -> None:
    """What was left behind goes."""
    await stage.execute("production", "DROP INDEX CONCURRENTLY orders_placed_at_idx")


SCENARIO = Scenario(
    id="invalid-index",
    title="The remains of yesterday's attempt",
    story="Yesterday's deploy was cancelled. Today's says that the index exists, and queries are as slow as ever.",
    seen="failed",
    expected="invalid-index",
    migration={"migrations/0049_orders_placed_at.sql": BUILD + ";\n"},
    fault=first_attempt_cancelled,
    unfault=drop_invalid,
    sqlstate="42P07",
    in_force="SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('orders_placed_at_idx') AND NOT indisvalid",
)
