"""Relations that the migration makes, and the grants that those beside them have and they lack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runbook.migration import ast
from runbook.migration.ast import enum_name, is_node
from runbook.migration.model import Statement
from runbook.postgres.rows import RelationRow
from runbook.sql import quote_ident, quote_qualified
from runbook.triage.case import Case, Facts, SideCase

_TABLES = frozenset("rpvmf")
_WORDS = {"S": "SEQUENCE", "v": "VIEW", "m": "MATERIALIZED VIEW"}

Grants = Mapping[int, Mapping[str, frozenset[str]]]
"""Relation's oid -> grantee -> privileges."""


@dataclass(frozen=True, slots=True)
class _New:
    """A relation to come, or one that is there: ``row``. ``granted`` is what others may do with it."""

    schema: str
    name: str
    kind: str
    owner: str
    row: RelationRow | None
    granted: Mapping[str, frozenset[str]]


def state(facts: Facts, case: Case) -> None:
    """State ``rights.new_objects`` and ``rights.error_object_is_new``."""
    side = case.production
    ids = ["rights.new_objects", "rights.error_object_is_new"]
    if side is None or side.catalog is None or not (side.ok("relations") and side.ok("grants")):
        reason = "no production side was given" if side is None else side.why_not("grants")
        facts.unknown_all(ids, reason)
        return
    found = list(_new(case, side))
    rows = [r for r in (_record(new, side, {f.row.oid for f in found if f.row is not None}) for new in found) if r]
    facts.know("rights.new_objects", rows, f"{len(rows)} lack grants", readings="production/grants")
    error = case.error
    named = error.subject.relation if error is not None and error.sqlstate == "42501" else None
    is_new = any(r["exists"] and r["name"] == named for r in rows)
    facts.know("rights.error_object_is_new", is_new, "compared with the relations beside it")


def _new(case: Case, side: SideCase) -> Iterator[_New]:
    """What the migration makes, with the sequences it brings; else the error's relation, if it is the newest there."""
    relations: tuple[RelationRow, ...] = side.rows("relations")
    by_name = {(r.schema, r.name): r for r in relations}
    grants = _grants(side)
    told = set()
    for schema, name, kind, maker, granted in _made(case, side):
        row = by_name.get((schema, name))
        told.add((schema, name))
        if row is None:
            yield _New(schema, name, kind, maker, None, granted)
            continue
        yield _New(schema, name, row.kind, row.owner, row, grants.get(row.oid, {}))
        assert side.catalog is not None
        for key in side.catalog.owned_sequences.get((schema, name), ()):
            sequence = by_name.get(key)
            if sequence is not None:
                yield _New(*key, "S", sequence.owner, sequence, grants.get(sequence.oid, {}))
    error = case.error
    if case.given or error is None or error.sqlstate != "42501" or not error.subject.relation:
        return
    for row in relations:
        beside = [r for r in relations if r.schema == row.schema and _class(r.kind) == _class(row.kind) and r != row]
        newest = bool(beside) and row.oid > max(r.oid for r in beside)
        if row.name == error.subject.relation and newest and (row.schema, row.name) not in told:
            yield _New(row.schema, row.name, row.kind, row.owner, row, grants.get(row.oid, {}))


def _class(kind: str) -> str:
    return "r" if kind in _TABLES else kind


def _grants(side: SideCase) -> Grants:
    found: dict[int, dict[str, frozenset[str]]] = {}
    for row in side.rows("grants"):
        found.setdefault(row.relation_oid, {})[row.grantee] = frozenset(row.privileges)
    return found


def _made(case: Case, side: SideCase) -> Iterator[tuple[str, str, str, str, Mapping[str, frozenset[str]]]]:
    """(schema, name, kind, who makes it, what will be granted on it) of each relation that the migration makes."""
    if not case.given or case.migration is None or side.catalog is None:
        return
    statements = (case.whole or case.migration).statements
    if any(is_node(s.node, "AlterDefaultPrivilegesStmt") for s in statements):
        return
    role, path = side.catalog.role, side.catalog.search_path
    for statement in statements:
        node: Any = statement.node
        if is_node(node, "VariableSetStmt") and node.name.lower() == "role":
            value = ast.constant(node.args[0]) if node.args else None
            role = value if isinstance(value, str) and value != "none" else side.catalog.role
        made = _target(node)
        if made is None:
            continue
        target, kind = made
        name = ast.relation_name(target)
        schema = name.schema or next(iter(path), None)
        if schema is None or target.relpersistence == "t":
            continue
        granted = {**_by_default(side, role, schema)}
        for grantee, privileges in _by_statement(statements, schema, name.name, path):
            granted[grantee] = granted.get(grantee, frozenset()) | privileges
        yield schema, name.name, kind, role, granted


def _target(node: Any) -> tuple[Any, str] | None:
    if is_node(node, "CreateStmt") and not node.HasField("partbound"):
        return node.relation, "r"
    if is_node(node, "CreateTableAsStmt"):
        return node.into.rel, "r"
    if is_node(node, "ViewStmt"):
        return node.view, "v"
    return None


def _by_default(side: SideCase, role: str, schema: str) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for row in side.rows("default_privileges"):
        if row.creator == role and row.object_type == "r" and row.schema in (None, schema) and row.grantee != role:
            found[row.grantee] = found.get(row.grantee, frozenset()) | frozenset(row.privileges)
    return found


_ALL = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"})


def _by_statement(
    statements: tuple[Statement, ...], schema: str, name: str, path: tuple[str, ...]
) -> Iterator[tuple[str, frozenset[str]]]:
    """What GRANTs of the migration itself give on the relation."""
    for statement in statements:
        node: Any = statement.node
        if not is_node(node, "GrantStmt") or not node.is_grant or enum_name(node, "objtype") != "OBJECT_TABLE":
            continue
        objects = [ast.unwrap(o) for o in node.objects]
        if enum_name(node, "targtype") == "ACL_TARGET_ALL_IN_SCHEMA":
            meant = any(o.sval == schema for o in objects if is_node(o, "String"))
        else:
            names = [ast.relation_name(o) for o in objects if is_node(o, "RangeVar")]
            meant = any(n.name == name and (n.schema or next(iter(path), None)) == schema for n in names)
        if not meant:
            continue
        words = frozenset(ast.unwrap(p).priv_name.upper() for p in node.privileges) or _ALL
        for item in node.grantees:
            grantee = ast.unwrap(item)
            public = enum_name(grantee, "roletype") == "ROLESPEC_PUBLIC"
            yield ("public" if public else grantee.rolename), words


def _record(new: _New, side: SideCase, young: set[int]) -> dict[str, Any] | None:
    """What roles have on most relations beside this one, and lack on it; None where nobody lacks anything."""
    beside = [
        r
        for r in side.rows("relations")
        if r.schema == new.schema
        and _class(r.kind) == _class(new.kind)
        and r.oid not in young
        and r.extension is None
        and not r.is_partition
    ]
    grants, usual = _grants(side), Counter[tuple[str, str]]()
    for row in beside:
        usual.update((g, p) for g, ps in grants.get(row.oid, {}).items() for p in ps)
    superusers = {r.name for r in side.rows("roles") if r.superuser}
    for_all = new.granted.get("public", frozenset())
    lacking: dict[str, set[str]] = {}
    for (grantee, privilege), count in usual.items():
        has = new.granted.get(grantee, frozenset()) | for_all
        if count * 2 > len(beside) and privilege not in has and grantee != new.owner and grantee not in superusers:
            lacking.setdefault(grantee, set()).add(privilege)
    if not lacking:
        return None
    name = quote_qualified(new.schema, new.name)
    what = "SEQUENCE " if new.kind == "S" else ""
    return {
        "object": name,
        "name": new.name,
        "schema": new.schema,
        "kind": _WORDS.get(new.kind, "TABLE"),
        "exists": new.row is not None,
        "owner": new.owner,
        "lacking": [
            {
                "grantee": grantee,
                "privileges": sorted(privileges),
                "grant_sql": f"GRANT {', '.join(sorted(privileges))} ON {what}{name} TO {_to(grantee)};",
                "default_sql": f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote_ident(new.owner)} IN SCHEMA"
                f" {quote_ident(new.schema)} GRANT {', '.join(sorted(privileges))} ON"
                f" {'SEQUENCES' if new.kind == 'S' else 'TABLES'} TO {_to(grantee)};",
                "revoke_sql": f"REVOKE {', '.join(sorted(privileges))} ON {what}{name} FROM {_to(grantee)};",
            }
            for grantee, privileges in sorted(lacking.items())
        ],
        "default_creators": sorted(
            {
                row.creator
                for row in side.rows("default_privileges")
                if row.grantee in lacking and row.creator != new.owner and row.schema in (None, new.schema)
            }
        ),
    }


def _to(grantee: str) -> str:
    return "PUBLIC" if grantee == "public" else quote_ident(grantee)
