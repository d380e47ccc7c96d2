"""What production's past did to the migration: told from its neighbours on two real servers, and mended by the playbook."""

from __future__ import annotations

import json
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


# -- one transaction over several files ----------------------------------------------------------------------------------

ENUM, TOGETHER = "enum-value-used-in-same-transaction", "several-migrations-in-one-transaction"
HOSTILE_TYPE = '"My Schema"."Sta\'tus"'
STATES = f"""{SHOP}
CREATE TYPE {HOSTILE_TYPE} AS ENUM ('new', 'sent');
CREATE TABLE parcel (id int PRIMARY KEY, state {HOSTILE_TYPE} NOT NULL DEFAULT 'new');
CREATE TABLE line (id int PRIMARY KEY, parcel int REFERENCES parcel DEFERRABLE INITIALLY DEFERRED);
INSERT INTO parcel VALUES (1);
CREATE SCHEMA drizzle;
CREATE TABLE drizzle.__drizzle_migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint);
"""


def drizzle(folder: Path, *files: str) -> tuple[Path, tuple[str, ...]]:
    """The folder as drizzle-kit writes it, and the options by which psql runs all of it as drizzle does: in one go."""
    (folder / "meta").mkdir()
    entries = [{"idx": i, "when": 1700000000000 + i, "tag": f"000{i}_step", "version": "7"} for i in range(len(files))]
    (folder / "meta" / "_journal.json").write_text(json.dumps({"version": "7", "entries": entries}))
    written = [write(folder, sql + "\n", f"000{i}_step.sql") for i, sql in enumerate(files)]
    earlier = [option for path in written[:-1] for option in ("-f", str(path))]
    return written[-1], ("-1", *earlier)


ADD_LABEL = f"ALTER TYPE {HOSTILE_TYPE} ADD VALUE 'it''s back';"
USES = [
    (12, "UPDATE parcel SET state = 'it''s back' WHERE id = 1;"),
    (16, "ALTER TABLE parcel ALTER COLUMN state SET DEFAULT 'it''s back';"),
    (18, f"SELECT 'it''s back'::{HOSTILE_TYPE};"),
]


@pytest.mark.parametrize(("major", "use"), USES, ids=[f"pg{u[0]}" for u in USES])
async def test_a_label_that_is_used_before_its_commit_is_foretold_told_and_added_first(
    major: int, use: str, tmp_path: Path
) -> None:
    last, together = drizzle(tmp_path, ADD_LABEL, use)
    with shop(major, STATES) as (local, production):
        for name in ("0000_step.sql", "0001_step.sql"):
            assert psql(local, tmp_path / name) == "", "one by one, as they came"
        planned = await triage(local, production, migration=tmp_path, seen="planned")
        assert causes(planned)[:1] == [ENUM], explain(planned)
        assert likely(planned) == [ENUM], explain(planned)
        error = psql(production, last, options=together)
        assert "unsafe use of new value" in error
        state = await triage(local, production, migration=tmp_path, error=error)
        assert likely(state) == [ENUM], error + explain(state)
        [met] = fact(state, "history.meets")
        assert (met["label"], met["type"], met["other_file"]) == ("it's back", HOSTILE_TYPE, True)
        alone = await triage(None, None, error=error)
        assert likely(alone) == [ENUM], explain(alone)
        run_the_checks(ENUM, state, production)
        [verify] = blocks(ENUM, state, "verify", changes=False)
        assert run(production, verify) == []
        [add] = blocks(ENUM, state, "fix", changes=True)
        run(production, add)
        assert len(run(production, verify)) == 1
        write(tmp_path, ADD_LABEL.replace("VALUE", "VALUE IF NOT EXISTS") + "\n", "0000_step.sql")
        assert "ERROR" not in psql(production, last, options=together)


HARMLESS_LABELS = [
    ("committed between", (ADD_LABEL, "UPDATE parcel SET state = 'sent';")),
    ("a new type", ("CREATE TYPE mood AS ENUM ('ok'); ALTER TYPE mood ADD VALUE 'bad';", "SELECT 'ok'::mood;")),
]


@pytest.mark.parametrize(("name", "files"), HARMLESS_LABELS, ids=[h[0] for h in HARMLESS_LABELS])
async def test_a_label_that_is_not_used_or_whose_type_is_new_is_no_cause(
    name: str, files: tuple[str, ...], tmp_path: Path
) -> None:
    last, together = drizzle(tmp_path, *files)
    with shop(14, STATES) as (local, production):
        state = await triage(local, production, migration=tmp_path, seen="planned")
        assert {ENUM, TOGETHER}.isdisjoint(causes(state)), name + explain(state)
        assert "ERROR" not in psql(production, last, options=together)


async def test_a_write_and_an_alter_in_two_files_of_one_transaction_is_told_from_one_file_that_does_both(
    tmp_path: Path,
) -> None:
    files = ("INSERT INTO line VALUES (1, 1);", "ALTER TABLE line ADD COLUMN note text;")
    last, together = drizzle(tmp_path, *files)
    with shop(15, STATES) as (local, production):
        error = psql(production, last, options=together)
        assert "pending trigger events" in error
        state = await triage(local, production, migration=tmp_path, error=error)
        assert causes(state)[:1] == [TOGETHER], error + explain(state)
        assert [Path(f).name for f in fact(state, "history.one_transaction")] == ["0000_step.sql", "0001_step.sql"]
        run_the_checks(TOGETHER, state, production)
        for name in ("0000_step.sql", "0001_step.sql"):
            assert psql(production, tmp_path / name, options=("-1",)) == "", "a transaction for each"
    one = tmp_path / "one"
    one.mkdir()
    path = write(one, "BEGIN;\n" + "\n".join(files) + "\nCOMMIT;\n")
    with shop(17, STATES) as (local, production):
        error = psql(production, path)
        assert "pending trigger events" in error
        state = await triage(local, production, migration=path, error=error)
        assert TOGETHER not in causes(state), error + explain(state)


# -- drift ---------------------------------------------------------------------------------------------------------------

DRIFT = "schema-drift"
DRIFTS = [
    (
        "a key for ON CONFLICT",
        f"INSERT INTO {TABLE_SQL} VALUES (7, 'x') ON CONFLICT (id) DO NOTHING;",
        f'ALTER TABLE {TABLE_SQL} DROP CONSTRAINT "Order\'s ""Items""_pkey"',
        13,
    ),
    (
        "an identity",
        "ALTER TABLE plain ALTER COLUMN a DROP IDENTITY;",
        "ALTER TABLE plain ALTER COLUMN a DROP IDENTITY",
        12,
    ),
]
PLAIN = f"{SHOP}CREATE TABLE plain (a int NOT NULL GENERATED ALWAYS AS IDENTITY, b int NOT NULL);"


@pytest.mark.parametrize(("name", "sql", "fault", "major"), DRIFTS, ids=[d[0] for d in DRIFTS])
async def test_a_table_that_was_changed_by_hand_is_named_with_what_differs(
    name: str, sql: str, fault: str, major: int, tmp_path: Path
) -> None:
    path = write(tmp_path, sql + "\n")
    with shop(major, PLAIN) as (local, production):
        state = await triage(local, production, migration=path, seen="planned")
        assert DRIFT not in causes(state), explain(state)
        production.execute(fault)
        error = psql(production, path, options=("-v", "VERBOSITY=verbose"))
        assert "ERROR" in error, name
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [DRIFT], error + explain(state)
        assert fact(state, "history.drift")
        run_the_checks(DRIFT, state, production)
        assert psql(local, path) == ""


async def test_differences_elsewhere_and_what_the_migration_makes_itself_are_no_drift(tmp_path: Path) -> None:
    path = write(tmp_path, "INSERT INTO plain (b) VALUES (1) ON CONFLICT (b) DO NOTHING;\n")
    with shop(17, PLAIN) as (local, production):
        production.execute(f"CREATE INDEX ON {TABLE_SQL} (note)")
        state = await triage(local, production, migration=path, error=psql(production, path))
        assert DRIFT not in causes(state), "it fails on both sides" + explain(state)
        path = write(tmp_path, f"ALTER TABLE {TABLE_SQL} ADD COLUMN a int;\n")
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state) == [], explain(state)
