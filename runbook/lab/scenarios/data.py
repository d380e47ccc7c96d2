"""Rows that only production has, and that a new constraint, type or statement meets."""

from runbook.lab.scenario import Scenario, on_both, on_local, on_production
from runbook.lab.tools import ONE_FILE

GUARD = """
CREATE FUNCTION no_release_on_fridays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'price changes are frozen until the audit ends' USING ERRCODE = 'AU001';
END
$$;
CREATE TRIGGER frozen BEFORE UPDATE ON products FOR EACH STATEMENT EXECUTE FUNCTION no_release_on_fridays()
"""

SCENARIOS = (
    Scenario(
        id="nulls-under-not-null",
        title="Nulls where none may be from now on",
        story="Every laptop took the migration; production says that a column contains nulls.",
        seen="failed",
        expected="not-null-violation",
        runners=ONE_FILE,
        migration={
            "migrations/0061_orders_coupon_needed.sql": "ALTER TABLE orders ALTER COLUMN reference SET NOT NULL;\n"
        },
        prepare=on_both("ALTER TABLE orders ALTER COLUMN reference DROP NOT NULL"),
        fault=on_production("UPDATE orders SET reference = NULL WHERE id % 5000 = 7"),
        unfault=on_production("UPDATE orders SET reference = 'R-unknown' WHERE reference IS NULL"),
        sqlstate="23502",
    ),
    Scenario(
        id="new-column-not-null",
        title="A NOT NULL column without a default, on a table with rows",
        story="The table was empty on every developer's machine.",
        seen="failed",
        expected="not-null-violation",
        runners=ONE_FILE,
        migration={"migrations/0062_products_brand.sql": "ALTER TABLE products ADD COLUMN brand text NOT NULL;\n"},
        prepare=on_local("TRUNCATE products"),
        unfault=on_production("TRUNCATE products"),
        sqlstate="23502",
    ),
    Scenario(
        id="orphaned-items",
        title="Rows that point to nothing",
        story="A foreign key that should always have been there cannot be added on production.",
        seen="failed",
        expected="foreign-key-violation",
        runners=ONE_FILE,
        migration={
            "migrations/0063_items_order_fk.sql": (
                "ALTER TABLE order_items ADD CONSTRAINT order_items_order_id_fkey"
                " FOREIGN KEY (order_id) REFERENCES orders (id);\n"
            )
        },
        fault=on_production("INSERT INTO order_items SELECT -n, 1, 1, 9.99 FROM generate_series(1, 40) AS n"),
        unfault=on_production("DELETE FROM order_items WHERE order_id < 0"),
        sqlstate="23503",
        traffic=False,
    ),
    Scenario(
        id="old-status-under-check",
        title="Values that the new rule forbids",
        story="The CHECK constraint passes in every test, and not on production.",
        seen="failed",
        expected="check-violation",
        runners=ONE_FILE,
        migration={
            "migrations/0064_products_price_positive.sql": (
                "ALTER TABLE products ADD CONSTRAINT products_price_positive CHECK (price > 0);\n"
            )
        },
        fault=on_production("UPDATE products SET price = 0 WHERE id IN (17, 99, 250)"),
        unfault=on_production("UPDATE products SET price = 0.01 WHERE price = 0"),
        sqlstate="23514",
    ),
    Scenario(
        id="frozen-by-a-trigger",
        title="A trigger that only production has refuses the change",
        story="The migration corrects prices; production answers with a sentence that nobody knows.",
        seen="failed",
        expected="production-only-trigger",
        runners=ONE_FILE,
        migration={"migrations/0104_round_prices.sql": "UPDATE products SET price = round(price, 1) WHERE id < 100;\n"},
        fault=on_production(GUARD),
        unfault=on_production("DROP TRIGGER frozen ON products"),
        sqlstate="AU001",
    ),
)
