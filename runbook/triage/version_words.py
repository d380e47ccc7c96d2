"""Words that a statement uses and that the majors of the two servers understand differently: settings, keywords, removals."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from runbook.failure.report import ErrorReport
from runbook.migration import ast
from runbook.migration import versions_data as data
from runbook.migration.model import Statement
from runbook.migration.versions import changed_keywords, removals
from runbook.triage.case import Case, Facts, SideCase

# Read out of the servers 12-18: columns of system catalogs and views that a later major lacks.
GONE_COLUMNS: Mapping[tuple[str, str], int] = {
    ("pg_stat_wal_receiver", "received_lsn"): 13,
    ("pg_stat_ssl", "compression"): 14,
    ("pg_database", "datlastsysoid"): 15,
    ("pg_collation", "colliculocale"): 17,
    ("pg_database", "daticulocale"): 17,
    ("pg_stat_bgwriter", "buffers_backend"): 17,
    ("pg_stat_bgwriter", "buffers_backend_fsync"): 17,
    ("pg_stat_bgwriter", "buffers_checkpoint"): 17,
    ("pg_stat_bgwriter", "checkpoint_sync_time"): 17,
    ("pg_stat_bgwriter", "checkpoint_write_time"): 17,
    ("pg_stat_bgwriter", "checkpoints_req"): 17,
    ("pg_stat_bgwriter", "checkpoints_timed"): 17,
    ("pg_stat_progress_vacuum", "max_dead_tuples"): 17,
    ("pg_stat_progress_vacuum", "num_dead_tuples"): 17,
    ("pg_attribute", "attcacheoff"): 18,
    ("pg_backend_memory_contexts", "parent"): 18,
    ("pg_stat_io", "op_bytes"): 18,
    ("pg_stat_wal", "wal_sync"): 18,
    ("pg_stat_wal", "wal_sync_time"): 18,
    ("pg_stat_wal", "wal_write"): 18,
    ("pg_stat_wal", "wal_write_time"): 18,
}
ANYCOMPATIBLE = frozenset(
    {"array_append", "array_prepend", "array_cat", "array_position", "array_positions", "array_remove", "array_replace"}
)
"""Take anycompatible types since 14, anyarray before: an aggregate or operator over the old signature is not found.
Source: 14 release notes, "Migration to Version 14"; asked of the servers."""

_TOKEN = re.compile(r'at or near "([^"]+)"')


def state(facts: Facts, case: Case) -> None:
    """State every ``versions.*`` fact."""
    here, there = _version(case.local), _version(case.production)
    _state_setting(facts, case)
    if there is None:
        facts.unknown_all(
            ["versions.removed", "versions.error_removed", "versions.error_since"], "production's version"
        )
        facts.unknown_all(["versions.keyword", "versions.keyword_reserved_by"], "production's version is not known")
        return
    rows = [row for row in _removed(case) if there // 10000 >= row["since"] and (here or 0) // 10000 < row["since"]]
    facts.know("versions.removed", rows, "compared with what newer majors removed", readings="production/identity")
    feature, since = _of_error(case.error) if case.error is not None else ("", 0)
    told = since and there // 10000 >= since and (here or 0) // 10000 < since
    facts.know("versions.error_removed", feature if told else "", "from the error", readings="production/identity")
    facts.know("versions.error_since", since if told else 0, "from the error", readings="production/identity")
    if here is None:
        facts.unknown_all(["versions.keyword", "versions.keyword_reserved_by"], "local's version is not known")
        return
    word, by = _keyword(case, here, there)
    facts.know("versions.keyword", word, "the words that the two majors reserve were compared")
    facts.know("versions.keyword_reserved_by", by, "the words that the two majors reserve were compared")


def _version(side: SideCase | None) -> int | None:
    return side.identity.server_version_num if side is not None and side.identity is not None else None


def _state_setting(facts: Facts, case: Case) -> None:
    error = case.error
    name = error.subject.setting if error is not None and error.sqlstate == "42704" else None
    facts.know("versions.setting", name or "", "from the error")
    facts.know("versions.setting_since", data.ADDED_SETTINGS.get(name or "", 0), "settings of the servers 12-18")
    facts.know("versions.setting_until", data.REMOVED_SETTINGS.get(name or "", 0), "settings of the servers 12-18")
    local = case.local
    if local is None or not local.ok("settings") or not name:
        facts.unknown("versions.setting_on_local", "local's settings were not read" if name else "no setting is named")
    else:
        known = any(s.name.lower() == name.lower() for s in local.rows("settings"))
        facts.know("versions.setting_on_local", known, "settings of local", side="local", readings="local/settings")


def _removed(case: Case) -> Iterator[dict[str, Any]]:
    for statement in case.migration.statements if case.migration is not None else ():
        catalog = case.production.catalog if case.production is not None else None
        found: list[tuple[str, str, int, str]] = [
            (r.feature, r.kind, r.since // 10000, r.sqlstate) for r in removals(statement, catalog)
        ]
        found += [(f"{t}.{c}", "column", since, "42703") for (t, c), since in _gone_columns(statement)]
        for feature, kind, since, sqlstate in found:
            yield {
                "feature": feature,
                "kind": kind,
                "since": since,
                "sqlstate": sqlstate,
                "file": statement.file,
                "line": statement.line,
                "sql": statement.sql,
            }


def _gone_columns(statement: Statement) -> Iterator[tuple[tuple[str, str], int]]:
    if statement.node is None:
        return
    tables = {u.name.name for u in ast.relations_used(statement.node)}
    if not any(t.startswith("pg_") for t in tables):
        return
    columns = {parts[-1] for parts in ast.columns_used(statement.node)}
    for (table, column), since in GONE_COLUMNS.items():
        if table in tables and column in columns:
            yield (table, column), since


def _of_error(error: ErrorReport) -> tuple[str, int]:
    """What the error says is not there and a major took away, and which."""
    subject = error.subject
    function = (subject.function or "").lower()
    if error.sqlstate == "42883" and function in data.REMOVED_FUNCTIONS:
        return function, data.REMOVED_FUNCTIONS[function]
    if error.sqlstate == "42883" and function in ANYCOMPATIBLE and "anyarray" in (subject.function_signature or ""):
        return subject.function_signature or function, 14
    if error.sqlstate == "42703" and subject.column:
        since = [v for (_, column), v in GONE_COLUMNS.items() if column == subject.column]
        if since:
            return subject.column, since[0]
    if error.sqlstate == "42704" and (subject.type or "") in data.REMOVED_TYPES:
        return subject.type or "", data.REMOVED_TYPES[subject.type or ""]
    return "", 0


def _keyword(case: Case, here: int, there: int) -> tuple[str, str]:
    """A word that one major reserves more than the other and that a piece stumbles over; and which side reserves it."""
    texts: list[str] = []
    error = case.error
    if error is not None:
        if error.sqlstate != "42601":
            return "", ""
        token = error.subject.token or ""
        texts.append(token)
        if token in ("(", ")", ",", ".", "=") and (error.statement or case.failing):
            texts.append(error.statement or (case.failing.sql if case.failing else ""))
    else:
        problems = case.migration.problems if case.migration is not None else ()
        texts += [m[1] for p in problems if (m := _TOKEN.search(p.message))]
    for text in texts:
        for use in changed_keywords(text, here, there):
            before, after = _strength(use.before), _strength(use.after)
            if before != after:
                return use.word, "production" if after > before else "local"
    return "", ""


def _strength(category: str) -> int:
    return {"-": 0, "U": 0, "C": 1, "T": 1, "R": 2}.get(category, 0)
