"""Nothing is wrong: the tool must say so."""

from runbook.lab.scenario import Scenario
from runbook.lab.tools import ONE_FILE

SCENARIO = Scenario(
    id="healthy",
    title="A healthy pair",
    story="A small migration is about to run. Is anything in its way?",
    seen="planned",
    expected=None,
    kind="healthy",
    runners=ONE_FILE,
    migration={
        "migrations/0046_customers_consent.sql": (
            "ALTER TABLE customers ADD COLUMN newsletter boolean NOT NULL DEFAULT false;\n"
        )
    },
    attempt=False,
)
