"""What depends, what it refers to and what stands in the way: each cause told from its neighbours on two real servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import Database, create_database, drop_database, majors
from tests.triage.incident import causes, explain, fact, psql, triage, write
from tests.triage.test_causes_data_and_dependants import likely, run_the_checks

SHOP = """
CREATE TABLE depot (id int PRIMARY KEY, code text, weight numeric, opened text, note text);
INSERT INTO depot SELECT g, 'd' || g % 10, g, '2024-01-0' || g % 9 + 1, 'n' FROM generate_series(1, 900) g;
CREATE VIEW stock AS SELECT id, note FROM depot;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE SEQUENCE ticket;
CREATE SCHEMA old;
CREATE FUNCTION net(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
ANALYZE;
"""


@dataclass(frozen=True)
class Fault:
    """``fault`` is what only production has; without it the migration passes there. ``planned``: seen before it runs.

    ``alone``: the error text by itself, without any server, already leads to the cause.
    """

    cause: str
    name: str
    migration: str
    fault: str
    setup: str = ""
    local: str = ""
    major: int = 18
    planned: bool = False
    alone: bool = False


CODE_TYPE = "ALTER TABLE depot ALTER COLUMN code TYPE varchar(40);"
CODE_DROP = "ALTER TABLE depot DROP COLUMN code;"
POLICY = "CREATE POLICY tenant ON depot USING (code = 'x')"
TRIGGER_OF = "CREATE TRIGGER audit BEFORE UPDATE OF code ON depot FOR EACH ROW EXECUTE FUNCTION touch()"
TRIGGER_WHEN = "CREATE TRIGGER audit BEFORE UPDATE ON depot FOR EACH ROW WHEN (NEW.code = 'x') EXECUTE FUNCTION touch()"
GENERATED = "ALTER TABLE depot ADD COLUMN label text GENERATED ALWAYS AS (code || 'x') STORED"

ON_COLUMNS = [
    Fault("dependent-policy-or-trigger", "policy-type", CODE_TYPE, POLICY, planned=True, alone=True),
    Fault("dependent-policy-or-trigger", "policy-drop", CODE_DROP, POLICY, major=12, planned=True, alone=True),
    Fault("dependent-policy-or-trigger", "trigger-of", CODE_TYPE, TRIGGER_OF, major=13, planned=True, alone=True),
    Fault("dependent-policy-or-trigger", "trigger-when", CODE_DROP, TRIGGER_WHEN, major=16, planned=True, alone=True),
    Fault("dependent-policy-or-trigger", "generated-14", CODE_TYPE, GENERATED, major=14, planned=True, alone=True),
    Fault("dependent-policy-or-trigger", "generated-15", CODE_TYPE, GENERATED, major=15, planned=True, alone=True),
    Fault(
        "dependent-policy-or-trigger",
        "publication-column",
        CODE_DROP,
        "CREATE PUBLICATION feed FOR TABLE depot (id, code)",
        major=17,
        planned=True,
        alone=True,
    ),
    Fault(
        "dependent-policy-or-trigger",
        "publication-filter",
        CODE_TYPE,
        "CREATE PUBLICATION feed FOR TABLE depot WHERE (code = 'x')",
        major=16,
        planned=True,
        alone=True,
    ),
    Fault(
        "dependent-policy-or-trigger",
        "policy-of-another-table",
        "DROP VIEW stock; DROP TABLE depot;",
        "CREATE TABLE bin (id int); CREATE POLICY tenant ON bin USING (EXISTS (SELECT FROM depot))",
        major=15,
        alone=True,
    ),
]

REPLACE_FUNCTION = "CREATE OR REPLACE FUNCTION net(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + 1';"
REPLACE_VIEW = "CREATE OR REPLACE VIEW stock AS SELECT id, note, weight FROM depot;"
READS_CODE = "CREATE FUNCTION coded() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(code) FROM depot; END"


def of_function(name: str, migration: str, fault: str, major: int = 18, *, planned: bool = True) -> Fault:
    return Fault("dependent-function-or-type", name, migration, fault, major=major, planned=planned, alone=True)


ON_FUNCTIONS = [
    of_function("type-of-column", "DROP TYPE mood;", "ALTER TABLE depot ADD COLUMN mood mood"),
    of_function(
        "type-of-argument",
        "DROP TYPE mood;",
        "CREATE FUNCTION g(m mood) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        12,
        planned=False,
    ),
    of_function("function-in-check", "DROP FUNCTION net(int);", "ALTER TABLE depot ADD CHECK (net(id) > 0)", 13),
    of_function("function-in-view", "DROP FUNCTION net;", "CREATE VIEW bi AS SELECT net(id) FROM depot", 14),
    of_function(
        "function-of-trigger",
        "DROP FUNCTION touch();",
        "CREATE TRIGGER t BEFORE UPDATE ON depot FOR EACH ROW EXECUTE FUNCTION touch()",
        15,
    ),
    of_function("function-in-index", "DROP FUNCTION net(int);", "CREATE INDEX ON depot (net(id))", 17),
    of_function(
        "sequence-of-default", "DROP SEQUENCE ticket;", "ALTER TABLE depot ALTER id SET DEFAULT nextval('ticket')", 16
    ),
    of_function("schema-not-empty", "DROP SCHEMA old;", "CREATE TABLE old.kept (id int)"),
    of_function("body-reads-column-16", CODE_TYPE, READS_CODE, 16),
    of_function("body-reads-column-18", CODE_TYPE, READS_CODE),
    of_function(
        "body-behind-a-dropped-view",
        "DROP VIEW stock; ALTER TABLE depot DROP COLUMN note;",
        READS_CODE.replace("(code)", "(note)"),
        17,
    ),
    of_function(
        "result-type",
        REPLACE_FUNCTION,
        "DROP FUNCTION net(int); CREATE FUNCTION net(a int) RETURNS bigint LANGUAGE sql AS 'SELECT a::bigint'",
    ),
    of_function(
        "name-of-argument",
        REPLACE_FUNCTION,
        "DROP FUNCTION net(int); CREATE FUNCTION net(b int) RETURNS int LANGUAGE sql AS 'SELECT b'",
        13,
        planned=False,
    ),
    of_function(
        "default-of-argument",
        REPLACE_FUNCTION,
        "CREATE OR REPLACE FUNCTION net(a int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT a'",
        14,
        planned=False,
    ),
    of_function(
        "procedure",
        REPLACE_FUNCTION,
        "DROP FUNCTION net(int); CREATE PROCEDURE net(a int) LANGUAGE sql AS 'SELECT a'",
        15,
        planned=False,
    ),
    of_function(
        "view-column-name",
        REPLACE_VIEW,
        "DROP VIEW stock; CREATE VIEW stock AS SELECT id AS depot_id, note FROM depot",
        16,
    ),
    of_function(
        "view-column-gone",
        REPLACE_VIEW,
        "CREATE OR REPLACE VIEW stock AS SELECT id, note, weight, opened FROM depot",
        17,
    ),
    of_function(
        "view-column-type",
        REPLACE_VIEW,
        "DROP VIEW stock; CREATE VIEW stock AS SELECT id, note::varchar AS note FROM depot",
        12,
        planned=False,
    ),
]

ON_KEYS = [
    Fault(
        "index-backs-constraint",
        name,
        migration,
        fault,
        setup="""
            CREATE TABLE plain (id int NOT NULL, a int);
            CREATE INDEX plain_a ON plain (a);
            CREATE TABLE parent (id int PRIMARY KEY, n int);
            CREATE UNIQUE INDEX parent_n ON parent (n);
            CREATE TABLE child (id int, parent int);
        """,
        major=major,
        planned=planned,
        alone=True,
    )
    for name, migration, fault, major, planned in (
        (
            "unique",
            "DROP INDEX plain_a;",
            "DROP INDEX plain_a; ALTER TABLE plain ADD CONSTRAINT plain_a UNIQUE (a)",
            18,
            True,
        ),
        (
            "unique-concurrently",
            "DROP INDEX CONCURRENTLY parent_n;",
            "ALTER TABLE parent ADD CONSTRAINT parent_n UNIQUE USING INDEX parent_n",
            12,
            True,
        ),
        (
            "foreign-key-on-index",
            "DROP INDEX parent_n;",
            "ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (parent) REFERENCES parent (n)",
            13,
            False,
        ),
        (
            "foreign-key-on-key",
            "ALTER TABLE parent DROP CONSTRAINT parent_pkey;",
            "ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (parent) REFERENCES parent",
            14,
            True,
        ),
        (
            "foreign-key-on-table",
            "DROP TABLE parent;",
            "ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (parent) REFERENCES parent",
            15,
            True,
        ),
        (
            "foreign-key-on-column",
            "ALTER TABLE parent DROP COLUMN n;",
            "ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (parent) REFERENCES parent (n)",
            16,
            True,
        ),
        ("truncate", "TRUNCATE parent;", "CREATE TABLE more (parent int REFERENCES parent)", 18, True),
        (
            "second-primary-key",
            "ALTER TABLE plain ADD CONSTRAINT plain_pk PRIMARY KEY (id);",
            "ALTER TABLE plain ADD CONSTRAINT by_hand PRIMARY KEY (id)",
            17,
            True,
        ),
        (
            "not-null-of-key",
            "ALTER TABLE plain ALTER COLUMN id DROP NOT NULL;",
            "ALTER TABLE plain ADD CONSTRAINT by_hand PRIMARY KEY (id)",
            12,
            True,
        ),
        (
            "view-grouped-by-key",
            "ALTER TABLE parent DROP CONSTRAINT parent_pkey;",
            "CREATE VIEW bi AS SELECT id, n FROM parent GROUP BY id",
            17,
            False,
        ),
    )
]

FAMILY = """
    CREATE TABLE parent (id int PRIMARY KEY, code text, n int);
    INSERT INTO parent SELECT g, 'c' || g, g FROM generate_series(1, 10) g;
    CREATE UNIQUE INDEX parent_code ON parent (code);
    CREATE TABLE child (id int, parent_id int, code text, amount numeric(10, 2), flag boolean, at timestamptz);
    INSERT INTO child SELECT g, g, 'c' || g, g, true, now() FROM generate_series(1, 5) g;
"""
TO_CODE = "ALTER TABLE child ADD FOREIGN KEY (code) REFERENCES parent (code);"
TO_KEY = "ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (parent_id) REFERENCES parent;"
NO_KEY = "ALTER TABLE parent DROP CONSTRAINT parent_pkey"
DISTINCT = "SELECT DISTINCT code FROM child"

ENDS = [
    Fault(cause, name, migration, fault, setup=FAMILY, major=major, planned=planned)
    for cause, cases in {
        "foreign-key-target-mismatch": (
            ("no-unique-index", TO_CODE, "DROP INDEX parent_code", 12, True),
            ("no-key-column-named", TO_KEY.replace("parent;", "parent (id);"), NO_KEY, 13, True),
            ("no-primary-key", TO_KEY, NO_KEY, 14, True),
            (
                "partial-index",
                TO_CODE,
                "DROP INDEX parent_code; CREATE UNIQUE INDEX parent_code ON parent (code) WHERE n > 0",
                15,
                True,
            ),
            ("parent-uuid", TO_KEY, "ALTER TABLE parent ALTER id TYPE uuid USING md5(id::text)::uuid", 16, True),
            (
                "new-table",
                "CREATE TABLE other (p int REFERENCES parent);",
                "ALTER TABLE parent ALTER id TYPE text",
                17,
                True,
            ),
            ("child-text", TO_KEY, "ALTER TABLE child ALTER parent_id TYPE text", 18, True),
            ("wider-key", TO_KEY, NO_KEY + "; ALTER TABLE parent ADD PRIMARY KEY (id, n)", 18, True),
            (
                "deferrable-key",
                TO_KEY.replace("parent;", "parent (id);"),
                NO_KEY + "; ALTER TABLE parent ADD UNIQUE (id) DEFERRABLE",
                18,
                False,
            ),
        ),
        "column-type-differs": (
            (
                "check",
                "ALTER TABLE child ADD CHECK (amount > 0);",
                "ALTER TABLE child ALTER amount TYPE text",
                16,
                False,
            ),
            ("update", "UPDATE child SET amount = amount * 2;", "ALTER TABLE child ALTER amount TYPE text", 17, False),
            (
                "written",
                "UPDATE child SET flag = true;",
                "ALTER TABLE child ALTER flag TYPE int USING flag::int",
                18,
                False,
            ),
            (
                "default",
                "ALTER TABLE child ALTER flag SET DEFAULT true;",
                "ALTER TABLE child ALTER flag TYPE int USING flag::int",
                14,
                True,
            ),
            (
                "index",
                "CREATE INDEX ON child (code);",
                "ALTER TABLE child ALTER code TYPE json USING to_json(code)",
                12,
                True,
            ),
            (
                "distinct",
                "CREATE TABLE codes AS " + DISTINCT + ";",
                "ALTER TABLE child ALTER code TYPE json USING to_json(code)",
                13,
                False,
            ),
            (
                "function",
                "CREATE INDEX ON child (date_trunc('day', at AT TIME ZONE 'UTC'));",
                "ALTER TABLE child ALTER at TYPE text",
                14,
                False,
            ),
            (
                "join",
                "CREATE VIEW joined AS SELECT c.id FROM child c JOIN parent p ON p.id = c.parent_id;",
                "ALTER TABLE child ALTER parent_id TYPE text",
                15,
                False,
            ),
            (
                "union",
                "CREATE TABLE ids AS SELECT parent_id FROM child UNION SELECT id FROM parent;",
                "ALTER TABLE child ALTER parent_id TYPE text",
                15,
                False,
            ),
        ),
    }.items()
    for name, migration, fault, major, planned in cases
]

EVENTS = """
    CREATE TABLE event (id int NOT NULL, at date NOT NULL, v int);
    INSERT INTO event SELECT g, date '2024-01-01' + g % 60, g FROM generate_series(1, 100) g;
    CREATE TABLE parent (id int PRIMARY KEY);
    INSERT INTO parent SELECT generate_series(1, 100);
    CREATE INDEX event_v ON event (v);
"""
PARTITIONED = """
    DROP TABLE event;
    CREATE TABLE event (id int NOT NULL, at date NOT NULL, v int) PARTITION BY RANGE (at);
    CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
    CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM ('2024-02-01') TO ('2024-04-01');
    INSERT INTO event SELECT g, date '2024-01-01' + g % 60, g FROM generate_series(1, 100) g;
    CREATE INDEX event_v ON event (v);
"""
PARTITIONS = [
    Fault(
        "table-is-partitioned-on-production", name, migration, PARTITIONED, setup=EVENTS, major=major, planned=planned
    )
    for name, migration, major, planned in (
        ("index-concurrently", "CREATE INDEX CONCURRENTLY event_at ON event (at);", 18, True),
        ("unique-index", "CREATE UNIQUE INDEX event_id ON event (id);", 12, True),
        ("primary-key", "ALTER TABLE event ADD PRIMARY KEY (id);", 13, True),
        (
            "foreign-key-not-valid",
            "ALTER TABLE event ADD CONSTRAINT fk FOREIGN KEY (v) REFERENCES parent (id) NOT VALID;",
            17,
            True,
        ),
        ("type-of-key", "ALTER TABLE event ALTER at TYPE timestamp;", 16, True),
        ("key-dropped", "ALTER TABLE event DROP COLUMN at;", 14, True),
        ("drop-index-concurrently", "DROP INDEX CONCURRENTLY event_v;", 15, True),
        ("cluster", "CLUSTER event USING event_v;", 14, False),
        (
            "before-trigger",
            "CREATE TRIGGER t BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION touch();",
            12,
            True,
        ),
        ("storage-parameter", "ALTER TABLE event SET (fillfactor = 80);", 17, True),
        ("no-inherit", "ALTER TABLE event ADD CHECK (v > 0) NO INHERIT;", 16, False),
        ("inherits", "CREATE TABLE kid () INHERITS (event);", 12, False),
        ("copy", "COPY event TO stdout;", 16, False),
    )
    if not (name == "foreign-key-not-valid" and 17 not in majors())
    and not (name == "before-trigger" and 12 not in majors())
    and not (name == "cluster" and 14 not in majors())
]

WRAP = """
    CREATE FUNCTION wrap(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN lower(t); END';
    ALTER TABLE depot ADD COLUMN at timestamp, ADD COLUMN seen timestamptz;
"""
STABLE = "ALTER FUNCTION wrap(text) STABLE"
REPLACED = "CREATE OR REPLACE FUNCTION wrap(t text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN upper(t); END'"
ZONED = "ALTER TABLE depot ALTER at TYPE timestamptz"
IMMUTABLE = [
    Fault("not-immutable-expression", name, migration, fault, setup=WRAP, major=major, alone=True)
    for name, migration, fault, major in (
        ("index", "CREATE INDEX ON depot (wrap(code));", STABLE, 12),
        ("predicate", "CREATE INDEX ON depot (code) WHERE wrap(code) <> '';", REPLACED, 13),
        (
            "generated",
            "ALTER TABLE depot ADD COLUMN g text GENERATED ALWAYS AS (wrap(code)) STORED;",
            REPLACED,
            14,
        ),
        ("partition-key", "CREATE TABLE p (code text) PARTITION BY LIST (wrap(code));", STABLE, 15),
        ("zone-truncated", "CREATE INDEX ON depot (date_trunc('day', at));", ZONED, 17),
        ("zone-cast", "ALTER TABLE depot ADD COLUMN d date GENERATED ALWAYS AS (at::date) STORED;", ZONED, 18),
    )
]

GUARD = """
    CREATE SCHEMA ops;
    CREATE FUNCTION ops.refuse() RETURNS event_trigger LANGUAGE plpgsql AS
        $$BEGIN RAISE EXCEPTION 'changes are frozen: %', tg_tag USING HINT = 'ask the DBA team'; END$$;
"""
FROZEN = [
    Fault("ddl-blocked-by-event-trigger", name, migration, GUARD + fault, major=major)
    for name, migration, fault, major in (
        (
            "start",
            "ALTER TABLE depot ADD COLUMN extra int;",
            "CREATE EVENT TRIGGER frozen ON ddl_command_start EXECUTE FUNCTION ops.refuse()",
            18,
        ),
        (
            "tagged-end",
            "CREATE INDEX ON depot (code);",
            "CREATE EVENT TRIGGER frozen ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION ops.refuse()",
            12,
        ),
        ("drop", CODE_DROP, "CREATE EVENT TRIGGER frozen ON sql_drop EXECUTE FUNCTION ops.refuse()", 14),
        (
            "rewrite",
            "ALTER TABLE depot ALTER weight TYPE bigint;",
            "CREATE EVENT TRIGGER frozen ON table_rewrite EXECUTE FUNCTION ops.refuse()",
            15,
        ),
        (
            "inside-a-block",
            "DO $$BEGIN ALTER TABLE depot ADD COLUMN extra int; END$$;",
            "CREATE EVENT TRIGGER frozen ON ddl_command_start EXECUTE FUNCTION ops.refuse()",
            16,
        ),
    )
]

CHEAP = "CREATE INDEX depot_sorted ON depot (code COLLATE german);"
REMOTE = """
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER warehouse FOREIGN DATA WRAPPER postgres_fdw;
    CREATE USER MAPPING FOR PUBLIC SERVER warehouse;
    CREATE FOREIGN TABLE far (id int) SERVER warehouse;
"""
NAMED = [
    Fault(
        "collation-missing",
        "index",
        CHEAP,
        'DROP COLLATION german; CREATE COLLATION "GERMAN" FROM "C"',
        setup='CREATE COLLATION german FROM "C";',
        major=12,
        planned=True,
        alone=True,
    ),
    Fault(
        "collation-missing",
        "column",
        "ALTER TABLE depot ADD COLUMN name text COLLATE german;",
        "DROP COLLATION german",
        setup='CREATE COLLATION german FROM "C";',
        major=17,
        planned=True,
        alone=True,
    ),
    Fault(
        "foreign-server-missing",
        "server",
        "CREATE FOREIGN TABLE copy (id int) SERVER warehouse;",
        "DROP SERVER warehouse CASCADE",
        setup=REMOTE,
        planned=True,
        alone=True,
    ),
]

# As pg_repack 1.5 and pg-osc make them; neither can be installed here.
REPACK = """
    CREATE SCHEMA repack;
    CREATE TABLE repack.log_16500 (id bigserial PRIMARY KEY, pk int, row depot);
    CREATE FUNCTION repack.repack_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER repack_trigger AFTER INSERT ON depot FOR EACH ROW EXECUTE FUNCTION repack.repack_trigger();
"""
LEFT = [
    Fault("online-ddl-leftovers", name, migration, fault, major=major)
    for name, migration, fault, major in (
        ("row-type", "ALTER TABLE depot ADD COLUMN extra int DEFAULT 7;", REPACK, 18),
        ("row-type-of-type", "ALTER TABLE depot ALTER COLUMN weight TYPE bigint;", REPACK, 12),
        ("drop", "DROP VIEW stock; DROP TABLE depot;", REPACK, 15),
        (
            "index-of-the-old-table",
            "CREATE INDEX depot_code_idx ON depot (code);",
            "CREATE TABLE pgosc_op_table_depot (code text); CREATE INDEX depot_code_idx ON pgosc_op_table_depot (code)",
            16,
        ),
        (
            "column",
            "ALTER TABLE depot ADD COLUMN _pgroll_new_code text;",
            "ALTER TABLE depot ADD COLUMN _pgroll_new_code varchar(20)",
            14,
        ),
    )
]

FAULTS = [*ON_COLUMNS, *ON_FUNCTIONS, *ON_KEYS, *ENDS, *PARTITIONS, *IMMUTABLE, *FROZEN, *NAMED, *LEFT]
IDS = [f"{f.cause}-{f.name}" for f in FAULTS]
OURS = {f.cause for f in FAULTS}


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    fault: Fault = request.getfixturevalue("fault")
    # Without the npm matrix the nearest major that is there: the causes are the same on all of them.
    nearest = min(majors(), key=lambda here: (abs(here - fault.major), -here))
    made = [create_database(major) for major in (18, nearest)]
    for database in made:
        database.execute(SHOP + fault.setup)
    if fault.local:
        made[0].execute(fault.local)
    yield made[0], made[1]
    for database in made:
        drop_database(database)


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
async def test_the_cause_is_named_and_no_neighbour_is_called_likely(
    fault: Fault, databases: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = databases
    production.execute(fault.fault)
    path = write(tmp_path, fault.migration + "\n")
    if fault.planned:
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state)[:1] == [fault.cause], explain(state)
    error = psql(production, path)
    assert "ERROR" in error, error
    state = await triage(local, production, migration=path, error=error)
    assert likely(state) == [fault.cause], error + explain(state)
    run_the_checks(fault.cause, state, production)
    alone = await triage(None, None, error=error)
    assert likely(alone) == [fault.cause] if fault.alone else set(likely(alone)) <= {fault.cause}, explain(alone)


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
async def test_without_the_fault_the_cause_is_not_named(
    fault: Fault, databases: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = databases
    path = write(tmp_path, fault.migration + "\n")
    state = await triage(local, production, migration=path, seen="planned")
    assert OURS.isdisjoint(causes(state)), explain(state)
    assert "ERROR" not in psql(production, path)


NEIGHBOURS = {
    "a view": (CODE_TYPE, "CREATE VIEW bi AS SELECT code FROM depot", "dependent-object"),
    "a policy beside, on another column": (
        CODE_TYPE,
        "CREATE POLICY tenant ON depot USING (note = 'x'); CREATE VIEW bi AS SELECT code FROM depot",
        "dependent-object",
    ),
    "its own policy goes with the table, a view does not": (
        "DROP VIEW stock; DROP TABLE depot;",
        "CREATE POLICY tenant ON depot USING (code = 'x'); CREATE VIEW bi AS SELECT code FROM depot",
        "dependent-object",
    ),
    "a view reads what else is dropped": (
        "DROP SEQUENCE ticket; ALTER TABLE depot DROP COLUMN note;",
        "CREATE VIEW bi AS SELECT note FROM depot",
        "dependent-object",
    ),
    "a body that is wrong by itself": (
        "CREATE OR REPLACE FUNCTION net(a int) RETURNS int LANGUAGE sql AS 'SELECT ''x''::text';",
        "",
        None,
    ),
    "a view of the table that is dropped, beside a key": (
        "DROP TABLE depot;",
        "ALTER TABLE depot ADD UNIQUE (code, id)",
        "dependent-object",
    ),
    "a type that the migration itself changes": (
        "ALTER TABLE depot ALTER COLUMN weight TYPE int;",
        "ALTER TABLE depot ALTER COLUMN weight TYPE text",
        "invalid-data-for-type",
    ),
    "a key that neither side has": (
        "CREATE TABLE bin (depot text REFERENCES depot (code));",
        "ALTER TABLE depot ALTER COLUMN opened TYPE varchar(20)",
        None,
    ),
    "a function that is not there, beside a type that differs": (
        "UPDATE depot SET note = nowhere(weight);",
        "ALTER TABLE depot ALTER COLUMN weight TYPE int",
        "plain-sql-error",
    ),
    "rows without a parent": (
        "CREATE TABLE bin AS SELECT 5000 AS depot; ALTER TABLE bin ADD FOREIGN KEY (depot) REFERENCES depot (id);",
        "ALTER TABLE depot ALTER COLUMN opened TYPE varchar(20)",
        "foreign-key-violation",
    ),
    "a row without a partition": (
        "CREATE TABLE IF NOT EXISTS event (at date) PARTITION BY RANGE (at); INSERT INTO event VALUES ('2030-01-01');",
        "CREATE TABLE event (at date) PARTITION BY RANGE (at);"
        "CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        "no-partition-for-row",
    ),
    "a freeze of other commands, beside a view": (
        CODE_TYPE,
        GUARD + "CREATE VIEW bi AS SELECT code FROM depot;"
        "CREATE EVENT TRIGGER frozen ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION ops.refuse()",
        "dependent-object",
    ),
    "an exception of the migration's own, beside a guard that lets it through": (
        "DO $$BEGIN RAISE EXCEPTION 'changes are frozen: not yet'; END$$;",
        GUARD.replace("RAISE EXCEPTION", "RAISE NOTICE")
        + "CREATE EVENT TRIGGER frozen ON ddl_command_start EXECUTE FUNCTION ops.refuse()",
        None,
    ),
    "a table whose row type is used by one of its own kind": (
        "ALTER TABLE depot ADD COLUMN extra int DEFAULT 7;",
        "CREATE TABLE journal (id int, was depot)",
        "dependent-function-or-type",
    ),
    "an index that somebody made, beside a tool's table": (
        "CREATE INDEX depot_code_idx ON depot (code);",
        "CREATE TABLE pgosc_op_table_depot (code text); CREATE INDEX depot_code_idx ON depot (code)",
        "object-already-exists",
    ),
    "values that do not fit": (
        "ALTER TABLE depot ALTER COLUMN weight TYPE smallint;",
        "CREATE POLICY tenant ON depot USING (code = 'x'); UPDATE depot SET weight = 40000 WHERE id = 7",
        "numeric-out-of-range",
    ),
}


@pytest.mark.parametrize(("migration", "fault", "cause"), NEIGHBOURS.values(), ids=NEIGHBOURS.keys())
async def test_what_only_looks_like_one_of_these_is_called_what_it_is(
    pair: tuple[Database, Database], tmp_path: Path, migration: str, fault: str, cause: str | None
) -> None:
    local, production = pair
    local.execute(SHOP)
    production.execute(SHOP)
    if fault:
        production.execute(fault)
    path = write(tmp_path, migration + "\n")
    error = psql(production, path)
    assert "ERROR" in error, error
    state = await triage(local, production, migration=path, error=error)
    assert likely(state) == ([cause] if cause else []), error + explain(state)


async def test_all_that_hangs_on_the_column_is_told_though_the_error_names_the_first_only(
    pair: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = pair
    local.execute(SHOP)
    production.execute(SHOP)
    production.execute(f"{POLICY}; {TRIGGER_OF}; {GENERATED}")
    path = write(tmp_path, CODE_TYPE + "\n")
    state = await triage(local, production, migration=path, error=psql(production, path))
    blockers = fact(state, "dependency.blockers")
    assert sorted(b["kind"] for b in blockers) == ["generated column", "policy", "trigger"], blockers
    assert {b["on_local"] for b in blockers} == {False}


@pytest.mark.skipif(15 not in majors(), reason="date_trunc with a zone became immutable in 16")
async def test_what_became_immutable_in_a_newer_major_is_told_from_a_function_that_is_missing(tmp_path: Path) -> None:
    local, production = create_database(18), create_database(15)
    try:
        for database in (local, production):
            database.execute(SHOP + WRAP)
        path = write(tmp_path, "CREATE INDEX ON depot (date_trunc('day', seen, 'UTC'));\n")
        assert "ERROR" not in psql(local, path)
        state = await triage(local, production, migration=path, error=psql(production, path))
        assert likely(state) == ["not-immutable-expression"], explain(state)
        assert fact(state, "dependency.functions") == [
            {"name": "date_trunc", "production": "stable", "local": "immutable"}
        ]
    finally:
        drop_database(local)
        drop_database(production)


@pytest.mark.parametrize(
    ("major", "migration"),
    [
        (12, "ALTER DATABASE {other} RENAME TO {other}_old;"),
        (16, "DROP DATABASE {other};"),
        (18, "CREATE DATABASE {other}_copy TEMPLATE {other};"),
    ],
)
async def test_a_database_that_is_in_use_is_told_with_who_is_in_it(major: int, migration: str, tmp_path: Path) -> None:
    nearest = min(majors(), key=lambda here: (abs(here - major), -here))
    local, production = create_database(18), create_database(nearest)
    other = create_database(nearest)
    try:
        path = write(tmp_path, migration.format(other=other.name) + "\n")
        with other.connect() as holder:
            holder.execute("SET application_name = 'dashboard'")
            error = psql(production, path)
            assert "ERROR" in error, error
            state = await triage(local, production, migration=path, error=error)
            assert likely(state) == ["database-in-use"], error + explain(state)
            assert [s["application_name"] for s in fact(state, "dependency.database_sessions")] == ["dashboard"]
            run_the_checks("database-in-use", state, production)
            alone = await triage(None, None, error=error)
            assert likely(alone) == ["database-in-use"], explain(alone)
        state = await triage(local, production, migration=path, seen="planned")
        assert "database-in-use" not in causes(state), explain(state)
    finally:
        for database in (other, local, production):
            drop_database(database)


@pytest.mark.parametrize(
    "message",
    [
        # dropdb() in src/backend/commands/dbcommands.c: neither slot nor subscription can be had on these servers
        'database "shop" is used by an active logical replication slot',
        'database "shop" is being used by logical replication subscription',
    ],
)
async def test_slots_and_subscriptions_hold_a_database_as_well(message: str) -> None:
    state = await triage(None, None, error=f"psql:1.sql:1: ERROR:  {message}\n")
    assert likely(state) == ["database-in-use"], explain(state)


@pytest.mark.parametrize(
    ("major", "migration"),
    [
        (12, "CREATE INDEX ON depot (code) TABLESPACE {name};"),
        (15, "ALTER TABLE depot SET TABLESPACE {name};"),
        (18, "SET default_tablespace = '{name}';"),
    ],
)
async def test_a_tablespace_that_only_local_has(major: int, migration: str, tmp_path: Path) -> None:
    nearest = min((m for m in majors() if m != 17), key=lambda here: (abs(here - major), -here))
    local, production = create_database(max(m for m in majors() if m != nearest)), create_database(nearest)
    name = f"fast_{local.name}"
    try:
        for database in (local, production):
            database.execute(SHOP)
        with local.connect() as connection:
            connection.execute("SET allow_in_place_tablespaces = on")
            connection.execute(f"CREATE TABLESPACE {name} LOCATION ''".encode())
        path = write(tmp_path, migration.format(name=name) + "\n")
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state)[:1] == ["tablespace-missing"], explain(state)
        error = psql(production, path)
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == ["tablespace-missing"], error + explain(state)
        run_the_checks("tablespace-missing", state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == ["tablespace-missing"], explain(alone)
        same = await triage(local, local, migration=path, seen="planned")
        assert "tablespace-missing" not in causes(same), explain(same)
    finally:
        local.execute(f"DROP TABLESPACE IF EXISTS {name}")
        drop_database(local)
        drop_database(production)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        # GetUserMapping() in src/backend/foreign/foreign.c, before and since 16; newlocale in pg_locale.c
        ('user mapping not found for "app"', "foreign-server-missing"),
        ('user mapping not found for user "app", server "warehouse"', "foreign-server-missing"),
        ('foreign-data wrapper "mysql_fdw" does not exist', "foreign-server-missing"),
        ('could not create locale "fr_FR.utf8": No such file or directory', "collation-missing"),
        ('collation "de-x-icu" for encoding "UTF8" does not exist', "collation-missing"),
    ],
)
async def test_what_surrounds_the_database_is_told_from_objects_of_the_migrations(message: str, cause: str) -> None:
    state = await triage(None, None, error=f"psql:1.sql:1: ERROR:  {message}\n")
    assert likely(state) == [cause], explain(state)
