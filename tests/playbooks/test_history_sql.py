"""The SQL of the playbooks on production's past runs on every major, whatever the objects are called."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from runbook.diagnosis.facts import Fact, FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import playbooks
from tests.support import BARE, Database

CAUSES = (
    "partially-applied-migration",
    "enum-value-used-in-same-transaction",
    "several-migrations-in-one-transaction",
    "schema-drift",
    "out-of-order-migration",
    "edited-after-applied",
    "unknown-revision-in-history",
    "history-table-elsewhere",
    "object-kind-differs",
    "function-ambiguous",
    "concurrent-migrators",
    "concurrent-catalog-update",
    "extension-in-other-schema",
)
TABLE, HISTORY, TYPE = '"My Schema"."Order\'s ""Items"""', '"My Schema"."schema migrations"', '"My Schema"."Sta\'tus"'
SETUP = f"""
    CREATE SCHEMA "My Schema";
    CREATE TYPE {TYPE} AS ENUM ('new');
    CREATE TABLE {TABLE} (id int PRIMARY KEY, "E mail" text, state {TYPE});
    CREATE TABLE {HISTORY} (version text);
    CREATE FUNCTION "My Schema"."Mark it"(text, numeric) RETURNS int LANGUAGE sql AS 'SELECT 1';
"""


def hostile(database: Database, **other: Any) -> FactBook:
    """The samples, with names that break whoever quotes by hand."""
    book = FactBook.of_samples()
    facts = {
        "production.major": database.major,
        "production.database": database.name,
        "production.role": BARE,
        "production.extensions": {"it's": {"version": "1", "schema": "My Schema"}},
        "schema.error_object_extension": "it's",
        "failing.relation": TABLE,
        "failing.column": '"E mail"',
        "history.table": HISTORY,
        "history.unknown": ["it's_gone'; x"],
        "history.meets": [{**book.value("history.meets")[0], "label": "it's back", "type": TYPE}],
        "history.one_transaction": ["it's/0001 a.sql", "0002.sql"],
        "history.kinds": [{"relation": TABLE, "local": "view", "production": "table", "owner": 'An "owner"'}],
        "history.elsewhere": [
            {**book.value("history.elsewhere")[0], "table": HISTORY, "schema": "My Schema", "found": HISTORY}
        ],
        "history.overloads": [
            {
                "signature": '"My Schema"."Mark it"(text, numeric)',
                "kind": "FUNCTION",
                "extension": "",
                "on_local": False,
            }
        ],
    } | other
    return book.with_facts(Fact(id_, value, "test", "test") for id_, value in facts.items())


@pytest.mark.parametrize("cause", CAUSES)
def test_every_look_runs_on_every_major_and_writes_nothing(matrix_database: Database, cause: str) -> None:
    matrix_database.execute(SETUP)
    checks = [b for b in playbooks()[cause].render(hostile(matrix_database)).sql if not b.changes]
    assert checks
    assert all(c.runnable for c in checks), [c.missing for c in checks]
    with matrix_database.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for check in checks:
            for statement in split(check.sql)[0]:
                try:
                    connection.execute(statement.sql.encode())
                except psycopg.Error as error:
                    raise AssertionError(f"{check.section}: {check.sql}") from error


@pytest.mark.parametrize("cause", CAUSES)
def test_with_nothing_known_nothing_that_changes_can_be_run(cause: str) -> None:
    for block in playbooks()[cause].render(FactBook()).sql:
        assert block.runnable or block.missing
        assert not (block.changes and block.runnable), block.sql


def test_files_with_quotes_in_their_names_stay_one_word_of_the_shell(database: Database) -> None:
    text = playbooks()["several-migrations-in-one-transaction"].render(hostile(database)).sections["fix"]
    assert "--file 'it'\\''s/0001 a.sql'" in text
    text = playbooks()["unknown-revision-in-history"].render(hostile(database)).sections["fix"]
    assert "'*its_gone; x*'" in text
