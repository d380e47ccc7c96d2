"""Statements that a server refuses whatever the rows are: the catalog alone foretells it, and with which SQLSTATE.

The SQLSTATE is not written down: the server says it. ``tests/migration/test_refusals.py`` runs each on real servers.
"""

from __future__ import annotations

from dataclasses import dataclass

SETUP = """
CREATE TYPE mood AS ENUM ('new', 'old');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE p (id int PRIMARY KEY, code text UNIQUE, big bigint, label varchar(5));
CREATE TABLE t (id int PRIMARY KEY, pid int REFERENCES p, email text NOT NULL, n numeric, at timestamptz, m mood,
    flag boolean, j jsonb, js json, u uuid, gen int GENERATED ALWAYS AS (id + 1) STORED, ident int GENERATED ALWAYS AS IDENTITY,
    CONSTRAINT t_n_check CHECK (n > 0));
CREATE INDEX t_email_idx ON t (email);
CREATE UNIQUE INDEX t_part_idx ON t (pid) WHERE pid > 5;
CREATE UNIQUE INDEX t_expr_idx ON t (lower(email));
CREATE VIEW v AS SELECT id, email FROM t;
CREATE MATERIALIZED VIEW mv AS SELECT id, email FROM t;
CREATE SEQUENCE q;
CREATE TABLE parted (id int, at date, kind text) PARTITION BY RANGE (at);
CREATE TABLE parted_2024 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
CREATE TABLE listed (id int, kind text) PARTITION BY LIST (kind);
CREATE TABLE listed_a PARTITION OF listed FOR VALUES IN ('a');
CREATE TABLE plain (id int, at date, kind text);
CREATE TABLE lean (id int);
CREATE TABLE parent (a int NOT NULL, b text, CONSTRAINT pos CHECK (a > 0));
CREATE TABLE heir () INHERITS (parent);
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION trg();
CREATE RULE r AS ON DELETE TO plain DO NOTHING;
CREATE POLICY pol ON t USING (true);
CREATE SCHEMA other;
CREATE TABLE other.used (a mood);
CREATE STATISTICS st ON id, at FROM plain;
CREATE TABLE published (id int, note text);
CREATE PUBLICATION pub FOR TABLE published;
"""


@dataclass(frozen=True)
class Case:
    sql: str
    since: int = 12
    until: int = 18


def _all(*statements: str, since: int = 12) -> list[Case]:
    return [Case(s, since) for s in statements]


CASES: list[Case] = [
    # published, and nothing identifies a row
    *_all(
        "UPDATE published SET note = 'x'", "DELETE FROM published WHERE false", "WITH d AS (DELETE FROM published RETURNING id) SELECT * FROM d",
        "ALTER TABLE published ADD PRIMARY KEY (id) DEFERRABLE; UPDATE published SET note = 'x'",
    ),
    # missing objects
    *_all(
        "ALTER TABLE nowhere ADD a int", "SELECT * FROM nowhere", "INSERT INTO nowhere VALUES (1)", "UPDATE nowhere SET a = 1",
        "DELETE FROM nowhere", "TRUNCATE nowhere", "DROP TABLE nowhere", "DROP VIEW nowhere", "DROP INDEX nowhere",
        "DROP SEQUENCE nowhere", "DROP TYPE nowhere", "DROP SCHEMA nowhere", "DROP FUNCTION nowhere(int)",
        "DROP EXTENSION nowhere", "DROP TRIGGER nowhere ON t", "DROP POLICY nowhere ON t", "DROP RULE nowhere ON plain",
        "DROP DOMAIN nowhere", "DROP MATERIALIZED VIEW nowhere", "DROP STATISTICS nowhere", "CREATE INDEX ON t (nowhere)",
        "CREATE INDEX ON nowhere (a)", "CREATE TABLE nowhere.t (a int)", "CREATE TABLE x (a nowhere)",
        "CREATE VIEW x AS SELECT nowhere FROM t", "CREATE VIEW x AS SELECT * FROM nowhere", "CREATE INDEX ON t (lower(nowhere))",
        "CREATE INDEX ON t (id) WHERE nowhere > 1", "ALTER TABLE t DROP COLUMN nowhere", "ALTER TABLE t ALTER nowhere SET NOT NULL",
        "ALTER TABLE t ALTER nowhere TYPE text", "ALTER TABLE t ALTER nowhere SET DEFAULT 1", "ALTER TABLE t RENAME nowhere TO x",
        "ALTER TABLE t DROP CONSTRAINT nowhere", "ALTER TABLE t VALIDATE CONSTRAINT nowhere",
        "ALTER TABLE t ADD CONSTRAINT x UNIQUE (nowhere)", "ALTER TABLE t ADD PRIMARY KEY (nowhere)",
        "ALTER TABLE lean ADD PRIMARY KEY (nowhere)",
        "ALTER TABLE t ADD FOREIGN KEY (nowhere) REFERENCES p", "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES nowhere",
        "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES p (nowhere)", "ALTER TABLE t ADD CHECK (nowhere > 0)",
        "ALTER TABLE t ADD COLUMN x nowhere", "ALTER TABLE t ADD COLUMN x int DEFAULT nowhere()",
        "ALTER TABLE t ALTER id SET DEFAULT nowhere()", "ALTER TABLE t ADD CHECK (nowhere(id) > 0)",
        "CREATE INDEX ON t (nowhere(id))", "SELECT nowhere(1)", "UPDATE t SET nowhere = 1", "UPDATE t SET id = nowhere",
        "INSERT INTO t (nowhere) VALUES (1)", "DELETE FROM t WHERE nowhere = 1", "SELECT nowhere FROM t",
        "ALTER TABLE t ALTER id TYPE nowhere", "ALTER TABLE t ALTER email TYPE int USING nowhere::int",
        "ALTER TYPE nowhere ADD VALUE 'x'", "ALTER TYPE mood RENAME VALUE 'nowhere' TO 'x'",
        "ALTER TYPE mood ADD VALUE 'x' BEFORE 'nowhere'", "ALTER SEQUENCE nowhere RESTART", "ALTER INDEX nowhere RENAME TO x",
        "ALTER SCHEMA nowhere RENAME TO x", "ALTER TABLE t SET SCHEMA nowhere", "ALTER TABLE t OWNER TO nowhere",
        "ALTER TABLE t DISABLE TRIGGER nowhere", "ALTER TABLE t CLUSTER ON nowhere", "CLUSTER t USING nowhere",
        "ALTER TABLE t REPLICA IDENTITY USING INDEX nowhere", "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nowhere()",
        "CREATE TRIGGER x BEFORE INSERT ON nowhere FOR EACH ROW EXECUTE FUNCTION trg()", "GRANT SELECT ON nowhere TO PUBLIC",
        "GRANT SELECT ON t TO nowhere", "CREATE TABLE x (LIKE nowhere)", "CREATE TABLE x () INHERITS (nowhere)",
        "CREATE TABLE x PARTITION OF nowhere DEFAULT", "CREATE TABLE x (a int REFERENCES nowhere)", "REFRESH MATERIALIZED VIEW nowhere",
        "COMMENT ON TABLE nowhere IS 'x'", "COMMENT ON COLUMN t.nowhere IS 'x'", "LOCK TABLE nowhere", "REINDEX TABLE nowhere",
        "CREATE POLICY x ON nowhere USING (true)", "ALTER POLICY nowhere ON t USING (true)", "ALTER TABLE t RENAME CONSTRAINT nowhere TO x",
        "CREATE EXTENSION nowhere", "ALTER DOMAIN nowhere SET NOT NULL", "ALTER DOMAIN positive DROP CONSTRAINT nowhere",
        "ALTER DOMAIN positive VALIDATE CONSTRAINT nowhere", "CREATE STATISTICS x ON id, nowhere FROM t", "ALTER VIEW nowhere RENAME TO x",
        "COPY nowhere FROM stdin", "CREATE PUBLICATION x FOR TABLE nowhere", "ALTER FUNCTION nowhere(int) STABLE",
        "ALTER TABLE t ALTER email TYPE text COLLATE nowhere", "CREATE INDEX ON t (email nowhere_ops)", "CREATE INDEX ON t USING nowhere (id)",
        "ALTER TABLE t INHERIT nowhere", "ALTER TABLE parted DETACH PARTITION nowhere", "ALTER TABLE parted ATTACH PARTITION nowhere DEFAULT",
        "ALTER TABLE t ALTER id DROP IDENTITY", "ALTER TABLE t ALTER email DROP EXPRESSION", "CREATE SEQUENCE x OWNED BY t.nowhere",
        "ALTER TABLE t ADD CONSTRAINT x UNIQUE USING INDEX nowhere", "CREATE ROLE x IN ROLE nowhere", "SET ROLE nowhere",
    ),
    # existing objects
    *_all(
        "CREATE TABLE t (a int)", "CREATE VIEW t AS SELECT 1 AS a", "CREATE VIEW v AS SELECT 1 AS a", "CREATE SEQUENCE q", "CREATE SEQUENCE t",
        "CREATE INDEX t_email_idx ON t (id)", "CREATE INDEX p ON t (id)", "CREATE SCHEMA other", "CREATE TYPE mood AS ENUM ('x')",
        "CREATE TYPE t AS ENUM ('x')", "CREATE DOMAIN positive AS int", "CREATE DOMAIN mood AS int", "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS a",
        "CREATE TABLE mood (a int)", "ALTER TABLE t ADD COLUMN email text", "ALTER TABLE t RENAME id TO email", "ALTER TABLE t RENAME TO p",
        "ALTER TABLE t ADD CONSTRAINT t_n_check CHECK (true)", "ALTER TABLE t ADD CONSTRAINT t_email_idx UNIQUE (id)",
        "ALTER TABLE t ADD CONSTRAINT t_pkey UNIQUE (email)", "ALTER TABLE t ADD CONSTRAINT t_pid_fkey FOREIGN KEY (id) REFERENCES p",
        "ALTER TYPE mood ADD VALUE 'new'", "ALTER TYPE mood RENAME VALUE 'new' TO 'old'", "ALTER TYPE mood RENAME TO positive",
        "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 2'", "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION trg()",
        "CREATE POLICY pol ON t USING (true)", "CREATE RULE r AS ON DELETE TO plain DO NOTHING", "CREATE EXTENSION plpgsql",
        "ALTER INDEX t_email_idx RENAME TO t_pkey", "ALTER TABLE t RENAME CONSTRAINT t_n_check TO t_pid_fkey", "ALTER SCHEMA other RENAME TO s",
        "CREATE STATISTICS st ON id, at FROM plain", "ALTER TABLE t ADD PRIMARY KEY (email)", "CREATE TABLE x (a int, a text)",
        "CREATE TYPE x AS ENUM ('a', 'a')", "SELECT 1 AS a INTO t", "CREATE TABLE t AS SELECT 1 AS a", "ALTER SEQUENCE q RENAME TO t",
        "CREATE OR REPLACE VIEW t AS SELECT 1 AS a", "ALTER TABLE t ADD COLUMN ctid int", "CREATE TABLE x (xmin int)",
        "CREATE TABLE x (a int PRIMARY KEY, b int PRIMARY KEY)", "CREATE ROLE postgres",
        "ALTER DOMAIN positive ADD CONSTRAINT positive_check CHECK (VALUE > 1)",
    ),
    # types
    *_all(
        "ALTER TABLE t ALTER email TYPE int", "ALTER TABLE t ALTER email TYPE uuid", "ALTER TABLE t ALTER email TYPE mood",
        "ALTER TABLE t ALTER email TYPE date", "ALTER TABLE t ALTER email TYPE boolean", "ALTER TABLE t ALTER email TYPE jsonb",
        "ALTER TABLE t ALTER n TYPE boolean", "ALTER TABLE t ALTER flag TYPE int", "ALTER TABLE t ALTER at TYPE int", "ALTER TABLE t ALTER m TYPE int",
        "ALTER TABLE t ALTER u TYPE int USING u::int", "ALTER TABLE t ALTER at TYPE int USING at::int",
        "ALTER TABLE t ALTER pid TYPE uuid", "ALTER TABLE t ALTER flag SET DEFAULT 'maybe'", "ALTER TABLE t ADD COLUMN x int DEFAULT 'abc'",
        "ALTER TABLE t ADD COLUMN x mood DEFAULT 'odd'", "ALTER TABLE t ALTER m SET DEFAULT 'odd'", "ALTER TABLE t ADD COLUMN x uuid DEFAULT 'abc'",
        "ALTER TABLE t ADD COLUMN x date DEFAULT '2024-13-01'", "ALTER TABLE t ADD COLUMN x date DEFAULT 'abc'", "ALTER TABLE t ADD COLUMN x jsonb DEFAULT '{'",
        "ALTER TABLE t ADD COLUMN x boolean DEFAULT 5", "ALTER TABLE t ADD COLUMN x int DEFAULT true", "ALTER TABLE t ADD COLUMN x smallint DEFAULT '70000'",
        "ALTER TABLE t ADD COLUMN x numeric(2,1) DEFAULT 'x'", "CREATE TABLE x (a int DEFAULT 'abc')", "CREATE TABLE x (a mood DEFAULT 'odd')",
        "ALTER TABLE t ADD FOREIGN KEY (email) REFERENCES p (id)", "ALTER TABLE t ADD FOREIGN KEY (u) REFERENCES p", "CREATE TABLE x (a text REFERENCES p)",
        "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES p (big)", "ALTER TABLE t ADD FOREIGN KEY (id, pid) REFERENCES p (id)",
        "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES plain", "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES v (id)", "CREATE TABLE x (a int REFERENCES plain (id))",
        "ALTER TABLE t ADD CHECK (id)", "ALTER TABLE t ADD CHECK (email > 5)", "ALTER TABLE t ADD CHECK (id IN (SELECT 1))", "ALTER TABLE t ADD CHECK (count(*) > 1)",
        "CREATE INDEX ON t (js)", "CREATE INDEX ON t USING gin (email)", "CREATE INDEX ON t USING gist (id)", "CREATE INDEX ON t USING hash (id, pid)",
        "CREATE UNIQUE INDEX ON t USING hash (id)", "CREATE UNIQUE INDEX ON t (js)", "CREATE INDEX ON t (now())", "CREATE INDEX ON t (id) WHERE at > now()",
        "CREATE INDEX ON t ((at::date))", "ALTER TABLE t ADD COLUMN g int GENERATED ALWAYS AS (random()) STORED",
        "ALTER TABLE t ADD COLUMN g int GENERATED ALWAYS AS (gen) STORED", "ALTER TABLE t ADD COLUMN x varchar(0)", "ALTER TABLE t ADD COLUMN x numeric(2000, 1)",
        "ALTER TABLE t ADD COLUMN x int DEFAULT (SELECT 1)", "ALTER TABLE t ADD COLUMN x int DEFAULT id", "ALTER TABLE t ADD COLUMN x int DEFAULT 1 DEFAULT 2",
        "ALTER TABLE t ADD COLUMN x serial DEFAULT 1", "ALTER TABLE t ALTER id TYPE serial", "INSERT INTO t (id) VALUES ('x')", "SELECT 'x'::int", "SELECT 1/0",
        "UPDATE t SET gen = 1", "INSERT INTO t (id, email, gen) VALUES (1, 'a', 1)", "INSERT INTO t (id, email, ident) VALUES (1, 'a', 1)",
        "INSERT INTO p VALUES (1, 'a', 1, 'b', 'c')", "INSERT INTO p (id, code) VALUES (1)", "INSERT INTO p (id, id) VALUES (1, 1)",
        "INSERT INTO t (id, email) VALUES (1, NULL)", "INSERT INTO p (code) VALUES ('a')", "INSERT INTO p (id, label) VALUES (1, 'longer')",
        "INSERT INTO t (id, email, m) VALUES (1, 'x', 'odd')",
        "ALTER TABLE t ALTER gen SET DEFAULT 1", "ALTER TABLE t ALTER ident SET DEFAULT 1",
        "ALTER TABLE lean ALTER id ADD GENERATED ALWAYS AS IDENTITY", "ALTER TABLE t ALTER email ADD GENERATED ALWAYS AS IDENTITY",
        "ALTER TABLE t ALTER gen TYPE text USING 'x'",
    ),
    # dependencies and partitions
    *_all(
        "DROP TABLE t", "DROP TABLE p", "DROP TYPE mood", "DROP DOMAIN mood", "DROP FUNCTION trg()", "DROP SCHEMA other", "DROP VIEW t", "DROP TABLE v",
        "DROP INDEX t_pkey", "DROP TABLE mv", "DROP VIEW mv", "DROP SEQUENCE t_ident_seq", "ALTER TABLE t DROP COLUMN email", "ALTER TABLE t ALTER email TYPE varchar(9)",
        "ALTER TABLE p DROP CONSTRAINT p_pkey", "ALTER TABLE t DROP COLUMN id", "ALTER TABLE t ALTER id TYPE bigint", "TRUNCATE p", "ALTER TABLE t ALTER id DROP NOT NULL",
        "ALTER TABLE parted DROP COLUMN at", "ALTER TABLE parted ALTER at TYPE timestamptz", "ALTER TABLE parted ADD PRIMARY KEY (id)", "ALTER TABLE parted ADD UNIQUE (id)",
        "CREATE UNIQUE INDEX ON parted (id)", "CREATE INDEX CONCURRENTLY ON parted (id)", "ALTER TABLE parted_2024 ADD COLUMN x int", "ALTER TABLE parted_2024 DROP COLUMN kind",
        "CREATE TABLE x PARTITION OF parted FOR VALUES FROM ('2024-06-01') TO ('2024-07-01')", "CREATE TABLE x PARTITION OF parted DEFAULT",
        "CREATE TABLE x PARTITION OF parted FOR VALUES IN (1)", "CREATE TABLE x PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2025-01-01')",
        "CREATE TABLE x PARTITION OF listed FOR VALUES IN ('a')", "CREATE TABLE x PARTITION OF listed FOR VALUES IN ('b', 'a')", "CREATE TABLE x PARTITION OF plain DEFAULT",
        "ALTER TABLE parted ATTACH PARTITION parted_2024 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
        "ALTER TABLE parted ATTACH PARTITION plain FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')",
        "ALTER TABLE parted ATTACH PARTITION lean FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')", "ALTER TABLE parted ATTACH PARTITION t DEFAULT",
        "ALTER TABLE plain ATTACH PARTITION lean DEFAULT", "ALTER TABLE parted DETACH PARTITION plain", "ALTER TABLE lean INHERIT parent", "ALTER TABLE parent INHERIT heir",
        "ALTER TABLE heir NO INHERIT t", "ALTER TABLE heir DROP COLUMN a", "ALTER TABLE heir ALTER a TYPE bigint", "ALTER TABLE heir RENAME a TO z", "ALTER TABLE ONLY parent RENAME a TO z",
        "ALTER TABLE ONLY parent ADD COLUMN x int CHECK (x > 1)", "ALTER TABLE ONLY parent ADD CHECK (b <> '')", "ALTER TABLE heir DROP CONSTRAINT pos", "ALTER TABLE ONLY parted ADD CHECK (id > 0)",
        "CREATE TABLE x (id int, at date) PARTITION BY LIST (id, at)", "CREATE TABLE x (id int PRIMARY KEY, at date) PARTITION BY RANGE (at)", "CREATE TABLE x (id int) PARTITION BY RANGE (nowhere)",
        "ALTER TABLE v ADD COLUMN x int", "ALTER TABLE v ALTER id TYPE bigint", "CREATE INDEX ON v (id)", "INSERT INTO mv VALUES (1)", "TRUNCATE v", "ALTER TABLE mv ADD COLUMN x int",
        "CREATE OR REPLACE VIEW v AS SELECT id FROM t", "CREATE OR REPLACE VIEW v AS SELECT id::text AS id, email FROM t", "CREATE OR REPLACE VIEW v AS SELECT id AS x, email FROM t",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY mv", "REFRESH MATERIALIZED VIEW v", "ALTER TABLE t ADD CONSTRAINT x PRIMARY KEY USING INDEX t_email_idx",
        "ALTER TABLE t ADD CONSTRAINT x UNIQUE USING INDEX t_email_idx", "ALTER TABLE t ADD CONSTRAINT x UNIQUE USING INDEX t_part_idx", "ALTER TABLE t ADD CONSTRAINT x UNIQUE USING INDEX t_expr_idx",
        "ALTER TABLE t ADD CONSTRAINT x UNIQUE USING INDEX t_pkey", "ALTER TABLE t REPLICA IDENTITY USING INDEX t_email_idx", "ALTER TABLE t ADD UNIQUE (id) NOT VALID",
        "ALTER TABLE t ALTER CONSTRAINT t_n_check DEFERRABLE", "ALTER TABLE t ADD COLUMN x int, ADD COLUMN x int", "ALTER TABLE t ADD CHECK (id > 0) DEFERRABLE",
        "ALTER TABLE t DROP COLUMN pid, ADD FOREIGN KEY (pid) REFERENCES p", "DROP OWNED BY nowhere", "ALTER TYPE pair ADD ATTRIBUTE a int", "ALTER TYPE pair DROP ATTRIBUTE nowhere",
        "CREATE OR REPLACE FUNCTION f(int) RETURNS text LANGUAGE sql AS 'SELECT ''x'''", "CREATE TABLE x (LIKE t, email text)", "ALTER SEQUENCE q OWNED BY t.nowhere", "ALTER SEQUENCE t_ident_seq OWNED BY p.id",
        "CREATE TRIGGER x BEFORE INSERT ON v FOR EACH ROW EXECUTE FUNCTION trg()", "CREATE TRIGGER x INSTEAD OF INSERT ON t FOR EACH ROW EXECUTE FUNCTION trg()",
        "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(1)", "ALTER TABLE t SET (nonsense = 1)", "ALTER TABLE t SET (fillfactor = 5)", "SET nonsense = 1", "SET work_mem = 'x'",
        "VACUUM nowhere", "ANALYZE t (nowhere)",
    ),
    # not in a transaction, or only in one
    *_all(
        "BEGIN; CREATE INDEX CONCURRENTLY ON t (id)", "BEGIN; DROP INDEX CONCURRENTLY t_email_idx", "BEGIN; VACUUM t", "BEGIN; CREATE DATABASE x", "BEGIN; ALTER SYSTEM SET work_mem = '1MB'",
        "BEGIN; REINDEX TABLE CONCURRENTLY t", "SAVEPOINT a", "BEGIN; ROLLBACK TO nowhere", "BEGIN; RELEASE nowhere", "LOCK TABLE t", "DECLARE c CURSOR FOR SELECT 1",
        "BEGIN; ALTER TYPE mood ADD VALUE 'late'; INSERT INTO other.used VALUES ('late')",
        "BEGIN; ALTER TYPE mood ADD VALUE 'late'; ALTER TABLE t ALTER m SET DEFAULT 'late'",
    ),
    *_all("BEGIN; ALTER TABLE parted DETACH PARTITION parted_2024 CONCURRENTLY", "ALTER TABLE parted DETACH PARTITION parted_2024 CONCURRENTLY", since=14),
]  # fmt: skip

SILENT = frozenset(
    {
        # objects and bodies that no catalog of ours holds
        "DROP FUNCTION nowhere(int)", "DROP POLICY nowhere ON t", "DROP RULE nowhere ON plain", "DROP STATISTICS nowhere",
        "ALTER POLICY nowhere ON t USING (true)", "ALTER DOMAIN positive DROP CONSTRAINT nowhere",
        "ALTER DOMAIN positive VALIDATE CONSTRAINT nowhere", "ALTER FUNCTION nowhere(int) STABLE",
        "CREATE INDEX ON t (email nowhere_ops)", "CREATE INDEX ON t USING nowhere (id)", "CREATE ROLE x IN ROLE nowhere",
        "CREATE POLICY pol ON t USING (true)", "CREATE RULE r AS ON DELETE TO plain DO NOTHING",
        "CREATE STATISTICS st ON id, at FROM plain",
        "ALTER DOMAIN positive ADD CONSTRAINT positive_check CHECK (VALUE > 1)", "ALTER TYPE pair ADD ATTRIBUTE a int",
        "ALTER TYPE pair DROP ATTRIBUTE nowhere", "ALTER SEQUENCE t_ident_seq OWNED BY p.id",
        "ALTER TABLE t SET (nonsense = 1)", "ALTER TABLE t SET (fillfactor = 5)", "SET work_mem = 'x'",
        "SET nonsense = 1",
        # the types of whole expressions
        "ALTER TABLE t ADD CHECK (email > 5)", "CREATE INDEX ON t ((at::date))", "SELECT 'x'::int", "SELECT 1/0",
        "CREATE OR REPLACE VIEW v AS SELECT id::text AS id, email FROM t",
        # a trigger may fill it in
        "INSERT INTO t (id, email) VALUES (1, NULL)",
        # what our parser, the one of 18, refuses; another server might not
        "ALTER TABLE t ADD UNIQUE (id) NOT VALID", "ALTER TABLE t ADD CHECK (id > 0) DEFERRABLE",
    }
)  # fmt: skip
"""Refused by the server and not foretold for certain: what would be needed is not known to a catalog."""

OTHER_STATE = frozenset(
    {
        "ALTER TABLE t ALTER email TYPE text COLLATE nowhere", "DROP DOMAIN mood",
        "ALTER TABLE plain ATTACH PARTITION lean DEFAULT",
    }
)  # fmt: skip
"""Foretold for certain, with the SQLSTATE of another reason that holds as well."""
