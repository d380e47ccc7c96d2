"""The SQL of the playbooks on errors does on real servers what they say, whatever the objects are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from runbook.diagnosis.facts import FactBook
from runbook.migration.statement import split
from runbook.playbook import SqlBlock
from tests.playbooks.incident import ADD_COLUMN, incident, playbooks
from tests.support import BARE, Database, create_database, drop_database, majors

CAUSES = (
    "needs-newer-major",
    "function-needs-newer-major",
    "extension-not-available",
    "extension-not-installed",
    "extension-needs-superuser",
    "not-object-owner",
    "no-create-on-schema",
    "missing-table-privilege",
    "unique-violation-existing-duplicates",
    "not-null-violation",
    "foreign-key-violation",
    "check-violation",
    "object-already-exists",
    "missing-object",
    "invalid-index",
    "not-allowed-in-transaction",
    "dirty-migration-state",
    "old-code-uses-removed-column",
    "plain-sql-error",
    "search-path-difference",
    "no-usage-on-schema",
    "transaction-already-aborted",
    "read-only-default",
    "deadlock",
    "cancelled-by-other-session",
    "server-unreachable",
    "authentication-failed",
    "server-not-accepting-connections",
    "ssl-mismatch",
    "dependent-object",
    "value-too-long",
    "numeric-out-of-range",
    "invalid-data-for-type",
    "default-partition-conflict",
    "no-partition-for-row",
    "object-name-differs",
)

# Names that break whoever quotes by hand.
SCHEMA, TABLE, COLUMN = "My Schema", 'Order\'s "Items"', "E mail"
Q_TABLE, Q_PARENT = '"My Schema"."Order\'s ""Items"""', '"My Schema"."Customers"'
Q_COLUMN, Q_INDEX = '"E mail"', '"Items\' key"'
HISTORY = '"My Schema"."schema migrations"'
SETUP = f"""
    CREATE SCHEMA "My Schema";
    CREATE TABLE {Q_PARENT} (id int PRIMARY KEY);
    INSERT INTO {Q_PARENT} VALUES (1), (2);
    CREATE TABLE {Q_TABLE} (id int PRIMARY KEY, {Q_COLUMN} text, parent int, total numeric);
    INSERT INTO {Q_TABLE} VALUES (1, 'a', 1, 5), (2, 'a', 1, 5), (3, NULL, 2, 5), (4, NULL, 9, -1), (5, 'b', NULL, 5);
    CREATE TABLE {HISTORY} (version bigint, dirty boolean);
    INSERT INTO {HISTORY} VALUES (42, true);
"""
UNIQUE_SQL = f"CREATE UNIQUE INDEX CONCURRENTLY {Q_INDEX} ON {Q_TABLE} ({Q_COLUMN})"
STATEMENT = dict(ADD_COLUMN) | {
    "sql": UNIQUE_SQL,
    "kind": "CREATE INDEX",
    "relation": Q_TABLE,
    "relation_name": TABLE,
    "column": Q_COLUMN,
    "columns": [Q_COLUMN],
    "index_name": Q_INDEX,
    "index_relation": f'"My Schema".{Q_INDEX}',
    "constraint": '"a rule"',
    "concurrently": True,
    "unique": True,
    "in_transaction": False,
}
ERROR = {
    "sqlstate": "23505",
    "message": 'could not create unique index "Items\' key"',
    "schema": SCHEMA,
    "relation": TABLE,
    "column": COLUMN,
    "index": "Items' key",
    "constraint": "a rule",
    "function": "any_value",
    "type": "citext",
    "object_kind": "table",
    "extension": "citext",
}

NOT_THERE: dict[str, Any] = {
    "kind": "column",
    "name": '"E MAIL"',
    "relation": Q_TABLE,
    "on_local": True,
    "elsewhere": [],
    "similar": [Q_COLUMN],
    "sql": UNIQUE_SQL,
    "file": "1.sql",
    "line": 1,
}


def facts(database: Database, *, statement: dict[str, Any] | None = None, **groups: Any) -> FactBook:
    """The incident on ``database``, all names hostile."""
    side = {
        "database": database.name,
        "role": BARE,
        "major": database.major,
        "version": str(database.major),
    } | groups.pop("production", {})
    history = {"found": True, "dirty": True, "dirty_version": "42", "tool": "golang-migrate", "table": HISTORY}
    groups.setdefault("history", history)
    groups["schema"] = {"not_there": [NOT_THERE]} | groups.get("schema", {})
    error = ERROR | groups.pop("error", {})
    return incident(error=error, failing=STATEMENT | (statement or {}), production=side, **groups)


def blocks(cause: str, book: FactBook, section: str = "", *, changes: bool | None = None) -> list[SqlBlock]:
    rendered = playbooks()[cause].render(book)
    return [b for b in rendered.sql if section in ("", b.section) and changes in (None, b.changes)]


def run(database: Database, sql: str, role: str = "postgres") -> list[tuple[Any, ...]]:
    """Each statement by itself, as psql would send it; the rows of the last query."""
    rows: list[tuple[Any, ...]] = []
    statements, problems = split(sql)
    assert not problems, problems
    with database.connect(role) as connection:
        for statement in statements:
            cursor = connection.execute(statement.sql.encode())
            if cursor.description:
                rows = cursor.fetchall()
    return rows


def changes(cause: str, book: FactBook, section: str = "fix") -> list[str]:
    """The SQL that changes something, in order; every value in it must be known."""
    found = blocks(cause, book, section, changes=True)
    assert found, f"{cause} changes nothing in {section}"
    assert all(b.runnable for b in found), [b.missing for b in found]
    return [b.sql for b in found]


@pytest.fixture
def items(database: Database) -> Database:
    database.execute(SETUP)
    return database


@pytest.mark.parametrize("major", [min(majors()), max(majors())])
def test_all_checks_run_on_the_oldest_and_the_newest_major_and_change_nothing(major: int) -> None:
    database = create_database(major)
    try:
        database.execute(SETUP)
        with database.connect() as connection:
            connection.execute("SET default_transaction_read_only = on")
            for cause in CAUSES:
                checks = [b for b in blocks(cause, facts(database), changes=False) if b.runnable]
                assert checks, f"{cause} has no check that runs as it stands"
                for statement in (s for b in checks if not b.sql.startswith("DO") for s in split(b.sql)[0]):
                    connection.execute(statement.sql.encode())
    finally:
        drop_database(database)


@pytest.mark.parametrize("cause", CAUSES)
def test_with_nothing_known_every_value_is_a_named_gap_and_nothing_is_run(cause: str) -> None:
    for block in playbooks()[cause].render(FactBook()).sql:
        assert block.runnable or block.missing
        if block.changes:
            assert "''" not in block.sql, block.sql


# -- versions and extensions ------------------------------------------------------------------------------------------


def test_productions_parser_is_asked_without_running_anything() -> None:
    older = create_database(16)
    try:
        older.execute("CREATE TABLE t (a int)")
        new = "ALTER TABLE t ADD COLUMN b int GENERATED ALWAYS AS (a * 2) VIRTUAL"
        [check, _] = blocks("needs-newer-major", facts(older, statement={"sql": new}), "verify")
        with pytest.raises(psycopg.errors.SyntaxError):
            older.execute(check.sql)
        stored = facts(older, statement={"sql": new.replace("VIRTUAL", "STORED")})
        older.execute(blocks("needs-newer-major", stored, "verify")[0].sql)
        assert older.execute("SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0") == [
            ("a",)
        ]
    finally:
        drop_database(older)


def test_the_stand_in_for_any_value_takes_the_first_value_that_is_not_null() -> None:
    oldest = create_database(16)
    try:
        [fix] = changes("function-needs-newer-major", facts(oldest))
        run(oldest, fix)
        assert oldest.execute("SELECT public.any_value(v) FROM (VALUES (NULL), ('x'), ('x')) t (v)") == [("x",)]
    finally:
        drop_database(oldest)


def test_a_missing_extension_is_created_where_local_has_it(items: Database) -> None:
    items.execute("CREATE SCHEMA tools")
    book = facts(
        items,
        local={"extensions": {"citext": {"version": "1.6", "schema": "tools"}}},
        schema={"error_object_extension": "citext", "error_object_extension_available": True},
    )
    [create] = changes("extension-not-installed", book)
    run(items, create)
    [check] = blocks("extension-not-installed", book, "verify")
    assert [(r[0], r[2]) for r in run(items, check.sql)] == [("citext", "tools")]


def test_a_trusted_extension_is_created_by_the_role_once_it_has_the_grant(items: Database) -> None:
    book = facts(items)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        items.execute("CREATE EXTENSION citext", BARE)
    grant = next(b for b in changes("extension-needs-superuser", book) if b.startswith("GRANT"))
    run(items, grant)
    items.execute("CREATE EXTENSION citext", BARE)
    [revoke] = changes("extension-needs-superuser", book, "roll_back")
    run(items, revoke)


# -- rights -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def owned(items: Database) -> Iterator[Database]:
    """The table belongs to a role of its own, which may use the schema."""
    items.execute(
        'CREATE ROLE "App Owner"; GRANT ALL ON SCHEMA "My Schema" TO "App Owner";'
        f'ALTER TABLE {Q_TABLE} OWNER TO "App Owner"'
    )
    yield items
    items.execute('DROP OWNED BY "App Owner" CASCADE; DROP ROLE "App Owner"')


def _gap(kind: str, **more: Any) -> dict[str, Any]:
    row = {
        "kind": kind,
        "object": Q_TABLE,
        "privilege": "ownership",
        "sql": "ALTER TABLE",
        "grant_sql": f'GRANT "App Owner" TO {BARE};',
        "file": "1.sql",
        "line": 1,
        "owner": "App Owner",
    }
    return {"missing": [row | more], "missing_kinds": [kind], "missing_on_local": [], "unknown": []}


def test_the_role_may_alter_the_table_after_each_of_the_ways_to_ownership(owned: Database) -> None:
    alter = f"ALTER TABLE {Q_TABLE} ADD COLUMN note text"
    book = facts(owned, role=_gap("owner"))
    owned.execute(f'GRANT USAGE ON SCHEMA "My Schema" TO {BARE}')
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        owned.execute(alter, BARE)
    member, set_role, hand_over = changes("not-object-owner", book)
    [check] = blocks("not-object-owner", book, "verify")
    assert [r[2] for r in run(owned, check.sql)] == [False]
    run(owned, member)
    assert [r[2] for r in run(owned, check.sql)] == [True]
    owned.execute(alter, BARE)
    run(owned, set_role + f"; ALTER TABLE {Q_TABLE} DROP COLUMN note", BARE)
    owned.execute(f'REVOKE "App Owner" FROM {BARE}')
    run(owned, hand_over)
    owned.execute(alter, BARE)


def test_the_role_may_create_in_the_schema_after_the_grant(items: Database) -> None:
    create = 'CREATE TABLE "My Schema".made (id int)'
    book = facts(items)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        items.execute(create, BARE)
    [grant] = changes("no-create-on-schema", book)
    run(items, grant)
    items.execute(create, BARE)
    [check] = blocks("no-create-on-schema", book, "verify")
    assert ("My Schema", "postgres", True, True) in run(items, check.sql)


def test_the_role_may_insert_after_the_grant_and_in_tables_of_tomorrow(items: Database) -> None:
    items.execute(f'GRANT USAGE ON SCHEMA "My Schema" TO {BARE}')
    book = facts(items, role=_gap("table", grant_sql=f"GRANT INSERT ON {Q_TABLE} TO {BARE};", owner="postgres"))
    grant, default = changes("missing-table-privilege", book)
    run(items, grant)
    items.execute(f"INSERT INTO {Q_TABLE} (id) VALUES (100)", BARE)
    run(items, default)
    items.execute('CREATE TABLE "My Schema".tomorrow (id int)')
    items.execute('INSERT INTO "My Schema".tomorrow VALUES (1)', BARE)
    [check] = blocks("missing-table-privilege", book, "verify")
    assert [r[5] for r in run(items, check.sql)] == [True]


# -- data -------------------------------------------------------------------------------------------------------------


def test_duplicates_are_found_kept_and_removed_before_the_index_is_built(items: Database) -> None:
    cause, book = "unique-violation-existing-duplicates", facts(items)
    with pytest.raises(psycopg.errors.UniqueViolation):
        items.execute(UNIQUE_SQL)
    [leftover] = blocks(cause, book, "stop", changes=False)
    assert len(run(items, leftover.sql)) == 1
    [drop] = changes(cause, book, "stop")
    run(items, drop)
    assert run(items, leftover.sql) == []
    [look] = blocks(cause, book, "fix", changes=False)
    assert run(items, look.sql) == [("a", 2)]
    remove, build = changes(cause, book)
    run(items, remove)
    assert items.execute(f"SELECT count(*) FROM {Q_TABLE}") == [(5,)], "it must end with ROLLBACK"
    run(items, remove.replace("ROLLBACK", "COMMIT"))
    assert items.execute(f"SELECT id FROM {Q_TABLE} ORDER BY 1") == [(1,), (3,), (4,), (5,)]
    assert items.execute("SELECT id FROM public.runbook_removed_duplicates") == [(2,)]
    assert run(items, look.sql) == []
    run(items, build)
    [verify] = blocks(cause, book, "verify")
    assert [r[1:] for r in run(items, verify.sql)] == [(True, True)]


@pytest.mark.parametrize(
    "sql", [UNIQUE_SQL + " WHERE total > 0", f"CREATE UNIQUE INDEX x ON {Q_TABLE} (lower({Q_COLUMN}))"]
)
def test_rows_are_not_offered_for_deletion_where_the_columns_alone_do_not_say_what_a_duplicate_is(sql: str) -> None:
    error = {"key_columns": ["lower(E mail)", "x"]} if "lower" in sql else {}
    book = incident(error=ERROR | error, failing=STATEMENT | {"sql": sql})
    assert not [b for b in blocks("unique-violation-existing-duplicates", book) if "DELETE" in b.sql]


def test_not_null_is_reached_without_a_scan_under_the_strong_lock(items: Database) -> None:
    cause = "not-null-violation"
    book = facts(items, statement={"sql": f"ALTER TABLE {Q_TABLE} ALTER COLUMN {Q_COLUMN} SET NOT NULL"})
    [count] = blocks(cause, book, "fix", changes=False)
    assert run(items, count.sql) == [(2,)]
    [steps] = changes(cause, book)
    with pytest.raises(psycopg.errors.CheckViolation):
        run(items, steps)
    items.execute(f"ALTER TABLE {Q_TABLE} DROP CONSTRAINT runbook_not_null; UPDATE {Q_TABLE} SET {Q_COLUMN} = 'z'")
    run(items, steps)
    [verify] = blocks(cause, book, "verify")
    assert run(items, verify.sql) == [(COLUMN, True)]


def test_orphans_are_found_and_copied_and_the_key_is_validated_when_they_are_gone(items: Database) -> None:
    cause = "foreign-key-violation"
    book = facts(
        items,
        error={"sqlstate": "23503", "key_columns": ["parent"]},
        statement={
            "sql": f"ALTER TABLE {Q_TABLE} ADD CONSTRAINT x FOREIGN KEY (parent) REFERENCES {Q_PARENT}",
            "columns": ["parent"],
            "referenced_relation": Q_PARENT,
            "referenced_columns": ["id"],
        },
    )
    add, copy, validate = changes(cause, book)
    run(items, add)
    [look] = blocks(cause, book, "fix", changes=False)
    assert run(items, look.sql) == [(9, 1)]
    run(items, copy)
    assert items.execute("SELECT id FROM public.runbook_orphans") == [(4,)]
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        run(items, validate)
    items.execute(f"DELETE FROM {Q_TABLE} WHERE id = 4")
    run(items, validate)
    [verify] = blocks(cause, book, "verify")
    assert run(items, verify.sql) == [("a rule", True)]


def test_rows_that_break_a_check_are_found_and_the_check_is_validated_when_they_are_right(items: Database) -> None:
    cause = "check-violation"
    book = facts(items, error={"sqlstate": "23514"}, statement={"check_expression": "total >= 0"})
    add, validate = changes(cause, book)
    run(items, add)
    [look] = blocks(cause, book, "fix", changes=False)
    assert [r[0] for r in run(items, look.sql)] == [4]
    with pytest.raises(psycopg.errors.CheckViolation):
        run(items, validate)
    items.execute(f"UPDATE {Q_TABLE} SET total = 0 WHERE total < 0")
    run(items, validate)
    [verify] = blocks(cause, book, "verify")
    assert ("a rule", "c", True) in [(r[0], str(r[1]), r[2]) for r in run(items, verify.sql)]


# -- history ----------------------------------------------------------------------------------------------------------


def test_an_invalid_index_is_dropped_and_built_again(items: Database) -> None:
    cause, book = "invalid-index", facts(items)
    with pytest.raises(psycopg.errors.UniqueViolation):
        items.execute(UNIQUE_SQL)
    items.execute(f"UPDATE {Q_TABLE} SET {Q_COLUMN} = id::text")
    mine, all_invalid = blocks(cause, book, "verify")
    assert [r[1] for r in run(items, mine.sql)] == [False]
    assert len(run(items, all_invalid.sql)) == 1
    drop, build, rebuild = changes(cause, book)
    for step in (drop, build, rebuild):
        run(items, step)
    assert [r[1:] for r in run(items, mine.sql)] == [(True, True, True)]
    assert run(items, all_invalid.sql) == []


def test_a_concurrent_build_passes_in_a_file_of_its_own(items: Database) -> None:
    items.execute(f"UPDATE {Q_TABLE} SET {Q_COLUMN} = id::text")
    cause, book = "not-allowed-in-transaction", facts(items, error={"sqlstate": "25001"})
    [file] = changes(cause, book)
    with pytest.raises(psycopg.errors.ActiveSqlTransaction):
        items.execute(file)
    run(items, file)
    [verify] = blocks(cause, book, "verify")
    assert [r[1] for r in run(items, verify.sql)] == [True]


def test_the_dirty_mark_is_shown_and_its_absence_verified(items: Database) -> None:
    book = facts(items)
    [mark] = blocks("dirty-migration-state", book, "fix")
    [verify] = blocks("dirty-migration-state", book, "verify")
    assert run(items, mark.sql) == [(42, True)]
    items.execute(f"UPDATE {HISTORY} SET version = 41, dirty = false")
    assert run(items, verify.sql) == [(41, False)]


def test_old_code_reads_a_renamed_column_and_a_renamed_table_again(items: Database) -> None:
    renamed = {
        "drops_columns": [{"relation": Q_TABLE, "column": "total", "renamed_to": "Sum total"}],
        "drops_relations": [{"relation": "public.orders", "renamed_to": "Orders 2"}],
    }
    items.execute(f'ALTER TABLE {Q_TABLE} RENAME COLUMN total TO "Sum total"; CREATE TABLE "Orders 2" (id int)')
    cause, book = "old-code-uses-removed-column", facts(items, migration=renamed)
    [verify] = blocks(cause, book, "verify")
    assert run(items, verify.sql) == []
    for step in changes(cause, book):
        run(items, step)
    assert len(run(items, verify.sql)) == 1
    items.execute(f"SELECT total FROM {Q_TABLE}; SELECT id FROM orders")


def test_an_object_that_exists_is_compared_column_by_column(items: Database) -> None:
    book = facts(items)
    compare = blocks("object-already-exists", book, "fix", changes=False)[1]
    assert [r[0] for r in run(items, compare.sql)] == ["id", COLUMN, "parent", "total"]


def test_a_missing_object_is_found_under_another_schema_or_spelling(items: Database) -> None:
    book = facts(items, error={"relation": TABLE.upper(), "column": ""})
    search = blocks("missing-object", book, "fix", changes=False)[1]
    assert run(items, search.sql) == [(SCHEMA, TABLE, "r")]


# -- the session's own ground --------------------------------------------------------------------------------------------


def test_the_role_finds_the_table_once_it_has_usage_and_the_path(items: Database) -> None:
    items.execute(f"GRANT SELECT ON {Q_TABLE} TO {BARE}")
    search = 'SELECT count(*) FROM "Order\'s ""Items"""'
    book = facts(items, schema={"error_object_elsewhere": [SCHEMA]})
    with pytest.raises(psycopg.errors.UndefinedTable):
        items.execute(search, BARE)
    head, role = changes("search-path-difference", book)
    with pytest.raises(psycopg.errors.UndefinedTable):
        run(items, f"{head} {search}", BARE)  # a schema that may not be used is skipped without a word
    [usage] = changes("no-usage-on-schema", book)
    run(items, usage)
    assert run(items, f"{head} {search}", BARE) == [(5,)]
    run(items, role)
    assert items.execute(search, BARE) == [(5,)]
    [check] = blocks("search-path-difference", book, "verify")
    assert run(items, check.sql) != []
    items.execute(f"ALTER ROLE {BARE} IN DATABASE {items.name} RESET search_path")


def test_a_read_only_default_is_taken_back_where_it_was_set(items: Database) -> None:
    book = facts(items, error={"sqlstate": "25006"})
    items.execute(f"ALTER DATABASE {items.name} SET default_transaction_read_only = on")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        items.execute("CREATE TABLE t (id int)")
    once, role, database = changes("read-only-default", book)
    run(items, f"{once} CREATE TABLE t (id int)")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        items.execute(f"ALTER DATABASE {items.name} RESET default_transaction_read_only")
    items.execute(database)
    run(items, role)
    items.execute("CREATE TABLE t2 (id int)")
    _, left = blocks("read-only-default", book, "verify")
    assert run(items, left.sql) == []


# -- what depends, and what is spelled otherwise ----------------------------------------------------------------------


DEPENDANTS = f"""
    CREATE VIEW "My Schema"."It's first" WITH (security_barrier=true) AS SELECT {Q_COLUMN}, total FROM {Q_TABLE};
    CREATE MATERIALIZED VIEW "My Schema"."Second" AS SELECT {Q_COLUMN}, count(*) AS n FROM "My Schema"."It's first" GROUP BY 1;
    CREATE UNIQUE INDEX "Second's key" ON "My Schema"."Second" ({Q_COLUMN});
    CREATE VIEW public."Third" AS SELECT s.n, f.total FROM "My Schema"."Second" s JOIN "My Schema"."It's first" f USING ({Q_COLUMN});
    COMMENT ON VIEW "My Schema"."It's first" IS 'the owner''s "own"';
    GRANT SELECT ON "My Schema"."It's first" TO PUBLIC;
    GRANT SELECT, INSERT ON public."Third" TO {BARE} WITH GRANT OPTION;
"""


@pytest.mark.parametrize("major", [min(majors()), max(majors())])
def test_the_views_that_depend_are_dropped_and_made_again_around_the_change_by_what_was_saved(major: int) -> None:
    database = create_database(major)
    try:
        database.execute(SETUP + DEPENDANTS)
        change = f"ALTER TABLE {Q_TABLE} ALTER COLUMN {Q_COLUMN} TYPE varchar(40)"
        cause, book = "dependent-object", facts(database, error={"sqlstate": "0A000"}, statement={"sql": change})
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            database.execute(change)
        direct, save = blocks(cause, book, "fix", changes=False)
        assert {(r[0], r[3]) for r in run(database, direct.sql)} == {
            ('"My Schema"."It\'s first"', COLUMN),
            ('"My Schema"."It\'s first"', "total"),
        }
        [verify] = blocks(cause, book, "verify")
        before = run(database, verify.sql)
        assert len(before) == 3
        body = [r[0] for r in run(database, _only_query(save.sql))]
        place = next(i for i, sql in enumerate(body) if sql.startswith("--"))
        with database.connect() as connection, connection.transaction():
            for sql in (*body[:place], change, *body[place + 1 :]):
                connection.execute(sql.encode())
        assert [(r[0], r[1], _privileges(r[2])) for r in run(database, verify.sql)] == [
            (r[0], r[1], _privileges(r[2])) for r in before
        ]
        first = "to_regclass('\"My Schema\".\"It''s first\"')"
        kept = database.execute(
            f"SELECT obj_description(oid, 'pg_class'), reloptions FROM pg_class WHERE oid = {first}"
        )
        assert kept == [('the owner\'s "own"', ["security_barrier=true"])]
        assert database.execute("SELECT to_regclass('\"My Schema\".\"Second''s key\"') IS NOT NULL") == [(True,)]
    finally:
        drop_database(database)


def _only_query(sql: str) -> str:
    """The query of a block that wraps it in a transaction: ``run`` gives the rows of the last one anyway."""
    return next(s.sql for s in split(sql)[0] if s.sql.startswith(("SELECT", "WITH")))


def _privileges(acl: str | None) -> set[str]:
    return set((acl or "").strip("{}").split(","))


def test_another_spelling_of_a_column_is_found_and_renamed(items: Database) -> None:
    cause, book = "object-name-differs", facts(items, error={"sqlstate": "42703"})
    [search] = blocks(cause, book, "fix", changes=False)
    assert [r[1] for r in run(items, search.sql)] == [Q_COLUMN]
    [rename] = changes(cause, book)
    run(items, rename)
    [verify] = blocks(cause, book, "verify")
    assert '"E MAIL"' in [r[1] for r in run(items, verify.sql)]


@pytest.mark.parametrize(("ours", "theirs"), [('"user"', '"User"'), ('"Élan\'s ""X"""', '"élan\'s ""x"""')])
def test_another_spelling_of_a_table_is_found_and_renamed(items: Database, ours: str, theirs: str) -> None:
    items.execute(f"CREATE TABLE {theirs} (id int)")
    row = NOT_THERE | {"kind": "table", "name": ours, "relation": "", "similar": [theirs]}
    cause, book = "object-name-differs", facts(items, error={"sqlstate": "42P01"}, schema={"not_there": [row]})
    [search] = blocks(cause, book, "fix", changes=False)
    assert [r[1] for r in run(items, search.sql)] == [theirs]
    [rename] = changes(cause, book)
    run(items, rename)
    [verify] = blocks(cause, book, "verify")
    assert [r[1] for r in run(items, verify.sql)] == ["id"]
    items.execute(f"SELECT id FROM {ours}")


@pytest.mark.parametrize("major", [15, 16])
def test_all_values_that_do_not_convert_are_counted_and_nothing_is_left_behind(major: int) -> None:
    database = create_database(major)
    try:
        database.execute(SETUP + f"INSERT INTO {Q_TABLE} (id, {Q_COLUMN}) VALUES (10, '7'), (11, '99999999999')")
        error = {"sqlstate": "22P02"}
        book = facts(database, error=error, statement={"new_type": "integer"})
        [count] = [b for b in blocks("invalid-data-for-type", book, "fix") if "how_many" in b.sql]
        assert count.changes == (major < 16)
        with database.connect() as connection:
            rows = [
                cursor.fetchall()
                for statement in split(count.sql)[0]
                if (cursor := connection.execute(statement.sql.encode())).description
            ]
        assert [sorted(r) for r in rows] == [[("99999999999", 1), ("a", 2), ("b", 1)]]
        assert database.execute("SELECT count(*) FROM pg_proc WHERE proname = 'runbook_converts'") == [(0,)]
    finally:
        drop_database(database)
