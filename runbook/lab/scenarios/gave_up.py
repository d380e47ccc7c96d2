"""Clients that are gone before the server is done."""

from runbook.lab.scenario import DATABASE, DEPLOYER, Scenario, Stage, on_production
from runbook.lab.tools.base import statements_of, up_part, without_comments

REPORT = "SELECT count(*) FROM orders"
_LOCK = "SELECT 1 FROM pg_locks WHERE relation = 'orders'::regclass AND mode = 'AccessExclusiveLock'"
WAITS = f"{_LOCK} AND NOT granted"
NOBODY = f"SELECT 1 WHERE NOT EXISTS ({_LOCK})"

# actions/runner: the annotation of a step that is over its timeout-minutes
OUT_OF_TIME = """2025-04-23T02:00:01.1200000Z Run psql --file migrations/0151_orders_gift.sql
2025-04-23T02:10:01.1234567Z ##[error]The action 'Migrate' has timed out after 10 minutes.
"""


async def job_is_ended(stage: Stage) -> str:
    """The job waits behind a report; its client dies at the deadline, its session gets the lock later and commits."""
    await stage.hold("month-end", "reporting", "BEGIN", REPORT)
    client = await stage.connect("production", DEPLOYER, "deploy")
    (path,) = stage.files
    (statement,) = map(without_comments, statements_of(up_part(path.read_text())))
    client.pgconn.send_query(statement.encode())
    client.pgconn.flush()
    await stage.until(WAITS)
    client.pgconn.finish()
    await stage.leave("month-end")
    await stage.until(NOBODY)
    return OUT_OF_TIME


async def network_forgets(stage: Stage) -> str:
    """The migration runs through a network that forgets its connection while the statement waits in silence."""
    import asyncio

    from runbook.lab.forgetful import forgetful

    await stage.hold("month-end", "reporting", "BEGIN", REPORT)
    server = stage.production
    async with forgetful(server.socket_dir / f".s.PGSQL.{server.port}") as network:
        dsn = f"postgresql://{stage.text(DEPLOYER)}@127.0.0.1:{network.port}/{stage.text(DATABASE)}"
        job = asyncio.ensure_future(stage.tool.run(dsn, stage.folder, stage.files))
        await stage.until(WAITS)
        network.forget()
        ended = await job
        await stage.leave("month-end")
        await stage.until(NOBODY)
    return ended.error_text or ""


SCENARIOS = (
    Scenario(
        id="job-out-of-time",
        title="A deploy step that was ended at its time limit, and a session that was not",
        story="The pipeline is red: it timed out after ten minutes. Somebody wants to press 'run again'.",
        seen="failed",
        expected="runner-deadline",
        decoys=("cancelled-by-other-session", "statement-timeout"),
        harmful=(r"DROP COLUMN",),
        migration={"migrations/0151_orders_gift.sql": "ALTER TABLE orders ADD COLUMN gift boolean;\n"},
        attempt=False,
        incident=job_is_ended,
        unfault=on_production("ALTER TABLE orders DROP COLUMN gift"),
    ),
    Scenario(
        id="network-forgot",
        title="A connection that the network forgot",
        story="The connection was lost in the middle of the migration. Nobody touched anything.",
        seen="failed",
        expected="network-idle-timeout",
        decoys=("terminated-by-administrator", "server-unreachable"),
        harmful=(r"DROP COLUMN",),
        migration={"migrations/0152_orders_wrapping.sql": "ALTER TABLE orders ADD COLUMN wrapping text;\n"},
        attempt=False,
        incident=network_forgets,
        unfault=on_production("ALTER TABLE orders DROP COLUMN wrapping"),
    ),
)
