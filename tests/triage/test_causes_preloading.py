"""A library that production does not preload: named by its own words, foretold, and cured by a restart; real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook.lab.installations import available_majors
from runbook.lab.servers import start_server
from tests.support import Database
from tests.triage.incident import causes, explain, psql, triage, write
from tests.triage.waiting import blocks, likely, nearest, run, run_the_checks, shop

CAUSE = "missing-shared-preload-library"
STATS = "CREATE EXTENSION pg_stat_statements"


@pytest.mark.parametrize("major", [12, 17, 18])
async def test_a_library_that_is_not_preloaded_is_named_and_works_after_a_restart_with_the_whole_list(
    major: int, tmp_path: Path
) -> None:
    found = nearest(major)
    if not list(available_majors()[found].bin.parent.rglob("extension/pg_stat_statements.control")):
        pytest.skip(f"PostgreSQL {found} has no contrib here")
    path = write(tmp_path, "CREATE TABLE slow AS SELECT query FROM pg_stat_statements LIMIT 5;\n")
    servers = [
        start_server(18, settings={"shared_preload_libraries": "pg_stat_statements"}),
        start_server(found, settings={"shared_preload_libraries": "auto_explain"}),
    ]
    try:
        local, production = (Database(server, "postgres") for server in servers)
        for database in (local, production):
            database.execute(STATS)
        state = await triage(local, production, migration=path, seen="planned")
        assert likely(state) == [CAUSE], explain(state)
        assert psql(local, path) == ""
        error = psql(production, path)
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [CAUSE], error + explain(state)
        run_the_checks(CAUSE, state, production)
        [change] = blocks(CAUSE, state, "fix", changes=True)
        run(production, change)
        servers[1].restart()
        assert production.execute("SHOW shared_preload_libraries") == [("auto_explain, pg_stat_statements",)]
        assert psql(production, path) == ""
        state = await triage(local, production, migration=path, seen="planned")
        assert CAUSE not in causes(state), explain(state)
    finally:
        for server in servers:
            server.stop()


@pytest.mark.parametrize(
    "message",
    [
        "pg_stat_statements must be loaded via shared_preload_libraries",  # up to 16
        'pg_stat_statements must be loaded via "shared_preload_libraries"',  # from 17
        "pg_cron can only be loaded via shared_preload_libraries",  # pg_cron, src/pg_cron.c
        "Citus can only be loaded via shared_preload_libraries",  # citus, shared_library_init.c
        "pgaudit must be loaded via shared_preload_libraries",  # pgaudit.c
        'extension "timescaledb" must be preloaded',  # timescaledb, src/extension.c
    ],
)
async def test_the_words_of_each_library_name_it(message: str) -> None:
    code = "XX000" if "pg_cron" in message else "55000"
    state = await triage(None, None, error=f"psql:m.sql:1: ERROR:  {code}: {message}\n")
    assert likely(state) == [CAUSE], explain(state)


@pytest.mark.parametrize(
    "sql", ["CREATE VIEW slow AS SELECT query FROM pg_stat_statements", "CREATE TABLE plain (id int)"]
)
async def test_what_only_names_the_library_or_has_nothing_to_do_with_it_is_no_cause(sql: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"{sql};\n")
    with shop(18, STATS) as (local, production):
        state = await triage(local, production, migration=path, seen="planned")
        assert CAUSE not in causes(state), explain(state)
        assert psql(production, path) == "", "a view on it can be made without the library"
