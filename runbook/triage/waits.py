"""Who waits for whom on one side, out of one sample of activity, locks and blocking pids. Pure graph work."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from runbook.postgres.rows import LockRow, PreparedTransactionRow, SessionRow
from runbook.triage.case import SideCase
from runbook.words import lock_name

PREPARED = 0
"""The pid that stands for a prepared transaction in pg_blocking_pids."""

DDL = re.compile(
    r"\s*(?:ALTER|CREATE|DROP|REINDEX|TRUNCATE|CLUSTER|REFRESH|COMMENT|LOCK|GRANT|REVOKE|IMPORT|SECURITY|VACUUM\s+\(?\s*FULL)\b",
    re.I,
)
DML = re.compile(r"\s*(?:UPDATE|DELETE|INSERT|MERGE|WITH)\b", re.I)
_MAINTENANCE = re.compile(
    r"\s*(?:VACUUM|ANALYZE|REINDEX|CLUSTER|REFRESH|CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY|"
    r"DROP\s+INDEX\s+CONCURRENTLY|ALTER\s+TABLE\b.*\bVALIDATE\s+CONSTRAINT)\b",
    re.I | re.S,
)
_LEADING_COMMENTS = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.S)
_BACKUP_QUERY = re.compile(r"\s*COPY\b.*\bTO\s+STDOUT\b", re.I | re.S)
_BACKUP_APPLICATION = re.compile(r"\bpg_dump(?:all)?\b|pg_basebackup|barman|wal-g|pgbackrest", re.I)


@dataclass(frozen=True, slots=True)
class Wait:
    """One session that waits for a lock."""

    session: SessionRow
    lock: LockRow | None  # what it asks for; None when the sample caught it between two views
    blocked_by: tuple[int, ...]
    wait_s: float

    @property
    def told(self) -> str:
        """The same in the documentation's words: ``ACCESS EXCLUSIVE on public.orders``."""
        return (
            self.on
            if self.lock is None
            else f"{lock_name(self.lock.mode)} on {self.lock.qualified or self.lock.locktype}"
        )

    @property
    def on(self) -> str:
        """What it waits for, for people: ``AccessExclusiveLock on public.orders``."""
        if self.lock is None:
            return f"a lock ({self.session.wait_event or 'unknown'})"
        return f"{self.lock.mode} on {self.lock.qualified or self.lock.locktype}"


@dataclass(frozen=True)
class Waits:
    """One sample as a graph."""

    sessions: Mapping[int, SessionRow]
    locks: tuple[LockRow, ...]
    waits: Mapping[int, Wait]
    prepared: tuple[PreparedTransactionRow, ...] = ()
    hidden: bool = False  # some sessions' queries are hidden from our role

    @classmethod
    def of(cls, side: SideCase) -> Waits:
        sessions = {s.pid: s for s in side.rows("activity")}
        locks = tuple(side.rows("locks"))
        asked: dict[int, LockRow] = {}
        for lock in locks:
            if not lock.granted and lock.pid is not None:
                asked.setdefault(lock.pid, lock)
        waits = {}
        for row in side.rows("blocking"):
            session = sessions.get(row.pid)
            if session is None or not row.blocked_by:
                continue
            asked_lock = asked.get(row.pid)
            waits[row.pid] = Wait(session, asked_lock, row.blocked_by, _wait_s(session, asked_lock))
        return cls(
            sessions,
            locks,
            waits,
            tuple(side.rows("prepared_transactions")),
            any(s.query_hidden for s in sessions.values() if s.this_database and not s.ours),
        )

    def roots_of(self, pid: int) -> list[int]:
        """The pids at the top of the chains that ``pid`` waits in; empty when it waits for nobody or only a cycle."""
        roots: list[int] = []
        seen: set[int] = set()
        todo = [pid]
        while todo:
            current = todo.pop()
            if current in seen:
                continue
            seen.add(current)
            wait = self.waits.get(current)
            if wait is None:
                if current != pid:
                    roots.append(current)
                continue
            todo.extend(wait.blocked_by)
        return roots

    def behind(self, pid: int) -> list[Wait]:
        """Every wait that ends, however far up, at ``pid``."""
        found: list[Wait] = []
        reached = {pid}
        todo = [pid]
        while todo:
            for waiter in self._children.get(todo.pop(), ()):
                if waiter not in reached:
                    reached.add(waiter)
                    found.append(self.waits[waiter])
                    todo.append(waiter)
        return found

    def depth(self, pid: int, root: int) -> int:
        """How many sessions stand above ``pid`` on the shortest way up to ``root``, the root included."""
        level, current, seen = 0, {pid}, {pid}
        while current:
            level += 1
            current = {b for p in current if p in self.waits for b in self.waits[p].blocked_by} - seen
            if root in current:
                return level
            seen |= current
        return level

    def chain(self, pid: int, root: int) -> list[int]:
        """The waiting sessions from ``pid`` up to the one that ``root`` blocks directly, by the shortest way."""
        came: dict[int, int] = {pid: pid}
        level = [pid]
        while level:
            following: list[int] = []
            for current in level:
                wait = self.waits.get(current)
                for blocker in wait.blocked_by if wait is not None else ():
                    if blocker == root:
                        path = [current]
                        while path[-1] != pid:
                            path.append(came[path[-1]])
                        return path[::-1]
                    if blocker not in came:
                        came[blocker] = current
                        following.append(blocker)
            level = following
        return [pid]

    def cycle_members(self) -> set[int]:
        """Pids that wait for each other in a circle: a deadlock the server has not found yet."""
        return {pid for pid in self.waits if pid in {w.session.pid for w in self.behind(pid)}}

    def held_by(self, pid: int) -> list[LockRow]:
        """Relation locks that a session holds."""
        return [k for k in self.locks if k.pid == pid and k.granted and k.locktype == "relation"]

    def prepared_holding(self, pid: int) -> PreparedTransactionRow | None:
        """The prepared transaction that ``pid`` waits for (pg_blocking_pids says 0): by relation, then by xid."""
        wait = self.waits.get(pid)
        if wait is None or wait.lock is None:
            return self.prepared[0] if self.prepared else None
        for row in self.prepared:
            if wait.lock.qualified in row.relations or wait.lock.transaction_id == row.transaction_id:
                return row
        return self.prepared[0] if self.prepared else None

    @cached_property
    def _children(self) -> Mapping[int, list[int]]:
        children: dict[int, list[int]] = {}
        for pid, wait in self.waits.items():
            for blocker in wait.blocked_by:
                children.setdefault(blocker, []).append(pid)
        return children


def kind_of(session: SessionRow) -> str | None:
    """What kind of session stands in the way; None when its state is hidden from our role."""
    if session.backend_type == "autovacuum worker":
        return "wraparound_autovacuum" if session.autovacuum_wraparound else "autovacuum"
    if _BACKUP_APPLICATION.search(session.application_name or "") or session.backend_type == "walsender":
        return "backup"
    if session.query_hidden or session.state is None:
        return None
    if session.state.startswith("idle in transaction"):
        return "idle_in_transaction"
    query = without_leading_comments(session.query or "")
    if _BACKUP_QUERY.match(query):
        return "backup"
    if session.state == "active":
        if _MAINTENANCE.match(query):
            return "maintenance"
        return "ddl" if DDL.match(query) else "active"
    return "other"


def without_leading_comments(query: str) -> str:
    """A query from its first word on: pools and jobs like to sign theirs."""
    comments = _LEADING_COMMENTS.match(query)
    return query[comments.end() :] if comments else query


def label(session: SessionRow) -> str:
    """What people call a session: its application and role."""
    if session.backend_type not in ("client backend", ""):
        return session.backend_type
    if session.application_name and session.role and session.application_name != session.role:
        return f"{session.application_name} as {session.role}"
    return session.application_name or session.role or f"pid {session.pid}"


def oldest(sessions: Iterable[SessionRow]) -> SessionRow | None:
    """The session whose transaction is oldest; one whose age is hidden counts as young."""
    return max(sessions, key=lambda s: s.xact_age_s or 0.0, default=None)


def _wait_s(session: SessionRow, lock: LockRow | None) -> float:
    if lock is not None and lock.wait_s is not None:
        return max(lock.wait_s, 0.0)
    # Before 14 there is no waitstart: the statement's age is the upper bound.
    return max(session.query_age_s or 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Blocker:
    """What stands in the migration's way: a session or a prepared transaction, now or if it started now."""

    kind: str | None  # None: hidden from our role
    now: bool
    relation: str
    holds: tuple[str, ...]
    session: SessionRow | None = None
    prepared: PreparedTransactionRow | None = None
    depth: int = 1
    also: tuple[SessionRow, ...] = field(default=())
