"""The SQL of the playbooks on rights does on real servers what they say, whatever roles and objects are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from runbook.diagnosis.facts import FactBook
from runbook.migration.statement import split
from runbook.triage.reserved import OPERATIONS, Operation
from tests.playbooks.incident import playbooks
from tests.playbooks.test_errors_sql import Q_PARENT, Q_TABLE, SETUP, blocks, changes, facts, run
from tests.support import Database, create_database, drop_database, majors

CAUSES = (
    "needs-superuser",
    "cannot-set-role",
    "role-missing",
    "missing-grant-on-new-object",
    "no-references-privilege",
    "rls-blocks-write",
    "rls-hides-rows",
    "connection-rejected-by-hba",
    "client-server-version-mismatch",
    "provider-admin-not-superuser",
    "provider-owned-schema",
    "extension-not-allowed-by-provider",
    "pooled-endpoint-used",
)
EXTREMES = pytest.mark.parametrize("major", [min(majors()), max(majors())])

ROLE, Q_ROLE = 'Deploy\'s "own"', '"Deploy\'s ""own"""'
OTHER, Q_OTHER = "App Owner", '"App Owner"'


@pytest.fixture
def items(major: int) -> Iterator[Database]:
    """Hostile names throughout; the migration's role may log in, use and create in the schemas, and owns nothing."""
    made = create_database(major)
    made.execute(SETUP)
    made.execute(
        f'CREATE ROLE {Q_ROLE} LOGIN; CREATE ROLE {Q_OTHER}; GRANT ALL ON SCHEMA public, "My Schema" TO {Q_ROLE}'
    )
    yield made
    for role in (Q_ROLE, Q_OTHER):
        made.execute(f"DROP OWNED BY {role} CASCADE")
        made.execute(f"DROP ROLE {role}")
    drop_database(made)


def ours(database: Database, **groups: Any) -> FactBook:
    side = {"role": ROLE} | groups.pop("production", {})
    return facts(database, production=side, **groups)


def refused(operation: Operation) -> dict[str, Any]:
    return {
        "refused": operation.id,
        "refused_words": operation.words,
        "refused_way": operation.way,
        "refused_opens": operation.opens,
        "reserved": [],
    }


def check_all(database: Database, cause: str, book: FactBook) -> None:
    """Every query that looks runs as it is printed, and may not write."""
    with database.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        checks = [b for b in blocks(cause, book, changes=False) if b.runnable]
        assert checks, f"{cause} has no check that runs as it stands"
        for statement in (s for b in checks for s in split(b.sql)[0]):
            connection.execute(statement.sql.encode())


@EXTREMES
def test_all_checks_run_on_the_oldest_and_the_newest_major_and_change_nothing(items: Database) -> None:
    for cause in CAUSES:
        check_all(items, cause, ours(items))
    for operation in OPERATIONS:
        book = ours(items, error={"sqlstate": "42501", "missing_role": OTHER}, rights=refused(operation))
        check_all(items, "needs-superuser", book)


@pytest.mark.parametrize("cause", CAUSES)
def test_with_nothing_known_every_value_is_a_named_gap_and_nothing_is_run(cause: str) -> None:
    for block in playbooks()[cause].render(FactBook()).sql:
        assert block.runnable or block.missing
        if block.changes:
            assert "''" not in block.sql, block.sql


# -- kept for superusers -------------------------------------------------------------------------------------------------


OPENED = {
    "roles": "CREATE ROLE made_by_deploy",
    "read_file": "COPY pg_temp.lines FROM '/etc/hosts'",
    "program": "COPY pg_temp.lines FROM PROGRAM 'true'",
    "replication": "SELECT pg_create_physical_replication_slot('rights')",
}


@EXTREMES
@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.id in OPENED], ids=lambda o: o.id)
def test_what_is_granted_instead_of_superuser_is_enough_and_can_be_taken_back(
    items: Database, operation: Operation
) -> None:
    error = {"sqlstate": "42501", "setting": "session_replication_role"}
    cause, book = "needs-superuser", ours(items, error=error, rights=refused(operation))

    def attempt() -> None:
        with items.connect(ROLE) as connection, connection.transaction(force_rollback=True):
            connection.execute("CREATE TEMP TABLE lines (a text)")
            try:
                connection.execute(OPENED[operation.id].encode())
            finally:
                if connection.info.transaction_status.name != "INERROR" and operation.id == "replication":
                    connection.execute("SELECT pg_drop_replication_slot('rights')")

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        attempt()
    [grant] = changes(cause, book)
    run(items, grant)
    attempt()
    [revoke] = changes(cause, book, "roll_back")
    run(items, revoke)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        attempt()


def test_a_parameter_is_granted_by_its_name() -> None:
    made = create_database(max(majors()))
    try:
        made.execute(f"CREATE ROLE {Q_ROLE} LOGIN")
        operation = next(o for o in OPERATIONS if o.id == "parameter")
        error = {"sqlstate": "42501", "setting": "session_replication_role"}
        [grant] = changes("needs-superuser", ours(made, error=error, rights=refused(operation)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            made.execute("SET session_replication_role = replica", ROLE)
        run(made, grant)
        made.execute("SET session_replication_role = replica", ROLE)
    finally:
        made.execute(f"DROP OWNED BY {Q_ROLE}")
        made.execute(f"DROP ROLE {Q_ROLE}")
        drop_database(made)


@EXTREMES
def test_the_tables_of_a_publication_are_named_so_that_their_owner_may_create_it(items: Database) -> None:
    items.execute(f"ALTER TABLE {Q_TABLE} OWNER TO {Q_ROLE}; ALTER TABLE {Q_PARENT} OWNER TO {Q_ROLE}")
    items.execute(f"GRANT CREATE ON DATABASE {items.name} TO {Q_ROLE}")
    operation = next(o for o in OPERATIONS if o.id == "publication")
    [look] = blocks("needs-superuser", ours(items, rights=refused(operation)), "fix", changes=False)
    [(statement,)] = run(items, look.sql)
    items.execute(statement.replace("<name>", '"My feed"'), ROLE)
    assert len(items.execute("SELECT tablename FROM pg_publication_tables")) == 2


# -- other roles ---------------------------------------------------------------------------------------------------------


@EXTREMES
def test_the_role_may_become_the_other_after_the_grant_and_not_after_it_is_taken_back(items: Database) -> None:
    cause, book = "cannot-set-role", ours(items, error={"sqlstate": "42501"}, rights={"role_wanted": OTHER})
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        items.execute(f"SET ROLE {Q_OTHER}", ROLE)
    check, _ = blocks(cause, book, "verify")
    assert run(items, check.sql)[0][1:3] == (False, False)
    [grant] = changes(cause, book)
    run(items, grant)
    items.execute(f"SET ROLE {Q_OTHER}", ROLE)
    items.execute(f"ALTER DEFAULT PRIVILEGES FOR ROLE {Q_OTHER} GRANT SELECT ON TABLES TO PUBLIC", ROLE)
    assert run(items, check.sql)[0][1:3] == (True, True)
    [revoke] = changes(cause, book, "roll_back")
    run(items, revoke)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        items.execute(f"SET ROLE {Q_OTHER}", ROLE)


@pytest.mark.parametrize("major", [max(majors())])
def test_a_membership_without_set_is_mended_by_the_same_grant(items: Database) -> None:
    items.execute(f"GRANT {Q_OTHER} TO {Q_ROLE} WITH INHERIT TRUE, SET FALSE")
    [grant] = changes("cannot-set-role", ours(items, error={"sqlstate": "42501"}, rights={"role_wanted": OTHER}))
    run(items, grant)
    items.execute(f"SET ROLE {Q_OTHER}", ROLE)


@EXTREMES
def test_a_missing_role_is_created_seen_and_dropped(items: Database) -> None:
    name = 'New "role\'s"'
    error = {"sqlstate": "42704", "missing_role": name}
    cause, book = "role-missing", ours(items, error=error, rights={"role_not_there": True, "roles_absent": []})
    [verify] = blocks(cause, book, "verify")
    assert run(items, verify.sql) == []
    create, guard = changes(cause, book)
    run(items, guard)
    run(items, create)
    assert run(items, verify.sql) == [(name, False)]
    [drop] = changes(cause, book, "roll_back")
    run(items, drop)
    assert run(items, verify.sql) == []


# -- grants --------------------------------------------------------------------------------------------------------------


def gap_on_new(database: Database) -> dict[str, Any]:
    """What triage finds on a server where one table has grants and a newer one has none."""
    return {
        "new_objects": [
            {
                "object": Q_TABLE,
                "name": "x",
                "schema": "My Schema",
                "kind": "TABLE",
                "exists": True,
                "owner": "postgres",
                "default_creators": [OTHER],
                "lacking": [
                    {
                        "grantee": ROLE,
                        "privileges": ["SELECT"],
                        "grant_sql": f"GRANT SELECT ON {Q_TABLE} TO {Q_ROLE};",
                        "default_sql": f'ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA "My Schema" GRANT SELECT ON'
                        f" TABLES TO {Q_ROLE};",
                        "revoke_sql": f"REVOKE SELECT ON {Q_TABLE} FROM {Q_ROLE};",
                    }
                ],
            }
        ]
    }


@EXTREMES
def test_the_new_table_and_those_of_tomorrow_are_read_after_the_grants(items: Database) -> None:
    cause, book = "missing-grant-on-new-object", ours(items, rights=gap_on_new(items))
    check_all(items, cause, book)
    now, tomorrow = changes(cause, book)
    run(items, now)
    items.execute(f"SELECT id FROM {Q_TABLE}", ROLE)
    run(items, tomorrow)
    items.execute('CREATE TABLE "My Schema"."To morrow" (id int)')
    items.execute('SELECT id FROM "My Schema"."To morrow"', ROLE)
    [back] = changes(cause, book, "roll_back")
    run(items, back)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        items.execute(f"SELECT id FROM {Q_TABLE}", ROLE)


@EXTREMES
def test_a_foreign_key_is_made_after_either_grant(items: Database) -> None:
    items.execute(f"ALTER TABLE {Q_TABLE} OWNER TO {Q_ROLE}; DELETE FROM {Q_TABLE} WHERE parent = 9")
    statement = {"referenced_relation": Q_PARENT, "referenced_columns": ["id"]}
    cause, book = "no-references-privilege", ours(items, error={"sqlstate": "42501"}, statement=statement)
    key = f"ALTER TABLE {Q_TABLE} ADD CONSTRAINT k FOREIGN KEY (parent) REFERENCES {Q_PARENT}"
    [check] = blocks(cause, book, "verify")
    for grant in changes(cause, book):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            items.execute(key, ROLE)
        run(items, grant)
        assert run(items, check.sql)[0][4] == ["id"]
        items.execute(key, ROLE)
        [revoke] = changes(cause, book, "roll_back")
        run(items, revoke)
        items.execute(f"REVOKE REFERENCES (id) ON {Q_PARENT} FROM {Q_ROLE}")
        items.execute(f"INSERT INTO {Q_TABLE} (id, parent) VALUES ({100 + len(grant)}, 1)", ROLE)
        items.execute(f"ALTER TABLE {Q_TABLE} DROP CONSTRAINT k", ROLE)


# -- row-level security --------------------------------------------------------------------------------------------------


def secured(items: Database, *, owner: str) -> dict[str, Any]:
    items.execute(f"ALTER TABLE {Q_TABLE} OWNER TO {owner}; GRANT ALL ON {Q_TABLE} TO {Q_ROLE}")
    items.execute(f"ALTER TABLE {Q_TABLE} ENABLE ROW LEVEL SECURITY; ALTER TABLE {Q_TABLE} FORCE ROW LEVEL SECURITY")
    row = {
        "object": Q_TABLE,
        "name": "x",
        "command": "update",
        "hides": True,
        "nothing": True,
        "forced": True,
        "owner": OTHER,
        "owns": owner == Q_ROLE,
        "policies": [],
        "on_local": False,
        "sql": f"UPDATE {Q_TABLE} SET total = 1",
        "file": "1.sql",
        "line": 1,
        "index": 1,
    }
    return {"row_security": [row, row | {"hides": False, "command": "insert"}], "rls_setting_given": False}


@EXTREMES
@pytest.mark.parametrize("cause", ["rls-blocks-write", "rls-hides-rows"])
@pytest.mark.parametrize("way", ["attribute", "policy"])
def test_the_role_reaches_all_rows_each_way_and_none_before(items: Database, cause: str, way: str) -> None:
    book = ours(items, rights=secured(items, owner=Q_OTHER), error={"sqlstate": "42501"})
    check_all(items, cause, book)
    write = f"INSERT INTO {Q_TABLE} (id) VALUES (77)"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        items.execute(write, ROLE)
    assert items.execute(f"SELECT count(*) FROM {Q_TABLE}", ROLE) == [(0,)]
    _, bypass, policy = changes(cause, book)
    run(items, bypass if way == "attribute" else policy)
    items.execute(write, ROLE)
    assert items.execute(f"SELECT count(*) FROM {Q_TABLE}", ROLE) == [(6,)]
    [back] = changes(cause, book, "roll_back")
    run(items, back)
    assert items.execute(f"SELECT count(*) FROM {Q_TABLE}", ROLE) == [(0 if way == "attribute" else 6,)]


@EXTREMES
def test_force_is_lifted_and_put_back_around_the_statement(items: Database) -> None:
    book = ours(items, rights=secured(items, owner=Q_ROLE))
    lift = changes("rls-hides-rows", book)[0]
    statement = f"UPDATE {Q_TABLE} SET total = 1;"
    placed = lift.replace("-- here the migration's statement", statement)
    assert placed != lift
    with items.connect(ROLE) as connection:
        connection.execute(f"BEGIN; {placed} COMMIT".encode())
    assert items.execute(f"SELECT count(*) FROM {Q_TABLE} WHERE total = 1") == [(5,)]
    assert items.execute("SELECT count(*) FROM pg_class WHERE relforcerowsecurity") == [(1,)]
