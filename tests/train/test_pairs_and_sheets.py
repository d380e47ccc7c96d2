"""Pairs of one symptom, drawn exercises, the game master's sheet, scripts that cannot be followed: no server needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from runbook.diagnosis.confusable import GROUPS
from runbook.lab.scenario import find_scenario, list_scenarios
from runbook.playbook import load
from runbook.train.acts import NoAct, read_act
from runbook.train.curriculum import LOOKS, UnknownDrill, curriculum, draw, find, of_scenario
from runbook.train.pairs import draw_pair, pairs
from runbook.train.script import ScriptError, read
from runbook.train.sheet import sheet


def test_both_of_a_pair_look_alike_and_are_not_the_same() -> None:
    for pair in pairs():
        one, other = find_scenario(pair.first), find_scenario(pair.second)
        assert one.expected != other.expected
        if pair.decoy:
            assert one.expected is None
            assert other.expected in one.decoys
        else:
            assert {one.expected, other.expected} <= set(GROUPS[pair.symptom])


def test_healthy_pairs_are_among_them() -> None:
    assert any(pair.decoy for pair in pairs())
    assert any(not pair.decoy for pair in pairs())


def test_a_seed_draws_the_same_pair_again_and_seeds_differ() -> None:
    assert draw_pair(7) == draw_pair(7)
    assert len({(a.scenario, b.scenario) for a, b in map(draw_pair, range(30))}) > 5


def test_each_of_a_pair_has_the_other_one_to_rule_out() -> None:
    for seed in range(30):
        for one, other in (draw_pair(seed), draw_pair(seed)[::-1]):
            truth = find_scenario(other.scenario).expected
            assert truth is None or truth in one.rivals
            assert one.title == other.title, "the title must not tell which it is"


def test_every_scenario_can_be_an_exercise() -> None:
    for scenario in list_scenarios():
        drill = of_scenario(scenario)
        assert drill.hints
        assert {look for one in (*drill.needs, *drill.rivals.values()) for look in one} <= LOOKS
        assert not {c for group in drill.truths for c in group} & set(drill.rivals)


def test_what_has_no_name_in_the_catalogue_is_not_drawn() -> None:
    assert all(find_scenario(draw(seed).scenario).kind != "outside" for seed in range(60))


def test_a_drill_is_found_by_its_number_its_id_and_a_scenario() -> None:
    assert find("2") == find("dead-service") == curriculum()[1]
    assert find("lock-queue").scenario == "lock-queue"
    with pytest.raises(UnknownDrill, match="train --list"):
        find("no-such-thing")


@pytest.mark.parametrize("drill", curriculum(), ids=[d.id for d in curriculum()])
def test_a_sheet_has_all_that_a_game_master_needs(drill: object) -> None:
    assert drill in curriculum()
    known, _ = load()
    text = sheet(drill, known)  # type: ignore[arg-type]
    for heading in ("## Setup", "## Timeline and injects", "## Expected findings", "## Questions"):
        assert heading in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and line[2].isdigit()]
    minutes = [int(row.split("|")[1]) for row in rows]
    assert minutes == sorted(minutes)
    assert len(minutes) >= 6
    assert "game master only" in text


@pytest.mark.parametrize(
    ("typed", "what", "confirm"),
    [
        ("terminate 4711", "terminate", "4711"),
        ("admin cancel 12", "cancel", "12"),
        ("migrate", "migrate", "production"),
        ("resolve", "resolve", "production"),
        ("sql SELECT 1", "sql", ""),
        ("sql DELETE FROM orders", "sql", "production"),
        ("sql SELECT pg_terminate_backend(1)", "sql", "production"),
        ("local sql DROP TABLE t", "sql", "local"),
        ("admin sql ALTER ROLE deploy SUPERUSER", "sql", "production"),
    ],
)
def test_what_changes_something_has_to_be_confirmed(typed: str, what: str, confirm: str) -> None:
    act = read_act(typed)
    assert (act.what, act.confirm) == (what, confirm)
    assert act.admin is typed.startswith("admin")


@pytest.mark.parametrize("typed", ["", "kill 4", "terminate web", "sql", "drop everything"])
def test_what_means_nothing_is_answered_with_what_would(typed: str) -> None:
    with pytest.raises(NoAct):
        read_act(typed)


@pytest.mark.parametrize(
    ("text", "says"),
    [("- fly", "step 1"), ("look: locks", "a list"), ("- look: a\n  state: b", "one word"), ("- [", "no YAML")],
)
def test_a_script_that_cannot_be_followed_says_where(text: str, says: str) -> None:
    with pytest.raises(ScriptError, match=says):
        read(text)


def test_listing_drills_needs_no_driver_and_no_screen() -> None:
    program = (
        "import sys; from runbook.train.curriculum import curriculum; assert len(curriculum()) == 12;"
        "import runbook.commands.training;"
        "assert not {'psycopg', 'textual', 'pgserver'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
