"""Tablespaces, collations, foreign servers and user mappings: what the migration or the error names, on both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.failure.report import ErrorReport
from runbook.migration import ast
from runbook.postgres.rows import NamedObjectRow
from runbook.triage.case import Case, Facts, SideCase
from runbook.triage.failing import AtFault

# Source: get_tablespace_oid (tablespace.c), get_collation_oid (namespace.c), report_newlocale_failure (pg_locale.c),
# GetForeignServerByName, GetForeignDataWrapperByName, GetUserMapping (foreign.c).
_MESSAGES = (
    ("tablespace", re.compile(r'[Tt]ablespace "(?P<name>.+?)" does not exist')),
    ("collation", re.compile(r'collation "(?P<name>.+?)" (?:for encoding ".+?" )?does not exist')),
    ("collation", re.compile(r'could not create locale "(?P<name>.+?)"')),
    ("foreign-data wrapper", re.compile(r'foreign-data wrapper "(?P<name>.+?)" does not exist')),
    ("user mapping", re.compile(r'user mapping not found for (?:user )?"(?P<role>.+?)"(?:, server "(?P<name>.+?)")?$')),
    ("server", re.compile(r'^server "(?P<name>.+?)" does not exist')),
)
_SQLSTATES = ("42704", "22023", "0A000")
_ALWAYS = frozenset({"default", "C", "POSIX", "ucs_basic", "pg_default", "pg_global"})
_SIMILAR = 6


def state(facts: Facts, case: Case, fault: AtFault | None) -> None:
    """State ``dependency.named``."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for kind, name in _from_error(case.error) if case.error is not None else ():
        found[kind, name] = _row(kind, name, case, in_error=True)
    if case.error is None:
        statements = case.migration.statements if case.migration is not None else ()
    else:
        statements = (fault.statement,) if fault is not None else ()
    made = {key for s in statements if s.node is not None for key in _made(s.node)}
    for statement in statements:
        for kind, name in _used(statement.node) if statement.node is not None else ():
            if (kind, name) not in found and (kind, name) not in made and name not in _ALWAYS:
                found[kind, name] = _row(kind, name, case, in_error=_speaks_of(case.error, name))
    side = case.production
    if not found and case.error is None and side is not None and not side.ok("named_objects"):
        facts.unknown("dependency.named", side.why_not("named_objects"))
        return
    facts.know(
        "dependency.named",
        list(found.values()),
        f"{len(found)} are named",
        side="production",
        readings="production/named_objects local/named_objects",
    )


def _row(kind: str, name: str, case: Case, *, in_error: bool) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "in_error": in_error,
        "on_production": _has(case.production, kind, name),
        "on_local": _has(case.local, kind, name),
        "similar": _similar(case.production, kind, name),
    }


def _has(side: SideCase | None, kind: str, name: str) -> bool | None:
    """Whether the side has it; None where that was not read (ICU's own collations are not)."""
    if side is None or not side.ok("named_objects") or (kind == "collation" and name.endswith("-x-icu")):
        return None
    return any(r.kind == kind and r.name == name for r in side.rows("named_objects"))


def _similar(side: SideCase | None, kind: str, name: str) -> list[str]:
    """What production has in its place: of collations those that spell alike, else all that are not PostgreSQL's own."""
    rows: list[NamedObjectRow] = [r for r in (side.rows("named_objects") if side else ()) if r.kind == kind]
    if kind == "collation":
        return sorted({r.name for r in rows if _letters(r.name) == _letters(name) and r.name != name})[:_SIMILAR]
    return sorted({r.name for r in rows if r.name not in _ALWAYS and r.name != name})[:_SIMILAR]


def _letters(collation: str) -> str:
    """fr_FR.utf8, fr_FR.UTF-8 and fr-FR-x-icu are one."""
    text = collation.lower().removesuffix("-x-icu").partition(".")[0]
    return re.sub(r"[^a-z0-9]", "", text)


def _from_error(error: ErrorReport) -> Iterator[tuple[str, str]]:
    if error.sqlstate not in _SQLSTATES:
        return
    for kind, pattern in _MESSAGES:
        match = pattern.search(error.message) or pattern.search(error.detail or "")
        if match is not None:
            yield kind, match["name"] or match["role"]
            return


def _speaks_of(error: ErrorReport | None, name: str) -> bool:
    """Whether the error quotes the name, in whatever language."""
    return error is not None and error.sqlstate in _SQLSTATES and f'"{name}"' in f"{error.message} {error.detail or ''}"


def _used(node: Any) -> Iterator[tuple[str, str]]:
    """(kind, name) of everything of these kinds that a statement names and does not make."""
    top = ast.node_name(node)
    for part in ast.walk(node):
        match ast.node_name(part):
            case "IndexStmt":
                yield from _one("tablespace", part.table_space)
            case "CreateStmt":
                yield from _one("tablespace", part.tablespacename)
            case "IntoClause":
                yield from _one("tablespace", part.table_space_name)
            case "AlterTableMoveAllStmt":
                yield from _one("tablespace", part.new_tablespacename)
            case "AlterTableCmd" if ast.enum_name(part, "subtype") == "AT_SetTableSpace":
                yield from _one("tablespace", part.name)
            case "CollateClause":
                yield from _one("collation", *ast.strings(part.collname)[-1:])
            case "IndexElem":
                yield from _one("collation", *ast.strings(part.collation)[-1:])
            case "CreateForeignTableStmt" | "CreateUserMappingStmt" | "AlterForeignServerStmt":
                yield from _one("server", part.servername)
            case "ImportForeignSchemaStmt":
                yield from _one("server", part.server_name)
            case "CreateForeignServerStmt":
                yield from _one("foreign-data wrapper", part.fdwname)
    if top in ("CreatedbStmt", "AlterDatabaseStmt"):
        yield from _one("tablespace", ast.options(node.options).get("tablespace"))
    elif top == "VariableSetStmt" and node.name == "default_tablespace" and node.args:
        yield from _one("tablespace", ast.constant(node.args[0]))


def _one(kind: str, *names: object) -> Iterator[tuple[str, str]]:
    yield from ((kind, name) for name in names if isinstance(name, str) and name)


def _made(node: Any) -> Iterator[tuple[str, str]]:
    match ast.node_name(node):
        case "CreateTableSpaceStmt":
            yield "tablespace", node.tablespacename
        case "DefineStmt" if ast.enum_name(node, "kind") == "OBJECT_COLLATION":
            yield "collation", ast.strings(node.defnames)[-1]
        case "CreateForeignServerStmt":
            yield "server", node.servername
        case "CreateFdwStmt":
            yield "foreign-data wrapper", node.fdwname
        case "CreateExtensionStmt":
            yield "foreign-data wrapper", node.extname
