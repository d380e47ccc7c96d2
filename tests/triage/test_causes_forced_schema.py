"""A provider that wants extensions in its own schema: a real event trigger that says what Heroku's says."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook.lab.installations import available_majors
from tests.support import Database
from tests.triage.incident import causes, explain, psql, triage, write
from tests.triage.waiting import blocks, likely, nearest, run, run_the_checks, shop

CAUSE = "extension-forced-into-schema"
HEROKU = """
    CREATE SCHEMA heroku_ext; CREATE SCHEMA _heroku;
    CREATE FUNCTION _heroku.create_ext() RETURNS event_trigger LANGUAGE plpgsql AS $$
    DECLARE made record;
    BEGIN
        FOR made IN SELECT e.extname, n.nspname FROM pg_event_trigger_ddl_commands() d
            JOIN pg_extension e ON e.oid = d.objid JOIN pg_namespace n ON n.oid = e.extnamespace
        LOOP
            IF made.nspname <> 'heroku_ext' THEN
                RAISE EXCEPTION 'Extensions can only be created on heroku_ext schema';
            END IF;
        END LOOP;
    END $$;
    CREATE EVENT TRIGGER extension_before_create ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION')
        EXECUTE FUNCTION _heroku.create_ext();
"""


def with_contrib(major: int) -> int:
    found = nearest(major)
    if not list(available_majors()[found].bin.parent.rglob("extension/citext.control")):
        pytest.skip(f"PostgreSQL {found} has no contrib here")
    return found


def provided(production: Database) -> None:
    """What the provider does by itself: its schema is the first of the path, so that nobody has to name it."""
    production.execute(HEROKU)
    production.execute(f"ALTER DATABASE {production.name} SET search_path = heroku_ext, public")


@pytest.mark.parametrize("major", [13, 15, 18])
async def test_a_schema_that_the_provider_refuses_is_named_foretold_and_left_out(major: int, tmp_path: Path) -> None:
    path = write(tmp_path, "CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;\n")
    with shop(with_contrib(major), "SELECT 1") as (local, production):
        state = await triage(local, production, migration=path, seen="planned")
        assert CAUSE not in causes(state), explain(state)
        provided(production)
        state = await triage(local, production, migration=path, seen="planned")
        assert likely(state) == [CAUSE], explain(state)
        assert psql(local, path) == ""
        error = psql(production, path)
        assert "heroku_ext" in error
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [CAUSE], error + explain(state)
        run_the_checks(CAUSE, state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == [CAUSE], explain(alone)
        [without] = blocks(CAUSE, state, "fix", changes=True, on="file")
        run(production, without)
        state = await triage(local, production, migration=path, seen="planned")
        assert CAUSE not in causes(state), explain(state)
        assert "ERROR" not in psql(production, path), "it is there already"


async def test_an_extension_without_a_schema_is_no_cause(tmp_path: Path) -> None:
    path = write(tmp_path, "CREATE EXTENSION citext;\n")
    with shop(with_contrib(17), "SELECT 1") as (local, production):
        provided(production)
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state) == [], explain(state)
        assert psql(production, path) == ""
