"""How a statement's doings are read from the server it ran on: the questions, and the difference of two answers.

No probe here waits for a lock on a user relation. The oracle of the test suite measures with the same questions.
Sources: pg_locks of the own backend in the open transaction; pg_class.relfilenode, which changes with every rewrite;
pg_stat_get_xact_numscans, which counts sequential scans of the running transaction, those of DDL too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from runbook.migration.conflicts import STRENGTH
from runbook.sql import quote_qualified

FIRST_USER_OID = 16384  # FirstNormalObjectId, src/include/access/transam.h

RELATIONS = """
SELECT c.oid::pg_catalog.int8, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, c.relkind::pg_catalog.text,
       c.relfilenode::pg_catalog.int8, coalesce(i.indrelid, 0)::pg_catalog.int8,
       CASE WHEN c.relkind IN ('r', 'm', 't') THEN pg_catalog.pg_stat_get_xact_numscans(c.oid) ELSE 0 END,
       coalesce(i.indisvalid, true)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
 WHERE c.oid >= 16384
"""
LOCKS = """
SELECT l.relation::pg_catalog.int8, l.mode::pg_catalog.text
  FROM pg_catalog.pg_locks l
 WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND l.relation >= 16384
   AND l.database IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
"""
WAL = "SELECT (pg_catalog.pg_current_wal_insert_lsn() - '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8"

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """One relation as the transaction sees it."""

    schema: str
    name: str
    kind: str  # pg_class.relkind
    file: int  # relfilenode, 0 where it stores nothing
    table: int  # of an index: its table's oid
    scans: int
    valid: bool

    @property
    def qualified(self) -> str:
        return quote_qualified("pg_temp" if self.schema.startswith("pg_temp_") else self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The relations of a database, by oid, and the own backend's locks, at one moment."""

    relations: Mapping[int, Seen]
    locks: frozenset[tuple[int, str]]
    wal: int

    @property
    def invalid_indexes(self) -> dict[int, str]:
        return {oid: r.qualified for oid, r in self.relations.items() if r.kind == "i" and not r.valid}


def snapshot(relations: Iterable[Row], locks: Iterable[Row], wal: int = 0) -> Snapshot:
    """From the rows of ``RELATIONS`` and ``LOCKS``."""
    return Snapshot(
        {r[0]: Seen(r[1], r[2], r[3], r[4], r[5], r[6], r[7]) for r in relations},  # type: ignore[misc, arg-type]
        frozenset((r[0], r[1]) for r in locks),  # type: ignore[misc]
        wal,
    )


@dataclass(frozen=True, slots=True)
class Done:
    """What happened between two snapshots, by oid."""

    locks: dict[int, str]  # the strongest of the modes that were newly taken
    rewrites: frozenset[int]  # tables and materialized views with another file
    scans: frozenset[int]
    index_builds: frozenset[int]
    wal_bytes: int


def done(before: Snapshot, after: Snapshot) -> Done:
    """The difference: of relations that are gone after, the lock is told as well."""
    old, new = before.relations, after.relations
    changed = {oid for oid, r in new.items() if oid in old and old[oid].file != r.file}
    files = {r.file for r in old.values()}  # ALTER COLUMN TYPE may give a new index the file of the old one
    made = {oid for oid, r in new.items() if r.kind == "i" and oid not in old and r.file and r.file not in files}
    return Done(
        strongest(after.locks - before.locks),
        frozenset(oid for oid in changed if new[oid].kind in ("r", "m", "t") and new[oid].schema != "pg_toast"),
        frozenset(oid for oid, r in new.items() if r.scans > (old[oid].scans if oid in old else 0)),
        frozenset(oid for oid in changed | made if new[oid].kind == "i" and new[oid].schema != "pg_toast"),
        max(0, after.wal - before.wal),
    )


def strongest(locks: Collection[tuple[int, str]]) -> dict[int, str]:
    """The strongest mode of each relation."""
    found: dict[int, str] = {}
    for oid, mode in locks:
        if oid not in found or STRENGTH.get(mode, 0) > STRENGTH[found[oid]]:
            found[oid] = mode
    return found
