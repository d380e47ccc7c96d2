"""Names that extensions bring: which of them the migration uses, and whether production has their extension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog
from runbook.migration.model import Statement
from runbook.migration.objects import ObjectRef, in_catalog
from runbook.triage.case import Case
from runbook.triage.providers_of_names import extension_of


def missing_extensions(case: Case, production: Catalog, local: Catalog | None) -> list[dict[str, Any]]:
    """Extensions that bring what the migration uses and that are not created on production, nor by the migration."""
    side = case.production
    if case.migration is None or side is None or not side.ok("extensions"):
        return []
    available = {e.name for e in side.rows("available_extensions")} if side.ok("available_extensions") else None
    have = {e.name for e in side.rows("extensions")}
    found: dict[str, dict[str, Any]] = {}
    for statement in case.migration.statements:
        if ast.is_node(statement.node, "CreateExtensionStmt"):
            have.add(statement.node.extname)
        for kind, name in names_used(statement):
            extension = provider_of(kind, name, local)
            if extension is None or extension in have or extension in found:
                continue
            if kind != "operator class" and _exists(kind, name, production):
                continue
            found[extension] = {
                "extension": extension,
                "kind": kind,
                "name": name.name,
                "available": available is None or extension in available,
                "on_local": bool(local and (e := local.extensions.get(extension)) and e.version is not None),
                "sql": statement.sql,
                "file": statement.file,
                "line": statement.line,
            }
    return list(found.values())


def provider_of(kind: str, name: ast.Name, local: Catalog | None) -> str | None:
    """The extension that brings an object: as local's catalog has it, else as such names are known."""
    if local is not None:
        if kind == "function":
            owners = {f.extension for f in local.functions.get(name.name, ())}
            if owners and None in owners:
                return None  # local has one of its own
            if owners:
                return next(o for o in owners if o)
        if kind == "type":
            for (_, known), found in local.types.items():
                if known == name.name:
                    return found.extension
        if kind == "relation":
            for relation in (local.relations[key] for key in local.by_name.get(name.name, ())):
                return relation.extension
    return extension_of(name.name)


def _exists(kind: str, name: ast.Name, catalog: Catalog) -> bool:
    if kind == "function":
        return bool(catalog.functions.get(name.name))
    return bool(in_catalog(catalog, ObjectRef("type", name.name, name.schema)))


def names_used(statement: Statement) -> Iterator[tuple[str, ast.Name]]:
    """What a statement uses that an extension can bring: (type, function or operator class; its name)."""
    node = statement.node
    if node is None:
        return
    for type_ in ast.types_used(node):
        if type_.schema != "pg_catalog" and not type_.is_serial and not type_.of_column:
            yield "type", ast.Name(type_.schema, type_.name)
    for call in ast.functions_used(node):
        if call.name.schema != "pg_catalog":
            yield "function", call.name
    for item in ast.walk(node):
        if ast.is_node(item, "IndexElem") and item.opclass:
            yield "operator class", ast.qualified(item.opclass)
