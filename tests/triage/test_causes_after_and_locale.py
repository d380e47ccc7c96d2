"""What a migration leaves behind although it passed, and what production's library of languages made of its indexes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runbook.lab.servers import start_server
from tests.playbooks.incident import playbooks
from tests.support import BARE, Database, create_database, drop_database, eventually, majors, server
from tests.triage.incident import causes, explain, fact, psql, triage, write
from tests.triage.test_causes_after import as_a_driver_logs
from tests.triage.test_causes_data_and_dependants import likely, run_the_checks

# autovacuum would repair within a minute what these tests look at
SHOP = """
CREATE TABLE depot (id int PRIMARY KEY, code text, weight int, note text) WITH (autovacuum_enabled = false);
INSERT INTO depot SELECT g, 'd' || g % 10, g FROM generate_series(1, 20000) g;
"""
EXTREMES = pytest.mark.parametrize("major", [min(majors()), max(majors())])


@pytest.fixture
def sides(major: int) -> Iterator[tuple[Database, Database]]:
    made = create_database(18), create_database(major)
    for database in made:
        database.execute(SHOP)
        counted(database, 20_000)  # what is counted after ANALYZE would pass for changes since
        database.execute("ANALYZE depot")
        counted(database, 0)
    yield made
    for database in made:
        drop_database(database)


def counted(database: Database, modified: int, relation: str = "depot") -> None:
    """Wait until the server's counters show what other sessions have changed."""
    sql = f"SELECT n_mod_since_analyze FROM pg_stat_user_tables WHERE relid = '{relation}'::regclass"
    eventually(lambda: database.execute(sql) == [(modified,)], 60, f"{modified} changes are counted")


STALE = [
    ("ALTER TABLE depot ALTER weight TYPE bigint;", "type changed", 12),
    ("UPDATE depot SET weight = weight % 7;", "rows changed", 15),
    ("INSERT INTO depot SELECT g, 'new', 1 FROM generate_series(20001, 60000) g;", "rows changed", 18),
    (
        "CREATE INDEX depot_lower ON depot (lower(code)); ALTER TABLE depot ALTER weight TYPE bigint;",
        "type changed",
        17,
    ),
]


@pytest.mark.parametrize(("migration", "why", "major"), STALE, ids=["type", "updated", "filled", "type-and-index"])
async def test_statistics_that_the_migration_made_worthless_are_told_until_analyze_has_run(
    sides: tuple[Database, Database], migration: str, why: str, tmp_path: Path
) -> None:
    local, production = sides
    path = write(tmp_path, migration + "\n")
    for database in sides:
        assert "ERROR" not in psql(database, path)
    if why == "rows changed":
        counted(production, 40_000 if "INSERT" in migration else 20_000)
    state = await triage(local, production, migration=path, seen="broken")
    named = [c for c in likely(state) if c != "bloat-after-backfill"]
    assert named == ["stale-statistics"], explain(state)
    [row] = fact(state, "after.stale_statistics")
    assert (row["relation"], row["why"]) == ("public.depot", why)
    assert row["autovacuum"] == "off for the table"
    run_the_checks("stale-statistics", state, production)
    production.execute("ANALYZE depot")
    counted(production, 0)
    state = await triage(local, production, migration=path, seen="broken")
    assert "stale-statistics" not in likely(state), explain(state)
    assert fact(state, "after.stale_statistics") == []


@EXTREMES
async def test_a_column_that_was_only_added_is_no_more_than_possible(
    sides: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = sides
    path = write(tmp_path, "ALTER TABLE depot ADD COLUMN region text;\n")
    for database in sides:
        database.execute("ALTER TABLE depot RESET (autovacuum_enabled)")
        assert "ERROR" not in psql(database, path)
    state = await triage(local, production, migration=path, seen="broken")
    assert "stale-statistics" not in likely(state), explain(state)
    assert fact(state, "after.stale_statistics")[0]["columns"] == ["region"]


@EXTREMES
async def test_whoever_may_not_read_the_table_is_told_nothing_wrong_of_its_columns(
    sides: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = sides
    path = write(tmp_path, "ALTER TABLE depot ALTER weight TYPE bigint;\n")
    assert "ERROR" not in psql(production, path)
    state = await triage(local, production, migration=path, seen="broken", role=BARE)
    assert "stale-statistics" not in likely(state), explain(state)


# -- dead rows and empty pages -----------------------------------------------------------------------------------------


BACKFILL = "UPDATE depot SET weight = weight + 1;\n"


def dead(database: Database, rows: int) -> None:
    sql = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relid = 'depot'::regclass"
    eventually(lambda: database.execute(sql) == [(rows,)], 60, f"{rows} dead rows are counted")


@pytest.mark.parametrize("major", [12, 14, 18])
async def test_dead_rows_that_no_vacuum_may_remove_are_told_with_who_holds_them(
    sides: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = sides
    path = write(tmp_path, BACKFILL)
    for database in sides:
        assert "ERROR" not in psql(database, path)
    dead(production, 20_000)
    production.execute("ANALYZE depot")
    counted(production, 0)
    state = await triage(local, production, migration=path, seen="broken")
    assert likely(state) == ["bloat-after-backfill"], explain(state)
    [row] = fact(state, "after.bloated")
    assert (row["relation"], row["why"], row["rows"]) == ("public.depot", "dead rows", 20_000)
    run_the_checks("bloat-after-backfill", state, production)
    production.execute("VACUUM ANALYZE depot")
    dead(production, 0)
    state = await triage(local, production, migration=path, seen="broken")
    assert likely(state) == [], explain(state)


@EXTREMES
async def test_pages_that_a_vacuum_emptied_are_counted_and_are_no_more_than_possible(
    sides: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = sides
    production.execute("ALTER TABLE depot ADD COLUMN page text DEFAULT repeat('x', 900)")
    production.execute("UPDATE depot SET page = page || 'y'")
    path = write(tmp_path, BACKFILL)
    assert "ERROR" not in psql(production, path)
    dead(production, 40_000)
    production.execute("VACUUM ANALYZE depot")
    dead(production, 0)
    state = await triage(local, production, migration=path, seen="broken")
    [row] = fact(state, "after.bloated")
    assert row["why"] == "empty pages"
    assert 15_000_000 < row["wasted_bytes"] < 45_000_000
    assert likely(state) == [], explain(state)
    production.execute("VACUUM FULL depot")
    state = await triage(local, production, migration=path, seen="broken")
    assert fact(state, "after.bloated") == []


# -- what follows the old table, and what has an old name in its text ------------------------------------------------------


SWAP = """BEGIN;
CREATE TABLE depot_new (LIKE depot INCLUDING ALL);
INSERT INTO depot_new SELECT * FROM depot;
ALTER TABLE depot RENAME TO depot_old;
ALTER TABLE depot_new RENAME TO depot;
COMMIT;
"""
READERS = {
    "view": "CREATE VIEW bi_depots AS SELECT id, code FROM depot",
    "matview": "CREATE MATERIALIZED VIEW bi_depots AS SELECT id, code FROM depot",
    "foreign key": "CREATE TABLE shelf (depot int CONSTRAINT shelf_depot REFERENCES depot)",
}


@pytest.mark.parametrize(("kind", "major"), [("view", 12), ("matview", 16), ("foreign key", 18)])
async def test_what_follows_the_old_table_of_a_swap_is_told_before_the_run_and_after_it(
    sides: tuple[Database, Database], kind: str, tmp_path: Path
) -> None:
    local, production = sides
    production.execute(READERS[kind])
    path = write(tmp_path, SWAP)
    assert "ERROR" not in psql(local, path)
    state = await triage(local, production, migration=path, seen="planned")
    assert likely(state) == ["dependent-object-left-behind"], explain(state)
    [row] = fact(state, "after.on_old")
    assert (row["kind"], row["relation"], row["old"], row["done"]) == (kind, "public.depot", "public.depot_old", False)
    assert "ERROR" not in psql(production, path)
    production.execute("VACUUM ANALYZE depot")
    counted(production, 0)
    state = await triage(local, production, migration=path, seen="broken")
    assert likely(state) == ["dependent-object-left-behind"], explain(state)
    assert [r["done"] for r in fact(state, "after.on_old")] == [True]
    run_the_checks("dependent-object-left-behind", state, production)
    production.execute("DROP TABLE depot_old CASCADE")
    state = await triage(local, production, migration=path, seen="broken")
    assert likely(state) == [], explain(state)


BODIES = {
    "plpgsql": "CREATE FUNCTION heaviest() RETURNS int LANGUAGE plpgsql AS "
    "$$ BEGIN RETURN (SELECT max(weight) FROM depot); END $$",
    "sql": "CREATE FUNCTION heaviest() RETURNS int LANGUAGE sql AS $$ SELECT max(weight) FROM depot $$",
    "trigger": "CREATE FUNCTION heaviest() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN NEW.weight := coalesce(NEW.weight, 1); RETURN NEW; END $$;"
    "CREATE TRIGGER weigh BEFORE INSERT ON depot FOR EACH ROW EXECUTE FUNCTION heaviest()",
}


@pytest.mark.parametrize(
    ("body", "change", "major"),
    [
        ("plpgsql", "ALTER TABLE depot RENAME COLUMN weight TO weight_g;", 12),
        ("sql", "ALTER TABLE depot DROP COLUMN weight;", 14),
        ("trigger", "ALTER TABLE depot RENAME COLUMN weight TO weight_g;", 17),
        ("plpgsql", "ALTER TABLE depot RENAME TO depots;", 18),
    ],
)
async def test_a_function_whose_text_has_the_old_name_is_told_by_the_error_that_its_call_gets(
    sides: tuple[Database, Database], body: str, change: str, tmp_path: Path
) -> None:
    local, production = sides
    for database in sides:
        database.execute(BODIES[body])
    path = write(tmp_path, change + "\n")
    for database in sides:
        assert "ERROR" not in psql(database, path)
    call = "INSERT INTO depot (id) VALUES (0)" if body == "trigger" else "SELECT heaviest()"
    with pytest.raises(psycopg.Error) as refused:
        production.execute(call)
    error = as_a_driver_logs(refused.value, call)
    came_through = str(refused.value.diag.context).replace("\n", "\n\t")
    without = await triage(local, production, migration=path, error=error, seen="broken")
    assert likely(without) == ["dependent-object-left-behind"], error + explain(without)
    error = error.replace("STATEMENT:", f"CONTEXT:  {came_through}\nSTATEMENT:")
    state = await triage(local, production, migration=path, error=error, seen="broken")
    assert causes(state)[0] == "dependent-object-left-behind", error + explain(state)
    assert likely(state) == ["dependent-object-left-behind"], error + explain(state)
    run_the_checks("dependent-object-left-behind", state, production)
    state = await triage(local, production, migration=path, seen="broken")
    assert "dependent-object-left-behind" in likely(state), explain(state)


@EXTREMES
async def test_a_query_of_the_application_is_no_function_that_was_left_behind(
    sides: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = sides
    path = write(tmp_path, "ALTER TABLE depot DROP COLUMN weight;\n")
    for database in sides:
        database.execute("CREATE FUNCTION codes() RETURNS text LANGUAGE sql AS $$ SELECT max(code) FROM depot $$")
        assert "ERROR" not in psql(database, path)
    call = "SELECT weight FROM depot"
    with pytest.raises(psycopg.Error) as refused:
        production.execute(call)
    error = as_a_driver_logs(refused.value, call)
    state = await triage(local, production, migration=path, error=error, seen="broken")
    assert likely(state) == ["old-code-uses-removed-column"], explain(state)
    assert fact(state, "after.on_old") == []


# -- types that are known by number ----------------------------------------------------------------------------------------


RECREATED = """ALTER TYPE mood RENAME TO mood_old;
CREATE TYPE mood AS ENUM ('calm', 'busy', 'closed');
ALTER TABLE depot ALTER mood TYPE mood USING mood::text::mood;
DROP TYPE mood_old;
"""


@pytest.mark.parametrize(("major", "asks"), [(12, "prepared"), (15, "bound"), (18, "function")])
async def test_a_session_from_before_misses_the_number_of_a_type_that_was_made_again(
    sides: tuple[Database, Database], asks: str, tmp_path: Path
) -> None:
    local, production = sides
    for database in sides:
        database.execute("CREATE TYPE mood AS ENUM ('calm', 'busy'); ALTER TABLE depot ADD COLUMN mood mood")
        database.execute(
            "CREATE FUNCTION mood_of(int) RETURNS text LANGUAGE plpgsql AS"
            " $$ DECLARE found mood; BEGIN SELECT mood INTO found FROM depot WHERE id = $1; RETURN found; END $$"
        )
    statement = "SELECT * FROM depot WHERE mood = $1"
    [(oid,)] = production.execute("SELECT 'mood'::regtype::oid")
    path = write(tmp_path, RECREATED)
    with production.connect() as old:
        old.execute("SET application_name = 'web'")
        old.execute("PREPARE moody(mood) AS SELECT * FROM depot WHERE mood = $1")
        old.execute("EXECUTE moody('calm')")
        old.execute("SELECT mood_of(1)")
        for database in sides:
            assert "ERROR" not in psql(database, path)
        if asks == "bound":
            refused = old.pgconn.exec_params(statement.encode(), [b"calm"], [oid])
            assert refused.error_message == f"ERROR:  cache lookup failed for type {oid}\n".encode()
            error = f"ERROR:  cache lookup failed for type {oid} (SQLSTATE XX000)\nSTATEMENT:  {statement}\n"
        else:
            call = "SELECT mood_of(1)" if asks == "function" else "EXECUTE moody('calm')"
            with pytest.raises(psycopg.errors.InternalError_) as raised:
                old.execute(call)
            error = as_a_driver_logs(raised.value, statement if asks == "prepared" else call)
        state = await triage(local, production, migration=path, error=error, seen="broken")
        assert likely(state) == ["driver-caches-types"], error + explain(state)
        assert fact(state, "after.lost_type") == oid
        assert fact(state, "after.dropped_types") == [{"name": "mood", "kind": "type", "made_again": True}]
        run_the_checks("driver-caches-types", state, production)
    alone = await triage(None, None, error=error)
    assert causes(alone) == ["driver-caches-types"], explain(alone)
    with production.connect() as new:
        new.execute("SELECT mood_of(1)")


async def test_other_failed_lookups_are_not_blamed_on_a_type(pair: tuple[Database, Database]) -> None:
    for message in ("cache lookup failed for function 16500", "could not open relation with OID 16500"):
        state = await triage(*pair, error=f"ERROR:  {message} (SQLSTATE XX000)\n", seen="broken")
        assert "driver-caches-types" not in likely(state), explain(state)


# -- unique indexes that let duplicates in ---------------------------------------------------------------------------------


LOCALE_OF = {12: "collcollate", 13: "collcollate", 14: "collcollate", 15: "colliculocale", 16: "colliculocale"}


def with_another_library(database: Database) -> None:
    """Text that is sorted by ICU; then the library sorts digits otherwise, under the index that is there."""
    try:
        database.execute("CREATE COLLATION by_language (provider = icu, locale = 'en')")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this build has no ICU")
    database.execute("CREATE TABLE account (id serial, email text COLLATE by_language CONSTRAINT account_email UNIQUE)")
    database.execute("INSERT INTO account (email) SELECT 'k' || g FROM generate_series(1, 3000) g; ANALYZE account")


def library_changes(database: Database) -> None:
    column = LOCALE_OF.get(database.major, "colllocale")
    both = f", collctype = '{NUMERIC}'" if column == "collcollate" else ""
    database.execute(f"UPDATE pg_collation SET {column} = '{NUMERIC}'{both} WHERE collname = 'by_language'")
    database.execute("UPDATE pg_collation SET collversion = '57.1' WHERE collname = 'by_language'")


NUMERIC = "en-u-kn-true"


def doubled(database: Database) -> int:
    """Insert every 37th row again; how many the unique index let in."""
    made = 0
    with database.connect() as connection:
        for g in range(1, 3000, 37):
            try:
                connection.execute("INSERT INTO account (email) VALUES (%s)", [f"k{g}"])
                made += 1
            except psycopg.errors.UniqueViolation:
                continue
    return made


REBUILDS = {
    "another": "CREATE UNIQUE INDEX account_email_new ON account (email);",
    "reindex": "REINDEX INDEX account_email;",
    "concurrently": "REINDEX INDEX CONCURRENTLY account_email;",
    "constraint": "ALTER TABLE account ADD CONSTRAINT account_key UNIQUE (email);",
}


@pytest.mark.parametrize(("major", "how"), [(12, "another"), (14, "reindex"), (15, "concurrently"), (17, "constraint")])
async def test_duplicates_under_an_index_whose_library_changed_are_no_untidy_data(
    sides: tuple[Database, Database], how: str, tmp_path: Path
) -> None:
    local, production = sides
    with_another_library(production)
    local.execute("CREATE TABLE account (id serial, email text CONSTRAINT account_email UNIQUE)")
    library_changes(production)
    assert doubled(production) > 10
    path = write(tmp_path, REBUILDS[how] + "\n")
    assert "ERROR" not in psql(local, path)
    error = psql(production, path)
    assert "could not create unique index" in error
    state = await triage(local, production, migration=path, error=error)
    assert likely(state) == ["collation-version-mismatch"], error + explain(state)
    [index] = fact(state, "locale.contradicted")
    assert (index["index"], index["mismatch"]) == ("public.account_email", True)
    assert index["rebuilt"] == how.startswith(("reindex", "concurrently"))
    run_the_checks("collation-version-mismatch", state, production)


@pytest.mark.parametrize("major", [12, 17])
async def test_a_changed_library_is_not_blamed_for_duplicates_that_no_index_forbade(
    sides: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = sides
    with_another_library(production)
    local.execute("CREATE TABLE account (id serial, email text, name text)")
    production.execute("ALTER TABLE account ADD COLUMN name text DEFAULT 'same'")
    library_changes(production)
    path = write(tmp_path, "CREATE UNIQUE INDEX account_name ON account (name);\n")
    error = psql(production, path)
    state = await triage(local, production, migration=path, error=error)
    assert likely(state) == ["unique-violation-existing-duplicates"], error + explain(state)


def without_the_index(database: Database, sql: str) -> None:
    """Rows that the unique index does not get to see, as after a crash of a build or a bug."""
    switch = "UPDATE pg_index SET indisready = {0}, indisvalid = {0} WHERE indexrelid = 'account_number'::regclass"
    for statement in (switch.format("false"), sql, switch.format("true")):
        database.execute(statement)


ACCOUNTS = """
CREATE TABLE account (id serial PRIMARY KEY, number int CONSTRAINT account_number UNIQUE, name text);
INSERT INTO account (number) SELECT g FROM generate_series(1, 500) g;
"""
NUMBERED = {
    "another": "CREATE UNIQUE INDEX account_number_new ON account (number);",
    "reindex": "REINDEX TABLE account;",
    "rewritten": "ALTER TABLE account ADD COLUMN seen timestamptz DEFAULT clock_timestamp();",
}


@pytest.mark.parametrize(("major", "how"), [(12, "another"), (13, "reindex"), (16, "rewritten"), (18, "another")])
async def test_duplicates_under_a_valid_unique_index_are_its_damage(
    sides: tuple[Database, Database], how: str, tmp_path: Path
) -> None:
    local, production = sides
    for database in sides:
        database.execute(ACCOUNTS)
    without_the_index(production, "INSERT INTO account (number) VALUES (7), (8)")
    path = write(tmp_path, NUMBERED[how] + "\n")
    assert "ERROR" not in psql(local, path)
    error = psql(production, path)
    assert "could not create unique index" in error
    state = await triage(local, production, migration=path, error=error)
    assert likely(state) == ["corrupt-unique-index"], error + explain(state)
    run_the_checks("corrupt-unique-index", state, production)


@EXTREMES
async def test_a_whole_unique_index_is_not_suspected(sides: tuple[Database, Database], tmp_path: Path) -> None:
    local, production = sides
    for database in sides:
        database.execute(ACCOUNTS)
    production.execute("UPDATE account SET name = 'same'")
    fresh = write(tmp_path, "CREATE UNIQUE INDEX account_name ON account (name);\n")
    state = await triage(local, production, migration=fresh, error=psql(production, fresh))
    assert likely(state) == ["unique-violation-existing-duplicates"], explain(state)
    narrowed = write(tmp_path, "ALTER TABLE account ALTER number TYPE int USING number / 10;\n", "0008_narrow.sql")
    state = await triage(local, production, migration=narrowed, error=psql(production, narrowed))
    assert "corrupt-unique-index" not in likely(state), explain(state)
    assert fact(state, "locale.contradicted") == []


@pytest.mark.parametrize("command", ["VACUUM FULL account", "CLUSTER account USING account_pkey"])
@EXTREMES
def test_a_table_that_is_copied_keeps_its_duplicates_without_an_error(
    sides: tuple[Database, Database], command: str
) -> None:
    production = sides[1]
    production.execute(ACCOUNTS)
    without_the_index(production, "INSERT INTO account (number) VALUES (7)")
    production.execute(command)
    assert production.execute("SELECT count(*) FROM account WHERE number + 0 = 7") == [(2,)]


# -- two locales --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("major", "migration"),
    [
        (12, "CREATE INDEX label_ab ON label ((a || b));"),
        (16, "CREATE VIEW both_names AS SELECT a AS name FROM label UNION SELECT b FROM label;"),
        (18, "CREATE TABLE joined AS SELECT a || b AS name FROM label;"),
    ],
)
async def test_two_collations_in_one_expression_are_told_by_the_column_that_is_other_on_production(
    sides: tuple[Database, Database], migration: str, tmp_path: Path
) -> None:
    local, production = sides
    for database in sides:
        database.execute('CREATE TABLE label (id int, a text COLLATE "C", b text COLLATE "C")')
    other = 'ALTER TABLE label ALTER b TYPE text COLLATE "POSIX"'
    path = write(tmp_path, migration + "\n")
    for database in sides:
        database.execute(other)
    error = psql(production, path)
    assert error == psql(local, path), "on both sides it is the statement that is wrong"
    state = await triage(local, production, migration=path, error=error)
    assert "locale-differs" not in likely(state), explain(state)
    local.execute('ALTER TABLE label ALTER b TYPE text COLLATE "C"')
    assert "ERROR" not in psql(local, path)
    state = await triage(local, production, migration=path, error=error)
    assert likely(state) == ["locale-differs"], error + explain(state)
    [column] = fact(state, "locale.columns_differ")
    assert (column["column"], column["local"], column["production"]) == ("b", "C", "POSIX")
    run_the_checks("locale-differs", state, production)
    production.execute('ALTER TABLE label ALTER b TYPE text COLLATE "C"')
    assert "ERROR" not in psql(production, path)


@pytest.mark.parametrize("major", [12, 15, 17])
async def test_a_collation_that_ignores_case_on_production_only_is_named(
    sides: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = sides
    ignoring = "CREATE COLLATION ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
    try:
        production.execute(ignoring)
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this build has no ICU")
    for database in sides:
        database.execute("CREATE TABLE label (id int, a text)")
    production.execute("ALTER TABLE label ALTER a TYPE text COLLATE ignoring_case")
    path = write(tmp_path, "ALTER TABLE label ADD CHECK (a ~ '^[a-z]*$');\n")
    assert "ERROR" not in psql(local, path)
    production.execute("INSERT INTO label VALUES (1, 'x')")
    error = psql(production, path)
    assert "nondeterministic" in error
    state = await triage(local, production, migration=path, error=error)
    assert likely(state) == ["locale-differs"], error + explain(state)


@pytest.fixture
def of_two_languages(major: int) -> Iterator[tuple[Database, Database]]:
    """A local database that knows no letters beyond ASCII, and a production that folds them."""
    made = [create_database(18)]
    on = Database(server(major), f"{made[0].name}_folds")
    try:
        with psycopg.connect(on.server.dsn(), autocommit=True) as connection:
            kind = "LC_COLLATE 'C' LC_CTYPE 'C.utf8' ENCODING 'UTF8'"
            connection.execute(f"CREATE DATABASE {on.name} TEMPLATE template0 {kind}".encode())
        made.append(on)
        if on.execute("SELECT lower('Ä')") != [("ä",)]:
            pytest.skip("this system's C.utf8 folds nothing")
        yield made[0], on
    except psycopg.errors.DataError:
        pytest.skip("this system has no C.utf8")
    finally:
        for database in made:
            drop_database(database)


@EXTREMES
async def test_letters_that_only_production_folds_make_duplicates_there(
    of_two_languages: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = of_two_languages
    for database in of_two_languages:
        database.execute("CREATE TABLE label (id int, name text); INSERT INTO label VALUES (1, 'Ärger'), (2, 'ärger')")
    path = write(tmp_path, "CREATE UNIQUE INDEX label_name ON label (lower(name));\n")
    assert "ERROR" not in psql(local, path)
    error = psql(production, path)
    state = await triage(local, production, migration=path, error=error)
    assert "locale-differs" in likely(state), error + explain(state)
    assert {d["what"] for d in fact(state, "locale.databases_differ")} == {"ctype"}
    # both are so: the rows have to go, or the index has to name its rules
    assert set(likely(state)) <= {"locale-differs", "unique-violation-existing-duplicates"}, explain(state)
    run_the_checks("locale-differs", state, production)
    production.execute("DELETE FROM label; INSERT INTO label VALUES (1, 'anger'), (2, 'anger')")
    state = await triage(local, production, migration=path, error=psql(production, path))
    assert likely(state) == ["unique-violation-existing-duplicates"], explain(state)


# -- damage on disk --------------------------------------------------------------------------------------------------------


def overwrite(database: Database, relation: str, block: int, what: bytes) -> None:
    """Write over the beginning of a block, as a disk would, while the server is down."""
    [(path,)] = database.execute(f"SELECT pg_relation_filepath('{relation}')")
    database.execute("CHECKPOINT")
    database.server.halt()
    with (database.server.data / path).open("r+b") as file:
        file.seek(8192 * block)
        file.write(what)
    database.server.restart()


PARTS = """
CREATE TABLE part (id int PRIMARY KEY, name text);
INSERT INTO part SELECT g, repeat('n', 100) FROM generate_series(1, 3000) g;
"""


@EXTREMES
async def test_a_damaged_block_that_a_full_scan_meets_is_told_with_its_file(
    major: int, database: Database, tmp_path: Path
) -> None:
    path = write(tmp_path, "ALTER TABLE part ADD CHECK (id > 0);\n")
    with start_server(major) as own:
        production = Database(own, "postgres")
        for each in (database, production):
            each.execute(PARTS)
        overwrite(production, "part", 3, b"\xff" * 512)
        assert "ERROR" not in psql(database, path)
        error = psql(production, path)
        state = await triage(database, production, migration=path, error=error)
        assert likely(state) == ["corruption-surfaced"], error + explain(state)
        [hit] = fact(state, "locale.damaged")
        assert (hit["kind"], hit["block"]) == ("file", 3)
        asked = f"SELECT pg_filenode_relation({hit['tablespace']}, {hit['filenode']})::text"
        assert production.execute(asked) == [("part",)]
        run_the_checks("corruption-surfaced", state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == ["corruption-surfaced"], explain(alone)
        text = "\n".join(playbooks()["corruption-surfaced"].render(state.book()).sections.values())
        saving = [line for line in text.splitlines() if line.startswith(("CREATE TABLE saved", "INSERT INTO saved"))]
        assert len(saving) == 3
        if major >= 14:
            for line in saving:
                production.execute(line)
            [(saved,)] = production.execute("SELECT count(*) FROM saved")
            assert 2900 < saved < 3000, "all but the rows of that block"


@EXTREMES
async def test_a_damaged_index_is_told_by_its_name_and_built_anew(
    major: int, database: Database, tmp_path: Path
) -> None:
    path = write(tmp_path, "SET enable_seqscan = off;\nUPDATE part SET name = 'first' WHERE id = 5;\n")
    with start_server(major) as own:
        production = Database(own, "postgres")
        for each in (database, production):
            each.execute(PARTS)
        overwrite(production, "part_pkey", 1, bytes(8192))  # its first leaf
        assert "ERROR" not in psql(database, path)
        error = psql(production, path)
        state = await triage(database, production, migration=path, error=error)
        assert likely(state) == ["corruption-surfaced"], error + explain(state)
        assert [d["index"] for d in fact(state, "locale.damaged")] == ["part_pkey"]
        run_the_checks("corruption-surfaced", state, production)
        rendered = playbooks()["corruption-surfaced"].render(state.book())
        [rebuild] = [b.sql for b in rendered.sql if b.changes]
        production.execute(rebuild)
        assert "ERROR" not in psql(production, path)
