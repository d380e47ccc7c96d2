"""Every connection slot of production is taken."""

from runbook.lab.scenario import Scenario, Stage


async def pools_without_limit(stage: Stage) -> str | None:
    """A job opens session after session until the server refuses the next."""
    import psycopg

    try:
        while True:
            await stage.hold(f"worker-{len(stage.sessions) + 1}", "web")
    except psycopg.OperationalError:
        outcome = await stage.migrate("production")
        return outcome.error_text


async def workers_leave(stage: Stage) -> None:
    """The job's sessions end."""
    for name in list(stage.sessions):
        await stage.leave(name)


SCENARIO = Scenario(
    id="no-slot-left",
    title="Production takes no more connections",
    story="The deploy does not even start.",
    seen="failed",
    expected="connection-saturation",
    migration={"migrations/0097_orders_rank.sql": "ALTER TABLE orders ADD COLUMN rank integer;\n"},
    attempt=False,
    incident=pools_without_limit,
    unfault=workers_leave,
    traffic=False,
    orders=50_000,
)
