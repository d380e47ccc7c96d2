"""What production replicates, and a laptop does not: publications, subscribers, logical slots."""

import asyncio
from typing import TYPE_CHECKING

from runbook.lab.scenario import DATABASE, WRITES, Scenario, Stage, as_superuser, both
from runbook.lab.tools import ONE_FILE
from runbook.lab.tools.printed import PRINTED_NAMES

if TYPE_CHECKING:
    from psycopg import AsyncConnection

# -- a slot and the other databases of its server ------------------------------------------------------------------------


async def batch_of_another_database(stage: Stage) -> None:
    """A batch job that has written, in a database that nobody thinks of, and that has not committed."""
    from psycopg import AsyncConnection

    address = stage.production.dsn("postgres")
    batch = await AsyncConnection.connect(address, autocommit=True, application_name=stage.text("nightly"))
    stage.sessions["batch"] = batch
    await batch.execute("BEGIN")
    await batch.execute("CREATE TEMP TABLE sums (n int)")


async def hang(stage: Stage) -> None:
    """The migration makes its slot, and hangs."""
    stage.migrating()


async def batch_ends(stage: Stage) -> None:
    """The batch job's session ends."""
    await stage.leave("batch")


# -- a subscriber ----------------------------------------------------------------------------------------------------------

COLUMNS = """
SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0 AND NOT attisdropped
"""
STREAMS = "SELECT 1 FROM pg_stat_replication WHERE application_name = 'warehouse' AND state = 'streaming'"


async def warehouse_subscribes(stage: Stage) -> None:
    """A data warehouse on another server gets the orders by logical replication, from now on."""
    await stage.execute("production", "CREATE PUBLICATION warehouse FOR TABLE orders", "postgres")
    [(columns,)] = await stage.execute("production", COLUMNS)
    server = stage.production
    address = f"host={server.socket_dir} port={server.port} user=postgres dbname={stage.text(DATABASE)}"
    async with await _warehouse(stage, "postgres") as connection:
        await connection.execute("CREATE DATABASE warehouse")
    async with await _warehouse(stage, "warehouse") as connection:
        await connection.execute(stage.text(f"CREATE TABLE orders ({columns}, PRIMARY KEY (id))").encode())
        await connection.execute(
            f"CREATE SUBSCRIPTION warehouse CONNECTION '{address}' PUBLICATION warehouse WITH (copy_data = false)".encode()
        )
    await stage.until(STREAMS)


async def _warehouse(stage: Stage, database: str) -> "AsyncConnection":
    """The laptop's server stands for the warehouse's as well: its databases know nothing of each other."""
    from psycopg import AsyncConnection

    return await AsyncConnection.connect(stage.local.dsn(database), autocommit=True)


async def warehouse_complains(stage: Stage) -> str:
    """The team of the warehouse sends what stands in its server's log."""
    await stage.execute("production", WRITES[0].replace(":id", "7"))
    async with asyncio.timeout(30):
        while True:
            lines = [line for line in stage.local.log().splitlines() if "ERROR:  logical replication target" in line]
            if lines:
                return lines[-1] + "\n"
            await asyncio.sleep(0.05)


async def warehouse_gets_the_column(stage: Stage) -> None:
    """The warehouse's table gets the column too, and replication goes on."""
    async with await _warehouse(stage, "warehouse") as connection:
        await connection.execute(stage.text("ALTER TABLE orders ADD COLUMN gift boolean").encode())


SCENARIOS = (
    Scenario(
        id="published-without-key",
        title="Change data capture, and a table without a primary key",
        story="The backfill passed everywhere but on production. Nobody here knows of a 'replica identity'.",
        seen="failed",
        expected="publication-needs-replica-identity",
        decoys=("schema-drift", "object-kind-differs"),
        runners=PRINTED_NAMES,
        migration={
            "migrations/0131_items_quantity.sql": "UPDATE order_items SET quantity = 1 WHERE quantity < 1;\n",
        },
        fault=as_superuser("CREATE PUBLICATION cdc FOR ALL TABLES"),
        unfault=as_superuser("DROP PUBLICATION cdc"),
        sqlstate="55000",
        harmful=("DROP PUBLICATION",),
        traffic=False,
    ),
    Scenario(
        id="slot-behind-batch",
        title="A replication slot waits for a batch job in another database",
        story="The deploy that makes the slot for the search index hangs. No lock is on any table.",
        seen="hanging",
        expected="logical-slot-waits",
        decoys=("lock-wait-idle-in-transaction",),
        migration={
            "migrations/0132_search_slot.sql": "SELECT pg_create_logical_replication_slot('search_index', 'pgoutput');\n"
        },
        fault=both(as_superuser("ALTER ROLE deploy REPLICATION"), batch_of_another_database),
        attempt=False,
        incident=hang,
        unfault=batch_ends,
        in_force="""
            SELECT 1 FROM pg_stat_activity
            WHERE application_name = 'deploy' AND wait_event = 'transactionid' AND clock_timestamp() - query_start > '2.5 s'
        """,
        traffic=False,
    ),
    Scenario(
        id="warehouse-stopped",
        title="The warehouse's copy of the orders stops after a new column",
        story="The migration passed. An hour later the data warehouse says that no order comes in any more.",
        seen="broken",
        expected="ddl-not-replicated",
        decoys=("replication-lag", "schema-drift"),
        runners=ONE_FILE,
        migration={"migrations/0133_orders_gift.sql": "ALTER TABLE orders ADD COLUMN gift boolean;\n"},
        fault=warehouse_subscribes,
        incident=warehouse_complains,
        unfault=warehouse_gets_the_column,
        harmful=("SKIP \\(", "pg_drop_replication_slot", "DROP SUBSCRIPTION"),
    ),
)
