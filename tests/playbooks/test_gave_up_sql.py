"""The SQL of the playbooks on clients that gave up runs on every major, whatever the objects are called."""

from __future__ import annotations

import psycopg
import pytest

from runbook.diagnosis.facts import Fact, FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import playbooks
from tests.support import BARE, Database

CAUSES = ("client-side-timeout", "network-idle-timeout", "runner-deadline")
TABLE = '"My Schema"."Order\'s ""Items"""'


def hostile(database: Database) -> FactBook:
    """The samples, with names that break whoever quotes by hand."""
    samples = FactBook.of_samples()
    facts = {
        "production.major": database.major,
        "production.role": BARE,
        "failing.relation": TABLE,
        "failing.in_transaction": False,
        "migration.relations": [TABLE],
    }
    return samples.with_facts(Fact(id_, value, "test", "test") for id_, value in facts.items())


@pytest.mark.parametrize("cause", CAUSES)
def test_every_look_runs_on_every_major_and_writes_nothing(matrix_database: Database, cause: str) -> None:
    blocks = [b for b in playbooks()[cause].render(hostile(matrix_database)).sql if b.on in ("production", "file")]
    with matrix_database.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for block in blocks:
            if block.changes and block.on == "production":
                continue
            for statement in split(block.sql)[0]:
                try:
                    connection.execute(statement.sql.encode())
                except psycopg.Error as error:
                    raise AssertionError(f"{block.section}: {block.sql}") from error


@pytest.mark.parametrize("cause", CAUSES)
def test_what_is_set_for_the_role_can_be_set_and_is_taken_back(matrix_database: Database, cause: str) -> None:
    changes = [
        b.sql
        for b in playbooks()[cause].render(hostile(matrix_database)).sql
        if b.changes and b.on == "production" and "ALTER ROLE" in b.sql
    ]
    if matrix_database.major >= 14 and cause != "client-side-timeout":
        assert changes
    try:
        for sql in changes:
            matrix_database.execute(sql)
    finally:
        matrix_database.execute(f"ALTER ROLE {BARE} RESET ALL")
