"""``runbook export`` and ``runbook diff`` as scripts use them, on recorded journals."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from runbook.documents import schema
from runbook.playbook import load
from runbook.session.journal import encode
from runbook.session.recorder import replayed
from runbook.transcript import FORMATS, FORMS, render
from tests.transcript.poison import payloads
from tests.tui import incident

PLAYBOOKS, _ = load()
RECORDINGS = sorted((Path(__file__).parents[1] / "session" / "recordings").glob("*.jsonl.gz"))


def runbook(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "RUNBOOK"))}
    environment |= {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "XDG_CONFIG_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "runbook", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=home,
        timeout=60,
        check=False,
    )


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "20261121-030000-7f3a.jsonl"
    chain, lines = "", []
    for event in incident.events(payloads()):
        line, chain = encode(event, chain)
        lines.append(line)
    path.write_bytes(b"".join(lines))
    return path


@pytest.mark.parametrize("form", FORMATS)
def test_a_journal_is_exported_in_every_form_to_stdout_and_to_a_folder_with_the_same_bytes(
    form: str, journal: Path, tmp_path: Path
) -> None:
    shown = runbook("export", str(journal), "--format", form, home=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    folder = tmp_path / "out"
    folder.mkdir()
    written = runbook("export", str(journal), "--format", form, "-o", str(folder), home=tmp_path)
    target = folder / f"20261121-030000-7f3a{FORMS[form].suffix}"
    assert (written.returncode, written.stdout, written.stderr) == (0, "", f"{target}\n")
    assert target.read_text() == shown.stdout
    assert oct(target.stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize("recording", RECORDINGS, ids=[p.name.partition(".")[0] for p in RECORDINGS])
def test_recordings_of_real_incidents_are_exported_in_every_form_naming_their_cause(
    recording: Path, tmp_path: Path
) -> None:
    path = tmp_path / "session.jsonl"
    path.write_bytes(gzip.decompress(recording.read_bytes()))
    state = replayed(path)
    assert state.diagnosis is not None
    headline = state.diagnosis.causes[0].title if state.diagnosis.causes else state.diagnosis.summary
    for form in FORMATS:
        text = render(state, PLAYBOOKS, form)
        assert headline in text, form
        assert text == render(replayed(path), PLAYBOOKS, form)


def test_a_journal_with_a_gap_is_exported_and_the_transcript_says_so(journal: Path, tmp_path: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:9], *lines[10:]]))
    for form in ("html", "chat"):
        done = runbook("export", str(journal), "--format", form, home=tmp_path)
        assert done.returncode == 0
        assert "does not follow the one before it: something was changed" in done.stderr
        assert "a part of the journal" in done.stdout, form


def test_a_teams_template_with_a_mistake_is_exit_2_and_one_line_with_the_place(journal: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "chat.txt.jinja").write_text("{{ story.title }}\n{{ story.verdikt }}\n")
    done = runbook("export", str(journal), "--format", "chat", "--template", str(folder), home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"runbook: {folder / 'chat.txt.jinja'}:2: ")
    assert done.stderr.count("\n") == 1
    (folder / "chat.txt.jinja").write_text("{{ story.title }}: {{ story.verdict }}\n")
    done = runbook("export", str(journal), "--format", "chat", "--template", str(folder), home=tmp_path)
    assert done.stdout == "deploy-4711: proved\n"


def test_two_sessions_are_compared_as_text_and_as_json_of_the_printed_schema(journal: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:30]))
    shown = runbook("diff", str(journal), str(other), home=tmp_path)
    assert shown.returncode == 0
    assert "proved 99 % -> not suspected A queue behind waiting DDL" in shown.stdout
    as_json = runbook("diff", str(journal), str(other), "--json", home=tmp_path)
    document = json.loads(as_json.stdout)
    jsonschema.validate(document, schema("diff"))
    assert document["a"]["path"] == str(journal)
    assert [c["b"] for c in document["causes"]] == [None] * len(document["causes"])
    same = runbook("diff", str(journal), str(journal), home=tmp_path)
    assert "Nothing changed in servers, inputs, steps, facts and causes." in same.stdout


@pytest.mark.parametrize(
    "arguments", [["export", "J", "--format", "html"], ["export", "J", "--format", "chat"], ["diff", "J", "J"]]
)
def test_neither_needs_a_screen_or_a_database_driver(arguments: list[str], journal: Path, tmp_path: Path) -> None:
    found = [str(journal) if a == "J" else a for a in arguments]
    script = (
        "import sys; from runbook.cli import main\n"
        f"try: main({found!r})\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        "loaded = {m.split('.')[0] for m in sys.modules} & {'textual', 'psycopg', 'postgast'}\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
