"""What a server has room for, whatever its disks hold: column numbers, nesting."""

from runbook.lab.scenario import Scenario, as_superuser, on_both, on_production
from runbook.lab.tools import ONE_FILE

IMPORTS = "CREATE TABLE imports (id bigint PRIMARY KEY, supplier text, received_at timestamptz)"
YEARS = 1596
"""Columns that an import job has added and dropped again, with two numbers left."""
CHARACTERS = ("''",) * 1200
"""One operator for each, a level deeper every time."""

SCENARIOS = (
    Scenario(
        id="sixteen-hundred-columns",
        title="A table of three columns that is said to have too many",
        story="The nightly import adds a column for each file and drops it again. Today's migration adds three that stay.",
        seen="failed",
        expected="too-many-columns",
        runners=ONE_FILE,
        prepare=on_both(IMPORTS),
        migration={
            "migrations/0151_imports_totals.sql": (
                "ALTER TABLE imports ADD COLUMN lines int, ADD COLUMN rejected int, ADD COLUMN finished_at timestamptz;\n"
            )
        },
        fault=on_production(
            "ALTER TABLE imports "
            + ", ".join(f"ADD COLUMN file_{n} text" for n in range(YEARS))
            + "; ALTER TABLE imports "
            + ", ".join(f"DROP COLUMN file_{n}" for n in range(YEARS))
        ),
        unfault=on_production(f"DROP TABLE imports; {IMPORTS}"),
        sqlstate="54011",
        traffic=False,
    ),
    Scenario(
        id="generated-expression-too-deep",
        title="A generated statement that is too deep for production",
        story="A script wrote this migration out of a spreadsheet. Production says something about a stack.",
        seen="failed",
        expected="statement-too-large",
        runners=ONE_FILE,
        migration={
            "migrations/0152_products_note.sql": f"UPDATE products SET name = {' || '.join(['name', *CHARACTERS])} WHERE id = 1;\n"
        },
        fault=as_superuser("ALTER ROLE deploy SET max_stack_depth = '150kB'"),
        unfault=as_superuser("ALTER ROLE deploy RESET max_stack_depth"),
        sqlstate="54001",
        traffic=False,
    ),
)
