"""The files that a safe sequence becomes for a runner are read by that runner's own parser as promised."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook.migration import Catalog, load, parse
from runbook.migration.model import Migration
from runbook.migration.runner_files import ALONE, MARKS, files, for_runner, runs_alone
from runbook.migration.safe_forms import safe_form
from runbook.migration.sources import RUNNERS
from tests.migration.test_forecast import catalog, table

RUNNERS_OF_SQL_FILES = (
    "psql", "flyway", "golang-migrate", "goose", "dbmate", "sqlx", "atlas", "liquibase", "prisma",
)  # fmt: skip
CASES = {
    "index": ("CREATE INDEX i ON users (email)", "create-index-blocks-writes"),
    "unique": ("ALTER TABLE users ADD CONSTRAINT q UNIQUE (email)", "scan-under-exclusive-lock"),
    "check": ("ALTER TABLE users ADD CONSTRAINT c CHECK (id > 0)", "scan-under-exclusive-lock"),
    "backfill": ("UPDATE users SET email = lower(email)", "unbatched-backfill"),
    "default": ("ALTER TABLE users ADD COLUMN u uuid NOT NULL DEFAULT gen_random_uuid()", "table-rewrite"),
    "rename": ("ALTER TABLE users RENAME TO people", "old-code-uses-removed-column"),
    "type": ("ALTER TABLE users ALTER COLUMN email TYPE varchar(10)", "table-rewrite"),
}


def steps(name: str, runner: str) -> tuple[str, ...]:
    sql, hazard = CASES[name]
    found = safe_form(parse(f"{sql};").statements[0], catalog(table("users")), hazard, runner)
    assert found
    return found


def written(folder: Path, name: str, runner: str) -> Migration:
    made = files(steps(name, runner), runner, 20240101, "safe")
    assert made
    for one in made:
        path = folder / one.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(one.text)
    return load([folder], runner=runner)


@pytest.mark.parametrize("runner", RUNNERS_OF_SQL_FILES)
@pytest.mark.parametrize("name", CASES)
def test_the_files_of_a_runner_have_the_steps_and_the_transactions_that_are_promised(
    tmp_path: Path, name: str, runner: str
) -> None:
    migration = written(tmp_path, name, runner)
    promised = steps(name, runner)
    assert migration.runner == runner
    assert not migration.problems
    assert len(migration.files) == len(promised)
    for file, step in zip(migration.files, promised, strict=True):
        plain = parse(step).statements
        kinds = [s.kind for s in plain if runner == "psql" or s.kind not in ("BEGIN", "COMMIT")]
        assert [s.kind for s in file.statements] == kinds
        assert all(s.problem is None for s in file.statements)
        if runs_alone(step):
            # Nothing is open before it: CONCURRENTLY, and COMMIT in a block, are allowed.
            assert not any(s.in_transaction for s in file.statements)
        elif runner in ("golang-migrate", "prisma"):
            # One string: several statements are one transaction, one alone is its own.
            assert all(s.in_transaction is (len(kinds) > 1) for s in file.statements)
        elif runner != "psql":
            assert all(s.in_transaction for s in file.statements)


def test_each_step_outside_a_transaction_says_how_this_runner_does_it() -> None:
    for runner in RUNNERS_OF_SQL_FILES:
        (step,) = steps("index", runner)
        assert step.startswith(f"{ALONE} ({MARKS[runner]})\n")
        assert "CONCURRENTLY" in step
    assert for_runner(("SELECT 1;",), "flyway") == ("SELECT 1;",)
    assert set(RUNNERS) <= set(MARKS)


def test_what_a_runner_cannot_do_is_not_written_as_its_files() -> None:
    for runner in ("drizzle", "alembic", "django", "rails"):
        assert files(steps("index", runner), runner, 1, "safe") is None
    made = files(steps("check", "drizzle"), "drizzle", 1, "safe")
    assert made is not None
    assert [f.path for f in made] == ["0001_safe_1.sql", "0002_safe_2.sql"]


def test_concurrently_refused_inside_the_runners_transaction_comes_with_the_runners_mark() -> None:
    from runbook.migration import forecast

    sql = "-- +goose Up\nCREATE INDEX CONCURRENTLY i ON users (email);\n"
    (found,) = forecast(parse(sql, runner="goose"), Catalog.assumed()).statements
    (hazard,) = (h for h in found.hazards if h.id == "not-allowed-in-transaction")
    assert hazard.safe_sql is not None
    assert "-- +goose NO TRANSACTION" in hazard.safe_sql[0]
