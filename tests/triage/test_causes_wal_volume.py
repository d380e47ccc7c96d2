"""A volume of WAL that runs full under a real migration: the server ends, comes back with more room, and is helped."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runbook.lab.servers import Server, start_server
from runbook.session.state import State
from tests.playbooks.incident import playbooks
from tests.support import Database, eventually
from tests.triage.incident import causes, explain, fact, psql, triage, write
from tests.triage.volumes import grow, small_volume
from tests.triage.waiting import TABLE_SQL, blocks, likely, nearest, run, run_the_checks

WAL = "wal-volume-fills-disk"
SHOP = f'CREATE SCHEMA "My Schema"; CREATE TABLE {TABLE_SQL} (id int, note text)'
BACKFILL = f"INSERT INTO {TABLE_SQL} SELECT n, repeat(md5(n::text), 10) FROM generate_series(1, 1000000) n"
PG_WAL = "SELECT sum(size) FROM pg_ls_waldir()"
SETTINGS = {"max_wal_size": "32MB", "min_wal_size": "32MB", "wal_level": "replica"}
NO_ARCHIVE = {"archive_mode": "on", "archive_command": "/bin/false"}


@contextmanager
def wal_on(volume: Path, major: int, settings: dict[str, str]) -> Iterator[Server]:
    """A server whose pg_wal is that volume."""
    with start_server(nearest(major), settings={**SETTINGS, **settings}) as server:
        server.halt()
        subprocess.run(["cp", "-a", f"{server.data}/pg_wal/.", str(volume)], check=True)
        shutil.rmtree(server.data / "pg_wal")
        (server.data / "pg_wal").symlink_to(volume)
        server.restart()
        yield server


def told(state: State) -> str:
    return playbooks()[WAL].render(state.book()).markdown()


@pytest.mark.parametrize("major", [12, 18], ids=["pg12", "pg18"])
async def test_a_server_that_could_write_no_wal_is_told_from_its_last_words_and_helped_after_its_return(
    major: int, database: Database, tmp_path: Path
) -> None:
    path = write(tmp_path, BACKFILL + ";\n")
    database.execute(SHOP)
    with small_volume(80) as volume, wal_on(volume, major, NO_ARCHIVE) as server:
        production = Database(server, "postgres")
        production.execute(SHOP)
        state = await triage(database, production, migration=path, seen="planned")
        assert WAL not in causes(state), explain(state)
        error = psql(production, path)
        server.halt("immediate")  # most times it could not start again; with luck the last file had room for that
        if "PANIC" not in error:  # another process met the full volume first: its words stand in the log
            assert "crash of another server process" in error
            error = "\n".join(line for line in server.log().splitlines() if "PANIC" in line) + "\n"
        assert "No space left on device" in error
        state = await triage(database, production, migration=path, error=error)
        assert likely(state) == [WAL], error + explain(state)
        assert "The server is down" in told(state)

        grow(volume, 400)
        server.restart()
        failed = "SELECT 1 FROM pg_stat_archiver WHERE failed_count > 0"
        eventually(lambda: production.execute(failed), 90, "the archiver has tried again")
        state = await triage(database, production, migration=path, error=error)
        assert likely(state) == [WAL], error + explain(state)
        assert fact(state, "disk.archive_failing") is True
        assert "The server is down" not in told(state)
        run_the_checks(WAL, state, production)
        size, works = blocks(WAL, state, "verify", changes=False)
        before = production.execute(PG_WAL)[0][0]
        assert run(production, works) == [(False,)]
        pretend, checkpoint = blocks(WAL, state, "fix", changes=True)
        run(production, pretend)
        production.execute("SELECT pg_switch_wal()")  # a new file wakes the archiver
        eventually(lambda: run(production, works) == [(True,)], 120, "the archiver goes on")
        none_ready = "SELECT 1 FROM pg_ls_archive_statusdir() AS f WHERE f.name LIKE '%.ready' HAVING count(*) > 0"
        eventually(lambda: not production.execute(none_ready), 60, "every file is archived")
        run(production, checkpoint)
        run(production, size)
        assert production.execute(PG_WAL)[0][0] < before
        [back] = blocks(WAL, state, "roll_back", changes=True)
        run(production, back)


async def test_failing_archiving_is_told_before_the_volume_is_full_and_wanted_wal_is_no_fault(
    database: Database, tmp_path: Path
) -> None:
    path = write(tmp_path, BACKFILL + ";\n")
    database.execute(SHOP)
    with start_server(nearest(16), settings={**SETTINGS, **NO_ARCHIVE, "wal_keep_size": "256MB"}) as server:
        production = Database(server, "postgres")
        production.execute(SHOP)
        for _ in range(10):
            production.execute("CREATE TABLE step (); DROP TABLE step; SELECT pg_switch_wal()")
        eventually(lambda: production.execute("SELECT 1 FROM pg_stat_archiver WHERE failed_count > 0"), 90)
        state = await triage(database, production, migration=path, seen="planned")
        assert likely(state) == [WAL], explain(state)
        for answer, expected in (("wal", [WAL]), ("no", [])):
            state = await triage(database, production, migration=path, seen="broken", answers=[("volume_full", answer)])
            assert likely(state) == expected, answer + explain(state)
        server.restart(settings={"archive_mode": "off"})
        state = await triage(database, production, migration=path, seen="planned")
        assert WAL not in causes(state), explain(state)


LOST = [
    "psycopg.OperationalError: server closed the connection unexpectedly\n",
    # quickdie (postgres.c): what psql printed where the checkpointer met the full volume first
    "psql:0007_change.sql:1: WARNING:  terminating connection because of crash of another server process\n"
    "DETAIL:  The postmaster has commanded this server process to roll back the current transaction and exit, because"
    " another server process exited abnormally and possibly corrupted shared memory.\n"
    "HINT:  In a moment you should be able to reconnect to the database and repeat your command.\n"
    "psql:0007_change.sql:1: server closed the connection unexpectedly\n"
    "\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\n"
    "psql:0007_change.sql:1: error: connection to server was lost\n",
]


@pytest.mark.parametrize("error", LOST, ids=["lost", "crash"])
async def test_a_session_that_ended_with_a_server_that_is_down_needs_somebody_who_saw_its_volume(
    error: str, database: Database, tmp_path: Path
) -> None:
    database.execute(SHOP)
    path = write(tmp_path, BACKFILL + ";\n")
    with start_server(nearest(18)) as server:
        down = server.dsn("postgres")
    state = await triage(database, None, production_dsn=down, migration=path, error=error)
    assert WAL not in likely(state), explain(state)
    for answer, first in (("wal", True), ("no", False)):
        answered = [("volume_full", answer)]
        state = await triage(database, None, production_dsn=down, migration=path, error=error, answers=answered)
        assert (likely(state)[:1] == [WAL]) is first, explain(state)


WORDINGS = [
    # XLogWrite and XLogFileInitInternal (xlog.c), 12 and 17 in the way they quote
    "PANIC:  could not write to log file 000000010000000000000006 at offset 8192, length 8192: No space left on device",
    'PANIC:  could not write to log file "000000010000000000000006" at offset 8192, length 8192: No space left on device',
    'ERROR:  could not write to file "pg_wal/xlogtemp.6926": No space left on device',
    '2026-11-21 12:13:31.498 UTC [7094] FATAL:  could not write to file "pg_wal/xlogtemp.7094": No space left on device',
]


@pytest.mark.parametrize("error", WORDINGS)
async def test_wal_without_room_is_told_from_every_wording_of_it(error: str) -> None:
    state = await triage(None, None, error=error + "\n")
    assert likely(state) == [WAL], error + explain(state)
