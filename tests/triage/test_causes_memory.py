"""Servers that run out of memory: one that gets no more, and one whose process is killed for it. Both are real."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runbook.diagnosis.facts import Unknown
from runbook.lab.servers import Server, start_server
from tests.support import BARE, Database, wait_until
from tests.triage.incident import causes, explain, fact, in_thread, psql, triage, write
from tests.triage.waiting import blocks, likely, nearest, run, run_the_checks

CAUSE, ENDED = "out-of-memory", "terminated-by-administrator"


@pytest.fixture(params=[12, 18], ids=lambda m: f"pg{m}")
def production(request: pytest.FixtureRequest) -> Iterator[Database]:
    with start_server(nearest(request.param), settings={"autovacuum": "off"}) as server:
        made = Database(server, "postgres")
        made.execute(f"CREATE TABLE orders (id int PRIMARY KEY, note text); CREATE ROLE {BARE} LOGIN")
        yield made


def limit_memory(server: Server, spare_kb: int) -> None:
    """Start it again so that each of its processes may map that much more than the postmaster does now."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    [mapped] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmSize")]
    programs = server.folder / "limited"
    programs.mkdir()
    program = programs / "postgres"
    program.write_text(f'#!/bin/sh\nulimit -v {mapped + spare_kb}\nexec {server.installation.bin / "postgres"} "$@"\n')
    for path in (programs, program):
        path.chmod(0o755)
    server.installation = replace(server.installation, bin=programs)
    server.restart()


async def test_a_process_that_gets_no_more_memory_is_told_with_what_it_asked_for(
    production: Database, database: Database, tmp_path: Path
) -> None:
    database.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
    path = write(
        tmp_path, "INSERT INTO orders SELECT 1, string_agg(repeat('x', 100), '') FROM generate_series(1, 3000000);\n"
    )
    state = await triage(database, production, migration=path, seen="planned")
    assert CAUSE not in causes(state), explain(state)
    limit_memory(production.server, spare_kb=200 << 10)
    error = await in_thread(psql, production, path)
    assert "out of memory" in error
    state = await triage(database, production, migration=path, error=error)
    assert likely(state) == [CAUSE], error + explain(state)
    assert fact(state, "limits.requested_bytes") >= 1 << 20
    assert fact(state, "limits.memory_context")
    run_the_checks(CAUSE, state, production)
    [less] = blocks(CAUSE, state, "fix", changes=True, on="file")
    run(production, less)
    alone = await triage(None, None, error=error)
    assert likely(alone) == [CAUSE], error + explain(alone)


async def test_a_killed_process_is_told_by_the_servers_new_beginning_and_by_its_log(
    production: Database, database: Database, tmp_path: Path
) -> None:
    database.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
    path = write(tmp_path, "ALTER TABLE orders ADD COLUMN more text;\nSELECT pg_sleep(600);\n")
    old = "SELECT 1 FROM pg_stat_activity WHERE clock_timestamp() - pg_postmaster_start_time() > interval '32 seconds' LIMIT 1"
    await wait_until(lambda: production.execute(old), 60)
    running = asyncio.create_task(in_thread(psql, production, path))
    asleep = "SELECT pid FROM pg_stat_activity WHERE application_name = 'deploy' AND wait_event = 'PgSleep'"
    [(pid,)] = await wait_until(lambda: production.execute(asleep), 30)
    os.kill(pid, signal.SIGKILL)
    error = await running
    assert "server closed the connection unexpectedly" in error

    def back() -> bool:
        log = production.server.log()
        return "ready to accept connections" in log.split("was terminated by signal 9")[-1]

    await wait_until(lambda: "was terminated by signal 9" in production.server.log() and back(), 60)
    state = await triage(database, production, migration=path, error=error)
    assert causes(state)[0] in (CAUSE, ENDED), explain(state)
    assert 0 <= fact(state, "limits.crash_age_s") < fact(state, "waits.server_uptime_s") - 30
    hidden = await triage(database, production, migration=path, error=error, role=BARE)
    assert isinstance(fact(hidden, "limits.crash_age_s"), Unknown)
    state = await triage(database, production, migration=path, error=error, answers=[("crash_signal", "killed")])
    assert likely(state) == [CAUSE], error + explain(state)
    run_the_checks(CAUSE, state, production)
    state = await triage(database, production, migration=path, error=error, answers=[("crash_signal", "other")])
    assert CAUSE not in likely(state), explain(state)

    [logged] = [line for line in production.server.log().splitlines() if "was terminated by signal 9" in line]
    state = await triage(None, None, error=f"server closed the connection unexpectedly\n{logged}\n")
    assert likely(state) == [CAUSE], explain(state)


TEXTS = [
    # mcxt.c: MemoryContextAllocationFailure; de.po
    'ERROR:  out of memory\nDETAIL:  Failed on request of size 134217728 in memory context "TupleSort main".',
    "FEHLER:  Speicher aufgebraucht\nDETAIL:  Fehler bei Anfrage mit Größe 134217728 im Speicherkontext »TupleSort main«.",
]


@pytest.mark.parametrize("text", TEXTS, ids=["en", "de"])
async def test_the_message_is_understood_in_other_languages(text: str) -> None:
    state = await triage(None, None, error=text)
    assert likely(state) == [CAUSE], explain(state)
    assert (fact(state, "limits.requested_bytes"), fact(state, "limits.memory_context")) == (
        134217728,
        "TupleSort main",
    )


NOT_MEMORY = [
    "ERROR:  out of shared memory\nHINT:  You might need to increase max_locks_per_transaction.",
    "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n",
    "FATAL:  terminating connection due to administrator command",
    "ERROR:  invalid memory alloc request size 1073741824",
    # stringinfo.c, 12 to 16: a value above 1 GB, with the SQLSTATE 54000 where that is printed
    "ERROR:  out of memory\nDETAIL:  Cannot enlarge string buffer containing 1073741822 bytes by 2 more bytes.",
]


@pytest.mark.parametrize("text", NOT_MEMORY)
async def test_other_memory_and_other_ends_are_not_called_out_of_memory(text: str) -> None:
    state = await triage(None, None, error=text)
    assert CAUSE not in likely(state), explain(state)
