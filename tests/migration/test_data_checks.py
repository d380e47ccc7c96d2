"""What only rows decide: a query foretells with which SQLSTATE a statement fails, or that it passes, as the server does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from runbook.migration import Forecast, forecast, parse
from runbook.migration.data_checks import with_answers
from runbook.migration.result import StatementForecast
from runbook.postgres import connect, read_catalog
from runbook.postgres.data_probe import probe_data, questions
from tests import support
from tests.migration.data_cases import CASES, Case
from tests.support import Database


@dataclass
class Bench:
    """One database in which the cases are built one after another, each in a fresh schema."""

    database: Database
    connection: psycopg.Connection[Any]
    runner: asyncio.Runner

    def run(self, sql: str) -> None:
        self.connection.execute(sql.encode())

    def prepare(self, setup: str) -> None:
        self.run("DROP SCHEMA IF EXISTS s CASCADE; DROP EXTENSION IF EXISTS btree_gist; CREATE SCHEMA s")
        self.run(f"SET search_path = s; {setup}")

    def forecast(self, sql: str) -> Forecast:
        async def read() -> Any:
            async with await connect(self.database.dsn()) as connection:
                return await read_catalog(connection)

        return forecast(parse(sql, runner="psql"), self.runner.run(read()))

    def probed(self, told: Forecast) -> StatementForecast:
        answers = self.runner.run(probe_data("production", self.database.dsn(), questions(told)))
        return with_answers(told, answers).statements[-1]

    def attempt(self, sql: str) -> str | None:
        """The SQLSTATE that the server shows for it; nothing of it stays."""
        self.run("BEGIN")
        try:
            self.run(sql)
        except psycopg.Error as error:
            return error.sqlstate
        finally:
            self.run("ROLLBACK")
        return None


@pytest.fixture(
    scope="module",
    params=sorted({min(support.majors()), 15, max(support.majors())} & {*support.majors()}),
    ids=lambda m: f"pg{m}",
)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    database = support.create_database(request.param)
    database.execute(f"ALTER DATABASE {database.name} SET search_path = s")
    with asyncio.Runner() as runner, database.connect() as connection:
        connection.execute("SET client_min_messages = error")
        yield Bench(database, connection, runner)
    support.drop_database(database)


def _has(bench: Bench, case: Case) -> bool:
    if case.icu and not bench.database.execute("SELECT FROM pg_collation WHERE collprovider = 'i'"):
        return False
    return case.since <= bench.database.major <= case.until


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_query_foretells_what_the_server_then_does(bench: Bench, case: Case) -> None:
    if not _has(bench, case):
        pytest.skip(f"not on PostgreSQL {bench.database.major}")
    bench.prepare(case.setup)
    told = bench.forecast(case.sql)
    last = told.statements[-1]
    assert last.depends_on_data, "nothing is said to depend on data"
    assert case.state in {c.sqlstate for c in last.depends_on_data} or any(
        c.by_error or "runbook_sqlstate" in (c.sql or "") for c in last.depends_on_data
    )
    clean = bench.probed(told)
    assert bench.attempt(case.sql) is None, "the clean table must pass"
    assert {c.answer.verdict for c in clean.depends_on_data if c.answer} == {"passes"}, clean.depends_on_data
    assert clean.fails is None, clean.fails
    bench.run(case.dirty)
    seen = bench.attempt(case.sql)
    assert seen == case.state, "the case does not show what it claims"
    dirty = bench.probed(told)
    assert dirty.fails is not None, dirty.depends_on_data
    assert (dirty.fails.sqlstate, dirty.fails.certain) == (case.state, case.certain), dirty.depends_on_data
