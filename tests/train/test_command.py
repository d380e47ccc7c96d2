"""``runbook train`` as somebody types it, without a screen; and a walk through what it recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.playbook import load
from runbook.session.events import Event
from runbook.session.journal import read
from runbook.train.walk import NothingToAsk, Stop, ask, stops

SOLVES = """
- look: error
- look: role
- hint
- rule_out: missing-table-privilege
- state: not-object-owner
- sql: {sql: GRANT shop_owner TO deploy, admin: true}
- migrate
- declare
"""


def runbook(home: Path, *args: str, give: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_DATA_HOME": str(home / "data"), "XDG_STATE_HOME": str(home / "state")}
    call = [sys.executable, "-m", "runbook", *args]
    return subprocess.run(call, capture_output=True, text=True, input=give, check=False, timeout=110, env=environment)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A home in which one exercise was played, and the debrief that it printed."""
    home = tmp_path_factory.mktemp("home")
    script = home / "solves.yaml"
    script.write_text(SOLVES)
    done = runbook(home, "train", "refused", "--script", str(script), "--json")
    assert done.returncode == 0, done.stderr
    return home, json.loads(done.stdout)


def session_of(played: tuple[Path, dict[str, object]]) -> str:
    return str(played[1]["session"])


def events_of(played: tuple[Path, dict[str, object]]) -> tuple[Event, ...]:
    (journal,) = (played[0] / "state").rglob(f"{session_of(played)}.jsonl")
    recording = read(journal)
    assert recording.problems == ()
    return recording.events


def test_an_exercise_is_debriefed_as_json(played: tuple[Path, dict[str, object]]) -> None:
    found = played[1]
    assert found["fixed"]
    assert found["detected"]
    assert found["hints_used"] == 1
    assert found["points"] == 96


def test_the_same_debrief_comes_out_of_the_journal(played: tuple[Path, dict[str, object]]) -> None:
    again = runbook(played[0], "train", "--debrief", session_of(played), "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == {**played[1], "journal": json.loads(again.stdout)["journal"]}


def test_the_debrief_as_text_shows_both_paths(played: tuple[Path, dict[str, object]]) -> None:
    told = runbook(played[0], "train", "--debrief", session_of(played)).stdout
    assert "96 of 100 points" in told
    assert "Your path" in told
    assert "stated not-object-owner" in told
    assert "The tool's path" in told
    assert "proved: not-object-owner" in told


def test_the_score_is_kept_and_shown(played: tuple[Path, dict[str, object]]) -> None:
    assert session_of(played) in runbook(played[0], "train", "--scores").stdout
    listed = runbook(played[0], "train", "--list").stdout.splitlines()
    assert len(listed) == 12
    assert "96 points" in listed[3]


def test_the_answer_stands_in_the_journal_only_at_the_end(played: tuple[Path, dict[str, object]]) -> None:
    told = [getattr(e.payload, "what", "") for e in events_of(played)]
    assert told.index("measured") > told.index("declared") > told.index("migrate") > told.index("stated")
    before = [repr(e.payload) for e in events_of(played)[: told.index("begun") + 1]]
    assert not any("not-owner" in text for text in before)


def test_an_exercise_that_was_never_recorded_is_one_sentence(tmp_path: Path) -> None:
    for asked in (("--debrief", "none"), ("--session", "none"), ("--sheet", "none"), ("none",)):
        answer = runbook(tmp_path, "train", *asked)
        assert answer.returncode == 2
        assert len(answer.stderr.strip().splitlines()) == 1


def test_without_a_terminal_it_says_what_to_do(tmp_path: Path) -> None:
    answer = runbook(tmp_path, "train", "2", give="")
    assert answer.returncode == 2
    assert "--script" in answer.stderr


def test_a_sheet_is_printed(tmp_path: Path) -> None:
    assert runbook(tmp_path, "train", "--sheet", "12").stdout.startswith("# It failed, and it will fail again")


# -- what would you look at next? -----------------------------------------------------------------------------------------


def answers_of(*given: str) -> Iterator[str]:
    yield from given
    raise AssertionError("it asked more often than expected")


def right_choice(stop: Stop) -> str:
    return str(stop.choices.index(str(stop.cause)) + 1)


def test_a_walk_asks_before_the_belief_and_knows_what_tells(played: tuple[Path, dict[str, object]]) -> None:
    known, _ = load()
    first = stops(events_of(played), known)[0]
    assert first.cause == "not-object-owner"
    assert "role" in first.right
    assert "history" not in first.right


def test_the_right_looks_and_names_score_all(played: tuple[Path, dict[str, object]]) -> None:
    known, _ = load()
    events = events_of(played)
    given = [
        one for stop in stops(events, known) for one in (stop.right[0], *([right_choice(stop)] if stop.choices else []))
    ]
    told: list[str] = []
    answers = answers_of(*given)
    right, of = ask(events, known, tell=told.append, answer=lambda: next(answers))
    assert right == of == len(given)
    assert not any("not-object-owner" in line for line in told[: told.index("What is it?")])


def test_looking_elsewhere_first_shows_what_is_there_and_scores_nothing(played: tuple[Path, dict[str, object]]) -> None:
    known, _ = load()
    events = events_of(played)
    first = stops(events, known)[0]
    told: list[str] = []
    answers = answers_of("what?", "8", first.right[0], right_choice(first), "q")
    right, of = ask(events, known, tell=told.append, answer=lambda: next(answers))
    assert (right, of) == (1, 2)
    assert any("It does not tell" in line for line in told)


def test_leaving_at_once_is_possible(played: tuple[Path, dict[str, object]]) -> None:
    known, _ = load()
    assert ask(events_of(played), known, tell=lambda _: None, answer=lambda: "q") == (0, 0)


def test_a_recording_without_a_belief_has_nothing_to_ask(played: tuple[Path, dict[str, object]]) -> None:
    known, _ = load()
    with pytest.raises(NothingToAsk):
        ask(events_of(played)[:3], known, tell=lambda _: None, answer=lambda: "q")


def test_the_walk_is_a_command(played: tuple[Path, dict[str, object]]) -> None:
    answer = runbook(played[0], "train", "--session", session_of(played), give="q\n")
    assert answer.returncode == 0, answer.stderr
    assert "What would you look at next?" in answer.stdout
    assert "0 of 0 right" in answer.stdout
