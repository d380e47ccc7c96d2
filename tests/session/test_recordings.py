"""Journals that were written once stay readable, and the same verdict comes out of them.

``recordings/`` holds sessions as earlier versions wrote them: ``JOURNALVERSION-TIME-FIRSTCAUSE.jsonl.gz``. None is ever
changed; a new version of the journal adds its own.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from runbook.diagnosis.engine import diagnose
from runbook.diagnosis.questions import next_question
from runbook.session import events as ev
from runbook.session import journal
from runbook.session.conclude import diagnosed_view
from runbook.session.journal import JournalError, read
from runbook.session.live import LiveSession, Options, SideChoice
from runbook.session.recorder import Recorder
from runbook.session.state import State, fold_all
from runbook.transcript import render
from tests.playbooks.incident import playbooks
from tests.support import Database, holding_lock, waiting_for_lock

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*.jsonl.gz"))


@pytest.fixture(params=RECORDINGS, ids=[p.name.partition(".")[0] for p in RECORDINGS])
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    packed: Path = request.param
    path = tmp_path / packed.name.removesuffix(".gz")
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return packed.name.split(".")[0].split("-", 2)[2], path


def _diagnosed_again(state: State) -> ev.Diagnosed:
    """What today's playbooks make of the facts that were recorded."""
    known = playbooks()
    book = state.book()
    found = diagnose(book, known.values())
    return diagnosed_view(found, next_question(book, list(known.values()), found))


def test_there_is_a_recording_of_the_journal_version_that_is_written_now() -> None:
    assert any(p.name.startswith(f"{ev.JOURNAL_VERSION}-") for p in RECORDINGS)


def test_a_recording_of_an_earlier_version_is_read_whole_and_told_in_every_format(recorded: tuple[str, Path]) -> None:
    _, path = recorded
    found = read(path)
    assert found.problems == ()
    state = fold_all(found.events)
    assert state.closed
    assert json.loads(render(state, playbooks(), "json"))
    assert state.diagnosis is not None
    assert state.diagnosis.summary in render(state, playbooks(), "markdown")


def test_todays_playbooks_name_the_same_cause_for_what_was_recorded(recorded: tuple[str, Path]) -> None:
    cause, path = recorded
    again = _diagnosed_again(fold_all(read(path).events))
    assert (again.causes[0].id if again.causes else again.conclusion.replace("_", "-")) == cause


async def test_the_verdict_of_a_session_comes_out_of_its_journal_again(database: Database, tmp_path: Path) -> None:
    with database.connect() as connection:
        connection.execute("CREATE TABLE orders (id int)")
    migration = tmp_path / "0001_note.sql"
    migration.write_text("ALTER TABLE orders ADD COLUMN note text;\n")
    options = Options(
        sides=(SideChoice("production", database.dsn(), "production"),), migration=(migration,), seen="hanging"
    )
    session = LiveSession(options, lambda: (playbooks(), ()), folder=tmp_path)
    async with (
        holding_lock(database.dsn(), "SELECT count(*) FROM orders"),
        waiting_for_lock(database.dsn(), migration.read_text(), application_name="deploy"),
    ):
        await session.start()
    await session.close()
    state = fold_all(read(Path(session.state.path)).events)
    assert state.diagnosis is not None
    assert state.diagnosis.causes
    assert _diagnosed_again(state) == state.diagnosis


# -- other versions ----------------------------------------------------------------------------------------------------


def _rewritten(folder: Path, change: Any) -> Path:
    """A short journal whose lines ``change`` has made those of another version, chained anew."""
    recorder = Recorder(folder, version="test")
    recorder.append(ev.Noted("hello", "ann"))
    recorder.close()
    path = Path(recorder.state.path)
    chain, lines = "", []
    for line in path.read_text().splitlines():
        raw = json.loads(line)
        raw.pop("chain")
        change(raw)
        body = json.dumps(raw).encode()
        chain = journal._link(chain, body)
        lines.append(b'{"chain":"' + chain.encode() + b'",' + body[1:] + b"\n")
    path.write_bytes(b"".join(lines))
    return path


def test_a_journal_of_an_older_version_is_upgraded_as_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def older(raw: dict[str, Any]) -> None:
        if raw["kind"] == "session_opened":
            raw["data"]["journal_version"] = 0
        if raw["kind"] == "note":
            raw["data"]["author"] = raw["data"].pop("by")

    def upgrade(raw: dict[str, Any]) -> dict[str, Any]:
        if raw["kind"] == "note":
            raw["data"]["by"] = raw["data"].pop("author")
        return raw

    path = _rewritten(tmp_path, older)
    monkeypatch.setattr(journal, "UPGRADERS", MappingProxyType({0: upgrade}))
    found = read(path)
    assert found.problems == ()
    assert found.events[-1].payload == ev.Noted("hello", "ann")


def test_what_a_newer_runbook_wrote_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    def newer(raw: dict[str, Any]) -> None:
        if raw["kind"] == "session_opened":
            raw["data"]["journal_version"] = ev.JOURNAL_VERSION + 1
        if raw["kind"] == "note":
            raw["kind"] = "thought"

    found = read(_rewritten(tmp_path, newer))
    assert [type(e.payload) for e in found.events] == [ev.SessionOpened]
    (problem,) = found.problems
    assert "'thought'" in problem
    assert "newer runbook" in problem


def test_a_fact_that_this_version_does_not_know_is_read_and_shown_and_decides_nothing(tmp_path: Path) -> None:
    def renamed(raw: dict[str, Any]) -> None:
        if raw["kind"] == "note":
            fact = {"id": "error.of_tomorrow", "value": 1, "because": "it will be so", "step": "error"}
            raw["kind"], raw["data"] = "answer", {"question": "q", "answer": "a", "by": "ann", "fact": fact}

    found = read(_rewritten(tmp_path, renamed))
    assert found.problems == ()
    state = fold_all(found.events)
    assert [f.because for f in state.facts] == ["it will be so"]
    assert _diagnosed_again(state).causes == ()


def test_a_journal_that_is_not_there_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be read"):
        read(tmp_path / "none.jsonl")
