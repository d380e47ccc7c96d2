"""The migration passed, and code that was there before it suffers: told by the errors that real sessions get."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support import Database, create_database, drop_database, majors
from tests.triage.incident import explain, fact, psql, triage, write
from tests.triage.test_causes_data_and_dependants import likely, run_the_checks

SHOP = """
CREATE TABLE depot (id int PRIMARY KEY, code text, weight numeric);
INSERT INTO depot SELECT g, 'd' || g % 10, g FROM generate_series(1, 900) g;
"""
EXTREMES = pytest.mark.parametrize("major", [min(majors()), max(majors())])
REQUIRED = "ALTER TABLE depot ADD COLUMN region text NOT NULL DEFAULT 'x'; ALTER TABLE depot ALTER region DROP DEFAULT;"


def as_a_driver_logs(error: psycopg.Error, statement: str) -> str:
    """As an application's log has it: what Go's pq and others print, with the statement."""
    diag = error.diag
    lines = [f"ERROR:  {diag.message_primary} (SQLSTATE {diag.sqlstate})"]
    if diag.message_detail:
        lines.append(f"DETAIL:  {diag.message_detail}")
    return "\n".join([*lines, f"STATEMENT:  {statement}", ""])


@pytest.fixture
def sides(major: int) -> Iterator[tuple[Database, Database]]:
    made = create_database(18), create_database(major)
    for database in made:
        database.execute(SHOP)
    yield made
    for database in made:
        drop_database(database)


@EXTREMES
async def test_an_insert_of_the_old_release_misses_the_new_column(
    sides: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = sides
    path = write(tmp_path, REQUIRED + "\n")
    for database in sides:
        assert "ERROR" not in psql(database, path)
    insert = "INSERT INTO depot (id, code) VALUES (5000, 'x')"
    with pytest.raises(psycopg.errors.NotNullViolation) as refused:
        production.execute(insert)
    error = as_a_driver_logs(refused.value, insert)
    state = await triage(local, production, migration=path, error=error, seen="broken")
    assert likely(state) == ["old-code-omits-new-column"], error + explain(state)
    run_the_checks("old-code-omits-new-column", state, production)
    production.execute("ALTER TABLE depot ALTER region SET DEFAULT 'x'")
    state = await triage(local, production, migration=path, error=error, seen="broken")
    assert likely(state) == [], explain(state)


@EXTREMES
async def test_existing_rows_without_a_value_are_told_from_old_code(
    sides: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = sides
    production.execute("UPDATE depot SET code = NULL WHERE id = 7")
    path = write(tmp_path, "ALTER TABLE depot ALTER code SET NOT NULL;\n")
    state = await triage(local, production, migration=path, error=psql(production, path))
    assert likely(state) == ["not-null-violation"], explain(state)


@EXTREMES
async def test_a_statement_prepared_before_the_migration_is_refused_after_it(
    sides: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = sides
    path = write(tmp_path, "ALTER TABLE depot ADD COLUMN note text;\n")
    with production.connect() as old:
        old.execute("SET application_name = 'web'")
        old.execute("PREPARE rows AS SELECT * FROM depot WHERE id = $1")
        old.execute("EXECUTE rows (1)")
        for database in sides:
            assert "ERROR" not in psql(database, path)
        with pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
            old.execute("EXECUTE rows (1)")
        error = as_a_driver_logs(refused.value, "SELECT * FROM depot WHERE id = $1")
        state = await triage(local, production, migration=path, error=error, seen="broken")
        assert likely(state) == ["cached-plan-result-type"], error + explain(state)
        assert [c["application_name"] for c in fact(state, "after.clients")] == ["web"]
        run_the_checks("cached-plan-result-type", state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == ["cached-plan-result-type"], explain(alone)
        old.execute("DEALLOCATE ALL")
        old.execute("PREPARE rows AS SELECT * FROM depot WHERE id = $1")
        old.execute("EXECUTE rows (1)")


async def test_after_a_harmless_migration_nothing_is_named(pair: tuple[Database, Database], tmp_path: Path) -> None:
    local, production = pair
    path = write(tmp_path, "ALTER TABLE depot ADD COLUMN note text;\n")
    for database in pair:
        database.execute(SHOP)
        assert "ERROR" not in psql(database, path)
    state = await triage(local, production, migration=path, seen="broken")
    assert {"old-code-omits-new-column", "cached-plan-result-type"}.isdisjoint(likely(state)), explain(state)


UNLOGGED = "ALTER TABLE depot SET UNLOGGED;\nUPDATE depot SET weight = weight + 1;\n"


@EXTREMES
async def test_a_table_that_is_left_unlogged_is_told_before_the_run_and_after_it(
    sides: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = sides
    path = write(tmp_path, UNLOGGED)
    assert "ERROR" not in psql(local, path)
    state = await triage(local, production, migration=path, seen="planned")
    assert likely(state) == ["unlogged-left-behind"], explain(state)
    assert fact(state, "after.unlogged")[0]["now"] == "logged"
    assert "ERROR" not in psql(production, path)
    state = await triage(local, production, migration=path, seen="broken")
    assert likely(state) == ["unlogged-left-behind"], explain(state)
    run_the_checks("unlogged-left-behind", state, production)
    back = write(tmp_path, UNLOGGED + "ALTER TABLE depot SET LOGGED;\n", "0008_back.sql")
    state = await triage(local, production, migration=back, seen="planned")
    assert "unlogged-left-behind" not in likely(state), explain(state)


async def test_a_staging_table_that_is_made_unlogged_is_meant_so(
    pair: tuple[Database, Database], tmp_path: Path
) -> None:
    path = write(tmp_path, "CREATE UNLOGGED TABLE staging (id int);\n")
    for database in pair:
        assert "ERROR" not in psql(database, path)
    state = await triage(*pair, migration=path, seen="broken")
    assert "unlogged-left-behind" not in likely(state), explain(state)
