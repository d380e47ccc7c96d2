"""The SQL of the playbooks on dependencies does on real servers what they say, whatever the objects are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from runbook.diagnosis.facts import FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import playbooks
from tests.playbooks.test_errors_sql import COLUMN, Q_COLUMN, Q_PARENT, Q_TABLE, SETUP, blocks, facts, run
from tests.support import BARE, Database, create_database, drop_database, eventually, majors

CAUSES = (
    "dependent-policy-or-trigger",
    "dependent-function-or-type",
    "index-backs-constraint",
    "foreign-key-target-mismatch",
    "column-type-differs",
    "table-is-partitioned-on-production",
    "not-immutable-expression",
    "ddl-blocked-by-event-trigger",
    "database-in-use",
    "tablespace-missing",
    "collation-missing",
    "foreign-server-missing",
    "online-ddl-leftovers",
    "old-code-omits-new-column",
    "cached-plan-result-type",
    "unlogged-left-behind",
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
            book = facts(
                items,
                dependency=a_foreign_key("no unique key", referenced=["id"]) | {"database": "x"} | missing("collation"),
            )
            checks = [b for b in blocks(cause, book, changes=False) if b.runnable]
            assert checks, f"{cause} has no check that runs as it stands"
            for statement in (s for b in checks for s in split(b.sql)[0]):
                connection.execute(statement.sql.encode())


@pytest.mark.parametrize("cause", CAUSES)
def test_with_nothing_known_every_value_is_a_named_gap_and_nothing_is_run(cause: str) -> None:
    for block in playbooks()[cause].render(FactBook()).sql:
        assert block.runnable or block.missing
        if block.changes:
            assert "''" not in block.sql, block.sql


def saved(database: Database, sql: str) -> list[str]:
    """The statements that a block of the playbook writes: its one query, out of its transaction."""
    query = next(s.sql for s in split(sql)[0] if s.sql.startswith(("SELECT", "WITH")))
    return [row[0] for row in run(database, query)]


def carry_out(database: Database, written: list[str], change: str) -> None:
    """What was saved, with the migration's change at its place, in one transaction."""
    place = next(i for i, sql in enumerate(written) if sql.startswith("--"))
    with database.connect() as connection, connection.transaction():
        for sql in (*written[:place], change, *written[place + 1 :]):
            connection.execute(sql.encode())


def without_order(rows: list[tuple[Any, ...]]) -> list[str]:
    return sorted(map(str, rows))


# -- policies, triggers, generated columns, publications ----------------------------------------------------------------


HANGS_ON_COLUMN = f"""
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    ALTER TABLE {Q_TABLE} ENABLE ROW LEVEL SECURITY;
    CREATE POLICY "It's mine" ON {Q_TABLE} AS RESTRICTIVE FOR UPDATE TO {BARE}, PUBLIC
        USING ({Q_COLUMN} <> 'It''s') WITH CHECK ({Q_COLUMN} <> 'no');
    CREATE POLICY plain ON {Q_TABLE} FOR INSERT WITH CHECK ({Q_COLUMN} <> '');
    CREATE TRIGGER "Audit's" BEFORE UPDATE OF {Q_COLUMN} ON {Q_TABLE} FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE TRIGGER off AFTER INSERT ON {Q_TABLE} FOR EACH ROW WHEN (NEW.{Q_COLUMN} = 'x') EXECUTE FUNCTION touch();
    ALTER TABLE {Q_TABLE} DISABLE TRIGGER off;
    ALTER TABLE {Q_TABLE} ADD COLUMN "La bel" text GENERATED ALWAYS AS ({Q_COLUMN} || 'x') STORED;
"""
PUBLISHED = (
    f"""CREATE PUBLICATION "My feed" FOR TABLE {Q_TABLE} (id, {Q_COLUMN}) WHERE (id > 1 AND {Q_COLUMN} <> 'It''s')"""
)


@EXTREMES
def test_what_hangs_on_a_column_is_dropped_and_made_again_around_the_change(items: Database) -> None:
    cause, change = "dependent-policy-or-trigger", f"ALTER TABLE {Q_TABLE} ALTER COLUMN {Q_COLUMN} TYPE varchar(40)"
    items.execute(HANGS_ON_COLUMN)
    if items.major >= 15:
        items.execute(PUBLISHED)
    book = facts(items, error={"sqlstate": "0A000"}, statement={"sql": change})
    with pytest.raises(psycopg.Error, match=r"cannot alter type|unexpected object"):
        items.execute(change)
    direct, save = blocks(cause, book, "fix", changes=False)
    [verify] = blocks(cause, book, "verify")
    before, hanging = run(items, verify.sql), run(items, direct.sql)
    assert len(hanging) == (6 if items.major >= 15 else 5)
    policies = (
        "SELECT policyname, permissive, roles::text, cmd, replace(qual, '::text', '') FROM pg_policies ORDER BY 1"
    )
    kept = items.execute(policies)
    carry_out(items, saved(items, save.sql), change)
    assert without_order(run(items, verify.sql)) == without_order(before)
    assert [r[:4] for r in items.execute(policies)] == [r[:4] for r in kept]
    assert len(run(items, direct.sql)) == len(hanging)
    assert items.execute(f'SELECT "La bel" FROM {Q_TABLE} WHERE id = 1') == [("ax",)]
    if items.major >= 15:
        assert items.execute("SELECT attnames::text FROM pg_publication_tables") == [('{id,"E mail"}',)]


# -- functions, types, views -------------------------------------------------------------------------------------------


FUNCTION = '"My Schema"."It\'s net"'
CALLED = f"""
    CREATE FUNCTION {FUNCTION}(a int DEFAULT 3) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';
    REVOKE ALL ON FUNCTION {FUNCTION}(int) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION {FUNCTION}(int) TO {BARE};
"""
ROW = {"kind": "function", "name": FUNCTION, "production": "FUNCTION ...", "local": "", "same": False}


def in_the_way(kind: str, description: str, on: str, on_name: str) -> dict[str, Any]:
    row = {"kind": kind, "description": description, "on_kind": on, "on": f"{on} {on_name}", "on_name": on_name}
    return {"blockers": [row | {"on_local": False, "named": "error"}], "replaced": []}


@EXTREMES
def test_who_uses_a_function_or_a_type_is_listed(items: Database) -> None:
    items.execute(CALLED)
    items.execute(f"""
        ALTER TABLE {Q_TABLE} ADD CONSTRAINT "uses it" CHECK ({FUNCTION}(id) > 0);
        CREATE TYPE "My Schema"."Mood's" AS ENUM ('a');
        ALTER TABLE {Q_TABLE} ADD COLUMN mood "My Schema"."Mood's", ADD COLUMN moods "My Schema"."Mood's"[];
        CREATE SEQUENCE "My Schema"."No.";
        ALTER TABLE {Q_TABLE} ALTER id SET DEFAULT nextval('"My Schema"."No."');
    """)
    for on, name, count in (
        ("function", f"{FUNCTION}(integer)", 1),
        ("function", FUNCTION, 1),
        ("type", '"My Schema"."Mood\'s"', 2),
        ("sequence", '"My Schema"."No."', 1),
        ("schema", "My Schema", 6),
    ):
        book = facts(items, error={"sqlstate": "2BP01"}, dependency=in_the_way("column", "it", on, name))
        [users] = blocks("dependent-function-or-type", book, "fix", changes=False)
        assert len(run(items, users.sql)) == count, (on, users.sql)


@EXTREMES
def test_a_function_of_another_result_is_replaced_and_keeps_owner_and_grants(items: Database) -> None:
    items.execute(CALLED)
    change = f"CREATE OR REPLACE FUNCTION {FUNCTION}(a int) RETURNS bigint LANGUAGE sql AS 'SELECT a::bigint'"
    with pytest.raises(psycopg.errors.InvalidFunctionDefinition):
        items.execute(change)
    dependency = {"blockers": [], "replaced": [ROW]}
    book = facts(items, error={"sqlstate": "42P13"}, statement={"sql": change}, dependency=dependency)
    [save] = blocks("dependent-function-or-type", book, "fix", changes=False)
    [verify] = blocks("dependent-function-or-type", book, "verify")
    [before] = run(items, verify.sql)
    written = [s for s in saved(items, save.sql) if not s.startswith("CREATE")]
    carry_out(items, written, change)
    [after] = run(items, verify.sql)
    assert (before[2], after[2]) == ("integer", "bigint")
    assert set(after[4].strip("{}").split(",")) == set(before[4].strip("{}").split(","))


@pytest.mark.parametrize("major", [16, 18])
def test_a_function_that_reads_the_column_is_dropped_and_made_again(items: Database) -> None:
    items.execute(
        f"CREATE FUNCTION {FUNCTION}() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count({Q_COLUMN}) FROM {Q_TABLE}; END"
    )
    change = f"ALTER TABLE {Q_TABLE} ALTER COLUMN {Q_COLUMN} TYPE varchar(40)"
    with pytest.raises(psycopg.Error, match=r"cannot alter type|unexpected object"):
        items.execute(change)
    dependency = in_the_way("function", f"function {FUNCTION}()", "column", "E mail of table x")
    book = facts(items, error={"sqlstate": "0A000"}, statement={"sql": change}, dependency=dependency)
    [save] = blocks("dependent-function-or-type", book, "fix", changes=False)
    carry_out(items, saved(items, save.sql), change)
    assert items.execute(f"SELECT {FUNCTION}()") == [(3,)]


@EXTREMES
def test_a_view_with_other_columns_is_shown_with_its_readers_and_made_anew(items: Database) -> None:
    view = '"My Schema"."It\'s"'
    items.execute(f"CREATE VIEW {view} AS SELECT id, total FROM {Q_TABLE}; GRANT SELECT ON {view} TO {BARE}")
    change = f"CREATE OR REPLACE VIEW {view} AS SELECT id, {Q_COLUMN} FROM {Q_TABLE}"
    with pytest.raises(psycopg.errors.InvalidTableDefinition):
        items.execute(change)
    dependency = {"blockers": [], "replaced": [ROW | {"kind": "view", "name": view}]}
    book = facts(items, error={"sqlstate": "42P16"}, statement={"sql": change}, dependency=dependency)
    look, fix = blocks("dependent-function-or-type", book, "fix")
    shown = run_query(items, look.sql)
    assert shown[3] == 0
    assert BARE in shown[2]
    run(items, fix.sql)
    [verify] = blocks("dependent-function-or-type", book, "verify")
    assert [r[0] for r in run(items, verify.sql)] == ["id", "E mail"]


def run_query(database: Database, sql: str) -> tuple[Any, ...]:
    """The one row of a block's one query, out of its transaction."""
    [row] = run(database, next(s.sql for s in split(sql)[0] if s.sql.startswith(("SELECT", "WITH"))))
    return row


# -- keys --------------------------------------------------------------------------------------------------------------


REQUIRES = 'cannot drop index x because constraint "a rule" on table y requires it'


@EXTREMES
def test_a_constraint_is_dropped_in_place_of_its_index(items: Database) -> None:
    items.execute(f'ALTER TABLE {Q_TABLE} ADD CONSTRAINT "It\'s a key" UNIQUE (id, total)')
    index = '"My Schema"."It\'s a key"'
    change = f"DROP INDEX {index}"
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        items.execute(change)
    statement = {"sql": change, "kind": "DROP INDEX", "index_relation": index, "relation": None}
    dependency = in_the_way("constraint", 'constraint "a rule" on table y', "index", index)
    error = {"sqlstate": "2BP01", "message": REQUIRES}
    book = facts(items, error=error, statement=statement, dependency=dependency)
    keys, write = blocks("index-backs-constraint", book, "fix", changes=False)
    assert "It's a key" in [r[0] for r in run(items, keys.sql)]
    [(sql,)] = run(items, write.sql)
    items.execute(sql)
    [verify] = blocks("index-backs-constraint", book, "verify")
    assert run(items, verify.sql) == []
    assert items.execute(f"SELECT to_regclass('{index.replace(chr(39), chr(39) * 2)}')") == [(None,)]


@EXTREMES
def test_foreign_keys_are_dropped_and_made_again_around_the_change(items: Database) -> None:
    items.execute(f"""
        DELETE FROM {Q_TABLE} WHERE parent = 9;
        ALTER TABLE {Q_TABLE} ADD CONSTRAINT "It's theirs" FOREIGN KEY (parent) REFERENCES {Q_PARENT} ON DELETE CASCADE;
        CREATE TABLE "My Schema"."P't" (parent int) PARTITION BY LIST (parent);
        CREATE TABLE "My Schema"."P't 1" PARTITION OF "My Schema"."P't" FOR VALUES IN (1);
        ALTER TABLE "My Schema"."P't" ADD CONSTRAINT parts FOREIGN KEY (parent) REFERENCES {Q_PARENT};
    """)
    change = f'ALTER TABLE {Q_PARENT} DROP CONSTRAINT "Customers_pkey"'
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        items.execute(change)
    dependency = in_the_way("constraint", "constraint x on table y", "index", "Customers_pkey")
    statement = {"sql": change, "relation": Q_PARENT, "kind": "ALTER TABLE"}
    book = facts(items, error={"sqlstate": "2BP01"}, statement=statement, dependency=dependency)
    _, write = blocks("index-backs-constraint", book, "fix", changes=False)
    [verify] = blocks("index-backs-constraint", book, "verify")
    before = run(items, verify.sql)
    carry_out(items, saved(items, write.sql), f'{change}, ADD CONSTRAINT "Customers_pkey" PRIMARY KEY (id)')
    assert without_order(run(items, verify.sql)) == without_order(before)


@EXTREMES
def test_a_second_primary_key_is_told_from_the_first_by_its_columns(items: Database) -> None:
    change = f"ALTER TABLE {Q_TABLE} ADD PRIMARY KEY (id, total)"
    with pytest.raises(psycopg.errors.InvalidTableDefinition):
        items.execute(change)
    statement = {"sql": change, "kind": "ALTER TABLE", "columns": ["id", "total"]}
    dependency: dict[str, Any] = {"blockers": [], "replaced": []}
    book = facts(items, error={"sqlstate": "42P16"}, statement=statement, dependency=dependency)
    keys, build = blocks("index-backs-constraint", book, "fix")
    assert [(r[0], r[1]) for r in run(items, keys.sql)] == [('Order\'s "Items"_pkey', "p")]
    run(items, build.sql)
    items.execute(
        f'ALTER TABLE {Q_TABLE} DROP CONSTRAINT "Order\'s ""Items""_pkey", ADD PRIMARY KEY USING INDEX runbook_new_key'
    )


# -- keys and types of both ends -----------------------------------------------------------------------------------------


def a_foreign_key(problem: str, **more: Any) -> dict[str, Any]:
    row = {
        "child": Q_TABLE,
        "columns": ["parent"],
        "types": ["integer"],
        "parent": Q_PARENT,
        "referenced": ['"No. "'],
        "referenced_types": ["integer"],
        "referenced_types_local": ["integer"],
        "problem": problem,
        "problem_local": "",
        "near": "",
    }
    return {"foreign_keys": [row | more]}


@EXTREMES
def test_a_parent_gets_the_key_that_a_foreign_key_needs(items: Database) -> None:
    items.execute(f'ALTER TABLE {Q_PARENT} ADD COLUMN "No. " int; UPDATE {Q_PARENT} SET "No. " = id')
    change = f'ALTER TABLE {Q_TABLE} ADD FOREIGN KEY (parent) REFERENCES {Q_PARENT} ("No. ") NOT VALID'
    with pytest.raises(psycopg.errors.InvalidForeignKey):
        items.execute(change)
    cause = "foreign-key-target-mismatch"
    book = facts(
        items, error={"sqlstate": "42830"}, statement={"sql": change}, dependency=a_foreign_key("no unique key")
    )
    indexes, types, duplicates, build = blocks(cause, book, "fix")
    assert [r[1] for r in run(items, indexes.sql)] == [["id"]]
    assert [r[2] for r in run(items, types.sql)] == ["integer", "integer"]
    [verify] = blocks(cause, book, "verify")
    assert run(items, verify.sql) == []
    items.execute(f"INSERT INTO {Q_PARENT} VALUES (7, 1)")
    rows = next(s.sql for s in split(duplicates.sql)[0] if s.sql.startswith("SELECT"))
    assert run(items, rows) == [(1, 2)]
    items.execute(f"DELETE FROM {Q_PARENT} WHERE id = 7")
    run(items, build.sql)
    assert len(run(items, verify.sql)) == 1
    items.execute(change)


@EXTREMES
def test_a_column_gets_the_type_that_local_has(items: Database) -> None:
    items.execute(f'ALTER TABLE {Q_TABLE} ADD COLUMN "It\'s 1" text; UPDATE {Q_TABLE} SET "It\'s 1" = id')
    row = {"relation": Q_TABLE, "column": '"It\'s 1"', "local": "bigint", "production": "text", "in_error": True}
    book = facts(items, error={"sqlstate": "42883"}, dependency={"type_differences": [row]})
    users, sample, change = blocks("column-type-differs", book, "fix")
    assert [r[0] for r in run(items, users.sql)] == ["text"]
    assert len(run(items, next(s.sql for s in split(sample.sql)[0] if s.sql.startswith("SELECT")))) == 5
    run(items, change.sql)
    [verify] = blocks("column-type-differs", book, "verify")
    assert run(items, verify.sql) == [("bigint",)]


# -- partitions ----------------------------------------------------------------------------------------------------------


Q_EVENT = '"My Schema"."It\'s ""events"""'
EVENTS = f"""
    CREATE TABLE {Q_EVENT} (id int, at int, "V 1" int) PARTITION BY RANGE (at);
    CREATE TABLE "My Schema"."P 1" PARTITION OF {Q_EVENT} FOR VALUES FROM (0) TO (10);
    CREATE TABLE "My Schema"."P 2" PARTITION OF {Q_EVENT} FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id);
    CREATE TABLE "My Schema"."P 2's" PARTITION OF "My Schema"."P 2" FOR VALUES IN (1, 2);
    INSERT INTO {Q_EVENT} VALUES (1, 1, 1), (2, 12, 2);
"""


def an_event(**more: Any) -> dict[str, Any]:
    partitioned = {
        "relation": Q_EVENT,
        "key": ["at"],
        "strategy": "range",
        "partitions": 3,
        "on_local": "not partitioned",
    }
    statement = {"relation": Q_EVENT, "unique": False, "columns": ['"V 1"'], "index_name": '"V\'s"', "sql": "x"}
    return {"dependency": {"partitioned": [partitioned], "blockers": []}, "statement": statement | more}


@EXTREMES
def test_an_index_of_a_partitioned_table_is_built_leaf_by_leaf_and_attached(items: Database) -> None:
    items.execute(EVENTS)
    index = '"My Schema"."V\'s"'
    change = f'CREATE INDEX CONCURRENTLY "V\'s" ON {Q_EVENT} ("V 1")'
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        items.execute(change)
    book = facts(items, error={"sqlstate": "0A000"}, **an_event(kind="CREATE INDEX", index_relation=index))
    cause = "table-is-partitioned-on-production"
    tree, write = blocks(cause, book, "fix")
    assert sorted((r[2], r[3]) for r in run(items, tree.sql)) == [(0, False), (1, False), (1, True), (2, True)]
    written = [r[0] for r in run(items, write.sql)]
    assert [s.split(" ON ")[0].count("CONCURRENTLY") for s in written] == [0, 0, 1, 1, 0, 0, 0]
    [verify] = blocks(cause, book, "verify")
    for sql in written[:-1]:
        items.execute(sql)
    assert run(items, verify.sql) != []
    items.execute(written[-1])
    assert run(items, verify.sql) == []


@EXTREMES
def test_a_foreign_key_of_a_partitioned_table_is_checked_leaf_by_leaf(items: Database) -> None:
    items.execute(EVENTS)
    more = {"kind": "ALTER TABLE", "constraint": '"Their\'s"', "index_name": "", "index_relation": ""}
    parent = {"referenced_relation": Q_PARENT, "referenced_columns": ["id"]}
    book = facts(items, error={"sqlstate": "42809"}, **an_event(**more, **parent))
    _, write = blocks("table-is-partitioned-on-production", book, "fix")
    for (sql,) in run(items, write.sql):
        items.execute(sql)
    constraints = "SELECT count(*), bool_and(convalidated) FROM pg_constraint WHERE conname = 'Their''s'"
    assert items.execute(constraints) == [(4, True)]


@EXTREMES
def test_a_function_is_marked_immutable_by_what_the_playbook_writes(items: Database) -> None:
    items.execute(f"CREATE FUNCTION {FUNCTION}(t text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN lower(t); END'")
    change = f"CREATE INDEX ON {Q_TABLE} ({FUNCTION}({Q_COLUMN}))"
    with pytest.raises(psycopg.errors.InvalidObjectDefinition):
        items.execute(change)
    row = {"name": FUNCTION, "production": "volatile", "local": "immutable"}
    book = facts(items, error={"sqlstate": "42P17"}, dependency={"functions": [row], "type_differences": []})
    marks, body, write = blocks("not-immutable-expression", book, "fix")
    assert [r[1] for r in run(items, marks.sql)] == ["v"]
    assert "lower(t)" in run(items, body.sql)[0][0]
    for (sql,) in run(items, write.sql):
        items.execute(sql)
    items.execute(change)
    [verify] = blocks("not-immutable-expression", book, "verify")
    assert [r[1] for r in run(items, verify.sql)] == [True]


# -- event triggers ------------------------------------------------------------------------------------------------------


@EXTREMES
def test_an_event_trigger_is_suspended_for_one_transaction_and_is_back_after_it(items: Database) -> None:
    items.execute("""
        CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS
            $$BEGIN RAISE EXCEPTION 'changes are frozen: %', tg_tag; END$$;
        CREATE EVENT TRIGGER "It's frozen" ON ddl_command_start EXECUTE FUNCTION refuse();
    """)
    change = f"ALTER TABLE {Q_TABLE} ADD COLUMN extra int"
    with pytest.raises(psycopg.errors.RaiseException):
        items.execute(change)
    row: dict[str, Any] = {
        "name": '"It\'s frozen"',
        "event": "ddl_command_start",
        "function": "public.refuse",
        "owner": "postgres",
    }
    row |= {"extension": "", "enabled": "O", "fires": True, "in_context": True, "on_local": False}
    book = facts(items, error={"sqlstate": "P0001"}, dependency={"event_triggers": [row]})
    cause = "ddl-blocked-by-event-trigger"
    source, suspend = blocks(cause, book, "fix")
    assert "changes are frozen" in run(items, source.sql)[0][6]
    [verify] = blocks(cause, book, "verify")
    before = run(items, verify.sql)
    with items.connect() as connection:
        connection.execute(suspend.sql.replace("-- the migration's statements", change + ";").encode())
    assert run(items, verify.sql) == before
    with pytest.raises(psycopg.errors.RaiseException):
        items.execute(f"ALTER TABLE {Q_TABLE} DROP COLUMN extra")


# -- databases -----------------------------------------------------------------------------------------------------------


@EXTREMES
def test_a_database_is_freed_of_its_sessions_and_can_then_be_dropped(items: Database) -> None:
    other = 'It\'s "the" other ' + items.name
    quoted = '"' + other.replace('"', '""') + '"'
    items.execute(f"CREATE DATABASE {quoted} TEMPLATE template0")
    dependency = {"database": other, "database_sessions": []}
    statement = {"kind": "DROP DATABASE", "sql": f"DROP DATABASE {quoted}"}
    book = facts(items, error={"sqlstate": "55006"}, dependency=dependency, statement=statement)
    look, keep_out, end = blocks("database-in-use", book, "fix")
    holder = psycopg.connect(items.dsn(), dbname=other, autocommit=True)
    try:
        assert [r[0] for r in run(items, look.sql)] == ["session"]
        with pytest.raises(psycopg.errors.ObjectInUse):
            items.execute(f"DROP DATABASE {quoted}")
        run(items, keep_out.sql)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(items.dsn(BARE), dbname=other)
        run(items, end.sql)
        eventually(lambda: not run(items, look.sql), what="the session has gone")
        [verify] = blocks("database-in-use", book, "verify")
        assert (other, False, False) in run(items, verify.sql)
        [back] = blocks("database-in-use", book, "roll_back")
        run(items, back.sql)
        psycopg.connect(items.dsn(BARE), dbname=other).close()
    finally:
        holder.close()
        eventually(lambda: not run(items, look.sql), what="nobody is in it")
        items.execute(f"DROP DATABASE {quoted}")


# -- what surrounds the database -----------------------------------------------------------------------------------------


def missing(kind: str, name: str = "It's", *similar: str) -> dict[str, Any]:
    row = {"kind": kind, "name": name, "in_error": True, "on_production": False, "on_local": True}
    return {"named": [row | {"similar": list(similar)}]}


@EXTREMES
def test_a_collation_is_made_under_the_name_that_the_migration_uses(items: Database) -> None:
    items.execute('CREATE COLLATION "Fr It\'s" FROM "C"')
    change = f'CREATE INDEX ON {Q_TABLE} ({Q_COLUMN} COLLATE "FR_it\'s")'
    with pytest.raises(psycopg.errors.UndefinedObject):
        items.execute(change)
    book = facts(items, error={"sqlstate": "42704"}, dependency=missing("collation", "FR_it's", "Fr It's"))
    look, create = blocks("collation-missing", book, "fix")
    assert run(items, look.sql)[0][1] == "Fr It's"
    [verify] = blocks("collation-missing", book, "verify")
    assert run(items, verify.sql) == []
    run(items, create.sql)
    assert len(run(items, verify.sql)) == 1
    items.execute(change)


@pytest.mark.parametrize("kind", ["server", "user mapping", "foreign-data wrapper"])
def test_the_way_to_a_foreign_server_is_shown_and_made(kind: str, database: Database) -> None:
    database.execute(f"{SETUP}; CREATE EXTENSION postgres_fdw")
    book = facts(database, error={"sqlstate": "42704"}, dependency=missing(kind, "It's far"))
    look = blocks("foreign-server-missing", book, "fix")[0]
    assert [r[0] for r in run(database, look.sql)] == ["postgres_fdw"]
    made = blocks("foreign-server-missing", book, "fix", changes=True)
    if kind == "server":
        run(database, made[0].sql)
        [verify] = blocks("foreign-server-missing", book, "verify")
        assert [r[0] for r in run(database, verify.sql)] == ["It's far"]
    elif kind == "user mapping":
        database.execute("CREATE SERVER the_server FOREIGN DATA WRAPPER postgres_fdw")
        run(database, made[0].sql)
        assert run(database, look.sql)[0][3] == BARE


# -- leftovers of tools --------------------------------------------------------------------------------------------------


@EXTREMES
def test_what_pg_osc_left_is_found_and_dropped_but_for_the_original_table(items: Database) -> None:
    items.execute(f"""
        CREATE TABLE "My Schema"."pgosc_at_Order's_815029" (id int);
        CREATE TABLE "My Schema".pgosc_st_orders_815029 (id int);
        CREATE TABLE "My Schema".pgosc_op_table_orders (id int);
        CREATE FUNCTION public.to_audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER primary_to_audit_table_trigger AFTER INSERT ON {Q_TABLE} FOR EACH ROW EXECUTE FUNCTION to_audit();
    """)
    row = {"tool": "pg-osc", "kind": "table", "name": "x", "relation": "x", "in_the_way": True}
    book = facts(items, error={"sqlstate": "42P07"}, dependency={"leftovers": [row]})
    look, write = blocks("online-ddl-leftovers", book, "fix")
    assert [r[0] for r in run(items, look.sql)] == ["table", "table", "table", "trigger"]
    for (sql,) in run(items, write.sql):
        items.execute(sql)
    assert [r[1] for r in run(items, look.sql)] == ['"My Schema".pgosc_op_table_orders']


@EXTREMES
def test_what_pg_repack_left_is_found(items: Database) -> None:
    items.execute(f"""
        CREATE SCHEMA repack;
        CREATE TABLE repack.log_16500 (id bigserial PRIMARY KEY, row {Q_TABLE});
        CREATE FUNCTION repack.repack_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER repack_trigger AFTER INSERT ON {Q_TABLE} FOR EACH ROW EXECUTE FUNCTION repack.repack_trigger();
        ALTER TABLE {Q_TABLE} ADD COLUMN _pgroll_new_total int;
    """)
    row = {"tool": "pg_repack", "kind": "table", "name": "x", "relation": "x", "in_the_way": True}
    book = facts(items, error={"sqlstate": "0A000"}, dependency={"leftovers": [row]})
    look = blocks("online-ddl-leftovers", book, "fix", changes=False)[0]
    found = {(r[0], r[1]) for r in run(items, look.sql)}
    assert found == {("table", "repack.log_16500"), ("column", "_pgroll_new_total"), ("trigger", "repack_trigger")}


# -- after the migration -------------------------------------------------------------------------------------------------


@EXTREMES
def test_a_required_column_is_let_be_null_and_demanded_again_in_steps(items: Database) -> None:
    items.execute(
        f"DELETE FROM {Q_TABLE} WHERE {Q_COLUMN} IS NULL; ALTER TABLE {Q_TABLE} ALTER {Q_COLUMN} SET NOT NULL"
    )
    required = {"relation": Q_TABLE, "column": Q_COLUMN, "name": COLUMN, "added": True}
    insert = f"INSERT INTO {Q_TABLE} (id) VALUES (77)"
    with pytest.raises(psycopg.errors.NotNullViolation):
        items.execute(insert)
    cause, error = "old-code-omits-new-column", {"sqlstate": "23502", "column": COLUMN}
    book = facts(items, error=error, after={"required_columns": [required]})
    [stop] = blocks(cause, book, "stop")
    run(items, stop.sql)
    items.execute(insert)
    [verify] = blocks(cause, book, "verify")
    assert [r[1] for r in run(items, verify.sql)] == [False]
    who, count, again = blocks(cause, book, "fix")
    assert run(items, who.sql) == []
    assert run(items, count.sql) == [(1,)]
    items.execute(f"UPDATE {Q_TABLE} SET {Q_COLUMN} = 'x' WHERE id = 77")
    run(items, again.sql)
    assert [r[1] for r in run(items, verify.sql)] == [True]


@EXTREMES
def test_idle_sessions_with_old_plans_are_ended_and_busy_ones_are_left_alone(items: Database) -> None:
    client = {"application_name": "It's web", "role": BARE, "count": 2, "idle": 1, "oldest_s": 60.0}
    book = facts(items, error={"sqlstate": "0A000"}, after={"clients": [client], "changed_relations": []})
    who, end = blocks("cached-plan-result-type", book, "fix")
    named = items.dsn(BARE)
    with (
        psycopg.connect(named, application_name="It's web", autocommit=True) as idle,
        psycopg.connect(named, application_name="It's web") as busy,
    ):
        busy.execute("SELECT 1")
        eventually(lambda: ("idle", 1) in {(r[2], r[3]) for r in run(items, who.sql)}, what="one of them is idle")
        assert [r[0] for r in run(items, end.sql)] == [idle.info.backend_pid]
        eventually(lambda: {r[2] for r in run(items, who.sql)} == {"idle in transaction"}, what="the idle one has gone")
        busy.execute("SELECT 1")


@EXTREMES
def test_an_unlogged_table_is_found_and_set_logged(items: Database) -> None:
    items.execute(f"ALTER TABLE {Q_TABLE} SET UNLOGGED")
    row = {"relation": Q_TABLE, "now": "unlogged", "rows": 5, "on_local": "unlogged"}
    book = facts(items, after={"unlogged": [row]})
    everything, fix = blocks("unlogged-left-behind", book, "fix")
    assert [r[0] for r in run(items, everything.sql)] == [Q_TABLE]
    [verify] = blocks("unlogged-left-behind", book, "verify")
    assert run(items, verify.sql) == [("u",)]
    run(items, fix.sql)
    assert run(items, verify.sql) == [("p",)]
    assert run(items, everything.sql) == []
