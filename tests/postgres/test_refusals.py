"""Real refusals of a real server, each told from the others, without any password in what is said."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from runbook.lab.servers import Server, start_server
from runbook.postgres import ConnectionRefused, connect
from runbook.postgres.reading import Refusal
from tests.support import WHEEL_MAJORS, majors

HBA = """
local all scram scram-sha-256
host all scram 127.0.0.1/32 scram-sha-256
host all limited,plain 127.0.0.1/32 trust
hostssl all tls_only 127.0.0.1/32 trust
"""
SECRET = "hunter2-geheim"


@pytest.fixture(scope="module", params=[16, 18])
def guarded(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with few slots, a pg_hba.conf with gaps, and TLS."""
    with start_server(
        request.param, settings={"max_connections": "8", "superuser_reserved_connections": "2"}, hba=HBA
    ) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE scram LOGIN PASSWORD '{SECRET}'")
            connection.execute(
                "CREATE ROLE limited LOGIN CONNECTION LIMIT 1; CREATE ROLE plain LOGIN; CREATE ROLE tls_only LOGIN"
            )
            connection.execute("CREATE ROLE unlisted LOGIN")
            connection.execute("CREATE DATABASE narrow CONNECTION LIMIT 0")
            connection.execute("CREATE DATABASE closed")
            connection.execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
        yield server


async def refusal(dsn: str, **options: float) -> Refusal:
    with pytest.raises(ConnectionRefused) as caught:
        await (await connect(dsn, **options)).close()  # type: ignore[arg-type]
    assert SECRET not in repr(caught.value) + str(caught.value) + repr(caught.value.refusal)
    assert "wrong-" + SECRET not in repr(caught.value.refusal)
    return caught.value.refusal


async def test_a_wrong_password_a_missing_role_database_or_rule_are_told_apart(guarded: Server) -> None:
    def dsn(role: str, database: str = "postgres") -> str:
        return guarded.dsn(database, role, tcp=True)

    wrong = dsn("scram").replace("scram@", f"scram:wrong-{SECRET}@")
    assert (await refusal(wrong)).kind == "wrong_password"
    assert (await refusal(dsn("scram"))).kind == "wrong_password"
    assert (await refusal(dsn("unlisted"))).kind == "no_hba_entry"
    assert (await refusal(dsn("plain", "nowhere"))).kind == "no_such_database"
    assert (await refusal(dsn("plain", "closed"))).kind == "no_connect_privilege"
    assert (await refusal(dsn("plain", "narrow"))).kind == "database_connection_limit"
    assert (await refusal(guarded.dsn(role="postgres").replace("postgres@", "nobody_here@"))).kind == "no_hba_entry"
    async with await connect(dsn("scram").replace("scram@", f"scram:{SECRET}@")) as connection:
        assert SECRET not in repr(connection) + repr(connection.settings)


async def test_full_servers_and_full_roles_are_told_apart(guarded: Server) -> None:
    async with _sessions(guarded.dsn(role="limited", tcp=True), 1):
        limit = await refusal(guarded.dsn(role="limited", tcp=True))
        assert (limit.kind, limit.sqlstate, limit.transient) == ("role_connection_limit", "53300", True)
    async with _sessions(guarded.dsn(role="plain", tcp=True), 6):
        assert (await refusal(guarded.dsn(role="plain", tcp=True))).kind == "reserved_slots"
        async with _sessions(guarded.dsn(), 2):
            assert (await refusal(guarded.dsn())).kind == "too_many_clients"


async def test_a_role_that_does_not_exist_is_named_as_such(guarded: Server) -> None:
    guarded.reload(hba="host all all 127.0.0.1/32 trust\n")
    try:
        await _until(guarded.dsn(role="ghost", tcp=True), "no_such_role")
    finally:
        guarded.reload(hba=HBA)
        await _until(guarded.dsn(role="unlisted", tcp=True), "no_hba_entry")


async def test_tls_that_is_not_offered_is_said_to_be_missing(guarded: Server) -> None:
    assert (await refusal(guarded.dsn(role="plain", tcp=True) + "?sslmode=require")).kind == "tls_not_offered"
    closed = await refusal(guarded.dsn(role="tls_only", tcp=True) + "?sslmode=disable")
    assert closed.kind == "no_hba_entry", "a server without TLS cannot require it"


async def test_tls_that_is_required_is_told_from_a_missing_rule(tmp_path: Path) -> None:
    with_tls = [major for major in majors() if major not in WHEEL_MAJORS]  # the wheels' servers are built without TLS
    if not with_tls:
        pytest.skip("no PostgreSQL with TLS here: `python -m runbook.lab.matrix` fetches some")
    with start_server(with_tls[-1], hba="hostssl all all 127.0.0.1/32 trust\n") as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("CREATE ROLE plain LOGIN")
        _make_certificate(server, tmp_path)
        server.reload(settings={"ssl": "on"})
        dsn = server.dsn(role="plain", tcp=True)
        await _until(dsn + "?sslmode=disable", "tls_required")
        assert (await refusal(dsn + f"?sslmode=verify-full&sslrootcert={tmp_path}/none.crt")).kind == "tls_not_verified"
        async with await connect(dsn + "?sslmode=require") as secure:
            assert secure.pooled is False


async def test_servers_that_are_not_there_are_told_apart(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        assert (await refusal(f"host=127.0.0.1 port={port}")).kind == "refused"
        silent.listen()
        late = await refusal(f"host=127.0.0.1 port={port}", connect_timeout_s=0.3)
        assert (late.kind, late.transient) == ("timed_out", True)
    assert (await refusal(f"host={tmp_path}")).kind == "refused"
    assert (await refusal("host=no-such-host.invalid")).kind == "name_not_resolved"


@pytest.mark.parametrize(
    "dsn",
    [f"host=a pasword={SECRET}", f"{SECRET}", f"host=a port={SECRET}", f"postgresql://a:{SECRET}@[b/c",
     f"host='{SECRET}", "service=no-such-service", f"host=127.0.0.1 sslmode={SECRET}"],
)  # fmt: skip
async def test_a_bad_dsn_is_one_clear_sentence_without_its_secrets(dsn: str) -> None:
    found = await refusal(dsn)
    assert found.kind == "bad_dsn"
    assert "\n" not in found.message


async def test_a_server_that_shuts_down_or_has_no_hot_standby_says_so(tmp_path: Path) -> None:
    with start_server(18) as server:
        held = await psycopg.AsyncConnection.connect(server.dsn(), autocommit=True)
        server._process.send_signal(15)  # type: ignore[union-attr]  # smart shutdown: waits for the held session
        await _until(server.dsn(), "shutting_down")
        await held.close()


async def _until(dsn: str, kind: str) -> None:
    """Try until the server refuses in this way (a reload or a shutdown takes a moment)."""
    deadline = asyncio.get_running_loop().time() + 10
    seen: object = None
    while asyncio.get_running_loop().time() < deadline:
        try:
            await (await connect(dsn)).close()
            seen = "accepted"
        except ConnectionRefused as error:
            seen = error.refusal
            if error.refusal.kind == kind:
                return
        await asyncio.sleep(0.02)
    raise AssertionError(f"not {kind} but {seen}")


@contextlib.asynccontextmanager
async def _sessions(dsn: str, count: int) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
            stack.push_async_callback(connection.close)
        yield
    # A closed session keeps its slot until its backend is gone.
    deadline = asyncio.get_running_loop().time() + 10
    while asyncio.get_running_loop().time() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            async with await psycopg.AsyncConnection.connect(dsn, autocommit=True):
                return
        await asyncio.sleep(0.02)


def _make_certificate(server: Server, folder: Path) -> None:
    key, certificate = folder / "server.key", folder / "server.crt"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    owner = server.data.stat()
    for path in (key, certificate):
        target = server.data / path.name
        target.write_bytes(path.read_bytes())
        target.chmod(0o600)
        with contextlib.suppress(PermissionError):
            import os

            os.chown(target, owner.st_uid, owner.st_gid)
