"""Replication slots that keep WAL: one without a reader is named once the disk is at stake, and let go by the playbook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import pq

from runbook.lab.servers import start_server
from tests.support import Database, eventually
from tests.triage.incident import causes, explain, fact, triage, write
from tests.triage.waiting import blocks, likely, nearest, run, run_the_checks

SLOT = "inactive-replication-slot"
SHOP = "CREATE TABLE orders (id int, note text)"
SETTINGS = {"max_wal_size": "32MB", "min_wal_size": "32MB", "wal_sender_timeout": "0"}
FULL = 'PANIC:  could not write to file "pg_wal/xlogtemp.6926": No space left on device\n'
"""What psql printed of servers 12 to 18 on a volume of 100 MB: the end of XLogFileInitInternal in xlog.c."""

DATA = 'ERROR:  could not extend file "base/16384/24601": No space left on device\nHINT:  Check free disk space.\n'


@pytest.fixture(params=[12, 14, 18], ids=lambda m: f"pg{m}")
def production(request: pytest.FixtureRequest) -> Iterator[Database]:
    with start_server(nearest(request.param), settings=SETTINGS) as server:
        made = Database(server, "postgres")
        made.execute(SHOP)
        yield made


def write_wal(production: Database, segments: int) -> None:
    """The position moves by a segment of 16 MB each time."""
    for _ in range(segments):
        production.execute("INSERT INTO orders VALUES (1); SELECT pg_switch_wal()")


@contextmanager
def read_from(production: Database, slot: str) -> Iterator[None]:
    """A standby's connection that reads from the slot, as far as the server can tell."""
    [(start,)] = production.execute(f"SELECT restart_lsn::text FROM pg_replication_slots WHERE slot_name = '{slot}'")
    reader = pq.PGconn.connect(f"{production.dsn()}&replication=true".encode())
    try:
        assert reader.status == pq.ConnStatus.OK, reader.error_message
        assert (
            reader.exec_(f"START_REPLICATION SLOT {slot} PHYSICAL {start}".encode()).status == pq.ExecStatus.COPY_BOTH
        )
        eventually(
            lambda: production.execute(f"SELECT 1 FROM pg_replication_slots WHERE slot_name = '{slot}' AND active"), 30
        )
        yield
    finally:
        reader.finish()


async def test_a_slot_that_nobody_reads_from_is_named_when_its_volume_fills_and_its_files_go_with_it(
    production: Database, database: Database, tmp_path: Path
) -> None:
    database.execute(SHOP)
    path = write(tmp_path, "ALTER TABLE orders ADD COLUMN total int;\n")
    production.execute("SELECT pg_create_physical_replication_slot('unused')")  # keeps nothing before its first reader
    write_wal(production, 4)
    state = await triage(database, production, migration=path, error=FULL)
    assert SLOT not in causes(state), explain(state)
    assert fact(state, "disk.slots") == []

    production.execute("SELECT pg_create_physical_replication_slot('old_replica', true)")
    state = await triage(database, production, migration=path, error=FULL)
    assert SLOT not in causes(state), explain(state)
    write_wal(production, 4)
    state = await triage(database, production, migration=path, seen="planned")
    assert causes(state) == [], explain(state)
    state = await triage(database, production, migration=path, seen="broken")
    assert causes(state) == [SLOT], explain(state)
    assert state.diagnosis is not None
    assert state.diagnosis.question is not None
    assert state.diagnosis.question.id == "volume_full"
    assert likely(state) == [], explain(state)
    for answer, expected in (("wal", [SLOT]), ("both", [SLOT]), ("data", []), ("no", [])):
        state = await triage(database, production, migration=path, seen="broken", answers=[("volume_full", answer)])
        assert likely(state) == causes(state) == expected, answer + explain(state)
    state = await triage(database, production, migration=path, error=FULL)
    assert likely(state)[0] == SLOT, explain(state)
    assert fact(state, "disk.slots_over")[0]["retained_bytes"] > fact(state, "disk.wal_max_bytes")
    write_wal(production, 6)
    state = await triage(database, production, migration=path, seen="planned")
    assert likely(state) == [SLOT], explain(state)
    state = await triage(database, production, migration=path, error=DATA)
    assert likely(state) == ["disk-full"], explain(state)
    assert state.diagnosis is not None
    assert state.diagnosis.question is not None
    assert state.diagnosis.question.id == "volume_full"
    for answer, expected in (("both", ["disk-full", SLOT]), ("data", ["disk-full"])):
        state = await triage(database, production, migration=path, error=DATA, answers=[("volume_full", answer)])
        assert likely(state) == expected, answer + explain(state)
    state = await triage(database, production, migration=path, error=FULL)
    run_the_checks(SLOT, state, production)
    shown = blocks(SLOT, state, "verify", changes=False)[0]
    assert run(production, shown) != []
    drop, checkpoint = blocks(SLOT, state, "fix", changes=True)
    production.execute("CHECKPOINT")  # whatever one under way would free is free
    before = production.execute("SELECT sum(size) FROM pg_ls_waldir()")[0][0]
    run(production, drop)
    assert run(production, shown) == []
    assert production.execute("SELECT sum(size) FROM pg_ls_waldir()")[0][0] == before
    run(production, checkpoint)
    assert production.execute("SELECT sum(size) FROM pg_ls_waldir()")[0][0] < before
    state = await triage(database, production, migration=path, seen="broken", answers=[("volume_full", "wal")])
    assert SLOT not in causes(state), explain(state)


async def test_a_slot_that_is_read_from_is_not_dropped_by_advice(
    production: Database, database: Database, tmp_path: Path
) -> None:
    database.execute(SHOP)
    path = write(tmp_path, "ALTER TABLE orders ADD COLUMN total int;\n")
    production.execute("SELECT pg_create_physical_replication_slot('replica', true)")
    write_wal(production, 4)
    with read_from(production, "replica"):
        state = await triage(database, production, migration=path, error=FULL)
        assert likely(state) == ["wal-volume-fills-disk"], explain(state)
        assert SLOT not in causes(state), explain(state)
    assert fact(state, "disk.slots") == []
    assert [s["name"] for s in fact(state, "disk.readers_behind")] == ["replica"]
    if production.major >= 13:
        state = await triage(database, production, migration=path, error=FULL)
        [bound] = blocks(SLOT, state, "prevent", changes=True)
        run(production, bound)
        set_now = "SELECT 1 FROM pg_settings WHERE name = 'max_slot_wal_keep_size' AND setting::int > 0"
        eventually(lambda: production.execute(set_now), 30)
        state = await triage(database, production, migration=path, seen="broken", answers=[("volume_full", "wal")])
        assert causes(state)[0] == SLOT, explain(state)  # bounded, and the volume fills all the same
