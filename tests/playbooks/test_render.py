"""Whatever is known and whatever is not: every playbook renders, and each judgement can be explained."""

from __future__ import annotations

import random
from typing import Any

import pytest

from runbook.diagnosis.engine import judge
from runbook.diagnosis.facts import Fact, FactBook
from runbook.diagnosis.vocabulary import SPECS
from tests.playbooks.incident import playbooks

_EMPTY: dict[str, Any] = {"bool": False, "str": "", "list": [], "int": 0, "float": 0.0, "map": {}, "record": None}
_SQLSTATES = ("", "42601", "42883", "42501", "23505", "23502", "23503", "23514", "42P07", "42P01", "42703", "25001")
_SQLSTATES += ("0A000", "58P01", "42704", "25006", "40P01", "57014", "55P03", "3F000", "25P02")
ROUNDS = 60


def _book(chance: random.Random) -> FactBook:
    """Each fact at random: its sample, nothing, or unknown."""
    unknown, empty = chance.choice((0.1, 0.3, 0.5)), chance.choice((0.1, 0.3, 0.5))
    facts = []
    for spec in SPECS:
        drawn = chance.random()
        if drawn < unknown:
            continue
        value = spec.sample if drawn > unknown + empty else _EMPTY[spec.type]
        if spec.type == "bool":
            value = chance.random() < 0.5
        if spec.id == "error.sqlstate":
            value = chance.choice(_SQLSTATES)
        facts.append(Fact(spec.id, value, "drawn", "test", known=value is not None))
    return FactBook(facts)


@pytest.mark.parametrize("cause", sorted(playbooks()))
def test_it_renders_and_explains_itself_whatever_is_unknown(cause: str) -> None:
    chance = random.Random(cause)
    playbook = playbooks()[cause]
    for _ in range(ROUNDS):
        book = _book(chance)
        judged = judge(playbook, book)
        assert all(r.because for r in (*judged.supporting, *judged.opposing)), judged
        rendered = playbook.render(book)
        assert all(text.strip() for text in rendered.sections.values())
        assert len(rendered.sections) == 9
