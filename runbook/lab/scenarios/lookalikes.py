"""Types that hold the same values on both sides and can do other things."""

from runbook.lab.scenario import Scenario, both, on_both, on_production
from runbook.lab.tools import ONE_FILE

SCENARIOS = (
    Scenario(
        id="json-is-not-jsonb",
        title="A column that is json on production and jsonb on local",
        story="The new index needs an operator class, says production. Nobody has removed one.",
        seen="failed",
        expected="type-semantics-differ",
        decoys=("column-type-differs", "extension-not-installed", "missing-object"),
        harmful=(r"CREATE EXTENSION",),
        runners=ONE_FILE,
        migration={
            "migrations/0153_products_features.sql": "CREATE INDEX products_features_idx ON products USING gin (features);\n"
        },
        prepare=on_both("ALTER TABLE products ADD COLUMN features jsonb"),
        fault=both(
            on_production("ALTER TABLE products DROP COLUMN features"),
            on_production("ALTER TABLE products ADD COLUMN features json"),
        ),
        unfault=on_production("ALTER TABLE products ALTER COLUMN features TYPE jsonb USING features::jsonb"),
        sqlstate="42704",
    ),
)
