"""Files of every tool: recognised, in the order and the transactions in which that tool would run them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from runbook.migration import MigrationError, load, parse
from runbook.migration.model import Migration
from runbook.migration.sources import RUNNERS
from runbook.migration.sources.flyway import checksum


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def order(migration: Migration) -> list[str | None]:
    return [f.version for f in migration.files if not f.is_down]


def inside(migration: Migration) -> list[tuple[str, bool]]:
    return [(s.kind, s.in_transaction) for s in migration.statements]


def test_prisma_folders_run_by_name_each_as_one_string(tmp_path: Path) -> None:
    text = "CREATE TABLE a ();\r\nCREATE TABLE b ();\r\n"
    write(
        tmp_path,
        {
            "migrations/20240202000000_b/migration.sql": "CREATE INDEX CONCURRENTLY i ON a (b);",
            "migrations/20240101000000_a/migration.sql": text,
            "migrations/migration_lock.toml": 'provider = "postgresql"',
        },
    )
    migration = load([tmp_path])
    assert (migration.runner, migration.runner_certain, migration.transaction_mode) == ("prisma", True, "implicit")
    assert order(migration) == ["20240101000000_a", "20240202000000_b"]
    # Two statements in one string are a transaction; one alone is not, so that CONCURRENTLY works there.
    assert inside(migration) == [("CREATE TABLE", True), ("CREATE TABLE", True), ("CREATE INDEX", False)]
    assert migration.files[0].checksum == hashlib.sha256(b"CREATE TABLE a ();\nCREATE TABLE b ();\n").hexdigest()


def test_drizzle_runs_the_journal_in_one_transaction(tmp_path: Path) -> None:
    journal = {"entries": [{"idx": 0, "when": 17, "tag": "0001_a"}, {"idx": 1, "when": 18, "tag": "0000_b"}]}
    write(
        tmp_path,
        {
            "0000_b.sql": "CREATE TABLE b ();--> statement-breakpoint\nCREATE TABLE c ();",
            "0001_a.sql": "CREATE TABLE a ();\nCOMMIT;",
            "0002_left.sql": "SELECT 1;",
            "meta/_journal.json": json.dumps(journal),
        },
    )
    migration = load([tmp_path])
    assert (migration.runner, migration.transaction_mode) == ("drizzle", "all_files")
    assert [f.name for f in migration.files] == ["0001_a", "0000_b", "0002_left"]
    assert order(migration)[:2] == ["17", "18"]
    # A COMMIT in the first file ends the one transaction for the files after it too.
    assert [t for _, t in inside(migration)] == [True, True, False, False, False]
    assert "drizzle would not run" in migration.problems[0].message


def test_flyway_orders_by_version_and_runs_repeatable_scripts_last(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "V10__ten.sql": "SELECT 10;",
            "V2_1__two_one.sql": "SELECT 2;",
            "V2__two.sql": "CREATE INDEX CONCURRENTLY i ON t (a);",
            "R__views.sql": "SELECT 99;",
            "U2__undo.sql": "SELECT 0;",
            "B1__base.sql": "SELECT 0;",
            "V11__alone.sql": "VACUUM t;\nSELECT 1;",
            "V12__marked.sql": "SELECT 1;",
            "V12__marked.sql.conf": "executeInTransaction=false\n",
        },
    )
    migration = load([tmp_path])
    assert migration.runner == "flyway"
    assert [(f.version, f.transaction_mode) for f in migration.files if f.statements] == [
        ("2", "none"),
        ("2.1", "per_file"),
        ("10", "per_file"),
        ("11", "none"),
        ("12", "none"),
        (None, "per_file"),
    ]
    assert [f.path for f in migration.files if f.is_down] == [str(tmp_path / "U2__undo.sql")]
    assert "mixed=true" in migration.problems[0].message


def test_flyways_checksum_ignores_how_lines_end() -> None:
    # As flyway_schema_history records it for this script.
    assert checksum("\ufeffSELECT 1;\r\nSELECT 2;\r\n") == checksum("SELECT 1;\nSELECT 2;")
    assert checksum("SELECT 1;") == checksum("SELECT 1;\n") != checksum("SELECT 2;")


def test_golang_migrate_orders_by_number_and_leaves_down_files_out(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "10_c.up.sql": "SELECT 3;",
            "2_b.up.sql": "SELECT 1; SELECT 2;",
            "2_b.down.sql": "DROP TABLE b;",
            "0001_a.up.sql": "CREATE INDEX CONCURRENTLY i ON t (a);",
        },
    )
    migration = load([tmp_path])
    assert (migration.runner, migration.transaction_mode) == ("golang-migrate", "implicit")
    assert order(migration) == ["1", "2", "10"]
    assert [t for _, t in inside(migration)] == [False, True, True, False]
    assert [f.version for f in migration.files if f.is_down] == ["2"]
    assert [s.index for s in migration.statements] == [1, 2, 3, 4]


def test_a_down_file_named_alone_is_what_will_run(tmp_path: Path) -> None:
    write(tmp_path, {"2_b.down.sql": "DROP TABLE b;"})
    assert [s.kind for s in load([tmp_path / "2_b.down.sql"]).statements] == ["DROP TABLE"]


GOOSE = """-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE a ();
-- +goose StatementBegin
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  RETURN 1;
END $$;
-- +goose StatementEnd
CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  RETURN 1;
END $$;
-- +goose Down
DROP TABLE a;
"""


def test_diesel_runs_the_up_scripts_by_folder_and_reads_their_metadata(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "2021-02-01-100000_b/up.sql": "CREATE INDEX CONCURRENTLY i ON t (a);",
            "2021-02-01-100000_b/down.sql": "DROP INDEX i;",
            "2021-02-01-100000_b/metadata.toml": "run_in_transaction = false\n",
            "00000000000000_diesel_initial_setup/down.sql": "DROP TABLE t;",
            "00000000000000_diesel_initial_setup/up.sql": "CREATE TABLE t (a int); INSERT INTO t VALUES (1);",
        },
    )
    migration = load([folder])
    assert migration.runner == "diesel"
    assert order(migration) == ["00000000000000", "20210201100000"]
    assert inside(migration) == [("CREATE TABLE", True), ("INSERT", True), ("CREATE INDEX", False)]


def test_goose_runs_the_up_part_at_its_own_lines(tmp_path: Path) -> None:
    write(tmp_path, {"00002_x.sql": GOOSE, "00010_y.sql": "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;"})
    migration = load([tmp_path])
    assert (migration.runner, migration.runner_certain) == ("goose", True)
    assert [(s.line, s.kind, s.in_transaction) for s in migration.statements] == [
        (3, "CREATE TABLE", False),
        (5, "CREATE FUNCTION", False),
        (10, "CREATE FUNCTION", False),
        (2, "SELECT", True),
    ]
    # The second function is not between the marks: goose itself would cut it at its first inner semicolon.
    (problem,) = migration.problems
    assert (problem.line, "StatementBegin" in problem.message) == (12, True)


def test_dbmate_runs_what_stands_between_its_marks(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "20240101_a.sql": "-- migrate:up\nCREATE TABLE a ();\n\n-- migrate:down\nDROP TABLE a;\n",
            "20240102_b.sql": "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY i ON a (b);",
            "20240103_c.sql": "-- migrate:up transaction:false\nVACUUM a;\nVACUUM b;\n",
        },
    )
    migration = load([tmp_path])
    assert (migration.runner, order(migration)) == ("dbmate", ["20240101", "20240102", "20240103"])
    # Without dbmate's transaction the part is still one string: two statements share an implicit one.
    assert inside(migration) == [("CREATE TABLE", True), ("CREATE INDEX", False), ("VACUUM", True), ("VACUUM", True)]


def test_atlas_reads_its_mode_and_its_sums(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "1_a.sql": "SELECT 1;",
            "2_b.sql": "-- atlas:txmode none\n\nCREATE INDEX CONCURRENTLY i ON t (a);\nSELECT 1;",
            "3_c.sql": "SELECT 3;",
            "atlas.sum": "h1:all=\n1_a.sql h1:one=\n2_b.sql h1:two=\n",
        },
    )
    migration = load([tmp_path])
    assert (migration.runner, [f.checksum for f in migration.files]) == ("atlas", ["one=", "two=", None])
    assert [t for _, t in inside(migration)] == [True, False, False, True]
    assert "atlas.sum" in migration.problems[0].message


def test_sqlx_knows_its_mark(tmp_path: Path) -> None:
    write(tmp_path, {"1_a.sql": "SELECT 1;", "2_b.sql": "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);"})
    migration = load([tmp_path])
    assert (migration.runner, [t for _, t in inside(migration)]) == ("sqlx", [True, False])


def test_liquibase_changesets_are_transactions_of_their_own(tmp_path: Path) -> None:
    text = (
        "--liquibase formatted sql\n--changeset ann:1\nSELECT 1;\n--changeset ann:2 runInTransaction:false\nVACUUM t;\n"
    )
    migration = load([write(tmp_path, {"c.sql": text}) / "c.sql"])
    assert [(f.version, f.transaction_mode, f.statements[0].line) for f in migration.files] == [
        ("1", "per_file", 3),
        ("2", "none", 5),
    ]


def test_what_alembic_prints_carries_its_own_transactions(tmp_path: Path) -> None:
    text = "BEGIN;\n\n-- Running upgrade  -> 1f2e\n\nCREATE TABLE a ();\n"
    text += "INSERT INTO alembic_version VALUES ('1f2e');\n\nCOMMIT;\n"
    migration = load([write(tmp_path, {"up.sql": text})])
    assert (migration.runner, order(migration)) == ("alembic", ["1f2e"])
    assert inside(migration) == [("BEGIN", False), ("CREATE TABLE", True), ("INSERT", True), ("COMMIT", True)]


def test_plain_files_run_in_natural_order_and_by_psql(tmp_path: Path) -> None:
    write(tmp_path, {"10_z.sql": "SELECT 10;", "9_a.sql": "SELECT 9;", "sub/1.sql": "SELECT 1;"})
    migration = load([tmp_path])
    assert (migration.runner, migration.runner_certain, migration.transaction_mode) == ("psql", False, "none")
    assert [s.sql for s in migration.statements] == ["SELECT 9", "SELECT 10", "SELECT 1"]


def test_paths_named_one_by_one_keep_their_order(tmp_path: Path) -> None:
    write(tmp_path, {"a.sql": "SELECT 1;", "b.sql": "SELECT 2;"})
    migration = load([tmp_path / "b.sql", tmp_path / "a.sql", tmp_path])
    assert [s.sql for s in migration.statements] == ["SELECT 2", "SELECT 1"]


def test_a_file_that_another_includes_is_not_read_twice(tmp_path: Path) -> None:
    write(tmp_path, {"all.sql": "\\ir parts/one.sql\nSELECT 2;", "parts/one.sql": "SELECT 1;"})
    migration = load([tmp_path])
    assert [(Path(s.file).name, s.sql) for s in migration.statements] == [
        ("one.sql", "SELECT 1"),
        ("all.sql", "SELECT 2"),
    ]
    assert [s.index for s in migration.statements] == [1, 2]


@pytest.mark.parametrize(
    ("sql", "runner", "expected"),
    [
        ("SELECT 1; BEGIN; SELECT 2; SAVEPOINT s; ROLLBACK TO s; SELECT 3; COMMIT; SELECT 4", "psql", "0011111" + "0"),
        ("BEGIN; COMMIT AND CHAIN; SELECT 1; ROLLBACK; SELECT 2", "psql", "01110"),
        ("SELECT 1; COMMIT; SELECT 2", "flyway", "110"),
        ("SELECT 1; COMMIT; SELECT 2", "golang-migrate", "111"),
        (
            "\\set AUTOCOMMIT off\nSELECT 1; COMMIT; VACUUM; CREATE INDEX CONCURRENTLY i ON t (a); SELECT 2",
            "psql",
            "011001",
        ),
        ("SELECT 1; SELECT 2", "psql-1", "11"),
        ("SELECT 1", "sequelize", "0"),
    ],
)
def test_begin_and_commit_are_followed(sql: str, runner: str, expected: str) -> None:
    assert "".join(str(int(t)) for _, t in inside(parse(sql, runner=runner))) == expected


def test_every_runner_can_be_named(tmp_path: Path) -> None:
    for runner in RUNNERS:
        migration = parse("-- +goose Up\n-- migrate:up\n--changeset a:1\nSELECT 1;", runner=runner)
        assert (migration.runner, migration.runner_certain) == (runner, True)


def test_errors_say_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, {"versions/1f_add.py": "revision = '1f'", "empty/readme.md": "", "dump.sql": "PGDMP\x01"})
    for path, word in [
        (tmp_path / "gone.sql", "no such file"),
        (tmp_path / "versions", "sqlmigrate"),
        (tmp_path / "versions/1f_add.py", "alembic upgrade --sql"),
        (tmp_path / "empty", "no .sql file"),
        (tmp_path / "dump.sql", "pg_restore"),
    ]:
        with pytest.raises(MigrationError, match=word) as caught:
            load([path])
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(MigrationError, match="there is no runner 'flyaway'"):
        parse("SELECT 1", runner="flyaway")


def test_a_file_that_is_not_utf8_is_read_and_said(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes("SELECT 'é';".encode("latin-1"))
    migration = load([tmp_path / "a.sql"])
    assert migration.statements[0].kind == "SELECT"
    assert "Latin-1" in migration.problems[0].message


def test_importing_the_forecast_module_does_not_hide_the_function() -> None:
    import types

    import runbook.migration

    runbook.migration.forecast = types.ModuleType("runbook.migration.forecast")  # type: ignore[assignment]
    assert "forecast" not in vars(runbook.migration)
