"""Conditions: three values, nothing but the vocabulary, no way out of the sandbox."""

from __future__ import annotations

import pytest

from runbook.diagnosis.condition import Condition, ConditionError
from runbook.diagnosis.facts import Fact, FactBook
from runbook.diagnosis.vocabulary import SPECS
from runbook.triage.case import Facts


def book(**facts: object) -> FactBook:
    return FactBook(Fact(k.replace("__", "."), v, "stated", "test") for k, v in facts.items())


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("error.sqlstate == '42601'", True),
        ("error.sqlstate in ['42601', '42883']", True),
        ("error.sqlstate != '42601'", False),
        ("not error.is_connection", True),
        ("production.major < local.major", True),
        ("local.major - production.major >= 2", True),
        ("role.missing | length > 0", True),
        ("role.missing | where(kind='owner') | length == 1", True),
        ("'owner' in role.missing | pluck('kind')", True),
        ("(role.missing | first).kind == 'owner'", True),
    ],
)
def test_a_condition_over_known_facts_is_true_or_false(expression: str, value: bool) -> None:
    known = book(
        error__sqlstate="42601",
        error__is_connection=False,
        production__major=14,
        local__major=16,
        role__missing=[{"kind": "owner"}],
    )
    assert Condition(expression).evaluate(known).value is value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("locks.migration_waits", None),
        ("not locks.migration_waits", None),
        ("locks.migration_waits or error.sqlstate == '42601'", True),
        ("error.sqlstate == '42601' or locks.migration_waits", True),
        ("locks.migration_waits and error.sqlstate == '42601'", None),
        ("locks.migration_waits and error.sqlstate == '1'", False),
        ("locks.migration.pid == 3", None),
        ("locks.migration is known", False),
        ("locks.migration is unknown", True),
        ("locks.waiting + 1 > 3", None),
        ("(locks.migration_waits or true) and error.sqlstate == '42601'", True),
    ],
)
def test_what_nobody_could_read_is_neither_true_nor_false(expression: str, value: bool | None) -> None:
    assert Condition(expression).evaluate(book(error__sqlstate="42601")).value is value


def test_an_unknown_verdict_names_the_fact_and_why_it_is_missing() -> None:
    unread = FactBook([Fact("locks.waiting", None, "denied: pg_monitor would help", "locks", known=False)])
    verdict = Condition("locks.waiting > 0").evaluate(unread)
    assert [(u.id, u.reason) for u in verdict.missing] == [("locks.waiting", "denied: pg_monitor would help")]


@pytest.mark.parametrize(
    "expression",
    [
        "error.sqlstat == '42601'",
        "nothing.here",
        "sqlstate == '42601'",
        "error.sqlstate ==",
        "error.sqlstate.upper()",
        "''.__class__.__mro__",
        "range(10)",
        "error.sqlstate | attr('x')",
        "error.sqlstate is defined",
        "error.sqlstate }} {{ error.message",
        "[x for x in error.key_columns]",
        "error.sqlstate ~ 'x'",
    ],
)
def test_a_condition_that_could_be_silently_false_or_dangerous_is_refused(expression: str) -> None:
    with pytest.raises(ConditionError):
        Condition(expression)


def test_every_fact_has_a_meaning_and_a_sample_of_its_type() -> None:
    types = {"bool": bool, "int": int, "float": (int, float), "str": str, "list": list, "map": dict, "record": dict}
    for spec in SPECS:
        assert spec.meaning, spec.id
        assert isinstance(spec.sample, types[spec.type]), spec.id


def test_a_fact_outside_the_vocabulary_cannot_be_stated() -> None:
    with pytest.raises(KeyError):
        Facts("error").know("error.nonsense", 1, "")
