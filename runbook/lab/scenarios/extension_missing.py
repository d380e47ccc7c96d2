"""An extension whose files are not on production's server."""

from runbook.lab.scenario import Scenario, Stage
from runbook.lab.tools import ONE_FILE


async def do_without(stage: Stage) -> None:
    """A migration that needs no extension."""
    stage.rewrite("CREATE INDEX customers_name_idx ON customers (lower(name));\n")


SCENARIO = Scenario(
    id="extension-missing",
    title="An extension that production does not have",
    story="CREATE EXTENSION failed on production; the local image brings everything along.",
    seen="failed",
    expected="extension-not-available",
    runner="flyway",
    runners=ONE_FILE,
    local_majors=(18,),
    production_majors=(16,),
    migration={
        "sql/V12__search_by_name.sql": (
            "CREATE EXTENSION IF NOT EXISTS pg_trgm;\n"
            "CREATE INDEX customers_name_trgm ON customers USING gin (name gin_trgm_ops);\n"
        )
    },
    unfault=do_without,
    sqlstate="0A000",
)
