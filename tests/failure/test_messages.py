"""The message alone says which SQLSTATE it is: asked of real servers of every major."""

from __future__ import annotations

import psycopg
import pytest

from runbook.failure.messages import classify, templates, translations
from runbook.failure.sqlstates import condition, of_class
from tests.support import Database, create_database, drop_database, majors

SETUP = """
CREATE TABLE p (id int, name text);
CREATE TABLE t (a int, b text, c varchar(10), g int GENERATED ALWAYS AS (1) STORED, i int GENERATED ALWAYS AS IDENTITY);
INSERT INTO t (a, b, c) VALUES (1, NULL, 'abc'), (1, 'x', 'abcdefgh');
CREATE TABLE k (id int PRIMARY KEY, CONSTRAINT positive CHECK (id > 0));
INSERT INTO k VALUES (1);
CREATE TABLE fk (kid int CONSTRAINT fk_kid REFERENCES k);
INSERT INTO fk VALUES (1);
CREATE VIEW v AS SELECT a, b FROM t;
CREATE TYPE mood AS ENUM ('sad');
CREATE TABLE part (a int, d date) PARTITION BY RANGE (d);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE pol (a int, b int);
CREATE POLICY own ON pol USING (b = 1);
CREATE SEQUENCE s MAXVALUE 2;
SELECT nextval('s');
SELECT nextval('s');
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA app;
CREATE TABLE app.u (id int);
CREATE ROLE nobody_{n} NOLOGIN;
GRANT USAGE ON SCHEMA public TO nobody_{n};
CREATE TABLE late (a int, d date);
INSERT INTO late VALUES (1, '2020-01-01');
CREATE TABLE wide (a int, d date, x int);
CREATE TABLE base (a int, CONSTRAINT small CHECK (a < 9));
CREATE TABLE child () INHERITS (base);
CREATE TABLE rest (a int) PARTITION BY LIST (a);
CREATE TABLE rest_all PARTITION OF rest DEFAULT;
INSERT INTO rest VALUES (5);
CREATE MATERIALIZED VIEW m AS SELECT 1 AS x;
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
"""

# statement -> (field of the subject, its value), or None where the message names nothing
FAILING: dict[str, tuple[str, str] | None] = {
    "ALTER TABLE orders ADD x int": ("relation", "orders"),
    "ALTER TABLE app.orders ADD x int": ("relation", "orders"),
    "SELECT nope FROM t": ("column", "nope"),
    "SELECT t.nope FROM t": ("column", "nope"),
    "ALTER TABLE t DROP COLUMN nope": ("column", "nope"),
    "ALTER TABLE t ADD COLUMN a int": ("column", "a"),
    "CREATE TABLE t (a int)": ("relation", "t"),
    "CREATE INDX i ON t (a)": ("token", "INDX"),
    "ALTER TABLE t ADD": None,
    "CREATE UNIQUE INDEX t_a ON t (a)": ("index", "t_a"),
    "INSERT INTO k VALUES (1)": ("constraint", "k_pkey"),
    "INSERT INTO k VALUES (-1)": ("constraint", "positive"),
    "INSERT INTO k VALUES (NULL)": ("column", "id"),
    "ALTER TABLE t ALTER b SET NOT NULL": ("column", "b"),
    "INSERT INTO fk VALUES (7)": ("constraint", "fk_kid"),
    "DELETE FROM k": ("referenced_relation", "k"),
    "ALTER TABLE t ADD CONSTRAINT c1 CHECK (a > 5)": ("constraint", "c1"),
    "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (id)": ("referenced_relation", "p"),
    "ALTER TABLE t ADD CONSTRAINT x FOREIGN KEY (b) REFERENCES k (id)": ("constraint", "x"),
    "ALTER TABLE t ALTER c TYPE varchar(3)": None,
    "ALTER TABLE t ALTER b TYPE int": ("column", "b"),
    "ALTER TABLE t ALTER a TYPE bigint": None,  # used by a view
    "ALTER TABLE t DROP COLUMN a": ("column", "a"),
    "DROP TABLE t": ("relation", "t"),
    "DROP TYPE nope": ("type", "nope"),
    "DROP INDEX nope": ("index", "nope"),
    "DROP VIEW nope": ("relation", "nope"),
    "DROP SEQUENCE nope": ("relation", "nope"),
    "DROP INDEX k_pkey": ("index", "k_pkey"),
    "ALTER TABLE t DROP CONSTRAINT nope": ("constraint", "nope"),
    "SELECT 'x'::int": ("type", "integer"),
    "SELECT 'happy'::mood": ("type", "mood"),
    "SELECT 'x'::date": None,
    "SELECT '13/45/2026'::date": None,
    "SELECT 99999999999::int": None,
    "SELECT nextval('s')": ("relation", "s"),
    "SELECT nope(1)": ("function", "nope"),
    "SELECT app.nope(1::int)": ("schema", "app"),
    "SELECT '1'::json = '1'::json": ("operator", "json = json"),
    "SELECT DISTINCT '1'::json": ("type", "json"),
    "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'": ("function", "f"),
    "CREATE OR REPLACE FUNCTION f(int) RETURNS text LANGUAGE sql AS 'SELECT 1'": None,
    "CREATE OR REPLACE VIEW v AS SELECT a AS z, b FROM t": ("column", "a"),
    "CREATE TABLE n.x (a int)": ("schema", "n"),
    "CREATE SCHEMA app": ("schema", "app"),
    "CREATE EXTENSION nope": ("extension", "nope"),
    "DROP EXTENSION nope": ("extension", "nope"),
    "CREATE TYPE mood AS ENUM ('a')": ("type", "mood"),
    "GRANT SELECT ON t TO nope": ("role", "nope"),
    "SET nope_timeout = 1": ("setting", "nope_timeout"),
    "SET statement_timeout = 'x'": ("setting", "statement_timeout"),
    "CREATE TABLE x (a int) TABLESPACE nope": None,
    "CREATE TABLE x (a text COLLATE nope)": None,
    "CREATE INDEX i ON t USING gin (b nope_ops)": None,
    "CREATE INDEX i ON t USING nope (b)": None,
    "CREATE INDEX i ON t ((a + random()))": None,
    "CREATE INDEX CONCURRENTLY i ON part (a)": ("relation", "part"),
    "ALTER TABLE part ADD PRIMARY KEY (a)": None,
    "INSERT INTO part VALUES (1, '2027-01-01')": ("relation", "part"),
    "INSERT INTO t (g) VALUES (5)": ("column", "g"),
    "INSERT INTO t (i) VALUES (5)": ("column", "i"),
    "UPDATE t SET g = 5": ("column", "g"),
    "ALTER TABLE v ADD COLUMN x int": None,
    "ALTER TABLE pol ALTER b TYPE bigint": None,
    "ALTER TABLE k ADD PRIMARY KEY (id)": ("relation", "k"),
    "SET lock_timeout = '1ms'; SELECT 1/0": None,
    "SET statement_timeout = '20ms'; SELECT pg_sleep(5)": None,
    "SET default_transaction_read_only = on; CREATE TABLE x (a int)": None,
    "SET ROLE nobody_{n}; SELECT * FROM p": ("relation", "p"),
    "SET ROLE nobody_{n}; SELECT * FROM app.u": ("schema", "app"),
    "SET ROLE nobody_{n}; ALTER TABLE t ADD x int": ("relation", "t"),
    "SET ROLE nobody_{n}; DROP INDEX k_pkey": ("index", "k_pkey"),
    "SET ROLE nobody_{n}; CREATE ROLE x": None,
    "SET ROLE nobody_{n}; CREATE SCHEMA x": ("object_kind", "database"),
    "SET ROLE nobody_{n}; CREATE TABLE app.x (a int)": ("schema", "app"),
    "SET ROLE nobody_{n}; SET session_replication_role = replica": ("setting", "session_replication_role"),
    "SET ROLE nobody_{n}; CREATE PUBLICATION x FOR ALL TABLES": None,
    "SET ROLE nobody_{n}; CREATE EVENT TRIGGER x ON ddl_command_start EXECUTE FUNCTION f()": None,
    "EXECUTE nope": None,
    "LOCK TABLE t; VACUUM t": None,
    "SELECT 1 FROM t a, t b WHERE c = 'x' AND a = 1": ("column", "c"),
    "ALTER TABLE t RENAME TO p": ("relation", "p"),
    # partitions and children
    "ALTER TABLE part ATTACH PARTITION late FOR VALUES FROM ('2025-01-01') TO ('2025-02-01')": None,
    "ALTER TABLE part ATTACH PARTITION wide FOR VALUES FROM ('2025-01-01') TO ('2025-02-01')": ("column", "x"),
    "ALTER TABLE part ATTACH PARTITION part1 DEFAULT": ("relation", "part1"),
    "ALTER TABLE part ATTACH PARTITION base DEFAULT": None,
    "ALTER TABLE part DETACH PARTITION late": ("relation", "late"),
    "CREATE TABLE x PARTITION OF part FOR VALUES FROM ('2026-01-05') TO ('2026-03-01')": ("relation", "x"),
    "CREATE TABLE x PARTITION OF part FOR VALUES FROM ('2026-03-01') TO ('2026-03-01')": ("relation", "x"),
    "CREATE TABLE x PARTITION OF part FOR VALUES IN ('2026-03-01')": None,
    "CREATE TABLE x PARTITION OF t DEFAULT": ("relation", "t"),
    "CREATE TABLE x PARTITION OF rest DEFAULT": ("relation", "x"),
    "CREATE TABLE x PARTITION OF rest FOR VALUES IN (5)": ("relation", "rest_all"),
    "INSERT INTO part1 VALUES (1, '2030-01-01')": ("relation", "part1"),
    "ALTER TABLE part DROP COLUMN d": ("column", "d"),
    "ALTER TABLE part INHERIT base": None,
    "ALTER TABLE ONLY part ADD CHECK (a > 0)": None,
    "ALTER TABLE ONLY part ADD COLUMN x int": None,
    "ALTER TABLE ONLY part ADD FOREIGN KEY (a) REFERENCES k": ("relation", "part"),
    "ALTER TABLE child ALTER a TYPE bigint": ("column", "a"),
    "ALTER TABLE child RENAME a TO b": ("column", "a"),
    "ALTER TABLE child DROP CONSTRAINT small": ("constraint", "small"),
    "ALTER TABLE ONLY base RENAME a TO b": ("column", "a"),
    "ALTER TABLE ONLY base ALTER a TYPE bigint": ("column", "a"),
    "ALTER TABLE k VALIDATE CONSTRAINT k_pkey": ("constraint", "k_pkey"),
    "CREATE TRIGGER x BEFORE INSERT ON m FOR EACH ROW EXECUTE FUNCTION tf()": ("relation", "m"),
    "CREATE STATISTICS x ON a, b FROM s": ("relation", "s"),
    "CREATE TABLE x (a int REFERENCES v)": ("referenced_relation", "v"),
    "BEGIN; LOCK TABLE k_pkey": ("relation", "k_pkey"),
    "INSERT INTO p SELECT 1, 'x', 2": None,
}

# What only older majors refuse (the newest takes it), and how they say it.
REFUSED_BY_THE_OLDEST = (
    "SELECT * FROM (SELECT 1)",
    "SELECT * FROM (VALUES (1))",
    "CREATE PROCEDURE x(OUT a int) LANGUAGE sql AS 'SELECT 1'",
    "CREATE UNLOGGED SEQUENCE x",
    "ALTER TABLE part ADD FOREIGN KEY (a) REFERENCES k NOT VALID",
    "ALTER TABLE rest ADD EXCLUDE USING btree (a WITH =)",
)


def _failure(database: Database, sql: str) -> psycopg.Error:
    connection = psycopg.connect(database.dsn(), autocommit=True)
    try:
        for part in sql.split("; "):
            connection.execute(part.encode())
    except psycopg.Error as error:
        return error
    finally:
        connection.close()
    pytest.fail(f"the server accepted {sql}")


def test_the_message_alone_tells_the_sqlstate_that_the_server_sent(matrix_database: Database) -> None:
    n = matrix_database.name
    matrix_database.execute(SETUP.replace("{n}", n))
    wrong = []
    for template, subject in FAILING.items():
        sql = template.replace("{n}", n)
        error = _failure(matrix_database, sql)
        message = error.diag.message_primary or ""
        known = classify(message)
        same = known is not None and (
            known.sqlstate == error.sqlstate or _known_difference(known.sqlstate, error.sqlstate)
        )
        named = subject is None or (known is not None and getattr(known.subject, subject[0]) == subject[1])
        if not same or not named:
            wrong.append((sql, error.sqlstate, message, known))
    matrix_database.execute(f"DROP OWNED BY nobody_{n}; DROP ROLE nobody_{n}")
    assert wrong == []


def test_what_only_older_majors_refuse_is_understood_without_a_sqlstate() -> None:
    oldest = create_database(min(majors()))
    try:
        oldest.execute(SETUP.replace("{n}", oldest.name))
        wrong = []
        for sql in REFUSED_BY_THE_OLDEST:
            error = _failure(oldest, sql)
            known = classify(error.diag.message_primary or "")
            if known is None or known.sqlstate != error.sqlstate:
                wrong.append((sql, error.sqlstate, error.diag.message_primary, known))
        assert wrong == []
    finally:
        oldest.execute(f"DROP OWNED BY nobody_{oldest.name}; DROP ROLE nobody_{oldest.name}")
        drop_database(oldest)


def _known_difference(ours: str, theirs: str | None) -> bool:
    """Messages whose SQLSTATE changed with the major (15, 14): where it is not printed, nobody can tell them apart."""
    return (ours, theirs) in {("0A000", "58P01"), ("428C9", "42601")}


def test_a_drivers_exception_class_is_the_sqlstate(database: Database) -> None:
    error = _failure(database, "SELECT * FROM nope")
    assert of_class(type(error).__qualname__) == error.sqlstate == "42P01"
    assert of_class("asyncpg.exceptions.UndefinedTableError") == "42P01"
    assert of_class("PG::LockNotAvailable") == "55P03"
    assert of_class("psycopg2.OperationalError") is None


def test_every_class_of_psycopg_is_known_by_its_own_name() -> None:
    errors = [c for c in vars(psycopg.errors).values() if isinstance(c, type) and issubclass(c, psycopg.Error)]
    classes = {c.__name__: c.sqlstate for c in errors if c.sqlstate}
    names = [condition(code) for code in classes.values()]
    # Two conditions of one name, or the name of a base class: the class does not tell.
    unclear = {name for name, code in classes.items() if names.count(condition(code)) > 1} | {
        "InternalError_",
        "DataException",
        "ConnectionException",
        "SqlStatementNotYetComplete",
    }
    wrong = {name: of_class(name) for name, code in classes.items() if of_class(name) != code and name not in unclear}
    assert wrong == {}
    assert len(classes) > 200


def test_every_template_names_a_condition_and_says_what_each_placeholder_is() -> None:
    for template in templates():
        assert condition(template.sqlstate), template
        assert template.text.count("%") - template.text.count("%m") == len(template.roles), template


def test_a_template_recognises_itself_in_every_language() -> None:
    """Filled in with a name, no template is taken for another one that means another SQLSTATE."""
    wrong = []
    english = {t.text: t.text for t in templates()}
    for language, data in [("en", english), *((k, v["messages"]) for k, v in translations().items())]:
        meant: dict[str, set[str]] = {}
        for template in templates():
            if template.text in data:
                meant.setdefault(data[template.text], set()).add(template.sqlstate)
        for text, codes in meant.items():
            filled = _filled(text)
            known = classify(filled) if "%" not in filled else None
            if (
                known is not None
                and known.sqlstate not in codes
                and not (codes == {"53100"} and known.sqlstate == "58030")
            ):
                wrong.append((language, filled, codes, known.sqlstate))
    assert [w for w in wrong if w[3] != "42601"] == []


def _filled(text: str) -> str:
    import re

    text = re.sub(r"%(?:\d+\$)?m", "No space left on device", text)
    text = re.sub(r"%(?:\d+\$)?(?:ll|l|z)?[dud]", "7", text)
    return re.sub(r"%(?:\d+\$)?s", "xyz", text)
