"""The SQL of the playbooks on disks runs on every major, whatever the objects are called."""

from __future__ import annotations

import psycopg
import pytest

from runbook.diagnosis.facts import Fact, FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import playbooks
from tests.support import BARE, Database

CAUSES = (
    "temp-file-limit",
    "inactive-replication-slot",
    "disk-full",
    "wal-volume-fills-disk",
    "shared-memory-too-small",
)
TABLE = '"My Schema"."Order\'s ""Items"""'
INDEX = f'CREATE INDEX CONCURRENTLY "Items\' key" ON {TABLE} ("E mail")'


def hostile(database: Database) -> FactBook:
    """The samples, with names that break whoever quotes by hand."""
    samples = FactBook.of_samples()
    facts = {
        "production.major": database.major,
        "production.database": database.name,
        "production.role": BARE,
        "disk.temp_limit_source": f"role {BARE}",
        "disk.sorts": [{**samples.value("disk.sorts")[0], "index": "Items' key", "relation": TABLE, "sql": INDEX}],
        "failing.sql": INDEX,
        "failing.concurrently": True,
        "failing.relation": TABLE,
        "failing.relation_name": 'Order\'s "Items"',
        "failing.index_relation": '"My Schema"."Items\' key"',
        "failing.columns": ['"E mail"'],
    }
    return samples.with_facts(Fact(id_, value, "test", "test") for id_, value in facts.items())


@pytest.fixture
def shop(matrix_database: Database) -> Database:
    matrix_database.execute(f'CREATE SCHEMA "My Schema"; CREATE TABLE {TABLE} (id int PRIMARY KEY, "E mail" text)')
    matrix_database.execute(f'ALTER TABLE {TABLE} OWNER TO {BARE}; GRANT ALL ON SCHEMA "My Schema" TO {BARE}')
    return matrix_database


@pytest.mark.parametrize("cause", CAUSES)
def test_every_look_runs_on_every_major_and_writes_nothing(shop: Database, cause: str) -> None:
    checks = [b for b in playbooks()[cause].render(hostile(shop)).sql if not b.changes and b.on == "production"]
    assert checks
    with shop.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for check in checks:
            for statement in split(check.sql)[0]:
                try:
                    connection.execute(statement.sql.encode())
                except psycopg.Error as error:
                    raise AssertionError(f"{check.section}: {check.sql}") from error


def changes(database: Database, cause: str, section: str, on: str = "production", **facts: str) -> list[str]:
    """The statements of a section that change something, block by block."""
    book = hostile(database).with_facts(Fact(f"disk.{name}", value, "test", "test") for name, value in facts.items())
    found = playbooks()[cause].render(book).sql
    return [b.sql for b in found if b.section == section and b.changes and b.on == on]


def run(database: Database, sql: str, role: str | None = None) -> None:
    with database.connect() as connection:
        if role is not None:
            connection.execute(f"SET ROLE {role}")
        for statement in split(sql)[0]:
            connection.execute(statement.sql.encode())


def test_an_ordinary_role_may_give_the_build_memory_and_only_a_superuser_a_higher_limit(shop: Database) -> None:
    cause = "temp-file-limit"
    [in_memory] = changes(shop, cause, "fix", "file")
    run(shop, in_memory, BARE)
    drop, reset = changes(shop, cause, "roll_back")
    run(shop, drop, BARE)
    [higher] = changes(shop, cause, "fix")
    limit = f"SELECT setting FROM pg_db_role_setting, unnest(setconfig) setting WHERE setrole = '{BARE}'::regrole"
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(shop, higher, BARE)
        run(shop, higher)
        with shop.connect(BARE) as session:
            assert session.execute("SHOW temp_file_limit").fetchone() != ("-1",)
        assert [row[0].split("=")[0] for row in shop.execute(limit)] == ["temp_file_limit"]
        # one that the role had in this database is set again, not forgotten
        _, again = changes(shop, cause, "roll_back", temp_limit_source=f"role {BARE} in database {shop.name}")
        run(shop, again)
        assert shop.execute(limit) == [("temp_file_limit=1048576kB",)]
    finally:
        run(shop, reset)
    assert shop.execute(limit) == []


def test_a_slot_is_dropped_by_whoever_may_replicate_and_by_nobody_else(shop: Database) -> None:
    [drop, *_] = changes(shop, "inactive-replication-slot", "fix")
    assert "old_replica" in drop
    shop.execute("SELECT pg_create_physical_replication_slot('old_replica', true)")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(shop, drop, BARE)
    finally:
        shop.execute(f"ALTER ROLE {BARE} REPLICATION")
        run(shop, drop, BARE)
        shop.execute(f"ALTER ROLE {BARE} NOREPLICATION")
    assert shop.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'old_replica'") == []
