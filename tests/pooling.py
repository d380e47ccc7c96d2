"""A real PgBouncer before a database of a test: the pooler that loses, mixes up and refuses what belongs to a session."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from runbook.lab.servers import SUPERUSER
from tests.support import Database, eventually

ADMIN = "pooler_admin"


@dataclass(frozen=True)
class Pooler:
    """One PgBouncer that listens on 127.0.0.1; ``admin`` leads to its own console."""

    port: int
    database: str

    def dsn(self, role: str = SUPERUSER, *, database: str | None = None, **options: str) -> str:
        name = quote(database or self.database, safe="")
        more = "?" + "&".join(f"{k}={quote(v)}" for k, v in options.items()) if options else ""
        return f"postgresql://{quote(role, safe='')}@127.0.0.1:{self.port}/{name}{more}"

    @property
    def admin(self) -> str:
        return self.dsn(ADMIN, database="pgbouncer")

    def console(self, command: str) -> list[tuple[Any, ...]]:
        """A command of the admin console (SHOW POOLS, RECONNECT ...), as psql would send it."""
        with psycopg.connect(self.admin, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
            cursor = connection.execute(command.encode())
            return cursor.fetchall() if cursor.description else []


def program() -> str:
    """Where pgbouncer is; skips the test where it is not."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    return found


@contextmanager
def pooler(database: Database, *, mode: str = "transaction", size: int = 1, **settings: Any) -> Iterator[Pooler]:
    """PgBouncer before ``database`` with ``size`` server connections a role; it ends with the block.

    Clients connect as any role without a password, as the server's own pg_hba.conf lets them.
    """
    executable = program()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="runbook-pgbouncer-", dir="/tmp"))
    roles = [ADMIN, *(row[0] for row in database.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin"))]
    values: Mapping[str, Any] = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": folder / "users.txt",
        "admin_users": ADMIN,
        "pool_mode": mode,
        "default_pool_size": size,
        **settings,
    }
    folder.chmod(0o755)
    (folder / "users.txt").write_text("".join('"{}" ""\n'.format(r.replace('"', '""')) for r in roles))
    target = f"host=127.0.0.1 port={database.server.port}"
    (folder / "ini").write_text(
        f"[databases]\n{database.name} = {target} dbname={database.name}\n"
        "[pgbouncer]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())
    )
    nobody = pwd.getpwnam("nobody")
    account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [executable, str(folder / "ini")],
        stdout=log,
        stderr=log,
        cwd="/",
        **account,  # type: ignore[call-overload]
    )
    made = Pooler(port, database.name)

    def ready() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with contextlib.suppress(psycopg.OperationalError):
            made.console("SHOW VERSION")
            return True
        return False

    try:
        eventually(ready, 30)
        yield made
    finally:
        process.terminate()
        process.wait(30)
        log.close()
        shutil.rmtree(folder)
