"""The SQL of the playbook on rewrites by time zone runs on every major, with hostile names; the change writes no row."""

from __future__ import annotations

from runbook.diagnosis.facts import Fact, FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import playbooks
from tests.support import BARE, Database

TABLE = '"My Schema"."Order\'s ""Items"""'


def test_every_look_and_the_change_run_on_every_major(matrix_database: Database) -> None:
    matrix_database.execute(
        f'CREATE SCHEMA "My Schema"; CREATE TABLE {TABLE} (id int, "Placed at" timestamp); CREATE INDEX ON {TABLE} ("Placed at")'
    )
    name = TABLE.replace("'", "''")
    samples = FactBook.of_samples()
    sql = f'ALTER TABLE {TABLE} ALTER COLUMN "Placed at" TYPE timestamptz'
    row = {**samples.value("migration.zone_rewrites")[0], "relation": TABLE, "column": '"Placed at"', "sql": sql}
    facts = {"migration.zone_rewrites": [row], "production.role": BARE, "locks.migration_found": False}
    book = samples.with_facts(Fact(id_, value, "test", "test") for id_, value in facts.items())
    file = f"SELECT pg_relation_filenode('{name}')"
    before = matrix_database.execute(file)
    try:
        with matrix_database.connect() as connection:
            for block in playbooks()["rewrite-depends-on-timezone"].render(book).sql:
                connection.execute(f"SET default_transaction_read_only = {'off' if block.changes else 'on'}".encode())
                for statement in split(block.sql)[0]:
                    connection.execute(statement.sql.encode())
    finally:
        matrix_database.execute(f"ALTER ROLE {BARE} RESET ALL")
    assert matrix_database.execute(file) == before
    [(type_,)] = matrix_database.execute(
        f"SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = '{name}'::regclass AND attnum = 2"
    )
    assert type_ == "timestamp with time zone"
