"""The SQL of the playbooks on poolers and connections runs on every major, whatever roles and databases are called."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from runbook.diagnosis.facts import Fact, FactBook
from runbook.migration.statement import split
from runbook.playbook import SqlBlock
from tests.playbooks.incident import playbooks
from tests.support import Database

CAUSES = (
    "pooler-loses-session-state",
    "pooler-breaks-prepared-statements",
    "pooler-rejects-startup-options",
    "pooler-orphans-advisory-lock",
    "connected-to-wrong-database",
    "role-connection-limit",
    "pool-exhausted-by-lock-queue",
)
ROLE, Q_ROLE = 'Deploy\'s "own"', '"Deploy\'s ""own"""'


def hostile(database: Database, **facts: Any) -> FactBook:
    """The samples, with names that break whoever quotes by hand; ``__`` in a keyword stands for the dot of a fact."""
    samples = FactBook.of_samples()
    setting = dict(samples.value("pooling.session_state")[0])
    values = {
        "production.major": database.major,
        "production.database": database.name,
        "production.role": ROLE,
        "pooling.session_state": [setting, setting | {"name": "search_path", "value": '"My Schema", it\'s'}],
        **{name.replace("__", "."): value for name, value in facts.items()},
    }
    return samples.with_facts(Fact(id_, value, "test", "test") for id_, value in values.items())


@pytest.fixture
def shop(matrix_database: Database) -> Any:
    matrix_database.execute(f"CREATE ROLE {Q_ROLE} LOGIN")
    yield matrix_database
    matrix_database.execute(f"DROP OWNED BY {Q_ROLE}; DROP ROLE {Q_ROLE}")


def blocks(
    database: Database, cause: str, section: str, *, changes: bool, on: str = "production", **facts: Any
) -> list[SqlBlock]:
    found = playbooks()[cause].render(hostile(database, **facts)).sql
    return [b for b in found if b.section == section and b.changes == changes and b.on == on]


def run(connection: psycopg.Connection[Any], sql: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for statement in split(sql)[0]:
        cursor = connection.execute(statement.sql.encode())
        rows = cursor.fetchall() if cursor.description else []
    return rows


@pytest.mark.parametrize("cause", CAUSES)
def test_every_look_runs_on_every_major_and_writes_nothing(shop: Database, cause: str) -> None:
    checks = [b for b in playbooks()[cause].render(hostile(shop)).sql if not b.changes and b.on == "production"]
    assert checks
    with shop.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for check in checks:
            assert check.runnable, (check.section, check.missing)
            try:
                run(connection, check.sql)
            except psycopg.Error as error:
                raise AssertionError(f"{check.section}: {check.sql}") from error


@pytest.mark.parametrize("cause", CAUSES)
def test_with_nothing_known_every_value_is_a_named_gap_and_nothing_is_run(cause: str) -> None:
    for block in playbooks()[cause].render(FactBook()).sql:
        assert block.runnable or block.missing
        if block.changes:
            assert "''" not in block.sql, block.sql


def test_a_setting_that_travels_with_its_transaction_is_gone_after_it_and_the_roles_own_is_there(
    shop: Database,
) -> None:
    cause = "pooler-loses-session-state"
    [in_file] = blocks(shop, cause, "fix", changes=True, on="file")
    [of_role] = blocks(shop, cause, "fix", changes=True)
    [check] = [b for b in blocks(shop, cause, "verify", changes=False) if "pg_settings" in b.sql]
    [reset] = blocks(shop, cause, "roll_back", changes=True)
    with shop.connect(ROLE) as connection:
        during = in_file.sql.replace(
            "-- here the migration's statements",
            "CREATE TEMP TABLE seen AS SELECT current_setting('lock_timeout') AS value;",
        )
        assert during != in_file.sql
        run(connection, during)
        assert run(connection, "SELECT value, current_setting('lock_timeout') FROM seen") == [("5s", "0")]
        assert run(connection, check.sql) == []
        connection.execute("SET lock_timeout = '7s'")
        assert run(connection, check.sql) == [("lock_timeout", "7000")]
    with shop.connect() as connection:
        run(connection, of_role.sql)
    assert shop.execute("SHOW lock_timeout", ROLE) == [("5s",)]
    with shop.connect() as connection:
        run(connection, reset.sql)
    assert shop.execute("SHOW lock_timeout", ROLE) == [("0",)]


@pytest.mark.parametrize(
    ("parameter", "setting", "value"),
    [("options", "lock_timeout", "2s"), ("search_path", "search_path", '"My Schema", public')],
)
def test_a_setting_of_the_role_takes_the_place_of_the_connection_strings(
    shop: Database, parameter: str, setting: str, value: str
) -> None:
    cause = "pooler-rejects-startup-options"
    given: dict[str, Any] = {"pooling__startup_parameter": parameter, "local__search_path": ["My Schema", "public"]}
    before = shop.execute(f"SHOW {setting}", ROLE)
    [of_role] = blocks(shop, cause, "fix", changes=True, **given)
    [check] = blocks(shop, cause, "verify", changes=False, **given)
    [reset] = blocks(shop, cause, "roll_back", changes=True, **given)
    with shop.connect() as connection:
        run(connection, of_role.sql)
    assert shop.execute(f"SHOW {setting}", ROLE) == [(value,)]
    with shop.connect(ROLE) as connection:
        assert (setting, "user") in {(row[0], row[3]) for row in run(connection, check.sql)}
    with shop.connect() as connection:
        run(connection, reset.sql)
    assert shop.execute(f"SHOW {setting}", ROLE) == before


def test_the_job_that_checks_where_it_is_stops_in_another_database(shop: Database) -> None:
    cause = "connected-to-wrong-database"
    [guard] = blocks(shop, cause, "prevent", changes=False, on="file", target__other=shop.name)
    [elsewhere] = blocks(shop, cause, "prevent", changes=False, on="file", target__other='Meant\'s "own"')
    with shop.connect() as connection:
        run(connection, guard.sql)
        with pytest.raises(psycopg.errors.RaiseException, match="not the one to migrate"):
            run(connection, elsewhere.sql)
