"""Types that were dropped while sessions and drivers still know them by number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.model import Statement
from runbook.sql import quote_qualified
from runbook.triage.case import Case, Facts

_FACTS = ("after.lost_type", "after.lost_type_exists", "after.dropped_types")
_LOST = {"XX000": re.compile(r"cache lookup failed for type (\d+)"), "42704": re.compile(r"\bOID (\d+)\b")}
"""``cache lookup failed for type %u`` (lsyscache.c; never translated), ``type with OID %u does not exist`` (typcache.c)."""


def state(facts: Facts, case: Case) -> None:
    """State which type's number the error misses, whether production has it, and which types the migration drops."""
    error, migration, side = case.error, case.whole or case.migration, case.production
    pattern = _LOST.get(error.sqlstate or "") if error is not None else None
    found = pattern.search(error.message) if pattern is not None and error is not None else None
    lost = int(found.group(1)) if found else 0
    facts.know(_FACTS[0], lost, "read from the message")
    if side is None or not side.ok("types"):
        facts.unknown(_FACTS[1], side.why_not("types") if side is not None else "no production side was given")
    else:
        there = lost in {row.oid for row in side.rows("types")}
        facts.know(_FACTS[1], there, "looked up", side="production", readings="types")
    if migration is None or not case.given:
        facts.unknown(_FACTS[2], "no migration was given")
    else:
        facts.know(_FACTS[2], list(_dropped(migration.statements)), "read from the migration")


def _dropped(statements: tuple[Statement, ...]) -> Iterator[dict[str, Any]]:
    made = {name for s in statements for name in _made(s.node)}
    renamed: dict[tuple[str | None, str], str] = {}
    for statement in statements:
        node = statement.node
        if ast.is_node(node, "RenameStmt") and ast.enum_name(node, "rename_type") in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
            name = ast.qualified(node.object)
            renamed[(name.schema, node.newname)] = name.name
        if not ast.is_node(node, "DropStmt"):
            continue
        kind = ast.enum_name(node, "remove_type")
        if kind == "OBJECT_EXTENSION":
            yield from ({"name": n, "kind": "extension", "made_again": n in made} for n in ast.strings(node.objects))
        if kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
            for item in node.objects:
                name = ast.qualified(item)
                original = renamed.get((name.schema, name.name), name.name)
                row = {"name": quote_qualified(name.schema, original), "made_again": original in made}
                yield row | {"kind": "domain" if kind == "OBJECT_DOMAIN" else "type"}


def _made(node: Any) -> Iterator[str]:
    if ast.is_node(node, "CreateEnumStmt", "CreateRangeStmt"):
        yield ast.qualified(node.type_name).name
    elif ast.is_node(node, "CompositeTypeStmt"):
        yield ast.relation_name(node.typevar).name
    elif ast.is_node(node, "CreateDomainStmt"):
        yield ast.qualified(node.domainname).name
    elif ast.is_node(node, "CreateExtensionStmt"):
        yield node.extname
