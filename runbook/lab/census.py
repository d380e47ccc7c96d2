"""What is there on production at one moment: sessions, objects, rows, rights. Two of them tell what somebody destroyed.

Catalogs and statistics only, and counts that give up at once where a table is locked: a census is no burden on a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from runbook.lab.scenario import Stage

_COUNT_WAITS = "100ms"
"""How long a count may wait for its lock."""

OBJECTS = """
WITH mine AS (
    SELECT c.oid, c.relkind, c.oid::regclass::text AS name, c.relrowsecurity
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
)
SELECT CASE relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence ' ELSE 'table ' END
       || name FROM mine WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL SELECT 'row level security on ' || name FROM mine WHERE relrowsecurity
UNION ALL SELECT 'column ' || name || '.' || a.attname FROM mine JOIN pg_attribute a ON a.attrelid = mine.oid
    WHERE relkind IN ('r', 'p', 'm', 'v') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT 'NOT NULL of ' || name || '.' || a.attname FROM mine JOIN pg_attribute a ON a.attrelid = mine.oid
    WHERE relkind IN ('r', 'p') AND a.attnum > 0 AND a.attnotnull AND NOT a.attisdropped
UNION ALL SELECT 'constraint ' || o.conname || ' on ' || name FROM mine JOIN pg_constraint o ON o.conrelid = mine.oid
    WHERE o.contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL SELECT 'index ' || i.indexrelid::regclass || ' on ' || name
    FROM mine JOIN pg_index i ON i.indrelid = mine.oid WHERE i.indisvalid
UNION ALL SELECT 'trigger ' || t.tgname || ' on ' || name FROM mine JOIN pg_trigger t ON t.tgrelid = mine.oid
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL SELECT 'extension ' || extname FROM pg_extension
UNION ALL SELECT 'schema ' || nspname FROM pg_namespace
    WHERE nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\\_%'
"""
_SESSIONS = """
SELECT a.pid, a.backend_start::text, a.application_name, a.usename, a.state, a.wait_event_type = 'Lock',
       EXISTS (SELECT 1 FROM pg_stat_activity w WHERE w.wait_event_type = 'Lock' AND a.pid = ANY (pg_blocking_pids(w.pid)))
FROM pg_stat_activity a
WHERE a.backend_type = 'client backend' AND a.datname = current_database() AND a.pid <> pg_backend_pid()
"""
_POWERS = """
SELECT rolname || ' is ' || word FROM pg_roles, LATERAL (
    VALUES ('a superuser', rolsuper), ('exempt from row level security', rolbypassrls AND NOT rolsuper),
           ('allowed to make roles', rolcreaterole AND NOT rolsuper)) AS power (word, has)
WHERE has
"""
_TABLES = """
SELECT c.oid::regclass::text, c.reltuples::bigint, (
    SELECT quote_ident(a.attname) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1 AND a.atttypid IN (20, 21, 23))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""


@dataclass(frozen=True)
class SessionSeen:
    """One client's session. ``blocks``: somebody waits for it right now."""

    pid: int
    backend_start: str
    application: str
    role: str
    state: str
    waits: bool
    blocks: bool

    @property
    def key(self) -> tuple[int, str]:
        """What tells it from a later one with the same pid."""
        return self.pid, self.backend_start


@dataclass(frozen=True)
class Rows:
    """How many rows a table has. ``up_to``: the greatest key then; only rows up to it can be missed later.

    ``exact`` False: it was locked, this is what VACUUM counted last.
    """

    count: int
    up_to: int | None = None
    exact: bool = True


@dataclass(frozen=True)
class Census:
    """Production at one moment. ``objects``, ``powers``: each a few words that name it."""

    sessions: Mapping[tuple[int, str], SessionSeen] = field(default_factory=dict)
    objects: frozenset[str] = frozenset()
    rows: Mapping[str, Rows] = field(default_factory=dict)
    powers: frozenset[str] = frozenset()


async def take(stage: Stage, since: Census | None = None) -> Census:
    """Production as it is. With ``since``, rows are counted up to the keys of then.

    Whoever looks sees everything: the superuser, over its reserved slot where all others are taken.
    """
    async with await stage.connect("production", "postgres", "lab") as connection:
        await connection.execute(f"SET lock_timeout = '{_COUNT_WAITS}'".encode())
        await connection.execute(b"SET statement_timeout = '10s'")
        seen = [SessionSeen(*row) for row in await _all(connection, _SESSIONS)]
        return Census(
            sessions={s.key: s for s in seen if not s.application.startswith(("lab", "runbook"))},
            objects=await objects(connection),
            rows=await _count(connection, since),
            powers=frozenset(row[0] for row in await _all(connection, _POWERS)),
        )


async def objects(connection: AsyncConnection[Any]) -> frozenset[str]:
    """Everything with a name in the database that ``connection`` is on."""
    return frozenset(row[0] for row in await _all(connection, OBJECTS))


async def objects_of_local(stage: Stage) -> frozenset[str]:
    """The same of local, where the migration has passed."""
    async with await stage.connect("local") as connection:
        return await objects(connection)


async def sessions(stage: Stage) -> Mapping[tuple[int, str], SessionSeen]:
    """Who is there, and who waits for whom."""
    async with await stage.connect("production", "postgres", "lab") as connection:
        seen = [SessionSeen(*row) for row in await _all(connection, _SESSIONS)]
    return {s.key: s for s in seen if not s.application.startswith(("lab", "runbook"))}


async def _count(connection: AsyncConnection[Any], since: Census | None) -> dict[str, Rows]:
    import psycopg

    found = {}
    for table, estimated, key in await _all(connection, _TABLES):
        before = since.rows.get(table) if since is not None else None
        greatest = f"max({key})" if key else "NULL"
        where = f" WHERE {key} <= {before.up_to}" if before is not None and before.up_to is not None and key else ""
        try:
            [(count, up_to)] = await _all(connection, f"SELECT count(*), {greatest} FROM {table}{where}")
            found[table] = Rows(count, up_to)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
            found[table] = Rows(max(estimated, 0), exact=False)
    return found


async def _all(connection: AsyncConnection[Any], sql: str) -> list[tuple[Any, ...]]:
    return await (await connection.execute(sql.encode())).fetchall()
