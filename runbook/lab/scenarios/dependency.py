"""What depends on a change, what it refers to, and what stands in its way: made on production and nowhere else."""

from runbook.lab.scenario import Scenario, as_superuser, on_both, on_production
from runbook.lab.tools import ONE_FILE

_CLEANED = (
    "CREATE FUNCTION cleaned(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN lower(value); END'"
)
_NET = "CREATE FUNCTION net_of(amount numeric) RETURNS numeric LANGUAGE sql AS 'SELECT amount / 1.19'"
_NET_AS_TEXT = "CREATE FUNCTION net_of(amount numeric) RETURNS text LANGUAGE sql AS 'SELECT (amount / 1.19)::text'"
_FREEZE = (
    "CREATE FUNCTION public.refuse_changes() RETURNS event_trigger LANGUAGE plpgsql AS"
    " $$BEGIN RAISE EXCEPTION 'schema changes are frozen until Monday' USING HINT = 'ask the platform team'; END$$;"
    " CREATE EVENT TRIGGER change_freeze ON ddl_command_start EXECUTE FUNCTION public.refuse_changes()"
)
_BADGE_SCANS = "CREATE TABLE badge_scans (id bigint NOT NULL, seen_on date NOT NULL)"

SCENARIOS = (
    Scenario(
        id="policy-on-column",
        title="A policy that the security team added names the column",
        story="The type of a column will not change on production. No view reads it.",
        seen="failed",
        expected="dependent-policy-or-trigger",
        decoys=("dependent-object",),
        harmful=(r"\bCASCADE\b\s*;",),
        runners=ONE_FILE,
        migration={
            "migrations/0091_customers_country.sql": "ALTER TABLE customers ALTER COLUMN country TYPE varchar(40);\n"
        },
        fault=on_production("CREATE POLICY region_only ON customers USING (country = 'DE')"),
        unfault=on_production("DROP POLICY region_only ON customers"),
        sqlstate="0A000",
    ),
    Scenario(
        id="function-returns-otherwise",
        title="A function was changed by hand",
        story="CREATE OR REPLACE FUNCTION is refused. It always worked.",
        seen="failed",
        expected="dependent-function-or-type",
        runners=ONE_FILE,
        migration={
            "migrations/0092_net_of.sql": (
                "CREATE OR REPLACE FUNCTION net_of(amount numeric) RETURNS numeric LANGUAGE sql AS 'SELECT amount / 1.07';\n"
            )
        },
        prepare=on_both(_NET),
        fault=on_production(f"DROP FUNCTION net_of(numeric); {_NET_AS_TEXT}"),
        unfault=on_production(f"DROP FUNCTION net_of(numeric); {_NET}"),
        sqlstate="42P13",
    ),
    Scenario(
        id="index-of-a-constraint",
        title="What is an index on the laptop is a constraint on production",
        story="An index is to be dropped, and production says that something requires it.",
        seen="failed",
        expected="index-backs-constraint",
        runners=ONE_FILE,
        migration={"migrations/0093_drop_email_index.sql": "DROP INDEX customers_email_idx;\n"},
        prepare=on_both("CREATE UNIQUE INDEX customers_email_idx ON customers (email)"),
        fault=on_production(
            "ALTER TABLE customers ADD CONSTRAINT customers_email_idx UNIQUE USING INDEX customers_email_idx"
        ),
        unfault=on_production(
            "ALTER TABLE customers DROP CONSTRAINT customers_email_idx;"
            " CREATE UNIQUE INDEX customers_email_idx ON customers (email)"
        ),
        sqlstate="2BP01",
    ),
    Scenario(
        id="parent-without-key",
        title="The parent lost its primary key",
        story="A foreign key cannot be made. The products were loaded anew last month.",
        seen="failed",
        expected="foreign-key-target-mismatch",
        decoys=("plain-sql-error",),
        runners=ONE_FILE,
        migration={
            "migrations/0094_items_product.sql": (
                "ALTER TABLE order_items ADD CONSTRAINT order_items_product_fkey"
                " FOREIGN KEY (product_id) REFERENCES products (id) NOT VALID;\n"
            )
        },
        fault=on_production("ALTER TABLE products DROP CONSTRAINT products_pkey"),
        unfault=on_production("ALTER TABLE products ADD PRIMARY KEY (id)"),
        sqlstate="42830",
    ),
    Scenario(
        id="column-of-another-type",
        title="A column has had another type for years",
        story="A check is to be added. Production says that an operator does not exist.",
        seen="failed",
        expected="column-type-differs",
        decoys=("missing-object", "function-needs-newer-major"),
        runners=ONE_FILE,
        migration={
            "migrations/0095_items_quantity.sql": (
                "ALTER TABLE order_items ADD CONSTRAINT order_items_quantity_check CHECK (quantity > 0);\n"
            )
        },
        fault=on_production("ALTER TABLE order_items ALTER COLUMN quantity TYPE text"),
        unfault=on_production("ALTER TABLE order_items ALTER COLUMN quantity TYPE integer USING quantity::integer"),
        sqlstate="42883",
    ),
    Scenario(
        id="partitioned-on-production",
        title="Only production's table is partitioned",
        story="A unique index cannot be built. On the laptop it took a second.",
        seen="failed",
        expected="table-is-partitioned-on-production",
        decoys=("needs-newer-major",),
        runners=ONE_FILE,
        migration={
            "migrations/0096_badge_scans_id.sql": "CREATE UNIQUE INDEX badge_scans_id_key ON badge_scans (id);\n"
        },
        prepare=on_both(_BADGE_SCANS),
        fault=on_production(
            f"DROP TABLE badge_scans; {_BADGE_SCANS} PARTITION BY RANGE (seen_on);"
            " CREATE TABLE badge_scans_2025 PARTITION OF badge_scans FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"
        ),
        unfault=on_production(f"DROP TABLE badge_scans; {_BADGE_SCANS}"),
        sqlstate="0A000",
    ),
    Scenario(
        id="function-not-immutable",
        title="The function lost its mark",
        story="An index over a function cannot be built on production.",
        seen="failed",
        expected="not-immutable-expression",
        runners=ONE_FILE,
        migration={
            "migrations/0097_customers_name.sql": "CREATE INDEX customers_cleaned_idx ON customers (cleaned(name));\n"
        },
        prepare=on_both(_CLEANED),
        fault=on_production("ALTER FUNCTION cleaned(text) STABLE"),
        unfault=on_production("ALTER FUNCTION cleaned(text) IMMUTABLE"),
        sqlstate="42P17",
    ),
    Scenario(
        id="change-freeze",
        title="Schema changes are frozen",
        story="The migration is refused with a message that PostgreSQL does not have.",
        seen="failed",
        expected="ddl-blocked-by-event-trigger",
        runners=ONE_FILE,
        migration={"migrations/0098_orders_gift.sql": "ALTER TABLE orders ADD COLUMN gift boolean;\n"},
        fault=as_superuser(_FREEZE),
        unfault=as_superuser("DROP EVENT TRIGGER change_freeze; DROP FUNCTION public.refuse_changes()"),
        sqlstate="P0001",
    ),
    Scenario(
        id="collation-not-there",
        title="The collation was made on the laptop",
        story="An index with a collation cannot be built.",
        seen="failed",
        expected="collation-missing",
        decoys=("missing-object",),
        runners=ONE_FILE,
        migration={
            "migrations/0099_customers_sorted.sql": (
                "CREATE INDEX customers_sorted_idx ON customers (name COLLATE phone_book);\n"
            )
        },
        prepare=on_both('CREATE COLLATION phone_book FROM "C"'),
        fault=on_production("DROP COLLATION phone_book"),
        unfault=on_production('CREATE COLLATION phone_book FROM "C"'),
        sqlstate="42704",
    ),
)
