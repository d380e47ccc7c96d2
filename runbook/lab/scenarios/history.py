"""What production's past did to today's migration: half a run, a batch, a name that was given to something else."""

from runbook.lab.scenario import Scenario, on_both, on_production, rewritten
from runbook.lab.tools import ONE_FILE
from runbook.lab.tools.printed import PRINTED_NAMES

_GIFTS = (
    "ALTER TABLE orders ADD COLUMN gift boolean",
    "CREATE TABLE gift_cards (id bigint PRIMARY KEY, cents int NOT NULL)",
    "ALTER TABLE gift_cards ADD COLUMN code text",
)

SCENARIOS = (
    Scenario(
        id="half-a-run",
        title="The first half of the file is there already",
        story="Last night's deploy was killed by its deadline. Since this morning it fails on its first line.",
        seen="failed",
        expected="partially-applied-migration",
        migration={"migrations/0091_gift_cards.sql": "".join(f"{sql};\n" for sql in _GIFTS)},
        fault=on_production(f"{_GIFTS[0]}; {_GIFTS[1]}"),
        unfault=on_production("ALTER TABLE orders DROP COLUMN gift; DROP TABLE gift_cards"),
        sqlstate="42701",
        harmful=(r"IF NOT EXISTS", r"CASCADE"),
    ),
    Scenario(
        id="enum-value-too-early",
        title="A new state is used before it is committed",
        story="On the laptops psql runs the files one statement at a time; the pipeline runs them in a transaction.",
        seen="failed",
        expected="enum-value-used-in-same-transaction",
        runner="pgx",
        runners=tuple(
            name for name in PRINTED_NAMES if name not in ("ecto", "drizzle", "sqlx", "dbmate", "node-pg-migrate")
        ),
        local_runner="psql",
        prepare=on_both(
            "CREATE TYPE parcel_state AS ENUM ('packed', 'sent');"
            "CREATE TABLE parcels (id bigint PRIMARY KEY, state parcel_state NOT NULL DEFAULT 'packed')"
        ),
        migration={
            "migrations/0092_parcels_returned.sql": (
                "ALTER TYPE parcel_state ADD VALUE 'returned';\n"
                "ALTER TABLE parcels ALTER COLUMN state SET DEFAULT 'returned';\n"
            )
        },
        unfault=rewritten("ALTER TYPE parcel_state ADD VALUE 'returned';\n"),
        sqlstate="55P04",
    ),
    Scenario(
        id="view-instead-of-table",
        title="A view has the table's name",
        story="A rename without downtime was begun last month. Nobody remembers how it ended.",
        seen="failed",
        expected="object-kind-differs",
        runners=ONE_FILE,
        prepare=on_both("CREATE TABLE ratings (id bigint PRIMARY KEY, stars int)"),
        migration={"migrations/0093_ratings_stars.sql": "CREATE INDEX ratings_stars_idx ON ratings (stars);\n"},
        fault=on_production("ALTER TABLE ratings RENAME TO reviews; CREATE VIEW ratings AS SELECT * FROM reviews"),
        unfault=on_production("DROP VIEW ratings; ALTER TABLE reviews RENAME TO ratings"),
        sqlstate="42809",
        harmful=(r"DROP .*CASCADE",),
    ),
)
