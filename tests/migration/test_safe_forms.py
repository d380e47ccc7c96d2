"""Every generated safe sequence runs as it stands, and ends in the schema that the statement itself would have made."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runbook.migration import Catalog, forecast, parse
from runbook.migration.apply import apply
from runbook.migration.conflicts import blocks_reads
from runbook.migration.result import StatementForecast
from runbook.migration.safe_forms import safe_form as generate
from runbook.postgres import connect, read_catalog
from tests import support
from tests.support import Database

SETUP = """
CREATE SCHEMA {schema};
SET search_path = {schema};
CREATE TABLE parent (id bigint PRIMARY KEY, code text);
CREATE TABLE t (a int, b int, email text NOT NULL, note text, n int, "Odd Name" text, PRIMARY KEY (a, b));
CREATE INDEX t_note_idx ON t (note);
CREATE TABLE u (id bigserial PRIMARY KEY, parent_id bigint, email text, amount text);
INSERT INTO parent SELECT g, 'c' || g FROM generate_series(1, 50) g;
INSERT INTO t SELECT g, g % 7, 'e' || g, 'n', g, 'x' FROM generate_series(1, 12000) g;
INSERT INTO u (parent_id, email, amount) SELECT g % 50 + 1, 'e' || g, g FROM generate_series(1, 12000) g;
CREATE TABLE loose AS SELECT g AS n FROM generate_series(1, 12000) g;
CREATE TABLE p (id bigint, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO p SELECT g, date '2024-06-01' + g % 500 FROM generate_series(1, 1000) g;
CREATE MATERIALIZED VIEW m AS SELECT id, code FROM parent;
CREATE UNIQUE INDEX m_id ON m (id);
"""

STATE = """
SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text, pg_get_expr(d.adbin, d.adrelid)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
 WHERE c.relnamespace = %(schema)s::regnamespace AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
UNION ALL
SELECT 'constraint', c.relname, k.conname, pg_get_constraintdef(k.oid), k.convalidated::text, NULL
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE c.relnamespace = %(schema)s::regnamespace
UNION ALL
SELECT 'index', c.relname, i.relname, pg_get_indexdef(x.indexrelid), x.indisvalid::text, NULL
  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
 WHERE c.relnamespace = %(schema)s::regnamespace AND NOT i.relispartition
UNION ALL
SELECT 'trigger', c.relname, t.tgname, '', '', NULL FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE c.relnamespace = %(schema)s::regnamespace AND NOT t.tgisinternal
UNION ALL
SELECT 'function', '', p.proname, '', '', NULL FROM pg_proc p WHERE p.pronamespace = %(schema)s::regnamespace
ORDER BY 1, 2, 3, 4
"""

CASES = {
    "index": "CREATE INDEX t_email_idx ON t (email)",
    "unique index with a condition": 'CREATE UNIQUE INDEX t_odd ON t (a, b, lower("Odd Name")) INCLUDE (n) WHERE n > 0',
    "unnamed index": "CREATE INDEX ON t (email, n)",
    "index of a partitioned table": "CREATE INDEX p_id_idx ON p (id)",
    "dropped index": "DROP INDEX t_note_idx",
    "rebuilt index": "REINDEX INDEX t_note_idx",
    "check": "ALTER TABLE t ADD CONSTRAINT t_n_check CHECK (n > 0 AND email <> '')",
    "unnamed check": "ALTER TABLE t ADD CHECK (n > 0)",
    "foreign key": "ALTER TABLE u ADD CONSTRAINT u_parent_fk FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE",
    "unnamed foreign key": "ALTER TABLE u ADD FOREIGN KEY (parent_id) REFERENCES parent ON UPDATE RESTRICT DEFERRABLE INITIALLY DEFERRED",
    "unique": "ALTER TABLE u ADD CONSTRAINT u_email_key UNIQUE (email)",
    "unnamed unique": "ALTER TABLE u ADD UNIQUE (parent_id, email)",
    "not null": "ALTER TABLE u ALTER COLUMN email SET NOT NULL",
    "not null with an odd name": 'ALTER TABLE t ALTER COLUMN "Odd Name" SET NOT NULL',
    "volatile default": "ALTER TABLE u ADD COLUMN token uuid DEFAULT gen_random_uuid()",
    "volatile default, not null, two key columns": "ALTER TABLE t ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid()",
    "type": "ALTER TABLE u ALTER COLUMN amount TYPE numeric(12,2) USING amount::numeric",
    "serial": "ALTER TABLE t ADD COLUMN place serial",
    "bigserial beside a serial key": "ALTER TABLE u ADD COLUMN place bigserial",
    "check of a partitioned table": "ALTER TABLE p ADD CONSTRAINT p_id_check CHECK (id > 0)",
    "not null of a partitioned table": "ALTER TABLE p ALTER COLUMN id SET NOT NULL",
    "several commands": "ALTER TABLE u ADD COLUMN extra int DEFAULT 1, ADD CONSTRAINT u_c CHECK (id > 0), ALTER COLUMN email SET NOT NULL",
}
DATA = {
    "update": "UPDATE u SET amount = amount || '!' WHERE id > 3",
    "update of all": "UPDATE t SET note = 'x' || n",
    "delete without a key": "DELETE FROM loose WHERE n % 2 = 0",
    "delete": "DELETE FROM t AS x WHERE x.n > 100",
}


@pytest.fixture(params=sorted(support.WHEEL_MAJORS), ids=lambda m: f"pg{m}")
def server_database(request: pytest.FixtureRequest) -> Any:
    made = support.create_database(request.param)
    yield made
    support.drop_database(made)


def run(database: Database, schema: str, *steps: str) -> None:
    """Each step by itself, as a person or a runner without a transaction would send it."""
    with database.connect() as connection:
        connection.execute(f"SET search_path = {schema}".encode())
        for step in steps:
            connection.execute(step.encode())


def state(database: Database, schema: str) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        rows = connection.execute(STATE, {"schema": schema}).fetchall()
    return [tuple(v.replace(f"{schema}.", "") if isinstance(v, str) else v for v in row) for row in rows]


def catalog_of(database: Database) -> Catalog:
    async def read() -> Catalog:
        async with await connect(database.dsn()) as connection:
            return await read_catalog(connection)

    return asyncio.run(read())


def told(database: Database, sql: str, schema: str) -> StatementForecast:
    return forecast(parse(f"SET search_path = {schema}; {sql};", runner="psql"), catalog_of(database)).statements[1]


def safe_form(database: Database, sql: str, schema: str) -> tuple[str, ...]:
    """The longest of the safe sequences offered: the one that does the whole statement."""
    offered = [h.safe_sql for h in told(database, sql, schema).hazards if h.safe_sql]
    assert offered, "no safe form was offered"
    return max(offered, key=len)


@pytest.mark.parametrize("name", CASES)
def test_the_safe_form_ends_in_the_same_schema(server_database: Database, name: str) -> None:
    database, sql = server_database, CASES[name]
    for schema in ("plain", "safe"):
        database.execute(SETUP.format(schema=schema))
    database.execute("ANALYZE")
    steps = safe_form(database, sql, "safe")
    run(database, "plain", sql)
    run(database, "safe", *steps)
    expected, found = state(database, "plain"), state(database, "safe")
    if "index of a partitioned" in name:
        expected, found = ([r for r in rows if r[1] not in ("p1", "p2")] for rows in (expected, found))
    assert found == expected


@pytest.mark.parametrize("name", DATA)
def test_a_backfill_in_batches_leaves_the_same_rows(server_database: Database, name: str) -> None:
    database, sql = server_database, DATA[name]
    for schema in ("plain", "safe"):
        database.execute(SETUP.format(schema=schema))
    database.execute("ALTER TABLE safe.t SET (autovacuum_enabled = off); ANALYZE")
    steps = _batches(database, sql)
    run(database, "plain", sql)
    run(database, "safe", *steps)
    for table in ("t", "u", "loose"):
        query = f"SELECT count(*), sum(hashtext(x::text)::bigint) FROM {{}}.{table} x"
        assert database.execute(query.format("safe")) == database.execute(query.format("plain"))


def test_the_rows_are_the_same_after_a_column_was_added_or_changed_in_steps(server_database: Database) -> None:
    """What the loop fills in: a number of its own for each row, the cast of each value."""
    database = server_database
    for schema in ("plain", "safe"):
        database.execute(SETUP.format(schema=schema))
    database.execute("ANALYZE")
    for name in ("serial", "type"):
        run(database, "plain", CASES[name])
        run(database, "safe", *safe_form(database, CASES[name], "safe"))
    for schema in ("plain", "safe"):
        assert database.execute(f"SELECT count(place), count(DISTINCT place) FROM {schema}.t") == [(12000, 12000)]
    amounts = "SELECT count(*), sum(amount), sum(amount * id) FROM {}.u"
    assert database.execute(amounts.format("safe")) == database.execute(amounts.format("plain"))


def test_a_renamed_table_answers_to_both_names_until_the_last_step(server_database: Database) -> None:
    database = server_database
    for schema in ("plain", "safe"):
        database.execute(SETUP.format(schema=schema))
    sql = "ALTER TABLE parent RENAME TO ancestor"
    first, last = safe_form(database, sql, "safe")
    run(database, "safe", first)
    run(database, "safe", "INSERT INTO parent VALUES (1000, 'old code')", "UPDATE parent SET code = 'x' WHERE id = 1000")
    assert database.execute("SELECT code FROM safe.ancestor WHERE id = 1000") == [("x",)]
    run(database, "safe", "DELETE FROM parent WHERE id = 1000", last)
    run(database, "plain", sql)
    assert state(database, "safe") == state(database, "plain")


def test_a_refresh_that_readers_do_not_wait_for(server_database: Database) -> None:
    database = server_database
    database.execute(SETUP.format(schema="safe"))
    (step,) = safe_form(database, "REFRESH MATERIALIZED VIEW m", "safe")
    run(database, "safe", "DELETE FROM parent WHERE id > 40", step)
    assert database.execute("SELECT count(*) FROM safe.m") == [(40,)]
    run(database, "safe", "DROP INDEX m_id")
    (told_without,) = told(database, "REFRESH MATERIALIZED VIEW m", "safe").hazards
    assert told_without.safe_sql is None
    assert told_without.instead is not None


def _batches(database: Database, sql: str) -> tuple[str, ...]:
    """The batches, also for a table too small to be told about them."""
    first, second = parse(f"SET search_path = safe; {sql};", runner="psql").statements
    steps = generate(second, apply(catalog_of(database), first), "unbatched-backfill")
    assert steps is not None
    return steps


@pytest.mark.parametrize(
    "name", [n for n in CASES if n not in ("type", "several commands", "dropped index", "rebuilt index")]
)
def test_no_step_reads_or_rewrites_a_table_while_others_wait(server_database: Database, name: str) -> None:
    database = server_database
    database.execute(SETUP.format(schema="safe"))
    database.execute("ANALYZE")
    for step in safe_form(database, CASES[name], "safe"):
        found = told(database, step.rstrip(";"), "safe")
        exclusive = {k.relation for k in found.locks if blocks_reads(k.mode)}
        assert not exclusive & set(found.scans), step
        assert not set(found.rewrites), step
        run(database, "safe", step)
