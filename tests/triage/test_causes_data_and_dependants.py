"""Values that do not fit, views that depend, partitions, spellings: told from their neighbours on two real servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from runbook.migration.statement import split
from runbook.session.state import State
from tests.playbooks.incident import playbooks
from tests.support import Database, create_database, drop_database, majors
from tests.triage.incident import causes, explain, psql, triage, write

SHOP = """
CREATE TABLE depot (id int PRIMARY KEY, code text, weight numeric, opened text, "Region" text);
INSERT INTO depot SELECT g, 'd' || g % 10, g, '2024-01-0' || g % 9 + 1, 'r' FROM generate_series(1, 900) g;
CREATE TABLE reading (at int, v int) PARTITION BY RANGE (at);
CREATE TABLE reading_0 PARTITION OF reading FOR VALUES FROM (0) TO (100);
CREATE TABLE reading_rest PARTITION OF reading DEFAULT;
CREATE TABLE strict_reading (at int, v int) PARTITION BY RANGE (at);
CREATE TABLE strict_0 PARTITION OF strict_reading FOR VALUES FROM (0) TO (100);
ANALYZE;
"""


@dataclass(frozen=True)
class Fault:
    """``fault`` is what only production has; without it the migration passes there. ``planned``: seen before it runs."""

    cause: str
    migration: str
    fault: str
    local: str = ""
    major: int = 18
    planned: bool = False
    name: str = ""


FAULTS = [
    Fault(
        "dependent-object",
        "ALTER TABLE depot ALTER COLUMN code TYPE varchar(40);",
        "CREATE VIEW bi_depots AS SELECT id, code FROM depot",
        planned=True,
        name="view-reads-type",
    ),
    Fault(
        "dependent-object",
        "ALTER TABLE depot DROP COLUMN opened;",
        "CREATE MATERIALIZED VIEW bi_depots AS SELECT id, opened FROM depot",
        major=14,
        planned=True,
        name="matview-reads-column",
    ),
    Fault(
        "dependent-object",
        "DROP TABLE depot;",
        "CREATE VIEW bi_depots AS SELECT id FROM depot",
        planned=True,
        name="drop-table",
    ),
    Fault(
        "value-too-long",
        "ALTER TABLE depot ALTER COLUMN code TYPE varchar(4);",
        "UPDATE depot SET code = 'warehouse' WHERE id = 77",
        name="narrowed",
    ),
    Fault(
        "value-too-long",
        "UPDATE depot SET code = 'warehouse' WHERE id = 7;",
        "ALTER TABLE depot ALTER COLUMN code TYPE varchar(4)",
        major=13,
        name="written",
    ),
    Fault(
        "numeric-out-of-range",
        "ALTER TABLE depot ALTER COLUMN weight TYPE smallint;",
        "UPDATE depot SET weight = 40000 WHERE id = 77",
        name="narrowed",
    ),
    Fault(
        "numeric-out-of-range",
        "ALTER TABLE depot ALTER COLUMN weight TYPE numeric(5, 2);",
        "UPDATE depot SET weight = 1000 WHERE id = 77",
        major=12,
        name="precision",
    ),
    Fault(
        "invalid-data-for-type",
        "ALTER TABLE depot ALTER COLUMN opened TYPE date USING opened::date;",
        "UPDATE depot SET opened = 'soon' WHERE id = 77",
        major=15,
        name="date",
    ),
    Fault(
        "invalid-data-for-type",
        "ALTER TABLE depot ALTER COLUMN code TYPE int USING substr(code, 2)::int;",
        "UPDATE depot SET code = 'dN/A' WHERE id = 77",
        name="number",
    ),
    Fault(
        "invalid-data-for-type",
        "ALTER TABLE depot ALTER COLUMN weight TYPE int;",
        "ALTER TABLE depot ALTER COLUMN weight TYPE text",
        planned=True,
        name="no-automatic-cast",
    ),
    Fault(
        "default-partition-conflict",
        "CREATE TABLE reading_1 PARTITION OF reading FOR VALUES FROM (100) TO (200);",
        "INSERT INTO reading VALUES (150, 1)",
        name="default",
    ),
    Fault(
        "default-partition-conflict",
        "CREATE TABLE late (at int, v int); INSERT INTO late SELECT max(at), 1 FROM reading_0;"
        " ALTER TABLE strict_reading ATTACH PARTITION late FOR VALUES FROM (100) TO (200);",
        "INSERT INTO reading VALUES (50, 1)",
        local="INSERT INTO strict_reading VALUES (1, 1)",
        major=12,
        name="attached",
    ),
    Fault(
        "no-partition-for-row",
        "INSERT INTO reading VALUES (150, 1);",
        "DROP TABLE reading_rest",
    ),
    Fault(
        "object-name-differs",
        "ALTER TABLE depot ADD COLUMN status text;",
        'ALTER TABLE depot RENAME TO "Depot"',
        planned=True,
        name="table",
    ),
    Fault(
        "object-name-differs",
        'ALTER TABLE depot ALTER COLUMN "Region" SET DEFAULT 0;',
        'ALTER TABLE depot RENAME COLUMN "Region" TO region',
        major=13,
        planned=True,
        name="column",
    ),
]
IDS = [f"{f.cause}-{f.name}" if f.name else f.cause for f in FAULTS]
OURS = {f.cause for f in FAULTS}


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    fault: Fault = request.getfixturevalue("fault")
    # Without the npm matrix the nearest major that is there: the causes are the same on all of them.
    nearest = min(majors(), key=lambda here: (abs(here - fault.major), -here))
    made = [create_database(major) for major in (18, nearest)]
    for database in made:
        database.execute(SHOP)
    if fault.local:
        made[0].execute(fault.local)
    yield made[0], made[1]
    for database in made:
        drop_database(database)


def likely(state: State) -> list[str]:
    assert state.diagnosis is not None
    return [c.id for c in state.diagnosis.causes if c.verdict in ("proved", "likely")]


def run_the_checks(cause: str, state: State, production: Database) -> None:
    """Every query of the playbook that looks, filled in from this incident, runs where it says, and may not write."""
    rendered = playbooks()[cause].render(state.book())
    checks = [b for b in rendered.sql if not b.changes]
    assert checks
    assert all(b.runnable for b in checks), [(b.section, b.missing) for b in checks]
    with production.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for block in checks:
            try:
                for statement in split(block.sql)[0]:
                    connection.execute(statement.sql.encode())
            except psycopg.DataError:
                # before 16 the conversion itself is tried, and its error is the answer
                assert "CAST" in block.sql, block.sql
                assert production.major < 16, block.sql
                connection.execute("ROLLBACK")


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
async def test_the_cause_is_named_and_no_neighbour_is_called_likely(
    fault: Fault, databases: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = databases
    production.execute(fault.fault)
    path = write(tmp_path, fault.migration + "\n")
    if fault.planned:
        state = await triage(local, production, migration=path, seen="planned")
        assert causes(state)[:1] == [fault.cause], explain(state)
    error = psql(production, path, options=("-1",))
    assert "ERROR" in error, error
    state = await triage(local, production, migration=path, error=error)
    assert likely(state) == [fault.cause], error + explain(state)
    run_the_checks(fault.cause, state, production)
    alone = await triage(None, None, error=error)
    assert set(likely(alone)) <= {fault.cause}, error + explain(alone)


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
async def test_without_the_fault_the_cause_is_not_named(
    fault: Fault, databases: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = databases
    path = write(tmp_path, fault.migration + "\n")
    state = await triage(local, production, migration=path, seen="planned")
    assert OURS.isdisjoint(causes(state)), explain(state)


NEIGHBOURS = [
    ("ALTER TABLE depot ALTER COLUMN code TYPE varchar(40);", "CREATE POLICY p ON depot USING (code = 'x')"),
    ("ALTER TABLE depot DROP COLUMN opened;", "CREATE POLICY p ON depot USING (opened = 'x')"),
    ("ALTER TABLE depot ADD CHECK (weight > 0);", "UPDATE depot SET weight = -1 WHERE id = 7"),
    ("INSERT INTO depot VALUES (5000, 'x', -1);", "ALTER TABLE depot ADD CHECK (weight > 0)"),
    ("ALTER DOMAIN grade ADD CHECK (VALUE > 0);", "CREATE DOMAIN grade AS int; CREATE TABLE g AS SELECT (-1)::grade x"),
    ("ALTER TABLE depot ADD COLUMN status text;", "ALTER TABLE depot RENAME TO warehouse"),
]


@pytest.mark.parametrize(("migration", "fault"), NEIGHBOURS, ids=[n[0][:40] for n in NEIGHBOURS])
async def test_what_only_looks_like_one_of_these_is_called_none_of_them(
    pair: tuple[Database, Database], tmp_path: Path, migration: str, fault: str
) -> None:
    local, production = pair
    local.execute(SHOP)
    production.execute(SHOP)
    production.execute(fault)
    path = write(tmp_path, migration + "\n")
    error = psql(production, path)
    assert "ERROR" in error, error
    state = await triage(local, production, migration=path, error=error)
    assert OURS.isdisjoint(causes(state)), error + explain(state)
