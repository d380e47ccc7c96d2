"""What a seed draws, and what it must not change."""

from __future__ import annotations

import pytest

from runbook.lab.scenario import list_scenarios
from runbook.lab.tools import TOOLS
from runbook.lab.variation import vary
from runbook.lab.worlds import draw, draw_majors
from runbook.migration import load

SEEDS = range(1, 13)


def test_the_same_seed_draws_the_same_scenario() -> None:
    for scenario in list_scenarios():
        again = vary(scenario, 5)
        assert again == vary(scenario, 5)
        assert (again.id, again.expected, again.sqlstate) == (scenario.id, scenario.expected, scenario.sqlstate)


def test_as_written_every_scenario_needs_only_the_servers_that_pip_brings() -> None:
    from tests.support import WHEEL_MAJORS

    assert {major for s in list_scenarios() for major in (s.local_major, s.production_major)} <= WHEEL_MAJORS.keys()


def test_names_change_as_words_and_keywords_do_not() -> None:
    world = draw("any")
    renamed = world.text("SELECT o.total_net FROM orders o ORDER BY o.customer_id; -- border orderly")
    assert "orders" not in renamed
    assert "customer" not in renamed
    assert "ORDER BY" in renamed
    assert renamed.endswith("border orderly")
    assert world.text(renamed) == renamed, "renamed twice is renamed once"


def test_local_is_never_older_than_production() -> None:
    for seed in SEEDS:
        local, production = draw_majors(str(seed), range(12, 19), range(12, 19), [13, 16, 18])
        assert local >= production
        assert {local, production} <= {13, 16, 18}
    with pytest.raises(LookupError, match="needs majors"):
        draw_majors("1", [18], [17], [16, 18])


@pytest.mark.parametrize("scenario", list_scenarios(), ids=lambda s: s.id)
def test_every_tool_that_may_be_drawn_writes_a_file_that_is_read_whole(scenario, tmp_path) -> None:  # type: ignore[no-untyped-def]
    for seed in SEEDS:
        drawn = vary(scenario, seed)
        assert drawn.runner in TOOLS
        folder = tmp_path / str(seed)
        for path, text in drawn.migration.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        files = [folder / p for p in drawn.migration if not p.endswith(".down.sql")]
        statements = [s for f in load(files, runner=None).files if not f.is_down for s in f.statements]
        assert statements, (drawn.runner, drawn.migration)
        assert not load(files, runner=None).problems or "syntax" in scenario.id
