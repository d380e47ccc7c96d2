"""Nodes of a parse tree as SQL again. Source of the text: libpg_query's deparser."""

from __future__ import annotations

from functools import cache
from typing import Any

from runbook.migration.tree import node_name


def statement_text(node: Any) -> str:
    """A statement's node as SQL, without a semicolon."""
    from postgast.deparse import deparse

    tree = type(_template("SELECT 1"))()
    _put(tree.stmts.add().stmt, node)
    return str(deparse(tree)).strip()


def expression_text(expression: Any) -> str:
    """An expression's node as SQL."""
    from postgast.deparse import deparse

    tree = _copy("SELECT 1")
    _put(tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val, expression)
    return str(deparse(tree)).removeprefix("SELECT ").strip()


def type_sql(type_name: Any) -> str:
    """A TypeName node as SQL."""
    from postgast.deparse import deparse

    tree = _copy("SELECT NULL::int")
    cast = tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val.type_cast
    cast.type_name.CopyFrom(type_name)
    return str(deparse(tree)).removeprefix("SELECT NULL::").strip()


@cache
def _template(sql: str) -> Any:
    from postgast.parse import parse

    return parse(sql)


def _copy(sql: str) -> Any:
    template = _template(sql)
    tree = type(template)()
    tree.CopyFrom(template)
    return tree


_FIELDS: dict[str, str] = {}


def _put(wrapper: Any, node: Any) -> None:
    """``node`` into a Node wrapper, in the field of its kind."""
    if not _FIELDS:
        _FIELDS.update({field.message_type.name: field.name for field in wrapper.DESCRIPTOR.fields})
    wrapper.Clear()
    getattr(wrapper, _FIELDS[node_name(node)]).CopyFrom(node)
