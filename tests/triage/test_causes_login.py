"""Logins that pg_hba.conf refuses, and clients that do not fit the server: as real servers and clients word it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from runbook.lab.installations import available_majors
from runbook.lab.servers import Server, start_server
from runbook.session.state import State
from tests.playbooks.incident import playbooks
from tests.support import majors, server
from tests.triage.incident import causes, explain, fact, triage

HBA = """
host all rejected 127.0.0.1/32 reject
host all scram 127.0.0.1/32 scram-sha-256
host other all 127.0.0.1/32 trust
"""


@pytest.fixture(scope="module", params=[min(majors()), max(majors())])
def guarded(request: pytest.FixtureRequest) -> Iterator[Server]:
    with start_server(request.param, hba=HBA) as started:
        with psycopg.connect(started.dsn(), autocommit=True) as connection:
            connection.execute(
                "CREATE ROLE unlisted LOGIN; CREATE ROLE rejected LOGIN; CREATE ROLE scram LOGIN PASSWORD 'right'"
            )
        yield started


def login(dsn: str) -> str:
    """What the real psql prints when it may not log in."""
    command = [str(available_majors()[18].bin / "psql"), "-X", "-w", "-c", "SELECT 1", dsn]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr


def dump(dsn: str) -> str:
    """What an older pg_dump prints of this server."""
    command = [str(available_majors()[16].bin / "pg_dump"), dsn]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr


def only(state: State) -> list[str]:
    assert state.diagnosis is not None
    return [c.id for c in state.diagnosis.causes if c.verdict in ("proved", "likely")]


@pytest.mark.parametrize("role", ["unlisted", "rejected"])
async def test_a_login_that_no_line_lets_in_is_no_wrong_password(guarded: Server, role: str) -> None:
    dsn = guarded.dsn("postgres", role, tcp=True)
    error = login(dsn)
    assert "pg_hba.conf" in error
    state = await triage(None, None, error=error)
    assert causes(state) == ["connection-rejected-by-hba"], explain(state)
    told = {name: fact(state, f"login.{name}") for name in ("host", "role", "database", "encryption", "hba_rejects")}
    assert told == {
        "host": "127.0.0.1",
        "role": role,
        "database": "postgres",
        "encryption": "none",
        "hba_rejects": role == "rejected",
    }
    refused = await triage(None, None, production_dsn=dsn)
    assert only(refused) == ["connection-rejected-by-hba"], explain(refused)
    rendered = playbooks()["connection-rejected-by-hba"].render(state.book())
    with psycopg.connect(guarded.dsn(), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = on")
        for block in (b for b in rendered.sql if not b.changes):
            assert block.runnable, block.missing
            connection.execute(block.sql.encode())
    assert f"host postgres {role} 127.0.0.1/32 scram-sha-256" in rendered.sections["fix"]


async def test_the_line_that_the_playbook_prints_lets_the_role_get_as_far_as_its_password() -> None:
    with start_server(max(majors()), hba="host other all 127.0.0.1/32 trust\n") as started:
        with psycopg.connect(started.dsn(), autocommit=True) as connection:
            connection.execute("CREATE ROLE scram LOGIN PASSWORD 'right'")
        dsn = started.dsn("postgres", "scram", tcp=True)
        state = await triage(None, None, error=login(dsn))
        fix = playbooks()["connection-rejected-by-hba"].render(state.book()).sections["fix"]
        line = next(part for part in fix.split("`") if part.startswith("host "))
        started.restart(hba=line + "\n")
        with psycopg.connect(started.dsn("postgres", "scram", tcp=True), password="right") as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("scram",)


async def test_a_wrong_password_and_a_missing_database_are_not_pg_hba(guarded: Server) -> None:
    for dsn in (guarded.dsn("postgres", "scram", tcp=True), guarded.dsn("nowhere", tcp=False)):
        error = login(dsn)
        assert "FATAL" in error or "password" in error, error
        state = await triage(None, None, error=error)
        assert causes(state)[:1] == ["authentication-failed"], error + explain(state)
        assert "connection-rejected-by-hba" not in causes(state)


async def test_a_dump_program_older_than_the_server_is_told_as_such() -> None:
    error = dump(server(max(majors())).dsn())
    assert "server version mismatch" in error
    state = await triage(None, None, error=error)
    assert causes(state) == ["client-server-version-mismatch"], explain(state)


# As libpq 9.6 and pgjdbc before 42.2 word it (fe-auth.c, ConnectionFactoryImpl.java), and the servers 12-18
# (ProcessStartupPacket() in src/backend/tcop/backend_startup.c); such clients cannot be installed here.
OLD_CLIENTS = [
    "psql: SCRAM authentication requires libpq version 10 or above",
    "django.db.utils.OperationalError: SCRAM authentication requires libpq version 10 or above",
    "org.postgresql.util.PSQLException: The authentication type 10 is not supported. Check that you have configured the"
    " pg_hba.conf file to include the client's IP address or subnet, and that it is using an authentication scheme"
    " supported by the driver.",
    "psql: authentication method 10 not supported",
    "FATAL:  unsupported frontend protocol 1234.5680: server supports 3.0 to 3.0",
    'psql: error: connection to server at "127.0.0.1", port 6432 failed: server only supports protocol version 3.0, but'
    ' "min_protocol_version" was set to 3.2',
]


@pytest.mark.parametrize("text", OLD_CLIENTS, ids=lambda t: t[:30])
async def test_a_client_that_does_not_know_what_the_server_asks_is_told_as_such(text: str) -> None:
    state = await triage(None, None, error=text)
    assert causes(state) == ["client-server-version-mismatch"], explain(state)
    assert "connection-rejected-by-hba" not in causes(state)


async def test_a_healthy_pair_speaks_of_neither() -> None:
    state = await triage(None, None, production_dsn=server(max(majors())).dsn(), seen="planned")
    assert not {"connection-rejected-by-hba", "client-server-version-mismatch"} & set(causes(state)), explain(state)
