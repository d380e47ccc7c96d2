"""What the catalog alone decides is foretold with the SQLSTATE that the server then shows, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from runbook.migration import forecast, parse
from runbook.migration.catalog import Catalog
from runbook.migration.result import Fails
from runbook.postgres import connect, read_catalog
from tests import support
from tests.migration.refusal_cases import CASES, OTHER_STATE, SETUP, SILENT, Case
from tests.support import Database

_ALONE = ("CONCURRENTLY", "SAVEPOINT", "LOCK TABLE", "DECLARE", "VACUUM", "REINDEX")


class Bench:
    """One database with the objects of ``SETUP``, and its catalog; what a statement does there is undone."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection: psycopg.Connection[Any] = database.connect()
        self.connection.execute(
            f"SET client_min_messages = error; CREATE SCHEMA s; SET search_path = s, public; {SETUP};"
            f"ALTER DATABASE {database.name} SET search_path = s, public".encode()
        )
        self.catalog: Catalog = asyncio.run(self._read())

    async def _read(self) -> Catalog:
        async with await connect(self.database.dsn()) as connection:
            return await read_catalog(connection)

    def attempt(self, sql: str) -> str | None:
        statements = [s.strip() for s in sql.split(";")]
        try:
            if len(statements) == 1 and not any(word in sql for word in _ALONE):
                self.connection.execute("BEGIN")
            for statement in statements:
                self.connection.execute(statement.encode())
        except psycopg.Error as error:
            return error.sqlstate
        finally:
            self.connection.execute("ROLLBACK")
        return None

    def foretold(self, sql: str) -> Fails | None:
        return forecast(parse(sql, runner="psql"), self.catalog).statements[-1].fails


@pytest.fixture(scope="module", params=sorted({min(support.majors()), 15, max(support.majors())} & {*support.majors()}))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    database = support.create_database(request.param)
    made = Bench(database)
    yield made
    made.connection.close()
    support.drop_database(database)


def test_a_refusal_is_foretold_with_the_sqlstate_that_the_server_shows(bench: Bench) -> None:
    wrong = []
    for case in _on(bench):
        seen, told = bench.attempt(case.sql), bench.foretold(case.sql)
        if seen is None:
            wrong.append(f"the server runs it: {case.sql}")
        elif case.sql in SILENT:
            if told is not None and told.certain:
                wrong.append(f"{case.sql}: no longer silent, {told} and {seen}")
        elif case.sql in OTHER_STATE:
            if told is None or not told.certain:
                wrong.append(f"{case.sql}: {told}, the server says {seen}")
        elif told is None or (told.sqlstate, told.certain) != (seen, True):
            wrong.append(f"{case.sql}: {told}, the server says {seen}")
    assert wrong == []


def _on(bench: Bench) -> list[Case]:
    return [c for c in CASES if c.since <= bench.database.major]


PASSES = [
    "SELECT id, email AS e FROM t WHERE t.id > 1 GROUP BY id, e ORDER BY e",
    "SELECT t FROM t", "SELECT t.* FROM t AS x JOIN t USING (id)", "SELECT count(*), now(), extract(year FROM at) FROM t",
    "SELECT x.id FROM t AS x", "SELECT ctid, xmin FROM t", "SELECT (j ->> 'a')::int, u::text FROM t", "SELECT lower(email) FROM v",
    "WITH c AS (SELECT 1 AS made) SELECT made FROM c", "SELECT made FROM (SELECT 1 AS made) AS q", "SELECT text 'x', date '2024-01-01', int4 '5'",
    "SELECT id FROM t WHERE EXISTS (SELECT FROM p WHERE p.id = pid)", "SELECT g FROM generate_series(1, 3) AS g",
    "INSERT INTO p VALUES (77, 'x')", "INSERT INTO p (id, code) SELECT 78, 'y'", "INSERT INTO p (id, label) VALUES (79, 'five  ')",
    "INSERT INTO t (id, email, m) VALUES (5, 'x', 'new')", "INSERT INTO t (id, email, ident) OVERRIDING SYSTEM VALUE VALUES (5, 'x', 3)",
    "INSERT INTO t (id, email, gen) VALUES (5, 'x', DEFAULT)", "INSERT INTO p (id, code) VALUES (1, 'a') ON CONFLICT DO NOTHING",
    "INSERT INTO t (id, email, flag) VALUES (6, 'x', ' YES ')", "INSERT INTO t (id, email, u) VALUES (7, 'x', '{a0eebc99-9c0b4ef8-bb6d6bb9bd380a11}')",
    "INSERT INTO t (id, email, at) VALUES (8, 'x', 'infinity')", "INSERT INTO t (id, email, at) VALUES (9, 'x', 'Jan 5 2024')",
    "INSERT INTO t (id, email, n) VALUES (' 12 ', 'x', '1e3')", "INSERT INTO t (id, email, j) VALUES (12, 'x', '{\"a\": 1}')",
    "UPDATE t SET ident = DEFAULT, email = t.email || 'x' WHERE flag IS NULL", "UPDATE t AS x SET email = x.email", "DELETE FROM t AS x WHERE x.id = 1",
    "UPDATE t SET email = p.code FROM p WHERE p.id = pid", "DELETE FROM t USING p WHERE p.id = pid",
    "ALTER TABLE t ADD COLUMN x int DEFAULT 5, ADD CHECK (x > id)", "ALTER TABLE t ADD COLUMN x mood DEFAULT 'new'", "ALTER TABLE t ADD COLUMN x mood[] DEFAULT '{new}'",
    "ALTER TABLE t ADD COLUMN x positive DEFAULT 5", "ALTER TABLE t ADD COLUMN x text DEFAULT 5", "ALTER TABLE t ADD COLUMN x bigint DEFAULT '5'",
    "ALTER TABLE t ADD COLUMN x date DEFAULT 'tomorrow'", "ALTER TABLE t ADD COLUMN x timestamptz DEFAULT now()", "ALTER TABLE t ADD COLUMN x numeric DEFAULT 1.5",
    "ALTER TABLE t ADD COLUMN x int DEFAULT 1.5", "ALTER TABLE t ADD COLUMN x int DEFAULT NULL", "ALTER TABLE t ADD COLUMN x text[] DEFAULT '{}'",
    "ALTER TABLE t ADD COLUMN x jsonb DEFAULT '{}'", "ALTER TABLE t ADD COLUMN x boolean DEFAULT 'on'", "ALTER TABLE t ADD COLUMN x interval DEFAULT '1 day'",
    "ALTER TABLE t ADD COLUMN x bigserial", "ALTER TABLE t ADD COLUMN x int GENERATED ALWAYS AS (id * 2) STORED", "ALTER TABLE t ADD COLUMN x p",
    "ALTER TABLE t ALTER pid TYPE bigint", "ALTER TABLE t ALTER n TYPE int", "ALTER TABLE t ALTER at TYPE date", "ALTER TABLE t ALTER flag TYPE text",
    "ALTER TABLE t ALTER flag TYPE int USING flag::int", "ALTER TABLE t ALTER m TYPE text", "ALTER TABLE t ALTER js TYPE jsonb", "ALTER TABLE t ALTER u TYPE text USING u::text",
    "ALTER TABLE t ALTER m TYPE varchar(9) USING m::text", "ALTER TABLE plain ALTER kind TYPE int USING kind::int", "ALTER TABLE plain ALTER kind TYPE mood USING kind::mood",
    "ALTER TABLE plain ALTER at TYPE timestamptz", "ALTER TABLE plain ALTER id TYPE text", "ALTER TABLE plain ALTER kind TYPE uuid USING gen_random_uuid()",
    "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES p", "ALTER TABLE t ADD FOREIGN KEY (email) REFERENCES p (code)", "ALTER TABLE plain ADD FOREIGN KEY (id) REFERENCES plain2 (id)",
    "ALTER TABLE t ADD CHECK (flag)", "ALTER TABLE t ADD CHECK (email ~ '@' AND t.n IS NOT NULL)", "ALTER TABLE t ADD CHECK (f(id) > 0)",
    "CREATE INDEX ON t (lower(email), (n + 1)) WHERE at IS NOT NULL", "CREATE INDEX ON t USING gin (j)", "CREATE INDEX ON t USING brin (at)", "CREATE INDEX ON t USING hash (email)",
    "CREATE INDEX ON t (f(id))", "CREATE INDEX ON t (upper(t.email))", "CREATE INDEX ON t (email text_pattern_ops)", "CREATE UNIQUE INDEX ON parted (id, at)",
    "CREATE TABLE x (a int, b text, PRIMARY KEY (a, b)) PARTITION BY RANGE (b)", "CREATE TABLE x (LIKE t INCLUDING ALL)", "CREATE TABLE x (a serial PRIMARY KEY, b mood, c positive, d pair, e t)",
    "CREATE TABLE x (a int) WITH (autovacuum_enabled = off)", "CREATE TABLE x (a int) INHERITS (parent)", "CREATE TABLE x PARTITION OF listed FOR VALUES IN ('b', NULL)",
    "CREATE TABLE x PARTITION OF listed DEFAULT", "CREATE TABLE x PARTITION OF parted FOR VALUES FROM ('2025-01-01') TO (MAXVALUE)", "ALTER TABLE parted ATTACH PARTITION plain FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
    "CREATE VIEW x AS SELECT v.id, email || 'x' AS y FROM v", "CREATE OR REPLACE VIEW v AS SELECT id, email, n FROM t", "CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 3'",
    "CREATE FUNCTION f(text) RETURNS int LANGUAGE sql AS 'SELECT 3'", "CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION trg()", "CREATE TYPE x AS ENUM ('a', 'b')",
    "ALTER TYPE mood RENAME VALUE 'old' TO 'ancient'", "ALTER TABLE t RENAME CONSTRAINT t_n_check TO other_name", "ALTER TABLE parent RENAME a TO z", "ALTER TABLE heir ADD COLUMN x int",
    "ALTER TABLE ONLY parent ADD CHECK (b <> '') NO INHERIT", "ALTER TABLE heir NO INHERIT parent", "ALTER TABLE t SET (autovacuum_enabled = off)", "ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey",
    "SET work_mem = '8MB'", "SET application_name = 'x'", "SET TIME ZONE 'UTC'", "SET my.setting = 'x'", "SET NAMES 'UTF8'", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET ROLE NONE",
    "GRANT SELECT ON t TO PUBLIC", "GRANT SELECT ON t TO CURRENT_USER", "ALTER TABLE t OWNER TO CURRENT_USER", "CREATE SEQUENCE x OWNED BY t.id", "ALTER SEQUENCE q OWNED BY NONE", "ANALYZE t (id, email)",
    "CREATE DOMAIN x AS mood", "CREATE DOMAIN x AS numeric(9, 2) CHECK (VALUE > 0)", "BEGIN; SAVEPOINT a; ROLLBACK TO a; RELEASE a", "BEGIN; LOCK TABLE t", "BEGIN; DECLARE c CURSOR FOR SELECT 1",
    "REFRESH MATERIALIZED VIEW mv", "DO $$ BEGIN PERFORM 1; END $$", "COMMENT ON COLUMN t.id IS 'x'", "CREATE STATISTICS x ON id, email FROM t", "SELECT f(1), s.f(2), pg_catalog.lower('A')",
]  # fmt: skip


def test_what_the_server_runs_is_never_called_a_certain_failure(bench: Bench) -> None:
    bench.connection.execute("CREATE TABLE IF NOT EXISTS s.plain2 (id int PRIMARY KEY)")
    bench.catalog = asyncio.run(bench._read())
    wrong = []
    for sql in PASSES:
        told = bench.foretold(sql)
        if told is None or not told.certain:
            continue
        seen = bench.attempt(sql)
        if seen is None:
            wrong.append(f"{sql}: {told}")
    assert wrong == []
