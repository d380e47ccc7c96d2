"""Embedded servers start, serve, and leave nothing behind however we end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import psycopg
import pytest

from runbook.lab import watchdog
from runbook.lab.installations import LabError
from runbook.lab.servers import start_server, start_servers, start_standby
from tests.support import BARE, MONITOR, Database, eventually, holding_lock, waiting_for_lock


def test_two_majors_run_side_by_side() -> None:
    servers = start_servers(16, 18)
    try:
        versions = [psycopg.connect(server.dsn()).info.server_version // 10000 for server in servers]
        assert versions == [16, 18]
    finally:
        for server in servers:
            server.stop()
    assert not any(server.folder.exists() for server in servers)


def test_a_stopped_server_leaves_no_process_and_no_folder() -> None:
    with start_server(18) as server:
        pid = server.pid
    assert not server.folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_settings_and_access_rules_survive_a_restart() -> None:
    with start_server(18, settings={"work_mem": "7MB"}) as server:
        server.restart(hba="local all all reject\nhost all all 127.0.0.1/32 reject\n")
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SHOW work_mem").fetchone() == ("7MB",)
            connection.execute("CREATE ROLE outsider LOGIN")
            connection.commit()
        with pytest.raises(psycopg.OperationalError, match="reject"):
            psycopg.connect(server.dsn(role="outsider"))


def test_without_tcp_only_the_socket_listens() -> None:
    with start_server(18, tcp=False) as server:
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert server.socket_dir.stat().st_mode & 0o077 == 0
        with pytest.raises(LabError, match="without TCP"):
            server.dsn(tcp=True)


def test_a_major_that_is_not_here_is_named_with_the_way_to_get_it() -> None:
    with pytest.raises(LabError, match=r"no PostgreSQL 99 at hand .*runbook\.lab\.matrix"):
        start_server(99)


def test_a_setting_the_server_refuses_is_reported_with_its_log_and_nothing_is_left() -> None:
    with pytest.raises(LabError, match="no_such_setting") as caught:
        start_server(18, settings={"no_such_setting": "1"})
    assert "did not start" in str(caught.value)


def test_a_standby_follows_its_primary() -> None:
    with start_server(16) as primary, start_standby(primary) as standby, psycopg.connect(standby.dsn()) as connection:
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)


PROGRAM = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit it ignored
from runbook.lab.servers import start_servers
for server in start_servers(16, 18):
    print(server.pid, server.folder, flush=True)
print("up", flush=True)
{then}
"""


@pytest.mark.parametrize(
    ("then", "sent"),
    [
        ("time.sleep(600)", signal.SIGKILL),
        ("time.sleep(600)", signal.SIGTERM),
        ("time.sleep(600)", signal.SIGINT),
        ("raise RuntimeError('a bug of ours')", None),
        ("sys.exit(0)", None),
    ],
    ids=["kill -9", "SIGTERM", "Ctrl-C", "an exception", "a normal exit"],
)
def test_no_server_and_no_folder_outlives_us(then: str, sent: signal.Signals | None) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(then=then)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert program.stdout is not None
    lines = [line.split() for line in iter(program.stdout.readline, "up\n")]
    assert len(lines) == 2
    if sent is not None:
        program.send_signal(sent)
    program.wait(20)
    program.stdout.close()
    for pid, folder in lines:
        eventually(partial(_gone, int(pid), Path(folder)), deadline_s=15, what=f"server {pid} in {folder} gone")


def _gone(pid: int, folder: Path) -> bool:
    return not _alive(pid) and not folder.exists()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_leftovers_of_a_run_whose_watchdog_died_too_are_cleared_by_the_next_run() -> None:
    then = "import os, runbook.lab.housekeeping as s; s._dog.kill(); s._dog.wait(); os.kill(os.getpid(), 9)"
    program = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(then=then)], stdout=subprocess.PIPE, text=True, check=False, timeout=60
    )
    left = [line.split() for line in program.stdout.splitlines()[:2]]
    assert all(_alive(int(pid)) for pid, _ in left), "the servers should have been left running"
    next_run = "from runbook.lab.servers import start_server; start_server(18).stop()"
    subprocess.run([sys.executable, "-c", next_run], check=True, timeout=60)
    for pid, folder in left:
        eventually(partial(_gone, int(pid), Path(folder)), what=f"server {pid} in {folder} gone")


def test_a_running_server_of_somebody_else_is_never_cleared(database: Database) -> None:
    """The folder of a live run is locked by its owner; a second run leaves it alone."""
    other_run = "from runbook.lab.servers import start_server; start_server(18).stop()"
    subprocess.run([sys.executable, "-c", other_run], check=True, timeout=60)
    assert database.execute("SELECT 1") == [(1,)]


def test_a_foreign_process_id_in_the_pid_file_is_not_ours_to_stop(tmp_path: Path) -> None:
    (tmp_path / watchdog.DATA).mkdir()
    (tmp_path / watchdog.DATA / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert watchdog.postmaster(tmp_path) is None


# --- what the fixtures promise -----------------------------------------------------------------------------------


def test_every_major_gives_a_fresh_database(matrix_database: Database, postgres_major: int) -> None:
    (num,) = matrix_database.execute("SELECT current_setting('server_version_num')::int / 10000")[0]
    assert num == postgres_major
    assert matrix_database.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [
        (0,)
    ]


def test_roles_of_three_strengths_can_connect(database: Database) -> None:
    question = (
        "SELECT current_user, pg_has_role('pg_monitor', 'member'), rolsuper FROM pg_roles WHERE rolname = current_user"
    )
    assert database.execute(question, MONITOR) == [(MONITOR, True, False)]
    assert database.execute(question, BARE) == [(BARE, False, False)]


def test_the_pair_has_two_majors(pair: tuple[Database, Database]) -> None:
    local, production = pair
    assert local.major > production.major


async def test_locks_are_really_held_and_really_waited_for(database: Database) -> None:
    database.execute("CREATE TABLE t (id int)")
    async with (
        holding_lock(database.dsn(), "LOCK TABLE t") as holder,
        waiting_for_lock(database.dsn(), "INSERT INTO t VALUES (1)") as waiter,
    ):
        blockers = database.execute(f"SELECT pg_blocking_pids({waiter.info.backend_pid})")
        assert blockers == [([holder.info.backend_pid],)]
    assert database.execute("SELECT * FROM t") == []
