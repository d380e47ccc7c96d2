"""What a migration leaves behind, and what it comes upon: texts with old names, numbers of old types, a broken promise."""

from __future__ import annotations

from runbook.lab.scenario import Doing, Scenario, Stage, as_superuser, both, on_both, on_production
from runbook.lab.tools import ONE_FILE

CALL = "SELECT discount_of(1207)"
FUNCTION = """
CREATE OR REPLACE FUNCTION discount_of(wanted bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT o.{column} FROM orders o WHERE o.id = wanted);
END $$
"""
LOGGED = """\
2026-11-21 02:14:09.512 UTC [4711] web@shop ERROR:  {message}
2026-11-21 02:14:09.512 UTC [4711] web@shop CONTEXT:  {context}
2026-11-21 02:14:09.512 UTC [4711] web@shop STATEMENT:  {statement}
"""


async def the_function_is_called(stage: Stage) -> str:
    """The application calls the function; this is what the server logs."""
    import psycopg

    try:
        await stage.execute("production", CALL, "web")
    except psycopg.errors.UndefinedColumn as error:
        context = (error.diag.context or "").replace("\n", "\n\t")
        logged = LOGGED.format(message=error.diag.message_primary, context=context, statement=CALL)
        return logged.replace("web@shop", stage.text("web@shop"))
    raise AssertionError("the column should be gone")


EXECUTE = "EXECUTE by_channel('shop')"
PREPARED = "SELECT id FROM customers WHERE channel = $1"


def connected_from_before() -> Doing:
    """A session of the application that has prepared its statement."""

    async def run(stage: Stage) -> None:
        await stage.hold("web-1", "web", f"PREPARE by_channel(sales_channel) AS {PREPARED}", EXECUTE)

    return run


async def it_executes_its_statement(stage: Stage) -> str:
    """The session from before executes it again; this is what the server logs."""
    import psycopg

    try:
        await stage.sessions["web-1"].execute(stage.text(EXECUTE).encode())
    except psycopg.errors.InternalError_ as error:
        message, statement = error.diag.message_primary, stage.text(PREPARED)
        who = stage.text("web@shop")
        logged = f"2026-11-21 02:14:09.512 UTC [4712] {who} "
        return f"{logged}ERROR:  {message}\n{logged}STATEMENT:  {statement}\n"
    raise AssertionError("the type should be gone")


async def it_connects_anew(stage: Stage) -> None:
    """The pool closes the session from before."""
    await stage.leave("web-1")


INDEX = "UPDATE pg_index SET indisready = {0}, indisvalid = {0} WHERE indexrelid = 'products_sku_key'::regclass"

SCENARIOS = (
    Scenario(
        id="function-names-old-column",
        title="A function still has the old name of the column in its text",
        story="The migration passed. The price page has failed since, and no release went out.",
        seen="broken",
        expected="dependent-object-left-behind",
        decoys=("old-code-uses-removed-column", "missing-object"),
        runners=ONE_FILE,
        migration={
            "migrations/0091_orders_rename_coupon.sql": "ALTER TABLE orders RENAME COLUMN coupon TO discount_code;\n"
        },
        prepare=on_both(FUNCTION.format(column="coupon")),
        incident=the_function_is_called,
        unfault=on_production(FUNCTION.format(column="discount_code")),
        in_force="SELECT 1 FROM pg_proc WHERE proname = 'discount_of' AND prosrc NOT LIKE '%discount_code%'",
        traffic=False,
    ),
    Scenario(
        id="type-made-again",
        title="A session from before knows the type by its old number",
        story="The migration passed. Some requests end in an internal error, others do not.",
        seen="broken",
        expected="driver-caches-types",
        decoys=("corruption-surfaced", "cached-plan-result-type"),
        runners=ONE_FILE,
        migration={
            "migrations/0092_sales_channel.sql": (
                "ALTER TYPE sales_channel RENAME TO sales_channel_old;\n"
                "CREATE TYPE sales_channel AS ENUM ('shop', 'phone', 'partner');\n"
                "ALTER TABLE customers ALTER COLUMN channel TYPE sales_channel USING channel::text::sales_channel;\n"
                "DROP TYPE sales_channel_old;\n"
            )
        },
        prepare=on_both(
            "CREATE TYPE sales_channel AS ENUM ('shop', 'phone'); ALTER TABLE customers ADD COLUMN channel sales_channel"
        ),
        fault=connected_from_before(),
        incident=it_executes_its_statement,
        unfault=it_connects_anew,
        in_force="SELECT 1 FROM pg_stat_activity WHERE application_name = 'web-1'",
        traffic=False,
    ),
    Scenario(
        id="unique-index-let-duplicates-in",
        title="A unique index holds duplicates, and nobody knew",
        story="A new unique index fails on duplicates. There has been a unique index on that column for years.",
        seen="failed",
        expected="corrupt-unique-index",
        decoys=("unique-violation-existing-duplicates", "collation-version-mismatch"),
        runners=ONE_FILE,
        migration={
            "migrations/0093_products_sku_name.sql": (
                "CREATE UNIQUE INDEX products_sku_name_key ON products (sku, name);\n"
            )
        },
        fault=both(
            as_superuser(INDEX.format("false")),
            as_superuser("INSERT INTO products (sku, name, price) SELECT sku, name, 1 FROM products WHERE id = 7"),
            as_superuser(INDEX.format("true")),
        ),
        unfault=as_superuser(
            "DELETE FROM products a USING products b WHERE a.sku = b.sku AND a.id > b.id; REINDEX TABLE products"
        ),
        sqlstate="23505",
        in_force="SELECT 1 FROM products WHERE id > 0 GROUP BY sku, name HAVING count(*) > 1",
        traffic=False,
    ),
)
