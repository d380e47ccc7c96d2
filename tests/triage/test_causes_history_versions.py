"""A history that does not fit the files: late, edited and unknown versions, told with the tools' own tables and words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from runbook.migration import load
from tests.support import Database
from tests.triage.incident import causes, explain, fact, psql, triage, write
from tests.triage.waiting import likely, run_the_checks, shop

LATE, EDITED, UNKNOWN = "out-of-order-migration", "edited-after-applied", "unknown-revision-in-history"
OURS = {LATE, EDITED, UNKNOWN}
FILES = {"1": "CREATE TABLE account (id int PRIMARY KEY);", "2": "CREATE TABLE mail (id int);", "3": "SELECT 1;"}
SHOP = "CREATE TABLE account (id int PRIMARY KEY);"


@dataclass(frozen=True)
class Tool:
    """How a tool names its files and keeps its history. The tables are each tool's own CREATE TABLE."""

    name: str
    file: str
    table: str
    row: str


FLYWAY = Tool(
    "flyway",
    "V{v}__step.sql",
    "CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200)"
    " NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum int, installed_by varchar(100) NOT NULL,"
    " installed_on timestamp NOT NULL DEFAULT now(), execution_time int NOT NULL, success bool NOT NULL)",
    "INSERT INTO flyway_schema_history VALUES ({v}, '{v}', 'step', 'SQL', 'V{v}__step.sql', {sum}, 'd', now(), 1, true)",
)
SQLX = Tool(
    "sqlx",
    "000{v}_step.sql",
    "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, installed_on timestamptz NOT NULL"
    " DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL)",
    "INSERT INTO _sqlx_migrations VALUES ({v}, 'step', now(), true, '\\x{sum}', 1)",
)
GOOSE = Tool(
    "goose",
    "0000{v}_step.sql",
    "CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL,"
    " tstamp timestamp DEFAULT now())",
    "INSERT INTO goose_db_version (version_id, is_applied) VALUES ({v}, true)",
)


def folder_of(tool: Tool, folder: Path, versions: Sequence[str] = ("1", "2", "3")) -> Path:
    folder.mkdir(exist_ok=True)
    if tool is SQLX:
        write(folder.parent, "[package]\n", "Cargo.toml")
    for version in versions:
        sql = FILES[version] + "\n"
        write(folder, f"-- +goose Up\n{sql}" if tool is GOOSE else sql, tool.file.format(v=version))
    return folder


def applied(production: Database, tool: Tool, folder: Path, versions: Sequence[str]) -> None:
    """The history as the tool writes it, with the checksums of the files as they are now."""
    sums = {f.version: f.checksum for f in load([folder]).files if f.version}
    production.execute(tool.table)
    for version in versions:
        production.execute(tool.row.format(v=version, sum=sums.get(version) or "0"))


@dataclass(frozen=True)
class Fault:
    cause: str
    tool: Tool
    error: str
    major: int
    done: Sequence[str] = ("1", "2")
    files: Sequence[str] = ("1", "2", "3")
    edit: str = ""


FAULTS = [
    # org.flywaydb.core.internal.command.DbValidate; sqlx-core/src/migrate/error.rs; goose.go
    Fault(LATE, FLYWAY, "ERROR: Validate failed: Migrations have failed validation\n"
          "Detected resolved migration not applied to database: 2.\n", 12, done=("1", "3")),
    Fault(LATE, GOOSE, "goose run: error: found 1 missing migrations before current version 3:\n"
          "\tversion 2: 00002_step.sql\n", 14, done=("1", "3")),
    Fault(EDITED, FLYWAY, "ERROR: Validate failed: Migrations have failed validation\n"
          "Migration checksum mismatch for migration version 2\n-> Applied to database : 1\n-> Resolved locally    : 2\n", 15,
          edit="2"),
    Fault(EDITED, SQLX, "error: migration 2 was previously applied but has been modified\n", 16, edit="2"),
    Fault(UNKNOWN, FLYWAY, "ERROR: Validate failed: Migrations have failed validation\n"
          "Detected applied migration not resolved locally: 3.\n", 13, done=("1", "2", "3"), files=("1", "2")),
    Fault(UNKNOWN, SQLX, "error: migration 2 was previously applied but is missing in the resolved migrations\n", 18,
          done=("1", "2"), files=("1", "3")),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{f.cause}-{f.tool.name}" for f in FAULTS])
async def test_what_the_tool_will_refuse_is_foretold_from_its_table_and_told_from_its_words(
    fault: Fault, tmp_path: Path
) -> None:
    with shop(fault.major, SHOP) as (local, production):
        folder = folder_of(fault.tool, tmp_path / "all")
        applied(production, fault.tool, folder, fault.done)
        given = folder_of(fault.tool, tmp_path / "given", fault.files)
        if fault.edit:
            path = given / fault.tool.file.format(v=fault.edit)
            path.write_text(path.read_text() + "CREATE INDEX ON mail (id);\n")
        planned = await triage(local, production, migration=given, seen="planned")
        assert likely(planned)[:1] == [fault.cause], explain(planned)
        assert OURS & set(likely(planned)) == {fault.cause}, explain(planned)
        state = await triage(local, production, migration=given, error=fault.error)
        assert likely(state) == [fault.cause], explain(state)
        run_the_checks(fault.cause, state, production)
        alone = await triage(None, None, error=fault.error)
        assert likely(alone) == [fault.cause], explain(alone)


@pytest.mark.parametrize("tool", [FLYWAY, SQLX, GOOSE], ids=lambda t: t.name)
async def test_a_history_that_fits_its_files_is_called_nothing(tool: Tool, tmp_path: Path) -> None:
    folder = folder_of(tool, tmp_path / "all")
    with shop(17, SHOP) as (local, production):
        applied(production, tool, folder, ["1"])
        state = await triage(local, production, migration=folder, seen="planned")
        assert causes(state) == [], explain(state)
        assert fact(state, "history.pending") == ["2", "3"]


async def test_a_release_older_than_the_database_is_told_from_a_file_that_was_renamed(tmp_path: Path) -> None:
    with shop(14, SHOP) as (local, production):
        applied(production, FLYWAY, folder_of(FLYWAY, tmp_path / "all"), ("1", "2", "3"))
        older = await triage(local, production, migration=folder_of(FLYWAY, tmp_path / "a", ("1", "2")), seen="planned")
        assert fact(older, "history.unknown_newer") is True
        gap = await triage(local, production, migration=folder_of(FLYWAY, tmp_path / "b", ("1", "3")), seen="planned")
        assert fact(gap, "history.unknown_newer") is False


async def test_a_file_that_drizzle_left_out_is_found_by_what_a_later_one_misses(tmp_path: Path) -> None:
    steps = (
        "CREATE TABLE account (id int);",
        "CREATE TABLE mail (id int);",
        "SELECT 1;",
        "ALTER TABLE mail ADD a int;",
    )
    (tmp_path / "meta").mkdir()
    entries = [{"idx": i, "when": 100 + i, "tag": f"000{i}_s", "version": "7"} for i in range(len(steps))]
    (tmp_path / "meta" / "_journal.json").write_text(json.dumps({"entries": entries}))
    for i, sql in enumerate(steps):
        write(tmp_path, sql + "\n", f"000{i}_s.sql")
    with shop(16, SHOP) as (local, production):
        local.execute("CREATE TABLE mail (id int)")
        production.execute("CREATE SCHEMA drizzle; CREATE TABLE drizzle.__drizzle_migrations (id serial PRIMARY KEY,"
                           " hash text NOT NULL, created_at bigint)")  # fmt: skip
        for i in (0, 2):
            digest = hashlib.sha256((tmp_path / f"000{i}_s.sql").read_bytes()).hexdigest()
            production.execute(
                f"INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('{digest}', {100 + i})"
            )
        planned = await triage(local, production, migration=tmp_path, seen="planned")
        assert likely(planned) == [LATE], explain(planned)
        error = psql(production, tmp_path / "0003_s.sql")
        assert "does not exist" in error
        state = await triage(local, production, migration=tmp_path, error=error)
        assert causes(state)[:1] == [LATE], error + explain(state)
        assert fact(state, "history.late_makers")[0]["version"] == "101"
        run_the_checks(LATE, state, production)


async def test_tools_that_run_late_files_and_ignore_unknown_ones_are_not_said_to_refuse(tmp_path: Path) -> None:
    for version, sql in FILES.items():
        write(tmp_path, f"-- migrate:up\n{sql}\n\n-- migrate:down\nSELECT 1;\n", f"000{version}_step.sql")
    with shop(15, SHOP) as (local, production):
        production.execute("CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)")
        production.execute("INSERT INTO schema_migrations VALUES ('0001'), ('0003'), ('0009')")
        state = await triage(local, production, migration=tmp_path, seen="planned")
        assert OURS.isdisjoint(causes(state)), explain(state)
        assert fact(state, "history.out_of_order") == ["0002"]
