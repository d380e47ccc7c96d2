"""The SQL of the playbooks on what a migration leaves behind, and on libraries of languages, on real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runbook.diagnosis.facts import FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import playbooks
from tests.playbooks.test_errors_sql import Q_COLUMN, Q_PARENT, Q_TABLE, SETUP, blocks, facts, run
from tests.support import Database, create_database, drop_database, eventually, majors

CAUSES = (
    "stale-statistics",
    "bloat-after-backfill",
    "dependent-object-left-behind",
    "driver-caches-types",
    "collation-version-mismatch",
    "corrupt-unique-index",
    "locale-differs",
    "corruption-surfaced",
)
EXTREMES = pytest.mark.parametrize("major", [min(majors()), max(majors())])


@pytest.fixture
def items(major: int) -> Iterator[Database]:
    made = create_database(major)
    made.execute(SETUP)
    yield made
    drop_database(made)


@EXTREMES
def test_all_checks_run_on_the_oldest_and_the_newest_major_and_change_nothing(items: Database) -> None:
    with items.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for cause in CAUSES:
            checks = [b for b in blocks(cause, facts(items), changes=False) if b.runnable]
            assert checks, f"{cause} has no check that runs as it stands"
            for statement in (s for b in checks for s in split(b.sql)[0]):
                connection.execute(statement.sql.encode())


@pytest.mark.parametrize("cause", CAUSES)
def test_with_nothing_known_every_value_is_a_named_gap_and_nothing_is_run(cause: str) -> None:
    for block in playbooks()[cause].render(FactBook()).sql:
        assert block.runnable or block.missing
        if block.changes:
            assert "''" not in block.sql, block.sql


def stale(**other: object) -> dict[str, object]:
    row = {"relation": Q_TABLE, "why": "type changed", "rows": 5, "modified": 0, "last_analyze_s": None}
    return row | {"columns": [Q_COLUMN], "expressions": [], "autovacuum": "off for the table"} | other


@EXTREMES
def test_a_column_without_statistics_is_found_and_analyze_makes_them(items: Database) -> None:
    items.execute(f"ANALYZE {Q_TABLE}; ALTER TABLE {Q_TABLE} ALTER {Q_COLUMN} TYPE varchar(40)")
    items.execute(f"ALTER TABLE {Q_TABLE} SET (autovacuum_enabled = false)")
    book = facts(items, after={"stale_statistics": [stale()]})
    _, columns, enabled = blocks("stale-statistics", book, "fix", changes=False)
    assert run(items, columns.sql) == [(Q_TABLE, "E mail")]
    assert run(items, enabled.sql)[0][2] == ["autovacuum_enabled=false"]
    [analyze] = blocks("stale-statistics", book, "stop", changes=True)
    run(items, analyze.sql)
    assert run(items, columns.sql) == []
    [reset] = blocks("stale-statistics", book, "fix", changes=True)
    run(items, reset.sql)
    assert run(items, enabled.sql)[0][2] is None


@EXTREMES
def test_dead_rows_are_vacuumed_away_and_the_indexes_rebuilt_beside_readers(items: Database) -> None:
    items.execute(f"ALTER TABLE {Q_TABLE} SET (autovacuum_enabled = false)")
    items.execute(f"UPDATE {Q_TABLE} SET total = total + 1")
    row = {"relation": Q_TABLE, "why": "dead rows", "rows": 5, "dead": 5, "bytes": 1, "wasted_bytes": 0}
    row |= {"last_vacuum_s": None, "autovacuum": "off for the table"}
    book = facts(items, after={"bloated": [row]})
    [verify] = blocks("bloat-after-backfill", book, "verify")
    eventually(lambda: run(items, verify.sql)[0][1] == 5, 60, "the dead rows are counted")
    [vacuum] = blocks("bloat-after-backfill", book, "stop", changes=True)
    run(items, vacuum.sql)
    eventually(lambda: run(items, verify.sql)[0][1] == 0, 60, "the vacuum is counted")
    _, rebuild = blocks("bloat-after-backfill", book, "fix", changes=False)
    for command, _ in run(items, rebuild.sql):
        run(items, command)
    assert items.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


def test_a_session_with_an_old_snapshot_is_the_first_that_holds_back_vacuum(database: Database) -> None:
    database.execute(SETUP)
    book = facts(database, after={"bloated": []})
    [holders] = blocks("bloat-after-backfill", book, "stop", changes=False)
    with database.connect() as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        database.execute(f"UPDATE {Q_TABLE} SET total = total + 1")
        assert run(database, holders.sql)[0][:2] == ("session", str(old.info.backend_pid))


# -- what follows the old table -----------------------------------------------------------------------------------------


Q_OLD = '"My Schema"."Order\'s ""Items"" old"'


def on_old(why: str, **other: object) -> dict[str, object]:
    row = {"why": why, "kind": "view", "what": '"My Schema"."The view"', "relation": Q_TABLE, "old": "", "name": ""}
    return row | {"new_name": "", "done": True, "in_error": False} | other


@EXTREMES
def test_a_view_and_a_foreign_key_are_brought_over_to_the_new_table(items: Database) -> None:
    items.execute(f"""
        CREATE VIEW "My Schema"."The view" AS SELECT i.id, {Q_COLUMN} FROM {Q_TABLE} i JOIN {Q_PARENT} p ON p.id = parent;
        CREATE TABLE shelf (item int CONSTRAINT "shelf's" REFERENCES {Q_TABLE});
        CREATE TABLE "My Schema".incoming (LIKE {Q_TABLE} INCLUDING ALL);
        ALTER TABLE {Q_TABLE} RENAME TO {Q_OLD.split(".")[1]};
        ALTER TABLE "My Schema".incoming RENAME TO {Q_TABLE.split(".")[1]};
        INSERT INTO {Q_TABLE} (id, parent) VALUES (77, 1)
    """)
    book = facts(items, after={"on_old": [on_old("reads the old table", old=Q_OLD)]})
    who, views, keys = blocks("dependent-object-left-behind", book, "fix", changes=False)
    assert {(r[1], r[2]) for r in run(items, who.sql)} == {('"My Schema"."The view"', None), (None, "shelf")}
    [(view,)] = run(items, views.sql)
    [(key, as_it_is)] = run(items, keys.sql)
    assert as_it_is == f"FOREIGN KEY (item) REFERENCES {Q_OLD}(id)"
    run(items, view)
    run(items, key)
    assert items.execute('SELECT id FROM "My Schema"."The view"') == [(77,)]
    items.execute('INSERT INTO shelf VALUES (77); ALTER TABLE shelf VALIDATE CONSTRAINT "shelf\'s"')
    [verify] = blocks("dependent-object-left-behind", book, "verify")
    assert run(items, verify.sql) == []
    assert run(items, who.sql) == []


@EXTREMES
def test_functions_with_the_old_name_in_their_text_are_found_with_their_source(items: Database) -> None:
    items.execute(f"""
        CREATE FUNCTION "My Schema"."It's net"() RETURNS text LANGUAGE sql AS $$ SELECT max({Q_COLUMN}) FROM {Q_TABLE} $$;
        ALTER TABLE {Q_TABLE} RENAME COLUMN {Q_COLUMN} TO mail
    """)
    named = '"My Schema"."It\'s net"()'
    row = on_old("names what is gone", kind="function", what=named, name="E mail", new_name="mail")
    book = facts(items, after={"on_old": [row]})
    search, source = blocks("dependent-object-left-behind", book, "fix", changes=False)
    assert [r[0] for r in run(items, search.sql)] == [named]
    [(text,)] = run(items, source.sql)
    run(items, text.replace(Q_COLUMN, "mail"))
    assert run(items, search.sql) == []
    assert items.execute(f"SELECT {named}") == [("b",)]


# -- duplicates under a unique index ------------------------------------------------------------------------------------


INDEX = """'"My Schema"."Items'' key"'::regclass"""


def contradicted(**other: object) -> dict[str, object]:
    row = {"index": '"My Schema"."Items\' key"', "relation": Q_TABLE, "columns": [Q_COLUMN], "rebuilt": True}
    return row | {"by_collation": False, "mismatch": False} | other


@EXTREMES
@pytest.mark.parametrize("cause", ["corrupt-unique-index", "collation-version-mismatch"])
def test_duplicates_are_seen_without_the_index_kept_and_the_index_is_built_anew(items: Database, cause: str) -> None:
    items.execute(f"""
        DELETE FROM {Q_TABLE} WHERE id = 2;
        CREATE UNIQUE INDEX "Items' key" ON {Q_TABLE} ({Q_COLUMN});
        UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid = {INDEX};
    """)
    items.execute(f"INSERT INTO {Q_TABLE} VALUES (7, 'a')")
    items.execute(f"UPDATE pg_index SET indisready = true, indisvalid = true WHERE indexrelid = {INDEX}")
    mismatch = {"kind": "database", "name": items.name, "provider": "libc", "recorded": "2.28", "actual": "2.36"}
    book = facts(items, locale={"contradicted": [contradicted()], "mismatches": [mismatch]})
    look, *_ = blocks(cause, book, "fix", changes=False)
    [(value, how_many, places)] = run_within(items, look.sql)
    assert (value, how_many) == ("a", 2), places
    remove, rebuild, *refresh = blocks(cause, book, "fix", changes=True)
    run(items, remove.sql)
    assert len(run_within(items, look.sql)) == 1, "it ends with ROLLBACK"
    run(items, remove.sql.replace("ROLLBACK", "COMMIT"))
    assert run_within(items, look.sql) == []
    run(items, rebuild.sql)
    assert items.execute("SELECT id FROM public.runbook_removed_duplicates") == [(7,)]
    assert items.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
    items.execute("CREATE EXTENSION amcheck; SELECT bt_index_check('\"My Schema\".\"Items'' key\"', true)")
    every = blocks(cause, book, "fix", changes=False)[-1]
    for command, *_ in run(items, every.sql):
        run(items, command)
    if refresh and items.major >= 15:
        run(items, refresh[0].sql)


def run_within(database: Database, sql: str) -> list[tuple[object, ...]]:
    """The rows of the query that stands in a transaction."""
    return run(database, sql.replace("COMMIT;", ""))


@EXTREMES
def test_the_columns_with_a_collation_of_their_own_are_shown(items: Database) -> None:
    items.execute(f'ALTER TABLE {Q_TABLE} ALTER {Q_COLUMN} TYPE text COLLATE "POSIX"')
    row = {"relation": Q_TABLE, "column": Q_COLUMN, "local": "default", "production": "POSIX"}
    _, columns = blocks("locale-differs", facts(items, locale={"columns_differ": [row]}), "fix", changes=False)
    assert run(items, columns.sql) == [("E mail", "POSIX", "c", True)]
