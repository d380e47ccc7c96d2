"""Step 1, versions: who and where the two servers are, and what they are made of."""

from __future__ import annotations

from runbook.postgres.rows import ConnectionLimitsRow, EncodingRow
from runbook.triage import pooling, target, version_words
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.model import ComparedRow, Mark, Step, StepVerdict

_STEP = ("versions", "Versions")

_FACTS = (
    "name",
    "host",
    "port",
    "database",
    "role",
    "version_num",
    "version",
    "major",
    "is_standby",
    "superuser",
    "provider",
    "pooler",
    "timezone",
    "encoding",
    "collation",
    "search_path",
    "extensions",
    "available_extensions",
    "connections",
    "connections_limit",
    "max_connections",
    "connections_by_role",
    "role_connections",
    "role_connection_limit",
    "replicas",
    "replication_lag_s",
    "replication_lag_bytes",
    "replication_conflicts",
    "prepared_transactions",
    "database_bytes",
)


def examine(case: Case) -> Step:
    facts = Facts("versions")
    for key in ("local", "production"):
        side: SideCase | None = getattr(case, key)
        _state_side(facts, key, side)
    version_words.state(facts, case)
    pooling.state(facts, case)
    target.state(facts, case)
    rows = tuple(_rows(case))
    verdict, summary, badge = _summary(case, rows)
    return Step(*_STEP, verdict, summary, badge, rows, tuple(facts.stated))


# -- facts --------------------------------------------------------------------------------------------------------


def _state_side(facts: Facts, key: str, side: SideCase | None) -> None:
    facts.know(f"{key}.given", side is not None, "a connection was given" if side else "no connection was given")
    if side is None:
        facts.unknown_all(
            [f"{key}.{n}" for n in ("reachable", "refusal", "refusal_message", *_FACTS)], f"no {key} side was given"
        )
        return
    facts.know(f"{key}.name", side.name, "as configured")
    facts.know(f"{key}.host", side.target.host or "", str(side.target))
    facts.know(f"{key}.port", side.target.port or 5432, str(side.target))
    identity = side.identity
    if side.refusal is not None or identity is None:
        message = side.refusal.message if side.refusal else side.why_not("identity")
        facts.know(f"{key}.reachable", False, message)
        facts.know(f"{key}.refusal", side.refusal.kind if side.refusal else "other", message)
        facts.know(f"{key}.refusal_message", message, message)
        facts.know(f"{key}.database", side.target.database or "", str(side.target))
        facts.know(f"{key}.role", side.role or side.target.role or "", str(side.target))
        already = {"name", "host", "port", "database", "role"}
        facts.unknown_all(
            [f"{key}.{n}" for n in _FACTS if n not in already], f"{side.name} cannot be reached: {message}"
        )
        return
    facts.know(f"{key}.reachable", True, f"connected to {side.target}")
    facts.know(f"{key}.refusal", "none", "it accepted our connection")
    facts.know(f"{key}.refusal_message", "", "it accepted our connection")
    role = side.role or identity.role
    known = {
        "database": identity.database,
        "role": role,
        "version_num": identity.server_version_num,
        "version": short_version(identity.server_version),
        "major": identity.server_version_num // 10000,
        "is_standby": identity.is_standby,
        "timezone": identity.timezone,
        "encoding": identity.encoding,
        "collation": identity.collation,
    }
    for name, value in known.items():
        facts.know(f"{key}.{name}", value, f"{name.replace('_', ' ')} of {side.name}", readings=f"{key}/identity")
    row = side.first("role")
    superuser = row.superuser if row is not None else (identity.superuser if role == identity.role else None)
    if superuser is None:
        facts.unknown(f"{key}.superuser", side.why_not("role"))
    else:
        facts.know(f"{key}.superuser", superuser, f"{role} is {'a' if superuser else 'no'} superuser")
    path = side.catalog.search_path if side.catalog else identity.schemas
    facts.know(f"{key}.search_path", [s for s in path if s != "pg_catalog"], "schemas that exist, in order")
    facts.know(f"{key}.provider", provider(side) or "none", "signs the server shows of itself")
    facts.know(f"{key}.pooler", pooler(side) or "none", "the backend we talk to is not the one that answered")
    _state_extensions(facts, key, side)
    _state_connections(facts, key, side)
    _state_replication(facts, key, side)


def _state_extensions(facts: Facts, key: str, side: SideCase) -> None:
    if side.ok("extensions"):
        installed = {e.name: {"version": e.version, "schema": e.schema} for e in side.rows("extensions")}
        facts.know(f"{key}.extensions", installed, f"{len(installed)} installed", readings=f"{key}/extensions")
    else:
        facts.unknown(f"{key}.extensions", side.why_not("extensions"))
    if side.ok("available_extensions"):
        names = sorted(e.name for e in side.rows("available_extensions"))
        facts.know(
            f"{key}.available_extensions", names, f"{len(names)} available", readings=f"{key}/available_extensions"
        )
    else:
        facts.unknown(f"{key}.available_extensions", side.why_not("available_extensions"))


def _state_connections(facts: Facts, key: str, side: SideCase) -> None:
    limits: ConnectionLimitsRow | None = side.first("connection_limits")
    if limits is None:
        facts.unknown_all(
            [
                f"{key}.{n}"
                for n in (
                    "connections",
                    "connections_limit",
                    "max_connections",
                    "role_connections",
                    "role_connection_limit",
                )
            ],
            side.why_not("connection_limits"),
        )
    else:
        because = f"{limits.client_connections} of {limits.ordinary_limit} connections are open"
        for name, value in (
            ("connections", limits.client_connections),
            ("connections_limit", limits.ordinary_limit),
            ("max_connections", limits.max_connections),
            ("role_connections", limits.role_connections),
            ("role_connection_limit", limits.role_limit),
        ):
            facts.know(f"{key}.{name}", value, because, readings=f"{key}/connection_limits")
    if side.ok("connections"):
        counted = [
            {"role": c.role or "", "application_name": c.application_name, "state": c.state or "", "count": c.count}
            for c in side.rows("connections")[:20]
        ]
        facts.know(f"{key}.connections_by_role", counted, "most first", readings=f"{key}/connections")
    else:
        facts.unknown(f"{key}.connections_by_role", side.why_not("connections"))


def _state_replication(facts: Facts, key: str, side: SideCase) -> None:
    if side.ok("replication"):
        replicas = [
            {
                "name": r.application_name,
                "state": r.state or "",
                "sync_state": r.sync_state or "",
                "replay_lag_s": r.replay_lag_s or 0.0,
                "lag_bytes": r.replay_lag_bytes or 0,
            }
            for r in side.rows("replication")
        ]
        hidden = any(r.replay_lag_bytes is None and r.state is None for r in side.rows("replication"))
        facts.know(f"{key}.replicas", replicas, f"{len(replicas)} standbys", readings=f"{key}/replication")
        if hidden:
            reason = "hidden from our role; pg_monitor would show it"
            facts.unknown_all([f"{key}.replication_lag_s", f"{key}.replication_lag_bytes"], reason)
        else:
            seconds = max((r["replay_lag_s"] for r in replicas), default=0.0)
            distance = max((r["lag_bytes"] for r in replicas), default=0)
            facts.know(f"{key}.replication_lag_s", seconds, "the largest replay lag", readings=f"{key}/replication")
            facts.know(f"{key}.replication_lag_bytes", distance, "the largest distance", readings=f"{key}/replication")
    else:
        facts.unknown_all(
            [f"{key}.{n}" for n in ("replicas", "replication_lag_s", "replication_lag_bytes")],
            side.why_not("replication"),
        )
    standby = side.first("standby")
    if standby is not None:
        facts.know(
            f"{key}.replication_conflicts",
            standby.conflicts_lock + standby.conflicts_snapshot,
            "queries cancelled by recovery since statistics were reset",
            readings=f"{key}/standby",
        )
    elif side.ok("standby"):
        facts.know(f"{key}.replication_conflicts", 0, "it is no standby", readings=f"{key}/standby")
    else:
        facts.unknown(f"{key}.replication_conflicts", side.why_not("standby"))
    if side.ok("prepared_transactions"):
        prepared = [
            {"gid": p.gid, "owner": p.owner, "database": p.database, "age_s": p.age_s, "relations": list(p.relations)}
            for p in side.rows("prepared_transactions")
        ]
        facts.know(
            f"{key}.prepared_transactions",
            prepared,
            f"{len(prepared)} prepared transactions",
            readings=f"{key}/prepared_transactions",
        )
    else:
        facts.unknown(f"{key}.prepared_transactions", side.why_not("prepared_transactions"))
    database = next((s for s in side.rows("space") if s.kind == "database"), None)
    if database is not None and database.bytes is not None:
        facts.know(f"{key}.database_bytes", database.bytes, "pg_database_size", readings=f"{key}/space")
    else:
        facts.unknown(f"{key}.database_bytes", side.why_not("space"))


def short_version(text: str) -> str:
    """``16.2 (Debian 16.2-1)`` -> ``16.2``."""
    return text.split()[0] if text.split() else text


_POOLERS = frozenset({"pgbouncer", "pgcat", "supavisor", "odyssey"})


def provider(side: SideCase) -> str | None:
    """The managed provider that the server shows signs of; the most specific one when several do."""
    # An extension's settings are no sign of a provider: TimescaleDB and Citus run anywhere.
    rows = [h for h in side.rows("provider") if not (h.kind == "setting" and h.hint in ("timescale", "citus"))]
    hints = [h.hint for h in rows if h.hint not in _POOLERS]
    for specific in ("aurora", "alloydb", "supabase", "neon", "heroku", "crunchy", "timescale"):
        if specific in hints:
            return specific
    return hints[0] if hints else None


def pooler(side: SideCase) -> str | None:
    if side.pooler:
        return side.pooler
    return next((h.hint for h in side.rows("provider") if h.hint in _POOLERS), None)


# -- what people read -----------------------------------------------------------------------------------------------


def _rows(case: Case) -> list[ComparedRow]:
    local, production = case.local, case.production
    rows: list[ComparedRow | None] = []
    for side in case.sides():
        if side.refusal is not None:
            where = {side.key: "cannot be reached"}
            rows.append(
                ComparedRow("connection", where.get("local"), where.get("production"), "matters", side.refusal.message)
            )
    needs = _needs_newer(case)
    rows.append(_row("server", _version(local), _version(production), "matters" if needs else None, needs))
    rows.append(
        _row(
            "standby",
            _standby(local),
            _standby(production),
            "matters" if production and production.identity and production.identity.is_standby else None,
        )
    )
    rows.append(_row("database", _identity(local, "database"), _identity(production, "database"), "info"))
    rows.append(_row("encoding", _identity(local, "encoding"), _identity(production, "encoding")))
    rows.append(_row("collation", _identity(local, "collation"), _identity(production, "collation")))
    rows.append(_collation_row(local, production))
    rows.append(_row("time zone", _identity(local, "timezone"), _identity(production, "timezone")))
    rows.append(_row("pooler", _name(local, pooler), _name(production, pooler)))
    rows.append(_row("provider", _name(local, provider), _name(production, provider)))
    rows.append(_row("connections", _connections(local), _connections(production), "info"))
    rows.extend(_extension_rows(case))
    kept = [r for r in rows if r is not None]
    order = {"matters": 0, "unknown": 1, "only_here": 2, "differs": 3, "same": 4, "info": 5}
    first, rest = kept[:1], kept[1:]
    return first + sorted(rest, key=lambda r: order[r.mark])


def _row(name: str, local: str | None, production: str | None, mark: Mark | None = None, why: str = "") -> ComparedRow:
    if mark is None:
        if local is None or production is None:
            mark = "info" if (local or production) else "unknown"
        else:
            mark = "same" if local == production else "differs"
    return ComparedRow(name, local, production, mark, why)


def _version(side: SideCase | None) -> str | None:
    return short_version(side.identity.server_version) if side and side.identity else None


def _standby(side: SideCase | None) -> str | None:
    if side is None or side.identity is None:
        return None
    return "standby, read-only" if side.identity.is_standby else "primary"


def _identity(side: SideCase | None, name: str) -> str | None:
    return str(getattr(side.identity, name)) if side and side.identity else None


def _name(side: SideCase | None, of: object) -> str | None:
    if side is None or side.identity is None:
        return None
    return (of(side) if callable(of) else None) or "none"


def _connections(side: SideCase | None) -> str | None:
    limits = side.first("connection_limits") if side else None
    return f"{limits.client_connections} / {limits.ordinary_limit}" if limits else None


def _collation_row(local: SideCase | None, production: SideCase | None) -> ComparedRow | None:
    """Only shown when the recorded collation version is not the actual one: indexes on text may be wrong then."""

    def off(side: SideCase | None) -> EncodingRow | None:
        rows = side.rows("encoding") if side else ()
        return next((r for r in rows if r.version_differs and (r.this_database or r.kind == "collation")), None)

    def text(row: EncodingRow | None) -> str:
        return f"recorded {row.recorded_version}, actual {row.actual_version}" if row else "agrees"

    if off(local) is None and off(production) is None:
        return None
    return ComparedRow(
        "collation version",
        text(off(local)),
        text(off(production)),
        "matters" if off(production) else "differs",
        "indexes on text may be out of order",
    )


def _extension_rows(case: Case) -> list[ComparedRow]:
    def installed(side: SideCase | None) -> dict[str, str] | None:
        if side is None or not side.ok("extensions"):
            return None
        return {e.name: f"{e.version} in {e.schema}" for e in side.rows("extensions")}

    local, production = installed(case.local), installed(case.production)
    rows = []
    for name in sorted({*(local or {}), *(production or {})} - {"plpgsql"}):
        here = None if local is None else local.get(name, "-")
        there = None if production is None else production.get(name, "-")
        mark: Mark | None = "only_here" if "-" in (here, there) else None
        rows.append(_row(f"extension {name}", here, there, mark))
    return rows


def _needs_newer(case: Case) -> str:
    """What the migration uses that production's version lacks, for the row's last column."""
    identity = case.production.identity if case.production else None
    if identity is None or case.migration is None:
        return ""
    from runbook.migration.versions import minimum_version

    for statement in case.migration.statements:
        for requirement in minimum_version(statement, case.production.catalog if case.production else None):
            if requirement.minimum > identity.server_version_num:
                return f"{requirement.feature} needs {requirement.minimum // 10000}"
    return ""


def _summary(case: Case, rows: tuple[ComparedRow, ...]) -> tuple[StepVerdict, str, str]:
    if not case.sides():
        return "skipped", "no server was given", ""
    refused = [s for s in case.sides() if s.refusal is not None]
    if refused:
        side = refused[0]
        message = side.refusal.message if side.refusal else ""
        return "attention", f"{side.name} cannot be reached: {message}", "refused"
    matters = [r for r in rows if r.mark == "matters"]
    local, production = _version(case.local), _version(case.production)
    if matters:
        first = matters[0]
        text = f"{first.name}: {first.why or first.production}"
        return "attention", text, f"{local or '?'} / {production or '?'}"
    if local is None or production is None:
        return "unknown", f"only one side: PostgreSQL {local or production}", local or production or "?"
    different = [r.name for r in rows if r.mark in ("differs", "only_here")]
    if local.split(".")[0] != production.split(".")[0]:
        return (
            "differs",
            f"local {local}, production {production}; nothing in the migration needs the newer one",
            "differs",
        )
    if different:
        return "differs", f"same major; different: {', '.join(different[:4])}", "differs"
    return "same", f"both sides run {production}", "same"
