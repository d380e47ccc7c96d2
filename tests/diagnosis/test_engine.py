"""The engine: required evidence apart from weight, refuted causes kept, absence as a result."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook.diagnosis.engine import diagnose
from runbook.diagnosis.facts import Fact, FactBook
from runbook.diagnosis.questions import next_question
from runbook.playbook import SECTIONS, Playbook, read

BODY = "\n\n".join(f"## {heading.capitalize()}\n\ntext" for heading in SECTIONS)


@pytest.fixture
def playbook(tmp_path: Path):  # type: ignore[no-untyped-def]
    def make(id_: str, front: str) -> Playbook:
        path = tmp_path / f"{id_}.md"
        common = f"id: {id_}\ntitle: Title of {id_}\nfamily: lock\nkind: fail\ncommonness: common\n"
        path.write_text(f"---\n{common}{front}\n---\n{BODY}\n")
        return read(path)

    return make


def facts(**values: object) -> FactBook:
    return FactBook(Fact(k.replace("__", "."), v, "stated", "test") for k, v in values.items())


PROOF = """
sqlstates: ["55P03"]
required:
  - {when: "error.timeout == 'lock'", because: "it gave up", otherwise: "no lock timeout"}
evidence:
  - {when: "locks.blocker_kind == 'active'", strength: proves, because: "the holder is there"}
  - {when: "locks.blocker_kind == 'prepared'", strength: refutes, because: "it is a prepared transaction"}
"""


def test_a_cause_with_all_its_required_evidence_and_a_proof_is_proved(playbook) -> None:  # type: ignore[no-untyped-def]
    result = diagnose(facts(error__timeout="lock", locks__blocker_kind="active"), [playbook("a", PROOF)])
    assert result.causes[0].verdict == "proved"
    assert [r.because for r in result.causes[0].supporting] == ["the holder is there", "it gave up"]


def test_missing_required_evidence_rules_a_cause_out_and_says_by_what(playbook) -> None:  # type: ignore[no-untyped-def]
    result = diagnose(facts(error__timeout="none", locks__blocker_kind="active"), [playbook("a", PROOF)])
    assert result.causes[0].verdict == "ruled_out"
    assert [r.because for r in result.causes[0].opposing] == ["no lock timeout"]


def test_unread_required_evidence_leaves_a_cause_possible_at_most(playbook) -> None:  # type: ignore[no-untyped-def]
    result = diagnose(facts(locks__blocker_kind="active"), [playbook("a", PROOF)])
    assert result.causes[0].verdict in ("possible", "unlikely")
    assert any("error.timeout" in m for u in result.causes[0].unseen for m in u.missing)


def test_a_refutation_outweighs_any_proof(playbook) -> None:  # type: ignore[no-untyped-def]
    result = diagnose(facts(error__timeout="lock", locks__blocker_kind="prepared"), [playbook("a", PROOF)])
    assert result.causes[0].verdict == "ruled_out"


def test_how_common_a_cause_is_never_makes_it_a_suspect(playbook) -> None:  # type: ignore[no-untyped-def]
    front = 'evidence:\n  - {when: "locks.waiting > 5", strength: strong, because: "queue"}'
    assert not diagnose(facts(locks__waiting=0), [playbook("a", front)]).suspects


def test_an_error_of_another_kind_speaks_against_a_cause(playbook) -> None:  # type: ignore[no-untyped-def]
    known = {"error__timeout": "lock", "locks__blocker_kind": "active"}
    with_other = diagnose(facts(**known, error__sqlstate="23505"), [playbook("a", PROOF)]).causes[0]
    with_own = diagnose(facts(**known, error__sqlstate="55P03"), [playbook("a", PROOF)]).causes[0]
    assert with_other.probability < with_own.probability
    assert with_other.verdict != "proved"


def test_a_healthy_pair_has_no_causes_and_says_so(playbook) -> None:  # type: ignore[no-untyped-def]
    book = facts(production__reachable=True, error__given=False, error__timeout="none", locks__migration_waits=False)
    result = diagnose(book, [playbook("a", PROOF)])
    assert (result.suspects, result.conclusion) == ((), "nothing_wrong")
    assert not result.something_is_wrong


def test_trouble_that_no_cause_explains_is_said_to_be_outside_the_catalogue(playbook) -> None:  # type: ignore[no-untyped-def]
    book = facts(
        production__reachable=True,
        error__given=True,
        error__timeout="none",
        error__message="odd",
        locks__migration_waits=False,
    )
    result = diagnose(book, [playbook("a", PROOF)])
    assert result.conclusion == "not_in_catalogue"
    assert "odd" in result.summary
    assert result.something_is_wrong


def test_the_cause_to_deal_with_first_stands_first_when_both_are_proved(playbook) -> None:  # type: ignore[no-untyped-def]
    strong = PROOF.replace("evidence:", 'evidence:\n  - {when: "true", strength: strong, because: "more"}')
    holder = playbook("holder", strong)
    queue = playbook("queue", PROOF + "before: [holder]")
    result = diagnose(facts(error__timeout="lock", locks__blocker_kind="active"), [holder, queue])
    assert [c.id for c in result.causes] == ["queue", "holder"]


TWO_NEEDS = """
required:
  - {when: "migration.needs_newer | length > 0", strength: strong, because: "it needs a newer one"}
  - {when: "not failing.known", strength: suggests, because: "no other statement is at fault"}
evidence:
  - {when: "error.sqlstate == '42601'", strength: strong, because: "it does not parse"}
"""


def test_a_cause_of_which_nothing_could_be_seen_is_no_suspect(playbook) -> None:  # type: ignore[no-untyped-def]
    result = diagnose(facts(failing__known=False, production__reachable=False), [playbook("a", TWO_NEEDS)])
    assert result.suspects == ()
    seen = facts(failing__known=False, migration__needs_newer=[{"feature": "x"}])
    assert [c.id for c in diagnose(seen, [playbook("a", TWO_NEEDS)]).suspects] == ["a"]


ASKING = """
evidence:
  - {when: "error.timeout == 'statement'", strength: suggests, because: "timeout"}
  - {when: "answer.waited_for_lock == '%s'", strength: strong, because: "somebody saw it"}
questions: [waited_for_lock]
"""


def test_a_question_is_asked_while_its_answer_changes_the_ranking_and_not_after(playbook) -> None:  # type: ignore[no-untyped-def]
    playbooks = [playbook("waited", ASKING % "yes"), playbook("worked", ASKING % "no")]
    book = facts(error__timeout="statement", error__given=True)
    asked = next_question(book, playbooks, diagnose(book, playbooks))
    assert asked is not None
    assert asked.question.id == "waited_for_lock"
    answered = facts(error__timeout="statement", error__given=True, answer__waited_for_lock="yes")
    assert next_question(answered, playbooks, diagnose(answered, playbooks)) is None


def test_no_question_is_asked_that_no_playbook_can_use(playbook) -> None:  # type: ignore[no-untyped-def]
    playbooks = [playbook("a", PROOF)]
    book = facts(error__timeout="statement", error__given=True)
    assert next_question(book, playbooks, diagnose(book, playbooks)) is None


def test_a_slip_in_one_playbook_takes_no_diagnosis_away(playbook) -> None:  # type: ignore[no-untyped-def]
    slip = 'evidence:\n  - {when: "locks.waiting > error.message", strength: strong, because: "x"}'
    sentence = 'evidence:\n  - {when: "locks.waiting > 0", strength: strong, because: "{{ locks.nonsense }}"}'
    book = facts(error__timeout="lock", locks__blocker_kind="active", locks__waiting=3, error__message="m")
    result = diagnose(book, [playbook("slip", slip), playbook("sentence", sentence), playbook("a", PROOF)])
    assert result.causes[0].id == "a"
    assert next(c for c in result.causes if c.id == "sentence").supporting[0].because == "locks.waiting > 0"
