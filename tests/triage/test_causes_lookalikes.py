"""Types that hold the same values and behave otherwise: told from what is missing and from types that differ indeed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.triage.incident import causes, explain, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, run, run_the_checks, shop

ALIKE = "type-semantics-differ"
SHOP = f"""
    CREATE SCHEMA "My Schema";
    CREATE TABLE {TABLE_SQL} (id int PRIMARY KEY, "Pay load" jsonb, price numeric, note text);
    INSERT INTO {TABLE_SQL} SELECT n, jsonb_build_object('a', n), n * 1.005, 'x' FROM generate_series(1, 50) n;
"""
JSON = f'ALTER TABLE {TABLE_SQL} ALTER "Pay load" TYPE json'
FLOAT = f"ALTER TABLE {TABLE_SQL} ALTER price TYPE double precision"

CASES = [
    # major, what is other on production, migration, SQLSTATE, whether the forecast knows
    (12, JSON, f'CREATE INDEX ON {TABLE_SQL} USING gin ("Pay load")', "42704", True),
    (13, JSON, f'CREATE INDEX ON {TABLE_SQL} USING gin ("Pay load" jsonb_path_ops)', "42804", False),
    (14, JSON, f'CREATE TABLE copies AS SELECT DISTINCT "Pay load" FROM {TABLE_SQL}', "42883", False),
    (15, JSON, f"DELETE FROM {TABLE_SQL} WHERE \"Pay load\" @> '{{\"a\": 2}}'", "42883", False),
    (16, JSON, f"UPDATE {TABLE_SQL} SET \"Pay load\" = jsonb_set(\"Pay load\", '{{b}}', '1')", "42883", False),
    (17, FLOAT, f"UPDATE {TABLE_SQL} SET price = round(price, 2)", "42883", False),
    (18, JSON, f'ALTER TABLE {TABLE_SQL} ADD UNIQUE ("Pay load")', "42704", True),
]  # fmt: skip


@pytest.mark.parametrize(("major", "fault", "sql", "sqlstate", "foretold"), CASES, ids=[f"pg{c[0]}" for c in CASES])
async def test_a_lookalike_type_is_named_before_and_after_and_a_cast_is_offered(
    major: int, fault: str, sql: str, sqlstate: str, foretold: bool, tmp_path: Path
) -> None:
    path = write(tmp_path, sql + ";\n")
    with shop(major, SHOP) as (local, production):
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state) == [], explain(state)
        production.execute(fault)
        state = await triage(local, production, migration=path, seen="planned")
        assert (likely(state) == [ALIKE]) is foretold, explain(state)
        assert psql(local, path) == ""
        error = psql(production, path)
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [ALIKE], error + explain(state)
        assert state.error is not None
        assert state.error.sqlstate == sqlstate, error
        run_the_checks(ALIKE, state, production)
        for block in blocks(ALIKE, state, "fix", changes=True, on="file"):
            run(production, block)
        assert psql(production, path) == "", "with local's type it passes"


@pytest.mark.parametrize(
    ("fault", "sql", "cause"),
    [
        (f"ALTER TABLE {TABLE_SQL} ALTER price TYPE text", f"ALTER TABLE {TABLE_SQL} ADD CHECK (price > 0)", "column-type-differs"),
        (JSON, f"UPDATE {TABLE_SQL} SET note = no_such_function(note)", "missing-object"),
        (FLOAT, f"UPDATE {TABLE_SQL} SET price = no_such_function(price)", "missing-object"),
    ],
    ids=["other values", "nothing to do with it", "no such function"],
)  # fmt: skip
async def test_a_type_that_holds_other_values_and_a_function_that_is_missing_are_not_lookalikes(
    fault: str, sql: str, cause: str, tmp_path: Path
) -> None:
    path = write(tmp_path, sql + ";\n")
    with shop(16, SHOP) as (local, production):
        local.execute("CREATE FUNCTION no_such_function(anyelement) RETURNS anyelement LANGUAGE sql AS 'SELECT $1'")
        production.execute(fault)
        error = psql(production, path)
        state = await triage(local, production, migration=path, error=error)
        assert ALIKE not in causes(state), explain(state)
        assert likely(state)[:1] == [cause], error + explain(state)
