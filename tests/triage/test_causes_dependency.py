"""What depends, what it refers to and what stands in the way: each cause told from its neighbours on two real servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import Database, create_database, drop_database, majors
from tests.triage.incident import causes, explain, fact, psql, triage, write
from tests.triage.test_causes_data_and_dependants import likely, run_the_checks

SHOP = """
CREATE TABLE depot (id int PRIMARY KEY, code text, weight numeric, opened text, note text);
INSERT INTO depot SELECT g, 'd' || g % 10, g, '2024-01-0' || g % 9 + 1, 'n' FROM generate_series(1, 900) g;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
ANALYZE;
"""


@dataclass(frozen=True)
class Fault:
    """``fault`` is what only production has; without it the migration passes there. ``planned``: seen before it runs.

    ``alone``: the error text by itself, without any server, already leads to the cause.
    """

    cause: str
    name: str
    migration: str
    fault: str
    setup: str = ""
    local: str = ""
    major: int = 18
    planned: bool = False
    alone: bool = False


CODE_TYPE = "ALTER TABLE depot ALTER COLUMN code TYPE varchar(40);"
CODE_DROP = "ALTER TABLE depot DROP COLUMN code;"
POLICY = "CREATE POLICY tenant ON depot USING (code = 'x')"
TRIGGER_OF = "CREATE TRIGGER audit BEFORE UPDATE OF code ON depot FOR EACH ROW EXECUTE FUNCTION touch()"
TRIGGER_WHEN = "CREATE TRIGGER audit BEFORE UPDATE ON depot FOR EACH ROW WHEN (NEW.code = 'x') EXECUTE FUNCTION touch()"
GENERATED = "ALTER TABLE depot ADD COLUMN label text GENERATED ALWAYS AS (code || 'x') STORED"

ON_COLUMNS = [
    Fault("dependent-policy-or-trigger", "policy-type", CODE_TYPE, POLICY, planned=True, alone=True),
    Fault("dependent-policy-or-trigger", "policy-drop", CODE_DROP, POLICY, major=12, planned=True, alone=True),
    Fault("dependent-policy-or-trigger", "trigger-of", CODE_TYPE, TRIGGER_OF, major=13, planned=True, alone=True),
    Fault("dependent-policy-or-trigger", "trigger-when", CODE_DROP, TRIGGER_WHEN, major=16, planned=True, alone=True),
    Fault("dependent-policy-or-trigger", "generated-14", CODE_TYPE, GENERATED, major=14, planned=True, alone=True),
    Fault("dependent-policy-or-trigger", "generated-15", CODE_TYPE, GENERATED, major=15, planned=True, alone=True),
    Fault(
        "dependent-policy-or-trigger",
        "publication-column",
        CODE_DROP,
        "CREATE PUBLICATION feed FOR TABLE depot (id, code)",
        major=17,
        planned=True,
        alone=True,
    ),
    Fault(
        "dependent-policy-or-trigger",
        "publication-filter",
        CODE_TYPE,
        "CREATE PUBLICATION feed FOR TABLE depot WHERE (code = 'x')",
        major=16,
        planned=True,
        alone=True,
    ),
    Fault(
        "dependent-policy-or-trigger",
        "policy-of-another-table",
        "DROP TABLE depot;",
        "CREATE TABLE bin (id int); CREATE POLICY tenant ON bin USING (EXISTS (SELECT FROM depot))",
        major=15,
        alone=True,
    ),
]

FAULTS = [*ON_COLUMNS]
IDS = [f"{f.cause}-{f.name}" for f in FAULTS]
OURS = {f.cause for f in FAULTS}


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    fault: Fault = request.getfixturevalue("fault")
    # Without the npm matrix the nearest major that is there: the causes are the same on all of them.
    nearest = min(majors(), key=lambda here: (abs(here - fault.major), -here))
    made = [create_database(major) for major in (18, nearest)]
    for database in made:
        database.execute(SHOP + fault.setup)
    if fault.local:
        made[0].execute(fault.local)
    yield made[0], made[1]
    for database in made:
        drop_database(database)


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
    error = psql(production, path)
    assert "ERROR" in error, error
    state = await triage(local, production, migration=path, error=error)
    assert likely(state) == [fault.cause], error + explain(state)
    run_the_checks(fault.cause, state, production)
    alone = await triage(None, None, error=error)
    assert likely(alone) == [fault.cause] if fault.alone else set(likely(alone)) <= {fault.cause}, explain(alone)


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
async def test_without_the_fault_the_cause_is_not_named(
    fault: Fault, databases: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = databases
    path = write(tmp_path, fault.migration + "\n")
    state = await triage(local, production, migration=path, seen="planned")
    assert OURS.isdisjoint(causes(state)), explain(state)
    assert "ERROR" not in psql(production, path)


NEIGHBOURS = {
    "a view": (CODE_TYPE, "CREATE VIEW bi AS SELECT code FROM depot", "dependent-object"),
    "a policy beside, on another column": (
        CODE_TYPE,
        "CREATE POLICY tenant ON depot USING (note = 'x'); CREATE VIEW bi AS SELECT code FROM depot",
        "dependent-object",
    ),
    "its own policy goes with the table, a view does not": (
        "DROP TABLE depot;",
        "CREATE POLICY tenant ON depot USING (code = 'x'); CREATE VIEW bi AS SELECT code FROM depot",
        "dependent-object",
    ),
    "values that do not fit": (
        "ALTER TABLE depot ALTER COLUMN weight TYPE smallint;",
        "CREATE POLICY tenant ON depot USING (code = 'x'); UPDATE depot SET weight = 40000 WHERE id = 7",
        "numeric-out-of-range",
    ),
}


@pytest.mark.parametrize(("migration", "fault", "cause"), NEIGHBOURS.values(), ids=NEIGHBOURS.keys())
async def test_what_only_looks_like_one_of_these_is_called_what_it_is(
    pair: tuple[Database, Database], tmp_path: Path, migration: str, fault: str, cause: str
) -> None:
    local, production = pair
    local.execute(SHOP)
    production.execute(SHOP)
    production.execute(fault)
    path = write(tmp_path, migration + "\n")
    error = psql(production, path)
    assert "ERROR" in error, error
    state = await triage(local, production, migration=path, error=error)
    assert likely(state) == [cause], error + explain(state)


async def test_all_that_hangs_on_the_column_is_told_though_the_error_names_the_first_only(
    pair: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = pair
    local.execute(SHOP)
    production.execute(SHOP)
    production.execute(f"{POLICY}; {TRIGGER_OF}; {GENERATED}")
    path = write(tmp_path, CODE_TYPE + "\n")
    state = await triage(local, production, migration=path, error=psql(production, path))
    blockers = fact(state, "dependency.blockers")
    assert sorted(b["kind"] for b in blockers) == ["generated column", "policy", "trigger"], blockers
    assert {b["on_local"] for b in blockers} == {False}
