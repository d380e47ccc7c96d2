"""The CONNECTION LIMIT of a role or a database: which one was met, how much of it is used, and by whom.

Superusers are let in beyond either limit, and only sessions of clients count. Source: InitializeSessionUserId() in
src/backend/utils/init/miscinit.c, CheckMyDatabase() in postinit.c, CREATE ROLE and CREATE DATABASE.
"""

from __future__ import annotations

import re
from typing import Any

from runbook.postgres.rows import ConnectionsRow
from runbook.triage.case import Case, Facts, SideCase

_NUMBERS = ("login.limit", "login.limit_used", "login.limit_holders", "login.limit_full")
_NAME = re.compile(r"[\"«„“](?P<name>[^\"»“”]+)[\"»“”]")


def state(facts: Facts, case: Case) -> None:
    """State ``login.limit_*``."""
    side = case.production
    kind, name = _met(case)
    if not kind and side is not None and side.identity is not None:
        kind, name = _fullest(side)
    facts.know("login.limit_of", kind, "from the words of the refusal, or the limits that are set")
    facts.know("login.limit_name", name, "from the words of the refusal, or the limits that are set")
    if not kind:
        facts.know("login.limit", -1, "no limit was met, and none is set")
        facts.know("login.limit_full", False, "no limit was met, and none is set")
        facts.know("login.limit_holders", [], "no limit was met, and none is set")
        facts.unknown("login.limit_used", "no limit was met, and none is set")
        return
    if side is None or not (side.ok("connections") and side.ok("roles")):
        facts.unknown_all(list(_NUMBERS), side.why_not("connections") if side else "no production side was given")
        return
    rows = [r for r in side.rows("connections") if (r.role if kind == "role" else r.database) == name]
    limit, used = _limit(side, kind, name, rows), sum(r.count for r in rows) - _ours(side, kind, name)
    if limit is None:
        facts.unknown_all(list(_NUMBERS), f"no {kind} of that name is seen on the server that was looked at")
        return
    told = f"{used} sessions of {kind} {name}, limit {limit}"
    facts.know("login.limit", limit, told, readings="production/connections")
    facts.know("login.limit_used", used, told, readings="production/connections")
    facts.know("login.limit_full", 0 <= limit <= used, told, readings="production/connections")
    facts.know("login.limit_holders", [_shown(r) for r in rows[:20]], told, readings="production/connections")


def _met(case: Case) -> tuple[str, str]:
    """The limit that the error, or production's refusal of ourselves, speaks of."""
    error, side = case.error, case.production
    refusal = side.refusal if side is not None else None
    found = (error.refusal_kind or "", error.message) if error is not None else ("", "")
    if error is None and refusal is not None:
        found = refusal.kind, refusal.message
    kind = found[0].removesuffix("_connection_limit") if found[0].endswith("_connection_limit") else ""
    if not kind:
        return "", ""
    named = (error.subject.role if kind == "role" else error.subject.database) if error is not None else None
    quoted = [m["name"] for m in _NAME.finditer(found[1])]  # the last: libpq puts the address before it
    return kind, named or (quoted[-1] if quoted else "")


def _fullest(side: SideCase) -> tuple[str, str]:
    """The limit that the migration's role would meet: the role's own or the database's; none for a superuser."""
    identity, limits, role = side.identity, side.first("connection_limits"), side.first("role")
    if identity is None or limits is None or role is None or role.superuser:
        return "", ""
    if limits.role_limit >= 0 and limits.role_connections - _ours(side, "role", role.name) >= limits.role_limit:
        return "role", role.name
    used = limits.database_connections - _ours(side, "database", identity.database)
    if 0 <= limits.database_limit <= used:
        return "database", identity.database
    return "", ""


def _ours(side: SideCase, kind: str, name: str) -> int:
    """Sessions of this program among those that count: they are gone when the migration comes."""
    identity = side.identity
    if identity is None:
        return 0
    mine = identity.session_role if kind == "role" else identity.database
    others = sum(s.ours and (s.role if kind == "role" else s.database) == name for s in side.rows("activity"))
    return int(others + (mine == name))


def _limit(side: SideCase, kind: str, name: str, rows: list[ConnectionsRow]) -> int | None:
    if kind == "role":
        return next((int(r.connection_limit) for r in side.rows("roles") if r.name == name), None)
    if side.identity is not None and side.identity.database == name:
        return side.identity.database_connection_limit
    return next((r.database_limit for r in rows), None)


def _shown(row: ConnectionsRow) -> dict[str, Any]:
    return {
        "role": row.role or "",
        "database": row.database or "",
        "application_name": row.application_name,
        "state": row.state or "",
        "count": row.count,
    }
