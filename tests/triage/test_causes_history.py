"""What production's past did to the migration: told from its neighbours on two real servers, and mended by the playbook."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import Database
from tests.triage.incident import causes, explain, fact, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, run, run_the_checks, shop

SHOP = f"""
CREATE SCHEMA "My Schema";
CREATE TABLE {TABLE_SQL} (id int PRIMARY KEY, "E mail" text, note text);
INSERT INTO {TABLE_SQL} SELECT g, 'm' || g % 50, 'n' FROM generate_series(1, 100) g;
"""


def in_parts(production: Database, *sql: str) -> None:
    for statement in sql:
        production.execute(statement)


# -- partially applied ---------------------------------------------------------------------------------------------------

PARTIAL = "partially-applied-migration"
FOUR = f"""ALTER TABLE {TABLE_SQL} ADD COLUMN "Shipped at" timestamptz;
CREATE TABLE "My Schema"."Parcel's" (id int PRIMARY KEY, item int);
UPDATE {TABLE_SQL} SET "Shipped at" = now() WHERE id = 1;
CREATE UNIQUE INDEX "Mail key" ON {TABLE_SQL} ("E mail");
ALTER TABLE "My Schema"."Parcel's" ADD CONSTRAINT "One item" CHECK (item > 0);
"""
MADE_UNIQUE = f"""UPDATE {TABLE_SQL} SET "E mail" = id::text"""


@pytest.mark.parametrize("major", [12, 15, 18])
async def test_a_file_that_stopped_half_way_is_told_and_finished_or_undone_by_the_playbook(
    major: int, tmp_path: Path
) -> None:
    with shop(major, SHOP) as (local, production):
        path = write(tmp_path, FOUR)
        local.execute(MADE_UNIQUE)
        assert psql(local, path) == ""
        first = psql(production, path)
        assert "could not create unique index" in first
        state = await triage(local, production, migration=path, error=first)
        assert likely(state) == ["unique-violation-existing-duplicates"], "this is the run that stops half-way"
        production.execute(MADE_UNIQUE)
        planned = await triage(local, production, migration=path, seen="planned")
        assert likely(planned) == [PARTIAL], explain(planned)
        second = psql(production, path)
        assert "already exists" in second
        state = await triage(local, production, migration=path, error=second)
        assert likely(state) == [PARTIAL], second + explain(state)
        [part] = fact(state, "history.partial")
        assert [s["line"] for s in part["done"]] == [1, 2]
        assert [s["line"] for s in part["unclear"]] == [3]
        run_the_checks(PARTIAL, state, production)
        [verify] = blocks(PARTIAL, state, "verify", changes=False)
        assert {row[2] for row in run(production, verify)} == {True, False}
        [back] = blocks(PARTIAL, state, "roll_back", changes=True)
        run(production, back)
        assert {row[2] for row in run(production, verify)} == {False}
        assert psql(production, path) == "", "from its first line again"
        assert {row[2] for row in run(production, verify)} == {True}


async def test_the_rest_of_the_file_is_printed_so_that_it_can_be_run(tmp_path: Path) -> None:
    with shop(14, SHOP) as (local, production):
        path = write(tmp_path, FOUR)
        assert "could not create" in psql(production, path)
        production.execute(MADE_UNIQUE)
        state = await triage(local, production, migration=path, error=psql(production, path))
        assert causes(state)[:1] == [PARTIAL], explain(state)
        [rest] = blocks(PARTIAL, state, "fix", changes=True)
        run(production, rest)
        [verify] = blocks(PARTIAL, state, "verify", changes=False)
        assert {row[2] for row in run(production, verify)} == {True}


async def test_a_dirty_mark_of_the_very_version_proves_it(tmp_path: Path) -> None:
    (tmp_path / "000041_first.up.sql").write_text("SELECT 1;\n")
    (tmp_path / "000042_ship.up.sql").write_text(
        f"ALTER TABLE {TABLE_SQL} ADD COLUMN a int;\nCREATE TABLE b (id int);\n"
    )
    with shop(16, SHOP + "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean)") as pair:
        local, production = pair
        in_parts(
            production,
            f"ALTER TABLE {TABLE_SQL} ADD COLUMN a int",
            "INSERT INTO schema_migrations VALUES (42, true)",
        )
        error = "error: Dirty database version 42. Fix and force version.\n"
        state = await triage(local, production, migration=tmp_path, error=error)
        assert set(likely(state)) == {"dirty-migration-state", PARTIAL}, explain(state)


ELSE = {
    "one of many made by hand": (f'ALTER TABLE {TABLE_SQL} ADD COLUMN "Shipped at" timestamptz', False),
    "the last made by hand": ("CREATE TABLE later (id int)", False),
    "all of it in one transaction": (FOUR.split("UPDATE")[0], True),
}


@pytest.mark.parametrize("name", ELSE)
async def test_what_somebody_made_by_hand_is_no_half_of_a_run(name: str, tmp_path: Path) -> None:
    fault, one_transaction = ELSE[name]
    sql = f"BEGIN;\n{FOUR}COMMIT;\n" if one_transaction else FOUR + "CREATE TABLE later (id int);\n"
    with shop(17, SHOP + MADE_UNIQUE) as (local, production):
        path = write(tmp_path, sql)
        production.execute(fault)
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state)[:1] == ["object-already-exists"], explain(state)
        assert PARTIAL not in likely(state), explain(state)


async def test_a_file_that_was_not_run_yet_or_was_run_whole_is_not_in_parts(tmp_path: Path) -> None:
    with shop(13, SHOP + MADE_UNIQUE) as (local, production):
        path = write(tmp_path, FOUR)
        state = await triage(local, production, migration=path, seen="planned")
        assert PARTIAL not in causes(state), explain(state)
        assert psql(production, path) == ""
        state = await triage(local, production, migration=path, error=psql(production, path))
        assert PARTIAL not in causes(state), explain(state)
