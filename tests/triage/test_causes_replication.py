"""Publications, subscribers, standbys and slots on real servers: what a laptop does not have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import Database
from tests.triage.incident import causes, explain, fact, psql, triage, write
from tests.triage.waiting import likely, run_the_checks, shop

# -- no replica identity ---------------------------------------------------------------------------------------------

IDENTITY = "publication-needs-replica-identity"
SHOP = """
CREATE SCHEMA audit;
CREATE TABLE audit.event (id int, uid int NOT NULL, note text);
CREATE UNIQUE INDEX event_uid ON audit.event (uid);
INSERT INTO audit.event SELECT g, g, 'n' FROM generate_series(1, 900) g;
CREATE TABLE depot (id int PRIMARY KEY, code text);
INSERT INTO depot SELECT g, 'd' || g FROM generate_series(1, 90) g;
CREATE TABLE reading (at int, v int) PARTITION BY RANGE (at);
CREATE TABLE reading_0 PARTITION OF reading FOR VALUES FROM (0) TO (100);
INSERT INTO reading VALUES (1, 1);
"""


@dataclass(frozen=True)
class Refused:
    """``fault`` is what only production has; ``planned``: seen before it runs."""

    name: str
    migration: str
    fault: str
    major: int = 18
    planned: bool = True


REFUSED = [
    Refused("update", "UPDATE audit.event SET note = 'x' WHERE id = 0;", "CREATE PUBLICATION cdc FOR ALL TABLES", 12),
    Refused("delete", "DELETE FROM audit.event WHERE id < 7;", "CREATE PUBLICATION cdc FOR TABLE audit.event", 14),
    Refused("partition", "UPDATE reading SET v = 2;", "CREATE PUBLICATION cdc FOR TABLE reading", 17),
    Refused(
        "of-a-schema", "UPDATE audit.event SET note = 'x';", "CREATE PUBLICATION cdc FOR TABLES IN SCHEMA audit", 15
    ),
    Refused(
        "key-dropped",
        "UPDATE depot SET code = 'x';",
        "ALTER TABLE depot DROP CONSTRAINT depot_pkey; CREATE PUBLICATION cdc FOR TABLE depot",
        13,
    ),
    Refused(
        "deferrable-key",
        "UPDATE depot SET code = 'x';",
        "ALTER TABLE depot DROP CONSTRAINT depot_pkey, ADD PRIMARY KEY (id) DEFERRABLE;"
        " CREATE PUBLICATION cdc FOR TABLE depot",
        16,
    ),
    Refused(
        "column-list",
        "UPDATE depot SET code = 'x';",
        "CREATE PUBLICATION cdc FOR TABLE depot (code)",
        18,
        planned=False,
    ),
    Refused(
        "row-filter",
        "UPDATE depot SET code = 'x';",
        "CREATE PUBLICATION cdc FOR TABLE depot WHERE (code <> 'd')",
        15,
        planned=False,
    ),
    Refused(
        "in-a-block",
        "DO $$ BEGIN UPDATE audit.event SET note = 'x'; END $$;",
        "CREATE PUBLICATION cdc FOR TABLE audit.event",
        16,
        planned=False,
    ),
]
NOT_REFUSED = [
    ("insert", "INSERT INTO audit.event VALUES (1000, 1000, 'x'); TRUNCATE audit.event;", "CREATE PUBLICATION a FOR ALL TABLES"),
    ("has-a-key", "UPDATE depot SET code = 'x';", "CREATE PUBLICATION a FOR ALL TABLES"),
    ("inserts-only", "UPDATE audit.event SET note = 'x';", "CREATE PUBLICATION a FOR ALL TABLES WITH (publish = 'insert')"),
    ("full", "UPDATE audit.event SET note = 'x';", "ALTER TABLE audit.event REPLICA IDENTITY FULL; CREATE PUBLICATION a FOR ALL TABLES"),
    ("by-index", "UPDATE audit.event SET note = 'x';", "ALTER TABLE audit.event REPLICA IDENTITY USING INDEX event_uid; CREATE PUBLICATION a FOR ALL TABLES"),
    ("another-table", "UPDATE audit.event SET note = 'x';", "CREATE PUBLICATION a FOR TABLE depot"),
    ("key-added", "ALTER TABLE audit.event ADD PRIMARY KEY (id); UPDATE audit.event SET note = 'x';", "CREATE PUBLICATION a FOR ALL TABLES"),
    ("identity-set", "ALTER TABLE audit.event REPLICA IDENTITY FULL; UPDATE audit.event SET note = 'x';", "CREATE PUBLICATION a FOR ALL TABLES"),
    ("taken-out", "ALTER PUBLICATION a DROP TABLE audit.event; DELETE FROM audit.event;", "CREATE PUBLICATION a FOR TABLE audit.event"),
    ("dropped", "DROP PUBLICATION a; DELETE FROM audit.event;", "CREATE PUBLICATION a FOR ALL TABLES"),
    ("set-to-insert", "ALTER PUBLICATION a SET (publish = 'insert'); DELETE FROM audit.event;", "CREATE PUBLICATION a FOR ALL TABLES"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=[c.name for c in REFUSED])
async def test_a_published_table_without_an_identity_is_named(case: Refused, tmp_path: Path) -> None:
    with shop(case.major, SHOP) as (local, production):
        if production.major < case.major:
            pytest.skip(f"PostgreSQL {production.major} has no such publication")
        production.execute(case.fault)
        path = write(tmp_path, case.migration + "\n")
        if case.planned:
            state = await triage(local, production, migration=path, seen="planned")
            assert likely(state) == [IDENTITY], explain(state)
        error = psql(production, path)
        assert "replica identity" in error, error
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [IDENTITY], error + explain(state)
        assert fact(state, "replication.unidentified")[0]["publications"] == ["cdc"]
        run_the_checks(IDENTITY, state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == [IDENTITY], error + explain(alone)
        assert "ERROR" not in psql(local, path)
        state = await triage(local, local, migration=path, seen="planned")
        assert causes(state) == [], explain(state)


@pytest.mark.parametrize(("name", "migration", "publication"), NOT_REFUSED, ids=[c[0] for c in NOT_REFUSED])
async def test_what_a_publication_lets_pass_is_not_called_refused(
    pair: tuple[Database, Database], tmp_path: Path, name: str, migration: str, publication: str
) -> None:
    local, production = pair
    for database in pair:
        database.execute(SHOP)
        database.execute(publication)
    path = write(tmp_path, migration.replace("; ", ";\n") + "\n")
    state = await triage(local, production, migration=path, seen="planned")
    assert IDENTITY not in causes(state), explain(state)
    assert "ERROR" not in psql(production, path)


async def test_other_errors_on_a_table_without_identity_are_not_blamed_on_it(
    pair: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = pair
    for database in pair:
        database.execute(SHOP)
    production.execute("CREATE PUBLICATION cdc FOR ALL TABLES")
    path = write(tmp_path, "INSERT INTO audit.event VALUES (1, 1, 'x') ON CONFLICT (id) DO NOTHING;\n")
    error = psql(production, path)
    assert "ON CONFLICT" in error, error
    state = await triage(local, production, migration=path, error=error)
    assert IDENTITY not in causes(state), error + explain(state)
