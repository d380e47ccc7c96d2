"""Incidents as facts: a healthy pair with a migration about to run, and what is different in this one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from runbook.diagnosis.engine import Diagnosis, diagnose
from runbook.diagnosis.facts import Fact, FactBook
from runbook.diagnosis.vocabulary import BY_ID, SPECS
from runbook.playbook import Playbook, load

Group = Mapping[str, Any]

NEUTRAL = {"bool": False, "str": "", "list": [], "int": 0, "float": 0.0}
_NO_ERROR = {"framework": "none", "timeout": "none", "refusal": "none", "tool_condition": "none"}
_NO_ERROR |= {"privilege_problem": "none"}

HEALTHY_SIDE: Group = {
    "given": True,
    "reachable": True,
    "refusal": "none",
    "refusal_message": "",
    "name": "production",
    "host": "db-1",
    "port": 5432,
    "database": "shop",
    "role": "deploy",
    "version_num": 160004,
    "version": "16.4",
    "major": 16,
    "is_standby": False,
    "read_only_default": False,
    "read_only_source": "default",
    "superuser": False,
    "provider": "none",
    "pooler": "none",
    "timezone": "UTC",
    "encoding": "UTF8",
    "collation": "C.UTF-8",
    "search_path": ["public"],
    "extensions": {},
    "available_extensions": ["plpgsql"],
    "settings": {"statement_timeout": "0", "lock_timeout": "0"},
    "setting_sources": {},
    "statement_timeout_s": 0.0,
    "statement_timeout_source": "default",
    "lock_timeout_s": 0.0,
    "lock_timeout_source": "default",
    "idle_in_transaction_timeout_s": 0.0,
    "maintenance_work_mem_bytes": 64 << 20,
    "client_connection_check_interval_s": 0.0,
    "connections": 20,
    "connections_limit": 97,
    "max_connections": 100,
    "connections_by_role": [],
    "role_connections": 1,
    "role_connection_limit": -1,
    "replicas": [],
    "replication_lag_s": 0.0,
    "replication_lag_bytes": 0,
    "replication_conflicts": 0,
    "prepared_transactions": [],
    "invalid_indexes": [],
    "not_valid_constraints": [],
    "database_bytes": 1 << 33,
}
QUIET: Group = {
    "waiting": 0,
    "longest_wait_s": 0.0,
    "samples": 2,
    "migration_found": False,
    "migration_waits": False,
    "migration_active": False,
    "migration_idle": False,
    "blocker_kind": "none",
    "blocker_is_now": False,
    "chain_depth": 0,
    "queued_behind_migration": 0,
    "queue": [],
    "blocked_by_migration": 0,
    "blocked_by_migration_types": [],
    "blocked_relation": "",
    "other_chains": [],
    "migrators": 0,
}
HARMLESS: Group = {
    "given": True,
    "runner": "psql",
    "transaction_mode": "per_file",
    "statements": 1,
    "files": ["0007_add_note.sql"],
    "relations": ["public.orders"],
    "needs_newer": [],
    "unparsed": [],
    "creates_extensions": [],
    "drops_columns": [],
    "drops_relations": [],
    "forbidden_in_transaction": [],
    "rewrites_large": [],
    "scans_large": [],
    "builds_large": [],
    "backfills_large": [],
    "sets_lock_timeout": False,
}
NOTHING_MISSING: Group = {"missing": [], "missing_kinds": [], "missing_on_local": [], "unknown": []}
SAME_SCHEMA: Group = {"already_there": [], "not_there": [], "drift": [], "dependants": []}
CLEAN_HISTORY: Group = {
    "found": True,
    "dirty": False,
    "dirty_version": "",
    "pending": ["0007"],
    "unknown": [],
    "edited": [],
    "out_of_order": [],
    "only_local": [],
    "lock_held": False,
}

ADD_COLUMN: Group = {
    "known": True,
    "how": "error",
    "sql": "ALTER TABLE orders ADD COLUMN note text",
    "kind": "ALTER TABLE",
    "file": "0007_add_note.sql",
    "line": 1,
    "index": 1,
    "relation": "public.orders",
    "relation_name": "orders",
    "column": "note",
    "columns": ["note"],
    "constraint": "",
    "index_name": "",
    "index_relation": "",
    "referenced_relation": "",
    "referenced_columns": [],
    "check_expression": "",
    "new_type": "",
    "primary_key": ["id"],
    "lock_mode": "AccessExclusiveLock",
    "blocks_reads": True,
    "blocks_writes": True,
    "rewrites": [],
    "scans": [],
    "index_builds": [],
    "concurrently": False,
    "unique": False,
    "is_ddl": True,
    "is_backfill": False,
    "forbidden_in_transaction": False,
    "in_transaction": True,
    "seconds_likely": 0.01,
    "seconds_high": 0.1,
    "rows": 39_000_000,
    "rows_local": 30_000,
    "bytes": 11_000_000_000,
    "size_ratio": 1300.0,
    "safe_sql": [],
    "earlier": [],
}
"""What ``failing`` holds for a statement that only changes the catalog."""


def session(pid: int = 4182, **other: Any) -> dict[str, Any]:
    """A session as the vocabulary describes it: by default idle in transaction for 25 minutes."""
    blocker: dict[str, Any] = dict(BY_ID["locks.blocker"].sample)
    return {**blocker, "pid": pid, **other}


def migration_session(**other: Any) -> dict[str, Any]:
    found: dict[str, Any] = dict(BY_ID["locks.migration"].sample)
    return {**found, **other}


def wait(**other: Any) -> dict[str, Any]:
    found: dict[str, Any] = dict(BY_ID["locks.migration_wait"].sample)
    return {**found, **other}


def no_error() -> dict[str, Any]:
    """The neutral values that triage states when no error was given."""
    return {s.name: _NO_ERROR.get(s.name, NEUTRAL[s.type]) for s in SPECS if s.group == "error"}


def incident(*, servers: bool = True, files: bool = True, **groups: Group) -> FactBook:
    """Facts of an incident: a quiet, healthy pair, overridden group by group.

    ``servers`` False: nobody could look at either side. ``files`` False: no migration was given. An ``error`` group
    means that an error was given. ``None`` as a value makes a fact unknown.
    """
    facts: dict[str, Any] = {f"error.{k}": v for k, v in no_error().items()}
    if "error" in groups:
        facts["error.given"] = True
    base: list[tuple[str, Group]] = []
    if servers:
        base += [("production", HEALTHY_SIDE), ("local", {**HEALTHY_SIDE, "name": "local"}), ("locks", QUIET)]
    else:
        base += [("production", {"given": False}), ("local", {"given": False})]
    base.append(("migration", HARMLESS if files else {**HARMLESS, "given": False, "statements": 0, "files": []}))
    if servers and files:
        base += [("role", NOTHING_MISSING), ("schema", SAME_SCHEMA), ("history", CLEAN_HISTORY)]
    base.append(("failing", {"known": False}))
    for group, values in (*base, *groups.items()):
        facts |= {f"{group}.{name}": value for name, value in values.items()}
    return FactBook(Fact(id_, value, "test", "test", known=value is not None) for id_, value in facts.items())


@cache
def playbooks() -> dict[str, Playbook]:
    """Every shipped playbook; none may be broken."""
    found, errors = load()
    assert not errors, errors
    return found


def diagnosis(book: FactBook) -> Diagnosis:
    return diagnose(book, playbooks().values())


def suspects(book: FactBook) -> dict[str, str]:
    """Cause -> verdict, most probable first, of those that are proved, likely or possible."""
    return {c.id: c.verdict for c in diagnosis(book).suspects}


def first(book: FactBook) -> str | None:
    return next(iter(suspects(book)), None)


def verdict(book: FactBook, cause: str) -> str:
    return next(c.verdict for c in diagnosis(book).causes if c.id == cause)
