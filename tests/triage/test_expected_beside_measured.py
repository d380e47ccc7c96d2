"""What was forecast of the statement at fault, beside what is seen of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runbook.migration import parse
from runbook.migration.catalog import Catalog
from runbook.migration.result import Seconds, StatementForecast
from runbook.triage.case import Case
from runbook.triage.failing import AtFault, expected_beside_measured

STATEMENT = parse("CREATE INDEX ON orders (total)", runner="psql").statements[0]
FORECAST = StatementForecast(1, 1, STATEMENT.sql, STATEMENT.kind, seconds=Seconds(540, 720, 1860, "statistics"))
RUNNING = AtFault(STATEMENT, "running", FORECAST, 720.0)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (RUNNING, "ran 12 min of an expected 9 min to 31 min, likely 12 min"),
        (replace(RUNNING, percent=41.5), "41.5 % done"),
        (replace(RUNNING, elapsed_s=4000.0), "longer than expected"),
        (replace(RUNNING, how="waiting"), "waited and ran 12 min of an expected"),
        (AtFault(STATEMENT, "forecast", FORECAST), "expected 9 min to 31 min"),
    ],
)
def test_a_running_statement_shows_expected_beside_measured(fault: AtFault, said: str) -> None:
    assert said in expected_beside_measured(Case(), fault)


def test_nothing_is_claimed_where_nothing_was_forecast() -> None:
    assert expected_beside_measured(Case(), AtFault(STATEMENT, "running", None, 5.0)) == ""


def test_a_timeout_is_shown_beside_the_seconds_the_statement_needs() -> None:
    from runbook.failure import read_error
    from runbook.postgres.dsn import describe_target
    from runbook.triage.case import SideCase

    catalog = Catalog(160000, "production", settings={"statement_timeout": "5000"})
    side = SideCase("production", "production", describe_target("host=db"), catalog=catalog)
    error = read_error("ERROR:  57014: canceling statement due to statement timeout")
    told = expected_beside_measured(Case(production=side, error=error), AtFault(STATEMENT, "error", FORECAST))
    assert told.startswith("needs 9 min to 31 min")
    assert told.endswith("statement_timeout is 5 s there")
