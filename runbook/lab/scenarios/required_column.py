"""The migration passed; the old release still inserts rows without the column that it demands."""

from __future__ import annotations

from runbook.lab.scenario import Scenario, Stage, on_production
from runbook.lab.tools import ONE_FILE

OLD_CODE = "INSERT INTO customers (email, name) VALUES ('zoe@example.com', 'Zoe')"
LOGGED = """\
E, [2025-03-05T10:21:07.331870 #7] ERROR -- : [7c1d6c64] ActiveRecord::NotNullViolation \
(PG::NotNullViolation: ERROR:  {message}
DETAIL:  {detail}
):
E, [2025-03-05T10:21:07.331911 #7] ERROR -- : [7c1d6c64] app/models/customer.rb:18:in `sign_up'
"""


async def old_release_goes_on(stage: Stage) -> str:
    """An INSERT of the old release is refused; this is what stands in its log."""
    import psycopg

    try:
        await stage.execute("production", OLD_CODE, "web")
    except psycopg.errors.NotNullViolation as error:
        return LOGGED.format(message=error.diag.message_primary, detail=error.diag.message_detail)
    raise AssertionError("the column should be demanded")


SCENARIO = Scenario(
    id="required-column",
    title="The old release inserts rows without the new column",
    story="The migration passed. Since then nobody can sign up.",
    seen="broken",
    expected="old-code-omits-new-column",
    decoys=("not-null-violation",),
    runners=ONE_FILE,
    migration={
        "migrations/0051_customers_segment.sql": (
            "ALTER TABLE customers ADD COLUMN segment text NOT NULL DEFAULT 'retail';\n"
            "ALTER TABLE customers ALTER COLUMN segment DROP DEFAULT;\n"
        )
    },
    incident=old_release_goes_on,
    unfault=on_production("ALTER TABLE customers ALTER COLUMN segment SET DEFAULT 'retail'"),
    in_force="""
        SELECT 1 FROM pg_attribute
        WHERE attrelid = 'customers'::regclass AND attname = 'segment' AND attnotnull AND NOT atthasdef
    """,
)
