"""What a migration misses and what stands in its way: predicted from the catalog, compared with what the server says."""

from __future__ import annotations

import psycopg
import pytest

from runbook.migration import parse
from runbook.migration.catalog import Catalog
from runbook.migration.objects import missing, obstacles
from runbook.postgres import connect, read_catalog
from tests.support import Database

SETUP = """
CREATE SCHEMA s2;
CREATE TABLE t (id int PRIMARY KEY, a int);
CREATE INDEX t_a_idx ON t (a);
CREATE TABLE u (id int PRIMARY KEY, "Mixed" int);
CREATE TABLE s2.x (a int);
CREATE TYPE mood AS ENUM ('ok');
CREATE VIEW v AS SELECT id FROM t;
CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tg BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION noop();
"""

# Each is run whole; * marks the statements that meet something missing, ! those in whose way something stands.
SCRIPTS = [
    "CREATE TABLE n (id serial PRIMARY KEY, a int UNIQUE); ALTER SEQUENCE n_id_seq RESTART; DROP INDEX IF EXISTS n_x; "
    "ALTER TABLE n DROP CONSTRAINT n_a_key; CREATE INDEX ON n (a); DROP INDEX n_a_idx; *DROP INDEX n_a_idx",
    "CREATE TEMP TABLE tmp (a int); INSERT INTO tmp VALUES (1); DROP TABLE tmp; *SELECT * FROM tmp",
    "ALTER TABLE t SET SCHEMA s2; SELECT * FROM s2.t; CREATE TABLE t (a int); *ALTER TABLE t DROP COLUMN id",
    "DROP SCHEMA s2 CASCADE; CREATE SCHEMA s2; CREATE TABLE s2.x (b int); *UPDATE s2.x SET a = 1",
    "DO $$ BEGIN EXECUTE 'CREATE TABLE dyn ()';END $$; ALTER TABLE dyn ADD b int",
    "SELECT * INTO t9 FROM t; SELECT * FROM t9",
    "ALTER TABLE t RENAME TO t2; CREATE TABLE t (a int); !CREATE INDEX t_a_idx ON t (a); *ALTER TABLE t RENAME b TO c",
    "*UPDATE t SET nocol = 1; *CREATE INDEX ON nope (a); *CREATE INDEX ON t (nope); *INSERT INTO t (nope) VALUES (1)",
    "SET search_path = s2; SELECT * FROM x; CREATE TABLE t (a int); !CREATE TABLE t (a int); *SELECT * FROM u",
    "!CREATE TABLE t (a int); !CREATE VIEW v AS SELECT 1; !CREATE INDEX t_a_idx ON t (a); !CREATE SCHEMA s2",
    "!ALTER TABLE t ADD a int; ALTER TABLE t ADD b int; !ALTER TABLE t ADD b int; ALTER TABLE t ADD IF NOT EXISTS a int",
    "!CREATE TRIGGER tg BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION noop(); DROP TRIGGER tg ON t",
    "!CREATE TYPE mood AS ENUM ('x'); ALTER TYPE mood RENAME TO spirit; CREATE TYPE mood AS ENUM ('x')",
    "!ALTER TABLE t RENAME TO u; !ALTER TABLE t RENAME a TO id; *ALTER TABLE t RENAME nope TO b",
    'SELECT "Mixed" FROM u; *ALTER TABLE u DROP COLUMN mixed; ALTER TABLE U DROP COLUMN "Mixed"; *SELECT * FROM "U"',
    "BEGIN; DROP TABLE u; ROLLBACK; SELECT * FROM u; BEGIN; DROP TABLE u; COMMIT; *SELECT * FROM u",
    "BEGIN; SAVEPOINT s; DROP TABLE u; ROLLBACK TO s; SELECT * FROM u; COMMIT",
    "ALTER TABLE t RENAME CONSTRAINT t_pkey TO pk; ALTER INDEX pk RENAME TO pk2; ALTER TABLE t DROP CONSTRAINT pk2",
    "DROP TABLE t CASCADE; *SELECT * FROM v; CREATE TABLE t (b int); ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (b)",
    "CREATE SCHEMA s9 CREATE TABLE inner_t (a int); SELECT * FROM s9.inner_t",
    "SELECT * FROM generate_series(1, 2) g; SELECT * FROM information_schema.tables LIMIT 1; SELECT * FROM pg_class LIMIT 1",
    "*ALTER TABLE t DROP CONSTRAINT nope; ALTER TABLE t DROP CONSTRAINT IF EXISTS nope; *ALTER TABLE t VALIDATE CONSTRAINT x",
    "*ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES gone (id); *ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (nope)",
    "WITH z AS (SELECT 1 AS id) SELECT * FROM z; *SELECT * FROM z; CREATE VIEW z AS SELECT 1; DROP VIEW z; *DROP VIEW z",
    "*DROP TABLE nope; DROP TABLE IF EXISTS nope; *TRUNCATE nope; *COMMENT ON TABLE nope IS 'x'",
    'CREATE TABLE "' + "x" * 70 + '" (a int); SELECT * FROM ' + "x" * 65 + "; !CREATE TABLE " + "x" * 63 + " (a int)",
]

MISSING = {"42P01", "42703", "42704", "3F000"}
STANDS = {"42P07", "42701", "42710", "42P06"}


async def catalog_of(database: Database) -> Catalog:
    async with await connect(database.dsn()) as connection:
        return await read_catalog(connection)


@pytest.mark.parametrize("script", SCRIPTS)
async def test_what_the_server_will_refuse_is_named_beforehand(database: Database, script: str) -> None:
    database.execute(SETUP)
    marks = [part.strip()[0] if part.strip()[0] in "*!" else "" for part in script.split("; ")]
    migration = parse("; ".join(part.strip().lstrip("*!") for part in script.split("; ")))
    catalog = await catalog_of(database)
    said: list[str] = []
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        for statement in migration.statements:
            try:
                connection.execute(statement.sql.encode())
                said.append("")
            except psycopg.Error as error:
                said.append("*" if error.sqlstate in MISSING else "!" if error.sqlstate in STANDS else str(error))
    absent = {f.statement.index for f in missing(migration, catalog)}
    present = {f.statement.index for f in obstacles(migration, catalog) if not f.ref.optional}
    predicted = ["*" if i in absent else "!" if i in present else "" for i in range(1, len(marks) + 1)]
    assert said == marks, "the script's own marks are what the server says"
    assert predicted == said


def test_an_assumed_catalog_misses_nothing() -> None:
    migration = parse("ALTER TABLE t ADD a int; CREATE TABLE t ()")
    assert missing(migration, Catalog.assumed()) == obstacles(migration, Catalog.assumed()) == ()
