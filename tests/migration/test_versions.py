"""What a statement needs from its server: each row of the tables proved on real servers of every major."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from runbook.migration import versions_data as data
from runbook.migration.catalog import Catalog, Function, Relation
from runbook.migration.statement import parse_one, split
from runbook.migration.syntax_rules import RULES, Rule
from runbook.migration.versions import changed_keywords, minimum_version, needed_version, removals
from tests import support


def one(sql: str) -> list[tuple[str, int]]:
    (statement,), _ = split(sql)
    return [(r.feature, r.minimum // 10000) for r in minimum_version(statement)]


@pytest.fixture
def session(postgres_major: int) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A session whose work is always undone, so that it needs no database of its own."""
    with psycopg.connect(support.server(postgres_major).dsn()) as connection:
        connection.execute("SET statement_timeout = '10s'")
        connection.commit()
        yield connection
        connection.rollback()


def sqlstate(connection: psycopg.Connection[tuple[object, ...]], setup: str, sql: str) -> str | None:
    """The error of ``sql`` after ``setup``, everything undone."""
    connection.autocommit = sql.startswith("CREATE DATABASE")
    try:
        if setup:
            connection.execute(setup.encode())
        if sql.startswith("COPY"):
            with connection.cursor() as cursor, cursor.copy(sql.encode()):
                pass
        else:
            connection.execute(sql.encode())
    except psycopg.Error as error:
        return error.sqlstate
    finally:
        connection.rollback()
    return None


def test_every_rule_holds_on_a_real_server(session: psycopg.Connection[tuple[object, ...]]) -> None:
    version = session.info.server_version
    wrong: list[str] = []
    for rule in RULES:
        found = sqlstate(session, rule.setup, rule.example)
        older = version < rule.minimum
        if (found == rule.sqlstate) != older:
            wrong.append(f"{version}: {rule.feature} ({rule.minimum}): {rule.example}: {found}")
    assert wrong == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.feature}-{rule.node}")
def test_every_rule_finds_its_own_example_and_only_what_it_says(rule: Rule) -> None:
    (statement,), problems = split(rule.example)
    assert problems == ()
    found = minimum_version(statement)
    assert rule.feature in [r.feature for r in found]
    assert max(r.minimum for r in found) == rule.minimum, "another row claims a newer server for the same example"


def test_functions_settings_types_and_roles_are_there_from_their_major_on(
    session: psycopg.Connection[tuple[object, ...]],
) -> None:
    major = session.info.server_version // 10000
    queries = {
        "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace": (
            data.ADDED_FUNCTIONS,
            data.REMOVED_FUNCTIONS,
        ),
        "SELECT name FROM pg_settings": (data.ADDED_SETTINGS, data.REMOVED_SETTINGS),
        "SELECT typname FROM pg_type": (data.ADDED_TYPES, data.REMOVED_TYPES),
        "SELECT rolname FROM pg_roles": (data.ADDED_ROLES, data.REMOVED_ROLES),
        "SELECT cfgname FROM pg_ts_config": (data.ADDED_TEXT_SEARCH, data.REMOVED_TEXT_SEARCH),
    }
    for query, (added, removed) in queries.items():
        present = {row[0] for row in session.execute(query.encode())}
        assert {n for n, since in added.items() if since <= major} - {
            n for n, m in removed.items() if m <= major
        } <= present
        assert not present & {n for n, since in added.items() if since > major}
        assert not present & {n for n, since in removed.items() if since <= major}


def test_a_setting_that_a_server_lacks_fails_there_as_predicted(
    session: psycopg.Connection[tuple[object, ...]],
) -> None:
    (statement,), _ = split("SET transaction_timeout = 0")
    (requirement,) = minimum_version(statement)
    expected = requirement.sqlstate if session.info.server_version < requirement.minimum else None
    assert sqlstate(session, "", statement.sql) == expected


def test_a_keyword_is_reserved_where_the_table_says(session: psycopg.Connection[tuple[object, ...]]) -> None:
    major = session.info.server_version // 10000
    codes = dict(session.execute("SELECT word, catcode::text FROM pg_get_keywords()").fetchall())
    assert {w: codes.get(w, "-") for w in data.KEYWORDS} == {w: c[major - 12] for w, c in data.KEYWORDS.items()}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", []),
        ("CREATE TABLE t (a int, b text DEFAULT 'MERGE 0x1F uuidv7()')", []),
        ("CREATE TABLE t (id uuid DEFAULT uuidv7())", [("uuidv7", 18)]),
        ("SELECT any_value(a), myschema.any_value(b) FROM t", [("any_value", 16)]),
        ("SELECT regexp_replace(a, b, c, 1, 2, 'g') FROM t", [("regexp_replace with 6 arguments", 15)]),
        ("ALTER ROLE r SET transaction_timeout = 5", [("transaction_timeout", 17)]),
        ("SELECT set_config('transaction_timeout', '5', false)", [("transaction_timeout", 17)]),
        ("SELECT current_setting('transaction_timeout', true)", []),
        ("ALTER TABLE t ADD c int4multirange", [("int4multirange", 14)]),
        ("GRANT pg_read_all_data TO bob", [("pg_read_all_data", 14)]),
        (
            "SELECT 0x1F, '0x1F', a0x1f, 1_000 FROM t",
            [("0x1F, 0o17 and 0b11 as integers", 16), ("1_000 as a number", 16)],
        ),
        ("SELECT to_tsvector('yiddish', a) FROM t", [("yiddish", 14)]),
        ("SELECT a AT LOCAL FROM t", [("timezone with 1 argument", 17)]),
        ("CREATE TABLE t (LIKE s INCLUDING ALL)", []),
    ],
)
def test_features_are_found_where_they_are_used_and_not_where_they_are_only_mentioned(
    sql: str, expected: list[tuple[str, int]]
) -> None:
    assert one(sql) == expected


def test_the_body_of_an_sql_function_counts_and_points_at_its_line() -> None:
    (statement,), _ = split(
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n  SELECT 1;\n  SELECT any_value(1)\n$$"
    )
    (requirement,) = minimum_version(statement)
    assert (requirement.feature, requirement.line_offset) == ("any_value", 2)


def test_a_function_that_the_server_has_of_its_own_needs_no_newer_server() -> None:
    (statement,), _ = split("SELECT any_value(a) FROM t")
    catalog = Catalog(150000, functions={"any_value": (Function("public", "any_value", ("anyelement",)),)})
    assert needed_version(statement, catalog) is None
    assert needed_version(statement) == 160000


@pytest.mark.parametrize(
    ("sql", "minimum", "state"),
    [
        ("ALTER TABLE p ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES o (a) NOT VALID", 180000, "42809"),
        ("CREATE TRIGGER x BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION f()", 130000, "42809"),
    ],
)
def test_what_partitioned_tables_allow_depends_on_the_version(
    session: psycopg.Connection[tuple[object, ...]], sql: str, minimum: int, state: str
) -> None:
    (statement,), _ = split(sql)
    catalog = Catalog(150000, relations={("public", "p"): Relation("public", "p", "p")})
    (requirement,) = minimum_version(statement, catalog)
    assert (requirement.minimum, requirement.sqlstate) == (minimum, state)
    setup = (
        "CREATE TABLE o (a int PRIMARY KEY); CREATE TABLE p (a int) PARTITION BY RANGE (a); "
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
    )
    assert sqlstate(session, setup, sql) == (state if session.info.server_version < minimum else None)


def test_what_newer_servers_removed_is_known() -> None:
    (statement,), _ = split("SELECT pg_start_backup('x')")
    assert [(r.feature, r.since) for r in removals(statement)] == [("pg_start_backup", 150000)]
    (statement,), _ = split("SET vacuum_cleanup_index_scale_factor = 1")
    assert [(r.feature, r.since) for r in removals(statement)] == [("vacuum_cleanup_index_scale_factor", 140000)]


def test_a_name_that_became_reserved_is_named() -> None:
    (use,) = changed_keywords('CREATE TABLE t (\n  system_user int, "json_table" int, merge int)', 140000, 160000)
    assert (use.word, use.before, use.after, use.line_offset) == ("system_user", "-", "R", 1)
    assert changed_keywords("SELECT system_user", 160000, 170000) == ()


def test_examples_are_statements_of_the_node_they_speak_of() -> None:
    assert all(parse_one(rule.example) is not None for rule in RULES)
    assert len({(r.feature, r.node, r.example) for r in RULES}) == len(RULES)


def test_all_majors_of_the_tables_were_asked() -> None:
    """The tables are only as good as the servers that were there: on a machine with the matrix, all seven."""
    assert {len(codes) for codes in data.KEYWORDS.values()} == {7}
    assert set(support.majors()) <= set(range(12, 19))
