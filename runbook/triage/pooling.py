"""A pooler between the migration and the server: whether there is one, how it lends, and what that does to a session."""

from __future__ import annotations

from typing import Any

from runbook.failure.pools import pool_of
from runbook.failure.report import ErrorReport
from runbook.triage import pooler_words
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.session_state import SessionState, session_state

_FROM_MIGRATION = ("pooling.session_state", "pooling.lost")
_NAMES = frozenset({"42P01", "3F000"})  # what a search path finds or does not
_NAMES_LEFT = _NAMES | {"42883", "42704"}


def state(facts: Facts, case: Case) -> None:
    """State every ``pooling.*`` fact that needs no sample of the sessions."""
    pooler_words.state(facts, case)
    _state_exhausted(facts, case)
    side = case.production
    between = _between(case)
    if between is None:
        facts.unknown_all(
            ["pooling.between", "pooling.mode"], side.why_not("identity") if side else "no production side was given"
        )
    else:
        told = (
            "the process that answers is not the one that our client was told of"
            if between
            else "the server itself answers"
        )
        facts.know("pooling.between", between, told, readings="production/pool")
        if not between:
            facts.know("pooling.mode", "none", told)
        elif (row := side.first("pool") if side else None) is not None and row.lends_by_transaction:
            facts.know(
                "pooling.mode",
                "transaction",
                "two clients at once were answered by one process",
                readings="production/pool",
            )
        else:
            facts.unknown("pooling.mode", "how the pooler lends its connections did not show")
    migration = case.whole or case.migration
    items = session_state(migration) if migration is not None and case.given else None
    if items is None:
        facts.unknown_all(list(_FROM_MIGRATION), "no migration was given")
    else:
        shown = [_shown(item) for item in items]
        facts.know("pooling.session_state", shown, f"{len(shown)} statements change the session")
        facts.know("pooling.lost", [s for s in shown if s["lost"]], "statements after them run in another transaction")
    left = _left(side, items or []) if between is not None else None
    if left is None:
        facts.unknown("pooling.left", side.why_not("pool") if side else "no production side was given")
    else:
        facts.know(
            "pooling.left", left, f"{len(left)} settings were left on pooled connections", readings="production/pool"
        )
    if between is None:
        facts.unknown("pooling.explains", "whether a pooler stands between is not known")
    elif not between or case.error is None:
        facts.know("pooling.explains", [], "no error was given" if between else "no pooler stands between")
    else:
        explains = _explains(case, case.error, items or [], left or [])
        facts.know("pooling.explains", explains, f"{len(explains)} of them account for the error")


def _state_exhausted(facts: Facts, case: Case) -> None:
    """Whose pool had no connection: by the error, or by production's refusal of ourselves where no error was given."""
    error, refusal = case.error, case.production.refusal if case.production is not None else None
    text = error.message if error is not None else (refusal.message if refusal is not None else "")
    facts.know("pooling.exhausted", pool_of(text), "from the words of the error, or of the refusal")


def _between(case: Case) -> bool | None:
    side, error = case.production, case.error
    refusal = side.refusal.kind if side is not None and side.refusal is not None else ""
    told = (error.refusal_kind or "") if error is not None else ""
    if refusal.startswith("pooler") or told.startswith("pooler"):
        return True
    if side is None or side.identity is None:
        return None
    return side.pooler is not None


def _shown(item: SessionState) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "name": item.name,
        "value": item.value,
        "sql": item.statement.sql,
        "file": item.statement.file,
        "line": item.statement.line,
        "lost": item.lost,
        "stays": item.stays,
    }


def _left(side: SideCase | None, items: list[SessionState]) -> list[dict[str, Any]] | None:
    """What the pooled connections were found to hold; nothing where the server itself answers."""
    if side is None or side.identity is None:
        return None
    row = side.first("pool")
    if row is None:
        return [] if side.pooler is None else None
    ours = {item.name for item in items if item.stays}
    return [
        {"name": name, "value": value, "of_migration": name.lower() in ours} for name, value in sorted(row.left.items())
    ]


def _explains(
    case: Case, error: ErrorReport, items: list[SessionState], left: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The lost and the left that the error follows from."""
    found = []
    for item in items:
        before = case.failing is None or case.failing.index > item.statement.index
        if item.lost and before and _follows(case, error, item.kind, item.name, item.value):
            found.append({"how": "lost", **_shown(item)})
    for entry in left:
        if _follows(case, error, "setting", entry["name"].lower(), None):
            found.append({"how": "left", "kind": "setting", "sql": "", "file": "", "line": 0} | entry)
    return found


def _follows(case: Case, error: ErrorReport, kind: str, name: str, wanted: str | None) -> bool:
    """Whether ``error`` comes of this not being in force (``wanted``: what it should be), or being in force for others."""
    if kind == "temporary table":
        return error.sqlstate == "42P01" and error.subject.relation == name
    if kind == "cursor":
        return error.sqlstate == "34000"
    if kind == "role":
        return error.sqlstate == "42501"
    match name:
        case "statement_timeout" | "lock_timeout":
            return error.timeout == name.removesuffix("_timeout")
        case "idle_in_transaction_session_timeout":
            return error.timeout == "idle_in_transaction"
        case "default_transaction_read_only":
            return error.sqlstate == "25006"
        case "row_security":
            return error.sqlstate == "42501" and wanted is None
        case "search_path":
            if wanted is None:
                return error.sqlstate in _NAMES_LEFT
            return error.sqlstate in _NAMES and _there(case, error, wanted)
        case _:
            return False


def _there(case: Case, error: ErrorReport, path: str) -> bool:
    """With that search path the relation of the error would have been found, as far as production's catalog is known."""
    name, side = error.subject.relation, case.production
    if name is None or error.subject.schema is not None or side is None or side.catalog is None:
        return error.sqlstate == "3F000"
    schemas = [s.strip().strip('"') for s in path.split(",")]
    return any(side.catalog.find(schema, name) is not None for schema in schemas if schema)
