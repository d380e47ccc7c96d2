"""A wait that lasts is written once, with its age each second after that."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

from runbook.session import events as ev
from runbook.session.journal import read
from runbook.session.live import LiveSession, Options, SideChoice
from runbook.session.state import fold_all
from runbook.triage.model import LockNode, LockSession, LockTree
from runbook.triage.tree_ages import aged, only_older
from tests.support import Database, holding_lock, wait_until, waiting_for_lock


def _kinds(session: LiveSession) -> list[type]:
    watched = (ev.LocksSampled, ev.LocksUnchanged)
    return [type(e.payload) for e in session.state.events if isinstance(e.payload, watched)]


async def test_a_wait_that_lasts_is_written_once_and_its_age_grows_in_what_is_read_back(
    database: Database, tmp_path: Path
) -> None:
    with database.connect() as connection:
        connection.execute("CREATE TABLE orders (id int)")
    options = Options(sides=(SideChoice("production", database.dsn(), "production"),))
    session = LiveSession(options, lambda: ({}, ()), folder=tmp_path)
    async with holding_lock(database.dsn(), "LOCK TABLE orders"):
        async with waiting_for_lock(database.dsn(), "SELECT FROM orders"):
            watching = asyncio.create_task(session.watch_locks(0.1))
            await wait_until(lambda: _kinds(session).count(ev.LocksUnchanged) >= 5, 30)
            first = next(e.payload.tree for e in session.state.events if isinstance(e.payload, ev.LocksSampled))
            assert first.waiting == 1
            assert session.state.locks is not None
            assert session.state.locks.longest_wait_s > first.longest_wait_s
            assert session.state.locks.roots[0].children[0].wait_s == session.state.locks.longest_wait_s
        await wait_until(lambda: session.state.locks is not None and session.state.locks.waiting == 0, 30)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    await session.close()
    recording = read(Path(session.state.path))
    assert not recording.problems
    assert fold_all(recording.events, replace(session.state, events=())).locks == session.state.locks


def _tree(second: int, **changes: object) -> LockTree:
    waiter = LockSession(2, "b", "web", "app", "web", "active", "SELECT 1", 5.0 + second, 4.0 + second)
    blocker = LockSession(1, "a", "job", "app", "job", "idle in transaction", "UPDATE t", 60.0 + second, 50.0 + second)
    child = LockNode(waiter, waits_for="AccessShareLock on public.t", wait_s=4.0 + second)
    tree = LockTree("production", f"2026-11-21T02:00:{second:02}.000+00:00", (LockNode(blocker, children=(child,)),))
    return replace(tree, waiting=1, longest_wait_s=4.0 + second, **changes)  # type: ignore[arg-type]


def test_only_time_has_passed_where_the_same_sessions_do_the_same() -> None:
    assert only_older(_tree(0), _tree(7))
    assert aged(_tree(0), 7.0, _tree(7).sampled_at) == _tree(7)


def test_a_session_that_began_anew_or_another_statement_is_no_mere_passing_of_time() -> None:
    later = _tree(3)
    (root,) = later.roots
    begun = replace(root, session=replace(root.session, xact_age_s=0.2))
    other = replace(root, session=replace(root.session, query="UPDATE u"))
    gone = replace(root, children=())
    for changed in (begun, other, gone):
        assert not only_older(_tree(0), replace(later, roots=(changed,)))
    assert not only_older(_tree(0), replace(later, advice=("end 1",)))
