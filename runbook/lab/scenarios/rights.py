"""Roles that may not do, may not become or do not see what the laptop's superuser does."""

from runbook.lab.scenario import Scenario, Stage, as_superuser, both, on_both, on_local, rewritten
from runbook.lab.tools import ONE_FILE

_WISHES = "CREATE TABLE wishes (id bigint PRIMARY KEY, title text NOT NULL);\n"


async def app_is_refused(stage: Stage) -> str | None:
    """The application reads the new table; what its driver logs."""
    import psycopg

    try:
        await stage.execute("production", "SELECT id, title FROM wishes", "web")
    except psycopg.errors.InsufficientPrivilege as refused:
        return f"ERROR:  {refused.sqlstate}: {refused.diag.message_primary}\nSTATEMENT:  SELECT id, title FROM wishes\n"
    return None


SCENARIOS = (
    Scenario(
        id="event-trigger-by-superuser-only",
        title="Something that only a superuser may create",
        story="An audit of schema changes is new in this release; production refuses it.",
        seen="failed",
        expected="needs-superuser",
        runners=ONE_FILE,
        prepare=on_both("CREATE FUNCTION note_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END'"),
        migration={
            "migrations/0131_audit.sql": "CREATE EVENT TRIGGER audit_ddl ON ddl_command_end EXECUTE FUNCTION note_ddl();\n"
        },
        unfault=as_superuser("ALTER ROLE deploy SUPERUSER"),
        sqlstate="42501",
    ),
    Scenario(
        id="not-a-member-of-the-owner",
        title="A table is handed to a role that the deployer is no member of",
        story="From now on tables are to belong to shop_owner. On the laptop that went through.",
        seen="failed",
        expected="cannot-set-role",
        runners=ONE_FILE,
        prepare=both(
            on_local("CREATE ROLE shop_owner NOLOGIN"),
            as_superuser("CREATE ROLE shop_owner NOLOGIN; GRANT ALL ON SCHEMA public TO shop_owner"),
        ),
        migration={"migrations/0132_products_owner.sql": "ALTER TABLE products OWNER TO shop_owner;\n"},
        unfault=as_superuser("GRANT shop_owner TO deploy"),
        sqlstate="42501",
        traffic=False,
    ),
    Scenario(
        id="role-of-the-laptop",
        title="A GRANT to a role that only local has",
        story="The file came out of pg_dump on a laptop.",
        seen="failed",
        expected="role-missing",
        runners=ONE_FILE,
        prepare=on_local("CREATE ROLE shop_readonly NOLOGIN"),
        migration={"migrations/0133_read_only.sql": "GRANT SELECT ON products TO shop_readonly;\n"},
        unfault=as_superuser("CREATE ROLE shop_readonly NOLOGIN"),
        sqlstate="42704",
    ),
    Scenario(
        id="parent-of-another-team",
        title="A foreign key to a table of another team",
        story="Reviews point to products. The deployer can read products, and is refused.",
        seen="failed",
        expected="no-references-privilege",
        runners=ONE_FILE,
        migration={
            "migrations/0134_reviews.sql": (
                "CREATE TABLE reviews (id bigint PRIMARY KEY, product_id bigint NOT NULL REFERENCES products (id));\n"
            )
        },
        fault=as_superuser(
            "CREATE ROLE catalogue_owner NOLOGIN; ALTER TABLE products OWNER TO catalogue_owner;"
            " GRANT SELECT, INSERT, UPDATE, DELETE ON products TO deploy, web"
        ),
        unfault=as_superuser("GRANT REFERENCES ON products TO deploy"),
        sqlstate="42501",
    ),
    Scenario(
        id="rows-of-one-tenant-only",
        title="A row that no policy lets the deployer add",
        story="Row security came to production last month. Today's migration adds a product.",
        seen="failed",
        expected="rls-blocks-write",
        runners=ONE_FILE,
        migration={
            "migrations/0135_voucher.sql": (
                "INSERT INTO products (sku, name, price) VALUES ('VOUCHER', 'Voucher', 10);\n"
            )
        },
        fault=as_superuser(
            "ALTER TABLE products ENABLE ROW LEVEL SECURITY; ALTER TABLE products FORCE ROW LEVEL SECURITY;"
            " CREATE POLICY for_web ON products TO web USING (true)"
        ),
        unfault=as_superuser("ALTER ROLE deploy BYPASSRLS"),
        sqlstate="42501",
    ),
    Scenario(
        id="new-table-without-grant",
        title="The new table that the application may not read",
        story="The migration went through. The application cannot read the new table.",
        seen="broken",
        expected="missing-grant-on-new-object",
        migration={"migrations/0136_wishes.sql": _WISHES},
        prepare=on_local("GRANT SELECT ON ALL TABLES IN SCHEMA public TO web"),
        fault=as_superuser("ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT SELECT ON TABLES TO web"),
        incident=app_is_refused,
        unfault=as_superuser("GRANT SELECT ON wishes TO web"),
    ),
    Scenario(
        id="dump-of-a-newer-major",
        title="A file that was made by a newer pg_dump",
        story="The first line of the file fails on production.",
        seen="failed",
        expected="unknown-setting-on-server",
        runners=ONE_FILE,
        local_majors=(17, 18),
        production_majors=range(12, 17),
        migration={"migrations/0137_wishes.sql": "SET transaction_timeout = 0;\n" + _WISHES},
        unfault=rewritten(_WISHES),
        sqlstate="42704",
    ),
)
