"""Rights that the deployer lacks on production, and that a superuser on a laptop never misses."""

from runbook.lab.scenario import Scenario, as_superuser, on_local
from runbook.lab.tools import ONE_FILE

SCENARIOS = (
    Scenario(
        id="no-create-on-public",
        title="No right to create in the schema",
        story="The first migration after the upgrade to a new cluster was refused.",
        seen="failed",
        expected="no-create-on-schema",
        # As PostgreSQL 15 made it the default for new databases; the owner of the database keeps it.
        migration={"migrations/0071_wishes.sql": "CREATE TABLE wishes (id bigint PRIMARY KEY, title text NOT NULL);\n"},
        runners=tuple(name for name in ONE_FILE if name not in ("flyway", "prisma", "golang-migrate")),
        fault=as_superuser("ALTER SCHEMA public OWNER TO postgres; REVOKE CREATE ON SCHEMA public FROM PUBLIC, deploy"),
        unfault=as_superuser("GRANT CREATE ON SCHEMA public TO deploy"),
        sqlstate="42501",
    ),
    Scenario(
        id="no-usage-on-audit",
        title="A schema that the deployer may not enter",
        story="The audit team's schema is new on production.",
        seen="failed",
        expected="no-usage-on-schema",
        migration={"migrations/0072_audit_note.sql": "INSERT INTO audit.changes (what) VALUES ('release 72');\n"},
        runners=ONE_FILE,
        prepare=on_local("CREATE SCHEMA audit CREATE TABLE changes (what text)"),
        fault=as_superuser(
            "CREATE SCHEMA audit; CREATE TABLE audit.changes (what text); GRANT INSERT ON audit.changes TO deploy"
        ),
        unfault=as_superuser("GRANT USAGE ON SCHEMA audit TO deploy"),
        sqlstate="42501",
    ),
    Scenario(
        id="no-right-on-table",
        title="A table that the deployer may read and not write",
        story="The migration corrects some prices; production refuses the UPDATE.",
        seen="failed",
        expected="missing-table-privilege",
        migration={"migrations/0073_round_prices.sql": "UPDATE products SET price = round(price, 1) WHERE id < 100;\n"},
        runners=ONE_FILE,
        fault=as_superuser(
            "CREATE ROLE catalogue_owner NOLOGIN; ALTER TABLE products OWNER TO catalogue_owner;"
            " GRANT SELECT ON products TO deploy, web"
        ),
        unfault=as_superuser("GRANT UPDATE ON products TO deploy"),
        sqlstate="42501",
    ),
    Scenario(
        id="extension-by-superuser-only",
        title="An extension that only a superuser may create",
        story="CREATE EXTENSION works on the laptop, and the deployer may not.",
        seen="failed",
        expected="extension-needs-superuser",
        migration={"migrations/0074_statistics.sql": "CREATE EXTENSION IF NOT EXISTS pg_stat_statements;\n"},
        runners=ONE_FILE,
        local_majors=(17, 18),
        production_majors=(13, 14, 15, 17, 18),
        production_major=18,
        unfault=as_superuser("CREATE EXTENSION pg_stat_statements"),
        sqlstate="42501",
    ),
)
