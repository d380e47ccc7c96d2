"""What is judged, and how: from a journal alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runbook.lab.census import Census, Rows, SessionSeen
from runbook.lab.hands import Did, reads_only
from runbook.session import events as ev
from runbook.session.state import State, fold_all
from runbook.train.curriculum import Drill, Trap
from runbook.train.debrief import CARE, DETECT, FIX, HINT_COSTS, PROCESS, WRONG_COSTS, NoExercise, debrief, document
from runbook.train.harm import harms, innocent
from runbook.train.scores import keep, scores

DRILL = Drill("d", "t", "s", "story", truths=(("right",),))
MEASURED: dict[str, Any] = {
    "drill": "d",
    "number": 0,
    "title": "t",
    "scenario": "s",
    "seed": 0,
    "truths": [["right", "right-as-well"]],
    "also": ["beside"],
    "migration": True,
    "workload": True,
    "why": [],
    "harms": [],
    "trap": {"text": "a trap", "causes": ["tempting"], "harms": ["killed"], "too_early": False},
    "trap_shows": False,
    "needs": [["locks", "triage/locks"]],
    "rivals": {"rival": ["triage/role"]},
    "hints": 3,
    "lesson": "",
    "par_minutes": 5,
}
LOOK, ROLE = ev.ScreenVisited("locks"), ev.ScreenVisited("triage/role")
ACT = ev.Acted("execute", "production", "deploy", "UPDATE x SET a = 1", "done", "UPDATE 1")
FIXED, GAVE_UP = ev.Trained("declared"), ev.Trained("gave_up")


def stated(cause: str) -> ev.Trained:
    return ev.Trained("stated", cause, {"cause": cause})


def told(*moments: ev.Payload, **measured: Any) -> State:
    payloads = (
        ev.SessionOpened("id", "0", "exercise"),
        ev.Trained("begun", "story"),
        *moments,
        ev.Trained("measured", "", {**MEASURED, **measured}),
    )
    return fold_all(ev.Event(n, "2026-11-21T10:00:00", float(n), p) for n, p in enumerate(payloads, 1))


def points(*moments: ev.Payload, **measured: Any) -> dict[str, int]:
    return {part.name: part.points for part in debrief(told(*moments, **measured)).parts}


def test_looking_naming_fixing_is_everything() -> None:
    found = debrief(told(LOOK, ROLE, stated("right"), ACT, FIXED))
    assert (found.points, found.of) == (100, 100)
    assert found.detected_after_s == 3.0
    assert found.first_act_after_s == 4.0
    assert found.duration_s == 5.0


def test_a_cause_that_is_true_beside_the_first_is_no_mistake() -> None:
    assert points(stated("beside"), stated("right-as-well"), FIXED)["detect"] == DETECT


def test_a_wrong_statement_and_a_hint_cost_a_little_and_the_detection_stays() -> None:
    hint = ev.Trained("hint", "look", {"number": 1})
    assert points(stated("wrong"), hint, stated("right"), FIXED)["detect"] == DETECT - WRONG_COSTS - HINT_COSTS


def test_all_wrong_guesses_in_the_world_do_not_go_below_zero() -> None:
    guesses = [stated(f"wrong-{n}") for n in range(20)]
    assert points(*guesses, stated("right"), FIXED)["detect"] == 0


def test_where_nothing_is_wrong_the_last_word_counts() -> None:
    assert points(stated("wrong"), stated("nothing"), FIXED, truths=[])["detect"] == DETECT - WRONG_COSTS
    assert points(stated("nothing"), stated("wrong"), FIXED, truths=[])["detect"] == 0
    assert points(FIXED, truths=[])["detect"] == 0


def test_of_two_faults_one_is_half() -> None:
    both = [["right"], ["second"]]
    assert points(stated("right"), FIXED, truths=both)["detect"] == DETECT // 2
    assert points(stated("right"), stated("second"), FIXED, truths=both)["detect"] == DETECT


def test_saying_fixed_is_not_fixed() -> None:
    half = debrief(told(stated("right"), ACT, FIXED, workload=False, why=["the application waits"]))
    assert not half.fixed
    assert {p.name: p.points for p in half.parts}["fix"] == 0


def test_who_gives_up_has_not_fixed_it_though_it_runs_again() -> None:
    assert points(stated("right"), GAVE_UP)["fix"] == 0


def test_acting_before_reading_costs_the_process_and_nothing_else() -> None:
    late = points(ROLE, stated("right"), ACT, LOOK, FIXED)
    assert late == {"detect": DETECT, "fix": FIX, "care": CARE, "process": round(PROCESS / 2)}


def test_a_query_is_no_act() -> None:
    query = replace(ACT, what="look", sql="SELECT 1")
    assert points(query, LOOK, ROLE, stated("right"), ACT, FIXED)["process"] == PROCESS


def test_a_rival_that_was_ruled_out_by_name_counts() -> None:
    said = ev.Trained("ruled_out", "rival", {"cause": "rival"})
    assert points(LOOK, said, stated("right"), ACT, FIXED)["process"] == PROCESS


@pytest.mark.parametrize(
    "moments",
    [(stated("tempting"), stated("right"), FIXED), (stated("right"), FIXED)],
    ids=["by what was stated", "by what was harmed"],
)
def test_the_trap_takes_the_care(moments: tuple[ev.Payload, ...]) -> None:
    harm = [{"what": "killed", "text": "web was in nobody's way"}] if len(moments) == 2 else []
    found = debrief(told(*moments, harms=harm))
    assert found.trap_taken
    assert {p.name: p.points for p in found.parts}["care"] == 0


def test_doing_nothing_is_not_careful() -> None:
    assert debrief(told(GAVE_UP, migration=False, workload=False)).points == 0


def test_a_session_that_is_no_exercise_says_so() -> None:
    with pytest.raises(NoExercise, match="no exercise"):
        debrief(State())
    begun = [ev.Event(1, "2026-11-21T10:00:00", 0.0, ev.Trained("begun", "story"))]
    with pytest.raises(NoExercise, match="not ended"):
        debrief(fold_all(begun))


def test_a_debrief_is_json_with_its_sums() -> None:
    raw = json.loads(json.dumps(document(debrief(told(stated("right"), FIXED)))))
    assert raw["points"] == sum(p["points"] for p in raw["parts"])
    assert raw["schema_version"] == 1


def test_scores_are_kept_line_by_line_and_a_broken_line_harms_no_other(tmp_path: Path) -> None:
    file = tmp_path / "data" / "training.jsonl"
    assert scores(file) == []
    keep(debrief(told(stated("right"), FIXED)), file)
    with file.open("a") as more:
        more.write("{torn\n")
    keep(debrief(told(GAVE_UP, migration=False)), file)
    kept = scores(file)
    assert [one.fixed for one in kept] == [True, False]
    assert file.stat().st_mode & 0o077 == 0


# -- harm ---------------------------------------------------------------------------------------------------------------

WEB = SessionSeen(1, "2026-01-01", "web", "web", "active", True, False)
CHANGED = Did("execute", "production", "deploy", "DELETE", "done", "DELETE 1")


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (WEB, True),
        (replace(WEB, blocks=True), False),
        (replace(WEB, application="deploy", role="deploy"), False),
        (replace(WEB, application="nightly-report"), False),
    ],
    ids=["a victim", "in somebody's way", "the migration", "agreed to"],
)
def test_who_may_be_ended(session: SessionSeen, expected: bool) -> None:
    assert innocent(session, deployer="deploy", nothing_wrong=False, may_end=["nightly"]) is expected


def test_where_nothing_is_wrong_nobody_may_be_ended() -> None:
    assert innocent(replace(WEB, blocks=True), deployer="deploy", nothing_wrong=True, may_end=[])


def harmed(before: Census, after: Census, drill: Drill = DRILL, local: frozenset[str] = frozenset()) -> list[str]:
    return [h.text for h in harms(drill, before, after, [], [CHANGED], of_local=local)]


def test_rows_beyond_what_the_repair_needs_are_missed() -> None:
    before, after = Census(rows={"t": Rows(100)}), Census(rows={"t": Rows(60)})
    assert harmed(before, after, replace(DRILL, may_delete={"t": 40})) == []
    assert harmed(before, after, replace(DRILL, may_delete={"t": 39})) == ["1 row of t too many went"]


def test_what_the_migration_itself_removes_is_no_harm() -> None:
    before = Census(objects=frozenset({"column t.a", "table t"}))
    after = Census(objects=frozenset({"table t"}))
    assert harmed(before, after, local=frozenset({"table t"})) == []
    assert harmed(before, after, local=before.objects) == ["column t.a is gone"]


def test_a_table_that_went_is_told_once_and_not_column_by_column() -> None:
    before = Census(objects=frozenset({"table t", "column t.a", "NOT NULL of t.a"}))
    assert harmed(before, Census(), local=before.objects) == ["table t is gone"]


def test_a_power_that_was_given_is_harm() -> None:
    assert harmed(Census(), Census(powers=frozenset({"deploy is a superuser"}))) == ["deploy is a superuser"]


def test_harm_that_came_while_somebody_only_looked_is_the_faults_own() -> None:
    gone = Census(rows={"t": Rows(100)}), Census(rows={"t": Rows(1)})
    looked = replace(CHANGED, only_read=True)
    assert harms(DRILL, *gone, [], [looked], of_local=frozenset()) == ()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT count(*) FROM orders", True),
        ("SHOW lock_timeout; SELECT 1", True),
        ("EXPLAIN SELECT 1", True),
        ("EXPLAIN ANALYZE DELETE FROM orders", False),
        ("SELECT pg_terminate_backend(1)", False),
        ("SELECT nextval('s')", False),
        ("WITH gone AS (DELETE FROM orders RETURNING 1) SELECT count(*) FROM gone", False),
        ("SELECT * INTO copy FROM orders", False),
        ("UPDATE orders SET id = id", False),
        ("not sql", False),
    ],
)
def test_what_only_looks(sql: str, expected: bool) -> None:
    assert reads_only(sql) is expected


def test_a_trap_without_a_sign_is_not_taken() -> None:
    assert Trap("t").causes == ()
    assert not debrief(told(stated("right"), FIXED)).trap_taken
