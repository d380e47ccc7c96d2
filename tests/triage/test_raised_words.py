"""A function's own words, for tools that print an error's message and nothing else."""

from __future__ import annotations

import pytest

from runbook.triage.fired_triggers import raises

BODY = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$"


@pytest.mark.parametrize(
    ("statement", "message", "expected"),
    [
        ("RAISE EXCEPTION 'schema changes are frozen';", "schema changes are frozen", True),
        ("RAISE 'frozen until % by %', day, who;", "frozen until Monday by the owner's wish", True),
        ("RAISE EXCEPTION USING MESSAGE = 'it''s frozen today', ERRCODE = 'AU001';", "it's frozen today", True),
        ("RAISE EXCEPTION '100%% of the rows are frozen';", "100% of the rows are frozen", True),
        ("RAISE EXCEPTION 'schema changes are frozen';", 'relation "orders" does not exist', False),
        ("RAISE EXCEPTION '%', reason;", 'relation "orders" does not exist', False),
        ("RAISE EXCEPTION 'no: %', reason;", "no: anything at all", False),
    ],
)
def test_words_are_a_functions_where_its_raise_makes_just_them(statement: str, message: str, expected: bool) -> None:
    assert raises(BODY.format(statement), message) is expected


def test_a_function_that_could_not_be_read_has_raised_nothing() -> None:
    assert raises(None, "schema changes are frozen") is False
