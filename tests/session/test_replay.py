"""A recording plays as it happened, moves in time without changing what was, and follows a journal that is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from runbook.session import events as ev
from runbook.session.journal import Journal, JournalError
from runbook.session.replay import ReplaySession, open_replay
from runbook.session.state import State, fold_all
from tests.support import wait_until
from tests.tui import incident


def recorded(**given: object) -> ReplaySession:
    events = incident.events(incident.payloads())
    return ReplaySession(events, {}, **given)  # type: ignore[arg-type]


@asynccontextmanager
async def playing(session: ReplaySession) -> AsyncIterator[ReplaySession]:
    task = asyncio.create_task(session.play())
    try:
        yield session
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_plays_from_before_the_first_event_to_the_last() -> None:
    session = recorded(speed=1000.0)
    assert session.state == State()
    async with playing(session):
        await wait_until(lambda: session.ended)
    assert session.state == fold_all(incident.events(incident.payloads()), State())


async def test_gaps_are_as_long_as_they_were_divided_by_the_speed() -> None:
    now = [100.0]
    session = recorded(clock=lambda: now[0])
    session.step(3)
    session.toggle()
    before = session.now_s
    now[0] += 0.05
    assert session.now_s == pytest.approx(before + 0.05)
    session.faster(1)
    now[0] += 0.02
    assert session.now_s == pytest.approx(before + 0.05 + 0.04)
    now[0] += 3600
    assert session.now_s == session.length_s or session.now_s <= session.length_s, "never past the next event"


async def test_paused_it_stays_and_every_step_is_one_event_on_or_back() -> None:
    session = recorded()
    session.toggle()
    async with playing(session):
        session.step(1)
        session.step(1)
        session.step(-1)
        assert session.shown == 1
        session.step(-5)
        assert (session.shown, session.state) == (0, State())


def test_jumping_back_shows_what_was_known_then() -> None:
    session = recorded()
    session.to_newest()
    events = incident.events(incident.payloads())
    for number in (len(events) // 2, 1, len(events)):
        session.to_event(number)
        assert session.state == fold_all(events[:number], State())
    session.to_time(events[4].offset_s)
    assert session.shown == 5


def test_a_change_of_belief_is_one_key_away_in_both_directions() -> None:
    session = recorded()
    beliefs = session.beliefs()
    assert beliefs
    session.to_belief(1)
    assert session.shown == beliefs[0]
    assert not session.playing
    session.to_newest()
    session.to_belief(-1)
    assert session.shown == max(b for b in beliefs if b < session.length)


async def test_a_session_that_is_being_written_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    journal = Journal(path)
    events = incident.events(incident.payloads())
    for event in events[:3]:
        journal.append(event)
    session = open_replay(path, {}, follow=True)
    assert session.ended, "it begins with what there is"
    async with playing(session):
        for event in events[3:]:
            journal.append(event)
        await wait_until(lambda: session.shown == len(events))
        session.step(-2)
        journal.append(ev.Event(len(events) + 1, events[-1].at, 99.0, ev.Noted("later", "me")))
        await wait_until(lambda: session.length == len(events) + 1)
        assert session.shown == len(events) - 2, "whoever looks back is left there"
        session.to_newest()
        assert "later" in repr(session.state.notes[-1])
        journal.append(ev.Event(len(events) + 2, events[-1].at, 100.0, ev.SessionClosed("quit")))
        journal.close()
        await wait_until(lambda: not session.following)
    assert session.problems == ()


def test_a_journal_without_an_event_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(JournalError, match="no event"):
        open_replay(tmp_path / "empty.jsonl", {})
    with pytest.raises(JournalError, match="cannot be read"):
        open_replay(tmp_path / "absent.jsonl", {})
