"""``runbook redact``: what a copy for others no longer holds, and that its story can still be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from runbook.cli import commands
from runbook.session import events as ev
from runbook.session.journal import read
from runbook.session.live import LiveSession, Options, SideChoice
from runbook.session.state import State, fold_all
from runbook.session.stricter import Copied, copy
from tests.playbooks.incident import playbooks
from tests.support import Database, holding_lock

MIGRATION = "UPDATE orders SET note = 'refund for Ann Miller' WHERE ref = 'A-77-1234';\n"


async def _incident(database: Database, folder: Path) -> Path:
    """A real look at a server on which a named role reads customers' data, with a note of the engineer."""
    with database.connect() as connection:
        connection.execute("CREATE TABLE orders (id int, ref text, note text)")
    file = folder / "0009_refund.sql"
    file.write_text(MIGRATION)
    options = Options(
        sides=(SideChoice("production", database.dsn(), "production"),),
        migration=(file,),
        error_text="ERROR:  canceling statement due to lock timeout\nSTATEMENT:  " + MIGRATION,
    )
    session = LiveSession(options, lambda: (playbooks(), ()), folder=folder)
    held = "SELECT count(*) FROM orders WHERE ref = 'A-77-1234'"
    async with holding_lock(database.dsn(), f"LOCK TABLE orders; {held}", application_name="nightly_billing_job"):
        await session.start()
    session.note("Ann said that nightly_billing_job may be ended")
    await session.close()
    return Path(session.state.path)


async def test_a_stricter_copy_holds_no_literal_of_any_query_and_verifies(database: Database, tmp_path: Path) -> None:
    source = await _incident(database, tmp_path)
    assert "Ann Miller" in source.read_text()  # the migration's own text stays in the journal
    target = tmp_path / "copy.jsonl"
    done = copy(source, target, names=False)
    text = target.read_text()
    assert "Ann Miller" not in text
    assert "A-77-1234" not in text
    assert done.removed["literal"] > 0
    assert "nightly_billing_job" in text
    assert target.stat().st_mode & 0o077 == 0
    copied = read(target)
    assert not copied.problems
    assert len(copied.events) == len(read(source).events)


async def test_names_become_pseudonyms_that_are_the_same_everywhere(database: Database, tmp_path: Path) -> None:
    source = await _incident(database, tmp_path)
    target = tmp_path / "copy.jsonl"
    done = copy(source, target, names=True)
    text = target.read_text()
    assert "nightly_billing_job" not in text
    assert database.name not in text
    assert done.names["application"] >= 1
    assert done.names["database"] >= 1
    before, after = fold_all(read(source).events), fold_all(read(target).events)
    blocker = _blocker(after)
    assert blocker.startswith("application-")
    assert any(f"that {blocker} may be ended" in note.text for _, note in after.notes)
    assert before.diagnosis is not None
    assert after.diagnosis is not None
    assert [c.id for c in after.diagnosis.causes] == [c.id for c in before.diagnosis.causes]


def _blocker(state: State) -> str:
    """The application of the session that sits in its transaction, as the reading of pg_stat_activity shows it."""
    rows = state.readings["production", "activity"].data
    (name,) = {str(r["application_name"]) for r in rows if r["state"] == "idle in transaction"}
    return name


def _run(args: Sequence[str]) -> tuple[int, str, str]:
    done = CliRunner().invoke(commands, list(args), standalone_mode=False)
    return int(done.return_value or 0) if done.exception is None else 1, done.stdout, str(done.exception or done.stderr)


async def test_the_command_names_what_it_took_out_and_never_writes_over_a_file(
    database: Database, tmp_path: Path
) -> None:
    source = await _incident(database, tmp_path)
    code, out, err = _run(["redact", str(source), "--names"])
    assert code == 0
    copied = Path(out.strip())
    assert copied.name == f"{source.stem}-redacted.jsonl"
    assert "literals" in err
    assert "application" in err
    before = read(copied)
    code, _, err = _run(["redact", str(source)])
    assert code == 1
    assert "exists already" in err
    assert read(copied) == before


@pytest.mark.parametrize("names", [True, False])
def test_an_empty_or_torn_journal_is_copied_as_far_as_it_reads(tmp_path: Path, names: bool) -> None:
    from runbook.session.recorder import Recorder

    recorder = Recorder(tmp_path, version="test")
    recorder.append(ev.Noted("one", "ann"))
    recorder.close()
    path = Path(recorder.state.path)
    path.write_bytes(path.read_bytes()[:-5])
    done: Copied = copy(path, tmp_path / "copy.jsonl", names=names)
    assert done.events == 1
    assert done.problems
    assert replace(done, problems=()).path.exists()
