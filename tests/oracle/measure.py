"""Set a case up on a real server, forecast its statement, run it in a transaction, and see what the server did."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from runbook.migration.apply import apply
from runbook.migration.catalog import Catalog
from runbook.migration.effects import Effects, effects
from runbook.migration.model import Statement
from runbook.migration.refusals import refusal
from runbook.migration.statement import split
from runbook.postgres import connect as connect_reader
from runbook.postgres import read_catalog
from runbook.rehearsal.measure import LOCKS, RELATIONS, Snapshot, done, snapshot
from runbook.sql import quote_literal, split_qualified
from tests.oracle.cases import Case, Seen

SCHEMA = "s"


@dataclass(frozen=True)
class Measured:
    """A case's forecast in the oracle's names, and what this server did."""

    forecast: Seen
    effects: Effects
    live: Seen | None


class Bench:
    """One server's database for the cases, used one after another."""

    def __init__(self, dsn: str, tablespace: str) -> None:
        self.dsn = dsn
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.execute("SET client_min_messages = error")
        self.database = self.connection.info.dbname
        self.execute(f'ALTER DATABASE "{self.database}" SET search_path = {SCHEMA}')
        if not self.rows("SELECT 1 FROM pg_tablespace WHERE spcname = 'ts'"):
            self.execute(f"CREATE TABLESPACE ts LOCATION {quote_literal(tablespace)}")
        for role in ("r1", "r2"):
            if not self.rows(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
                self.execute(f"CREATE ROLE {role}")
        self.runner = asyncio.Runner()
        self.reader: Any = None

    def close(self) -> None:
        if self.reader is not None:
            self.runner.run(self.reader.close())
        self.runner.close()
        self.connection.close()

    def execute(self, sql: str) -> None:
        self.connection.execute(sql.encode())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql.encode()).fetchall()

    def prepare(self, case: Case, fixtures: dict[str, str]) -> None:
        """A fresh schema with the case's fixtures and setup."""
        self.execute(f"DROP SCHEMA IF EXISTS {SCHEMA}, s2, s_new CASCADE")
        self.execute("DROP PUBLICATION IF EXISTS pub; DROP SUBSCRIPTION IF EXISTS sub")
        self.execute("DROP FOREIGN DATA WRAPPER IF EXISTS dummy CASCADE; DROP ACCESS METHOD IF EXISTS heap2")
        self.execute(f"CREATE SCHEMA {SCHEMA}; CREATE SCHEMA s2; SET search_path = {SCHEMA}")
        for name in case.fixtures:
            self.execute(fixtures[name])
        for statement in split(case.setup, psql=False)[0]:
            try:
                self.execute(statement.sql)
            except psycopg.Error:
                if "may fail" not in statement.sql:
                    raise
        tables = self.rows(
            "SELECT c.oid::regclass::text FROM pg_class c WHERE relnamespace IN ('s'::regnamespace, 's2'::regnamespace)"
            " AND relkind IN ('r', 'm')"
        )
        if tables:
            self.execute("ANALYZE " + ", ".join(t[0] for t in tables))

    def catalog(self) -> Catalog:
        return self.runner.run(self._catalog())

    async def _catalog(self) -> Catalog:
        if self.reader is None:
            self.reader = await connect_reader(self.dsn)
        return await read_catalog(self.reader)

    def snapshot(self) -> Snapshot:
        """Its relations and the locks of its connection, asked as a rehearsal asks."""
        return snapshot(self.rows(RELATIONS), self.rows(LOCKS))

    def names(self) -> dict[tuple[str, str], str]:
        """What the oracle calls each relation, by its stored name: TOAST tables after their tables."""
        found: dict[tuple[str, str], str] = {}
        for schema, name, owner in self.rows(
            "SELECT n.nspname, c.relname, coalesce(o.relname, i.relname) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " LEFT JOIN pg_class o ON o.reltoastrelid = c.oid"
            " LEFT JOIN pg_index x ON x.indexrelid = c.oid LEFT JOIN pg_class i ON i.reltoastrelid = x.indrelid"
            "      AND i.reltoastrelid <> 0"
            " WHERE n.nspname IN ('s', 's2', 'pg_toast')"
        ):
            kind = "toast_idx" if name.endswith("_index") else "toast"
            found[(schema, name)] = f"{kind}({owner})" if schema == "pg_toast" else name
        return found

    def oids(self, names: dict[tuple[str, str], str]) -> dict[int, str]:
        """What the oracle calls each relation, by oid."""
        found = self.rows(
            "SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN ('s', 's2', 'pg_toast')"
        )
        return {oid: names[(schema, name)] for oid, schema, name in found if (schema, name) in names}


def forecast(case: Case, catalog: Catalog) -> Effects:
    """What runbook says of the case's statement."""
    for statement in split(case.session, psql=False)[0]:
        catalog = apply(catalog, statement)
    statement = statement_of(case)
    found = effects(statement, catalog)
    if found.fails is None or not found.fails.certain:
        refused = refusal(statement, catalog)
        if refused is not None and refused.certain:
            return replace(found, fails=refused)
    return found


def statement_of(case: Case) -> Statement:
    return split(case.test, psql=False)[0][0]


def as_seen(found: Effects, names: dict[tuple[str, str], str]) -> Seen:
    """Effects in the oracle's names: locks on what existed before, bare names."""

    def name(qualified: str) -> str:
        schema, bare = split_qualified(qualified)
        return names.get((schema or "", bare), bare)

    certain = found.fails is not None and found.fails.certain
    return Seen(
        locks={name(lock.relation): lock.mode for lock in found.locks if lock.pre_existing},
        rewrites=frozenset(name(r) for r in found.rewrites),
        builds=frozenset(name(r) for r in found.index_builds),
        scans=frozenset(name(r) for r in found.scans),
        in_transaction=found.transaction == "allowed" and not certain,
        error=found.fails.sqlstate if certain and found.fails is not None else None,
        depends_on_data=found.fails.sqlstate if not certain and found.fails is not None else None,
    )


def run(bench: Bench, case: Case, names: dict[tuple[str, str], str]) -> Seen:
    """What the server does when the statement runs in a transaction, rolled back afterwards."""
    connection = bench.connection
    oids = bench.oids(names)
    before = bench.snapshot()
    if case.session:
        bench.execute(case.session)
    bench.execute("BEGIN")
    try:
        try:
            if case.test.startswith("COPY"):
                with connection.cursor().copy(case.test.encode()) as copied:
                    list(copied)
            else:
                connection.execute(case.test.encode())
        except psycopg.Error as error:
            return Seen(error=error.sqlstate)
        did = done(before, bench.snapshot())
        return Seen(
            locks={oids[oid]: mode for oid, mode in did.locks.items() if oid in oids},
            rewrites=frozenset(oids[oid] for oid in did.rewrites if oid in oids),
            scans=frozenset(oids[oid] for oid in did.scans if oid in oids),
            in_transaction=True,
        )
    finally:
        bench.execute("ROLLBACK")
        if case.session:
            bench.execute("RESET ALL; SET client_min_messages = error; SET search_path = s")
        if case.cleanup:
            bench.execute(case.cleanup)
