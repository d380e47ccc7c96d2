"""An extension that production keeps in another schema: told from one that is missing, and found after the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.triage.incident import causes, explain, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, run, run_the_checks, shop

CAUSE = "extension-in-other-schema"
SHOP = f'CREATE SCHEMA "My Schema"; CREATE SCHEMA "Ext\'s"; CREATE TABLE {TABLE_SQL} (id int, note text);'
USES = [
    (13, "citext", f"ALTER TABLE {TABLE_SQL} ADD COLUMN mail citext;"),
    (15, "hstore", "SELECT 'a=>1'::hstore;"),
    (18, "pg_trgm", f"SELECT similarity(note, 'x') FROM {TABLE_SQL};"),
]


@pytest.mark.parametrize(("major", "extension", "sql"), USES, ids=[u[1] for u in USES])
async def test_an_extension_outside_the_search_path_is_named_and_found_after_the_fix(
    major: int, extension: str, sql: str, tmp_path: Path
) -> None:
    path = write(tmp_path, sql + "\n")
    with shop(major, SHOP) as (local, production):
        local.execute(f'CREATE EXTENSION "{extension}"')
        missing = psql(production, path)
        state = await triage(local, production, migration=path, error=missing)
        assert likely(state)[:1] == ["extension-not-installed"], explain(state)
        assert CAUSE not in causes(state), explain(state)
        production.execute(f'CREATE EXTENSION "{extension}" WITH SCHEMA "Ext\'s"')
        error = psql(production, path)
        assert "does not exist" in error
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [CAUSE], error + explain(state)
        run_the_checks(CAUSE, state, production)
        [fix] = blocks(CAUSE, state, "fix", changes=True)
        run(production, fix)
        assert "ERROR" not in psql(production, path)
        [back] = blocks(CAUSE, state, "roll_back", changes=True)
        run(production, back)
