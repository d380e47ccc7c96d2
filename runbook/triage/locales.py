"""Languages of both sides: what sorts and folds text in the databases and in the columns of the failing statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.failure.report import ErrorReport
from runbook.migration import ast
from runbook.migration.catalog import Catalog
from runbook.migration.model import Statement
from runbook.postgres.rows import EncodingRow
from runbook.sql import quote_ident
from runbook.triage.case import Case, Facts, SideCase

_FACTS = ("locale.databases_differ", "locale.columns_differ", "locale.depends", "locale.not_ascii")
_FOLDS = frozenset({"lower", "upper", "initcap", "casefold"})
_MATCHES = frozenset({"~", "~*", "!~", "!~*", "~~*", "!~~*"})
_COMPARES = frozenset({"<", "<=", ">", ">="})
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


def state(facts: Facts, case: Case) -> None:
    """State ``locale.databases_differ``, ``locale.columns_differ``, ``locale.depends`` and ``locale.not_ascii``."""
    local, production, statement = case.local, case.production, case.failing
    if local is None or production is None or not local.ok("encoding") or not production.ok("encoding"):
        side = next((s for s in (local, production) if s is not None and not s.ok("encoding")), None)
        facts.unknown(_FACTS[0], side.why_not("encoding") if side is not None else "both sides are needed")
    else:
        facts.know(
            _FACTS[0], list(_databases(local, production)), "compared", readings="local/encoding production/encoding"
        )
    mine, theirs = (s.catalog if s is not None else None for s in (local, production))
    if statement is None:
        facts.unknown_all([_FACTS[1], _FACTS[2]], "no statement is known to be at fault")
    else:
        facts.know(_FACTS[2], _depends(statement), "read from the statement")
        if mine is None or theirs is None:
            facts.unknown(_FACTS[1], "both catalogs are needed")
        else:
            found = list(_columns(statement, mine, theirs))
            facts.know(_FACTS[1], found, "compared", readings="local/columns production/columns")
    facts.know(_FACTS[3], _not_ascii(case.error), "read from DETAIL")


def _databases(local: SideCase, production: SideCase) -> Iterator[dict[str, str]]:
    mine, theirs = _database(local), _database(production)
    if mine is None or theirs is None:
        return
    known = mine.provider is not None and theirs.provider is not None
    fields = [("collation", mine.collation, theirs.collation), ("ctype", mine.ctype, theirs.ctype)]
    if known:
        fields.append(("provider", _PROVIDERS.get(mine.provider or ""), _PROVIDERS.get(theirs.provider or "")))
    for what, here, there in fields:
        if _alike(here) != _alike(there):
            yield {"what": what, "local": here or "", "production": there or ""}


def _database(side: SideCase) -> EncodingRow | None:
    return next((r for r in side.rows("encoding") if r.kind == "database" and r.this_database), None)


def _alike(locale: str | None) -> str:
    """``en_US.UTF-8`` and ``en_US.utf8`` are one locale, C and POSIX too."""
    name = (locale or "").replace("-", "").lower()
    return "c" if name == "posix" else name


def _columns(statement: Statement, local: Catalog, production: Catalog) -> Iterator[dict[str, str]]:
    """Columns of the statement's tables that are sorted by another collation on each side."""
    seen: set[tuple[str, str]] = set()
    for use in ast.relations_used(statement.node) if statement.node is not None else ():
        there, here = (c.find(use.name.schema, use.name.name) for c in (production, local))
        if there is None or here is None or there.key in seen:
            continue
        seen.add(there.key)
        for column in there.columns:
            mine = here.column(column.name)
            if mine is not None and mine.type == column.type and mine.collation != column.collation:
                yield {
                    "relation": there.qualified,
                    "column": quote_ident(column.name),
                    "local": mine.collation or "default",
                    "production": column.collation or "default",
                }


def _depends(statement: Statement) -> str:
    """What in the statement gives other results under another locale, for people; empty: nothing that is seen."""
    if statement.node is None:
        return ""
    for function in ast.functions_used(statement.node):
        if function.name.name in _FOLDS:
            return f"{function.name.name}()"
    for node in ast.walk(statement.node):
        if ast.is_node(node, "A_Expr"):
            operator = ast.qualified(node.name).name
            if operator in _MATCHES or ast.enum_name(node, "kind") == "AEXPR_ILIKE":
                return "a pattern"
            if operator in _COMPARES and any(_is_text(ast.unwrap(s)) for s in (node.lexpr, node.rexpr)):
                return f"{operator} on text"
    return ""


def _is_text(node: Any) -> bool:
    return ast.is_node(node, "A_Const") and isinstance(ast.constant(node), str)


def _not_ascii(error: ErrorReport | None) -> bool:
    """The key or the row that DETAIL shows has letters beyond ASCII: those that C and POSIX do not know."""
    return error is not None and not (error.detail or "").isascii()
