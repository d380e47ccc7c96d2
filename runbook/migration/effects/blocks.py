"""DO blocks: the SQL that stands in the PL/pgSQL is analysed, under a condition or not; SQL built at run time is opaque."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from runbook.migration.ast import constant, unwrap
from runbook.migration.effects.run_time_sql import constant_text, constant_variables
from runbook.migration.effects.scene import Failed, Scene

# PL/pgSQL statements that build their SQL at run time. Source: plpgsql's PLpgSQL_stmt_type, as libpg_query prints them.
_DYNAMIC = frozenset({"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"})
_TRANSACTION = frozenset({"PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback"})
_ASSIGNED = re.compile(r"^\s*[^\s:='(]+\s*:=")  # what a value is assigned to, before the expression
_CONDITIONAL = frozenset(
    {"PLpgSQL_stmt_if", "PLpgSQL_stmt_case", "PLpgSQL_stmt_while", "PLpgSQL_stmt_fors", "PLpgSQL_stmt_fori",
     "PLpgSQL_stmt_foreach_a", "PLpgSQL_stmt_loop", "PLpgSQL_exception_block"}
)  # fmt: skip


def do_block(scene: Scene, node: Any) -> None:
    """A DO block. Statements under a condition are counted as if they ran, and the confidence says so."""
    language, source = language_and_source(node)
    if language != "plpgsql":
        scene.opaque(f"a DO block in {language} is not analysed")
        return
    tree = _parse(source)
    if tree is None:
        scene.opaque("the PL/pgSQL of the block could not be parsed")
        return
    run(scene, followed(tree), "the block")


Step = tuple[Any, bool]
"""A parsed statement (or why it cannot be one: a kind of PL/pgSQL statement), and whether it runs only under a condition."""


def run(scene: Scene, steps: Iterable[Step], what: str, *, certain: bool = True) -> None:
    """Add what the statements of a block or a body do, each on the catalog that the one before it left.

    ``certain`` False: none of them is known to be reached.
    """
    from runbook.migration.apply import apply_node
    from runbook.migration.effects.dispatch import find_in

    before = scene.catalog
    for inner, conditional in steps:
        if isinstance(inner, str) and inner in _DYNAMIC:
            scene.opaque(f"{what} builds SQL at run time (EXECUTE)")
            continue
        if conditional:
            scene.doubt(f"parts of {what} run only under a condition")
        if isinstance(inner, str):
            scene.forbid_transaction()
            continue
        try:
            find_in(scene, inner)
        except Failed as failed:
            if certain and not conditional:
                raise
            scene.fails = scene.fails or replace(failed.fails, certain=False)
            scene.doubt(failed.fails.because)
        scene.catalog = apply_node(scene.catalog, inner)
    scene.catalog, scene.after = before, None


def static_statements(node: Any) -> Iterator[tuple[Any, bool]]:
    """The static statements of a DO block in order, each with whether it stands under a condition."""
    language, source = language_and_source(node)
    tree = _parse(source) if language == "plpgsql" else None
    for inner, conditional in followed(tree) if tree is not None else ():
        if not isinstance(inner, str):
            yield inner, conditional


def inner_statements(node: Any) -> Iterator[Any]:
    """Every static statement of a DO block, under a condition or not."""
    for inner, _ in static_statements(node):
        yield inner


def language_and_source(node: Any) -> tuple[str, str]:
    """Of a DO block: (language, source)."""
    language, source = "plpgsql", ""
    for item in node.args:
        element = unwrap(item)
        if element.defname == "language":
            language = str(constant(element.arg)).lower()
        elif element.defname == "as":
            source = str(constant(element.arg))
    return language, source


def _parsed(kind: str, sql: str) -> Any:
    from runbook.migration.statement import SyntaxProblem, parse_one

    if kind == "expression":
        sql = f"SELECT {_ASSIGNED.sub('', sql)}"
    try:
        return parse_one(sql) if sql else None
    except SyntaxProblem:
        return None


def _parse(source: str) -> Any:
    from postgast.errors import PgQueryError
    from postgast.plpgsql import parse_plpgsql

    from runbook.sql import quote_literal

    try:
        found = parse_plpgsql(f"CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS {quote_literal(source)}")
    except PgQueryError:
        return None
    return json.loads(found) if isinstance(found, str) else found


def followed(tree: Any) -> Iterator[Step]:
    """The statements of a block in order; what EXECUTE runs is in its place where constants alone make it."""
    variables = constant_variables(tree)
    for kind, sql, conditional in _statements(tree):
        if kind in _TRANSACTION:
            yield kind, conditional
        elif kind in _DYNAMIC:
            built = constant_text(sql, variables) if sql else None
            inner = _parsed("executed", built) if built is not None else None
            yield inner if inner is not None else kind, conditional
        else:
            inner = _parsed(kind, sql)
            if inner is not None:
                yield inner, conditional


def _statements(tree: Any, conditional: bool = False) -> Iterator[tuple[str, str, bool]]:
    """(kind, SQL, under a condition) of what is in a block, in order."""
    if isinstance(tree, list):
        for item in tree:
            yield from _statements(item, conditional)
        return
    if not isinstance(tree, dict):
        return
    for name, value in tree.items():
        under = conditional or name in _CONDITIONAL
        if name in _DYNAMIC or name in _TRANSACTION:
            yield name, _text(value.get("query")) if name in _DYNAMIC else "", under
        elif name == "PLpgSQL_stmt_execsql":
            yield name, _text(value.get("sqlstmt")), under
            continue
        elif name in ("PLpgSQL_stmt_perform", "PLpgSQL_stmt_call"):
            text = _text(value.get("expr"))
            yield name, text, under
            continue
        elif name == "PLpgSQL_expr":
            text = value.get("query", "")
            if "from" in text.lower() or "(" in text:
                yield "expression", text.removeprefix("SELECT "), under
        yield from _statements(value, under)


def _text(expression: Any) -> str:
    inner = (expression or {}).get("PLpgSQL_expr", {})
    return str(inner.get("query", ""))
