"""Settings, words and functions that two majors know differently: told from their neighbours on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runbook.migration.statement import split
from runbook.session.state import State
from tests.playbooks.incident import playbooks
from tests.support import Database, create_database, drop_database, majors
from tests.triage.incident import causes, explain, psql, triage, write


@dataclass(frozen=True)
class Fault:
    """The migration passes on ``here`` and fails on ``there`` for no other reason than the major."""

    cause: str
    migration: str
    here: int
    there: int
    planned: bool = True
    name: str = ""


AGGREGATE = "CREATE AGGREGATE collect (anyelement) (sfunc = array_append, stype = anyarray, initcond = '{}');"
FAULTS = [
    Fault("unknown-setting-on-server", "SET transaction_timeout = 0;", 18, 16, name="dump-of-17"),
    Fault("unknown-setting-on-server", "SET idle_session_timeout = 0; SELECT 1;", 18, 12, name="newer"),
    Fault("unknown-setting-on-server", "SET force_parallel_mode = off;", 15, 18, name="removed"),
    Fault("unknown-setting-on-server", "SET operator_precedence_warning = on;", 13, 16, name="removed-14"),
    Fault("reserved-word-in-newer-major", "CREATE TABLE audit (id int, system_user text);", 15, 18, name="column"),
    Fault("reserved-word-in-newer-major", "CREATE TABLE audit (system_user text);", 12, 16, name="column-16"),
    Fault("behaviour-changed-in-newer-major", "SELECT datlastsysoid FROM pg_database;", 14, 18, name="column"),
    Fault("behaviour-changed-in-newer-major", "SELECT buffers_checkpoint FROM pg_stat_bgwriter;", 16, 18, name="statistics"),
    Fault("behaviour-changed-in-newer-major", "SELECT pg_is_in_backup();", 13, 16, name="function"),
    Fault("behaviour-changed-in-newer-major", AGGREGATE, 13, 14, planned=False, name="anycompatible"),
]  # fmt: skip
IDS = [f"{f.cause}-{f.name}" for f in FAULTS]
OURS = {f.cause for f in FAULTS}


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    fault: Fault = request.getfixturevalue("fault")
    if not {fault.here, fault.there} <= set(majors()):
        pytest.skip(f"takes servers {fault.here} and {fault.there}: `python -m runbook.lab.matrix` fetches them")
    made = [create_database(major) for major in (fault.here, fault.there)]
    yield made[0], made[1]
    for database in made:
        drop_database(database)


def likely(state: State) -> list[str]:
    assert state.diagnosis is not None
    return [c.id for c in state.diagnosis.causes if c.verdict in ("proved", "likely")]


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
async def test_the_cause_is_named_and_no_neighbour_is_called_likely(
    fault: Fault, databases: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = databases
    path = write(tmp_path, fault.migration + "\n")
    assert "ERROR" not in psql(local, path)
    if fault.planned:
        state = await triage(local, production, migration=path, seen="planned")
        assert likely(state) == [fault.cause], explain(state)
    error = psql(production, path)
    assert "ERROR" in error
    state = await triage(local, production, migration=path, error=error)
    assert likely(state) == [fault.cause], error + explain(state)
    rendered = playbooks()[fault.cause].render(state.book())
    with production.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for block in (b for b in rendered.sql if not b.changes):
            assert block.runnable, (block.section, block.missing)
            for statement in split(block.sql)[0]:
                connection.execute(statement.sql.encode())


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
async def test_on_the_same_major_the_cause_is_not_named(
    fault: Fault, databases: tuple[Database, Database], tmp_path: Path
) -> None:
    local, _ = databases
    path = write(tmp_path, fault.migration + "\n")
    state = await triage(local, local, migration=path, seen="planned")
    assert OURS.isdisjoint(causes(state)), explain(state)


NEIGHBOURS = [
    "SELECT * FROM nowhere;",
    "SELECT nothing FROM pg_class;",
    "SELECT no_such_function(1);",
    "CREATE TABLE t (a int;",
    "CREATE TABLE t (a no_such_type);",
    "SET statement_timeout = 'soon';",
]


@pytest.mark.parametrize("migration", NEIGHBOURS)
async def test_what_is_wrong_on_every_major_is_called_none_of_them(
    pair: tuple[Database, Database], tmp_path: Path, migration: str
) -> None:
    local, production = pair
    path = write(tmp_path, migration + "\n")
    state = await triage(local, production, migration=path, error=psql(production, path))
    assert OURS.isdisjoint(causes(state)), explain(state)


async def test_a_parameter_of_an_extension_or_the_application_is_told_with_its_dot(
    pair: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = pair
    local.execute(f"ALTER DATABASE {local.name} SET app.tenant = 'x'")
    path = write(tmp_path, "CREATE TABLE t AS SELECT current_setting('app.tenant') AS tenant;\n")
    assert psql(local, path) == ""
    state = await triage(local, production, migration=path, error=psql(production, path))
    assert likely(state) == ["unknown-setting-on-server"], explain(state)
    text = playbooks()["unknown-setting-on-server"].render(state.book()).sections
    assert "current_setting('app.tenant', true)" in text["fix"]
