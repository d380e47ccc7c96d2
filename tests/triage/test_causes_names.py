"""Names that lead somewhere else on production: another history table, another kind of object, one more function."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.triage.incident import causes, explain, fact, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, run, run_the_checks, shop

ELSEWHERE, KIND, AMBIGUOUS = "history-table-elsewhere", "object-kind-differs", "function-ambiguous"
OURS = {ELSEWHERE, KIND, AMBIGUOUS}
SHOP = f"""
CREATE SCHEMA "My Schema";
CREATE TABLE {TABLE_SQL} (id int PRIMARY KEY, note text);
CREATE FUNCTION "My Schema"."Mark it"(date) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION mark(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
"""
MOVED = f"ALTER TABLE {TABLE_SQL} RENAME TO behind; CREATE"


@dataclass(frozen=True)
class Fault:
    """``fault`` is what only production has; without it the migration passes there. ``planned``: seen before it runs."""

    cause: str
    migration: str
    fault: str
    major: int = 18
    planned: bool = False


FAULTS = [
    Fault(KIND, f"ALTER TABLE {TABLE_SQL} ADD COLUMN paid bool;", f'{MOVED} VIEW {TABLE_SQL} AS SELECT * FROM "My Schema".behind',
          12, planned=True),
    Fault(KIND, f"CREATE INDEX ON {TABLE_SQL} (note);", f'{MOVED} VIEW {TABLE_SQL} AS SELECT * FROM "My Schema".behind', 15,
          planned=True),
    Fault(KIND, f"UPDATE {TABLE_SQL} SET note = 'x';",
          f'{MOVED} MATERIALIZED VIEW {TABLE_SQL} AS SELECT * FROM "My Schema".behind', 14),
    Fault(KIND, f"DROP TABLE {TABLE_SQL};", f'{MOVED} VIEW {TABLE_SQL} AS SELECT * FROM "My Schema".behind', planned=True),
    Fault(AMBIGUOUS, """SELECT "My Schema"."Mark it"('now');""",
          """CREATE FUNCTION "My Schema"."Mark it"(interval) RETURNS int LANGUAGE sql AS 'SELECT 1'""", 13),
    Fault(AMBIGUOUS, "DROP FUNCTION mark;", "CREATE FUNCTION mark(text, int) RETURNS int LANGUAGE sql AS 'SELECT 1'", 16),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{f.cause}-{f.migration[:14]}-pg{f.major}" for f in FAULTS])
async def test_what_a_name_stands_for_on_production_is_told_from_local(fault: Fault, tmp_path: Path) -> None:
    path = write(tmp_path, fault.migration + "\n")
    with shop(fault.major, SHOP) as (local, production):
        if '"Mark it"' in fault.migration:
            for database in (local, production):
                database.execute(f'ALTER DATABASE {database.name} SET search_path = public, "My Schema"')
        state = await triage(local, production, migration=path, seen="planned")
        assert OURS.isdisjoint(causes(state)), explain(state)
        production.execute(fault.fault)
        if fault.planned:
            state = await triage(local, production, migration=path, seen="planned")
            assert likely(state) == [fault.cause], explain(state)
        error = psql(production, path, options=("-v", "VERBOSITY=verbose"))
        assert "ERROR" in error
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [fault.cause], error + explain(state)
        run_the_checks(fault.cause, state, production)
        if fault.cause == AMBIGUOUS:
            [drop] = blocks(fault.cause, state, "fix", changes=True)
            run(production, drop)
            assert "ERROR" not in psql(production, path), "with the one function that is left"


async def test_a_partitioned_table_and_a_function_that_both_sides_have_twice_are_something_else(tmp_path: Path) -> None:
    twice = "CREATE FUNCTION mark(text, int) RETURNS int LANGUAGE sql AS 'SELECT 1'"
    path = write(tmp_path, "DROP FUNCTION mark;\n")
    with shop(17, SHOP) as (local, production):
        for database in (local, production):
            database.execute(twice)
        state = await triage(local, production, migration=path, error=psql(production, path))
        assert AMBIGUOUS not in causes(state), explain(state)
    path = write(tmp_path, "CREATE INDEX CONCURRENTLY ON reading (at);\n")
    with shop(16, SHOP) as (local, production):
        local.execute("CREATE TABLE reading (at int)")
        production.execute("CREATE TABLE reading (at int) PARTITION BY RANGE (at)")
        state = await triage(local, production, migration=path, error=psql(production, path))
        assert KIND not in causes(state), explain(state)


# -- a second history table ----------------------------------------------------------------------------------------------

FLYWAY = (
    "CREATE TABLE {s}.flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200)"
    " NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum int, installed_by varchar(100) NOT NULL,"
    " installed_on timestamp NOT NULL DEFAULT now(), execution_time int NOT NULL, success bool NOT NULL)"
)


def fill(schema: str, *versions: int) -> str:
    rows = "; ".join(
        f"INSERT INTO {schema}.flyway_schema_history VALUES ({v}, '{v}', 's', 'SQL', 'V{v}__s.sql', NULL, 'd', now(), 1, true)"
        for v in versions
    )
    return f"{FLYWAY.format(s=schema)}; {rows}"


@pytest.mark.parametrize(("major", "empty"), [(12, True), (17, False)])
async def test_the_filled_history_is_found_where_the_tool_does_not_look(
    major: int, empty: bool, tmp_path: Path
) -> None:
    """The tool made itself an empty one in public, or has yet to do so."""
    first = write(tmp_path, f"CREATE TABLE {TABLE_SQL} (id int);\n", "V1__s.sql")
    write(tmp_path, "ALTER TABLE mail ADD COLUMN a int;\n", "V2__s.sql")
    with shop(major, f"{SHOP}CREATE TABLE mail (id int);") as (local, production):
        production.execute(fill('"My Schema"', 1))
        if empty:
            production.execute(FLYWAY.format(s="public"))
        planned = await triage(local, production, migration=tmp_path, seen="planned")
        assert causes(planned)[:1] == [ELSEWHERE], explain(planned)
        state = await triage(local, production, migration=tmp_path, error=psql(production, first))
        assert likely(state) == [ELSEWHERE], explain(state)
        run_the_checks(ELSEWHERE, state, production)
        fixes = blocks(ELSEWHERE, state, "fix", changes=True)
        assert len(fixes) == (2 if empty else 1)
        for fix in fixes:
            run(production, fix)
        state = await triage(local, production, migration=tmp_path, seen="planned")
        assert ELSEWHERE not in causes(state), explain(state)
        assert fact(state, "history.pending") == ["2"]
        production.execute(f"ALTER ROLE postgres IN DATABASE {production.name} RESET search_path")


async def test_an_old_copy_and_the_histories_of_tenants_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "SELECT 1;\n", "V1__s.sql")
    write(tmp_path, f"ALTER TABLE {TABLE_SQL} ADD COLUMN a int;\n", "V2__s.sql")
    with shop(15, SHOP) as (local, production):
        production.execute(
            f"CREATE SCHEMA old; {fill('public', 1)}; {fill('old', 1)}; {fill(chr(34) + 'My Schema' + chr(34), 1)}"
        )
        state = await triage(local, production, migration=tmp_path, seen="planned")
        assert causes(state) == [], explain(state)
