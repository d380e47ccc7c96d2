"""Extensions that are older on production: told from missing ones, foretold, and updated; real contrib on real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook.lab.installations import available_majors
from tests.triage.incident import causes, explain, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, nearest, run, run_the_checks, shop

CAUSE = "extension-version-too-old"
SHOP = f'CREATE SCHEMA "My Schema"; CREATE TABLE {TABLE_SQL} (id int, note text)'
USES = f"DELETE FROM {TABLE_SQL} WHERE strict_word_similarity(note, 'x') > 0.9;\n"  # pg_trgm 1.4
OLD, NEW = "CREATE EXTENSION pg_trgm VERSION '1.3'", "CREATE EXTENSION pg_trgm"


def with_contrib(major: int) -> int:
    """The major at hand, if its installation has contrib: the wheel of 16 comes without."""
    found = nearest(major)
    if not list(available_majors()[found].bin.parent.rglob("extension/pg_trgm.control")):
        pytest.skip(f"PostgreSQL {found} has no contrib here")
    return found


@pytest.mark.parametrize("major", [12, 14, 15, 18])
async def test_an_extension_that_was_never_updated_is_named_foretold_and_updated(major: int, tmp_path: Path) -> None:
    path = write(tmp_path, USES)
    with shop(with_contrib(major), SHOP) as (local, production):
        local.execute(NEW if major >= 14 else "CREATE EXTENSION pg_trgm VERSION '1.4'")
        missing = psql(production, path)
        state = await triage(local, production, migration=path, error=missing)
        assert CAUSE not in causes(state), explain(state)
        production.execute(OLD)
        state = await triage(local, production, migration=path, seen="planned")
        assert likely(state) == [CAUSE], explain(state)
        assert psql(local, path) == ""
        error = psql(production, path)
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [CAUSE], error + explain(state)
        run_the_checks(CAUSE, state, production)
        [update] = blocks(CAUSE, state, "fix", changes=True)
        run(production, update)
        assert psql(production, path) == ""
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state) == [], explain(state)


@pytest.mark.parametrize(
    "sql",
    ["CREATE EXTENSION pg_stat_statements VERSION '1.12'", "ALTER EXTENSION pg_stat_statements UPDATE TO '1.12'"],
    ids=["create", "update"],
)
@pytest.mark.parametrize("major", [13, 17])
async def test_a_version_that_productions_files_cannot_give_is_named_and_foretold(
    major: int, sql: str, tmp_path: Path
) -> None:
    path = write(tmp_path, f"{sql};\n")
    with shop(with_contrib(major), SHOP) as (local, production):
        if sql.startswith("ALTER"):
            production.execute("CREATE EXTENSION pg_stat_statements")
            local.execute("CREATE EXTENSION pg_stat_statements VERSION '1.11'")
        state = await triage(local, production, migration=path, seen="planned")
        assert likely(state) == [CAUSE], explain(state)
        assert psql(local, path) == ""
        error = psql(production, path)
        assert "1.12" in error
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [CAUSE], error + explain(state)
        run_the_checks(CAUSE, state, production)
        alone = await triage(None, production, error=error)
        assert likely(alone) == [CAUSE], explain(alone)


async def test_a_version_that_differs_and_lacks_nothing_is_no_cause(tmp_path: Path) -> None:
    path = write(tmp_path, f"DELETE FROM {TABLE_SQL} WHERE similarity(note, 'x') > 0.9;\n")
    with shop(with_contrib(17), SHOP) as (local, production):
        local.execute(NEW)
        production.execute(OLD)
        state = await triage(local, production, migration=path, seen="planned")
        assert CAUSE not in causes(state), explain(state)
        production.execute(
            "DROP EXTENSION pg_trgm; CREATE SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext VERSION '1.3'"
        )
        state = await triage(local, production, migration=path, error=psql(production, path))
        assert likely(state) == ["extension-in-other-schema"], explain(state)
