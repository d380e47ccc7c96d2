"""A batch is told from a backfill by the table's own indexes, not by what its columns are called."""

from __future__ import annotations

import pytest

from runbook.migration import parse
from runbook.migration.catalog import Column, Index, Relation
from runbook.triage.failing import is_whole_table, parts_of

READINGS = Relation(
    "public",
    "readings",
    columns=(Column("device", "int"), Column("taken_at", "timestamptz"), Column("id", "int"), Column("site_id", "int")),
    indexes=(Index("readings_pkey", ("device", "taken_at"), unique=True, primary=True),),
)


@pytest.mark.parametrize(
    ("where", "known", "unknown"),
    [
        ("", True, True),
        ("WHERE device BETWEEN 1 AND 1000", False, True),
        ("WHERE id < 1000", True, False),
        ("WHERE site_id = 7", True, False),
        ("WHERE id IN (SELECT id FROM readings LIMIT 500)", False, False),
        ("WHERE ctid = ANY (ARRAY(SELECT ctid FROM readings WHERE v IS NULL LIMIT 10))", False, False),
        ("WHERE v IS NULL", True, True),
    ],
)
def test_an_indexed_column_in_the_where_makes_a_batch(where: str, known: bool, unknown: bool) -> None:
    (statement,) = parse(f"UPDATE readings SET v = 0 {where}", runner="psql").statements
    parts = parts_of(statement)
    assert is_whole_table(parts, READINGS) is known
    assert is_whole_table(parts, None) is unknown


def test_a_statement_that_writes_no_rows_of_its_own_is_no_backfill() -> None:
    (statement,) = parse("ALTER TABLE readings ADD COLUMN v int", runner="psql").statements
    assert not is_whole_table(parts_of(statement), READINGS)
