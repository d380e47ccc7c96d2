"""Poolers, limits and wrong addresses: each fault is met by real clients through a real PgBouncer or on a real server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import pytest

from runbook.lab.installations import available_majors
from runbook.playbook import load
from runbook.session.live import LiveSession, Options, SideChoice
from runbook.sql import quote_ident
from tests.pooling import Pooler, pooler
from tests.support import Database, eventually, holding_lock, wait_until, waiting_for_lock
from tests.triage.incident import causes, explain, fact, in_thread, psql, triage, write
from tests.triage.waiting import blocks, likely, run, run_the_checks, shop

TEXTS = Path(__file__).parent.parent / "failure" / "texts"

STATE = "pooler-loses-session-state"
SHOP = 'CREATE SCHEMA "My Schema"; CREATE TABLE "My Schema".orders (id int PRIMARY KEY, total int);'


def through(pooled: Pooler, file: Path, *options: str) -> str:
    """Run a file with the real psql through the pooler; what it printed on stderr."""
    program = str(available_majors()[18].bin / "psql")
    command = [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, "-f", str(file), pooled.dsn()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr


def client(dsn: str, name: str = "web") -> psycopg.Connection[tuple[object, ...]]:
    """A client of the pooler that prepares nothing on the server."""
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=None, application_name=name)


def refused_sql(connection: psycopg.Connection[tuple[object, ...]], sql: str) -> str:
    """The error of ``sql`` as psql would print it."""
    try:
        connection.execute(sql.encode())
    except psycopg.Error as error:
        return f"ERROR:  {error.sqlstate}: {error.diag.message_primary}\nSTATEMENT:  {sql}"
    raise AssertionError(f"it ran: {sql}")


# -- what a session keeps ------------------------------------------------------------------------------------------------

SET = "SET search_path = \"My Schema\"; SET lock_timeout = '3s'; ALTER TABLE orders ADD COLUMN note text;\n"


@pytest.mark.parametrize("major", [12, 15, 18])
async def test_settings_of_a_session_are_foretold_to_be_lost_and_left_through_a_pooler(
    major: int, tmp_path: Path
) -> None:
    path = write(tmp_path, SET)
    with shop(major, SHOP) as (local, production), pooler(production) as pooled:
        state = await triage(local, production, migration=path, seen="planned")
        assert fact(state, "pooling.mode") == "none"
        assert STATE not in causes(state), explain(state)
        state = await triage(local, None, production_dsn=pooled.dsn(), migration=path, seen="planned")
        assert likely(state) == [STATE], explain(state)
        assert [s["name"] for s in fact(state, "pooling.lost")] == ["search_path", "lock_timeout"]
        run_the_checks(STATE, state, production)
        direct = write(
            tmp_path, "SET LOCAL lock_timeout = '3s'; ALTER TABLE \"My Schema\".orders ADD note text;", "1.sql"
        )
        state = await triage(local, None, production_dsn=pooled.dsn(), migration=direct, seen="planned")
        assert STATE not in causes(state), explain(state)


async def test_a_pooler_that_lends_whole_sessions_keeps_what_is_set(tmp_path: Path) -> None:
    path = write(tmp_path, SET)
    with shop(16, SHOP) as (local, production), pooler(production, mode="session", size=4) as pooled:
        state = await triage(local, None, production_dsn=pooled.dsn(), migration=path, seen="planned")
        assert fact(state, "pooling.between") is True
        assert likely(state) == [], explain(state)
        answers = [("pool_mode", "session")]
        state = await triage(local, None, production_dsn=pooled.dsn(), migration=path, seen="planned", answers=answers)
        assert STATE not in causes(state), explain(state)
        answers = [("pool_mode", "transaction")]
        state = await triage(local, None, production_dsn=pooled.dsn(), migration=path, seen="planned", answers=answers)
        assert likely(state) == [STATE], explain(state)


@pytest.mark.parametrize("major", [13, 17])
async def test_what_the_migration_left_on_a_pooled_connection_is_found_where_the_application_fails(
    major: int, tmp_path: Path
) -> None:
    # The first lines of every dump, and a table of the application that is then not found.
    dump = "SELECT pg_catalog.set_config('search_path', '', false);\nALTER TABLE \"My Schema\".orders ADD note text;\n"
    path = write(tmp_path, dump)
    with shop(major, SHOP + "CREATE TABLE carts (id int)") as (local, production), pooler(production) as pooled:
        with client(pooled.dsn()) as web:
            web.execute("SELECT id FROM carts")
            assert "ERROR" not in through(pooled, path)
            error = refused_sql(web, "SELECT id FROM carts")
        assert "42P01" in error
        for answers in ([("error_from", "application")], []):
            state = await triage(
                local, None, production_dsn=pooled.dsn(), migration=path, error=error, seen="failed", answers=answers
            )
            assert likely(state) == [STATE], explain(state)
            [left] = fact(state, "pooling.left")
            assert left == {"name": "search_path", "value": "", "of_migration": True}
        run_the_checks(STATE, state, production)
        state = await triage(local, None, production_dsn=pooled.dsn(), migration=path, seen="broken")
        assert likely(state) == [STATE], explain(state)
        pooled.console(f"RECONNECT {production.name}")
        with client(pooled.dsn()) as web:
            web.execute("SELECT id FROM carts")
        state = await triage(local, None, production_dsn=pooled.dsn(), error=error)
        assert STATE not in causes(state), explain(state)


async def test_a_temporary_table_that_is_on_another_connection_is_not_a_missing_table(tmp_path: Path) -> None:
    sql = 'CREATE TEMP TABLE work AS SELECT id FROM "My Schema".orders;\nUPDATE "My Schema".orders SET total = 0 FROM work;\n'
    path = write(tmp_path, sql)
    with shop(14, SHOP) as (local, production), pooler(production, size=3) as pooled:
        # Between the two statements of the migration somebody else holds the connection that made the table.
        with client(pooled.dsn(), "deploy") as deploy, client(pooled.dsn()) as web:
            deploy.execute('CREATE TEMP TABLE work AS SELECT id FROM "My Schema".orders')
            web.execute("BEGIN")
            error = refused_sql(deploy, 'UPDATE "My Schema".orders SET total = 0 FROM work')
        assert "42P01" in error
        state = await triage(local, None, production_dsn=pooled.dsn(), migration=path, error=error)
        assert likely(state) == [STATE], explain(state)
        direct = await triage(local, production, migration=path, error=error)
        assert STATE not in causes(direct), explain(direct)


async def test_an_error_that_no_setting_brings_about_is_not_put_down_to_the_pooler(tmp_path: Path) -> None:
    path = write(tmp_path, "SET lock_timeout = '3s';\nALTER TABLE \"My Schema\".orders ADD COLUMN total int;\n")
    with shop(18, SHOP) as (local, production), pooler(production) as pooled:
        error = through(pooled, path)
        assert "already exists" in error
        state = await triage(local, None, production_dsn=pooled.dsn(), migration=path, error=error)
        assert STATE not in causes(state), explain(state)
        assert likely(state)[:1] == ["object-already-exists"], explain(state)


# -- prepared statements -------------------------------------------------------------------------------------------------

PREPARED = "pooler-breaks-prepared-statements"


def psycopg_says(error: psycopg.Error) -> str:
    """As Python prints it at the end of a traceback."""
    return f"psycopg.errors.{type(error).__name__}: {error}"


@pytest.mark.parametrize(("major", "problem"), [(12, "exists"), (16, "missing"), (18, "other")])
async def test_a_prepared_statement_of_another_connection_is_put_down_to_the_pooler(
    major: int, problem: str, tmp_path: Path
) -> None:
    path = write(tmp_path, 'ALTER TABLE "My Schema".orders ADD COLUMN note text;\n')
    with shop(major, SHOP) as (local, production), pooler(production) as pooled:

        def preparing() -> psycopg.Connection[tuple[object, ...]]:
            return psycopg.connect(pooled.dsn(), autocommit=True, prepare_threshold=0)

        with preparing() as one, preparing() as other:
            one.execute("SELECT 1")
            try:
                if problem == "exists":
                    other.execute("SELECT 2")
                elif problem == "missing":
                    pooled.console(f"RECONNECT {production.name}")
                    one.execute("SELECT 1")
                else:  # the other client's statement of that name, which takes a parameter
                    pooled.console(f"RECONNECT {production.name}")
                    other.execute("SELECT %s::int", [1])
                    one.execute("SELECT 1")
            except psycopg.Error as failed:
                error = psycopg_says(failed)
            else:
                raise AssertionError("it ran")
        for dsn in (pooled.dsn(), production.dsn()):
            state = await triage(local, None, production_dsn=dsn, migration=path, error=error)
            assert fact(state, "pooling.prepared_problem") == problem
            assert fact(state, "pooling.prepared_by") == "psycopg 3"
            assert likely(state) == [PREPARED], error + explain(state)
            run_the_checks(PREPARED, state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == [PREPARED], explain(alone)


async def test_a_migration_that_prepares_or_discards_by_itself_needs_no_pooler_to_fail(tmp_path: Path) -> None:
    with shop(17, SHOP) as (local, production):
        for sql in ("PREPARE s0 AS SELECT 1; PREPARE s0 AS SELECT 2;", "DISCARD ALL; EXECUTE s0;"):
            path = write(tmp_path, sql)
            error = psql(production, path)
            assert "prepared statement" in error
            state = await triage(local, production, migration=path, error=error)
            assert PREPARED not in causes(state), explain(state)


# -- startup parameters --------------------------------------------------------------------------------------------------

STARTUP = "pooler-rejects-startup-options"


def refusal(dsn: str) -> str:
    """What psql prints that is not let in."""
    program = str(available_majors()[18].bin / "psql")
    done = subprocess.run(
        [program, "-X", "-c", "SELECT 1", dsn], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2, done.stdout
    return done.stderr


@pytest.mark.parametrize("major", [12, 18])
async def test_a_parameter_of_the_connection_string_that_the_pooler_refuses(major: int, tmp_path: Path) -> None:
    path = write(tmp_path, 'ALTER TABLE "My Schema".orders ADD COLUMN note text;\n')
    with shop(major, SHOP) as (local, production), pooler(production) as pooled:
        dsn = pooled.dsn(options="-c lock_timeout=5s")
        error = refusal(dsn)
        for production_dsn, given in ((dsn, error), (dsn, None), (production.dsn(), error)):
            state = await triage(
                local,
                None,
                production_dsn=production_dsn,
                migration=path,
                error=given,
                seen=None if given else "planned",
            )
            assert likely(state) == [STARTUP], explain(state)
            assert fact(state, "pooling.startup_parameter") == "options"
        run_the_checks(STARTUP, state, production)
        assert likely(await triage(None, None, error=error)) == [STARTUP]
        state = await triage(local, None, production_dsn=pooled.dsn(), migration=path, seen="planned")
        assert causes(state) == [], explain(state)
        with psycopg.connect(production.dsn(), options="-c lock_timeout=5s") as direct:
            assert direct.execute("SHOW lock_timeout").fetchone() == ("5s",)


# What other poolers and versions say. Sources: PgBouncer 1.20 src/client.c set_startup_options(); Neon's proxy adds a
# sentence (neon proxy/src/error.rs); lib/pq and pgjdbc send extra_float_digits.
STARTUP_WORDS = [
    ("FATAL:  unsupported startup parameter in options: search_path", "search_path"),
    ("pq: Unsupported startup parameter: extra_float_digits", "extra_float_digits"),
    (
        "ERROR: unsupported startup parameter in options: statement_timeout. Please use unpooled connection or remove this"
        " parameter from the startup package. More details: https://neon.tech/docs/connect/connection-errors",
        "statement_timeout",
    ),
    ("FATAL: unsupported options startup parameter: parameter too long", ""),
]


@pytest.mark.parametrize(("error", "parameter"), STARTUP_WORDS)
async def test_each_poolers_words_are_read(error: str, parameter: str) -> None:
    state = await triage(None, None, error=error)
    assert likely(state) == [STARTUP], explain(state)
    assert fact(state, "pooling.startup_parameter") == parameter


# -- an advisory lock that was left ---------------------------------------------------------------------------------------

ORPHAN = "pooler-orphans-advisory-lock"
PRISMA = (TEXTS / "prisma-p1002.txt").read_text()
TAKE = "SELECT pg_advisory_lock(72707369)"


@pytest.mark.parametrize("major", [12, 18])
async def test_a_lock_that_a_run_left_on_a_pooled_connection_is_found_and_goes_with_the_connection(
    major: int, tmp_path: Path
) -> None:
    path = write(tmp_path, 'ALTER TABLE "My Schema".orders ADD COLUMN note text;\n')
    with shop(major, SHOP) as (local, production), pooler(production) as pooled:
        with client(pooled.dsn(), "prisma") as run_before:
            run_before.execute(TAKE.encode())
        with client(pooled.dsn()) as web:
            web.execute('SELECT id FROM "My Schema".orders')
            for dsn in (pooled.dsn(), production.dsn()):
                state = await triage(local, None, production_dsn=dsn, migration=path, error=PRISMA)
                assert likely(state) == [ORPHAN], explain(state)
                assert fact(state, "pooling.lock_left") is (dsn == pooled.dsn())
                run_the_checks(ORPHAN, state, production)
                # our look through the pooler was the last to use that connection
                web.execute('SELECT id FROM "My Schema".orders')
            answers = [("other_run", "yes")]
            state = await triage(local, production, migration=path, error=PRISMA, answers=answers)
            assert likely(state) == ["migration-lock-held"], explain(state)
            state = await triage(local, None, production_dsn=pooled.dsn(), migration=path, seen="planned")
            assert likely(state) == [ORPHAN], explain(state)
            look, *_ = blocks(ORPHAN, state, "fix", changes=False)
            assert len(run(production, look)) == 1
            if major == 12:
                assert run(production, blocks(ORPHAN, state, "fix", changes=True)[0]) == [(True,)]
            else:
                pooled.console(f"RECONNECT {production.name}")
            await in_thread(eventually, lambda: run(production, look) == [])
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state) == [], explain(state)


async def test_a_session_of_its_own_that_holds_the_lock_is_no_poolers(tmp_path: Path) -> None:
    path = write(tmp_path, 'ALTER TABLE "My Schema".orders ADD COLUMN note text;\n')
    with shop(16, SHOP) as (local, production), client(production.dsn(), "prisma") as stuck:
        stuck.execute(TAKE.encode())
        state = await triage(local, production, migration=path, error=PRISMA)
        assert likely(state) == ["migration-lock-held"], explain(state)
        assert ORPHAN not in causes(state), explain(state)


async def test_a_lock_that_passes_from_client_to_client_while_we_look_is_a_poolers(tmp_path: Path) -> None:
    path = write(tmp_path, 'ALTER TABLE "My Schema".orders ADD COLUMN note text;\n')
    with shop(14, SHOP) as (local, production), pooler(production) as pooled:
        with client(pooled.dsn(), "prisma") as run_before:
            run_before.execute(TAKE.encode())
        over = threading.Event()

        def traffic() -> None:
            with client(pooled.dsn(), "web") as web, client(pooled.dsn(), "prisma-studio") as other:
                while not over.is_set():
                    web.execute("SELECT 1")
                    other.execute("SELECT 2")

        with ThreadPoolExecutor(1) as pool:
            busy = pool.submit(traffic)
            try:
                for _ in range(40):  # each look catches it between two clients or not
                    state = await triage(local, production, migration=path, error=PRISMA)
                    if fact(state, "pooling.lock_left"):
                        break
            finally:
                over.set()
            busy.result()
        assert "changes_hands" in fact(state, "pooling.lock_signs")
        assert likely(state) == [ORPHAN], explain(state)


# -- another database ----------------------------------------------------------------------------------------------------

WRONG = "connected-to-wrong-database"
TABLES = "".join(f"CREATE TABLE t{n} (id int PRIMARY KEY);" for n in range(5))


@contextmanager
def beside(production: Database, name: str, sql: str) -> Iterator[Database]:
    """One more database on production's server, called ``name``."""
    made = Database(production.server, name)
    production.execute(f"CREATE DATABASE {quote_ident(name)} TEMPLATE template0")
    try:
        with psycopg.connect(production.server.dsn(name.replace("%", "%25")), autocommit=True) as connection:
            connection.execute(sql.encode())
        yield made
    finally:
        with_force = " WITH (FORCE)" if production.major >= 13 else ""
        production.execute(f"DROP DATABASE {quote_ident(name)}{with_force}")


@pytest.mark.parametrize("major", [12, 15, 17])  # local is on 18
async def test_a_database_beside_the_one_that_was_meant_is_told_before_and_after_the_run(
    major: int, tmp_path: Path
) -> None:
    path = write(tmp_path, "ALTER TABLE t0 ADD COLUMN note text;\n")
    with shop(major, "SELECT 1") as (local, production):
        local.execute(TABLES)
        with beside(production, local.name, TABLES) as meant:
            state = await triage(local, meant, migration=path, seen="planned")
            assert causes(state) == [], explain(state)
            assert fact(state, "target.tables_shared") == 5
            state = await triage(local, production, migration=path, seen="planned")
            assert likely(state) == [WRONG], explain(state)
            error = psql(production, path)
            assert "does not exist" in error
            state = await triage(local, production, migration=path, error=error)
            assert likely(state) == [WRONG], explain(state)
            assert fact(state, "target.other") == local.name
            run_the_checks(WRONG, state, production)
            answers = [("same_database", "yes")]
            state = await triage(local, production, migration=path, error=error, answers=answers)
            assert WRONG not in causes(state), explain(state)
            assert likely(state)[:1] == ["missing-object"], explain(state)


async def test_without_a_database_name_a_client_ends_up_in_postgres(tmp_path: Path) -> None:
    path = write(tmp_path, "ALTER TABLE t0 ADD COLUMN note text;\n")
    with shop(16, TABLES + "INSERT INTO t0 VALUES (1)") as (local, meant):
        nowhere = Database(meant.server, "postgres")
        error = psql(nowhere, path)
        await in_thread(
            eventually,
            lambda: meant.execute(
                "SELECT pg_stat_clear_snapshot(); SELECT 1 FROM pg_stat_database WHERE datname = current_database() AND tup_inserted > 0"
            ),
            30,
        )
        state = await triage(local, nowhere, migration=path, error=error)
        assert likely(state) == [WRONG], explain(state)
        assert fact(state, "target.other_sign") == "default_name"


async def test_one_missing_table_or_a_new_project_is_no_wrong_database(tmp_path: Path) -> None:
    with shop(17, TABLES) as (local, production):
        local.execute("CREATE TABLE orders (id int)")
        path = write(tmp_path, "ALTER TABLE orders ADD COLUMN note text;\n")
        error = psql(production, path)
        for given, seen in ((error, None), (None, "planned")):
            state = await triage(local, production, migration=path, error=given, seen=seen)
            assert WRONG not in causes(state), explain(state)
            assert likely(state) == ["missing-object"], explain(state)
    with shop(14, "SELECT 1") as (local, production):
        first = write(tmp_path, TABLES + "ALTER TABLE t0 ADD COLUMN note text;", "0001_tables.sql")
        local.execute(first.read_text())
        state = await triage(local, production, migration=first, seen="planned")
        assert causes(state) == [], explain(state)


async def test_an_empty_database_with_nothing_beside_it_is_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path, "ALTER TABLE t0 ADD COLUMN note text;\n")
    with shop(13, "SELECT 1") as (local, production):
        local.execute(TABLES)
        error = psql(production, path)
        state = await triage(local, production, migration=path, error=error)
        assert WRONG in causes(state), explain(state)
        state = await triage(local, production, migration=path, error=error, answers=[("same_database", "no")])
        assert likely(state) == [WRONG], explain(state)
        state = await triage(local, production, migration=path, error=error, answers=[("same_database", "yes")])
        assert likely(state) == ["missing-object"], explain(state)


# -- the limit of a role or a database -------------------------------------------------------------------------------------

LIMIT = "role-connection-limit"


@contextmanager
def limited(production: Database) -> Iterator[tuple[str, str]]:
    """A role whose name breaks whoever quotes by hand: as it is, and quoted."""
    name = f"App {os.getpid()}'s"
    production.execute(f"CREATE ROLE {quote_ident(name)} LOGIN")
    try:
        yield name, quote_ident(name)
    finally:
        production.execute(f"DROP OWNED BY {quote_ident(name)}; DROP ROLE {quote_ident(name)}")


@contextmanager
def sessions(production: Database, role: str, count: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(psycopg.connect(production.dsn(role), autocommit=True, application_name="web"))
        yield


@pytest.mark.parametrize(("major", "of"), [(12, "role"), (16, "database"), (18, "role"), (18, "database")])
async def test_a_limit_that_is_used_up_is_told_from_a_full_server_and_raised(
    major: int, of: str, tmp_path: Path
) -> None:
    path = write(tmp_path, "CREATE TABLE added (id int);\n")
    with shop(major, "SELECT 1") as (local, production), limited(production) as (role, quoted):
        what = f"ROLE {quoted}" if of == "role" else f"DATABASE {production.name}"
        with sessions(production, role, 2):
            state = await triage(local, production, migration=path, seen="planned")
            assert causes(state) == [], explain(state)
            production.execute(f"ALTER {what} CONNECTION LIMIT 2")
            error = refusal(production.dsn(role))
            assert f"too many connections for {of}" in error
            for dsn, given in ((production.dsn(), error), (production.dsn(role), error), (production.dsn(role), None)):
                state = await triage(
                    local, None, production_dsn=dsn, migration=path, error=given, seen=None if given else "planned"
                )
                assert likely(state) == [LIMIT], explain(state)
                assert fact(state, "login.limit_name") == (role if of == "role" else production.name)
            state = await triage(local, production, migration=path, error=error)
            assert (fact(state, "login.limit"), fact(state, "login.limit_used")) == (2, 2)
            assert likely(await triage(None, None, error=error)) == [LIMIT]
            run_the_checks(LIMIT, state, production)
            _, higher = blocks(LIMIT, state, "fix", changes=True)
            [back] = blocks(LIMIT, state, "roll_back", changes=True)
            run(production, higher)
            with psycopg.connect(production.dsn(role)) as let_in:
                assert let_in.execute("SELECT 1").fetchone() == (1,)
            run(production, back)
            assert "too many connections" in refusal(production.dsn(role))
        # the sessions are gone: there is room again, and nothing to be foretold
        gone = f"SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = '{role.replace(chr(39), chr(39) * 2)}')"
        await in_thread(eventually, lambda: production.execute(gone), 30)
        state = await triage(local, None, production_dsn=production.dsn(role), migration=path, seen="planned")
        assert LIMIT not in causes(state), explain(state)


async def test_a_limit_that_another_looks_at_is_foretold_for_the_role_that_migrates(tmp_path: Path) -> None:
    path = write(tmp_path, "CREATE TABLE added (id int);\n")
    with shop(14, "SELECT 1") as (local, production), limited(production) as (role, quoted):
        production.execute(f"ALTER ROLE {quoted} CONNECTION LIMIT 1; GRANT ALL ON SCHEMA public TO {quoted}")
        for count, expected in ((0, []), (1, [LIMIT])):
            with sessions(production, role, count):
                sides = (
                    SideChoice("local", local.dsn(), "local"),
                    SideChoice("production", production.dsn(), "production", role=role),
                )
                session = LiveSession(Options(sides=sides, migration=(path,), seen="planned"), load, folder=None)
                try:
                    await session.start()
                    assert likely(session.state) == expected, explain(session.state)
                finally:
                    await session.close()


# -- a pool whose connections wait ------------------------------------------------------------------------------------------

EMPTY = "pool-exhausted-by-lock-queue"
QUEUE = "lock-queue-behind-waiting-ddl"
HIKARI = "java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms."


ADD_NOTE = 'ALTER TABLE "My Schema".orders ADD COLUMN note text'


@asynccontextmanager
async def queueing(production: Database, migration: str, web: Sequence[str]) -> AsyncIterator[None]:
    """The migration waits behind somebody's transaction, and a session of each address in ``web`` behind the migration."""
    held = 'SELECT id FROM "My Schema".orders'
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(holding_lock(production.dsn(), held, application_name="report"))
        await stack.enter_async_context(waiting_for_lock(production.dsn(), migration, application_name="deploy"))
        asking = [await psycopg.AsyncConnection.connect(dsn, autocommit=True, prepare_threshold=None) for dsn in web]
        tasks = [asyncio.create_task(one.execute(held.encode())) for one in asking]
        waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        try:
            await wait_until(lambda: len(production.execute(waits)) == 1 + len(web), 30, what="the queue")
            yield
        finally:
            production.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in asking:
                await one.close()


@pytest.mark.parametrize("major", [13, 18])
async def test_a_pool_that_a_lock_queue_has_emptied_is_filled_by_cancelling_the_migration(
    major: int, tmp_path: Path
) -> None:
    path = write(tmp_path, 'ALTER TABLE "My Schema".orders ADD COLUMN note text;\n')
    with shop(major, SHOP) as (local, production):
        state = await triage(local, production, migration=path, error=HIKARI)
        assert EMPTY not in causes(state), explain(state)
        async with queueing(production, ADD_NOTE, [production.dsn()] * 3):
            state = await triage(local, production, migration=path, error=HIKARI)
            assert likely(state)[0] == EMPTY, explain(state)
            assert set(likely(state)) <= {EMPTY, QUEUE, "lock-wait-idle-in-transaction"}, explain(state)
            assert fact(state, "pooling.waiting_clients")[0]["waiting"] == 3
            run_the_checks(EMPTY, state, production)
            state = await triage(local, production, migration=path, seen="hanging")
            assert EMPTY not in causes(state), explain(state)
            assert likely(state)[0] == QUEUE, explain(state)
            state = await triage(local, production, migration=path, error=HIKARI)
            [cancel] = blocks(EMPTY, state, "stop", changes=True)
            assert run(production, cancel) == [(True,)]
            waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            await wait_until(lambda: production.execute(waits) == [], 30, what="the queue to drain")


async def test_pgbouncers_own_word_is_read_while_its_connections_wait(tmp_path: Path) -> None:
    path = write(tmp_path, 'ALTER TABLE "My Schema".orders ADD COLUMN note text;\n')
    with shop(16, SHOP) as (local, production), pooler(production, size=2, query_wait_timeout=1) as pooled:
        async with queueing(production, ADD_NOTE, [pooled.dsn()] * 2):
            error = refusal(pooled.dsn())
            assert "query_wait_timeout" in error
            state = await triage(local, production, migration=path, error=error)
            assert likely(state)[0] == EMPTY, explain(state)
            assert set(likely(state)) <= {EMPTY, QUEUE, "lock-wait-idle-in-transaction"}, explain(state)
            assert fact(state, "pooling.exhausted") == "PgBouncer"
            assert [c[0] for c in pooled.console("SHOW POOLS") if c[0] == production.name] == [production.name]
        state = await triage(local, production, migration=path, error=error)
        assert EMPTY not in causes(state), explain(state)


# As the pools' own code words them (runbook/failure/pools.py names the files).
POOLS = {
    "SQLAlchemy": "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout "
    "30.00 (Background on this error at: https://sqlalche.me/e/20/3o7r)",
    "Rails": "ActiveRecord::ConnectionTimeoutError: could not obtain a connection from the pool within 5.000 seconds (waited "
    "5.003 seconds); all pooled connections were in use",
    "HikariCP": HIKARI,
    "Tomcat JDBC": "org.apache.tomcat.jdbc.pool.PoolExhaustedException: [http-1] Timeout: Pool empty. Unable to fetch a "
    "connection in 30 seconds, none available[size:10; busy:10; idle:0; lastwait:30000].",
    "Prisma": "Timed out fetching a new connection from the connection pool. More info: http://pris.ly/d/connection-pool "
    "(Current connection pool timeout: 10, connection limit: 5)",
    "node-postgres": "Error: timeout exceeded when trying to connect",
    "Knex": "KnexTimeoutError: Knex: Timeout acquiring a connection. The pool is probably full. Are you missing a "
    ".transacting(trx) call?",
    "Npgsql": "Npgsql.NpgsqlException (0x80004005): The connection pool has been exhausted, either raise 'Max Pool Size' "
    "(currently 100) or 'Timeout' (currently 15 seconds) in your connection string.",
    "psycopg_pool": "psycopg_pool.PoolTimeout: couldn't get a connection after 30.00 sec",
    "sqlx": "pool timed out while waiting for an open connection",
    "Ecto": "** (DBConnection.ConnectionError) connection not available and request was dropped from queue after 2290ms.",
    "PgBouncer": "FATAL:  no more connections allowed (max_client_conn)",
}


@pytest.mark.parametrize("pool", POOLS)
async def test_a_pools_words_alone_are_told_and_conclude_nothing(pool: str) -> None:
    state = await triage(None, None, error=POOLS[pool])
    assert fact(state, "pooling.exhausted") == pool, explain(state)
    assert likely(state) == [], explain(state)
