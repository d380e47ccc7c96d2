"""SQL that the laptop's newer server accepts and production's does not know."""

from runbook.lab.scenario import Scenario, Stage
from runbook.lab.tools import ONE_FILE

# Virtual generated columns came with PostgreSQL 18 (release notes 18, E.4.3.3).
VIRTUAL = """\
-- Gross totals, computed when they are read.
ALTER TABLE orders
    ADD COLUMN total_gross numeric(12, 2) GENERATED ALWAYS AS (total_net * 1.19) VIRTUAL;
"""


async def write_what_production_knows(stage: Stage) -> None:
    """The only thing wrong is the word: 12 and later know STORED."""
    stage.rewrite(VIRTUAL.replace("VIRTUAL", "STORED"))


SCENARIO = Scenario(
    id="syntax-too-new",
    title="Syntax too new for production",
    story="The deploy failed at once with a syntax error. The same file ran on every laptop.",
    seen="failed",
    expected="needs-newer-major",
    runner="flyway",
    runners=ONE_FILE,
    local_majors=(18,),
    production_majors=range(12, 18),
    migration={"sql/V12__order_total_gross.sql": VIRTUAL},
    unfault=write_what_production_knows,
    sqlstate="42601",
)
