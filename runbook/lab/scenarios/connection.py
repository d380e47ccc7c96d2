"""The way to production: a role that is full, an address that leads beside it, a pool that a lock empties."""

from runbook.lab.scenario import DATABASE, DEPLOYER, Scenario, Stage, as_superuser


async def workers_use_the_role(stage: Stage) -> str | None:
    """Workers that were given the deployer's role take all the sessions that it may have."""
    for number in range(1, 5):
        await stage.hold(f"worker-{number}", DEPLOYER)
    outcome = await stage.migrate("production")
    return outcome.error_text


async def instances_of_both_versions(stage: Stage) -> str | None:
    """During the rollout old and new instances hold their pools side by side."""
    for number in range(1, 7):
        await stage.hold(f"instance-{number}", "web")
    outcome = await stage.migrate("production")
    return outcome.error_text


async def workers_leave(stage: Stage) -> None:
    for name in list(stage.sessions):
        await stage.leave(name)


async def address_without_database(stage: Stage) -> None:
    """The job's PGDATABASE got lost: its client takes the database that is always there."""
    stage.database = "postgres"


async def address_with_database(stage: Stage) -> None:
    stage.database = DATABASE


SCENARIOS = (
    Scenario(
        id="role-is-full",
        title="Production has connections left, and lets the deploy role have none",
        story="The deploy does not start. The dashboard shows a server that is half empty.",
        seen="failed",
        expected="role-connection-limit",
        decoys=("connection-saturation",),
        migration={"migrations/0161_orders_channel.sql": "ALTER TABLE orders ADD COLUMN channel text;\n"},
        fault=as_superuser(f"ALTER ROLE {DEPLOYER} CONNECTION LIMIT 4"),
        attempt=False,
        incident=workers_use_the_role,
        unfault=workers_leave,
        traffic=False,
        orders=50_000,
    ),
    Scenario(
        id="database-is-full",
        title="A database that a migration of last year gave a limit",
        story="Since the rollout began, nothing new gets a connection; what has one works.",
        seen="failed",
        expected="role-connection-limit",
        decoys=("connection-saturation",),
        migration={"migrations/0163_orders_weight.sql": "ALTER TABLE orders ADD COLUMN weight integer;\n"},
        fault=as_superuser(f"ALTER DATABASE {DATABASE} CONNECTION LIMIT 6"),
        attempt=False,
        incident=instances_of_both_versions,
        unfault=workers_leave,
        traffic=False,
        orders=50_000,
    ),
    Scenario(
        id="beside-the-database",
        title="The migration reached a database without the shop's tables",
        story="A new job runs the migrations. It says that a table is missing which everybody uses.",
        seen="failed",
        expected="connected-to-wrong-database",
        decoys=("missing-object", "search-path-difference"),
        migration={"migrations/0162_orders_gift.sql": "ALTER TABLE orders ADD COLUMN gift boolean;\n"},
        fault=address_without_database,
        unfault=address_with_database,
        sqlstate="42P01",
        orders=50_000,
    ),
)
