"""Step 4, blocking locks: who waits, for what, how long, behind whom, and what queues behind the migration."""

from __future__ import annotations

from typing import Any

from runbook.diagnosis.vocabulary import GROUPS
from runbook.migration.conflicts import conflicts
from runbook.postgres.rows import PreparedTransactionRow, SessionRow
from runbook.session.redaction import hide_literals
from runbook.text import plural, shorten
from runbook.triage import (
    blocking_work,
    held_in_transaction,
    horizon,
    parents,
    pending_events,
    pool_queue,
    pooled_lock,
    session_end,
    snapshots,
    standby_wait,
    tool_lock,
)
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.lock_tree import GRANT_FOR_SESSIONS
from runbook.triage.migrator import Migrator, find_migrators
from runbook.triage.model import ComparedRow, Step, StepVerdict
from runbook.triage.session_facts import session_fact
from runbook.triage.waits import PREPARED, Blocker, Wait, Waits, kind_of, label, oldest
from runbook.words import duration, lock_name

OLD_TRANSACTION_S = 5.0
"""A transaction younger than this is ordinary traffic: a migration would wait for it unnoticed."""

HELD_ON_S = 0.5
"""After a timeout, whoever holds the lock for longer than a moment is worth naming."""

_STEP = ("locks", "Blocking locks")


def examine(case: Case) -> Step:
    facts = Facts("locks")
    side = case.production
    if side is None or not (side.ok("activity") and side.ok("locks")):
        reason = "no production side was given" if side is None else side.why_not("activity")
        facts.unknown_all(
            [f"{g}.{name}" for g in ("locks", "waits", "tool_lock") for name in sorted(GROUPS[g])], reason
        )
        facts.unknown_all([*pooled_lock.FACTS, pool_queue.FACT], reason)
        verdict: StepVerdict = "skipped" if side is None else "unknown"
        return Step(*_STEP, verdict, f"not seen: {reason}", "?", (), tuple(facts.stated))
    waits = Waits.of(side)
    migrators = find_migrators(case, waits)
    migrator = migrators[0] if migrators else None
    running = {m.session.pid for m in migrators}
    blocker = _blocker_now(waits, migrator) or _would_block(case, side, waits, migrator)
    _state_waits(facts, waits, side)
    _state_migration(facts, case, side, waits, migrator, len(migrators))
    _state_blocker(facts, waits, migrator, blocker, side, running)
    _state_queue(facts, waits, migrator)
    blocking_work.state(facts, side, waits, blocker)
    snapshots.state(facts, case, waits, migrators)
    horizon.state(facts, side, waits, migrator)
    parents.state(facts, case, migrator, blocker)
    pending_events.state(facts, case)
    standby_wait.state(facts, side, waits)
    session_end.state(facts, side)
    held_in_transaction.state(facts, case, waits, migrator)
    _state_chain(facts, waits, migrator, blocker)
    tool_lock.state(facts, case, side, waits, migrators)
    tool_lock.state_blocker(facts, side, blocker, migrator)
    pooled_lock.state(facts, case, side, waits)
    pool_queue.state(facts, waits, migrators)
    rows = tuple(_rows(case, side, waits, migrator, blocker))
    verdict, summary, badge = _summary(waits, migrator, blocker, side)
    return Step(*_STEP, verdict, summary, badge, rows, tuple(facts.stated))


# -- facts --------------------------------------------------------------------------------------------------------


def _state_waits(facts: Facts, waits: Waits, side: SideCase) -> None:
    longest = max((w.wait_s for w in waits.waits.values()), default=0.0)
    count = len(waits.waits)
    facts.know("locks.waiting", count, f"{count} sessions wait for a lock", readings="production/blocking")
    facts.know("locks.longest_wait_s", longest, f"the longest waits {duration(longest)}")
    facts.know("locks.samples", 2 if "blocking" in side.earlier else 1, "looks at pg_stat_activity and pg_locks")


def _state_migration(
    facts: Facts, case: Case, side: SideCase, waits: Waits, migrator: Migrator | None, count: int
) -> None:
    ids = ("locks.migration", "locks.migration_wait", "locks.migration_progress")
    facts.know("locks.migrators", count, f"{count} sessions run this migration now")
    facts.unknown("locks.migration_client_gone", "a server cannot tell whether its client is alive")
    if migrator is None:
        hidden = waits.hidden and (case.migration is not None or case.error is None)
        why = "no session runs this migration now"
        if hidden:
            why += f" as far as we see: {GRANT_FOR_SESSIONS.format(role=side.identity.role if side.identity else '')}"
        for name in ("found", "waits", "active", "idle"):
            if hidden:
                facts.unknown(f"locks.migration_{name}", why)
            else:
                facts.know(f"locks.migration_{name}", False, why, readings="production/activity")
        for id_ in ids:
            facts.unknown(id_, why)
        return
    session = migrator.session
    wait = waits.waits.get(session.pid)
    facts.know("locks.migration_found", True, f"pid {session.pid}: {migrator.why}", readings="production/activity")
    facts.know("locks.migration", session_fact(session, is_migration=True), migrator.why)
    facts.know("locks.migration_waits", wait is not None, wait.on if wait else f"{session.pid} waits for no lock")
    active = wait is None and session.state == "active"
    facts.know("locks.migration_active", active, f"its state is {session.state}")
    idle = bool(session.state and session.state.startswith("idle in transaction"))
    facts.know("locks.migration_idle", idle, f"its state is {session.state}")
    if wait is not None:
        facts.know("locks.migration_wait", wait_fact(wait, is_migration=True), wait.on)
    else:
        facts.unknown("locks.migration_wait", "the migration waits for no lock")
    progress = next((p for p in side.rows("progress") if p.pid == session.pid), None)
    if progress is not None:
        facts.know(
            "locks.migration_progress", blocking_work.progress_fact(progress), f"{progress.command}: {progress.phase}"
        )
    else:
        facts.unknown("locks.migration_progress", "the server shows no progress for it")


def _state_blocker(
    facts: Facts, waits: Waits, migrator: Migrator | None, blocker: Blocker | None, side: SideCase, running: set[int]
) -> None:
    if blocker is None and migrator is None and waits.hidden and waits.waits:
        role = side.identity.role if side.identity else "our role"
        reason = f"which session is the migration is hidden: {GRANT_FOR_SESSIONS.format(role=role)}"
        facts.unknown_all([f"locks.{n}" for n in ("blocker", "blocker_kind", "blocker_is_now", "chain_depth")], reason)
    elif blocker is None:
        facts.know("locks.blocker_kind", "none", "nobody stands in the migration's way")
        facts.know("locks.blocker_is_now", False, "the migration waits behind nobody")
        facts.know("locks.chain_depth", 0, "the migration waits behind nobody")
        facts.unknown("locks.blocker", "nobody stands in the migration's way")
    else:
        because = _blocker_text(blocker)
        if blocker.kind is None:
            role = side.identity.role if side.identity else "our role"
            facts.unknown("locks.blocker_kind", f"{because}: {GRANT_FOR_SESSIONS.format(role=role)}")
        else:
            facts.know("locks.blocker_kind", blocker.kind, because, readings="production/blocking production/locks")
        facts.know("locks.blocker_is_now", blocker.now, because)
        facts.know("locks.chain_depth", blocker.depth, because)
        facts.know("locks.blocker", _blocker_fact(blocker, running), because)
    involved = {blocker.session.pid} if blocker and blocker.session else set()
    involved |= {migrator.session.pid} if migrator else set()
    others = []
    for pid in sorted({r for p in waits.waits for r in waits.roots_of(p)} - involved):
        session = waits.sessions.get(pid)
        if session is not None:
            others.append(session_fact(session))
    facts.know("locks.other_chains", others, f"{len(others)} other sessions block somebody")


def _state_chain(facts: Facts, waits: Waits, migrator: Migrator | None, blocker: Blocker | None) -> None:
    """The sessions between the migration and the root, each waiting for the next."""
    if migrator is None or blocker is None or not blocker.now:
        facts.know("waits.chain", [], "the migration waits behind nobody")
        return
    root = blocker.session.pid if blocker.session is not None else PREPARED
    between = waits.chain(migrator.session.pid, root)[1:]
    told = f"{len(between)} sessions stand between the migration and the root"
    facts.know("waits.chain", [wait_fact(waits.waits[p]) for p in between], told, readings="blocking locks")


def _state_queue(facts: Facts, waits: Waits, migrator: Migrator | None) -> None:
    waiting_itself = migrator is not None and migrator.session.pid in waits.waits
    behind = waits.behind(migrator.session.pid) if migrator else []
    behind = [w for w in behind if migrator and w.session.pid != migrator.session.pid]
    queued = behind if waiting_itself else []
    blocked = [] if waiting_itself else behind
    facts.know(
        "locks.queued_behind_migration",
        len(queued),
        f"{len(queued)} sessions wait because the migration waits",
        readings="production/blocking",
    )
    longest_first = sorted(behind, key=lambda w: -w.wait_s)
    facts.know("locks.queue", [wait_fact(w) for w in longest_first[:10]], "the longest waits first")
    facts.know(
        "locks.blocked_by_migration",
        len(blocked),
        f"{len(blocked)} sessions wait for locks that the migration holds",
        readings="production/blocking",
    )
    types = sorted({w.lock.locktype for w in blocked if w.lock})
    facts.know("locks.blocked_by_migration_types", types, ", ".join(types) or "none")
    relations = [w.lock.qualified for w in behind if w.lock and w.lock.qualified]
    facts.know("locks.blocked_relation", relations[0] if relations else "", "what those sessions wait for")


# -- who stands in the way ------------------------------------------------------------------------------------------


def _blocker_now(waits: Waits, migrator: Migrator | None) -> Blocker | None:
    """The root of the chain that the migration waits in."""
    if migrator is None or migrator.session.pid not in waits.waits:
        return None
    pid = migrator.session.pid
    wait = waits.waits[pid]
    relation = (wait.lock.qualified if wait.lock else None) or ""
    roots = waits.roots_of(pid)
    if PREPARED in roots:
        row = waits.prepared_holding(_waits_directly(waits, pid))
        if row is not None:
            return Blocker("prepared", True, relation, row.modes, prepared=row, depth=waits.depth(pid, PREPARED))
    sessions = [waits.sessions[r] for r in roots if r in waits.sessions]
    root = oldest(sessions)
    if root is None:
        return None
    also = tuple(s for s in sessions if s.pid != root.pid)
    last = waits.waits[waits.chain(pid, root.pid)[-1]]
    relation = (last.lock.qualified if last.lock else None) or ""
    holds = tuple(dict.fromkeys(k.mode for k in waits.held_by(root.pid) if k.qualified == relation))
    kind = kind_of(root)
    return Blocker(kind, True, relation, holds, root, depth=waits.depth(pid, root.pid), also=also)


def _waits_directly(waits: Waits, pid: int) -> int:
    """The session of the chain above ``pid`` that a prepared transaction blocks directly."""
    seen, todo = set(), [pid]
    while todo:
        current = todo.pop()
        wait = waits.waits.get(current)
        if wait is None or current in seen:
            continue
        if PREPARED in wait.blocked_by:
            return current
        seen.add(current)
        todo.extend(wait.blocked_by)
    return pid


def _would_block(case: Case, side: SideCase, waits: Waits, migrator: Migrator | None) -> Blocker | None:
    """Who holds, for some time already, what the statement that failed or comes next would have to wait for."""
    if migrator is not None and migrator.session.state == "active":
        return None
    wanted = _wanted_locks(case)
    if not wanted:
        return None
    own = migrator.session.pid if migrator else -1
    gave_up = case.error is not None and case.error.timeout in ("lock", "statement")
    threshold = HELD_ON_S if gave_up else OLD_TRANSACTION_S
    best: Blocker | None = None
    for lock in waits.locks:
        if not lock.granted or lock.locktype != "relation" or lock.qualified is None or lock.pid == own:
            continue
        modes = wanted.get(lock.qualified, ())
        if not any(conflicts(mode, lock.mode) for mode in modes):
            continue
        candidate = _holder(waits, lock.pid, lock.qualified, lock.mode, threshold)
        if candidate is not None and (best is None or _age(candidate) > _age(best)):
            best = candidate
    for row in waits.prepared:
        for relation, mode in zip(row.relations, row.modes, strict=False):
            if any(conflicts(m, mode) for m in wanted.get(relation, ())):
                best = best or Blocker("prepared", False, relation, row.modes, prepared=row)
    return best


def _wanted_locks(case: Case) -> dict[str, set[str]]:
    """Modes by relation that the failing statement takes, or every statement of a migration that is yet to run."""
    if case.forecast is None:
        return _locks_of_error(case)
    statements = case.forecast.statements
    if case.failing is not None:
        statements = tuple(s for s in statements if s.index == case.failing.index)
    wanted: dict[str, set[str]] = {}
    for statement in statements:
        for lock in statement.locks:
            if lock.pre_existing:
                wanted.setdefault(lock.relation, set()).add(lock.mode)
    return wanted


def _locks_of_error(case: Case) -> dict[str, set[str]]:
    """Without files, the relation that a lock timeout names: whatever it asked for conflicts with what is held."""
    error = case.error
    side = case.production
    if error is None or error.timeout != "lock" or side is None or side.catalog is None:
        return {}
    name = error.subject.relation
    found = side.catalog.find(error.subject.schema, name) if name else None
    return {found.qualified: {"AccessExclusiveLock"}} if found else {}


def _holder(waits: Waits, pid: int | None, relation: str, mode: str, old_s: float) -> Blocker | None:
    if pid is None:
        return None
    session = waits.sessions.get(pid)
    if session is None or session.ours or (session.xact_age_s or 0.0) < old_s:
        return None
    return Blocker(kind_of(session), False, relation, (mode,), session)


def _age(blocker: Blocker) -> float:
    if blocker.prepared is not None:
        return blocker.prepared.age_s
    return (blocker.session.xact_age_s or 0.0) if blocker.session else 0.0


# -- records ------------------------------------------------------------------------------------------------------


def wait_fact(wait: Wait, *, is_migration: bool = False) -> dict[str, Any]:
    lock = wait.lock
    return {
        **session_fact(wait.session, is_migration=is_migration),
        "wait_s": round(wait.wait_s, 3),
        "locktype": lock.locktype if lock else "",
        "relation": (lock.qualified or "") if lock else "",
        "mode": lock.mode if lock else "",
        "blocked_by": list(wait.blocked_by),
    }


def _blocker_fact(blocker: Blocker, running: set[int]) -> dict[str, Any]:
    ours = blocker.session is not None and blocker.session.pid in running
    base = session_fact(blocker.session, is_migration=ours) if blocker.session else _prepared_fact(blocker.prepared)
    return {
        **base,
        "holds": list(blocker.holds),
        "relation": blocker.relation,
        "gid": blocker.prepared.gid if blocker.prepared else "",
    }


def _prepared_fact(row: PreparedTransactionRow | None) -> dict[str, Any]:
    assert row is not None
    return {
        "pid": PREPARED,
        "backend_start": "",
        "role": row.owner,
        "application_name": "",
        "state": "prepared",
        "query": "",
        "xact_age_s": row.age_s,
        "state_age_s": row.age_s,
        "wait_event_type": "",
        "wait_event": "",
        "backend_type": "prepared transaction",
        "client": "",
        "is_migration": False,
        "label": f"prepared transaction {row.gid}",
    }


# -- what people read -----------------------------------------------------------------------------------------------


def _blocker_text(blocker: Blocker) -> str:
    where = f" on {blocker.relation}" if blocker.relation else ""
    modes = ", ".join(lock_name(m) for m in blocker.holds) or "a lock"
    if blocker.prepared is not None:
        age = duration(blocker.prepared.age_s)
        return f"prepared transaction {blocker.prepared.gid} holds {modes}{where} for {age}"
    session = blocker.session
    assert session is not None
    age = f" for {duration(session.xact_age_s)}" if session.xact_age_s else ""
    return f"{session.pid} {label(session)} ({session.state or 'state hidden'}){age} holds {modes}{where}"


def _summary(
    waits: Waits, migrator: Migrator | None, blocker: Blocker | None, side: SideCase
) -> tuple[StepVerdict, str, str]:
    if migrator is not None and migrator.session.pid in waits.waits:
        wait = waits.waits[migrator.session.pid]
        behind = len(waits.behind(migrator.session.pid))
        text = f"the migration ({migrator.session.pid}) waits {duration(wait.wait_s)} for {wait.told}"
        if blocker is not None:
            text += f", behind {blocker.session.pid if blocker.session else blocker.prepared and blocker.prepared.gid}"
        text += f"; {plural(behind, 'session')} {'queues' if behind == 1 else 'queue'} behind it" if behind else ""
        return "attention", text, f"1+{behind}" if behind else "waits"
    if migrator is not None:
        behind = len(waits.behind(migrator.session.pid))
        if behind:
            return (
                "attention",
                f"the migration ({migrator.session.pid}) makes {plural(behind, 'session')} wait",
                f"{behind} wait",
            )
        return "attention", f"the migration runs now (pid {migrator.session.pid}), nobody waits for it", "running"
    if blocker is not None:
        return "attention", f"the migration would wait: {_blocker_text(blocker)}", "would wait"
    here = [w for w in waits.waits.values() if w.session.this_database]
    if here:
        n = len(here)
        what = "1 session waits for a lock, not" if n == 1 else f"{n} sessions wait for locks, none of them"
        return "differs", f"{what} on what the migration touches", f"{n} wait"
    if waits.waits:
        return "same", "nobody waits for a lock in this database", "none"
    return "same", "nobody waits for a lock", "none"


def _rows(
    case: Case, side: SideCase, waits: Waits, migrator: Migrator | None, blocker: Blocker | None
) -> list[ComparedRow]:
    local = Waits.of(case.local) if case.local is not None and case.local.ok("activity") else None
    rows = [
        ComparedRow(
            "waiting for locks",
            str(len(local.waits)) if local else None,
            str(len(waits.waits)),
            "matters" if waits.waits else "same",
        ),
        _idle_row(local, waits, blocker),
        ComparedRow(
            "prepared",
            str(len(local.prepared)) if local else None,
            str(len(waits.prepared)),
            "matters" if blocker and blocker.prepared else ("differs" if waits.prepared else "same"),
        ),
        ComparedRow(
            "advisory locks", str(_advisory(case.local)), str(_advisory(side)), "differs" if _advisory(side) else "same"
        ),
    ]
    if migrator is not None:
        wait = waits.waits.get(migrator.session.pid)
        state = "waits" if wait else (migrator.session.state or "state hidden")
        detail = f"{duration(wait.wait_s)} for {wait.told}: " if wait else ""
        query = shorten(hide_literals(migrator.session.query or "query hidden"), 80)
        rows.insert(0, ComparedRow("the migration", "-", f"{migrator.session.pid} {state}", "matters", detail + query))
    if blocker is not None:
        what = "behind" if blocker.now else "would wait for"
        who = blocker.prepared.gid if blocker.prepared else f"{blocker.session.pid if blocker.session else '?'}"
        rows.insert(1 if migrator else 0, ComparedRow(what, "-", who, "matters", _blocker_text(blocker)))
    if waits.hidden and side.identity is not None:
        rows.append(
            ComparedRow("hidden sessions", None, None, "unknown", GRANT_FOR_SESSIONS.format(role=side.identity.role))
        )
    return rows


def _idle_row(local: Waits | None, waits: Waits, blocker: Blocker | None) -> ComparedRow:
    def idle(of: Waits) -> list[SessionRow]:
        return [
            s
            for s in of.sessions.values()
            if (s.state or "").startswith("idle in transaction") and not s.ours and s.this_database
        ]

    here = idle(waits)
    text = str(len(here))
    first = oldest(here)
    if first is not None and first.xact_age_s:
        text += f", oldest {duration(first.xact_age_s)}"
    guilty = blocker is not None and blocker.kind == "idle_in_transaction"
    return ComparedRow(
        "idle in transaction",
        str(len(idle(local))) if local else None,
        text,
        "matters" if guilty else ("differs" if here else "same"),
        "" if guilty or not here else "not in this migration's way",
    )


def _advisory(side: SideCase | None) -> int:
    return len(side.rows("advisory_locks")) if side is not None else 0
