"""The migration tool's own lock: who holds it on production, and whether that run can still be alive."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from runbook.postgres.rows import AdvisoryLockRow, HistoryEntry, HistoryTableRow, SessionRow
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.migrator import MIGRATION_APPLICATION, Migrator
from runbook.triage.session_facts import session_fact
from runbook.triage.waits import DDL, Blocker, Waits

_FACTS = ("kind", "tool", "key", "key_known", "holder", "holder_is_migration", "waiters", "row", "row_sessions")


Tables = Collection[tuple[str, str]]
"""Schema and name of the history tables that are there."""

# -- keys ---------------------------------------------------------------------------------------------------------


def _golang_migrate(key: int, database: str, tables: Tables) -> bool:
    """database/util.go, GenerateAdvisoryLockId: schema, table and database, a zero byte between them."""
    of_tables = {("public", "schema_migrations"), *tables}
    names = [database, *(f"{schema}\0{table}\0{database}" for schema, table in of_tables)]
    return key in {zlib.crc32(n.encode()) * 1486364155 & 0xFFFFFFFF for n in names}


def _rails(key: int, database: str, tables: Tables) -> bool:
    """activerecord/lib/active_record/migration.rb, generate_migrator_advisory_lock_id."""
    return key == 2053462845 * zlib.crc32(database.encode())


def _sqlx(key: int, database: str, tables: Tables) -> bool:
    """sqlx-postgres/src/migrate.rs, generate_lock_id."""
    return key == 0x3D32AD9E * zlib.crc32(database.encode())


def _flyway(key: int, database: str, tables: Tables) -> bool:
    """PostgreSQLAdvisoryLockTemplate.java: the letters of "Flyway" plus the 32-bit hash code of the history table."""
    return abs(key - int.from_bytes(b"Flyway")) <= 1 << 31


def _atlas(key: int, database: str, tables: Tables) -> bool:
    """sql/postgres/driver.go, Lock: the 32-bit FNV-1 hash of the lock's name (cmd/atlas: atlas_migrate_execute)."""
    found = 2166136261
    for byte in b"atlas_migrate_execute":
        found = (found * 16777619 & 0xFFFFFFFF) ^ byte
    return key == found


def _one(constant: int) -> Callable[[int, str, Tables], bool]:
    return lambda key, database, tables: key == constant


KEYS: Mapping[str, Callable[[int, str, Tables], bool]] = {
    "prisma": _one(72707369),  # schema-engine, sql flavour postgres: pg_advisory_lock(72707369)
    "golang-migrate": _golang_migrate,
    "rails": _rails,
    "flyway": _flyway,
    "sqlx": _sqlx,
    "atlas": _atlas,
    "goose": _one(4097083626),  # lock/lock.go, DefaultLockID
    "node-pg-migrate": _one(7241865325823964),  # runner.ts, PG_MIGRATE_LOCK_ID
    "kysely": _one(3853314791062309107),  # postgres-adapter.ts, LOCK_ID
    "sqitch": _one(75474063),  # App/Sqitch/Engine/pg.pm, try_lock
    "postgres-migrations": _one(-8525285245963000605),  # ThomWright/postgres-migrations, with-lock.ts
}
"""Tools that take an advisory lock, with how its key follows from the database's name. Sources: the tools' code."""


def tool_of(key: int, database: str, tables: Tables = ()) -> str:
    """The tool whose key this is in ``database``; empty: none that we know."""
    return next((tool for tool, is_key in KEYS.items() if is_key(key, database, tables)), "")


# -- facts --------------------------------------------------------------------------------------------------------


def state(facts: Facts, case: Case, side: SideCase, waits: Waits, migrators: Sequence[Migrator]) -> None:
    """State the facts of the group ``tool_lock``."""
    marked, unread = _mark(case, side)
    if not side.ok("advisory_locks"):
        facts.unknown_all([f"tool_lock.{name}" for name in _FACTS], side.why_not("advisory_locks"))
        return
    held = _advisory(case, side, waits, migrators)
    if isinstance(held, str) or (held is None and marked is None and unread):
        facts.unknown_all([f"tool_lock.{name}" for name in _FACTS], held if isinstance(held, str) else unread)
        return
    tool = held.tool if held else (marked.tool if marked else "")
    kind = "advisory" if held else ("row" if marked else "none")
    facts.know("tool_lock.kind", kind, f"a lock of a migration tool: {kind}", readings="advisory_locks")
    facts.know("tool_lock.tool", tool, f"it is {tool or 'nobody'}'s as far as we know")
    facts.know("tool_lock.key", held.key if held else 0, "the advisory lock's key", readings="advisory_locks")
    facts.know("tool_lock.key_known", bool(held and held.tool), f"the key is {tool or 'no tool'}'s")
    facts.know("tool_lock.waiters", held.waiters if held else 0, "sessions that wait for it", readings="advisory_locks")
    if held is None:
        facts.unknown("tool_lock.holder", "nobody holds a migration tool's advisory lock")
        facts.know("tool_lock.holder_is_migration", False, "nobody holds it")
    else:
        found = session_fact(held.session)
        facts.know("tool_lock.holder", found, f"{held.session.pid} holds it", readings="advisory_locks activity")
        own = _belongs_to(held.session, migrators, waits)
        facts.know("tool_lock.holder_is_migration", own, "by its client, role and application")
    if marked is None:
        facts.unknown("tool_lock.row", "no lock table of a tool holds a mark")
        facts.know("tool_lock.row_sessions", [], "there is no mark")
        return
    told = f"{marked.table} is marked by {marked.locked_by or 'somebody'}"
    row = {"table": marked.table, "column": marked.column, "locked_by": marked.locked_by, "since": marked.since}
    facts.know("tool_lock.row", row, told, readings=f"history:{marked.table}")
    if waits.hidden:
        facts.unknown("tool_lock.row_sessions", "what other sessions do is hidden from our role")
    else:
        theirs = [session_fact(s) for s in _may_have_marked(marked, waits, migrators)]
        facts.know("tool_lock.row_sessions", theirs, f"{len(theirs)} sessions may belong to it", readings="activity")


def state_blocker(facts: Facts, side: SideCase, blocker: Blocker | None, migrator: Migrator | None) -> None:
    """State whether the session in the migration's way belongs to the migration's own tool."""
    names = ("waits.blocker_holds_tool_lock", "waits.blocker_same_client")
    if blocker is None or blocker.session is None or migrator is None:
        facts.unknown_all(list(names), "no session stands in the way of a session that runs the migration")
        return
    mine, theirs = migrator.session, blocker.session
    same = (mine.role, mine.client, mine.application_name) == (theirs.role, theirs.client, theirs.application_name)
    facts.know("waits.blocker_same_client", same, "by client, role and application", readings="activity")
    if not side.ok("advisory_locks"):
        facts.unknown("waits.blocker_holds_tool_lock", side.why_not("advisory_locks"))
        return
    database, tables = _database(side), _history_tables(side)
    keys = [r.key for r in side.rows("advisory_locks") if r.granted and r.pid == theirs.pid and not r.two_keys]
    tool = next((t for k in keys if (t := tool_of(k, database, tables))), "")
    told = f"{theirs.pid} holds the lock of {tool}" if tool else f"{theirs.pid} holds no lock of a migration tool"
    facts.know("waits.blocker_holds_tool_lock", bool(tool), told, readings="advisory_locks")


def _database(side: SideCase) -> str:
    return side.identity.database if side.identity is not None else ""


def _history_tables(side: SideCase) -> Tables:
    return [(t.schema, t.name) for t in side.rows("history_tables") if t.role == "history"]


# -- an advisory lock -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Held:
    tool: str
    key: int
    session: SessionRow
    waiters: int


def _advisory(case: Case, side: SideCase, waits: Waits, migrators: Sequence[Migrator]) -> _Held | str | None:
    """The advisory lock that stands for a run of migrations: one that the migration waits for, or with a tool's key, or
    that a session named like a migration waits for. Text: locks are held, and which is the tool's is not known."""
    rows: list[AdvisoryLockRow] = list(side.rows("advisory_locks"))
    database, tables = _database(side), _history_tables(side)
    granted = [r for r in rows if r.granted and r.pid in waits.sessions and not waits.sessions[r.pid].ours]
    running = {m.session.pid for m in migrators}
    waited = {r.key for r in rows if not r.granted and r.pid in running}
    disputed = {r.key for r in rows if not r.granted and MIGRATION_APPLICATION.search(r.application_name or "")}
    wanted = _tool_at_hand(case)

    def held(row: AdvisoryLockRow) -> _Held:
        waiters = {r.pid for r in rows if not r.granted and (r.key, r.two_keys) == (row.key, row.two_keys)}
        tool = "" if row.two_keys else tool_of(row.key, database, tables)
        return _Held(tool, row.key, waits.sessions[row.pid], len(waiters))

    found = [held(r) for r in granted if r.key in waited]
    found += [h for h in map(held, granted) if h.tool and wanted in ("", h.tool)]
    found += [held(r) for r in granted if r.key in disputed and not wanted]
    if found:
        return found[0]
    refused = case.error is not None and case.error.tool_condition == "lock_not_acquired"
    if refused and wanted not in _ROW_TOOLS and any(r.mode == "ExclusiveLock" for r in granted):
        return "advisory locks are held, none with a key that we know as the tool's"
    return None


def _tool_at_hand(case: Case) -> str:
    """The tool that runs the migration, where it is one with a lock of its own; empty: not known."""
    named = case.error.framework if case.error is not None else ""
    runner = case.migration.runner if case.migration is not None and case.given else ""
    return next((t for t in (named, runner) if t in KEYS or t in _ROW_TOOLS), "")


def _belongs_to(holder: SessionRow, migrators: Sequence[Migrator], waits: Waits) -> bool:
    """A run may hold the lock in one session and work in another of the same client; one that waits does not hold it."""
    for migrator in migrators:
        session = migrator.session
        wait = waits.waits.get(session.pid)
        if wait is not None and holder.pid in wait.blocked_by:
            continue
        same = (session.role, session.client, session.application_name)
        if session.pid == holder.pid or same == (holder.role, holder.client, holder.application_name):
            return True
    return False


# -- a mark in a lock table ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Mark:
    tool: str
    table: str
    column: str
    locked_by: str
    since: str


_ROW_TOOLS = ("liquibase", "knex")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:]+", re.I)


def _mark(case: Case, side: SideCase) -> tuple[_Mark | None, str]:
    """The mark in a lock table, that of the tool at hand first; and why a lock table could not be read, or empty."""
    found: list[_Mark] = []
    unread = ""
    tables: Sequence[HistoryTableRow] = side.rows("history_tables")
    for table in tables:
        if table.role != "lock" or table.tool not in _ROW_TOOLS:
            continue
        reading = side.readings.get(f"history:{table.qualified}")
        if reading is None or not reading.ok:
            unread = (reading.reason if reading else None) or f"{table.qualified} could not be read"
            continue
        for row in reading.rows:
            if isinstance(row, HistoryEntry):
                found.extend(_marks(table, row.values))
    wanted = _tool_at_hand(case)
    found.sort(key=lambda m: m.tool != wanted)
    return (found[0] if found and wanted in ("", found[0].tool) else None), unread


def _marks(table: HistoryTableRow, values: Mapping[str, str | None]) -> list[_Mark]:
    column = next((c for c in ("locked", "is_locked") if c in values), None)
    if column is None or (values[column] or "").lower() not in ("t", "true", "1"):
        return []
    by, since = values.get("lockedby") or "", values.get("lockgranted") or ""
    return [_Mark(table.tool, table.qualified, column, by, since)]


def _may_have_marked(mark: _Mark, waits: Waits, migrators: Sequence[Migrator]) -> list[SessionRow]:
    """Sessions of the host that the mark names, or at work on the schema, or called like a migration."""
    address = _ADDRESS.search(mark.locked_by)
    running = {m.session.pid for m in migrators}
    found = []
    for session in waits.sessions.values():
        if session.ours or not session.this_database or session.backend_type not in ("client backend", ""):
            continue
        busy = session.state not in (None, "idle")
        from_host = address is not None and session.client == address.group()
        at_work = busy and bool(DDL.match(session.query or ""))
        named = MIGRATION_APPLICATION.search(session.application_name) is not None
        if from_host or at_work or named or session.pid in running:
            found.append(session)
    return found
