"""Pairs on which nothing is wrong, with all that looks like trouble and is none: the tool must stay silent."""

from runbook.lab.scenario import Scenario, Stage, as_superuser, on_both, on_local, on_production
from runbook.lab.tools import ONE_FILE

LOCKS = ("lock-wait-idle-in-transaction", "lock-wait-long-running-query", "lock-queue-behind-waiting-ddl")


async def many_idle(stage: Stage) -> None:
    """A pool keeps forty connections open and does nothing with them."""
    for number in range(40):
        await stage.hold(f"web-pool-{number}", "web")


async def idle_in_other_table(stage: Stage) -> None:
    """Somebody left a transaction open on a table that the migration does not touch."""
    await stage.hold("stock-import", "web", "BEGIN", "UPDATE products SET price = price WHERE id = 3")


SCENARIOS = (
    Scenario(
        id="healthy-full-pool",
        title="Forty idle connections, and room for more",
        story="Is the pool a problem for tonight's migration?",
        seen="planned",
        kind="healthy",
        expected=None,
        decoys=("connection-saturation",),
        runners=ONE_FILE,
        migration={"migrations/0111_customers_title.sql": "ALTER TABLE customers ADD COLUMN title text;\n"},
        fault=many_idle,
        attempt=False,
    ),
    Scenario(
        id="healthy-open-transaction",
        title="A transaction is open, elsewhere",
        story="Somebody forgot a transaction. Is it in the migration's way?",
        seen="planned",
        kind="decoy",
        expected=None,
        decoys=LOCKS,
        runners=ONE_FILE,
        migration={"migrations/0112_customers_salutation.sql": "ALTER TABLE customers ADD COLUMN salutation text;\n"},
        fault=idle_in_other_table,
        attempt=False,
    ),
    Scenario(
        id="healthy-new-table",
        title="A new table, on servers of different majors",
        story="Production is older than the laptops. Does it matter here?",
        seen="planned",
        kind="healthy",
        expected=None,
        decoys=("needs-newer-major", "no-create-on-schema"),
        runners=ONE_FILE,
        local_major=18,
        migration={
            "migrations/0113_vouchers.sql": (
                "CREATE TABLE vouchers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL UNIQUE,\n"
                "    customer_id bigint NOT NULL, valid_until date);\n"
                "CREATE INDEX vouchers_customer_id_idx ON vouchers (customer_id);\n"
            )
        },
        attempt=False,
    ),
    Scenario(
        id="healthy-extension-not-needed",
        title="An extension is missing that the migration does not use",
        story="The laptop has an extension that production lacks.",
        seen="planned",
        kind="decoy",
        expected=None,
        decoys=("extension-not-installed", "extension-not-available"),
        runners=ONE_FILE,
        local_majors=(12, 13, 14, 15, 17, 18),
        migration={"migrations/0114_products_weight.sql": "ALTER TABLE products ADD COLUMN weight numeric;\n"},
        prepare=on_local("CREATE EXTENSION citext"),
        attempt=False,
    ),
    Scenario(
        id="healthy-after-clean-up",
        title="Rows that would have failed were repaired",
        story="Last week's migration failed on nulls. They were filled in; will it pass tonight?",
        seen="planned",
        kind="healthy",
        expected=None,
        decoys=("not-null-violation",),
        runners=ONE_FILE,
        orders=40_000,
        migration={"migrations/0115_products_sku.sql": "ALTER TABLE products ALTER COLUMN sku SET NOT NULL;\n"},
        prepare=on_both("ALTER TABLE products ALTER COLUMN sku DROP NOT NULL"),
        fault=on_production("UPDATE products SET sku = 'SKU-' || id WHERE sku IS NULL"),
        attempt=False,
    ),
    Scenario(
        id="healthy-timeout-for-others",
        title="A short statement_timeout, of another role",
        story="The application's role has a timeout of five seconds. Does it end the migration?",
        seen="planned",
        kind="decoy",
        expected=None,
        decoys=("statement-timeout", "setting-difference"),
        runners=ONE_FILE,
        migration={"migrations/0116_orders_source.sql": "ALTER TABLE orders ADD COLUMN source text;\n"},
        fault=as_superuser("ALTER ROLE web SET statement_timeout = '5s'"),
        attempt=False,
    ),
)
