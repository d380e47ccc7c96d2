"""Objects that are there, or not, or elsewhere: what somebody did on production and nowhere else."""

from runbook.lab.scenario import Scenario, as_superuser, on_both, on_production, rewritten
from runbook.lab.tools import ONE_FILE
from runbook.lab.tools.printed import PRINTED_NAMES

SCENARIOS = (
    Scenario(
        id="column-already-there",
        title="Somebody added the column by hand",
        story="During an outage a column was added on production. Today its migration came.",
        seen="failed",
        expected="object-already-exists",
        runners=ONE_FILE,
        migration={"migrations/0081_customers_vat.sql": "ALTER TABLE customers ADD COLUMN vat_id text;\n"},
        fault=on_production("ALTER TABLE customers ADD COLUMN vat_id text"),
        unfault=on_production("ALTER TABLE customers DROP COLUMN vat_id"),
        sqlstate="42701",
    ),
    Scenario(
        id="index-was-dropped",
        title="The index to be replaced is not there",
        story="Somebody removed an unused index on production last year.",
        seen="failed",
        expected="missing-object",
        runners=ONE_FILE,
        migration={"migrations/0082_drop_items_index.sql": "DROP INDEX order_items_order_id_idx;\n"},
        fault=on_production("DROP INDEX order_items_order_id_idx"),
        unfault=on_production("CREATE INDEX order_items_order_id_idx ON order_items (order_id)"),
        sqlstate="42704",
        traffic=False,
    ),
    Scenario(
        id="other-search-path",
        title="The table is there, in a schema that the deployer does not look into",
        story="Production says that the table does not exist. Everybody can see it.",
        seen="failed",
        expected="search-path-difference",
        runners=("psql", *PRINTED_NAMES),
        migration={"migrations/0083_ratings_note.sql": "ALTER TABLE ratings ADD COLUMN note text;\n"},
        prepare=on_both(
            "CREATE SCHEMA feedback; CREATE TABLE feedback.ratings (id bigint PRIMARY KEY, stars int);"
            "ALTER ROLE CURRENT_USER SET search_path = public, feedback"
        ),
        fault=as_superuser("ALTER ROLE deploy RESET search_path"),
        unfault=as_superuser("ALTER ROLE deploy SET search_path = public, feedback"),
        sqlstate="42P01",
    ),
    Scenario(
        id="concurrently-in-transaction",
        title="CONCURRENTLY inside the tool's transaction",
        story="On the laptops psql runs the files one statement at a time; the pipeline adds --single-transaction.",
        seen="failed",
        expected="not-allowed-in-transaction",
        runner="pgx",
        runners=tuple(
            name for name in PRINTED_NAMES if name not in ("ecto", "drizzle", "sqlx", "dbmate", "node-pg-migrate")
        ),
        migration={
            "migrations/0084_orders_reference.sql": (
                "CREATE INDEX CONCURRENTLY orders_reference_idx ON orders (reference);\n"
            )
        },
        local_runner="psql",
        unfault=rewritten("CREATE INDEX orders_reference_idx ON orders (reference);\n"),
        sqlstate="25001",
    ),
    Scenario(
        id="default-read-only",
        title="The database is read-only by default",
        story="Since the night's maintenance nothing can be migrated. It is the primary, all are sure.",
        seen="failed",
        expected="read-only-default",
        runners=("psql", *PRINTED_NAMES),
        migration={"migrations/0085_orders_gift.sql": "ALTER TABLE orders ADD COLUMN gift boolean;\n"},
        fault=as_superuser("ALTER ROLE deploy SET default_transaction_read_only = on"),
        unfault=as_superuser("ALTER ROLE deploy RESET default_transaction_read_only"),
        sqlstate="25006",
    ),
)
