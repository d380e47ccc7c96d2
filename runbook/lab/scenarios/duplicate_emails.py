"""A unique index over data that is not unique on production."""

from runbook.lab.scenario import Scenario, Stage
from runbook.lab.scenarios._history import prisma


async def duplicates(stage: Stage) -> None:
    """Some customers registered twice, years ago."""
    await stage.execute(
        "production",
        "INSERT INTO customers (email, name) SELECT email, name || ' (2)' FROM customers WHERE id <= 37;"
        "ANALYZE customers",
    )


async def remove_duplicates(stage: Stage) -> None:
    """The second registrations go; Prisma's failed row is marked as rolled back, as its documentation asks."""
    await stage.execute(
        "production",
        "DELETE FROM customers WHERE name LIKE '% (2)';"
        "UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL",
    )


SCENARIO = Scenario(
    id="duplicate-emails",
    title="Duplicates under a new unique index",
    story="prisma migrate deploy failed on production and passed everywhere else.",
    seen="failed",
    expected="unique-violation-existing-duplicates",
    beside=("dirty-migration-state",),
    runner="prisma",
    migration={
        "prisma/migrations/20250305101500_unique_customer_email/migration.sql": (
            '-- CreateIndex\nCREATE UNIQUE INDEX "customers_email_key" ON "customers"("email");\n'
        )
    },
    history=prisma,
    fault=duplicates,
    unfault=remove_duplicates,
    sqlstate="23505",
)
