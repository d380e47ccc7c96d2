"""The SQL of the playbooks on rows and on values that PostgreSQL makes does on real servers what they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from runbook.diagnosis.facts import FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import ADD_COLUMN, incident, playbooks
from tests.playbooks.test_errors_sql import blocks, changes, run
from tests.support import BARE, Database, create_database, drop_database, majors

CAUSES = (
    "sequence-out-of-sync",
    "exclusion-violation",
    "generated-column-written",
    "sequence-exhausted",
    "index-row-too-large",
)

# Names that break whoever quotes by hand.
TABLE, COLUMN, SEQUENCE = '"My Schema"."Order\'s ""Items"""', '"E mail"', '"My Schema"."the \'seq\'"'
SETUP = f"""
    CREATE SCHEMA "My Schema";
    CREATE SEQUENCE {SEQUENCE};
    CREATE TABLE {TABLE} ("Id" int PRIMARY KEY DEFAULT nextval('{SEQUENCE.replace("'", "''")}'), {COLUMN} text);
    ALTER SEQUENCE {SEQUENCE} OWNED BY {TABLE}."Id";
    INSERT INTO {TABLE} ({COLUMN}) VALUES ('a'), ('b');
"""
STATEMENT = dict(ADD_COLUMN) | {
    "sql": f"INSERT INTO {TABLE} ({COLUMN}) VALUES ('x')",
    "kind": "INSERT",
    "relation": TABLE,
    "relation_name": 'Order\'s "Items"',
    "schema": "My Schema",
    "column": COLUMN,
    "columns": [COLUMN],
    "is_ddl": False,
}


def facts(database: Database, *, statement: dict[str, Any] | None = None, **groups: Any) -> FactBook:
    """The incident on ``database``, all names hostile."""
    side = {"database": database.name, "role": BARE, "major": database.major, "version": str(database.major)}
    return incident(failing=STATEMENT | (statement or {}), production=side | groups.pop("production", {}), **groups)


@pytest.fixture(params=[min(majors()), max(majors())])
def items(request: pytest.FixtureRequest) -> Iterator[Database]:
    database = create_database(request.param)
    database.execute(SETUP)
    yield database
    drop_database(database)


@pytest.mark.parametrize("cause", CAUSES)
def test_with_nothing_known_every_value_is_a_named_gap_and_nothing_is_run(cause: str) -> None:
    for block in playbooks()[cause].render(FactBook()).sql:
        assert block.runnable or block.missing
        if block.changes:
            assert "''" not in block.sql, block.sql


def look(cause: str, book: FactBook, database: Database, section: str = "fix", number: int = 0) -> list[Any]:
    """The rows of a query that looks, in a session that may not write."""
    found = blocks(cause, book, section, changes=False)[number]
    assert found.runnable, found.missing
    rows: list[Any] = []
    with database.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for statement in split(found.sql)[0]:
            cursor = connection.execute(statement.sql.encode())
            if cursor.description:
                rows = cursor.fetchall()
    return rows


# -- values that a sequence makes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("increment", "imported"), [(1, 40), (-1, -40)])
def test_a_sequence_is_set_behind_the_furthest_key_and_never_turned_back(
    items: Database, increment: int, imported: int
) -> None:
    items.execute(f"""
        ALTER SEQUENCE {SEQUENCE} INCREMENT {increment} MINVALUE -100 MAXVALUE 100 RESTART {3 * increment};
        INSERT INTO {TABLE} VALUES ({imported}, 'imported'), ({3 * increment}, 'imported')""")
    key = {"key_left_to_sequence": True, "key_column": '"Id"', "key_sequence": SEQUENCE, "key_value": "3"}
    error = {"sqlstate": "23505", "message": "duplicate key value violates unique constraint"}
    cause = "sequence-out-of-sync"
    book = facts(items, error=error, data=key | {"key_sequence_increment": increment, "key_sequence_cache": 1})
    with pytest.raises(psycopg.errors.UniqueViolation):
        items.execute(STATEMENT["sql"])
    assert [r[1:] for r in look(cause, book, items)] == [(imported, True)]
    listed = [r[0] for r in look(cause, book, items, number=1)]
    assert len(listed) == (1 if increment > 0 else 0)
    for query in listed:
        assert items.execute(query)[0][2] == imported
    [repair] = changes(cause, book)
    run(items, repair)
    assert [r[1:] for r in look(cause, book, items)] == [(imported, False)]
    items.execute(STATEMENT["sql"])
    assert items.execute(f'SELECT count(*) FROM {TABLE} WHERE "Id" = {imported + increment}') == [(1,)]
    items.execute(f'DELETE FROM {TABLE} WHERE abs("Id") > 10')
    run(items, repair)
    assert items.execute(f"SELECT last_value FROM {SEQUENCE}") == [(imported + increment,)]


# -- rows that exclude each other ---------------------------------------------------------------------------------------


def test_a_constraint_on_pairs_of_rows_is_added_when_they_are_settled_and_may_leave_old_rows_out(
    items: Database,
) -> None:
    items.execute(f"""ALTER TABLE {TABLE} ADD "At" int4range; UPDATE {TABLE} SET "At" = '[1,5)'""")
    constraint = f'ALTER TABLE {TABLE} ADD CONSTRAINT "no two" EXCLUDE USING gist ("At" WITH &&)'
    with pytest.raises(psycopg.errors.ExclusionViolation) as raised:
        items.execute(constraint)
    pairs = f'SELECT a."Id", b."Id" FROM {TABLE} a JOIN {TABLE} b ON a.ctid < b.ctid AND a."At" && b."At"'
    statement = {"sql": constraint, "is_ddl": True, "offenders_sql": pairs, "constraint": '"no two"'}
    error = {"sqlstate": "23P01", "message": str(raised.value.diag.message_primary), "constraint": "no two"}
    book = facts(items, error=error, statement=statement)
    assert look("exclusion-violation", book, items) == [(1, 2)]
    for refused in (" NOT VALID", " DEFERRABLE INITIALLY DEFERRED"):
        with pytest.raises((psycopg.errors.FeatureNotSupported, psycopg.errors.ExclusionViolation)):
            items.execute(constraint + refused)
    items.execute(f'{constraint} WHERE ("Id" > 2); ALTER TABLE {TABLE} DROP CONSTRAINT "no two"')
    items.execute(f"""UPDATE {TABLE} SET "At" = '[5,9)' WHERE "Id" = 2""")
    [add] = changes("exclusion-violation", book)
    with items.connect() as connection, connection.transaction():
        connection.execute(add.encode())
    assert ("no two", "x") in [r[:2] for r in look("exclusion-violation", book, items, "verify")]


# -- columns that only PostgreSQL may fill ------------------------------------------------------------------------------


def test_keys_written_by_hand_are_kept_and_the_sequence_goes_on_behind_them(items: Database) -> None:
    if items.major < 13:  # measured: 12 takes no row where a column owns two sequences
        items.execute(f"ALTER SEQUENCE {SEQUENCE} OWNED BY NONE")
    items.execute(f"""
        ALTER TABLE {TABLE} ALTER "Id" DROP DEFAULT, ALTER "Id" ADD GENERATED ALWAYS AS IDENTITY (START 3),
            ADD "Twice" int GENERATED ALWAYS AS ("Id" * 2) STORED""")
    row = {"column": '"Id"', "name": "Id", "kind": "identity", "local": "by default"}
    insert = f'INSERT INTO {TABLE} ("Id") VALUES (70)'
    cause, corrected = "generated-column-written", f'INSERT INTO {TABLE} ("Id") OVERRIDING SYSTEM VALUE VALUES (70)'
    with pytest.raises(psycopg.errors.GeneratedAlways) as raised:
        items.execute(insert)
    error = {"sqlstate": "428C9", "message": str(raised.value.diag.message_primary)}
    data = {"generated_written": [row], "generated_corrected_sql": corrected}
    book = facts(items, error=error, statement={"sql": insert}, data=data)
    assert [r[:3] for r in look(cause, book, items)] == [("Id", "a", ""), ("Twice", "", "s")]
    again, sequence = changes(cause, book)
    run(items, again)
    run(items, sequence)
    items.execute(f"INSERT INTO {TABLE} ({COLUMN}) VALUES ('next')")
    assert items.execute(f'SELECT "Id", "Twice" FROM {TABLE} WHERE "Id" > 2 ORDER BY 1') == [(70, 140), (71, 142)]

    update = {"sql": f'UPDATE {TABLE} SET "Id" = "Id" + 100', "kind": "UPDATE"}
    book = facts(items, error=error, statement=update, data=data | {"generated_corrected_sql": ""})
    moved, sequence = changes(cause, book)
    run(items, moved)
    run(items, sequence)
    assert items.execute(f'SELECT max("Id") FROM {TABLE}') == [(171,)]
    with pytest.raises(psycopg.errors.GeneratedAlways):
        items.execute(insert)


# -- a sequence without values ------------------------------------------------------------------------------------------


def test_a_used_up_sequence_goes_on_below_zero_and_later_as_bigint(items: Database) -> None:
    items.execute(f"ALTER SEQUENCE {SEQUENCE} AS integer")
    items.execute(f"SELECT setval('{SEQUENCE.replace(chr(39), chr(39) * 2)}', 2147483647)")
    row = {
        "sequence": SEQUENCE,
        "sequence_type": "integer",
        "relation": TABLE,
        "column": '"Id"',
        "column_type": "integer",
        "identity": False,
        "increment": 1,
        "limit": 2147483647,
        "left": 0,
        "bound_by": "sequence",
    }
    cause = "sequence-exhausted"
    insert = f"INSERT INTO {TABLE} ({COLUMN}) VALUES ('x')"
    with pytest.raises(psycopg.errors.SequenceGeneratorLimitExceeded):
        items.execute(insert)
    book = facts(items, error={"sqlstate": "2200H", "message": "reached"}, data={"spent_sequences": [row]})
    assert look(cause, book, items) == [(1,)]
    assert look(cause, book, items, number=1) == []
    below, widen = changes(cause, book)
    run(items, below)
    items.execute(insert)
    assert items.execute(f'SELECT min("Id") FROM {TABLE}') == [(-(2**31),)]
    items.execute(f'ALTER TABLE {TABLE} ALTER "Id" TYPE bigint; INSERT INTO {TABLE} VALUES (2147483647)')
    run(items, widen)
    items.execute(insert)
    assert items.execute(f'SELECT max("Id") FROM {TABLE}') == [(2**31,)]
    [verify] = run(items, blocks(cause, book, "verify")[0].sql)
    assert verify[:3] == ("bigint", 1, 2**63 - 1)


def test_a_small_sequence_under_a_large_column_is_only_widened(items: Database) -> None:
    items.execute(f'ALTER TABLE {TABLE} ALTER "Id" TYPE bigint; ALTER SEQUENCE {SEQUENCE} AS integer MAXVALUE 2')
    row = {
        "sequence": SEQUENCE,
        "sequence_type": "integer",
        "relation": TABLE,
        "column": '"Id"',
        "column_type": "bigint",
        "identity": False,
        "increment": 1,
        "limit": 2,
        "left": 0,
        "bound_by": "sequence",
    }
    book = facts(items, error={"sqlstate": "2200H", "message": "reached"}, data={"spent_sequences": [row]})
    [widen] = changes("sequence-exhausted", book)
    run(items, widen)
    items.execute(f"INSERT INTO {TABLE} ({COLUMN}) VALUES ('x')")
    [verify] = run(items, blocks("sequence-exhausted", book, "verify")[0].sql)
    assert verify == ("bigint", 1, 2**63 - 1, 3)


# -- values that no index takes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("unique", [True, False])
def test_what_an_index_cannot_take_is_found_and_indexed_in_another_way(items: Database, unique: bool) -> None:
    long = "(SELECT string_agg(md5(g::text), '') FROM generate_series(1, 300) g)"
    items.execute(
        f"UPDATE {TABLE} SET {COLUMN} = {long} WHERE \"Id\" = 2; INSERT INTO {TABLE} VALUES (9, repeat('x', 90000))"
    )
    statement = {
        "sql": f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY \"the 'index'\" ON {TABLE} ({COLUMN})",
        "is_ddl": True,
        "concurrently": True,
        "unique": unique,
        "primary_key": ['"Id"'],
        "index_name": "\"the 'index'\"",
        "index_relation": '"My Schema"."the \'index\'"',
    }
    with pytest.raises(psycopg.errors.ProgramLimitExceeded) as raised:
        items.execute(str(statement["sql"]))
    error = {"sqlstate": "54000", "message": str(raised.value.diag.message_primary), "object_kind": "index"}
    cause, book = "index-row-too-large", facts(items, error=error, statement=statement)
    assert len(look(cause, book, items, "stop")) == 1
    [drop] = changes(cause, book, "stop")
    run(items, drop)
    assert look(cause, book, items, "stop") == []
    largest = look(cause, book, items)
    assert largest[0][:2] == (2, 9600)
    assert max(r[2] for r in largest[1:]) < 2704
    for build in changes(cause, book):
        run(items, build)
        assert [r[1] for r in look(cause, book, items, "verify")] == [True, True]
        if unique:
            with pytest.raises(psycopg.errors.IntegrityError):
                items.execute(f'INSERT INTO {TABLE} SELECT 77, {COLUMN} FROM {TABLE} WHERE "Id" = 2')
        items.execute(
            f"ALTER TABLE {TABLE} DROP CONSTRAINT \"the 'index'\""
            if "EXCLUDE" in build
            else 'DROP INDEX "My Schema"."the \'index\'"'
        )


# -- triggers -----------------------------------------------------------------------------------------------------------


def test_a_trigger_gets_a_switch_for_the_migration_alone_or_is_switched_off_in_its_transaction(items: Database) -> None:
    items.execute(f"""
        CREATE TABLE fired (id int);
        CREATE FUNCTION "My Schema"."it's on"() RETURNS trigger LANGUAGE plpgsql
            AS $$BEGIN INSERT INTO fired VALUES (1); RETURN NEW; END$$;
        CREATE TRIGGER "the 'Trigger'" AFTER UPDATE OF {COLUMN} ON {TABLE} FOR EACH ROW
            EXECUTE FUNCTION "My Schema"."it's on"()""")
    row = {
        "trigger": "\"the 'Trigger'\"",
        "trigger_name": "the 'Trigger'",
        "relation": TABLE,
        "function": '"My Schema"."it\'s on"',
        "events": ["UPDATE"],
        "on_local": "absent",
        "many": True,
        "rows": 5000,
        "file": "1.sql",
        "line": 1,
    }
    cause, book = "production-only-trigger", facts(items, data={"triggers_fired": [row], "error_in_trigger": ""})
    assert [r[:2] for r in look(cause, book, items)] == [("the 'Trigger'", "O")]
    [(switch,)] = look(cause, book, items, number=1)
    run(items, switch)
    assert look(cause, book, items, number=1) == [], "it has a WHEN already"
    quiet, off = changes(cause, book)
    update = f"UPDATE {TABLE} SET {COLUMN} = 'q' WHERE \"Id\" = 1"
    run(items, f"BEGIN; {quiet} {update}; COMMIT")
    assert items.execute("SELECT count(*) FROM fired") == [(0,)]
    items.execute(update)
    assert items.execute("SELECT count(*) FROM fired") == [(1,)], "everybody else fires it"
    before, after = off.split("-- the migration's statements")
    run(items, f"BEGIN; {before} {update}; {after} COMMIT")
    items.execute(update)
    assert items.execute("SELECT count(*) FROM fired") == [(2,)]
    assert look(cause, book, items, "verify") == [("the 'Trigger'", "O")]


# -- rules that old rows break ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [False, True])
def test_a_foreign_key_is_true_again_when_the_orphans_are_settled(items: Database, hidden: bool) -> None:
    key = f'ALTER TABLE {TABLE} ADD CONSTRAINT "it\'s a key" FOREIGN KEY (parent) REFERENCES "My Schema"."Par ent" ("Id") ON DELETE SET NULL'
    items.execute(f'CREATE TABLE "My Schema"."Par ent" ("Id" int PRIMARY KEY); ALTER TABLE {TABLE} ADD parent int')
    orphan = f'UPDATE {TABLE} SET parent = 7 WHERE "Id" = 2'
    if hidden:
        items.execute(f"{key}; SET session_replication_role = replica; {orphan}")
    else:
        items.execute(f"{orphan}; {key} NOT VALID")
    rule = {
        "constraint": '"it\'s a key"',
        "relation": TABLE,
        "kind": "foreign key",
        "validated": hidden,
        "enforced": True,
        "met_by": "retype" if hidden else "validate",
        "on_local": "validated",
        "offenders_sql": f'SELECT c."Id" FROM {TABLE} AS c WHERE c.parent IS NOT NULL AND NOT EXISTS'
        ' (SELECT FROM "My Schema"."Par ent" AS p WHERE p."Id" = c.parent)',
    }
    cause = "dirty-data-under-unvalidated-constraint"
    book = facts(items, error={"sqlstate": "23503"}, data={"old_rule": [rule]})
    assert look(cause, book, items) == [(2,)]
    validate = changes(cause, book)[-1]
    if hidden:
        run(items, validate)  # says OK over an orphan
        [(again,)] = look(cause, book, items, number=1)
        run(items, again)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        run(items, validate)
    items.execute(f"UPDATE {TABLE} SET parent = NULL")
    run(items, validate)
    assert ("it's a key", "f", True) in look(cause, book, items, "verify")
    kept = items.execute("SELECT confdeltype FROM pg_constraint WHERE contype = 'f'")
    assert kept == [("n",)], "the key is the same as before"


# -- labels and lookup rows ---------------------------------------------------------------------------------------------


def test_a_label_is_added_where_local_has_it(items: Database) -> None:
    items.execute("""CREATE TYPE "My Schema"."it's a State" AS ENUM ('new', 'it''s done')""")
    row = {
        "type": '"My Schema"."it\'s a State"',
        "label": "in 'work'",
        "labels": ["new", "it's done"],
        "after": "new",
        "on_local": "yes",
    }
    cause = "lookup-value-missing"
    book = facts(items, error={"sqlstate": "22P02"}, data={"missing_label": [row], "missing_parent": []})
    [add] = changes(cause, book)
    assert look(cause, book, items, "verify") == []
    run(items, add)
    run(items, add)
    assert [r[0] for r in look(cause, book, items)] == ["new", "in 'work'", "it's done"]
    assert look(cause, book, items, "verify") == [("in 'work'",)]


def test_a_lookup_row_is_taken_over_with_all_its_columns(items: Database) -> None:
    parent = '"My Schema"."100% it\'s"'
    made = (
        f'CREATE TABLE {parent} ("Co de" text PRIMARY KEY, id int GENERATED ALWAYS AS IDENTITY, at date, tags text[])'
    )
    items.execute(made)
    row = {
        "constraint": "k",
        "relation": TABLE,
        "parent": parent,
        "columns": ['"Co de"'],
        "value": "B's",
        "rows": 0,
        "rows_local": 1,
    }
    cause = "lookup-value-missing"
    book = facts(items, error={"sqlstate": "23503"}, data={"missing_label": [], "missing_parent": [row]})
    assert look(cause, book, items, "verify") == [(0,)]
    local = create_database(items.major)
    try:
        local.execute(
            f'CREATE SCHEMA "My Schema"; {made};'
            f"INSERT INTO {parent} VALUES ('x'); INSERT INTO {parent} VALUES ('B''s', DEFAULT, '2026-02-03', ARRAY['a', 'b'])"
        )
        [(statement,)] = run(local, blocks(cause, book, "fix")[1].sql)
    finally:
        drop_database(local)
    run(items, statement)
    run(items, statement)
    assert items.execute(f"SELECT id, at::text, tags FROM {parent}") == [(2, "2026-02-03", ["a", "b"])]
    assert look(cause, book, items, "verify") == [(1,)]
    assert len(look(cause, book, items)) == 1


# -- encodings ----------------------------------------------------------------------------------------------------------


def test_bytes_that_are_no_utf8_are_found_where_nothing_checked_them(items: Database) -> None:
    with psycopg.connect(items.server.dsn(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {items.name}".encode())
        connection.execute(
            f"CREATE DATABASE {items.name} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'".encode()
        )
    items.execute(SETUP + f"UPDATE {TABLE} SET {COLUMN} = E'K\\xf6ln' WHERE \"Id\" = 1")
    book = facts(items, error={"sqlstate": "22021"}, production={"encoding": "SQL_ASCII"})
    [find] = changes("encoding-mismatch", book)
    with items.connect() as connection:
        found = [
            cursor.fetchall()
            for statement in split(find)[0]
            if (cursor := connection.execute(statement.sql.encode())).description
        ]
    assert [
        [(bytes(value) if isinstance(value, bytes) else value.encode(), n) for value, n in rows] for rows in found
    ] == [[(b"K\\366ln", 1)]]  # psycopg gives bytes from a database in SQL_ASCII
    assert items.execute("SELECT count(*) FROM pg_proc WHERE proname = 'runbook_is_utf8'") == [(0,)]


def test_a_database_in_utf8_is_made_beside_the_old_one(items: Database) -> None:
    book = facts(items, error={"sqlstate": "22P05", "detail": ""}, production={"encoding": "LATIN1"})
    [create] = changes("encoding-mismatch", book)
    try:
        run(items, create)
        made = items.execute(
            f"SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = '{items.name}_utf8'"
        )
        assert made == [("UTF8",)]
    finally:
        items.execute(f"DROP DATABASE IF EXISTS {items.name}_utf8")


# -- what a migration takes for granted ---------------------------------------------------------------------------------


def test_the_query_that_must_give_one_row_is_asked_by_itself(items: Database) -> None:
    query = f"SELECT \"Id\" FROM {TABLE} WHERE {COLUMN} IN ('a', 'b') ORDER BY 1"
    error = {"sqlstate": "21000", "message": "more than one row returned by a subquery used as an expression"}
    book = facts(items, error=error, data={"single_row_queries": [query]})
    assert look("data-assumption-violated", book, items) == [(1,), (2,)]
    assert [r[1] for r in look("data-assumption-violated", book, items, "verify")] == ["p"]
