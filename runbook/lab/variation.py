"""The same scenario with other looks: what a seed draws of names, versions and tool."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from runbook.lab.scenario import Scenario
from runbook.lab.worlds import World, draw, draw_majors


def vary(scenario: Scenario, seed: int) -> Scenario:
    """``scenario`` as ``seed`` draws it from what can be started here; 0 is as written.

    Raises LabError where the servers that it needs are not there.
    """
    from runbook.lab.installations import LabError, available_majors
    from runbook.lab.tools import TOOLS

    if seed == 0:
        return scenario
    own = f"{scenario.id} {seed}"
    try:
        local, production = draw_majors(
            own, scenario.local_majors, scenario.production_majors, available_majors().keys()
        )
    except LookupError as error:
        raise LabError(f"scenario {scenario.id}: {error}") from error
    runner = random.Random(f"tool {own}").choice((scenario.runner, *scenario.runners))
    world = draw(own)
    migration = {path: world.text(text) for path, text in scenario.migration.items()}
    if runner == scenario.runner:
        migration = {world.text(path): text for path, text in migration.items()}
    else:
        tool = TOOLS[runner]
        migration = {
            tool.layout(*_numbered(world, path)): f"{tool.before}{text}{tool.after}" for path, text in migration.items()
        }
    return replace(
        scenario,
        world=world,
        local_major=local,
        production_major=production,
        runner=runner,
        migration=migration,
    )


def _numbered(world: World, path: str) -> tuple[int, str]:
    """The number and the slug in a file's name as its tool writes them, or in its folder's."""
    found = PurePosixPath(path)
    name = found.parent.name if found.stem == "migration" else found.stem
    number, slug = re.fullmatch(r"V?(\d+)_+(\w+)", name).groups()  # type: ignore[union-attr]
    return int(number) % 10_000, world.text(slug)


def also(scenario: Scenario) -> tuple[str, ...]:
    """Causes that are true beside the expected one: the scenario's, and what its tool leaves after a failed run."""
    from runbook.lab.tools import TOOLS

    left = TOOLS[scenario.runner].leaves if scenario.attempt and scenario.sqlstate else ()
    return (*scenario.beside, *left)


def looks(scenario: Scenario) -> Mapping[str, str]:
    """What was drawn, for a table: versions, tool, database."""
    return {
        "majors": f"{scenario.local_major} -> {scenario.production_major}",
        "tool": scenario.runner,
        "database": scenario.world.text("shop"),
    }
