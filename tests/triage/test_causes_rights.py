"""What a role may not do, may not become, or is not let in for: told from its neighbours on two real servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runbook.migration.statement import split
from runbook.session.state import State
from tests.playbooks.incident import playbooks
from tests.support import Database, create_database, drop_database, majors
from tests.triage.incident import causes, explain, psql, triage, write

DEPLOY, OWNER, APP = "rights_deploy", "rights_owner", "rights_app"

SHOP = """
CREATE TABLE depot (id int PRIMARY KEY, code text);
INSERT INTO depot SELECT g, 'd' || g FROM generate_series(1, 50) g;
CREATE TABLE shelf (id int PRIMARY KEY, depot int REFERENCES depot);
INSERT INTO shelf SELECT g, g FROM generate_series(1, 50) g;
"""
ROLES = f"""
CREATE ROLE {DEPLOY} LOGIN; CREATE ROLE {OWNER} NOLOGIN; CREATE ROLE {APP} LOGIN;
ALTER TABLE depot OWNER TO {DEPLOY}; ALTER TABLE shelf OWNER TO {DEPLOY};
GRANT ALL ON SCHEMA public TO {DEPLOY};
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {DEPLOY}', current_database()); END $$;
"""


@dataclass(frozen=True)
class Fault:
    """The migration is run by an ordinary role on production. ``fault`` is done to production by its superuser first;
    ``cure`` takes away the cause and nothing else. ``planned``: it is seen before it runs."""

    cause: str
    migration: str
    cure: str
    fault: str = ""
    local: str = ""
    major: int = 18
    planned: bool = True
    single: bool = True
    name: str = ""
    passes: bool = True
    alone: str = ""  # what the bare error text, without migration and servers, may be taken for instead


SUPERUSER = [
    Fault("needs-superuser", f"CREATE ROLE {APP}_rw;", f"ALTER ROLE {DEPLOY} CREATEROLE", major=12, name="roles"),
    Fault("needs-superuser", f"CREATE ROLE {APP}_rw;", f"ALTER ROLE {DEPLOY} CREATEROLE", major=18, name="roles-18"),
    Fault("needs-superuser", "CREATE DATABASE x;", f"ALTER ROLE {DEPLOY} CREATEDB", single=False, major=13, name="db",
          passes=False),
    Fault("needs-superuser", "COPY depot FROM '/etc/hosts';", f"GRANT pg_read_server_files TO {DEPLOY}", major=14,
          name="file", passes=False),
    Fault("needs-superuser", "COPY depot FROM PROGRAM 'true';", f"GRANT pg_execute_server_program TO {DEPLOY}",
          major=17, name="program"),
    Fault("needs-superuser", "CREATE PUBLICATION feed FOR ALL TABLES;", f"ALTER ROLE {DEPLOY} SUPERUSER", major=15,
          name="publication"),
    Fault("needs-superuser", "SET session_replication_role = replica;", f"ALTER ROLE {DEPLOY} SUPERUSER", major=13,
          name="parameter"),
    Fault("needs-superuser", "SET session_replication_role = replica;",
          f"GRANT SET ON PARAMETER session_replication_role TO {DEPLOY}", major=18, planned=False,
          name="parameter-granted"),
    Fault("needs-superuser", "ALTER TABLE depot DISABLE TRIGGER ALL;", f"ALTER ROLE {DEPLOY} SUPERUSER", major=16,
          planned=False, name="system-trigger"),
    Fault("needs-superuser", "UPDATE pg_class SET relname = relname WHERE false;", f"ALTER ROLE {DEPLOY} SUPERUSER",
          major=16, planned=False, name="catalog"),
    Fault("needs-superuser", "CREATE FUNCTION f() RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1';",
          f"ALTER ROLE {DEPLOY} SUPERUSER", major=12, planned=False, name="leakproof"),
    Fault("needs-superuser", "SELECT length(pg_read_file('/etc/hosts'));",
          f"GRANT EXECUTE ON FUNCTION pg_read_file(text) TO {DEPLOY}; GRANT pg_read_server_files TO {DEPLOY}",
          major=18, planned=False, name="function"),
    Fault("needs-superuser", "CREATE FOREIGN DATA WRAPPER w;", f"ALTER ROLE {DEPLOY} SUPERUSER", major=16, name="fdw"),
]  # fmt: skip

BECOME = [
    Fault("cannot-set-role", f"ALTER TABLE depot OWNER TO {OWNER};",
          f"GRANT {OWNER} TO {DEPLOY}; GRANT CREATE ON SCHEMA public TO {OWNER}", major=15, name="owner"),
    Fault("cannot-set-role", f"ALTER TABLE depot OWNER TO {OWNER};",
          f"GRANT {OWNER} TO {DEPLOY}; GRANT CREATE ON SCHEMA public TO {OWNER}", major=16, name="owner-16"),
    Fault("cannot-set-role", f"SET ROLE {OWNER};", f"GRANT {OWNER} TO {DEPLOY}", major=12, name="set-role"),
    Fault("cannot-set-role", f"SET ROLE {OWNER};", f"GRANT {OWNER} TO {DEPLOY} WITH SET TRUE",
          fault=f"GRANT {OWNER} TO {DEPLOY} WITH INHERIT TRUE, SET FALSE", major=17, name="member-without-set"),
    Fault("cannot-set-role", f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT ON TABLES TO PUBLIC;",
          f"GRANT {OWNER} TO {DEPLOY}", major=18, name="default-privileges"),
    Fault("cannot-set-role", f"CREATE SCHEMA audit AUTHORIZATION {OWNER};", f"GRANT {OWNER} TO {DEPLOY}", major=13,
          name="schema"),
    Fault("cannot-set-role", f"REASSIGN OWNED BY {DEPLOY} TO {OWNER};", f"GRANT {OWNER} TO {DEPLOY}", major=17,
          planned=False, name="reassign"),
]  # fmt: skip
ABSENT = [
    Fault("role-missing", f"GRANT SELECT ON depot TO {APP}_rw;", f"CREATE ROLE {APP}_rw", local=f"CREATE ROLE {APP}_rw",
          major=12, name="grant"),
    Fault("role-missing", f"ALTER TABLE depot OWNER TO {APP}_rw;",
          f"CREATE ROLE {APP}_rw; GRANT {APP}_rw TO {DEPLOY}; GRANT CREATE ON SCHEMA public TO {APP}_rw",
          local=f"CREATE ROLE {APP}_rw", major=16, name="owner"),
    Fault("role-missing", f"SET ROLE {APP}_rw;", f"CREATE ROLE {APP}_rw; GRANT {APP}_rw TO {DEPLOY}",
          local=f"CREATE ROLE {APP}_rw", major=17, name="set-role"),
    Fault("role-missing", f"CREATE POLICY mine ON depot TO {APP}_rw;", f"CREATE ROLE {APP}_rw", major=14, name="policy"),
]  # fmt: skip

PARENT = (
    f"ALTER TABLE depot OWNER TO {OWNER}; GRANT USAGE ON SCHEMA public TO {OWNER}; GRANT SELECT ON depot TO {DEPLOY}"
)
REFERENCE = f"GRANT REFERENCES ON depot TO {DEPLOY}"
REFERENCES = [
    Fault("no-references-privilege", "ALTER TABLE shelf ADD CONSTRAINT again FOREIGN KEY (depot) REFERENCES depot;",
          REFERENCE, fault=PARENT, major=12, name="alter", alone="missing-table-privilege"),
    Fault("no-references-privilege", "CREATE TABLE box (id int PRIMARY KEY, depot int REFERENCES depot (id));",
          REFERENCE, fault=PARENT, major=18, name="create", alone="missing-table-privilege"),
    Fault("no-references-privilege", "ALTER TABLE shelf ADD COLUMN second int REFERENCES depot;", REFERENCE,
          fault=PARENT, major=16, name="column", alone="missing-table-privilege"),
]  # fmt: skip
SECURED = f"""
ALTER TABLE depot OWNER TO {OWNER}; GRANT ALL ON depot TO {DEPLOY}; ALTER TABLE depot ENABLE ROW LEVEL SECURITY;
"""
BY_TENANT = SECURED + "CREATE POLICY by_code ON depot USING (code = current_setting('app.code', true));"
ADD = "INSERT INTO depot VALUES (1000, 'new');"
OPEN = f"CREATE POLICY deploys ON depot TO {DEPLOY} USING (true)"
ROWS = [
    Fault("rls-blocks-write", ADD, f"ALTER ROLE {DEPLOY} BYPASSRLS", fault=BY_TENANT, major=12, planned=False,
          name="policy"),
    Fault("rls-blocks-write", ADD, OPEN, fault=SECURED, major=16, name="no-policy"),
    Fault("rls-blocks-write", ADD, "ALTER TABLE depot NO FORCE ROW LEVEL SECURITY",
          fault="ALTER TABLE depot ENABLE ROW LEVEL SECURITY; ALTER TABLE depot FORCE ROW LEVEL SECURITY", major=18,
          name="forced"),
    Fault("rls-blocks-write", "SET row_security = off; UPDATE depot SET code = 'x' WHERE id = 1;", OPEN,
          fault=BY_TENANT, major=17, planned=False, name="row-security-off", passes=False),
]  # fmt: skip

FAULTS = [*SUPERUSER, *BECOME, *ABSENT, *REFERENCES, *ROWS]
IDS = [f"{f.cause}-{f.name}" if f.name else f.cause for f in FAULTS]
OURS = {f.cause for f in FAULTS}


def _drop_roles(database: Database, *names: str) -> None:
    for name in names:
        if database.execute(f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'"):
            database.execute(f"DROP OWNED BY {name} CASCADE")
            database.execute(f"DROP ROLE {name}")


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    fault: Fault = request.getfixturevalue("fault")
    # Without the npm matrix the nearest major that is there: the causes are the same on all of them.
    nearest = min(majors(), key=lambda here: (abs(here - fault.major), -here))
    local, production = (create_database(major) for major in (18, nearest))
    for database in (local, production):
        database.execute(SHOP)
    if fault.local:
        local.execute(fault.local)
    production.execute(ROLES)
    if fault.fault:
        production.execute(fault.fault)
    yield local, production
    _drop_roles(production, f"{APP}_rw", DEPLOY, OWNER, APP)
    drop_database(production)
    _drop_roles(local, f"{APP}_rw", OWNER, APP)
    drop_database(local)


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
            for statement in split(block.sql)[0]:
                connection.execute(statement.sql.encode())


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
async def test_the_cause_is_named_and_no_neighbour_is_called_likely(
    fault: Fault, databases: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = databases
    path = write(tmp_path, fault.migration + "\n")
    if fault.planned:
        state = await triage(local, production, migration=path, seen="planned", role=DEPLOY)
        assert likely(state) == [fault.cause], explain(state)
    error = psql(production, path, role=DEPLOY, options=("-1",) if fault.single else ())
    assert "ERROR" in error, error
    state = await triage(local, production, migration=path, error=error, role=DEPLOY)
    assert likely(state) == [fault.cause], error + explain(state)
    run_the_checks(fault.cause, state, production)
    alone = await triage(None, None, error=error)
    assert set(likely(alone)) <= {fault.cause, fault.alone}, error + explain(alone)


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
async def test_without_the_fault_the_cause_is_not_named(
    fault: Fault, databases: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = databases
    production.execute(fault.cure)
    path = write(tmp_path, fault.migration + "\n")
    state = await triage(local, production, migration=path, seen="planned", role=DEPLOY)
    assert OURS.isdisjoint(causes(state)), explain(state)
    if fault.passes:
        assert "ERROR" not in psql(production, path, role=DEPLOY, options=("-1",) if fault.single else ())


# -- new objects, where it is the application that is refused --------------------------------------------------------------

NEW_TABLE = "CREATE TABLE wish (id serial PRIMARY KEY, title text);"
GRANTED = f"""
GRANT SELECT, INSERT ON depot, shelf TO {APP};
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT, INSERT ON TABLES TO {APP};
"""
COVERED = f"ALTER DEFAULT PRIVILEGES FOR ROLE {DEPLOY} GRANT SELECT, INSERT ON TABLES TO {APP}"
QUERY = "SELECT title FROM wish;"


@pytest.fixture
def granted(request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    """Production's application role has grants on all tables, and default privileges on what another role creates."""
    local, production = create_database(18), create_database(request.param)
    for database in (local, production):
        database.execute(SHOP)
    production.execute(ROLES + GRANTED)
    yield local, production
    _drop_roles(production, DEPLOY, OWNER, APP)
    drop_database(production)
    drop_database(local)


EXTREMES = pytest.mark.parametrize("granted", [min(majors()), max(majors())], indirect=True)


@EXTREMES
async def test_an_application_refused_on_the_new_table_only_lacks_its_grant(
    granted: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = granted
    path, query = write(tmp_path, NEW_TABLE), write(tmp_path, QUERY, "query.sql")
    state = await triage(local, production, migration=path, seen="planned", role=DEPLOY)
    assert causes(state) == ["missing-grant-on-new-object"], explain(state)
    assert psql(production, path, role=DEPLOY) == ""
    error = psql(production, query, role=APP)
    assert "permission denied for table wish" in error
    for migration in (path, None):
        state = await triage(local, production, migration=migration, error=error, role=DEPLOY)
        assert likely(state) == ["missing-grant-on-new-object"], explain(state)
        run_the_checks("missing-grant-on-new-object", state, production)
    grants = [b.sql for b in playbooks()["missing-grant-on-new-object"].render(state.book()).sql if b.section == "fix"]
    production.execute(grants[0])
    assert psql(production, query, role=APP) == ""


@EXTREMES
async def test_a_new_table_that_default_privileges_or_the_migration_cover_is_not_spoken_of(
    granted: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = granted
    path = write(tmp_path, f"{NEW_TABLE} GRANT SELECT, INSERT ON wish TO {APP};")
    state = await triage(local, production, migration=path, seen="planned", role=DEPLOY)
    assert causes(state) == [], explain(state)
    production.execute(COVERED)
    path = write(tmp_path, NEW_TABLE)
    state = await triage(local, production, migration=path, seen="planned", role=DEPLOY)
    assert causes(state) == [], explain(state)
    assert psql(production, path, role=DEPLOY) == ""
    assert psql(production, write(tmp_path, QUERY, "query.sql"), role=APP) == ""


@pytest.mark.parametrize("granted", [min(majors(), key=lambda m: abs(m - 14))], indirect=True)
async def test_an_old_table_without_its_grant_is_no_new_object(
    granted: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = granted
    production.execute(f"REVOKE ALL ON depot FROM {APP}")
    path, query = write(tmp_path, NEW_TABLE), write(tmp_path, "SELECT code FROM depot;", "query.sql")
    error = psql(production, query, role=APP)
    state = await triage(local, production, migration=path, error=error, role=DEPLOY)
    assert "missing-grant-on-new-object" not in causes(state), explain(state)


# -- rows that are passed over in silence: no error, or one of a constraint that meets them ------------------------------

BACKFILL = "UPDATE depot SET code = code || '!';"
HIDDEN = [
    (BACKFILL, BY_TENANT, OPEN, 12),
    (BACKFILL, SECURED, f"ALTER ROLE {DEPLOY} BYPASSRLS", 18),
    ("DELETE FROM depot WHERE id > 90;", BY_TENANT, f"ALTER TABLE depot OWNER TO {DEPLOY}", 15),
    ("CREATE TABLE copied AS SELECT * FROM depot;", BY_TENANT, OPEN, 14),
]


@pytest.fixture
def secured(request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:
    major = min(majors(), key=lambda here: abs(here - request.param))
    local, production = create_database(18), create_database(major)
    for database in (local, production):
        database.execute(SHOP)
    production.execute(ROLES)
    yield local, production
    _drop_roles(production, DEPLOY, OWNER, APP)
    drop_database(production)
    drop_database(local)


@pytest.mark.parametrize(
    ("migration", "fault", "cure", "secured"), HIDDEN, indirect=["secured"], ids=["some", "none", "delete", "read"]
)
async def test_rows_that_the_migration_will_pass_over_are_foretold_and_still_known_when_the_service_suffers(
    secured: tuple[Database, Database], tmp_path: Path, migration: str, fault: str, cure: str
) -> None:
    local, production = secured
    path = write(tmp_path, migration)
    state = await triage(local, production, migration=path, seen="planned", role=DEPLOY)
    assert causes(state) == [], explain(state)
    production.execute(fault)
    state = await triage(local, production, migration=path, seen="planned", role=DEPLOY)
    assert likely(state) == ["rls-hides-rows"], explain(state)
    run_the_checks("rls-hides-rows", state, production)
    assert psql(production, path, role=DEPLOY) == "", "it must pass in silence"
    assert production.execute("SELECT count(*) FROM depot WHERE code LIKE '%!'") == [(0,)]
    state = await triage(local, production, migration=path, seen="broken", role=DEPLOY)
    assert likely(state)[:1] == ["rls-hides-rows"], explain(state)
    production.execute(cure)
    state = await triage(local, production, migration=path, seen="broken", role=DEPLOY)
    assert "rls-hides-rows" not in causes(state), explain(state)


@pytest.mark.parametrize("secured", [13, 17], indirect=True)
async def test_a_constraint_that_meets_rows_the_backfill_did_not_see_is_told_as_hidden_rows(
    secured: tuple[Database, Database], tmp_path: Path
) -> None:
    local, production = secured
    production.execute(
        "UPDATE depot SET code = NULL; ALTER TABLE depot ENABLE ROW LEVEL SECURITY;"
        " ALTER TABLE depot FORCE ROW LEVEL SECURITY; CREATE POLICY p ON depot USING (id = 7)"
    )
    path = write(
        tmp_path, "UPDATE depot SET code = 'x' WHERE code IS NULL;\nALTER TABLE depot ALTER COLUMN code SET NOT NULL;"
    )
    error = psql(production, path, role=DEPLOY)
    assert "contains null values" in error
    state = await triage(local, production, migration=path, error=error, role=DEPLOY)
    assert causes(state)[0] == "rls-hides-rows", explain(state)
    production.execute("ALTER TABLE depot NO FORCE ROW LEVEL SECURITY")
    assert psql(production, path, role=DEPLOY) == ""
