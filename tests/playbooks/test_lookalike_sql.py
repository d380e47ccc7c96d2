"""The SQL of the playbook on look-alike types runs on every major, for every kind of them, with hostile names."""

from __future__ import annotations

import psycopg
import pytest

from runbook.diagnosis.facts import Fact, FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import playbooks
from tests.support import Database

TABLE = '"My Schema"."Order\'s ""Items"""'
KINDS = [("json", "json", "jsonb"), ("exact", "double precision", "numeric"), ("blanks", "character(9)", "text")]


@pytest.mark.parametrize(("kind", "production", "local"), KINDS, ids=[k[0] for k in KINDS])
def test_every_look_and_every_cast_runs(matrix_database: Database, kind: str, production: str, local: str) -> None:
    matrix_database.execute(
        f'CREATE SCHEMA "My Schema"; CREATE TABLE {TABLE} (id int, "Va lue" {production});'
        f" INSERT INTO {TABLE} VALUES (1, '1')"
    )
    samples = FactBook.of_samples()
    row = {**samples.value("dependency.lookalikes")[0], "relation": TABLE, "column": '"Va lue"', "kind": kind}
    rows = [{**row, "production": production, "local": local}]
    facts = {"dependency.lookalikes": rows, "failing.relation": TABLE, "failing.column": '"Va lue"'}
    book = samples.with_facts(Fact(id_, value, "test", "test") for id_, value in facts.items())
    with matrix_database.connect() as connection:
        for block in playbooks()["type-semantics-differ"].render(book).sql:
            connection.execute(f"SET default_transaction_read_only = {'off' if block.changes else 'on'}".encode())
            for statement in split(block.sql)[0]:
                try:
                    connection.execute(statement.sql.encode())
                except psycopg.Error as error:
                    raise AssertionError(f"{block.section}: {block.sql}") from error
    name = TABLE.replace("'", "''")
    [(now,)] = matrix_database.execute(
        f"SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '{name}'::regclass"
        " AND attname = 'Va lue'"
    )
    assert now == local
