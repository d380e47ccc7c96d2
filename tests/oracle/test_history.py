"""Whole histories: the forecast of every statement is what the server does; small idle tables do not alarm."""

from __future__ import annotations

import pytest

from runbook.lab.servers import start_server
from tests import support
from tests.oracle.history_alarms import EXPECTED, alarms, rate
from tests.oracle.history_bundle import HISTORIES, bundles, read
from tests.oracle.history_replay import BASES, judgements, replay
from tests.oracle.history_tally import known, tally

SHORT = ("queue_sqlx", "game_diesel")
"""Replayed here; all of them by ``python -m tests.oracle.history``."""


@pytest.mark.parametrize(
    ("name", "major"), [(SHORT[0], min(support.WHEEL_MAJORS)), (SHORT[1], max(support.WHEEL_MAJORS))]
)
def test_every_statement_of_a_history_does_what_was_forecast(name: str, major: int) -> None:
    history = read(HISTORIES / f"{name}.sql")
    with start_server(major) as server:
        done = replay(history, server)
    wrong = [
        f"{basis} {ran.file}:{ran.line} {d}"
        for basis in BASES
        for ran, judged in judgements(done, basis)
        for d in judged.differ
        if known(done, ran, d, basis) is None
    ]
    assert (wrong, done.failed) == ([], ())
    assert len(done.ran) + len(done.not_run) + done.nothing == history.statements
    assert tally(done, "server").locks_read > 0.8 * history.statements


def test_there_are_enough_histories_to_mean_something() -> None:
    histories = [read(path) for path in bundles()]
    assert len(histories) >= 12
    assert len({h.runner for h in histories}) >= 10
    assert sum(len(h.files) for h in histories) >= 250
    assert sum(h.statements for h in histories) >= 1200


def test_a_history_can_be_read_by_the_runner_it_was_written_for() -> None:
    problems = [f"{h.name} {p}" for path in bundles() for h in (read(path),) for f in h.files for p in f.problems]
    assert problems == []


def test_fewer_than_two_percent_of_files_alarm_where_tables_are_small_and_idle() -> None:
    found = [f for path in bundles() for f in alarms(read(path), "small and idle")]
    loud, total = rate(found)
    unexplained = [
        f"{f.history} {f.file.path}" for f in found if f.alarms and _key(f.history, f.file.path) not in EXPECTED
    ]
    assert unexplained == []
    assert loud < 0.02 * total


def test_where_tables_are_large_and_busy_every_rewrite_of_a_table_that_was_there_alarms() -> None:
    silent = [
        f"{f.history} {f.file.path}:{s.line} {s.sql[:80]}"
        for path in bundles()
        for f in alarms(read(path), "large and busy")
        for s in f.statements
        if s.rewrites and any(lock.pre_existing and lock.relation in s.rewrites for lock in s.locks)
        if s.severity not in ("warning", "danger") and s.kind != "TRUNCATE TABLE"
    ]
    assert silent == []


def _key(history: str, path: str) -> tuple[str, str]:
    return (history, path.rpartition("/")[2])
