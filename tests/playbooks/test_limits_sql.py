"""The SQL of the playbooks on what a server has room for runs on every major, whatever the objects are called."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from runbook.diagnosis.facts import Fact, FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import playbooks
from tests.support import BARE, Database

CAUSES = ("lock-table-full", "too-many-columns", "statement-too-large", "wraparound-protection", "out-of-memory")
TABLE = '"My Schema"."Order\'s ""Items"""'
SETUP = f"""
    CREATE SCHEMA "My Schema";
    CREATE TABLE {TABLE} (id int, "E mail" text) PARTITION BY LIST (id);
    CREATE TABLE "My Schema"."it's one" PARTITION OF {TABLE} FOR VALUES IN (1);
"""
KINDS = ("DROP TABLE", "TRUNCATE TABLE", "UPDATE", "ALTER TABLE", "CREATE INDEX")


def hostile(database: Database, **other: Any) -> FactBook:
    """The samples, with names that break whoever quotes by hand."""
    book = FactBook.of_samples()
    facts = {
        "production.major": database.major,
        "production.database": database.name,
        "production.role": BARE,
        "failing.relation": TABLE,
        "failing.column": '"E mail"',
        "limits.locks_of": [{**book.value("limits.locks_of")[0], "relation": TABLE}],
        "limits.columns_full": [{**book.value("limits.columns_full")[0], "relation": TABLE}],
        **other,
    }
    return book.with_facts(Fact(id_, value, "test", "test") for id_, value in facts.items())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cause", CAUSES)
def test_every_look_runs_on_every_major_and_writes_nothing(matrix_database: Database, cause: str, kind: str) -> None:
    matrix_database.execute(SETUP)
    rendered = playbooks()[cause].render(hostile(matrix_database, **{"failing.kind": kind}))
    checks = [b for b in rendered.sql if not b.changes and b.on == "production"]
    assert checks
    with matrix_database.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for check in checks:
            for statement in split(check.sql)[0]:
                try:
                    connection.execute(statement.sql.encode())
                except psycopg.Error as error:
                    raise AssertionError(f"{check.section}: {check.sql}") from error
