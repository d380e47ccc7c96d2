"""What changed between two sessions: servers, inputs, steps, facts and causes; ages and pids are not news."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec

from runbook.diagnosis.facts import Fact
from runbook.documents import schema, to_json
from runbook.session import events as ev
from runbook.session.state import State, fold_all
from runbook.transcript.difference import DifferenceDocument, difference, text
from tests.transcript.poison import payloads, state
from tests.tui import incident


def after(*more: ev.Payload) -> State:
    return fold_all(incident.events([*payloads(), *more]))


def with_fact(id_: str, value: object, *, known: bool = True) -> ev.StepExamined:
    step = next(s for s in incident.steps() if s.id == "locks")
    facts = tuple(f for f in step.facts if f.id != id_)
    return ev.StepExamined(
        replace(step, facts=(*facts, Fact(id_, value if known else None, "looked again", "locks", known=known)))
    )


def test_a_session_does_not_differ_from_itself() -> None:
    found = difference(state(), state())
    assert found.same
    assert "Nothing changed in servers, inputs, steps, facts and causes." in text(found)


def test_an_upgraded_server_is_told_field_by_field() -> None:
    upgraded = ev.SideSeen(
        "production", "production", True, None, "18.1", 180001, "shop", "deploy", False, "self-managed"
    )
    found = difference(state(), after(upgraded))
    assert [(s.side, s.what, s.a, s.b) for s in found.servers] == [("production", "server_version", "16.2", "18.1")]
    assert not found.same


def test_a_cause_that_is_gone_is_told_with_the_reasons_that_went() -> None:
    first, *others = incident.diagnosed().causes
    found = difference(state(), after(incident.diagnosed(causes=tuple(others), summary="another")))
    (change,) = found.causes
    assert (change.id, change.b) == (first.id, None)
    assert change.a is not None
    assert change.a.verdict == "proved"
    assert "42 sessions wait behind 5120" in change.reasons_gone
    shown = text(found)
    assert "proved 99 % -> not suspected  A queue behind waiting DDL" in shown.replace("suspected A", "suspected  A")


def test_a_fact_that_changed_is_told_and_one_that_only_grew_older_is_counted() -> None:
    before = state().book().facts
    wait = before["locks.migration_wait"].value
    older = {**wait, "wait_s": wait["wait_s"] + 60, "pid": 7}
    found = difference(state(), fold_all(incident.events([*payloads(), with_fact("locks.migration_wait", older)])))
    assert [(f.id, f.moves) for f in found.facts] == [("locks.migration_wait", True)]
    assert found.same
    assert "1 fact that differ" in text(found)
    assert "locks.migration_wait" in text(found, moving=True)
    other = difference(state(), after(with_fact("locks.migration_wait", {**wait, "relation": "public.customers"})))
    assert [(f.id, f.change, f.moves) for f in other.facts] == [("locks.migration_wait", "changed", False)]
    assert "locks.migration_wait relation" in text(other)


def test_a_fact_that_could_not_be_read_any_more_is_gone_and_not_false() -> None:
    found = difference(state(), after(with_fact("locks.waiting", None, known=False)))
    (change,) = found.facts
    assert (change.id, change.change, change.a, change.b) == ("locks.waiting", "gone", 43, None)
    assert "Facts known only in a\n  locks: waiting" in text(found)


def test_the_json_is_of_its_schema_and_the_same_bytes_each_time() -> None:
    found = difference(state(), fold_all(incident.events(incident.payloads())))
    data = to_json(found)
    assert data == to_json(difference(state(), fold_all(incident.events(incident.payloads()))))
    assert msgspec.json.decode(data, type=DifferenceDocument) == found
    assert set(json.loads(data)) == set(schema("diff")["$defs"]["DifferenceDocument"]["properties"])


def test_hostile_text_in_a_difference_obeys_no_terminal() -> None:
    hostile = "\x1b]52;c;AAAA\x07\x9b31m\u202e\nforged line\r"
    shown = text(difference(state(), state(hostile)), moving=True)
    assert not set(shown) & {"\x1b", "\x07", "\x9b", "\u202e", "\r"}
    assert not any(line.startswith("forged") for line in shown.splitlines())
