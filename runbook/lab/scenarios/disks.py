"""What production may not write any more: limits of files, and what nobody fetches."""

from runbook.lab.scenario import Scenario, as_superuser
from runbook.lab.tools import ONE_FILE

SCENARIOS = (
    Scenario(
        id="index-too-large-for-temp-files",
        title="An index build whose sort may not write its files",
        story="A report once filled the disk; since then there is a limit. Today an index build was ended after a second.",
        seen="failed",
        expected="temp-file-limit",
        runners=ONE_FILE,
        migration={"migrations/0141_orders_reference.sql": "CREATE INDEX orders_by_reference ON orders (reference);\n"},
        fault=as_superuser(
            "ALTER ROLE deploy SET temp_file_limit = '512kB'; ALTER ROLE deploy SET maintenance_work_mem = '1MB'"
        ),
        unfault=as_superuser("ALTER ROLE deploy RESET temp_file_limit"),
        sqlstate="53400",
    ),
)
