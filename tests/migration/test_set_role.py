"""Rights after SET ROLE: whose they are is followed, and what was not read is never called certain."""

from __future__ import annotations

import os

import psycopg
import pytest

from runbook.migration import forecast, parse
from runbook.postgres import connect, read_catalog
from tests.support import SUPERUSER, Database

OWNER, DEPLOY, OTHER = (f"sr_{n}_{os.getpid()}" for n in ("owner", "deploy", "other"))

CASES = [
    (DEPLOY, "SET ROLE {owner}; ALTER TABLE t ADD a int", None),
    (DEPLOY, "ALTER TABLE t ADD a int", None),
    (DEPLOY, "SET ROLE {owner}; ALTER TABLE u ADD a int", False),
    (DEPLOY, "SET ROLE {other}", True),
    (DEPLOY, "SET ROLE {owner}; SET ROLE {other}", True),
    (DEPLOY, "SET SESSION AUTHORIZATION {owner}", True),
    (DEPLOY, "SET ROLE {owner}; CREATE ROLE made_by_nobody", True),
    (SUPERUSER, "SET ROLE {owner}; ALTER TABLE t ADD a int", None),
    (SUPERUSER, "SET ROLE {owner}; ALTER TABLE u ADD a int", False),
    (SUPERUSER, "SET ROLE {owner}; SET ROLE {other}; ALTER TABLE u ADD a int", None),
    (SUPERUSER, "SET ROLE {owner}; RESET ROLE; ALTER TABLE u ADD a int", None),
    (SUPERUSER, "SET ROLE {owner}; SET ROLE NONE; ALTER TABLE u ADD a int", None),
    (SUPERUSER, "SET SESSION AUTHORIZATION {owner}; ALTER TABLE u ADD a int", False),
    (SUPERUSER, "SET SESSION AUTHORIZATION {owner}; RESET SESSION AUTHORIZATION; ALTER TABLE u ADD a int", None),
    (SUPERUSER, "SET ROLE {owner}; CREATE TABLE s.made (a int); ALTER TABLE s.made ADD b int", None),
]  # fmt: skip


def attempt(database: Database, role: str, sql: str) -> str | None:
    with psycopg.connect(database.dsn(role)) as connection:
        try:
            for statement in sql.split(";"):
                connection.execute(statement.encode())
        except psycopg.Error as error:
            return error.sqlstate
        finally:
            connection.rollback()
    return None


@pytest.fixture
def prepared(matrix_database: Database) -> Database:
    database = matrix_database
    database.execute(
        f"CREATE ROLE {OWNER} LOGIN; CREATE ROLE {OTHER} LOGIN; CREATE ROLE {DEPLOY} LOGIN IN ROLE {OWNER};"
        f"CREATE SCHEMA s; GRANT ALL ON SCHEMA s TO {OWNER}, {OTHER}; GRANT USAGE ON SCHEMA s TO {DEPLOY};"
        f"ALTER DATABASE {database.name} SET search_path = s;"
        f"CREATE TABLE s.t (id int); ALTER TABLE s.t OWNER TO {OWNER};"
        f"CREATE TABLE s.u (id int); ALTER TABLE s.u OWNER TO {OTHER}"
    )
    return database


async def test_the_rights_of_the_role_that_runs_a_statement_are_those_of_set_role(prepared: Database) -> None:
    wrong = []
    for role, template, expected in CASES:
        sql = template.format(owner=OWNER, other=OTHER)
        async with await connect(prepared.dsn(role)) as connection:
            catalog = await read_catalog(connection)
        fails = forecast(parse(sql, runner="psql"), catalog).statements[-1].fails
        seen = attempt(prepared, role, sql)
        told = None if fails is None else fails.certain
        if told is not expected or (seen is None) is not (expected is None) or (fails and fails.sqlstate != "42501"):
            wrong.append(f"{role}: {sql}: foretold {fails}, the server says {seen}")
    prepared.execute(f"DROP OWNED BY {OWNER}, {OTHER}, {DEPLOY} CASCADE")
    prepared.execute(f"DROP ROLE {OWNER}, {OTHER}, {DEPLOY}")
    assert wrong == []
