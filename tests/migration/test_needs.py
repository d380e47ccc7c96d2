"""What rights a statement needs: a bare role is refused as predicted, and exactly our GRANT makes it pass."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psycopg
import pytest

from runbook.migration.catalog import Catalog
from runbook.migration.needs import Missing, missing, needs
from runbook.migration.statement import split
from runbook.postgres import connect, read_catalog
from tests.support import Database


@dataclass(frozen=True)
class Case:
    """``sql`` as role {r}, after ``setup`` as superuser. {s} is a schema with table t that belongs to role {o}."""

    sql: str
    kinds: tuple[str, ...]
    setup: str = ""
    since: int = 12
    until: int = 18
    in_transaction: bool = True


OWN = ("owner",)
CASES = [
    Case("ALTER TABLE {s}.t ADD c int", OWN),
    Case("ALTER TABLE {s}.t RENAME COLUMN a TO z", OWN),
    Case("ALTER TABLE {s}.t RENAME TO tt", ("owner", "schema_create")),
    Case("ALTER TABLE {s}.t OWNER TO {r}", OWN, "GRANT CREATE ON SCHEMA {s} TO {r}"),
    Case("ALTER TABLE {s}.p ATTACH PARTITION {s}.t DEFAULT", OWN,
         "CREATE TABLE {s}.p (LIKE {s}.t) PARTITION BY RANGE (id); ALTER TABLE {s}.p OWNER TO {o}"),
    Case("CREATE INDEX i ON {s}.t (a)", ("owner", "schema_create")),
    Case("CREATE INDEX CONCURRENTLY i ON {s}.t (a)", ("owner", "schema_create"), in_transaction=False),
    Case("DROP INDEX {s}.t_pkey2", OWN, "CREATE UNIQUE INDEX t_pkey2 ON {s}.t (a)"),
    Case("DROP TABLE {s}.t", OWN),
    Case("DROP VIEW {s}.v", OWN, "CREATE VIEW {s}.v AS SELECT 1 AS a; ALTER VIEW {s}.v OWNER TO {o}"),
    Case("DROP TRIGGER x ON {s}.t", OWN,
         "CREATE TRIGGER x BEFORE UPDATE ON {s}.t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"),
    Case("COMMENT ON TABLE {s}.t IS 'x'", OWN),
    Case("COMMENT ON COLUMN {s}.t.a IS 'x'", OWN),
    Case("ALTER TABLE {s}.t ENABLE ROW LEVEL SECURITY", OWN),
    Case("CREATE POLICY x ON {s}.t", OWN),
    Case("CREATE RULE x AS ON INSERT TO {s}.t DO INSTEAD NOTHING", OWN),
    Case("CREATE STATISTICS {s}.x ON id, a FROM {s}.t", ("owner", "schema_create")),
    Case("CREATE OR REPLACE VIEW {s}.v AS SELECT 1 AS a", OWN,
         "CREATE VIEW {s}.v AS SELECT 1 AS a; ALTER VIEW {s}.v OWNER TO {o}; GRANT CREATE ON SCHEMA {s} TO {r}"),
    Case("ALTER SEQUENCE {s}.q RESTART", OWN, "CREATE SEQUENCE {s}.q; ALTER SEQUENCE {s}.q OWNER TO {o}"),
    Case("ALTER TYPE {s}.e ADD VALUE 'y'", OWN,
         "CREATE TYPE {s}.e AS ENUM ('x'); ALTER TYPE {s}.e OWNER TO {o}"),
    Case("ALTER DOMAIN {s}.d SET NOT NULL", OWN, "CREATE DOMAIN {s}.d AS int; ALTER DOMAIN {s}.d OWNER TO {o}"),
    Case("REINDEX TABLE {s}.t", OWN, until=16),
    Case("REINDEX TABLE {s}.t", ("table",), since=17),
    Case("REFRESH MATERIALIZED VIEW {s}.m", OWN,
         "CREATE MATERIALIZED VIEW {s}.m AS SELECT 1 AS a; ALTER MATERIALIZED VIEW {s}.m OWNER TO {o}", until=16),
    Case("REFRESH MATERIALIZED VIEW {s}.m", ("table",),
         "CREATE MATERIALIZED VIEW {s}.m AS SELECT 1 AS a; ALTER MATERIALIZED VIEW {s}.m OWNER TO {o}", since=17),
    Case("GRANT SELECT ON {s}.t TO PUBLIC", OWN),
    Case("CREATE TRIGGER x BEFORE UPDATE ON {s}.t FOR EACH ROW "
         "EXECUTE FUNCTION suppress_redundant_updates_trigger()", ("table",)),
    Case("SELECT * FROM {s}.t", ("table",)),
    Case("SELECT * FROM {s}.t FOR UPDATE", ("table",)),
    Case("INSERT INTO {s}.t (id, a) VALUES (9, 1)", ("table",)),
    Case("INSERT INTO {s}.t (a) VALUES (1)", ("sequence",), "GRANT INSERT ON {s}.t TO {r}"),
    Case("INSERT INTO {s}.t (id, a) VALUES (9, 1) ON CONFLICT (id) DO UPDATE SET a = 2", ("table",)),
    Case("UPDATE {s}.t SET a = a + 1", ("table",)),
    Case("DELETE FROM {s}.t WHERE a = 1", ("table",)),
    Case("TRUNCATE {s}.t", ("table",)),
    Case("MERGE INTO {s}.t USING (SELECT 1 AS x) u ON t.id = u.x WHEN MATCHED THEN UPDATE SET a = 2", ("table",),
         since=15),
    Case("LOCK TABLE {s}.t IN ACCESS EXCLUSIVE MODE", ("table",)),
    Case("LOCK TABLE {s}.t IN ACCESS SHARE MODE", ("table",)),
    Case("SELECT setval('{s}.t_id_seq', 50)", ("sequence",)),
    Case("SELECT nextval('{s}.t_id_seq')", ("sequence",)),
    Case("WITH d AS (DELETE FROM {s}.t RETURNING id) SELECT * FROM d", ("table",)),
    Case("CREATE TABLE {s}.n (a int)", ("schema_create",)),
    Case("CREATE TABLE {s}.n (a int REFERENCES {s}.t)", ("references",), "GRANT CREATE ON SCHEMA {s} TO {r}"),
    Case("CREATE TABLE {s}.n AS SELECT * FROM {s}.t", ("schema_create", "table")),
    Case("CREATE TABLE {s}.n () INHERITS ({s}.t)", OWN, "GRANT CREATE ON SCHEMA {s} TO {r}"),
    Case("CREATE TABLE {s}.n (LIKE {s}.t)", ("table",), "GRANT CREATE ON SCHEMA {s} TO {r}"),
    Case("CREATE VIEW {s}.n AS SELECT 1 AS a", ("schema_create",)),
    Case("CREATE SEQUENCE {s}.n", ("schema_create",)),
    Case("CREATE TYPE {s}.n AS ENUM ('a')", ("schema_create",)),
    Case("CREATE TYPE {s}.n AS (a int)", ("schema_create",)),
    Case("CREATE DOMAIN {s}.n AS int", ("schema_create",)),
    Case("CREATE FUNCTION {s}.n() RETURNS int LANGUAGE sql AS 'SELECT 1'", ("schema_create",)),
    Case("SELECT 1 FROM {s}.t", ("schema_usage",), "REVOKE USAGE ON SCHEMA {s} FROM {r}; GRANT SELECT ON {s}.t TO {r}"),
    Case("ALTER SCHEMA {s} RENAME TO {s}_x", ("owner", "database")),
    Case("CREATE SCHEMA {s}_y", ("database",)),
    Case("CREATE EXTENSION IF NOT EXISTS citext SCHEMA pg_catalog", ("extension",), until=12),
    Case("CREATE EXTENSION IF NOT EXISTS pageinspect", ("extension",)),
    Case("CREATE EXTENSION hstore SCHEMA {s}", ("extension",), "GRANT CREATE ON SCHEMA {s} TO {r}", since=13),
    Case("CREATE PUBLICATION {s}_p", ("database",)),
    Case("CREATE PUBLICATION {s}_p FOR TABLE {s}.t", ("database", "owner")),
    Case("CREATE PUBLICATION {s}_p FOR ALL TABLES", ("database", "superuser")),
    Case("SET ROLE {o}", ("membership",)),
    Case("ALTER TABLE {s}.u OWNER TO {o}", ("membership",),
         "CREATE TABLE {s}.u (); ALTER TABLE {s}.u OWNER TO {r}; GRANT CREATE ON SCHEMA {s} TO {o}"),
    Case("COPY {s}.t TO '/dev/null'", ("superuser", "table")),
    Case("SET session_replication_role = replica", ("superuser",)),
    Case("CREATE ROLE {r}_x", ("other",)),
    Case("CREATE EVENT TRIGGER {s}_e ON ddl_command_end EXECUTE FUNCTION {s}.f()", ("superuser",),
         "CREATE FUNCTION {s}.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'"),
]  # fmt: skip


def fill(text: str, number: int) -> str:
    tag = f"{os.getpid()}_{number}"
    return text.format(s=f"s{number}", r=f"need_r{tag}", o=f"need_o{tag}")


BASE = (
    "CREATE ROLE {r} LOGIN; CREATE ROLE {o}; CREATE SCHEMA {s}; GRANT USAGE ON SCHEMA {s} TO {r}, {o}; "
    "CREATE TABLE {s}.t (id serial PRIMARY KEY, a int); ALTER TABLE {s}.t OWNER TO {o}; "
)


def attempt(database: Database, role: str, case: Case, sql: str) -> str | None:
    """The SQLSTATE of ``sql`` as ``role``; what it did is undone where it can be."""
    with psycopg.connect(database.dsn(role), autocommit=not case.in_transaction) as connection:
        try:
            connection.execute(sql.encode())
        except psycopg.Error as error:
            return error.sqlstate
        finally:
            if case.in_transaction:
                connection.rollback()
    return None


def lacking(sql: str, catalog: Catalog) -> list[Missing]:
    (statement,), problems = split(sql)
    assert problems == ()
    return [found for need in needs(statement, catalog) if (found := missing(need, catalog)) is not None]


async def test_a_refusal_is_predicted_and_our_grant_ends_it(matrix_database: Database) -> None:
    database = matrix_database
    cases = [(n, c) for n, c in enumerate(CASES) if c.since <= database.major <= c.until]
    if not database.execute("SELECT FROM pg_available_extensions WHERE name = 'hstore'"):
        cases = [(n, c) for n, c in cases if "EXTENSION" not in c.sql]  # a server without contrib
    wrong: list[str] = []
    with database.connect() as superuser:
        for number, case in cases:
            superuser.execute(fill(BASE + case.setup, number).encode())
        async with await connect(database.dsn()) as connection:
            for number, case in cases:
                sql, role = fill(case.sql, number), fill("{r}", number)
                catalog = await read_catalog(connection, role=role)
                refused = attempt(database, role, case, sql)
                found = lacking(sql, catalog)
                kinds = tuple(sorted({m.need.kind for m in found}))
                if refused != "42501":
                    wrong.append(f"{sql}: the server says {refused}")
                if kinds != tuple(sorted(case.kinds)):
                    wrong.append(f"{sql}: {kinds} instead of {case.kinds}")
                for grant in dict.fromkeys(m.grant_sql for m in found):
                    superuser.execute(grant.encode())
                after = attempt(database, role, case, sql)
                if after is not None:
                    wrong.append(f"{sql}: after {[m.grant_sql for m in found]} the server says {after}")
                if database.major == 18:  # once is enough: what was granted is read as granted
                    again = [m for m in lacking(sql, await read_catalog(connection, role=role)) if m.certain]
                    wrong += [f"{sql}: still predicted: {m}" for m in again]
    with database.connect() as superuser:
        for number, _ in cases:
            names = fill("{r}, {o}", number)
            superuser.execute(f"DROP OWNED BY {names} CASCADE; DROP ROLE {names}".encode())
    assert not wrong, "\n".join(wrong)


async def test_an_owner_and_a_superuser_lack_nothing(database: Database) -> None:
    database.execute("CREATE SCHEMA s; CREATE TABLE s.t (id serial PRIMARY KEY, a int)")
    async with await connect(database.dsn()) as connection:
        catalog = await read_catalog(connection)
    for case in CASES:
        assert lacking(case.sql.format(s="s", r="r", o="o"), catalog) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "CREATE TEMP TABLE x (a int)",
        "ALTER TABLE not_there ADD a int",
        "SET work_mem = '1MB'",
        "VACUUM",
        "INSERT INTO made_earlier VALUES (1)",
    ],
)
def test_statements_that_need_nothing_are_not_accused(sql: str) -> None:
    from runbook.migration.catalog import Role

    catalog = Catalog(180000, basis="production", role="bare", roles={"bare": Role("bare")}, search_path=())
    assert lacking(sql, catalog) == []


def test_an_assumed_catalog_accuses_nobody() -> None:
    assert lacking("ALTER TABLE t ADD a int", Catalog.assumed()) == []
