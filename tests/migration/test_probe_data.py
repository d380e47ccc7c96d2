"""Asking production's rows: bounded, read-only, and what could not be asked is unknown and never a no."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from runbook.migration import Catalog, Forecast, forecast, parse
from runbook.migration.data_checks import with_answers
from runbook.migration.result import DataAnswer
from runbook.postgres import connect, read_catalog
from runbook.postgres.data_probe import Bounds, probe_data, questions
from tests.support import BARE, Database, holding_lock

TABLE = (
    "CREATE TABLE t (id int PRIMARY KEY, email text, age int);"
    "INSERT INTO t SELECT i, 'u' || i % 40, i FROM generate_series(1, 50) AS i; ANALYZE t"
)
UNIQUE = "CREATE UNIQUE INDEX ON t (email)"


async def told(database: Database, sql: str) -> Forecast:
    async with await connect(database.dsn()) as connection:
        return forecast(parse(sql, runner="psql"), await read_catalog(connection))


async def answers(database: Database, sql: str, *, role: str = "", **given: float) -> list[DataAnswer]:
    found = await told(database, sql)
    dsn = database.dsn(role) if role else database.dsn()
    asked = await probe_data("production", dsn, questions(found), bounds=Bounds(**given))  # type: ignore[arg-type]
    return list(asked.values())


def run_all(database: Database, sql: str) -> None:
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(sql.encode())


async def test_a_table_locked_by_somebody_else_is_unknown_and_the_asking_ends(database: Database) -> None:
    run_all(database, TABLE)
    found = await told(database, f"{UNIQUE}; ALTER TABLE t ALTER age SET NOT NULL")
    async with holding_lock(database.dsn(), "LOCK TABLE t IN ACCESS EXCLUSIVE MODE"):
        asked = await probe_data("production", database.dsn(), questions(found))
    assert [a.verdict for a in asked.values()] == ["unknown"] * len(asked)
    assert len(asked) >= 2
    assert all("locked" in a.because for a in asked.values())
    fails = with_answers(found, asked).statements[0].fails
    assert fails is not None
    assert not fails.certain, "it still depends on data"


async def test_a_query_over_the_bound_is_not_run_and_says_so(database: Database) -> None:
    run_all(database, TABLE)
    (answer,) = await answers(database, "ALTER TABLE t ALTER age SET NOT NULL", plan_cost=0.5)
    assert answer.verdict == "unknown"
    assert answer.because.startswith("not run: its plan costs")
    assert answer.plan_cost is not None
    assert answer.plan_cost > 0.5


async def test_a_limit_on_top_does_not_hide_what_a_plan_costs_when_nobody_offends(database: Database) -> None:
    run_all(database, "CREATE TABLE w (a int); INSERT INTO w SELECT NULL FROM generate_series(1, 50000); ANALYZE w")
    (answer,) = await answers(database, "ALTER TABLE w ALTER a SET NOT NULL", plan_cost=100.0)
    assert answer.verdict == "unknown", "the first page would have told, but a clean table costs a full read"


async def test_when_the_time_for_all_is_over_the_rest_is_unknown(database: Database) -> None:
    run_all(database, TABLE)
    found = await answers(database, f"{UNIQUE}; ALTER TABLE t ALTER age SET NOT NULL", total_s=0.0)
    assert {a.verdict for a in found} == {"unknown"}
    assert all("were over" in a.because for a in found)


async def test_a_slow_query_ends_at_its_timeout_as_unknown(database: Database) -> None:
    run_all(
        database,
        "CREATE TABLE big (r int4range); INSERT INTO big SELECT int4range(i, i + 1) FROM generate_series(1, 20000) AS i",
    )
    sql = "ALTER TABLE big ADD EXCLUDE USING gist (r WITH &&)"
    (answer,) = await answers(database, sql, plan_cost=1e12, statement_timeout_s=0.05)
    assert answer.verdict == "unknown"
    assert "not answered within" in answer.because


async def test_a_role_that_may_not_read_the_table_is_told_so(database: Database) -> None:
    run_all(database, TABLE)
    found = await answers(database, UNIQUE, role=BARE)
    assert {a.verdict for a in found} == {"unknown"}
    assert any("denied" in a.because for a in found)


async def test_rows_that_a_policy_hides_are_unknown_and_not_clean(database: Database) -> None:
    run_all(database, TABLE)
    run_all(
        database,
        f"ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id < 5); GRANT SELECT ON t TO {BARE}",
    )
    found = await answers(database, UNIQUE, role=BARE)
    assert {a.verdict for a in found} == {"unknown"}
    assert any("row security hides rows" in a.because for a in found)
    assert "fails" in {a.verdict for a in await answers(database, UNIQUE)}, "the owner sees them all"


async def test_nobody_there_to_ask_is_unknown(database: Database) -> None:
    run_all(database, TABLE)
    found = await told(database, UNIQUE)
    asked = await probe_data("production", "host=/nowhere dbname=x", questions(found), connect_timeout_s=2)
    assert {a.verdict for a in asked.values()} == {"unknown"}


async def test_offending_values_stay_on_the_server(database: Database) -> None:
    run_all(
        database,
        "CREATE TABLE p (mail text PRIMARY KEY, card text, n bigint); INSERT INTO p VALUES ('eve@x.org', '4111-1111', 1), ('bob@x.org', '4111-1111', NULL)",
    )
    for sql in (
        "CREATE UNIQUE INDEX ON p (card)",
        "ALTER TABLE p ALTER n SET NOT NULL",
        "ALTER TABLE p ALTER card TYPE int USING card::int",
    ):
        for answer in await answers(database, sql):
            text = f"{answer.because} {answer.keys}"
            assert "x.org" not in text
            assert "4111" not in text
            assert answer.verdict == "fails" or answer.sqlstate is None


async def test_a_function_that_may_change_something_is_never_run(database: Database) -> None:
    run_all(
        database,
        TABLE
        + "; CREATE TABLE log (a int); CREATE FUNCTION touch(int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RETURN true; END$$",
    )
    found = await told(database, "ALTER TABLE t ADD CHECK (touch(age))")
    (check,) = found.statements[0].depends_on_data
    assert check.sql is not None
    assert check.withheld is not None
    assert "touch" in check.withheld
    assert questions(found) == []


async def test_an_expression_is_read_under_the_search_path_of_the_migration(database: Database) -> None:
    run_all(
        database,
        "CREATE SCHEMA lib; CREATE FUNCTION lib.even(int) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 % 2 = 0'",
    )
    run_all(database, TABLE)
    found = await told(database, "SET search_path = public, lib; ALTER TABLE t ADD CHECK (even(age))")
    checks = found.statements[1].depends_on_data
    assert [c.search_path for c in checks] == [("public", "lib")]
    runnable = [(2, c) for c in checks if c.sql is not None]
    asked = await probe_data("production", database.dsn(), runnable)
    assert [a.verdict for a in asked.values()] == ["fails"]


# -- what cannot be asked yet -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        ("UPDATE t SET age = 0 WHERE age IS NULL", "ALTER TABLE t ALTER age SET NOT NULL", 1),
        ("DELETE FROM t WHERE age IS NULL", "ALTER TABLE t ALTER age SET NOT NULL", 1),
        ("INSERT INTO t (id) SELECT 9", "ALTER TABLE t ALTER age SET NOT NULL", 1),
        ("ALTER TABLE t ALTER age TYPE text", "ALTER TABLE t ADD CHECK (age <> '')", 1),
        ("CREATE TABLE n AS SELECT * FROM t", "CREATE UNIQUE INDEX ON n (email)", 1),
        ("ALTER TABLE t RENAME TO u; UPDATE u SET age = 1; ALTER TABLE u RENAME age TO years", "ALTER TABLE u ALTER years SET NOT NULL", 2),
    ],
)  # fmt: skip
async def test_what_an_earlier_statement_writes_is_asked_only_after_it(
    database: Database, before: str, asked: str, after: int
) -> None:
    run_all(database, TABLE)
    (check,) = [c for c in (await told(database, f"{before}; {asked}")).statements[-1].depends_on_data if c.certain]
    assert check.sql is None
    assert check.not_before == after
    assert f"once statement {after} has run" in (check.withheld or "")


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        ("UPDATE t SET email = lower(email)", "ALTER TABLE t ALTER age SET NOT NULL"),
        ("BEGIN; UPDATE t SET age = 0; ROLLBACK", "ALTER TABLE t ALTER age SET NOT NULL"),
        ("BEGIN; SAVEPOINT a; UPDATE t SET age = 0; ROLLBACK TO a", "ALTER TABLE t ALTER age SET NOT NULL"),
        ("ALTER TABLE t RENAME age TO years", "ALTER TABLE t ALTER years SET NOT NULL"),
        ("ALTER TABLE t SET SCHEMA pg_temp_x", "ALTER TABLE t ALTER age SET NOT NULL"),
    ],
)  # fmt: skip
async def test_what_an_earlier_statement_leaves_alone_can_be_asked_now(
    database: Database, before: str, asked: str
) -> None:
    run_all(database, TABLE)
    sql = f"{before}; {asked}".replace("pg_temp_x", "public")
    (check,) = (await told(database, sql)).statements[-1].depends_on_data
    assert check.sql is not None
    assert "public.t" in check.sql
    assert "age IS NULL" in check.sql, "production's present name"


async def test_after_code_that_cannot_be_read_an_offender_makes_a_failure_likely_and_not_certain(
    database: Database,
) -> None:
    run_all(database, TABLE)
    sql = "DO $$ BEGIN EXECUTE 'UPDATE t SET email = id::text'; END $$; " + UNIQUE
    found = await told(database, sql)
    asked = await probe_data("production", database.dsn(), questions(found))
    fails = with_answers(found, asked).statements[-1].fails
    assert fails is not None
    assert (fails.sqlstate, fails.certain) == ("23505", False)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE n (a int); CREATE UNIQUE INDEX ON n (a)",
        "CREATE TABLE n (a int); ALTER TABLE n ALTER a SET NOT NULL",
        "ALTER TABLE t ADD COLUMN b int; ALTER TABLE t ADD CHECK (b > 0) NOT VALID",
        "ALTER TABLE t ADD COLUMN b int REFERENCES t",
        "ALTER TABLE t ADD COLUMN b uuid DEFAULT gen_random_uuid() UNIQUE NOT NULL",
        "ALTER TABLE t ADD COLUMN b bigserial PRIMARY KEY",
        "ALTER TABLE t ADD COLUMN b int UNIQUE",
        "ALTER TABLE t ALTER id SET NOT NULL",
        "ALTER TABLE t ALTER email TYPE varchar",
        "ALTER TABLE t ALTER age TYPE bigint",
        "ALTER TABLE t ALTER age TYPE numeric(12, 2)",
        "ALTER TABLE t ALTER email TYPE int USING 0",
        "ALTER TABLE t ALTER email TYPE varchar(3) USING email::varchar(3)",
        "CREATE INDEX ON t (age)",
        "ALTER TABLE t ADD COLUMN b int DEFAULT 4",
    ],
)
async def test_statements_that_no_row_can_stop_ask_nothing(database: Database, sql: str) -> None:
    run_all(database, TABLE.replace("id int PRIMARY KEY", "id int NOT NULL"))
    checks = [c for c in (await told(database, sql)).statements[-1].depends_on_data if c.certain]
    assert checks == []


def test_without_a_server_the_query_is_written_with_the_names_of_the_statement() -> None:
    found = forecast(parse('CREATE UNIQUE INDEX ON "My Table" ("Select")', runner="psql"), Catalog.assumed(160000))
    (check,) = found.statements[0].depends_on_data
    assert check.sql is not None
    assert '"Select" AS k1' in check.sql
    assert 'FROM "My Table"' in check.sql


def test_a_forecast_with_answers_keeps_what_was_certain_before() -> None:
    found = forecast(parse("BEGIN; CREATE INDEX CONCURRENTLY ON t (a)", runner="psql"), Catalog.assumed(160000))
    assert with_answers(found, {}) == found


# -- the commands -----------------------------------------------------------------------------------------------------


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "runbook", *arguments], capture_output=True, text=True, timeout=120)


def test_check_asks_rows_only_when_it_is_told_to(database: Database, tmp_path: Path) -> None:
    run_all(database, TABLE)
    file = tmp_path / "m.sql"
    file.write_text(UNIQUE + ";\n")
    arguments = ("check", str(file), "--production", database.dsn(), "--format", "json")
    quiet, asked = (json.loads(command(*arguments, *more).stdout) for more in ((), ("--probe-data",)))
    before = quiet["files"][0]["statements"][0]
    after = asked["files"][0]["statements"][0]
    assert before["fails"] == {
        "sqlstate": "23505",
        "because": "no two rows of public.t may be alike in (email)",
        "certain": False,
    }
    assert before["depends_on_data"][0]["answer"] is None
    assert "GROUP BY k1" in before["depends_on_data"][0]["sql"]
    assert before["depends_on_data"][0]["cost"]["relations"] == ["public.t"]
    assert (after["fails"]["sqlstate"], after["fails"]["certain"], after["severity"]) == ("23505", True, "danger")
    assert after["depends_on_data"][0]["answer"]["verdict"] == "fails"
    assert command(*arguments, "--probe-data").returncode == 1


def test_check_without_a_server_says_that_there_are_no_rows_to_ask(tmp_path: Path) -> None:
    file = tmp_path / "m.sql"
    file.write_text(UNIQUE + ";\n")
    done = command("check", str(file), "--probe-data")
    assert done.returncode == 2
    assert "--production" in done.stderr


def test_text_and_markdown_show_the_query(database: Database, tmp_path: Path) -> None:
    run_all(database, TABLE)
    file = tmp_path / "m.sql"
    file.write_text("ALTER TABLE t ALTER age SET NOT NULL;\n")
    for format in ("text", "markdown"):
        out = command("check", str(file), "--production", database.dsn(), "--format", format).stdout
        assert "depends on data: 23502" in out
        assert "WHERE age IS NULL" in out
    out = command("check", str(file), "--production", database.dsn(), "--probe-data").stdout
    assert "rows allow it: 23502" in out
    assert "until somebody writes one" in out


def test_triage_asks_the_local_rows_where_only_local_is_given(database: Database, tmp_path: Path) -> None:
    run_all(database, TABLE)
    file = tmp_path / "m.sql"
    file.write_text(UNIQUE + ";\n")
    arguments = ("triage", "--json", "--no-record", "--migration", str(file), "--local", database.dsn(), "--probe-data")
    found = json.loads(command(*arguments).stdout)
    facts = {f["id"]: f["value"] for f in found["facts"]}
    assert facts["failing.foretold"] == "23505"


@pytest.mark.parametrize(
    ("sql", "dirty", "cause"),
    [
        (UNIQUE, "", "unique-violation-existing-duplicates"),
        ("ALTER TABLE t ALTER age SET NOT NULL", "UPDATE t SET age = NULL WHERE id = 3", "not-null-violation"),
        ("ALTER TABLE t ADD CHECK (age > 3)", "", "check-violation"),
        ("ALTER TABLE t ADD EXCLUDE USING btree (email WITH =)", "", "exclusion-violation"),
        ("ALTER TABLE t ADD FOREIGN KEY (age) REFERENCES p", "CREATE TABLE p (id int PRIMARY KEY)", "foreign-key-violation"),
    ],
)  # fmt: skip
def test_triage_proves_the_cause_before_the_run(
    database: Database, tmp_path: Path, sql: str, dirty: str, cause: str
) -> None:
    run_all(database, TABLE + (f"; {dirty}" if dirty else ""))
    file = tmp_path / "m.sql"
    file.write_text(sql + ";\n")
    arguments = ("triage", "--json", "--no-record", "--migration", str(file), "--production", database.dsn())
    without, found = (json.loads(command(*arguments, *more).stdout) for more in ((), ("--probe-data",)))
    assert {c["id"]: c["verdict"] for c in found["causes"]}[cause] == "proved"
    assert cause not in {c["id"] for c in without["causes"] if c["verdict"] == "proved"}
    facts = {f["id"]: f["value"] for f in found["facts"]}
    assert facts["failing.foretold"] == found["forecast"]["files"][0]["statements"][0]["fails"]["sqlstate"]
