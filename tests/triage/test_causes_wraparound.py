"""A server that gives out no transaction numbers any more: real ones, put next to their end by pg_resetwal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runbook.lab.clusters import run_as_account
from runbook.lab.servers import start_server
from tests.support import Database, eventually
from tests.triage.incident import causes, explain, fact, in_thread, psql, triage, write
from tests.triage.waiting import blocks, likely, run, run_the_checks

CAUSE = "wraparound-protection"
HOLDER = "old_subscriber"
STOP = 3_000_000  # varsup.c, from 14 on
SEGMENT = 1 << 20  # transactions in a file of pg_xact


@pytest.fixture(params=[16, 18], ids=lambda m: f"pg{m}")
def worn_out(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Thirty transactions before the end. A forgotten slot keeps autovacuum from helping.

    The majors of the demo extra: only their packages hold pg_resetwal.
    """
    with start_server(request.param, settings={"autovacuum_naptime": "1"}) as server:
        production = Database(server, "postgres")
        production.execute("CREATE TABLE orders (id int PRIMARY KEY)")
        production.execute(f"SELECT pg_create_logical_replication_slot('{HOLDER}', 'pgoutput')")
        production.execute("ALTER DATABASE template0 ALLOW_CONNECTIONS true")
        for name in (
            "postgres",
            "template0",
            "template1",
        ):  # as far as the slot allows, so that nothing is left to gain
            Database(server, name).execute("VACUUM (FREEZE)")
        [(oldest,)] = production.execute("SELECT min(datfrozenxid::text::int8) FROM pg_database")
        server.halt()
        next_number = oldest + (1 << 31) - 1 - STOP - 30
        segment = server.data / "pg_xact" / f"{next_number // SEGMENT:04X}"
        segment.write_bytes(bytes(SEGMENT // 4))
        owner = (server.data / "pg_xact").stat()
        os.chown(segment, owner.st_uid, owner.st_gid)
        reset = [server.installation.bin / "pg_resetwal", "-x", str(next_number), "-D", server.data]
        run_as_account(reset, server.installation.environment(), server.data)
        server.restart()
        yield production


def use_up(production: Database) -> None:
    """Transactions that change something, until no more is allowed."""
    with production.connect() as connection:
        for _ in range(100):
            try:
                connection.execute("SELECT pg_current_xact_id()")
            except psycopg.errors.ProgramLimitExceeded:
                return
    raise AssertionError("the server still gives out numbers")


async def test_a_server_next_to_its_last_transaction_number_is_told_before_and_after_and_the_fix_brings_it_back(
    worn_out: Database, database: Database, tmp_path: Path
) -> None:
    database.execute("CREATE TABLE orders (id int PRIMARY KEY)")
    path = write(tmp_path, "ALTER TABLE orders ADD COLUMN note text;\n")
    state = await triage(database, worn_out, migration=path, seen="planned")
    assert likely(state) == [CAUSE], explain(state)
    assert 0 < fact(state, "limits.xids_left") <= 31

    await in_thread(use_up, worn_out)
    error = await in_thread(psql, worn_out, path)
    assert "to avoid wraparound data loss" in error
    state = await triage(database, worn_out, migration=path, error=error)
    assert likely(state) == [CAUSE], error + explain(state)
    assert fact(state, "limits.xids_left") <= 0
    [holder] = fact(state, "limits.xid_holders")
    assert (holder["kind"], holder["name"]) == ("replication slot", HOLDER)
    run_the_checks(CAUSE, state, worn_out)
    alone = await triage(None, None, error=error)
    assert likely(alone) == [CAUSE], error + explain(alone)
    with worn_out.connect() as connection, pytest.raises(psycopg.errors.ProgramLimitExceeded):
        connection.execute("VACUUM FULL orders")

    let_go, vacuum = blocks(CAUSE, state, "fix", changes=True)
    await in_thread(run, worn_out, let_go)
    await in_thread(run, worn_out, vacuum)
    ages = "SELECT 1 FROM pg_database WHERE age(datfrozenxid) > 2000000000"
    await in_thread(eventually, lambda: not worn_out.execute(ages), 120, "autovacuum has frozen the templates")
    [(oldest, _)] = run(worn_out, blocks(CAUSE, state, "verify", changes=False)[0])
    assert int(str(oldest)) < 1000
    await in_thread(eventually, lambda: "ERROR" not in psql(worn_out, path), 60, "changes are allowed again")
    state = await triage(
        database, worn_out, migration=write(tmp_path, "CREATE TABLE a (b int);\n", "8.sql"), seen="planned"
    )
    assert CAUSE not in causes(state), explain(state)


WORDS = [
    # varsup.c and multixact.c: 12 to 16, and 17 on
    'database is not accepting commands to avoid wraparound data loss in database "shop"',
    'database is not accepting commands that assign new transaction IDs to avoid wraparound data loss in database "shop"',
    'database is not accepting commands that generate new MultiXactIds to avoid wraparound data loss in database "shop"',
    'database is not accepting commands that assign new MultiXactIds to avoid wraparound data loss in database "shop"',
    # de.po of 15
    "Datenbank nimmt keine Befehle an, um Datenverlust wegen Transaktionsnummernüberlauf in Datenbank »shop« zu vermeiden",
]


@pytest.mark.parametrize("words", WORDS)
async def test_each_wording_of_the_refusal_is_understood(words: str) -> None:
    state = await triage(None, None, error=f"ERROR:  {words}\n")
    assert likely(state) == [CAUSE], explain(state)


async def test_a_busy_server_that_is_young_is_not_suspected(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path, "CREATE TABLE a (b int);\n")
    state = await triage(database, database, migration=path, seen="planned")
    assert causes(state) == [], explain(state)
    assert fact(state, "limits.xids_left") > 1_000_000_000
