"""Two runs at once: the loser's error, produced by two real sessions, is told from duplicates of the team's own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support import Database, wait_until
from tests.triage.incident import causes, explain, in_thread, psql, triage, write
from tests.triage.waiting import TABLE_SQL, likely, run_the_checks, shop

CREATED, UPDATED = "concurrent-migrators", "concurrent-catalog-update"
SHOP = f"""
CREATE SCHEMA "My Schema";
CREATE TABLE {TABLE_SQL} (id int, note text);
CREATE FUNCTION mark() RETURNS int LANGUAGE sql AS 'SELECT 1';
"""
WAITS = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'deploy' AND wait_event_type = 'Lock'"


async def loses(production: Database, winner: str, path: Path, *options: str) -> str:
    """What psql prints when somebody has run ``winner`` before it, and commits while psql waits."""
    with production.connect() as first:
        first.execute("BEGIN")
        first.execute(winner.encode())
        losing = asyncio.create_task(in_thread(psql, production, path, options=options))
        await wait_until(lambda: production.execute(WAITS), 30, what="the second run waits for the first")
        first.execute("COMMIT")
        return str(await losing)


RACES = [
    (CREATED, 'CREATE TABLE "My Schema"."New one" (id int)', 12),
    (CREATED, "CREATE TYPE \"My Schema\".mood AS ENUM ('ok')", 15),
    (CREATED, "CREATE SCHEMA IF NOT EXISTS other", 16),
    (CREATED, "CREATE OR REPLACE FUNCTION fresh() RETURNS int LANGUAGE sql AS 'SELECT 1'", 18),
    (UPDATED, f"GRANT SELECT ON {TABLE_SQL} TO PUBLIC", 13),
    (UPDATED, 'GRANT USAGE ON SCHEMA "My Schema" TO PUBLIC', 17),
    (UPDATED, "CREATE OR REPLACE FUNCTION mark() RETURNS int LANGUAGE sql AS 'SELECT 2'", 18),
]


@pytest.mark.parametrize(("cause", "sql", "major"), RACES, ids=[f"{r[1][:30]}-pg{r[2]}" for r in RACES])
@pytest.mark.parametrize("verbose", [False, True], ids=["as-printed", "with-sqlstate"])
async def test_the_loser_of_a_race_is_told_that_it_is_one(
    cause: str, sql: str, major: int, verbose: bool, tmp_path: Path
) -> None:
    path = write(tmp_path, sql + ";\n")
    with shop(major, SHOP) as (local, production):
        state = await triage(local, production, migration=path, seen="planned")
        assert {CREATED, UPDATED}.isdisjoint(causes(state)), explain(state)
        error = await loses(production, sql, path, *(("-v", "VERBOSITY=verbose") if verbose else ()))
        assert "ERROR" in error
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [cause], error + explain(state)
        run_the_checks(cause, state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == [cause], error + explain(alone)


async def test_duplicates_of_the_teams_own_and_an_object_from_before_are_no_race(tmp_path: Path) -> None:
    with shop(14, SHOP) as (local, production):
        production.execute(f"INSERT INTO {TABLE_SQL} VALUES (1, 'a'), (1, 'a'); CREATE SCHEMA other")
        for sql in (f"CREATE UNIQUE INDEX one ON {TABLE_SQL} (id)", "CREATE SCHEMA other"):
            path = write(tmp_path, sql + ";\n")
            state = await triage(local, production, migration=path, error=psql(production, path))
            assert CREATED not in causes(state), explain(state)
