"""A change of a timestamp's type that is free under UTC: foretold, told apart, and spared the rewrite on real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import Database
from tests.triage.incident import causes, explain, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, run, run_the_checks, shop

CAUSE = "rewrite-depends-on-timezone"
ALTER = f'ALTER TABLE {TABLE_SQL} ALTER COLUMN "Placed at" TYPE timestamptz'
LARGE = 1_000_100


def filled(rows: int) -> str:
    return f"""
        CREATE SCHEMA "My Schema";
        CREATE UNLOGGED TABLE {TABLE_SQL} (id int, "Placed at" timestamp);
        INSERT INTO {TABLE_SQL} SELECT n, '2024-07-01 12:00' FROM generate_series(1, {rows}) n;
        ANALYZE {TABLE_SQL};
    """


def file_of(database: Database) -> int:
    name = TABLE_SQL.replace("'", "''")
    return int(database.execute(f"SELECT pg_relation_filenode('{name}')")[0][0])


@pytest.mark.parametrize("major", [12, 18])
async def test_a_rewrite_that_only_the_time_zone_brings_is_foretold_and_spared_under_utc(
    major: int, tmp_path: Path
) -> None:
    path = write(tmp_path, ALTER + ";\n")
    with shop(major, "SELECT 1") as (local, production):
        local.execute(filled(100))
        production.execute(filled(LARGE))
        for database, zone in ((local, "UTC"), (production, "UTC")):
            database.execute(f"ALTER DATABASE {database.name} SET TimeZone = '{zone}'")
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state) == [], explain(state)
        production.execute(f"ALTER DATABASE {production.name} SET TimeZone = 'Europe/Berlin'")
        state = await triage(local, production, migration=path, seen="planned")
        assert likely(state) == [CAUSE], explain(state)
        run_the_checks(CAUSE, state, production)

        before = file_of(production)
        [free] = blocks(CAUSE, state, "fix", changes=True, on="file")
        run(production, free)
        assert file_of(production) == before, "no row was written"
        moments = f"SELECT DISTINCT \"Placed at\" AT TIME ZONE 'UTC' FROM {TABLE_SQL}"
        assert str(production.execute(moments)[0][0]) == "2024-07-01 12:00:00"

        production.execute(f"SET TimeZone = 'UTC'; ALTER TABLE {TABLE_SQL} ALTER COLUMN \"Placed at\" TYPE timestamp")
        before = file_of(production)
        assert psql(production, path) == ""
        assert file_of(production) != before, "under Berlin the same statement rewrites"
        assert str(production.execute(moments)[0][0]) == "2024-07-01 10:00:00", "and means another moment"


async def test_another_rewrite_and_a_small_table_are_not_the_time_zones(tmp_path: Path) -> None:
    with shop(17, "SELECT 1") as (local, production):
        local.execute(filled(100))
        production.execute(filled(LARGE))
        local.execute(f"ALTER DATABASE {local.name} SET TimeZone = 'UTC'")
        production.execute(f"ALTER DATABASE {production.name} SET TimeZone = 'Europe/Berlin'")
        path = write(tmp_path, f"ALTER TABLE {TABLE_SQL} ALTER COLUMN id TYPE bigint;\n")
        state = await triage(local, production, migration=path, seen="planned")
        assert likely(state) == ["table-rewrite"], explain(state)
        assert CAUSE not in causes(state), explain(state)
        production.execute(f"DELETE FROM {TABLE_SQL} WHERE id > 100")
        production.execute(f"VACUUM (ANALYZE) {TABLE_SQL}")
        path = write(tmp_path, ALTER + ";\n")
        state = await triage(local, production, migration=path, seen="planned")
        assert CAUSE not in causes(state), explain(state)
