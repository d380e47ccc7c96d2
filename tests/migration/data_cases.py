"""Failures that only rows decide, as data: a table whose rows pass, rows that make the last statement fail, with what.

``setup`` makes tables and rows that pass; ``dirty`` adds the offender. ``sql`` may have statements before the one that
is asked about. Every case runs on real servers: tests/migration/test_data_checks.py.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    name: str
    setup: str
    dirty: str
    sql: str
    state: str
    since: int = 12
    until: int = 18
    certain: bool = True  # False: an offender may make it fail
    icu: bool = False  # the server must be built with ICU


def text_to(kind: str, good: str, bad: str, state: str, using: str = "a::{}", **given: int) -> Case:
    """A column of text changed to another type."""
    return Case(
        f"text to {kind}: {bad}",
        f"CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, '{good}'), (2, NULL)",
        f"INSERT INTO t VALUES (3, '{bad}')",
        f"ALTER TABLE t ALTER a TYPE {kind} USING {using.format(kind)}",
        state,
        **given,  # type: ignore[arg-type]
    )


def typed(old: str, new: str, good: str, bad: str, state: str, using: str = "", **given: int) -> Case:
    """A column of one type changed to another."""
    return Case(
        f"{old} to {new}: {bad}{' ' + using if using else ''}",
        f"CREATE TABLE t (id int PRIMARY KEY, a {old}); INSERT INTO t VALUES (1, {good}), (2, NULL)",
        f"INSERT INTO t VALUES (3, {bad})",
        f"ALTER TABLE t ALTER a TYPE {new}{' USING ' + using if using else ''}",
        state,
        **given,  # type: ignore[arg-type]
    )


USERS = (
    "CREATE TABLE t (id int PRIMARY KEY, email text, age int, gone timestamptz, n jsonb);"
    "INSERT INTO t SELECT i, 'u' || i || '@x.org', i, NULL, '{\"v\": 1}' FROM generate_series(1, 20) AS i;"
)
FAMILY = (
    "CREATE TABLE p (id int PRIMARY KEY, code text UNIQUE, UNIQUE (id, code)); INSERT INTO p VALUES (1, 'a'), (2, 'b');"
    "CREATE TABLE t (id int PRIMARY KEY, pid int, code text); INSERT INTO t VALUES (1, 1, 'a'), (2, NULL, NULL);"
)
PARTED = (
    "CREATE TABLE p (id int, at date, kind text) PARTITION BY RANGE (at);"
    "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
    "CREATE TABLE t (id int, at date, kind text); INSERT INTO t VALUES (1, '2025-06-01', 'a');"
)

UNIQUE = [
    Case("unique index", USERS, "UPDATE t SET email = 'u1@x.org' WHERE id = 7", "CREATE UNIQUE INDEX ON t (email)", "23505"),
    Case("unique index over two columns", USERS + "UPDATE t SET email = 'u1@x.org' WHERE id = 7",
         "UPDATE t SET age = 1 WHERE id = 7", "CREATE UNIQUE INDEX ON t (email, age)", "23505"),
    Case("unique expression", USERS, "UPDATE t SET email = 'U1@X.org' WHERE id = 7", "CREATE UNIQUE INDEX ON t (lower(email))",
         "23505"),
    Case("partial unique index", USERS + "UPDATE t SET email = 'u1@x.org', gone = now() WHERE id = 7",
         "UPDATE t SET gone = NULL WHERE id = 7", "CREATE UNIQUE INDEX ON t (email) WHERE gone IS NULL", "23505"),
    Case("two nulls are not alike", USERS + "UPDATE t SET email = NULL WHERE id IN (3, 4)",
         "UPDATE t SET email = 'u1@x.org' WHERE id = 7", "CREATE UNIQUE INDEX ON t (email)", "23505"),
    Case("nulls not distinct", USERS + "UPDATE t SET email = NULL WHERE id = 3", "UPDATE t SET email = NULL WHERE id = 4",
         "CREATE UNIQUE INDEX ON t (email) NULLS NOT DISTINCT", "23505", since=15),
    Case("unique constraint", USERS, "UPDATE t SET age = 5", "ALTER TABLE t ADD CONSTRAINT u UNIQUE (age)", "23505"),
    Case("deferrable unique constraint", USERS, "UPDATE t SET age = 5",
         "ALTER TABLE t ADD CONSTRAINT u UNIQUE (age) DEFERRABLE INITIALLY DEFERRED", "23505"),
    Case("unique nulls not distinct constraint", USERS + "UPDATE t SET age = NULL WHERE id = 1",
         "UPDATE t SET age = NULL WHERE id = 2", "ALTER TABLE t ADD UNIQUE NULLS NOT DISTINCT (age)", "23505", since=15),
    Case("collation of an index", "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);" + USERS,
         "UPDATE t SET email = 'U1@X.ORG' WHERE id = 7", 'CREATE UNIQUE INDEX ON t (email COLLATE ci)', "23505", icu=True),
    Case("primary key with duplicates", "CREATE TABLE t (a int NOT NULL, b int); INSERT INTO t VALUES (1, 1), (2, 2)",
         "INSERT INTO t VALUES (1, 3)", "ALTER TABLE t ADD PRIMARY KEY (a)", "23505"),
    Case("primary key with nulls", "CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (2, 2)",
         "INSERT INTO t VALUES (NULL, 3)", "ALTER TABLE t ADD PRIMARY KEY (a)", "23502"),
    Case("primary key over an index of nullable columns",
         "CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (2, 2); CREATE UNIQUE INDEX i ON t (a)",
         "INSERT INTO t VALUES (NULL, 3)", "ALTER TABLE t ADD PRIMARY KEY USING INDEX i", "23502"),
    Case("unique key of a partitioned table",
         "CREATE TABLE t (a int, b int) PARTITION BY LIST (b); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
         "CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2); INSERT INTO t VALUES (1, 1), (1, 2)",
         "INSERT INTO t VALUES (1, 2)", "ALTER TABLE t ADD UNIQUE (a, b)", "23505"),
    Case("an heir's rows do not count", "CREATE TABLE t (a int); CREATE TABLE h () INHERITS (t); INSERT INTO t VALUES (1);"
         "INSERT INTO h VALUES (1), (1)", "INSERT INTO t VALUES (1)", "CREATE UNIQUE INDEX ON t (a)", "23505"),
    Case("a new column with a default cannot be unique", "CREATE TABLE t (a int); INSERT INTO t VALUES (1)",
         "INSERT INTO t VALUES (2)", "ALTER TABLE t ADD COLUMN b int DEFAULT 0 UNIQUE", "23505"),
    Case("a new column with a default as part of a key", "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)",
         "INSERT INTO t VALUES (2)", "ALTER TABLE t ADD COLUMN b int DEFAULT 0, ADD UNIQUE (a, b)", "23505"),
    Case("a column renamed earlier", USERS, "UPDATE t SET email = 'u1@x.org' WHERE id = 7",
         "ALTER TABLE t RENAME email TO mail; ALTER TABLE t RENAME TO people; CREATE UNIQUE INDEX ON people (mail)", "23505"),
    Case("quoted names", 'CREATE TABLE "T x" ("Key" int, "sel""ect" int); INSERT INTO "T x" VALUES (1, 1), (2, 2)',
         'INSERT INTO "T x" VALUES (1, 3)', 'CREATE UNIQUE INDEX ON "T x" ("Key")', "23505"),
    Case("a key too large for btree", "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'x')",
         "INSERT INTO t SELECT 2, string_agg(md5(i::text), '') FROM generate_series(1, 300) AS i", "CREATE INDEX ON t (a)",
         "54000", certain=False),
    Case("an index expression that not every row allows", "CREATE TABLE t (id int PRIMARY KEY, n jsonb); "
         "INSERT INTO t VALUES (1, '{\"v\": \"7\"}')", "INSERT INTO t VALUES (2, '{\"v\": \"x\"}')",
         "CREATE INDEX ON t (((n ->> 'v')::int))", "22P02"),
    Case("duplicates that a conversion makes", "CREATE TABLE t (a text PRIMARY KEY); INSERT INTO t VALUES ('1'), ('2')",
         "INSERT INTO t VALUES ('01')", "ALTER TABLE t ALTER a TYPE int USING a::int", "23505"),
]  # fmt: skip

NULLS = [
    Case("set not null", USERS, "UPDATE t SET email = NULL WHERE id = 7", "ALTER TABLE t ALTER email SET NOT NULL", "23502"),
    Case("set not null on several columns", USERS, "UPDATE t SET age = NULL WHERE id = 7",
         "ALTER TABLE t ALTER email SET NOT NULL, ALTER age SET NOT NULL", "23502"),
    Case("set not null reaches heirs", "CREATE TABLE t (a int); CREATE TABLE h () INHERITS (t); INSERT INTO t VALUES (1)",
         "INSERT INTO h VALUES (NULL)", "ALTER TABLE t ALTER a SET NOT NULL", "23502"),
    Case("set not null on partitions",
         "CREATE TABLE t (a int, b int) PARTITION BY LIST (b); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
         "INSERT INTO t VALUES (1, 1)", "INSERT INTO t VALUES (NULL, 1)", "ALTER TABLE t ALTER a SET NOT NULL", "23502"),
    Case("a new NOT NULL column without a default", "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)",
         "ALTER TABLE t ADD COLUMN b int NOT NULL", "23502"),
    Case("an added NOT NULL constraint", USERS, "UPDATE t SET email = NULL WHERE id = 7",
         "ALTER TABLE t ADD CONSTRAINT nn NOT NULL email", "23502", since=18),
    Case("a validated NOT NULL", USERS + "ALTER TABLE t ADD CONSTRAINT nn NOT NULL email NOT VALID",
         "ALTER TABLE t DROP CONSTRAINT nn; UPDATE t SET email = NULL WHERE id = 7;"
         "ALTER TABLE t ADD CONSTRAINT nn NOT NULL email NOT VALID",
         "ALTER TABLE t VALIDATE CONSTRAINT nn", "23502", since=18),
    Case("a null that USING makes", "CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL); INSERT INTO t VALUES (1, '1')",
         "INSERT INTO t VALUES (2, '')", "ALTER TABLE t ALTER a TYPE int USING NULLIF(a, '')::int", "23502"),
    Case("a domain that is NOT NULL", "CREATE DOMAIN d AS int NOT NULL; CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)",
         "ALTER TABLE t ADD COLUMN b d", "23502"),
    Case("a domain made NOT NULL", "CREATE DOMAIN d AS int; CREATE TABLE t (a d); INSERT INTO t VALUES (1)",
         "INSERT INTO t VALUES (NULL)", "ALTER DOMAIN d SET NOT NULL", "23502"),
]  # fmt: skip

CHECKS = [
    Case("check", USERS, "UPDATE t SET age = -1 WHERE id = 7", "ALTER TABLE t ADD CONSTRAINT c CHECK (age > 0)", "23514"),
    Case("null passes a check", USERS + "UPDATE t SET age = NULL WHERE id = 3", "UPDATE t SET age = -1 WHERE id = 7",
         "ALTER TABLE t ADD CONSTRAINT c CHECK (t.age > 0 AND email LIKE '%@%')", "23514"),
    Case("a check of the whole row", "CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1)",
         "INSERT INTO t VALUES (2, NULL)", "ALTER TABLE t ADD CHECK (t IS NOT NULL)", "23514"),
    Case("validate check", USERS + "ALTER TABLE t ADD CONSTRAINT c CHECK (age > 0) NOT VALID",
         "ALTER TABLE t DROP CONSTRAINT c; UPDATE t SET age = -1 WHERE id = 7;"
         "ALTER TABLE t ADD CONSTRAINT c CHECK (age > 0) NOT VALID", "ALTER TABLE t VALIDATE CONSTRAINT c", "23514"),
    Case("check added and validated by the migration", USERS, "UPDATE t SET age = -1 WHERE id = 7",
         "ALTER TABLE t ADD CONSTRAINT c CHECK (age > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c", "23514"),
    Case("check no inherit", "CREATE TABLE t (a int); CREATE TABLE h () INHERITS (t); INSERT INTO h VALUES (-1)",
         "INSERT INTO t VALUES (-1)", "ALTER TABLE t ADD CHECK (a > 0) NO INHERIT", "23514"),
    Case("check reaches heirs", "CREATE TABLE t (a int); CREATE TABLE h () INHERITS (t); INSERT INTO h VALUES (1)",
         "INSERT INTO h VALUES (-1)", "ALTER TABLE t ADD CHECK (a > 0)", "23514"),
    Case("check of a new column", "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)",
         "ALTER TABLE t ADD COLUMN b int DEFAULT 3 CHECK (b > 5)", "23514"),
    Case("check over a new and an old column", "CREATE TABLE t (a int); INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (9)",
         "ALTER TABLE t ADD COLUMN b int DEFAULT 3, ADD CHECK (a < b)", "23514"),
    Case("check over a generated column", "CREATE TABLE t (a int); INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (9)",
         "ALTER TABLE t ADD COLUMN b int GENERATED ALWAYS AS (a * 2) STORED; ALTER TABLE t ADD CHECK (b < 10)", "23514"),
    Case("check over a renamed column", USERS, "UPDATE t SET age = -1 WHERE id = 7",
         "ALTER TABLE t RENAME age TO years; ALTER TABLE t ADD CHECK (years > 0)", "23514"),
    Case("domain check", "CREATE DOMAIN d AS int; CREATE TABLE t (id int PRIMARY KEY, a d); INSERT INTO t VALUES (1, 1)",
         "INSERT INTO t VALUES (2, -1)", "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0)", "23514"),
    Case("domain validated", "CREATE DOMAIN d AS int; CREATE TABLE t (a d); INSERT INTO t VALUES (1);"
         "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID",
         "ALTER DOMAIN d DROP CONSTRAINT c; INSERT INTO t VALUES (-1);"
         "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID", "ALTER DOMAIN d VALIDATE CONSTRAINT c", "23514"),
    Case("column changed to a domain", "CREATE DOMAIN d AS int CHECK (VALUE > 0); CREATE TABLE t (a int); INSERT INTO t VALUES (1)",
         "INSERT INTO t VALUES (-1)", "ALTER TABLE t ALTER a TYPE d", "23514"),
    Case("new column of a domain with a default that it refuses",
         "CREATE DOMAIN d AS int CHECK (VALUE > 0); CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)",
         "ALTER TABLE t ADD COLUMN b d DEFAULT -1", "23514", since=13),
    Case("attach: rows outside a range", PARTED, "INSERT INTO t VALUES (2, '2024-06-01', 'a')",
         "ALTER TABLE p ATTACH PARTITION t FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')", "23514"),
    Case("attach: a null outside a range", PARTED, "INSERT INTO t VALUES (2, NULL, 'a')",
         "ALTER TABLE p ATTACH PARTITION t FOR VALUES FROM ('2025-01-01') TO (MAXVALUE)", "23514"),
    Case("attach: rows outside a list", "CREATE TABLE p (a text) PARTITION BY LIST (a); CREATE TABLE t (a text);"
         "INSERT INTO t VALUES ('x'), (NULL)", "INSERT INTO t VALUES ('z')",
         "ALTER TABLE p ATTACH PARTITION t FOR VALUES IN ('x', NULL, 'y')", "23514"),
    Case("attach: rows outside a range of two columns",
         "CREATE TABLE p (a int, b int) PARTITION BY RANGE (a, b); CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 5), (2, 1)",
         "INSERT INTO t VALUES (1, 4)", "ALTER TABLE p ATTACH PARTITION t FOR VALUES FROM (1, 5) TO (3, MINVALUE)", "23514"),
    Case("attach: rows of another hash", "CREATE TABLE p (a int) PARTITION BY HASH (a); CREATE TABLE t (a int);"
         "CREATE TABLE q PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
         "INSERT INTO t SELECT i FROM generate_series(1, 50) AS i WHERE satisfies_hash_partition('p'::regclass, 2, 1, i)",
         "INSERT INTO t SELECT i FROM generate_series(1, 50) AS i WHERE satisfies_hash_partition('p'::regclass, 2, 0, i)",
         "ALTER TABLE p ATTACH PARTITION t FOR VALUES WITH (MODULUS 2, REMAINDER 1)", "23514"),
    Case("attach as default: rows of a sibling", PARTED, "INSERT INTO t VALUES (2, '2024-06-01', 'a')",
         "ALTER TABLE p ATTACH PARTITION t DEFAULT", "23514"),
    Case("attach: the default partition has such rows",
         PARTED + "CREATE TABLE d PARTITION OF p DEFAULT; INSERT INTO p VALUES (9, '2030-01-01', 'z')",
         "INSERT INTO p VALUES (7, '2025-03-03', 'z')",
         "ALTER TABLE p ATTACH PARTITION t FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')", "23514"),
    Case("attach: duplicates under the parent's key",
         "CREATE TABLE p (a int, b int, UNIQUE (a, b)) PARTITION BY LIST (b); CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1)",
         "INSERT INTO t VALUES (1, 1)", "ALTER TABLE p ATTACH PARTITION t FOR VALUES IN (1)", "23505"),
    Case("attach: no parent under the parent's foreign key",
         "CREATE TABLE r (id int PRIMARY KEY); INSERT INTO r VALUES (1);"
         "CREATE TABLE p (a int REFERENCES r, b int) PARTITION BY LIST (b); CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1)",
         "INSERT INTO t VALUES (7, 1)", "ALTER TABLE p ATTACH PARTITION t FOR VALUES IN (1)", "23503"),
    Case("new partition: the default partition has such rows",
         PARTED + "CREATE TABLE d PARTITION OF p DEFAULT; INSERT INTO p VALUES (9, '2030-01-01', 'z')",
         "INSERT INTO p VALUES (7, '2025-03-03', 'z')",
         "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')", "23514"),
]  # fmt: skip

PARENTS = [
    Case("foreign key", FAMILY, "INSERT INTO t VALUES (3, 9, NULL)", "ALTER TABLE t ADD FOREIGN KEY (pid) REFERENCES p", "23503"),
    Case("foreign key to a unique column", FAMILY, "INSERT INTO t VALUES (3, 1, 'z')",
         "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (code) REFERENCES p (code)", "23503"),
    Case("foreign key of two columns, match simple", FAMILY + "INSERT INTO t VALUES (4, 9, NULL)",
         "INSERT INTO t VALUES (3, 1, 'b')", "ALTER TABLE t ADD FOREIGN KEY (pid, code) REFERENCES p (id, code)", "23503"),
    Case("foreign key of two columns, match full", FAMILY, "INSERT INTO t VALUES (3, 1, NULL)",
         "ALTER TABLE t ADD FOREIGN KEY (pid, code) REFERENCES p (id, code) MATCH FULL", "23503"),
    Case("validate foreign key", FAMILY + "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (pid) REFERENCES p NOT VALID",
         "ALTER TABLE t DROP CONSTRAINT k; INSERT INTO t VALUES (3, 9, NULL);"
         "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (pid) REFERENCES p NOT VALID", "ALTER TABLE t VALIDATE CONSTRAINT k", "23503"),
    Case("validate foreign key, match full", FAMILY
         + "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (pid, code) REFERENCES p (id, code) MATCH FULL NOT VALID",
         "ALTER TABLE t DROP CONSTRAINT k; INSERT INTO t VALUES (3, 1, NULL);"
         "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (pid, code) REFERENCES p (id, code) MATCH FULL NOT VALID",
         "ALTER TABLE t VALIDATE CONSTRAINT k", "23503"),
    Case("foreign key to itself", "CREATE TABLE t (id int PRIMARY KEY, up int); INSERT INTO t VALUES (1, NULL), (2, 1)",
         "INSERT INTO t VALUES (3, 9)", "ALTER TABLE t ADD FOREIGN KEY (up) REFERENCES t", "23503"),
    Case("foreign key of a new column", FAMILY + "TRUNCATE t", "INSERT INTO t VALUES (1)",
         "ALTER TABLE t ADD COLUMN x int DEFAULT 9 REFERENCES p", "23503"),
    Case("foreign key to a table that the migration makes", "CREATE TABLE t (id int PRIMARY KEY, pid int); INSERT INTO t VALUES (1, NULL)",
         "INSERT INTO t VALUES (2, 5)",
         "CREATE TABLE np (id int PRIMARY KEY); ALTER TABLE t ADD FOREIGN KEY (pid) REFERENCES np", "23503"),
    Case("foreign key of a partitioned table",
         "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1); CREATE TABLE t (pid int, b int) PARTITION BY LIST (b);"
         "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); INSERT INTO t VALUES (1, 1)",
         "INSERT INTO t VALUES (9, 1)", "ALTER TABLE t ADD FOREIGN KEY (pid) REFERENCES p", "23503"),
    Case("foreign key with a period", "CREATE EXTENSION btree_gist; CREATE TABLE p (id int, r daterange, PRIMARY KEY (id, r WITHOUT OVERLAPS));"
         "INSERT INTO p VALUES (1, '[2024-01-01,2025-01-01)'), (1, '[2025-01-01,2026-01-01)');"
         "CREATE TABLE t (id int, pid int, r daterange); INSERT INTO t VALUES (1, 1, '[2024-06-01,2025-06-01)')",
         "INSERT INTO t VALUES (2, 1, '[2025-06-01,2026-06-01)')",
         "ALTER TABLE t ADD FOREIGN KEY (pid, PERIOD r) REFERENCES p (id, PERIOD r)", "23503", since=18),
    Case("foreign key enforced", FAMILY + "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (pid) REFERENCES p NOT ENFORCED",
         "INSERT INTO t VALUES (3, 9, NULL)", "ALTER TABLE t ALTER CONSTRAINT k ENFORCED", "23503", since=18),
    Case("delete of a parent", FAMILY + "ALTER TABLE t ADD FOREIGN KEY (pid) REFERENCES p", "INSERT INTO t VALUES (3, 2, NULL)",
         "DELETE FROM p WHERE id = 2", "23503"),
    Case("insert of a child without parent", FAMILY + "ALTER TABLE t ADD FOREIGN KEY (pid) REFERENCES p", "DELETE FROM p WHERE id = 2",
         "INSERT INTO t (id, pid) VALUES (7, 2), (8, 1)", "23503"),
    Case("insert of a key that is taken", FAMILY, "INSERT INTO t VALUES (7, 1, NULL)", "INSERT INTO t (id, pid) VALUES (7, 2), (8, 1)",
         "23505"),
]  # fmt: skip

EXCLUSIONS = [
    Case("exclusion", "CREATE TABLE t (id int PRIMARY KEY, r int4range); INSERT INTO t VALUES (1, '[1,5)'), (2, '[5,9)')",
         "INSERT INTO t VALUES (3, '[4,6)')", "ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING gist (r WITH &&)", "23P01"),
    Case("exclusion with a condition",
         "CREATE TABLE t (id int PRIMARY KEY, r int4range, ok bool); INSERT INTO t VALUES (1, '[1,5)', true), (2, '[4,9)', false)",
         "INSERT INTO t VALUES (3, '[4,6)', true)", "ALTER TABLE t ADD EXCLUDE USING gist (r WITH &&) WHERE (ok)", "23P01"),
    Case("exclusion over an expression", "CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 5), (5, 9)",
         "INSERT INTO t VALUES (4, 6)", "ALTER TABLE t ADD EXCLUDE USING gist (int4range(a, b) WITH &&)", "23P01"),
    Case("exclusion by equality", "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)", "INSERT INTO t VALUES (2)",
         "ALTER TABLE t ADD EXCLUDE USING btree (a WITH =)", "23P01"),
    Case("without overlaps", "CREATE EXTENSION btree_gist; CREATE TABLE t (id int, r daterange); INSERT INTO t VALUES "
         "(1, '[2024-01-01,2025-01-01)'), (2, '[2024-01-01,2025-01-01)')", "INSERT INTO t VALUES (1, '[2024-06-01,2025-06-01)')",
         "ALTER TABLE t ADD UNIQUE (id, r WITHOUT OVERLAPS)", "23P01", since=18),
    Case("an empty period", "CREATE EXTENSION btree_gist; CREATE TABLE t (id int, r daterange); INSERT INTO t VALUES "
         "(1, '[2024-01-01,2025-01-01)')", "INSERT INTO t VALUES (2, 'empty')",
         "ALTER TABLE t ADD UNIQUE (id, r WITHOUT OVERLAPS)", "23514", since=18),
]  # fmt: skip

TYPES = [
    text_to("int", " 12 ", "x1", "22P02"),
    text_to("int", "12", "99999999999", "22003"),
    text_to("int", "12", "", "22P02"),
    text_to("smallint", "12", "40000", "22003"),
    text_to("bigint", "12", "9223372036854775808", "22003"),
    text_to("int", "", "x", "22P02", using="NULLIF(a, '')::{}"),
    text_to("int", " 3 ", "x", "22P02", using="trim(a)::{}"),
    text_to("int", "3", "x", "22P02", using="coalesce(a, '0')::{}"),
    text_to("int", "3", "x", "22P02", using="(a || '0')::{}"),
    text_to("numeric", "1.5e3", "1,5", "22P02"),
    text_to("numeric(4,2)", "99.99", "100", "22003"),
    text_to("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b", "22P02"),
    text_to("uuid", "{A0EEBC99-9c0b4ef8-bb6d6bb9bd380a11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g", "22P02"),
    text_to("boolean", " YES ", "maybe", "22P02"),
    text_to("boolean", "of", "o", "22P02"),
    text_to("date", "2024-02-29", "yesterday-ish", "22007"),
    text_to("date", "2024-02-29", "2023-02-29", "22008"),
    text_to("timestamptz", "2024-02-29 10:00+02", "2024-02-29 25:00", "22008"),
    text_to("jsonb", '{"a": 1}', "{a: 1}", "22P02"),
    text_to("inet", "10.0.0.1", "10.0.0.256", "22P02"),
    Case("text to enum", "CREATE TYPE mood AS ENUM ('new', 'old'); CREATE TABLE t (id int PRIMARY KEY, a text);"
         "INSERT INTO t VALUES (1, 'new'), (2, NULL)", "INSERT INTO t VALUES (3, 'odd')",
         "ALTER TABLE t ALTER a TYPE mood USING a::mood", "22P02"),
    Case("text to a domain", "CREATE DOMAIN d AS int CHECK (VALUE > 0); CREATE TABLE t (id int PRIMARY KEY, a text);"
         "INSERT INTO t VALUES (1, '3')", "INSERT INTO t VALUES (3, '-3')", "ALTER TABLE t ALTER a TYPE d USING a::d", "23514"),
    typed("text", "varchar(3)", "'abc   '", "'abcd'", "22001"),
    typed("varchar(10)", "varchar(3)", "'abc'", "'abcd'", "22001"),
    typed("text", "char(3)", "'ab'", "'abcd'", "22001"),
    typed("char(9)", "varchar(3)", "'ab'", "'abcd'", "22001"),
    typed("int", "varchar(3)", "123", "1234", "22001"),
    typed("bigint", "int", "5", "3000000000", "22003"),
    typed("int", "smallint", "5", "40000", "22003"),
    typed("bigint", "int", "5", "3000000000", "22003", using="a::int"),
    typed("numeric", "int", "2147483647.4", "2147483647.5", "22003"),
    typed("numeric", "int", "1.5", "'NaN'", "0A000"),
    typed("double precision", "int", "1.5", "1e10", "22003"),
    typed("double precision", "int", "1.5", "'NaN'", "22003"),
    typed("double precision", "int", "-2147483648.5", "2147483647.5", "22003"),
    typed("double precision", "bigint", "9e18", "9223372036854775807", "22003"),
    typed("real", "smallint", "32767.4", "32767.5", "22003"),
    typed("numeric", "smallint", "-32768.4", "-32768.5", "22003"),
    typed("numeric", "numeric(4,2)", "99.994", "99.995", "22003"),
    typed("numeric(6,2)", "numeric(5,2)", "999.99", "1000", "22003"),
    typed("numeric(6,3)", "numeric(5,2)", "999.994", "999.995", "22003"),
    typed("numeric", "numeric(2,4)", "0.0099", "0.01", "22003", since=15),
    typed("int", "numeric(3,1)", "99", "100", "22003"),
    typed("double precision", "real", "1.5", "1e300", "22003"),
    typed("varbit", "varbit(3)", "B'101'", "B'1011'", "22001"),
    typed("varbit", "bit(3)", "B'101'", "B'10'", "22026"),
    typed("text[]", "varchar(2)[]", "'{ab}'", "'{abc}'", "22001"),
    typed("text[]", "int[]", "'{1}'", "'{x}'", "22P02", using="a::int[]"),
    typed("json", "jsonb", "'{}'", "'{\"a\": \"\\u0000\"}'", "22P05"),
    typed("int", "int", "5", "0", "22012", using="10 / a"),
    Case("conversion of a renamed column", "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, '1')",
         "INSERT INTO t VALUES (2, 'x')", "ALTER TABLE t RENAME a TO b; ALTER TABLE t ALTER b TYPE int USING b::int", "22P02"),
    Case("more rows than a smallserial can count", "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 32767)",
         "INSERT INTO t VALUES (0)", "ALTER TABLE t ADD COLUMN n smallserial", "2200H"),
    Case("a generated column that not every row allows", "CREATE TABLE t (a text); INSERT INTO t VALUES ('1')",
         "INSERT INTO t VALUES ('x')", "ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS (a::int) STORED", "22P02"),
]  # fmt: skip

CASES = [*UNIQUE, *NULLS, *CHECKS, *PARENTS, *EXCLUSIONS, *TYPES]
