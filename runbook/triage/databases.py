"""CREATE, DROP and ALTER DATABASE: which database must have no sessions, and who is in it now."""

from __future__ import annotations

from runbook.migration import ast
from runbook.migration.model import Statement
from runbook.text import shorten
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault


def state(facts: Facts, case: Case, fault: AtFault | None) -> None:
    """State ``dependency.database`` and ``dependency.database_sessions``."""
    named = case.error.subject.database if case.error is not None and case.error.sqlstate == "55006" else None
    name = named or (_database(fault.statement) if fault is not None else "")
    facts.know("dependency.database", name, "named by the error" if named else "read from the statement")
    id_ = "dependency.database_sessions"
    side = case.production
    if side is None or not side.ok("activity"):
        facts.unknown(id_, side.why_not("activity") if side is not None else "no production side was given")
        return
    sessions = [
        {
            "pid": row.pid,
            "role": row.role or "",
            "application_name": row.application_name,
            "client": row.client or "",
            "state": row.state or "",
            "age_s": round(row.backend_age_s, 1) if row.backend_age_s is not None else None,
            "query": shorten(row.query or "", 120),
        }
        for row in side.rows("activity")
        if name and row.database == name and not row.ours
    ]
    facts.know(id_, sessions, f"{len(sessions)} now", side="production", readings="production/activity")


def _database(statement: Statement) -> str:
    """The database that has to be free of sessions; of CREATE DATABASE its template."""
    node = statement.node
    match ast.node_name(node) if node is not None else "":
        case "CreatedbStmt":
            return str(ast.options(node.options).get("template") or "template1")
        case "DropdbStmt":
            return str(node.dbname)
        case "RenameStmt" if ast.enum_name(node, "rename_type") == "OBJECT_DATABASE":
            return str(node.subname)
        case "AlterDatabaseStmt" if "tablespace" in ast.options(node.options):
            return str(node.dbname)
    return ""
