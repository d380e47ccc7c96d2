"""Whoever points at the whole folder of migrations means what production has yet to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import Database
from tests.triage.incident import causes, explain, psql, triage

FILES = {
    "20240101_accounts.sql": "CREATE SCHEMA crm;\nCREATE TABLE crm.account (id bigint PRIMARY KEY, email text, fax text);",
    "20240215_drop_fax.sql": "ALTER TABLE crm.account DROP COLUMN fax;",
    "20240301_email_required.sql": "ALTER TABLE crm.account ALTER COLUMN email SET NOT NULL;",
}
DONE = ["20240101", "20240215"]
HISTORY = "CREATE TABLE schema_migrations (version varchar PRIMARY KEY);"


@pytest.fixture
def folder(pair: tuple[Database, Database], tmp_path: Path) -> Path:
    """A dbmate folder of three files; production has run two of them, local all."""
    for name, sql in FILES.items():
        (tmp_path / name).write_text(f"-- migrate:up\n{sql}\n\n-- migrate:down\nSELECT 1;\n")
    local, production = pair
    for side, count in ((local, 3), (production, 2)):
        side.execute(HISTORY)
        for name in list(FILES)[:count]:
            side.execute(FILES[name])
            side.execute(f"INSERT INTO schema_migrations VALUES ('{name.split('_')[0]}')")
    return tmp_path


async def test_what_production_has_applied_already_is_no_obstacle(
    pair: tuple[Database, Database], folder: Path
) -> None:
    state = await triage(*pair, migration=folder, seen="planned")
    assert causes(state) == [], explain(state)
    assert state.steps["history"].summary == "1 pending on production: 20240301"
    assert state.steps["schema"].verdict != "attention", explain(state)


async def test_the_error_of_a_pending_file_is_that_file_s(
    pair: tuple[Database, Database], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _, production = pair
    production.execute("INSERT INTO crm.account VALUES (1, NULL)")
    file = tmp_path_factory.mktemp("next") / "next.sql"
    file.write_text(FILES["20240301_email_required.sql"])
    state = await triage(*pair, migration=folder, error=psql(production, file))
    assert causes(state)[:1] == ["not-null-violation"], explain(state)
    assert state.book().value("failing.file").endswith("20240301_email_required.sql")


async def test_old_code_is_found_by_what_an_applied_file_took_away(
    pair: tuple[Database, Database], folder: Path
) -> None:
    error = 'ERROR:  column "fax" does not exist\nSTATEMENT:  SELECT id, fax FROM crm.account WHERE id = 1'
    state = await triage(*pair, migration=folder, error=error, seen="broken")
    assert causes(state)[:1] == ["old-code-uses-removed-column"], explain(state)
