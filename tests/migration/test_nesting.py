"""A statement that nests deeper than any server takes is told, and does not take the program down."""

from __future__ import annotations

import pytest

from runbook.migration import forecast, parse
from runbook.migration.catalog import Catalog
from runbook.migration.nesting import ENOUGH, nesting

DEEP = {
    "+": "ALTER TABLE t ADD CHECK ({} > 0)".format("+".join(["a"] * 60_000)),
    "||": "CREATE INDEX ON t (({}))".format(" || ".join(["a"] * 60_000)),
    "UNION ALL": "CREATE VIEW v AS {}".format(" union  all ".join(["SELECT 1, 'x'"] * 60_000)),
    "(": f"SELECT {'(' * 60_000}1{')' * 60_000}",
    "CASE": f"SELECT {'CASE WHEN true THEN ' * 60_000}1{' END' * 60_000}",
    "::": "UPDATE t SET a = 1{}".format("::int" * 60_000),
}


@pytest.mark.parametrize("terms", [ENOUGH - 10, ENOUGH + 10])
def test_up_to_that_depth_everything_is_analysed(terms: int) -> None:
    for sql in ("ALTER TABLE t ADD CHECK ({} > 0)", "CREATE INDEX ON t (({}))", "UPDATE t SET a = {}"):
        migration = parse(sql.format(" + ".join(["a"] * terms)), runner="psql")
        assert (migration.statements[0].problem is None) == (terms < ENOUGH)
        assert forecast(migration, Catalog.assumed()).statements


@pytest.mark.parametrize("by", DEEP)
def test_a_statement_too_deep_for_the_parser_is_named_and_the_rest_of_the_file_is_read(by: str) -> None:
    migration = parse(f"{DEEP[by]};\nALTER TABLE t ADD COLUMN b int;", runner="psql")
    deep, rest = migration.statements
    assert "nested too deeply" in (deep.problem or "") or "memory exhausted" in (deep.problem or "")
    assert rest.kind == "ALTER TABLE"
    assert len(forecast(migration, Catalog.assumed()).statements) == 2
    found = nesting(DEEP[by])
    assert (found.levels > ENOUGH, found.by) == (True, by)


FLAT = {
    "ids": "DELETE FROM t WHERE a IN ({})".format(", ".join(f"{n}+1" for n in range(20_000))),
    "or": "DELETE FROM t WHERE {}".format(" OR ".join(f"a = {n}" for n in range(5_000))),
    "rows": "INSERT INTO t VALUES {}".format(", ".join(f"({n}, '2024-01-01 - || + :: it''s')" for n in range(5_000))),
    "body": "DO $x$ {} $x$".format("BEGIN a := 1 + 1; END " * 5_000),
    "names": 'SELECT {} -- || || ||\n FROM "a||b||c" /* + + + */'.format(
        ", ".join(f"'a' || {n}" for n in range(5_000))
    ),
}


@pytest.mark.parametrize("sql", FLAT.values(), ids=FLAT)
def test_a_long_statement_that_does_not_nest_is_read(sql: str) -> None:
    [statement] = parse(sql, runner="psql").statements
    assert statement.problem is None
    assert nesting(sql).levels < 10
