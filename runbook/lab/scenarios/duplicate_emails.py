"""A unique index over data that is not unique on production."""

from runbook.lab.scenario import Scenario, Stage
from runbook.lab.tools import ONE_FILE


async def duplicates(stage: Stage) -> None:
    """Some customers registered twice, years ago."""
    await stage.execute(
        "production",
        "INSERT INTO customers (email, name) SELECT email, name || ' (2)' FROM customers WHERE id <= 37;"
        "ANALYZE customers",
    )


async def remove_duplicates(stage: Stage) -> None:
    """The second registrations go."""
    await stage.execute("production", "DELETE FROM customers WHERE name LIKE '% (2)'")


SCENARIO = Scenario(
    id="duplicate-emails",
    title="Duplicates under a new unique index",
    story="prisma migrate deploy failed on production and passed everywhere else.",
    seen="failed",
    expected="unique-violation-existing-duplicates",
    runner="prisma",
    runners=ONE_FILE,
    migration={
        "prisma/migrations/20250305101500_unique_customer_email/migration.sql": (
            '-- CreateIndex\nCREATE UNIQUE INDEX "customers_email_key" ON "customers"("email");\n'
        )
    },
    fault=duplicates,
    unfault=remove_duplicates,
    sqlstate="23505",
)
