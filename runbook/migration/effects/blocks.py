"""DO blocks: the SQL that stands in the PL/pgSQL is analysed, under a condition or not; SQL built at run time is opaque."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from runbook.migration.ast import constant, unwrap
from runbook.migration.effects.run_time_sql import constant_text, constant_variables
from runbook.migration.effects.scene import Failed, Scene

# PL/pgSQL statements that build their SQL at run time. Source: plpgsql's PLpgSQL_stmt_type, as libpg_query prints them.
_DYNAMIC = frozenset({"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"})
_TRANSACTION = frozenset({"PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback"})
_CONDITIONAL = frozenset(
    {"PLpgSQL_stmt_if", "PLpgSQL_stmt_case", "PLpgSQL_stmt_while", "PLpgSQL_stmt_fors", "PLpgSQL_stmt_fori",
     "PLpgSQL_stmt_foreach_a", "PLpgSQL_stmt_loop", "PLpgSQL_exception_block"}
)  # fmt: skip


def do_block(scene: Scene, node: Any) -> None:
    """A DO block. Statements under a condition are counted as if they ran, and the confidence says so."""
    from runbook.migration.apply import apply_node
    from runbook.migration.effects.dispatch import find_in

    language, source = language_and_source(node)
    if language != "plpgsql":
        scene.opaque(f"a DO block in {language} is not analysed")
        return
    tree = _parse(source)
    if tree is None:
        scene.opaque("the PL/pgSQL of the block could not be parsed")
        return
    before = scene.catalog
    for kind, sql, conditional in _followed(tree):
        if kind in _DYNAMIC:
            scene.opaque("the block builds SQL at run time (EXECUTE)")
            continue
        if kind in _TRANSACTION:
            scene.forbid_transaction()
            if conditional:
                scene.doubt("parts of the block run only under a condition")
            continue
        inner = _parsed(kind, sql)
        if inner is None:
            continue
        if conditional:
            scene.doubt("parts of the block run only under a condition")
        try:
            find_in(scene, inner)
        except Failed as failed:
            if not conditional:
                raise
            scene.fails = scene.fails or replace(failed.fails, certain=False)
        scene.catalog = apply_node(scene.catalog, inner)
    scene.catalog, scene.after = before, None


def static_statements(node: Any) -> Iterator[tuple[Any, bool]]:
    """The static statements of a DO block in order, each with whether it stands under a condition."""
    language, source = language_and_source(node)
    tree = _parse(source) if language == "plpgsql" else None
    for kind, sql, conditional in _followed(tree) if tree is not None else ():
        inner = _parsed(kind, sql) if kind not in _DYNAMIC | _TRANSACTION else None
        if inner is not None:
            yield inner, conditional


def inner_statements(node: Any) -> Iterator[Any]:
    """Every static statement of a DO block, under a condition or not."""
    language, source = language_and_source(node)
    tree = _parse(source) if language == "plpgsql" else None
    for kind, sql, _ in _followed(tree) if tree is not None else ():
        inner = _parsed(kind, sql) if kind not in _DYNAMIC | _TRANSACTION else None
        if inner is not None:
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

    try:
        return parse_one(sql if kind != "expression" else f"SELECT {sql}") if sql else None
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


def _followed(tree: Any) -> Iterator[tuple[str, str, bool]]:
    """``_statements``, with what EXECUTE runs in its place where constants alone make it."""
    from runbook.migration.statement import SyntaxProblem, parse_one

    variables = constant_variables(tree)
    for kind, sql, conditional in _statements(tree):
        built = constant_text(sql, variables) if kind in _DYNAMIC and sql else None
        if built is not None:
            try:
                parse_one(built)
            except SyntaxProblem:
                built = None
        if built is not None:
            yield "executed", built, conditional
        else:
            yield kind, sql, conditional


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
