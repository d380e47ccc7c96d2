"""The forecast of locks, rewrites, scans and refusals is what real servers do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runbook.lab.servers import start_server
from tests import support
from tests.oracle.agreement import KNOWN, NotHere, alike, bench_on, compare
from tests.oracle.cases import Case, load, seen, truth
from tests.oracle.measure import Bench

FAMILIES = sorted({c.name.split(".")[0] for c in load()[1]})
NEWEST = max(support.WHEEL_MAJORS)


@pytest.fixture(scope="module", params=sorted(support.WHEEL_MAJORS), ids=lambda m: f"pg{m}")
def bench(request: pytest.FixtureRequest) -> Iterator[tuple[int, Bench]]:
    """A database on each major of the demo extra; ``python -m tests.oracle --live`` does every other."""
    with start_server(request.param) as server:
        made = bench_on(server)
        yield request.param, made
        made.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_forecast_is_what_the_server_does(bench: tuple[int, Bench], family: str) -> None:
    major, database = bench
    fixtures, cases = load()
    chosen = [c for c in cases if c.name.split(".")[0] == family and _tells(c, major)]
    told = []
    for group in alike(chosen):
        try:
            told += compare(database, group, fixtures, major, live=_live(group, major))
        except NotHere:
            continue
    assert [str(d) for d in told if not d.known] == []


def _tells(case: Case, major: int) -> bool:
    """On the newest major every case; on an older one those where majors differ, and those not measured before."""
    return major == NEWEST or len(truth().get(case.name, {})) != 1


def _live(group: list[Case], major: int) -> bool:
    """What was not measured before has to be run; of the rest one of each setup, on the newest major."""
    return any(seen(c.name, major) is None for c in group) or (major == NEWEST and len(group) == 1)


def test_every_known_difference_is_a_case() -> None:
    assert set(KNOWN) <= {c.name for c in load()[1]}
