"""Row-level security that applies to the migration's role: rows it is not shown, and rows it may not add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runbook.migration import ast
from runbook.migration.ast import is_node
from runbook.migration.model import Migration, Statement
from runbook.postgres.rows import PolicyRow, RelationRow, RoleRow
from runbook.sql import quote_qualified
from runbook.triage.case import Case, Facts, SideCase

_COMMANDS = {"read": ("select", "r"), "insert": ("insert", "a"), "update": ("update", "w"), "delete": ("delete", "d")}
_WRITES = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CreateTableAsStmt", "CopyStmt")


def state(facts: Facts, case: Case) -> None:
    """State ``rights.row_security`` and ``rights.rls_setting_given``."""
    migration, side = case.migration, case.production
    given = migration is not None and any(
        is_node(s.node, "VariableSetStmt") and "." in s.node.name for s in migration.statements
    )
    facts.know("rights.rls_setting_given", given or _set_config(migration), "from the statements of the migration")
    if migration is None or side is None or not (side.ok("relations") and side.ok("policies") and side.first("role")):
        reason = "no migration was given" if migration is None else "production's policies or its role were not read"
        facts.unknown("rights.row_security", reason)
        return
    local = case.local
    there = {(r["object"], r["command"]) for r in _applying(migration, local)} if _readable(local) and local else set()
    rows = [{**row, "on_local": (row["object"], row["command"]) in there} for row in _applying(migration, side)]
    facts.know(
        "rights.row_security", rows, f"{len(rows)} uses of tables under row security", readings="production/policies"
    )


def _readable(side: SideCase | None) -> bool:
    return side is not None and side.ok("relations") and side.ok("policies") and side.first("role") is not None


def _set_config(migration: Migration | None) -> bool:
    return migration is not None and any("set_config(" in s.sql.lower() for s in migration.statements)


def _applying(migration: Migration, side: SideCase) -> Iterator[dict[str, Any]]:
    role: RoleRow = side.first("role")
    if role.superuser or role.bypass_rls or side.catalog is None:
        return
    by_name: Mapping[tuple[str, str], RelationRow] = {(r.schema, r.name): r for r in side.rows("relations")}
    policies: dict[int, list[PolicyRow]] = {}
    for policy in side.rows("policies"):
        policies.setdefault(policy.relation_oid, []).append(policy)
    mine = {"public", *role.usable_roles}
    changed: set[tuple[str, str]] = set()
    for statement in migration.statements:
        node: Any = statement.node
        if is_node(node, "VariableSetStmt") and node.name.lower() in ("role", "session_authorization"):
            return  # what comes after runs as a role whose policies were not looked at
        for key, command, letter in _uses(statement, side):
            if is_node(node, "AlterTableStmt", "CreatePolicyStmt", "AlterPolicyStmt", "DropStmt"):
                changed.add(key)
            row = by_name.get(key)
            if row is None or not letter or key in changed or not row.row_security:
                continue
            owns = row.owner in role.usable_roles
            if owns and not row.force_row_security:
                continue
            applying = [p for p in policies.get(row.oid, ()) if mine & set(p.roles)]
            letters = {letter, "r"} if letter in "wd" else {letter}  # an UPDATE with WHERE reads as well
            verdicts = [_let_through(applying, one) for one in sorted(letters)]
            if all(v == "all" for v in verdicts):
                continue
            yield {
                "object": quote_qualified(*key),
                "name": row.name,
                "command": command,
                "hides": command != "insert",
                "nothing": "nothing" in verdicts,
                "forced": row.force_row_security,
                "owner": row.owner,
                "owns": owns,
                "policies": [p.name for p in applying],
                "sql": statement.sql,
                "file": statement.file,
                "line": statement.line,
                "index": statement.index,
            }


def _let_through(policies: list[PolicyRow], letter: str) -> str:
    """What the policies that apply let through of a command: all, some, or nothing.

    Permissive ones add up, each restrictive one takes away; without a permissive one there is nothing.
    Source: "Row Security Policies" in the manual; get_policies_for_relation() in rowsecurity.c.
    """
    for_command = [p for p in policies if p.command in (letter, "*")]
    permissive = [p for p in for_command if p.permissive]
    if not permissive:
        return "nothing"

    def whole(p: PolicyRow) -> bool:
        return p.takes_all if letter == "a" else p.shows_all

    all_of_it = any(whole(p) for p in permissive) and all(whole(p) for p in for_command if not p.permissive)
    return "all" if all_of_it else "some"


def _uses(statement: Statement, side: SideCase) -> Iterator[tuple[tuple[str, str], str, str]]:
    """(relation, command, its letter in pg_policy.polcmd) of each use; no letter where only its definition changes."""
    node: Any = statement.node
    if node is None or side.catalog is None:
        return
    writes = is_node(node, *_WRITES)
    for use in ast.relations_used(node):
        found = side.catalog.find(use.name.schema, use.name.name)
        if found is None:
            continue
        command, letter = _COMMANDS.get(use.use, ("", ""))
        # A plain SELECT in a migration changes nothing; what an INSERT ... SELECT does not see is lost.
        yield found.key, command, letter if writes else ""
