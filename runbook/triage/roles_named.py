"""Roles that the migration names: which of them production lacks, and which one its own role may not become."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.model import Statement
from runbook.migration.needs import needs
from runbook.triage.case import Case, Facts, SideCase

_MAKES_ROLES = re.compile(r"\bcreate\s+(?:role|user|group)\b", re.I)


def state(facts: Facts, case: Case) -> None:
    """State every ``rights.role_*`` and ``rights.roles_*`` fact."""
    _state_wanted(facts, case)
    error = case.error
    gone = error is not None and not error.is_connection and error.sqlstate in ("42704", "22023")
    gone = gone and error is not None and error.subject.object_kind == "role" and bool(error.subject.role)
    facts.know("rights.role_not_there", gone, "from the refusal of the server")
    _state_absent(facts, case)


def _state_wanted(facts: Facts, case: Case) -> None:
    """The role to become, and how far the migration's role is a member of it."""
    wanted = _wanted(case)
    facts.know("rights.role_wanted", wanted or "", "from the refusal, or from the statement")
    row = case.production.first("role") if case.production is not None else None
    if row is None or not wanted:
        reason = "the migration's role was not read" if wanted else "no role has to be become"
        facts.unknown_all(["rights.role_is_member", "rights.role_inherits"], reason)
        return
    because = f"memberships of {row.name}"
    facts.know("rights.role_is_member", wanted in row.member_of, because, readings="production/role")
    facts.know("rights.role_inherits", wanted in row.usable_roles, because, readings="production/role")


def _wanted(case: Case) -> str | None:
    error = case.error
    if error is not None and error.sqlstate == "42501":
        if error.subject.object_kind == "role" and error.subject.role:
            return error.subject.role
        named = re.search(r'privileges of role "([^"]+)"', error.detail or "")
        if named:
            return named.group(1)
    production = case.production
    catalog = production.catalog if production is not None else None
    if catalog is None or catalog.is_assumed:
        return None
    only = (case.failing,) if case.failing is not None else (case.migration.statements if case.migration else ())
    for statement in only:
        for need in needs(statement, catalog):
            if need.kind == "membership" and need.name.name not in catalog.settable_roles:
                return need.name.name
    return None


def _state_absent(facts: Facts, case: Case) -> None:
    production = case.production
    if case.migration is None or production is None or not production.ok("roles"):
        reason = "no migration was given" if case.migration is None else "production's roles were not read"
        facts.unknown("rights.roles_absent", reason)
        return
    there, here = _names(production), _names(case.local)
    rows = [
        {
            "role": name,
            "on_local": None if here is None else name in here,
            "similar": sorted(r for r in there or () if r != name and _alike(r) == _alike(name)),
            "sql": statement.sql,
            "file": statement.file,
            "line": statement.line,
        }
        for name, statement in _absent(case, there or frozenset())
    ]
    facts.know("rights.roles_absent", rows, f"{len(rows)} roles are not there", readings="production/roles")


def _alike(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _names(side: SideCase | None) -> frozenset[str] | None:
    return frozenset(r.name for r in side.rows("roles")) if side is not None and side.ok("roles") else None


def _absent(case: Case, there: frozenset[str]) -> Iterator[tuple[str, Statement]]:
    """Each role that production lacks, once, with the first statement that names it and does not make it."""
    assert case.migration is not None
    makers, told = "", set()
    for statement in case.migration.statements:
        made = _made(statement)
        for name in _named(statement):
            # A role that an earlier statement may have made, also one in a DO block that only text can tell.
            if name in there or name.startswith("pg_") or name in told or name == made or _is_in(name, makers):
                continue
            told.add(name)
            yield name, statement
        if made or _MAKES_ROLES.search(statement.sql):
            makers += f" {statement.sql} {made or ''}"


def _is_in(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _made(statement: Statement) -> str | None:
    if ast.is_node(statement.node, "CreateRoleStmt"):
        return str(statement.node.role)
    if ast.is_node(statement.node, "RenameStmt") and ast.enum_name(statement.node, "rename_type") == "OBJECT_ROLE":
        return str(statement.node.newname)
    return None


def _named(statement: Statement) -> Iterator[str]:
    """Roles that the server looks up when it runs the statement."""
    node: Any = statement.node
    if node is None or (ast.is_node(node, "DropRoleStmt") and node.missing_ok):
        return
    for part in ast.walk(node):
        if ast.is_node(part, "RoleSpec") and ast.enum_name(part, "roletype") == "ROLESPEC_CSTRING":
            yield str(part.rolename)
    if ast.is_node(node, "GrantRoleStmt"):
        for item in node.granted_roles:
            yield str(ast.unwrap(item).priv_name)
    if ast.is_node(node, "VariableSetStmt") and node.name.lower() in ("role", "session_authorization"):
        for value in (ast.constant(a) for a in node.args):
            if isinstance(value, str) and value.lower() not in ("none", "default"):
                yield value
