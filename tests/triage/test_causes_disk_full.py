"""A volume that runs full under a real migration: told by the file that the message names, and made room on."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook.lab.servers import start_server
from tests.support import Database
from tests.triage.incident import causes, explain, fact, psql, triage, write
from tests.triage.volumes import free_bytes, small_volume, tablespace_on
from tests.triage.waiting import TABLE_SQL, blocks, likely, nearest, run, run_the_checks

FULL = "disk-full"
ROWS = 120_000


def filled(rows: int) -> str:
    return f"""
        CREATE SCHEMA "My Schema";
        CREATE TABLE {TABLE_SQL} (id int NOT NULL, "E mail" text);
        INSERT INTO {TABLE_SQL} SELECT n, md5(n::text) || md5((n + 1)::text) FROM generate_series(1, {rows}) n;
        ANALYZE {TABLE_SQL};
    """


COPY = f"INSERT INTO {TABLE_SQL} SELECT * FROM {TABLE_SQL}"
INDEX = f'CREATE INDEX CONCURRENTLY "Items\' key" ON {TABLE_SQL} ("E mail")'
SORT = f"SET work_mem = '64kB'; SELECT count(*) FROM (SELECT * FROM {TABLE_SQL} ORDER BY 2 OFFSET 0) s"
FILLS = [
    (12, INDEX, "data"),
    (15, COPY, "data"),
    (16, f"ALTER TABLE {TABLE_SQL} ALTER COLUMN id TYPE bigint", "data"),
    (17, SORT, "temporary"),
    (18, INDEX, "data"),
]


@pytest.mark.parametrize(("major", "sql", "place"), FILLS, ids=[f"pg{f[0]}" for f in FILLS])
async def test_a_full_volume_is_told_from_its_file_and_has_room_after_the_playbook(
    major: int, sql: str, place: str, database: Database, tmp_path: Path
) -> None:
    path = write(tmp_path, sql + ";\n")
    database.execute(filled(100))
    with small_volume(20) as volume, start_server(nearest(major), settings={"autovacuum": "off"}) as server:
        production = Database(server, "postgres")
        tablespace_on(production, volume, "small")
        production.execute("ALTER DATABASE postgres SET default_tablespace = small")
        if place == "temporary":
            production.execute("ALTER DATABASE postgres SET temp_tablespaces = small")
        production.execute(filled(ROWS))
        state = await triage(database, production, migration=path, seen="planned")
        assert FULL not in causes(state), explain(state)
        assert "ERROR" not in psql(database, path)
        before = free_bytes(volume)

        error = psql(production, path)
        assert "No space left on device" in error
        state = await triage(database, production, migration=path, error=error)
        assert likely(state)[0] == FULL, error + explain(state)
        assert fact(state, "disk.error_place") == place
        assert (
            fact(state, "disk.error_tablespace")
            == production.execute("SELECT oid FROM pg_tablespace WHERE spcname = 'small'")[0][0]
        )
        run_the_checks(FULL, state, production)
        found = run(production, blocks(FULL, state, "fix", changes=False)[0])
        assert [(row[1], row[2]) for row in found] == [("small", str(volume))]
        alone = await triage(None, None, error=error)
        assert likely(alone) == [FULL], error + explain(alone)
        if sql == INDEX:
            assert free_bytes(volume) < before
            [drop] = blocks(FULL, state, "fix", changes=True)
            run(production, drop)
        if sql == COPY:
            assert free_bytes(volume) < 1 << 20  # the table keeps the pages of rows that were never committed
        else:
            assert free_bytes(volume) >= before - 100_000


WORDINGS = [
    # mdextend and mdzeroextend (md.c), FileWrite and BufFileDumpBuffer (fd.c, buffile.c), ltsWriteBlock (logtape.c)
    'ERROR:  could not extend file "base/16384/24601.3": wrote only 4096 of 8192 bytes at block 393216\nHINT:  Check free disk space.',
    'ERROR:  53100: could not extend file "base/16384/24601" with FileFallocate(): No space left on device',
    "ERROR:  could not write block 1234 of temporary file: No space left on device",
    "FEHLER:  konnte Datei »base/16384/24601« nicht erweitern: Auf dem Gerät ist kein Speicherplatz mehr verfügbar",
    "sqlalchemy.exc.OperationalError: (psycopg2.errors.DiskFull) could not extend file"
    ' "base/16384/24601": No space left on device\nHINT:  Check free disk space.',
    'ERROR:  could not create file "base/16384/24601": No space left on device',
]
ELSEWHERE = [
    'ERROR:  could not resize shared memory segment "/PostgreSQL.1654388032" to 33624064 bytes: No space left on device',
    'PANIC:  could not write to file "pg_wal/xlogtemp.6926": No space left on device',
    "ERROR:  53200: out of shared memory\nHINT:  You might need to increase max_locks_per_transaction.",
    'ERROR:  could not open file "base/16384/24601": Permission denied',
]


@pytest.mark.parametrize("error", WORDINGS)
async def test_a_full_volume_is_told_from_every_wording_of_it(error: str) -> None:
    state = await triage(None, None, error=error + "\n")
    assert likely(state) == [FULL], error + explain(state)


@pytest.mark.parametrize("error", ELSEWHERE)
async def test_what_only_resembles_a_full_volume_of_data_is_not_called_one(error: str) -> None:
    state = await triage(None, None, error=error + "\n")
    assert FULL not in causes(state), error + explain(state)
