"""No room for parallel workers' shared memory: never called a full disk, and passed without workers."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from runbook.lab.servers import start_server
from tests.support import Database
from tests.triage.incident import causes, explain, fact, psql, triage, write
from tests.triage.volumes import small_volume
from tests.triage.waiting import TABLE_SQL, blocks, likely, nearest, run, run_the_checks

SHM = "shared-memory-too-small"
JOIN = f'CREATE TABLE report AS SELECT a.id, b."E mail" FROM {TABLE_SQL} a JOIN {TABLE_SQL} b USING ("E mail")'
PARALLEL = {
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
    "min_parallel_table_scan_size": "0",
    "enable_mergejoin": "off",
    "enable_nestloop": "off",
    "work_mem": "64MB",
}
"""So that few rows get the plan that many get by themselves: a parallel hash join."""


def filled(rows: int) -> str:
    return f"""
        CREATE SCHEMA "My Schema";
        CREATE TABLE {TABLE_SQL} (id int NOT NULL, "E mail" text);
        INSERT INTO {TABLE_SQL} SELECT n, md5(n::text) FROM generate_series(1, {rows}) n;
        ANALYZE {TABLE_SQL};
    """


@pytest.mark.parametrize("major", [12, 15, 18], ids=lambda m: f"pg{m}")
async def test_a_segment_without_room_is_no_full_disk_and_the_statement_passes_without_workers(
    major: int, database: Database, tmp_path: Path
) -> None:
    path = write(tmp_path, JOIN + ";\n")
    database.execute(filled(100))
    settings = {**PARALLEL, "dynamic_shared_memory_type": "mmap"}
    with small_volume(4) as volume, start_server(nearest(major), settings=settings) as server:
        server.halt()
        shutil.rmtree(server.data / "pg_dynshmem")
        (server.data / "pg_dynshmem").symlink_to(volume)
        server.restart()
        production = Database(server, "postgres")
        production.execute(filled(200_000))
        state = await triage(database, production, migration=path, seen="planned")
        assert SHM not in causes(state), explain(state)
        assert "ERROR" not in psql(database, path)
        error = psql(production, path)
        assert "could not resize shared memory segment" in error
        deadline = time.monotonic() + 60
        while "Interrupted system call" in error and time.monotonic() < deadline:
            # With mmap, a write that fitted in part leaves errno as some earlier call had set it: not what posix does.
            error = psql(production, path)
        state = await triage(database, production, migration=path, error=error)
        assert likely(state) == [SHM], error + explain(state)
        assert fact(state, "disk.segment_bytes") > 1_000_000
        assert fact(state, "disk.segment_kind") == "mmap"
        run_the_checks(SHM, state, production)
        [without] = blocks(SHM, state, "fix", changes=True, on="file")
        run(production, without)
        assert production.execute("SELECT count(*) FROM report") == [(200_000,)]


WORDINGS = [
    # dsm_impl_posix (dsm_impl.c), as 12 to 18 printed it with an 8 MB /dev/shm in a mount namespace of their own
    (
        'ERROR:  could not resize shared memory segment "/PostgreSQL.565244777" to 8409088 bytes: No space left on device',
        8409088,
    ),
    (
        'ERROR:  53100: could not resize shared memory segment "/PostgreSQL.3855112254" to 4194304 bytes: No space left on'
        " device\nCONTEXT:  parallel worker",
        4194304,
    ),
    (
        "FEHLER:  konnte Größe des Shared-Memory-Segments »/PostgreSQL.565244777« nicht auf 8409088 Bytes ändern:"
        " Auf dem Gerät ist kein Speicherplatz mehr verfügbar",
        8409088,
    ),
]


@pytest.mark.parametrize(("error", "size"), WORDINGS, ids=["posix", "worker", "german"])
async def test_a_segment_without_room_is_told_from_every_wording_of_it(error: str, size: int) -> None:
    state = await triage(None, None, error=error + "\n")
    assert likely(state) == [SHM], error + explain(state)
    assert fact(state, "disk.segment_bytes") == size


async def test_a_machine_without_memory_is_not_told_to_enlarge_its_dev_shm() -> None:
    error = 'ERROR:  53200: could not resize shared memory segment "/PostgreSQL.5652" to 8409088 bytes: Cannot allocate memory\n'
    state = await triage(None, None, error=error)
    assert SHM not in causes(state), explain(state)
