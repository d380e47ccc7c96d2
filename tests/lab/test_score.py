"""The score says what happened: right and wrong, how sure, and what simpler methods would have said."""

from __future__ import annotations

from dataclasses import replace

from runbook.lab.score import Result, Told, by_checklist, by_sqlstate, most_common, score, table


def result(scenario: str, expected: str | None, *told: Told, **more: object) -> Result:
    kind = "healthy" if expected is None else "fault"
    return Result(scenario, 1, kind, {"tool": "psql"}, expected, told, **more)  # type: ignore[arg-type]


SURE = Told("missing-object", 0.9, "likely")
RESULTS = [
    result("a", "missing-object", SURE, sqlstate="42P01", steps=("schema",)),
    result("b", "deadlock", SURE, Told("deadlock", 0.5, "possible"), sqlstate="40P01", steps=("locks",)),
    result("c", None, Told("deadlock", 0.3, "possible")),
    result("d", None, SURE, decoys=("missing-object",)),
    result("e", "deadlock", broken="no server"),
]


def test_first_and_first_three_count_only_what_was_played() -> None:
    figures = score(RESULTS, {})
    assert (figures.first.right, figures.first.of) == (1, 2)
    assert (figures.in_three.right, figures.in_three.of) == (2, 2)


def test_where_little_can_be_seen_a_possibility_is_right_and_a_wrong_claim_is_not() -> None:
    unseen = result("u", "deadlock", Told("missing-object", 0.3, "possible"), Told("deadlock", 0.3, "possible"))
    assert not unseen.right
    assert replace(unseen, kind="unreadable").right
    claimed = result("u", "deadlock", SURE, Told("deadlock", 0.3, "possible"))
    assert not replace(claimed, kind="unreadable").right
    assert not replace(unseen, kind="unreadable", told=unseen.told[:1]).right


def test_a_possibility_on_a_healthy_pair_is_no_alarm_and_a_likely_cause_is() -> None:
    figures = score(RESULTS, {})
    assert (figures.false_alarms.right, figures.false_alarms.of) == (1, 2)
    assert (figures.decoys_taken.right, figures.decoys_taken.of) == (1, 1)


def test_being_sure_and_wrong_costs_more_than_being_unsure() -> None:
    unsure = result("b", "deadlock", Told("missing-object", 0.4, "possible"))
    assert score([RESULTS[1]], {}).brier > score([unsure], {}).brier
    assert score([RESULTS[0]], {}).brier < 0.02


def test_the_reliability_table_compares_what_was_said_with_what_was_true() -> None:
    (some,) = [b for b in score(RESULTS, {}).reliability if b.low == 0.8]
    assert some.count == 3
    assert round(some.said, 2) == 0.9
    assert round(some.true, 2) == 0.33


def test_baselines_answer_from_what_is_seen_at_once() -> None:
    baselines = {
        "sqlstate": by_sqlstate({"42P01": ["missing-object"], "40P01": ["deadlock"]}),
        "checklist": by_checklist,
        "most common": most_common(RESULTS),
    }
    figures = score(RESULTS, baselines).baselines
    assert {name: share.right for name, share in figures.items()} == {"sqlstate": 2, "checklist": 1, "most common": 1}


def test_the_table_names_every_failure_and_only_those() -> None:
    text = table(score(RESULTS, {}), "2026-11-21")
    assert "- a," not in text
    assert "- b, seed 1 (psql): expected deadlock, told missing-object 0.90, deadlock 0.50" in text
    assert "- d, seed 1 (psql): expected nothing wrong, told missing-object 0.90; took the decoy missing-object" in text
    assert "- e, seed 1 (psql): could not be played: no server" in text
