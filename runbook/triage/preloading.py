"""Libraries that have to be in shared_preload_libraries before their extension works: what needs one, and who has it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runbook.migration import ast
from runbook.migration.model import Statement
from runbook.postgres.rows import SettingRow
from runbook.triage.case import Case, Facts, SideCase

_LIBRARY = re.compile(
    r'(?:^|\s)["„«]?(\w+)["“»]? (?:must|can only) be (?:loaded via|preloaded)|extension "(\w+)" must be preloaded'
)
_SETTING = "shared_preload_libraries"

_RUNS: dict[str, frozenset[str]] = {
    "pg_stat_statements": frozenset({"pg_stat_statements", "pg_stat_statements_info", "pg_stat_statements_reset"}),
}
"""Library -> its functions and views that refuse to run without it. Source: pg_stat_statements.c; measured on 12-18."""

_CREATES = frozenset({"pg_cron", "citus", "timescaledb", "pgaudit"})
"""Extensions whose library refuses to be loaded at all, so that CREATE EXTENSION fails: the _PG_init of each."""

_ONLY_WRITTEN_DOWN = (
    "ViewStmt",
    "CreateFunctionStmt",
    "DoStmt",
    "CreateTrigStmt",
    "RuleStmt",
    "GrantStmt",
    "CommentStmt",
)
"""Statements that name what they do not run."""


def state(facts: Facts, case: Case) -> None:
    """State what the group ``extension`` says of preloaded libraries."""
    for key, id_ in (("production", "extension.preloaded"), ("local", "extension.preloaded_local")):
        side: SideCase | None = getattr(case, key)
        names = _preloaded(side)
        if names is None:
            why = (
                f"no {key} side was given"
                if side is None
                else f"{_SETTING} is not shown to our role, or {side.why_not('settings')}"
            )
            facts.unknown(id_, why)
        else:
            facts.know(id_, names, f"{_SETTING} has {len(names)}", readings="settings")
    side = case.production
    row = _row(side)
    if row is None:
        facts.unknown("extension.preload_pending", f"production does not show {_SETTING}")
    else:
        facts.know("extension.preload_pending", row.pending_restart, "pg_settings.pending_restart", readings="settings")
    here = _preloaded(side)
    used = [(library, s) for s in _statements(case) for library in _needs(s) if here is None or library not in here]
    said = _said(case)
    library = said or next((library for library, _ in used if here is not None), "")
    facts.know("extension.library", library, "the error says so" if said else "by what the migration runs")
    rows = [{"sql": s.sql, "file": s.file, "line": s.line} for found, s in used if found == library]
    facts.know("extension.library_used", rows, f"{len(rows)} statements")


def _row(side: SideCase | None) -> SettingRow | None:
    rows: tuple[SettingRow, ...] = side.rows("settings") if side is not None else ()
    return next((r for r in rows if r.name == _SETTING), None)


def _preloaded(side: SideCase | None) -> list[str] | None:
    """The libraries' bare names; None where the setting is not shown (it takes pg_read_all_settings)."""
    row = _row(side)
    if row is None:
        return None
    parts = (part.strip().strip('"').rpartition("/")[2].removesuffix(".so") for part in row.value.split(","))
    return [part for part in parts if part]


def _said(case: Case) -> str:
    """The library that the error asks for. The setting's name stands in the message in every language."""
    error = case.error
    if error is None or (_SETTING not in error.message and "preloaded" not in error.message):
        return ""
    if error.subject.extension:
        return error.subject.extension
    found = _LIBRARY.search(error.message)
    return (found[1] or found[2]).lower() if found is not None else ""


def _needs(statement: Statement) -> Iterator[str]:
    """The libraries that a statement runs."""
    node = statement.node
    if node is None or ast.is_node(node, *_ONLY_WRITTEN_DOWN):
        return
    if ast.is_node(node, "CreateExtensionStmt"):
        if node.extname in _CREATES:
            yield node.extname
        return
    names = {use.name.name for use in ast.relations_used(node)} | {c.name.name for c in ast.functions_used(node)}
    for library, runs in _RUNS.items():
        if names & runs:
            yield library


def _statements(case: Case) -> tuple[Statement, ...]:
    return case.migration.statements if case.migration is not None else ()
