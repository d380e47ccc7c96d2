"""A transaction that touches more relations than the lock table has room for is foretold, as a server shows it."""

from __future__ import annotations

import psycopg
import pytest

from runbook.lab.servers import start_server
from runbook.migration import forecast, parse
from runbook.migration.lock_table import room
from runbook.postgres import connect, read_catalog
from tests import support

SMALL = {
    "max_locks_per_transaction": "10", "max_connections": "10", "max_worker_processes": "1", "max_wal_senders": "0",
    "max_replication_slots": "0", "wal_level": "minimal", "max_prepared_transactions": "0", "autovacuum_max_workers": "1",
    "superuser_reserved_connections": "1",
}  # fmt: skip
PARTITIONS = 3000


@pytest.mark.parametrize("major", sorted({min(support.majors()), max(support.majors())}))
async def test_a_lock_table_too_small_for_the_partitions_touched_is_foretold(major: int) -> None:
    settings = {**SMALL, "autovacuum_worker_slots": "1"} if major >= 18 else SMALL
    with start_server(major, settings=settings) as server, psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE p (a int, b int) PARTITION BY LIST (a); CREATE TABLE small (a int)")
        for start in range(0, PARTITIONS, 50):
            made = "; ".join(f"CREATE TABLE p{n} PARTITION OF p FOR VALUES IN ({n})" for n in range(start, start + 50))
            connection.execute(made.encode())
        async with await connect(server.dsn()) as reader:
            catalog = await read_catalog(reader)
        slots = room(catalog)
        assert slots is not None
        assert slots < PARTITIONS
        told, fine = forecast(
            parse("ALTER TABLE p ADD c int; ALTER TABLE small ADD c int", runner="psql"), catalog
        ).statements
        assert told.fails is not None
        assert (told.fails.sqlstate, told.fails.certain) == ("53200", False)
        assert fine.fails is None
        with pytest.raises(psycopg.errors.OutOfMemory):
            connection.execute("ALTER TABLE p ADD c int")
