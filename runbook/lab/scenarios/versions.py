"""What the laptop's server has and production's has not, apart from syntax."""

from runbook.lab.scenario import Scenario, as_superuser, on_local, rewritten
from runbook.lab.tools import ONE_FILE

SCENARIOS = (
    Scenario(
        id="function-too-new",
        title="A function of the laptop's newer server",
        story="The deploy failed: a function does not exist. It is built in, says the documentation.",
        seen="failed",
        expected="function-needs-newer-major",
        runners=ONE_FILE,
        # uuidv7() came with PostgreSQL 18, gen_random_uuid() with 13 (release notes).
        local_majors=(18,),
        production_majors=range(13, 18),
        migration={
            "migrations/0091_products_token.sql": "ALTER TABLE products ADD COLUMN token uuid DEFAULT uuidv7();\n"
        },
        unfault=rewritten("ALTER TABLE products ADD COLUMN token uuid DEFAULT gen_random_uuid();\n"),
        sqlstate="42883",
    ),
    Scenario(
        id="extension-only-local",
        title="An extension that somebody once created on the laptop",
        story="A type is unknown on production. On the laptop nobody remembers where it comes from.",
        seen="failed",
        expected="extension-not-installed",
        runners=ONE_FILE,
        local_majors=(12, 13, 14, 15, 17, 18),
        production_majors=(12, 13, 14, 15, 17, 18),
        production_major=18,
        migration={"migrations/0092_customers_nickname.sql": "ALTER TABLE customers ADD COLUMN nickname citext;\n"},
        prepare=on_local("CREATE EXTENSION citext"),
        unfault=as_superuser("CREATE EXTENSION citext"),
        sqlstate="42704",
    ),
)
