"""The lock tree of one side as people read it: roots first, waiters below, and what happens if somebody ends."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from runbook.postgres.rows import PreparedTransactionRow, SessionRow
from runbook.session.redaction import hide_literals
from runbook.triage.model import LockNode, LockSession, LockTree
from runbook.triage.waits import PREPARED, Waits, kind_of, label

GRANT_FOR_SESSIONS = "GRANT pg_read_all_stats TO {role}; would show their queries and ages"


def build(
    waits: Waits,
    *,
    side: str = "production",
    migrators: Collection[int] = (),
    at: datetime | None = None,
    role: str = "our role",
) -> LockTree:
    """The tree of one sample. ``migrators`` are the pids known to run the migration."""
    builder = _Builder(waits, frozenset(migrators))
    roots = builder.roots()
    note = f"some sessions are hidden from us: {GRANT_FOR_SESSIONS.format(role=role)}" if waits.hidden else ""
    return LockTree(
        side=side,
        sampled_at=(at or datetime.now(UTC)).isoformat(timespec="milliseconds"),
        roots=roots,
        waiting=len(waits.waits),
        longest_wait_s=max((w.wait_s for w in waits.waits.values()), default=0.0),
        advice=tuple(_advice(roots)),
        note=note,
    )


def session_view(session: SessionRow, *, is_migration: bool = False) -> LockSession:
    return LockSession(
        pid=session.pid,
        backend_start=session.backend_start.isoformat() if session.backend_start else None,
        label=label(session),
        role=session.role,
        application_name=session.application_name or None,
        state=session.state,
        query=hide_literals(session.query) if session.query else None,
        xact_age_s=session.xact_age_s,
        state_age_s=session.state_age_s,
        backend_type=session.backend_type,
        wait_event_type=session.wait_event_type,
        wait_event=session.wait_event,
        client=session.client,
        is_migration=is_migration,
        hidden=session.query_hidden,
    )


def prepared_view(row: PreparedTransactionRow) -> LockSession:
    return LockSession(
        pid=PREPARED,
        backend_start=None,
        label=f"prepared transaction {row.gid}",
        role=row.owner,
        application_name=None,
        state="prepared",
        query=None,
        xact_age_s=row.age_s,
        state_age_s=row.age_s,
        gid=row.gid,
    )


class _Builder:
    def __init__(self, waits: Waits, migrators: frozenset[int]) -> None:
        self.waits = waits
        self.migrators = migrators
        self.cycle = waits.cycle_members()
        self.parent = {pid: self._parent(pid) for pid in waits.waits}

    def roots(self) -> tuple[LockNode, ...]:
        blockers = {b for w in self.waits.waits.values() for b in w.blocked_by}
        tops = [b for b in blockers if b not in self.waits.waits]
        nodes = []
        for pid in tops:
            if pid == PREPARED:
                nodes.extend(self._prepared_roots())
            elif pid in self.waits.sessions:
                nodes.append(self._node(pid, frozenset()))
        placed = {n.session.pid for root in nodes for n in _walk(root)}
        for pid in sorted(self.cycle - placed):
            if pid not in placed:
                node = self._node(pid, frozenset())
                nodes.append(node)
                placed |= {n.session.pid for n in _walk(node)}
        return tuple(sorted(nodes, key=lambda n: (-n.behind, -(n.session.xact_age_s or 0))))

    def _parent(self, pid: int) -> int:
        """Under whom a waiter is shown: the blocker deepest in the queue, because that one it waits for last."""
        blocked_by = self.waits.waits[pid].blocked_by
        return max(blocked_by, key=lambda b: (b in self.waits.waits, self._height(b), -b))

    def _height(self, pid: int) -> int:
        seen: set[int] = set()
        height, level = 0, {pid}
        while level := {b for p in level if p in self.waits.waits for b in self.waits.waits[p].blocked_by} - seen:
            seen |= level
            height += 1
        return height

    def _node(self, pid: int, above: frozenset[int]) -> LockNode:
        session = self.waits.sessions[pid]
        wait = self.waits.waits.get(pid)
        children = [c for c, p in self.parent.items() if p == pid and c not in above and c != pid]
        return LockNode(
            session=session_view(session, is_migration=pid in self.migrators),
            holds=self._holds(pid, children),
            waits_for=wait.on if wait else None,
            wait_s=wait.wait_s if wait else None,
            kind=kind_of(session) or "hidden",
            in_cycle=pid in self.cycle,
            children=self._ordered(children, above | {pid}),
        )

    def _ordered(self, pids: list[int], above: frozenset[int]) -> tuple[LockNode, ...]:
        nodes = [self._node(pid, above) for pid in pids if pid in self.waits.sessions]
        return tuple(sorted(nodes, key=lambda n: (not n.session.is_migration, -n.behind, -(n.wait_s or 0))))

    def _prepared_roots(self) -> list[LockNode]:
        below: dict[str, list[int]] = {}
        rows: dict[str, PreparedTransactionRow] = {}
        for pid, parent in self.parent.items():
            row = self.waits.prepared_holding(pid) if parent == PREPARED else None
            if row is not None:
                below.setdefault(row.gid, []).append(pid)
                rows[row.gid] = row
        return [
            LockNode(
                session=prepared_view(rows[gid]),
                holds=tuple(
                    f"{mode} on {relation}"
                    for relation, mode in zip(rows[gid].relations, rows[gid].modes, strict=False)
                ),
                kind="prepared",
                children=self._ordered(pids, frozenset({PREPARED})),
            )
            for gid, pids in below.items()
        ]

    def _holds(self, pid: int, children: list[int]) -> tuple[str, ...]:
        """Of what a session holds, only what its waiters wait for."""
        wanted = {w.lock.table_oid or w.lock.relation_oid for c in children if (w := self.waits.waits[c]).lock}
        held = [
            f"{k.mode} on {k.qualified}"
            for k in self.waits.held_by(pid)
            if (k.table_oid or k.relation_oid) in wanted and k.qualified
        ]
        return tuple(dict.fromkeys(held))


def _walk(node: LockNode) -> list[LockNode]:
    return [node, *(n for child in node.children for n in _walk(child))]


def _advice(roots: tuple[LockNode, ...]) -> list[str]:
    """What follows if a root ends, or if the waiting DDL in front of a queue is cancelled."""
    lines: list[str] = []
    for root in roots[:3]:
        if root.in_cycle:
            lines.append("These sessions wait for each other: the server ends one of them after deadlock_timeout.")
            continue
        queue = next((c for c in root.children if c.children), None)
        name = f"the prepared transaction {root.session.gid}" if root.session.gid else str(root.session.pid)
        if queue is not None:
            lines.append(f"If {queue.session.pid} is cancelled: {_sessions(queue.behind)} now.")
            lines.append(f"If {name} ends: {queue.session.pid} runs, then {_sessions(queue.behind)}.")
        elif root.children:
            lines.append(f"If {name} ends: {_sessions(root.behind)}.")
    return lines


def _sessions(n: int) -> str:
    return f"{n} session{'' if n == 1 else 's'} {'goes' if n == 1 else 'go'} on"
