"""The tool's own lock: held by a living run, left by a dead one, or somebody else's lock altogether."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from runbook.triage.tool_lock import tool_of
from tests.support import Database, eventually, holding_lock, waiting_for_lock
from tests.triage.incident import causes, explain, fact, in_thread, triage, write
from tests.triage.test_causes_by_looking import running
from tests.triage.waiting import blocks, likely, run, run_the_checks, shop

TEXTS = Path(__file__).parent.parent / "failure" / "texts"
HELD, STALE = "migration-lock-held", "stale-migration-lock-row"
SHOP = "CREATE TABLE orders (id int PRIMARY KEY, note text)"
SQL = "ALTER TABLE orders ADD COLUMN email text;\n"


@dataclass(frozen=True)
class Tool:
    """How a tool locks in a database of that name, and what it prints when it cannot."""

    name: str
    key: Callable[[str], int]
    error: str
    major: int


TOOLS = [
    Tool("prisma", lambda _: 72707369, (TEXTS / "prisma-p1002.txt").read_text(), 12),
    Tool(
        "rails",
        lambda name: 2053462845 * zlib.crc32(name.encode()),
        (TEXTS / "rails-concurrent.txt").read_text(),
        14,
    ),
    # migrate.go, ErrLocked
    Tool(
        "golang-migrate",
        lambda name: zlib.crc32(f"public\0schema_migrations\0{name}".encode()) * 1486364155 & 0xFFFFFFFF,
        "error: can't acquire database lock\n",
        16,
    ),
    # PostgreSQLAdvisoryLockTemplate.java, with the hash code of "public"."flyway_schema_history"
    Tool(
        "flyway",
        lambda _: int.from_bytes(b"Flyway") - 1_094_352_563,
        "org.flywaydb.core.internal.exception.FlywaySqlException: Number of retries exceeded while attempting to acquire "
        "PostgreSQL advisory lock. Configure the number of retries with the 'lockRetryCount' configuration option\n",
        18,
    ),
]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda t: t.name)
async def test_the_session_that_holds_the_tools_lock_is_named_and_the_fix_lets_it_go(
    tool: Tool, tmp_path: Path
) -> None:
    with shop(tool.major, SHOP) as (local, production):
        path = write(tmp_path, SQL)
        take = f"SELECT pg_advisory_lock({tool.key(production.name)})"
        async with await _idle(production, take):
            state = await triage(local, production, migration=path, error=tool.error)
            assert likely(state) == [HELD], explain(state)
            assert fact(state, "tool_lock.tool") == tool.name
            assert fact(state, "tool_lock.holder")["application_name"] == "yesterday"
            run_the_checks(HELD, state, production)
            # what people try first does not help
            [key] = [fact(state, "tool_lock.key")]
            assert production.execute(f"SELECT pg_advisory_unlock({key})") == [(False,)]
            pid = fact(state, "tool_lock.holder")["pid"]
            assert production.execute(f"SELECT pg_cancel_backend({pid})") == [(True,)]
            look, *_ = blocks(HELD, state, "fix", changes=False)
            assert [row[0] for row in run(production, look)] == [pid]
            assert run(production, blocks(HELD, state, "fix", changes=True)[0]) == [(True,)]
            await in_thread(eventually, lambda: run(production, look) == [])
        state = await triage(local, production, migration=path, error=tool.error)
        assert likely(state) == [HELD], explain(state)
        assert fact(state, "tool_lock.kind") == "none", "it has ended; the tool's own words remain"
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state) == [], explain(state)


async def test_a_run_that_hangs_on_the_lock_is_seen_without_any_error(tmp_path: Path) -> None:
    folder = tmp_path / "migrations" / "20240102000000_email"
    folder.mkdir(parents=True)
    path = write(folder, SQL, "migration.sql")
    with shop(17, SHOP) as (local, production):
        async with await _idle(production, "SELECT pg_advisory_lock(72707369)"):
            state = await triage(local, production, migration=path.parent, seen="planned")
            assert likely(state) == [HELD], explain(state)
            async with waiting_for_lock(
                production.dsn(), "SELECT pg_advisory_lock(72707369)", application_name="deploy"
            ):
                state = await triage(local, production, migration=path.parent, seen="hanging")
        assert likely(state) == [HELD], explain(state)
        assert fact(state, "tool_lock.waiters") == 1


async def test_locks_of_the_application_are_not_taken_for_the_tools(tmp_path: Path) -> None:
    path = write(tmp_path, SQL)
    with shop(15, SHOP) as (local, production):
        async with AsyncExitStack() as stack:
            for take in ("pg_advisory_lock(42)", "pg_advisory_lock(7, 72707369)", "pg_advisory_lock_shared(72)"):
                await stack.enter_async_context(await _idle(production, f"SELECT {take}"))
            state = await triage(local, production, migration=path, seen="planned")
            assert causes(state) == [], explain(state)
            state = await triage(local, production, migration=path, error=TOOLS[0].error)
            assert likely(state) == [HELD], explain(state)
            assert not state.book().facts["tool_lock.holder"].known, "ending one of these would hit a stranger"


async def test_the_run_that_is_at_work_holds_its_own_lock_and_that_is_no_cause(tmp_path: Path) -> None:
    path = write(tmp_path, "UPDATE orders SET note = pg_sleep(60)::text;\n")
    with shop(13, f"{SHOP}; INSERT INTO orders VALUES (1)") as (local, production):
        async with (
            await _idle(production, "SELECT pg_advisory_lock(72707369)", application_name="deploy"),
            running(production.dsn(), path.read_text(), application_name="deploy"),
        ):
            state = await triage(local, production, migration=path, seen="running")
        assert HELD not in causes(state), explain(state)


def test_a_tools_key_is_computed_as_the_tool_does() -> None:
    # the first from sqlx's own users, who print it beside the name of the database
    assert tool_of(2_771_974_297_191_923_538, "zone") == "sqlx"
    assert tool_of(2_771_974_297_191_923_538, "zone_test") == ""
    assert tool_of(4097083626, "any") == "goose"
    assert tool_of(-8525285245963000605, "any") == "postgres-migrations"


# -- marks in a table -------------------------------------------------------------------------------------------

# As the tools make them: liquibase-core CreateDatabaseChangeLogLockTable, knex lib/migrations/migrate/table-creator.js
MARKS = {
    "liquibase": """
        CREATE TABLE databasechangelog (id varchar(255) NOT NULL, author varchar(255) NOT NULL, filename varchar(255) NOT NULL,
            dateexecuted timestamp NOT NULL, orderexecuted int NOT NULL, exectype varchar(10) NOT NULL, md5sum varchar(35));
        CREATE TABLE databasechangeloglock (id int PRIMARY KEY, locked boolean NOT NULL, lockgranted timestamp, lockedby varchar(255));
        INSERT INTO databasechangeloglock VALUES (1, {taken}, now() - interval '2 hours', 'it''s-pod-7f9c (10.1.2.3)');
        UPDATE databasechangeloglock SET lockedby = NULL, lockgranted = NULL WHERE NOT locked;
    """,
    "knex": """
        CREATE TABLE knex_migrations (id serial PRIMARY KEY, name varchar(255), batch int, migration_time timestamptz);
        CREATE TABLE knex_migrations_lock (index serial PRIMARY KEY, is_locked int);
        INSERT INTO knex_migrations_lock (is_locked) SELECT {taken}::int;
    """,
}
REFUSALS = {
    "liquibase": (TEXTS / "liquibase-lock.txt").read_text(),
    "knex": (TEXTS / "real-knex-locked.txt").read_text(),
}


@pytest.mark.parametrize(("tool", "major"), [("liquibase", 12), ("knex", 17)])
async def test_a_mark_without_any_run_is_left_over_and_the_fix_takes_it_away(
    tool: str, major: int, tmp_path: Path
) -> None:
    path = write(tmp_path, SQL)
    with shop(major, SHOP) as (local, production):
        local.execute(MARKS[tool].format(taken=False))
        production.execute(MARKS[tool].format(taken=True))
        state = await triage(local, production, migration=path, error=REFUSALS[tool])
        assert likely(state) == [STALE], explain(state)
        run_the_checks(STALE, state, production)
        state = await triage(local, production, migration=path, seen="hanging")
        assert likely(state) == [STALE], explain(state)
        run(production, blocks(STALE, state, "fix", changes=True)[0])
        assert run(production, blocks(STALE, state, "verify", changes=False)[0]) == []
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state) == [], explain(state)


async def test_a_mark_whose_run_may_be_alive_is_not_called_left_over(tmp_path: Path) -> None:
    path = write(tmp_path, SQL)
    with shop(16, SHOP) as (local, production):
        production.execute(MARKS["liquibase"].format(taken=True))
        async with holding_lock(production.dsn(), "ALTER TABLE orders ADD COLUMN b int", application_name="liquibase"):
            state = await triage(local, production, migration=path, error=REFUSALS["liquibase"])
            assert likely(state) == [HELD], explain(state)
            answered = [("other_run", "no")]
            state = await triage(local, production, migration=path, error=REFUSALS["liquibase"], answers=answered)
            assert likely(state) == [STALE], explain(state)


async def test_a_mark_does_not_explain_an_error_of_the_server(tmp_path: Path) -> None:
    path = write(tmp_path, SQL)
    with shop(14, SHOP) as (local, production):
        production.execute(MARKS["liquibase"].format(taken=True))
        error = 'psql:m.sql:1: ERROR:  42701: column "email" of relation "orders" already exists'
        state = await triage(local, production, migration=path, error=error)
        assert STALE not in likely(state), explain(state)


async def _idle(production: Database, sql: str, application_name: str = "yesterday") -> AsyncExitStack:
    """A session that ran ``sql`` and committed: what it holds, it holds as a session."""
    stack = AsyncExitStack()
    connection = await stack.enter_async_context(holding_lock(production.dsn(), sql, application_name=application_name))
    await connection.commit()
    return stack
