"""Disks and what fills them: each limit is met by a real psql on a real server, and told from its neighbours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import Database
from tests.triage.incident import causes, explain, fact, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, run, run_the_checks, shop

TEMP = "temp-file-limit"
ROWS = 40_000


def filled(rows: int) -> str:
    return f"""
        CREATE SCHEMA "My Schema";
        CREATE TABLE {TABLE_SQL} (id int NOT NULL, "E mail" text);
        INSERT INTO {TABLE_SQL} SELECT n, md5(n::text) || md5((n + 1)::text) FROM generate_series(1, {rows}) n;
        CREATE INDEX "by id" ON {TABLE_SQL} (id);
        ANALYZE {TABLE_SQL};
    """


def set_for_database(database: Database, **settings: str) -> None:
    for name, value in settings.items():
        database.execute(f"ALTER DATABASE {database.name} SET {name} = '{value}'")


SORTS = [
    (12, f'CREATE INDEX "Items\' key" ON {TABLE_SQL} ("E mail")', True),
    (14, f'CREATE INDEX CONCURRENTLY "Items\' key" ON {TABLE_SQL} ("E mail")', True),
    (16, f"ALTER TABLE {TABLE_SQL} ALTER COLUMN id TYPE bigint", True),
    (15, f"ALTER TABLE {TABLE_SQL} ADD PRIMARY KEY (id)", True),
    (
        17,
        f"SET work_mem = '64kB'; CREATE MATERIALIZED VIEW mails AS SELECT \"E mail\" FROM {TABLE_SQL} ORDER BY 1",
        False,
    ),
    (18, f'CREATE UNIQUE INDEX "Items\' key" ON {TABLE_SQL} (lower("E mail"))', True),
]


@pytest.mark.parametrize(("major", "sql", "foretold"), SORTS, ids=[f"pg{s[0]}" for s in SORTS])
async def test_a_sort_that_may_not_write_its_files_is_told_before_and_after(
    major: int, sql: str, foretold: bool, tmp_path: Path
) -> None:
    path = write(tmp_path, sql + ";\n")
    with shop(major, "SELECT 1") as (local, production):
        for database, rows in ((local, 100), (production, ROWS)):
            database.execute(filled(rows))
            set_for_database(database, maintenance_work_mem="1MB")
        state = await triage(local, production, migration=path, seen="planned")
        assert TEMP not in causes(state), explain(state)
        set_for_database(production, temp_file_limit="100kB")
        state = await triage(local, production, migration=path, seen="planned")
        assert (likely(state) == [TEMP]) is foretold, explain(state)
        assert "ERROR" not in psql(local, path)

        error = psql(production, path)
        assert "temp_file_limit" in error
        state = await triage(local, production, migration=path, error=error)
        assert likely(state)[0] == TEMP, error + explain(state)
        assert fact(state, "disk.temp_limit_in_error_bytes") == 102_400
        run_the_checks(TEMP, state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == [TEMP], error + explain(alone)
        for drop in [b for b in blocks(TEMP, state, "roll_back", changes=True) if "DROP" in b.sql]:
            run(production, drop)
        if foretold:  # the way that any role may go
            [in_memory] = blocks(TEMP, state, "fix", changes=True, on="file")
            run(production, in_memory)


async def test_a_limit_of_temporary_files_is_no_cause_where_nothing_large_is_sorted_or_another_limit_was_met(
    tmp_path: Path,
) -> None:
    with shop(16, filled(100)) as (local, production):
        set_for_database(production, temp_file_limit="100kB", maintenance_work_mem="1MB")
        path = write(tmp_path, f'CREATE INDEX ON {TABLE_SQL} ("E mail");\n')
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state) == [], explain(state)
        state = await triage(local, production, seen="planned")
        assert causes(state) == [], explain(state)
        slots = "ERROR:  53400: all replication slots are in use\n"  # ReplicationSlotCreate (slot.c)
        state = await triage(local, production, migration=path, error=slots)
        assert TEMP not in causes(state), explain(state)
