"""Which session runs the migration right now, and which of its statements that is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.migration.model import Statement
from runbook.postgres.rows import SessionRow
from runbook.session.redaction import without_literals
from runbook.triage.case import Case
from runbook.triage.waits import DDL, DML, Waits, label

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)
MIGRATION_APPLICATION = re.compile(
    r"migrat|deploy|flyway|liquibase|alembic|prisma|goose|dbmate|knex|sequelize|sqitch|atlas|rake|release", re.I
)
_QUERY_CUT = 1000  # track_activity_query_size is 1024 by default: longer statements are seen cut


@dataclass(frozen=True, slots=True)
class Migrator:
    """A session that runs (or waits in, or idles in) the migration, and how we know."""

    session: SessionRow
    statement: Statement | None
    why: str


def find_migrators(case: Case, waits: Waits) -> list[Migrator]:
    """The sessions that run this migration on production now, the surest first."""
    sessions = [s for s in waits.sessions.values() if s.this_database and not s.ours and _is_client(s)]
    if case.migration is not None:
        found = [m for s in sessions if (m := _by_statement(case, s)) is not None]
        if found:
            return _surest_first(found, waits)
        return _surest_first(_by_lock(case, sessions, waits), waits)
    if case.error is not None and case.error.statement:
        wanted = normalise(case.error.statement)
        found = [
            Migrator(s, None, "it runs the statement of the error")
            for s in sessions
            if s.query and s.state != "idle" and _same(normalise(s.query), wanted)
        ]
        if found:
            return _surest_first(found, waits)
        return []
    if case.error is not None:
        return []
    return _surest_first(_by_kind(sessions, waits), waits)


def normalise(sql: str) -> str:
    """A statement without comments, case, white space and strings, for comparing what runs with what is in a file."""
    text = without_literals(_COMMENT.sub(" ", sql), numbers=False)
    return re.sub(r"\s+", " ", text).strip().rstrip(";").strip().lower()


def _is_client(session: SessionRow) -> bool:
    return session.backend_type in ("client backend", "")


def _by_statement(case: Case, session: SessionRow) -> Migrator | None:
    """The session's query is a statement of the migration, or a whole file sent as one string."""
    assert case.migration is not None
    if not session.query or session.state in (None, "idle"):
        return None
    query = normalise(session.query)
    if not query:
        return None
    for statement in case.migration.statements:
        text = normalise(statement.sql)
        if _same(query, text) and (DDL.match(text) or DML.match(text) or len(text) > 20):
            return Migrator(session, statement, f"it runs statement {statement.index} of the migration")
    inside = [s for s in case.migration.statements if len(normalise(s.sql)) > 12 and normalise(s.sql) in query]
    if len(inside) > 1 or (inside and DDL.match(inside[0].sql)):
        return Migrator(session, _running_of(inside, session), "it was sent a file of the migration as one string")
    return None


def _running_of(inside: list[Statement], session: SessionRow) -> Statement | None:
    """Of statements sent as one string nobody can see which one runs, unless there is just one that can take long."""
    return inside[0] if len(inside) == 1 else None


def _by_lock(case: Case, sessions: list[SessionRow], waits: Waits) -> list[Migrator]:
    """With queries hidden from us: who asks for a lock that this migration would ask for."""
    wanted = {
        (lock.relation, lock.mode)
        for statement in (case.forecast.statements if case.forecast else ())
        for lock in statement.locks
        if lock.pre_existing and lock.mode not in ("AccessShareLock", "RowShareLock", "RowExclusiveLock")
    }
    found = []
    for session in sessions:
        wait = waits.waits.get(session.pid)
        if session.query_hidden and wait and wait.lock and (wait.lock.qualified, wait.lock.mode) in wanted:
            found.append(Migrator(session, None, f"it waits for {wait.on}, as the migration would"))
    return found


def _by_kind(sessions: list[SessionRow], waits: Waits) -> list[Migrator]:
    """Without files: a session whose DDL waits, blocks others, or has run for some seconds."""
    found = []
    for session in sessions:
        query = session.query or ""
        if session.state in (None, "idle"):
            continue
        named = bool(MIGRATION_APPLICATION.search(f"{session.application_name} {session.role or ''}"))
        blocks = bool(waits.behind(session.pid))
        busy = session.state == "active" and ((session.query_age_s or 0) > 2 or session.pid in waits.waits)
        if DDL.match(query) and (busy or blocks or named):
            found.append(Migrator(session, None, "it runs DDL"))
        elif DML.match(query) and session.state == "active" and (blocks or (named and busy)):
            found.append(Migrator(session, None, f"it changes data as {label(session)} and others wait for it"))
    return found


def _same(query: str, text: str) -> bool:
    return query == text or (len(query) >= _QUERY_CUT and text.startswith(query[:_QUERY_CUT]))


def _surest_first(found: list[Migrator], waits: Waits) -> list[Migrator]:
    def sureness(m: Migrator) -> tuple[bool, int, float]:
        waiting = m.session.pid in waits.waits
        return (waiting or m.session.state == "active", len(waits.behind(m.session.pid)), m.session.xact_age_s or 0.0)

    return sorted(found, key=sureness, reverse=True)
