"""Many statements at once on a real server, each undone: which fail and how, and what files they give a table anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from runbook.migration.catalog import Catalog
from runbook.migration.effects import effects
from runbook.migration.refusals import refusal
from runbook.migration.statement import split
from runbook.postgres import connect as connect_reader
from runbook.postgres import read_catalog
from tests import support

_TRY = """
CREATE FUNCTION public.try_each(statements text[], tables text[])
    RETURNS TABLE (error text, message text, rewrites boolean, builds boolean) LANGUAGE plpgsql AS $$
DECLARE
    files oid[];
    indexes oid[];
BEGIN
    FOR i IN 1 .. array_length(statements, 1) LOOP
        error := NULL; message := NULL; rewrites := NULL; builds := NULL;
        SELECT array_agg(c.relfilenode ORDER BY c.relname) FILTER (WHERE c.relkind <> 'i'),
               array_agg(c.relfilenode ORDER BY c.relname) FILTER (WHERE c.relkind = 'i')
          INTO files, indexes
          FROM pg_class c
         WHERE c.oid = to_regclass(tables[i])
            OR c.oid IN (SELECT x.indexrelid FROM pg_index x WHERE x.indrelid = to_regclass(tables[i]));
        BEGIN
            EXECUTE statements[i];
            SELECT files <> array_agg(c.relfilenode ORDER BY c.relname) FILTER (WHERE c.relkind <> 'i'),
                   coalesce(indexes, '{}') <> coalesce(
                       array_agg(c.relfilenode ORDER BY c.relname) FILTER (WHERE c.relkind = 'i'), '{}')
              INTO rewrites, builds
              FROM pg_class c
             WHERE c.oid = to_regclass(tables[i])
                OR c.oid IN (SELECT x.indexrelid FROM pg_index x WHERE x.indrelid = to_regclass(tables[i]));
            RAISE EXCEPTION USING ERRCODE = 'ZZ999';
        EXCEPTION WHEN OTHERS THEN
            IF SQLSTATE <> 'ZZ999' THEN
                error := SQLSTATE; message := SQLERRM;
            END IF;
        END;
        RETURN NEXT;
    END LOOP;
END $$
"""


@dataclass(frozen=True)
class Try:
    """One statement, and the table of which it may write the files anew."""

    sql: str
    table: str


@dataclass(frozen=True)
class Told:
    """How a statement fails (``error``, a SQLSTATE), or which files it makes: the table's, an index's.

    A forecast's ``may`` is the SQLSTATE that depends on the rows."""

    error: str | None
    rewrites: bool | None = None
    builds: bool | None = None
    message: str = ""


@contextmanager
def database(major: int, setup: Sequence[str]) -> Iterator[support.Database]:
    """A fresh database with what ``setup`` makes, and the function that tries statements."""
    made = support.create_database(major)
    try:
        with made.connect() as connection:
            for sql in (_TRY, *setup):
                connection.execute(sql.encode())
        yield made
    finally:
        support.drop_database(made)


def catalog_of(made: support.Database) -> Catalog:
    """What the product reads of the database."""

    async def read() -> Catalog:
        reader = await connect_reader(made.dsn())
        try:
            return await read_catalog(reader)
        finally:
            await reader.close()

    return asyncio.run(read())


def measured(made: support.Database, tries: Sequence[Try], *settings: str, at_once: int = 200) -> list[Told]:
    """What the server does with each statement, none of which stays."""
    found: list[Told] = []
    with psycopg.connect(made.dsn(), autocommit=True) as connection:
        for sql in ("SET client_min_messages = error", *settings):
            connection.execute(sql.encode())
        for start in range(0, len(tries), at_once):
            part = tries[start : start + at_once]
            rows = connection.execute(
                "SELECT * FROM public.try_each(%s, %s)", ([t.sql for t in part], [t.table for t in part])
            )
            found += [Told(error, rewrites, builds, message or "") for error, message, rewrites, builds in rows]
    return found


def forecast(catalog: Catalog, tries: Sequence[Try]) -> list[Told]:
    """What the product says of each, in the same words."""
    found: list[Told] = []
    for tried in tries:
        statement = split(tried.sql, psql=False)[0][0]
        said = effects(statement, catalog)
        fails = said.fails
        if fails is None or not fails.certain:
            refused = refusal(statement, catalog)
            fails = refused if refused is not None else fails
        error = fails.sqlstate if fails is not None and fails.certain else None
        found.append(
            Told(error)
            if error is not None
            else Told(None, any(r.rsplit(".", 1)[-1] == tried.table for r in said.rewrites), bool(said.index_builds))
        )
    return found
