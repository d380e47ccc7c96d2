"""``runbook check --rehearse`` as people and pipelines call it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.rehearsal.digest import digest, sessions
from tests.support import Database, eventually, holding_lock
from tests.test_cli import document, runbook

SHOP = """
CREATE TABLE orders (id int PRIMARY KEY, total int);
INSERT INTO orders SELECT g, g FROM generate_series(1, {rows}) g;
ANALYZE;
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def migration(home: Path) -> Path:
    path = home / "0007_orders.sql"
    path.write_text("ALTER TABLE orders ADD COLUMN email text;\nCREATE INDEX CONCURRENTLY ON orders (email);\n")
    return path


def test_the_document_holds_the_rehearsal_and_matches_its_schema(
    pair: tuple[Database, Database], home: Path, migration: Path
) -> None:
    local, production = pair
    for side, rows in ((local, 100), (production, 5000)):
        side.execute(SHOP.format(rows=rows))
    before, there = digest(local), digest(production)
    sides = ["--local", local.dsn(), "--production", production.dsn()]
    done = runbook("check", "--rehearse", str(migration), *sides, "--format", "json", home=home)
    assert done.returncode == 0, done.stderr
    found = document(done)
    jsonschema.validate(found, json.loads(runbook("schema", "check", home=home).stdout))
    rehearsal = found["rehearsal"]
    assert (rehearsal["mode"], rehearsal["outcome"], rehearsal["compared"]) == ("rollback", "completed", 1)
    first, second = rehearsal["statements"]
    existing = [lock for lock in first["locks"] if lock["pre_existing"]]
    assert existing == [{"relation": "public.orders", "mode": "AccessExclusiveLock", "pre_existing": True}]
    assert first["agrees"] is True
    assert second["status"] == "not_rehearsed"
    assert second["sizes"] == [{"relation": "public.orders", "local_rows": 100.0, "production_rows": 5000.0}]
    assert found["basis"] == "production"
    assert (digest(local), digest(production)) == (before, there)


def test_text_and_markdown_show_what_was_measured(database: Database, home: Path, migration: Path) -> None:
    database.execute(SHOP.format(rows=100))
    for format_ in ("text", "markdown"):
        done = runbook("check", str(migration), "--rehearse", "--local", database.dsn(), "--format", format_, home=home)
        assert done.returncode == 0, done.stderr
        assert "1 of 2 statements ran" in done.stdout
        assert "1 of 1 did as forecast" in done.stdout
        assert "cannot run in a transaction" in done.stdout


def test_commit_is_asked_for_in_so_many_words(database: Database, home: Path, migration: Path) -> None:
    database.execute(SHOP.format(rows=100))
    done = runbook("check", str(migration), "--rehearse=commit", "--local", database.dsn(), home=home)
    assert done.returncode == 0, done.stderr
    assert "2 of them committed" in done.stdout
    assert database.execute("SELECT indexname FROM pg_indexes WHERE indexname ~ 'email'") == [("orders_email_idx",)]


def test_a_failing_statement_fails_the_check_unless_nothing_may(database: Database, home: Path) -> None:
    path = home / "0008_fails.sql"
    path.write_text("SELECT 1 / 0;\n")
    call = ["check", str(path), "--rehearse", "--local", database.dsn()]
    done = runbook(*call, home=home)
    assert done.returncode == 1
    assert "FAILED with 22012" in done.stdout
    assert runbook(*call, "--fail-on", "never", home=home).returncode == 0


def test_what_is_refused_is_a_wrong_call_and_what_is_away_cannot_be_asked(
    database: Database, home: Path, migration: Path
) -> None:
    call = ["check", str(migration), "--rehearse"]
    assert "needs the local side" in runbook(*call, home=home).stderr
    same = runbook(*call, "--local", database.dsn(), "--production", database.dsn(), home=home)
    assert same.returncode == 2
    assert "it is the server of production" in same.stderr
    assert same.stdout == ""
    away = runbook(*call, "--local", "postgresql://127.0.0.1:1/shop", home=home)
    assert away.returncode == 3


def test_a_side_that_is_configured_as_production_is_refused_by_its_name(
    database: Database, home: Path, migration: Path
) -> None:
    (home / "runbook.toml").write_text(f'[sides.production]\ndsn = "{database.dsn()}"\nname = "eu-1"\n')
    for local in ("production", database.dsn()):
        done = runbook("check", str(migration), "--rehearse", "--local", local, home=home)
        assert done.returncode == 2, done.stderr
        assert "it is the server of eu-1" in done.stderr


async def test_a_database_where_somebody_is_at_work_is_left_alone(
    database: Database, home: Path, migration: Path
) -> None:
    database.execute(SHOP.format(rows=100))
    async with holding_lock(database.dsn(), "LOCK TABLE orders"):
        done = runbook("check", str(migration), "--rehearse", "--local", database.dsn(), home=home)
    assert done.returncode == 2
    assert "at work in the database" in done.stderr


def test_the_limit_ends_with_its_own_code(database: Database, home: Path) -> None:
    path = home / "0009_slow.sql"
    path.write_text("SELECT pg_sleep(120);\n")
    done = runbook("check", str(path), "--rehearse", "--rehearse-limit", "2", "--local", database.dsn(), home=home)
    assert done.returncode == 4, done.stderr
    eventually(lambda: sessions(database) == 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_rehearsal_says_how_far_it_came_and_leaves_nothing(
    database: Database, home: Path, number: signal.Signals
) -> None:
    database.execute(SHOP.format(rows=100))
    before = digest(database)
    path = home / "0010_slow.sql"
    path.write_text("DELETE FROM orders;\nSELECT pg_sleep(120);\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "RUNBOOK"))} | {"HOME": str(home)}
    client = subprocess.Popen(
        [sys.executable, "-m", "runbook", "check", str(path), "--rehearse", "--local", database.dsn()],
        stdout=subprocess.PIPE, text=True, env=environment, cwd=home,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    try:
        eventually(lambda: database.execute(sleeping), deadline_s=60)
        client.send_signal(number)
        printed, _ = client.communicate(timeout=60)
    finally:
        client.kill()
        client.wait(30)
    assert client.returncode == 130
    assert "interrupted" in printed
    assert digest(database) == before
    eventually(lambda: sessions(database) == 0)


def test_of_a_folder_only_what_local_has_yet_to_run_is_rehearsed(database: Database, home: Path) -> None:
    folder = home / "migrations"
    folder.mkdir()
    (folder / "000001_orders.up.sql").write_text("CREATE TABLE orders (id int PRIMARY KEY);\n")
    (folder / "000002_email.up.sql").write_text("ALTER TABLE orders ADD COLUMN email text;\n")
    database.execute("CREATE TABLE orders (id int PRIMARY KEY)")
    database.execute("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
    database.execute("INSERT INTO schema_migrations VALUES (1, false)")
    done = runbook("check", str(folder), "--rehearse", "--local", database.dsn(), "--format", "json", home=home)
    assert done.returncode == 0, done.stderr
    statements = document(done)["rehearsal"]["statements"]
    assert [(s["kind"], s["status"]) for s in statements] == [("ALTER TABLE", "ran")]
