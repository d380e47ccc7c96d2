"""What is certain of a table that the migration itself made, where no server was asked."""

from __future__ import annotations

import pytest

from runbook.migration.apply import apply
from runbook.migration.catalog import Catalog
from runbook.migration.effects import effects
from runbook.migration.statement import split


def _told(sql: str) -> tuple[str, bool] | None:
    *before, last = split(sql, psql=False)[0]
    catalog = Catalog.assumed(180000)
    for statement in before:
        catalog = apply(catalog, statement)
    fails = effects(last, catalog).fails
    return (fails.sqlstate, fails.certain) if fails is not None else None


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t DROP COLUMN b",
        "ALTER TABLE t ALTER COLUMN b SET NOT NULL",
        "ALTER TABLE t ALTER COLUMN b TYPE bigint",
        "ALTER TABLE t RENAME COLUMN b TO c",
        "CREATE INDEX ON t (b)",
        "COMMENT ON COLUMN t.b IS 'x'",
    ],
)
def test_a_column_that_a_table_made_in_the_same_migration_lacks_is_told_without_a_server(statement: str) -> None:
    assert _told(f"CREATE TABLE t (a int); {statement};") == ("42703", True)


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE IF NOT EXISTS t (a int)",
        "CREATE TABLE t (LIKE other, a int)",
        "CREATE TABLE t (a int) INHERITS (other)",
        "CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS a",
        "DO $$ BEGIN IF now() > '2020-01-01' THEN CREATE TABLE t (a int); END IF; END $$",
    ],
)
def test_a_table_that_may_have_more_columns_than_were_seen_is_not_said_to_lack_one(made: str) -> None:
    assert _told(f"{made}; ALTER TABLE t DROP COLUMN b;") is None


def test_adding_a_column_that_create_if_not_exists_names_may_be_what_an_older_table_needs() -> None:
    assert _told("CREATE TABLE t (a int); ALTER TABLE t ADD COLUMN a int;") == ("42701", True)
    assert _told("CREATE TABLE IF NOT EXISTS t (a int); ALTER TABLE t ADD COLUMN a int;") == ("42701", False)
