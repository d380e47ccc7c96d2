"""Extensions that a managed server allows in one schema only, while the migration asks for another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog
from runbook.migration.model import Statement
from runbook.sql import quote_ident
from runbook.triage.case import Case, Facts

_SAID = re.compile(r"Extensions can only be created on (\S+) schema")
_HEROKU = "heroku_ext"
"""Heroku Postgres since August 2022: an event trigger's function refuses CREATE EXTENSION for any other schema.
Source: devcenter.heroku.com/changelog-items/2446, github.com/heroku/roadmap/issues/199."""


def state(facts: Facts, case: Case) -> None:
    """State ``extension.only_schema`` and ``extension.elsewhere``."""
    said = _SAID.search(case.error.message) if case.error is not None else None
    production = case.production.catalog if case.production is not None else None
    if said is not None:
        facts.know("extension.only_schema", said[1], "the error says so")
    elif production is None or production.is_assumed:
        facts.unknown_all(["extension.only_schema", "extension.elsewhere"], "production's schemas are not known")
        return
    else:
        only = _HEROKU if _HEROKU in production.schemas else ""
        facts.know("extension.only_schema", only, "a schema of that name is there" if only else "no sign of one")
    schema = said[1] if said is not None else _HEROKU
    rows = list(_elsewhere(case, schema, production))
    facts.know("extension.elsewhere", rows, f"{len(rows)} statements name another schema")


def _elsewhere(case: Case, only: str, production: Catalog | None) -> Iterator[dict[str, Any]]:
    for statement in case.migration.statements if case.migration is not None else ():
        asked = _asked(statement, production)
        if asked and asked != only:
            name = statement.node.extname
            yield {
                "extension": name,
                "schema": asked,
                "sql": statement.sql,
                "without": f"CREATE EXTENSION IF NOT EXISTS {quote_ident(name)}",
                "file": statement.file,
                "line": statement.line,
            }


def _asked(statement: Statement, production: Catalog | None) -> str:
    """The schema that CREATE EXTENSION names, if it creates anything; else empty."""
    if not ast.is_node(statement.node, "CreateExtensionStmt"):
        return ""
    known = production.extensions.get(statement.node.extname) if production is not None else None
    if statement.node.if_not_exists and known is not None and known.version is not None:
        return ""
    return str(ast.options(statement.node.options).get("schema", ""))
