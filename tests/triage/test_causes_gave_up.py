"""Clients that gave up before the server was done: a job's deadline, a driver's timeout, a network that forgot them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from runbook.lab.forgetful import forgetful
from runbook.lab.installations import available_majors
from tests.support import Database, eventually
from tests.triage.incident import causes, explain, fact, in_thread, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, run, run_the_checks, shop

SHOP = f'CREATE SCHEMA "My Schema"; CREATE TABLE {TABLE_SQL} (id int PRIMARY KEY)'
ADD = f'ALTER TABLE {TABLE_SQL} ADD COLUMN "No te" text'
DEADLINE, ORPHAN, CANCELLED = "runner-deadline", "orphaned-migration-session", "cancelled-by-other-session"


@contextmanager
def held(production: Database) -> Iterator[None]:
    """Somebody reads the table and does not commit."""
    with psycopg.connect(production.dsn()) as holder:
        holder.execute(f"SELECT 1 FROM {TABLE_SQL}".encode())
        yield


def start(production: Database, path: Path, dsn: str = "") -> subprocess.Popen[str]:
    """The migration in a real psql, once it waits for its lock on the server."""
    program = available_majors()[18].bin / "psql"
    command = [str(program), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(path), dsn or production.dsn()]
    environment = {**os.environ, "PGAPPNAME": "deploy", "LC_ALL": "C"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    eventually(lambda: waiting(production), 60, "psql waits for its lock")
    return process


def waiting(production: Database) -> list[tuple[object, ...]]:
    return production.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'deploy'"
        " AND wait_event_type = 'Lock'"
    )


def gone(production: Database) -> bool:
    return not production.execute(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'deploy'"
    )


def ended(process: subprocess.Popen[str], by: signal.Signals) -> str:
    process.send_signal(by)
    return process.communicate(timeout=60)[1]


# -- the job's deadline ------------------------------------------------------------------------------------------------

DEADLINES = [
    # words of the job's output, the limit they name
    ("make: *** [Makefile:12: migrate] Error 124\n", 0),  # GNU make, after timeout(1)
    ("2026-11-21T02:10:01.1234567Z ##[error]The action 'Migrate' has timed out after 10 minutes.\n", 600),
    ("##[error]The job running on runner GitHub Actions 2 has exceeded the maximum execution time of 360 minutes.\n", 21600),
    ("ERROR: Job failed: execution took longer than 1h0m0s seconds\n", 3600),  # GitLab CI
    ("Warning  DeadlineExceeded  2m   job-controller  Job was active longer than specified deadline\n", 0),
    ("Error: UPGRADE FAILED: pre-upgrade hooks failed: 1 error occurred:\n\t* timed out waiting for the condition\n", 0),
    ("Error: UPGRADE FAILED: context deadline exceeded\n", 0),  # Helm 3
    ("Too long with no output (exceeded 10m0s): context deadline exceeded\n", 600),  # CircleCI
    ("##[error]The job running on agent Azure Pipelines 3 ran longer than the maximum time of 60 minutes.\n", 3600),
]  # fmt: skip


@pytest.mark.parametrize(("words", "limit_s"), DEADLINES, ids=[w[:24] for w, _ in DEADLINES])
async def test_the_words_of_a_job_whose_time_was_up_name_the_deadline_and_its_length(words: str, limit_s: int) -> None:
    state = await triage(None, None, error=words)
    assert likely(state) == [DEADLINE], explain(state)
    assert fact(state, "gave_up.after_s") == limit_s


@pytest.mark.parametrize("major", [12, 15, 18])
async def test_a_job_that_was_killed_at_its_deadline_leaves_a_session_that_still_commits(
    major: int, tmp_path: Path
) -> None:
    path = write(tmp_path, f"{ADD};\n")
    words, _ = DEADLINES[1]
    with shop(major, SHOP) as (local, production):
        assert psql(local, path) == ""
        with held(production):
            process = await in_thread(start, production, path)
            assert "cancel" not in await in_thread(ended, process, signal.SIGTERM)
            state = await triage(local, production, migration=path, error=words)
            assert likely(state)[:2] == [ORPHAN, DEADLINE], explain(state)
            run_the_checks(DEADLINE, state, production)
            assert waiting(production), "the server does not know that nobody is there"
        eventually(lambda: gone(production), 60)
        state = await triage(local, production, migration=path, error=words)
        assert likely(state) == [DEADLINE], explain(state)
        assert [row["sql"] for row in fact(state, "gave_up.done")] == [ADD]
        run_the_checks(DEADLINE, state, production)
        [inside] = blocks(DEADLINE, state, "fix", changes=True, on="file")
        assert "'480s'" in inside.sql, "the server gives up before ten minutes are over"
        run(production, inside)


@pytest.mark.parametrize("major", [13, 17])
async def test_a_job_that_passes_its_deadline_on_as_a_cancel_leaves_nothing(major: int, tmp_path: Path) -> None:
    path = write(tmp_path, f"{ADD};\n")
    with shop(major, SHOP) as (local, production):
        assert psql(local, path) == ""
        with held(production):
            process = await in_thread(start, production, path)
            error = await in_thread(ended, process, signal.SIGINT)
            eventually(lambda: gone(production), 60)
            state = await triage(local, production, migration=path, error=f"{error}make: *** [Makefile:12] Error 124\n")
            assert likely(state) == [DEADLINE], error + explain(state)
            assert fact(state, "gave_up.left"), "nothing of it took effect"
            state = await triage(local, production, migration=path, error=error)
            assert DEADLINE not in likely(state), explain(state)
            assert causes(state)[0] == CANCELLED, explain(state)
            state = await triage(local, production, migration=path, error=error, answers=[("ended_by", "deadline")])
            assert likely(state) == [DEADLINE], explain(state)


@pytest.mark.parametrize(
    "error",
    [
        'psql:m.sql:1: ERROR:  23505: could not create unique index "k"\nmake: *** [Makefile:12: migrate] Error 3\n',
        'psql:m.sql:1: ERROR:  42P01: relation "t" does not exist\nProcess completed with exit code 124.\n',
        "psql:m.sql:1: ERROR:  57014: canceling statement due to statement timeout\nexit code 143\n",
        "psql:m.sql:1: FATAL:  57P01: terminating connection due to administrator command\nexit status 124\n",
        "State: Terminated  Reason: OOMKilled  Exit Code: 137\n",  # kubectl describe pod
        "dial tcp 10.0.0.1:5432: connect: connection timed out\nProcess completed with exit code 124.\n",
    ],
)
async def test_a_deadline_is_no_cause_beside_an_error_of_the_server_or_of_the_connection(error: str) -> None:
    state = await triage(None, None, error=error)
    assert DEADLINE not in causes(state), explain(state)


async def test_a_signal_alone_is_a_question_and_a_healthy_pair_has_no_deadline(tmp_path: Path) -> None:
    state = await triage(None, None, error="command terminated with exit code 137\n")
    assert causes(state) == [DEADLINE], explain(state)
    assert likely(state) == [], explain(state)
    path = write(tmp_path, f"{ADD};\n")
    with shop(16, SHOP) as (local, production):
        for seen in ("planned", "failed"):
            state = await triage(local, production, migration=path, seen=seen)
            assert DEADLINE not in causes(state), explain(state)
        state = await triage(local, production, migration=path, seen="failed", answers=[("ended_by", "deadline")])
        assert likely(state) == [DEADLINE], explain(state)


# -- the client's own timeout ------------------------------------------------------------------------------------------

CLIENT = "client-side-timeout"

CLIENTS = [
    # as printed: asyncpg 0.31 and node-postgres 8 by these programs themselves, the others by their sources
    (
        'Traceback (most recent call last):\n  File "migrate.py", line 6, in <module>\n'
        '  File "asyncpg/protocol/protocol.pyx", line 341, in query\nTimeoutError\n',
        "asyncpg",
    ),
    (
        "Error: Query read timeout\n    at /app/node_modules/pg/lib/client.js:694:17\n"
        "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)\n",
        "node-postgres",
    ),
    (
        "Npgsql.NpgsqlException (0x80004005): Exception while reading from stream\n"
        " ---> System.TimeoutException: Timeout during reading attempt\n   at Npgsql.Internal.NpgsqlReadBuffer\n",
        "Npgsql",
    ),
    (
        "org.postgresql.util.PSQLException: An I/O error occurred while sending to the backend.\n"
        "Caused by: java.net.SocketTimeoutException: Read timed out\n",
        "JDBC",
    ),
    (
        "** (DBConnection.ConnectionError) tcp recv: closed (the connection was closed by the pool, possibly due to a"
        " timeout or because the pool has been terminated)\n",
        "DBConnection",
    ),
    ("2026/11/21 02:00:01 migrate: timeout: context deadline exceeded\n", "Go"),
    ("psql:m.sql:1: FATAL:  query timeout\nserver closed the connection unexpectedly\n", "PgBouncer"),
]


@pytest.mark.parametrize(("words", "tool"), CLIENTS, ids=[t for _, t in CLIENTS])
async def test_the_words_of_a_driver_that_gave_up_name_it(words: str, tool: str) -> None:
    state = await triage(None, None, error=words)
    assert likely(state) == [CLIENT], explain(state)
    assert fact(state, "gave_up.tool") == tool


@pytest.mark.parametrize("major", [12, 14, 18])
async def test_a_driver_that_only_stops_listening_leaves_a_statement_that_commits(major: int, tmp_path: Path) -> None:
    path = write(tmp_path, f"{ADD};\n")
    words = CLIENTS[1][0]
    with shop(major, SHOP) as (local, production):
        assert psql(local, path) == ""
        with held(production):
            process = await in_thread(start, production, path)
            await in_thread(ended, process, signal.SIGKILL)
            state = await triage(local, production, migration=path, error=words)
            assert likely(state)[:2] == [ORPHAN, CLIENT], explain(state)
        eventually(lambda: gone(production), 60)
        state = await triage(local, production, migration=path, error=words)
        assert likely(state) == [CLIENT], explain(state)
        assert [row["sql"] for row in fact(state, "gave_up.done")] == [ADD]
        run_the_checks(CLIENT, state, production)
        [inside] = blocks(CLIENT, state, "fix", changes=True, on="file")
        run(production, inside)


@pytest.mark.parametrize("major", [13, 16])
async def test_who_asked_for_a_cancel_is_asked_for_and_the_answer_decides(major: int, tmp_path: Path) -> None:
    path = write(tmp_path, f"{ADD};\n")
    with shop(major, SHOP) as (local, production):
        with held(production):
            process = await in_thread(start, production, path)
            production.execute(f"SELECT pg_cancel_backend({waiting(production)[0][0]})")
            error = (await in_thread(process.communicate, timeout=60))[1]
        state = await triage(local, production, migration=path, error=error)
        assert causes(state)[0] == CANCELLED, explain(state)
        assert likely(state) == [], explain(state)
        assert state.diagnosis is not None
        assert state.diagnosis.question is not None, explain(state)
        assert state.diagnosis.question.id == "ended_by"
        for answer, cause in (("client", CLIENT), ("deadline", DEADLINE), ("person", CANCELLED)):
            state = await triage(local, production, migration=path, error=error, answers=[("ended_by", answer)])
            assert likely(state) == [cause], answer + explain(state)


@pytest.mark.parametrize(
    "error",
    [
        "failed to connect to `host=db`: dial error (timeout: context deadline exceeded)\n",  # pgx
        "timeout: can't acquire database lock\n",  # golang-migrate
        "psql:m.sql:1: ERROR:  57014: canceling statement due to statement timeout\nTimeoutError\n",
    ],
)
async def test_a_client_that_gave_up_on_something_else_is_no_statement_that_took_too_long(error: str) -> None:
    state = await triage(None, None, error=error)
    assert CLIENT not in causes(state), explain(state)


# -- the network -------------------------------------------------------------------------------------------------------

NETWORK, ENDED = "network-idle-timeout", "terminated-by-administrator"


def fields_of(production: Database) -> int:
    name = TABLE_SQL.replace("'", "''")
    [(count,)] = production.execute(
        f"SELECT count(*) FROM pg_attribute WHERE attrelid = '{name}'::regclass AND attnum > 0 AND NOT attisdropped"
    )
    return int(count)


def working(production: Database) -> list[tuple[object, ...]]:
    return production.execute(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'deploy'"
        " AND state <> 'idle'"
    )


LOST = [
    # libpq on a read that times out, on TLS and without; its words for a reset; pgjdbc; node-postgres; lib/pq
    ("psycopg2.OperationalError: could not receive data from server: Connection timed out\n", True),
    ("psycopg2.OperationalError: SSL SYSCALL error: Connection timed out\n", True),
    ("psql:m.sql:3: SSL SYSCALL error: EOF detected\npsql:m.sql:3: error: connection to server was lost\n", False),
    ("pq: read tcp 10.0.0.1:5432->10.0.0.2:123: read: connection reset by peer\n", False),
]


@pytest.mark.parametrize(("error", "sure"), LOST, ids=["timed-out", "timed-out-tls", "eof", "reset"])
async def test_silence_is_the_network_and_a_mere_end_of_the_stream_is_asked_about(error: str, sure: bool) -> None:
    state = await triage(None, None, error=error)
    assert (likely(state) == [NETWORK]) is sure, explain(state)
    assert state.diagnosis is not None
    assert sure or (state.diagnosis.question is not None and state.diagnosis.question.id == "ended_by"), explain(state)
    state = await triage(None, None, error=error, answers=[("ended_by", "nobody")])
    assert likely(state) == [NETWORK], explain(state)
    state = await triage(None, None, error=error, answers=[("ended_by", "client")])
    assert likely(state) == [CLIENT], explain(state)


@pytest.mark.parametrize(
    "error",
    [
        "FATAL:  57P01: terminating connection due to administrator command\nserver closed the connection unexpectedly\n",
        "FATAL:  25P03: terminating connection due to idle-in-transaction timeout\nSSL SYSCALL error: EOF detected\n",
        'psql: error: connection to server at "10.0.0.1", port 5432 failed: Connection timed out\n',
    ],
)
async def test_a_session_that_was_ended_or_never_made_was_not_forgotten_by_the_network(error: str) -> None:
    state = await triage(None, None, error=error)
    assert NETWORK not in causes(state), explain(state)


@pytest.mark.parametrize("major", [12, 14, 16, 18])
async def test_a_network_that_forgot_the_connection_leaves_a_statement_that_commits(major: int, tmp_path: Path) -> None:
    path = write(tmp_path, f"{ADD};\n")
    with shop(major, SHOP) as (local, production):
        assert psql(local, path) == ""
        at = production.server
        async with forgetful(at.socket_dir / f".s.PGSQL.{at.port}") as network:
            through = f"postgresql://postgres@127.0.0.1:{network.port}/{production.name}"
            with held(production):
                process = await in_thread(start, production, path, through)
                network.forget()
                error = (await in_thread(process.communicate, timeout=60))[1]
                state = await triage(local, production, migration=path, error=error)
                assert likely(state)[0] == ORPHAN, error + explain(state)
                assert NETWORK in likely(state), error + explain(state)
                assert ENDED not in causes(state), explain(state)
                run_the_checks(NETWORK, state, production)
            eventually(lambda: fields_of(production) == 2, 60, "the server has finished")
            eventually(lambda: not working(production), 60, "and is idle")
            state = await triage(local, production, migration=path, error=error)
            assert likely(state) == [NETWORK], error + explain(state)
            assert [row["sql"] for row in fact(state, "gave_up.done")] == [ADD]
            run_the_checks(NETWORK, state, production)
