"""Extensions that production has in another version than local: what that version lacks, and what its files can give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Extension
from runbook.migration.model import Statement
from runbook.triage.case import Case, Facts
from runbook.triage.extensions import names_used, provider_of

_IDS = ["extension.lacks", "extension.refused_versions"]
_WANTED = re.compile(r'"([^"]+)"\W*$')
"""The version at the end of both messages of extension.c: no update path (for ALTER), no installation script (CREATE)."""


def state(facts: Facts, case: Case) -> None:
    """State ``extension.lacks`` and ``extension.refused_versions``."""
    side = case.production
    production = side.catalog if side is not None else None
    if side is None or production is None or production.is_assumed or not side.ok("extensions"):
        facts.unknown_all(_IDS, "no production side was given" if side is None else side.why_not("extensions"))
        return
    readings = "production/extensions production/available_extensions local/extensions"
    local = case.local.catalog if case.local is not None else None
    if local is None:
        facts.unknown("extension.lacks", "local's extensions are not known")
    else:
        lacks = list(_lacks(case, production, local))
        facts.know("extension.lacks", lacks, f"{len(lacks)} names, by both catalogs", readings=readings)
    if side.ok("available_extensions"):
        refused = list(_refused(case, production))
        facts.know("extension.refused_versions", refused, f"{len(refused)} versions", readings=readings)
    else:
        facts.unknown("extension.refused_versions", side.why_not("available_extensions"))


def _lacks(case: Case, production: Catalog, local: Catalog) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    updated = {_updates(s) for s in _statements(case)}
    for statement in _statements(case):
        for kind, name in names_used(statement):
            if kind != "function" or name.name in seen or production.functions.get(name.name):
                continue
            extension = provider_of(kind, name, local)
            there, here = (c.extensions.get(extension or "") for c in (production, local))
            if there is None or here is None or there.version is None or here.version is None:
                continue
            if there.version == here.version or there.name in updated:
                continue
            seen.add(name.name)
            yield {
                "extension": there.name,
                "kind": kind,
                "name": name.name,
                "version": there.version,
                "version_local": here.version,
                "default_version": there.default_version or "",
                "in_files": here.version in there.available_versions,
                "schema": there.schema or "",
                "sql": statement.sql,
                "file": statement.file,
                "line": statement.line,
                "in_error": case.error is not None and case.error.subject.function == name.name,
            }


def _refused(case: Case, production: Catalog) -> Iterator[dict[str, Any]]:
    for statement in _statements(case):
        wanted = _wanted(statement, production)
        known = production.extensions.get(statement.node.extname) if wanted else None
        if known is not None and wanted and wanted not in known.available_versions:
            yield _refused_row(known, wanted, statement)
    error = case.error
    if error is None or error.sqlstate != "22023" or not error.subject.extension or case.given:
        return
    known = production.extensions.get(error.subject.extension)
    asked = _WANTED.search(error.message)
    if known is not None and asked is not None:
        yield _refused_row(known, asked[1], None)


def _refused_row(known: Extension, wanted: str, statement: Statement | None) -> dict[str, Any]:
    return {
        "extension": known.name,
        "wanted": wanted,
        "version": known.version or "",
        "default_version": known.default_version or "",
        "versions": list(known.available_versions),
        "sql": statement.sql if statement is not None else "",
        "file": statement.file if statement is not None else "",
        "line": statement.line if statement is not None else 0,
    }


def _wanted(statement: Statement, production: Catalog) -> str:
    """The version that CREATE EXTENSION or ALTER EXTENSION UPDATE names and does not have already; empty: none."""
    node = statement.node
    if not ast.is_node(node, "CreateExtensionStmt", "AlterExtensionStmt"):
        return ""
    known = production.extensions.get(node.extname)
    installed = known.version if known is not None else None
    if ast.is_node(node, "CreateExtensionStmt") and node.if_not_exists and installed is not None:
        return ""  # it is left as it is, whatever its version
    wanted = str(ast.options(node.options).get("new_version", ""))
    return "" if wanted == installed else wanted


def _updates(statement: Statement) -> str | None:
    """The extension that ALTER EXTENSION UPDATE brings to another version."""
    return statement.node.extname if ast.is_node(statement.node, "AlterExtensionStmt") else None


def _statements(case: Case) -> tuple[Statement, ...]:
    return case.migration.statements if case.migration is not None else ()
