"""The journal: what was shown can be read back, whatever happens to the program, the file or the disk."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from runbook.session.events import Noted, SessionClosed
from runbook.session.journal import Journal, JournalError, read
from runbook.session.recorder import Recorder, replayed


def recorded(folder: Path, notes: int = 3) -> Path:
    recorder = Recorder(folder, version="test")
    for n in range(notes):
        recorder.append(Noted(f"note {n}", "me"))
    recorder.append(SessionClosed("done"))
    recorder.close()
    return Path(recorder.state.path)


def test_the_state_of_a_recording_equals_the_state_that_was_shown(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, version="test")
    recorder.append(Noted("first look", "me"))
    recorder.close()
    assert replayed(Path(recorder.state.path)) == recorder.state


def test_only_its_owner_can_read_a_journal(tmp_path: Path) -> None:
    assert stat.S_IMODE(recorded(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize("cut", [1, 2, 30, 90])
def test_a_line_torn_by_a_crash_is_named_and_the_rest_is_read(tmp_path: Path, cut: int) -> None:
    path = recorded(tmp_path)
    whole = read(path)
    path.write_bytes(path.read_bytes()[:-cut])
    torn = read(path)
    missing = 0 if cut == 1 else 1  # without its newline the last line is still whole
    assert len(torn.events) == len(whole.events) - missing
    assert len(torn.problems) == missing


def test_an_edited_line_is_noticed(tmp_path: Path) -> None:
    path = recorded(tmp_path)
    path.write_text(path.read_text().replace("note 1", "note X"))
    assert any("something was changed" in p for p in read(path).problems)


def test_a_removed_line_is_noticed(tmp_path: Path) -> None:
    path = recorded(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2] + lines[3:]))
    assert read(path).problems


def test_a_second_program_on_the_same_journal_is_told(tmp_path: Path) -> None:
    first = Journal(tmp_path / "one.jsonl")
    with pytest.raises(JournalError, match="another program"):
        Journal(tmp_path / "one.jsonl")
    first.close()


def test_a_folder_that_cannot_be_written_is_said_and_the_session_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recorder = Recorder(tmp_path / "file" / "sessions", version="test")
    assert recorder.problem
    recorder.append(Noted("still here", "me"))
    assert recorder.state.notes[0][1].text == "still here"


def test_a_full_disk_is_said_and_what_waited_is_written_when_there_is_room(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    recorder = Recorder(tmp_path, version="test")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, before[1]))
        for n in range(10):
            recorder.append(Noted(f"note {n}", "me"))
        assert recorder.problem
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    recorder.append(Noted("room again", "me"))
    assert recorder.problem is None
    recorder.close()
    recording = read(Path(recorder.state.path))
    assert recording.problems == ()
    assert len(recording.events) == 12


def test_a_program_killed_while_it_writes_loses_nothing_that_was_shown(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from runbook.session.recorder import Recorder; from runbook.session.events import Noted\n"
        "r = Recorder(Path(sys.argv[1]), version='test')\n"
        "r.subscribe(lambda e, s: print(e.seq, flush=True))\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1; r.append(Noted('x' * 500, 'me'))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    shown = 0
    for line in process.stdout:
        shown = int(line)
        if shown > 200:
            os.kill(process.pid, signal.SIGKILL)
            break
    shown = max([shown, *(int(rest) for rest in process.stdout.read().split())])
    process.wait()
    (path,) = tmp_path.glob("*.jsonl")
    assert read(path).events[-1].seq >= shown
