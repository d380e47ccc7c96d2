"""`runbook check` as a command: exit codes, stdin, folders, servers; data on stdout, narration on stderr."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from runbook.documents import schema
from tests.check.support import HAZARD, check, write
from tests.support import Database

WARNING = "DROP TABLE old;\n"
NOTICE = "ALTER TABLE a ADD COLUMN b int;\n"


@pytest.mark.parametrize(
    ("text", "fails_on"),
    [
        (HAZARD, {"danger", "warning", "notice"}),
        (WARNING, {"warning", "notice"}),
        (NOTICE, {"notice"}),
        ("CREATE TABLE a (id int);\n", set()),
        ("", set()),
        ("-- nothing yet\n", set()),
        ("SELEC 1;\n", {"danger", "warning", "notice"}),
        ("CREATE TABLE a (id int);\nSELECT (1;\nCREATE TABLE b (id int);\n", {"danger", "warning", "notice"}),
    ],
    ids=["danger", "warning", "notice", "ok", "empty", "comment", "no SQL", "broken in the middle"],
)
def test_the_exit_code_is_1_from_the_given_severity_on(text: str, fails_on: set[str], tmp_path: Path) -> None:
    (tmp_path / "m.sql").write_text(text)
    codes = {
        level: check(tmp_path, "m.sql", "--fail-on", level).code for level in ("danger", "warning", "notice", "never")
    }
    assert codes == {level: int(level in fails_on) for level in codes}


def test_danger_is_the_default(tmp_path: Path) -> None:
    write(tmp_path, {"d.sql": HAZARD, "w.sql": WARNING})
    assert (check(tmp_path, "d.sql").code, check(tmp_path, "w.sql").code) == (1, 0)


def test_a_file_that_does_not_parse_is_reported_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "m.sql").write_text(f"CREATE TABLE a (id int);\nSELEC 1;\n{HAZARD}")
    done = check(tmp_path, "m.sql", "--format", "json")
    assert done.findings()[:2] == [("m.sql", 2, "does-not-parse"), ("m.sql", 3, "create-index-blocks-writes")]


def test_a_file_that_is_not_as_its_tool_wants_it_is_a_warning_of_that_file(tmp_path: Path) -> None:
    write(tmp_path, {"db/001_a.sql": "-- +goose Up\nSELECT 1;\n", "db/002_b.sql": "SELECT 2;\n"})
    done = check(tmp_path, "db", "--format", "json")
    assert ("db/002_b.sql", 1, "file-problem") in done.findings()
    assert check(tmp_path, "db", "--fail-on", "warning").code == 1
    assert "no '-- +goose Up'" in check(tmp_path, "db").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["empty"], "holds no .sql file"),
        (["none.sql"], "no such file or folder"),
        (["models.py"], "Python migration"),
        (["goose", "prisma"], "goose is of goose and prisma is of prisma: check them one at a time"),
        (["goose", "--runner", "goos"], "there is no runner"),
        (["-", "goose"], "stands alone"),
        (["goose", "--format", "xml"], "xml"),
        (["goose", "--fail-on", "bad"], "bad"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_exit_2(arguments: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(
        tmp_path,
        {
            "models.py": "",
            "goose/001_a.sql": "-- +goose Up\nSELECT 1;\n",
            "prisma/20240101000000_a/migration.sql": "SELECT 1;\n",
            "prisma/migration_lock.toml": "",
        },
    )
    done = check(tmp_path, *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_one_runner_for_folders_of_several_tools_can_be_said(tmp_path: Path) -> None:
    write(tmp_path, {"a/001_a.sql": "-- +goose Up\nSELECT 1;\n", "b/V1__b.sql": "SELECT 1;\n"})
    assert check(tmp_path, "a", "b").code == 2
    assert check(tmp_path, "a", "b", "--runner", "psql").code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    write(tmp_path, {"db/a.sql": "SELECT 1;\n"})
    (tmp_path / "db/a.sql").chmod(0)
    done = check(tmp_path, "db")
    assert (done.code, done.out) == (2, "")
    assert "Permission denied" in done.err


def test_a_dump_and_a_broken_link_are_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "dump.sql").write_bytes(b"PGDMP\x01\x0e")
    done = check(tmp_path, "dump.sql")
    assert (done.code, "pg_restore" in done.err) == (2, True)
    (tmp_path / "db").mkdir()
    (tmp_path / "db/a.sql").symlink_to(tmp_path / "nowhere.sql")
    done = check(tmp_path, "db")
    assert (done.code, "cannot be read" in done.err) == (2, True)


def test_stdin_is_read_as_the_given_runner_or_as_what_it_looks_like(tmp_path: Path) -> None:
    goose = b"-- +goose Up\nCREATE INDEX CONCURRENTLY ON orders (id);\n-- +goose Down\nDROP TABLE orders;\n"
    for arguments in (["-"], ["-", "--runner", "goose"]):
        done = check(tmp_path, *arguments, "--format", "json", stdin=goose)
        (file,) = done.json["files"]
        assert (file["runner"], done.code) == ("goose", 1)
        assert [s["fails"]["sqlstate"] for s in file["statements"]] == ["25001"]
    done = check(
        tmp_path, "-", "--runner", "psql", "--format", "json", stdin=b"CREATE INDEX CONCURRENTLY ON orders (id);"
    )
    assert done.code == 0
    ignored = b"-- runbook:ignore create-index-blocks-writes reason: x\n" + HAZARD.encode()
    assert check(tmp_path, "-", stdin=ignored).code == 0


def test_stdout_holds_the_document_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, {"db/1.sql": HAZARD, "db/2.sql": WARNING})
    done = check(tmp_path, "db", "--format", "json")
    json.loads(done.out)
    assert done.err.startswith("runbook: ")


def test_production_decides_and_its_history_says_which_files_of_a_folder_are_pending(
    pair: tuple[Database, Database], tmp_path: Path
) -> None:
    _, production = pair
    production.execute(
        "CREATE TABLE orders (id int PRIMARY KEY);"
        "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);"
        "INSERT INTO schema_migrations VALUES ('001'); ANALYZE"
    )
    write(
        tmp_path,
        {
            "db/001_orders.sql": "-- migrate:up\nCREATE TABLE orders (id int PRIMARY KEY);\n-- migrate:down\n",
            "db/002_index.sql": "-- migrate:up\nCREATE INDEX ON orders (id);\n-- migrate:down\n",
        },
    )
    done = check(tmp_path, "db", "--production", production.dsn(), "--format", "json")
    assert done.code == 0, done.out
    assert [Path(f["path"]).name for f in done.json["files"]] == ["002_index.sql"]
    assert "has run 1 of 2 files" in done.err
    jsonschema.validate(done.json, schema("check"))
    named = check(tmp_path, "db/001_orders.sql", "--production", production.dsn(), "--format", "json")
    assert named.json["files"][0]["statements"][0]["fails"]["sqlstate"] == "42P07"


def test_an_ignore_that_a_small_production_does_not_need_is_not_called_stale(
    pair: tuple[Database, Database], tmp_path: Path
) -> None:
    _, production = pair
    production.execute("CREATE TABLE kinds (id int PRIMARY KEY, note text); ANALYZE")
    (tmp_path / "m.sql").write_text(
        "-- runbook:ignore lock-queue-behind-waiting-ddl reason: the role sets it\n"
        "ALTER TABLE kinds ADD COLUMN a int;\n"
        "-- runbook:ignore table-rewrite reason: wrong here\n"
        "ALTER TABLE kinds ADD COLUMN b int;\n"
    )
    done = check(tmp_path, "m.sql", "--production", production.dsn(), "--format", "json")
    assert [(f[1], f[2]) for f in done.findings()] == [(3, "unused-ignore")]


def test_a_certain_failure_on_production_is_ignored_by_its_name_only(
    pair: tuple[Database, Database], tmp_path: Path
) -> None:
    _, production = pair
    production.execute("CREATE TABLE orders (id int)")
    (tmp_path / "m.sql").write_text("-- runbook:ignore-file * reason: x\nCREATE TABLE orders (id int);\n")
    assert check(tmp_path, "m.sql", "--production", production.dsn()).code == 1
    (tmp_path / "m.sql").write_text(
        "-- runbook:ignore-file object-already-exists reason: made by hand\nCREATE TABLE orders (id int);\n"
    )
    assert check(tmp_path, "m.sql", "--production", production.dsn()).code == 0


def test_changed_files_alone_are_forecast_on_a_server_that_has_the_rest(
    pair: tuple[Database, Database], tmp_path: Path
) -> None:
    from tests.check.support import repository

    _, production = pair
    production.execute("CREATE TABLE orders (id int PRIMARY KEY); ANALYZE")
    repository(tmp_path, {"db/001.sql": "CREATE TABLE orders (id int PRIMARY KEY);\n"})
    write(tmp_path, {"db/002.sql": "ALTER TABLE orders ADD COLUMN a int;\n"})
    done = check(tmp_path, "db", "--since", "HEAD", "--production", production.dsn(), "--format", "json")
    assert done.code == 0, done.out
    assert [f["path"] for f in done.json["files"]] == ["db/002.sql"]
    assert done.json["basis"] == "production"


@pytest.mark.parametrize("format_", ["text", "json", "sarif", "github", "gitlab", "markdown"])
def test_no_format_loads_a_driver_or_a_screen_without_a_server(format_: str, tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.check.support import ROOT, environment

    (tmp_path / "m.sql").write_text(HAZARD)
    program = (
        "import sys; from runbook.cli import main\n"
        f"try: main(['check', 'm.sql', '--format', {format_!r}])\n"
        "except SystemExit as e: assert e.code == 1, e.code\n"
        "heavy = {'textual', 'psycopg', 'asyncio'}\n"
        "light = {'jinja2', 'yaml', 'runbook.session.events'}\n"
        f"unwanted = heavy if {format_!r} == 'markdown' else heavy | light\n"
        "assert not unwanted & set(sys.modules), unwanted & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(tmp_path, PYTHONPATH=str(ROOT)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
