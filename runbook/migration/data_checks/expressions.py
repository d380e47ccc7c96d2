"""Expressions of a statement as SQL over production's present names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runbook.migration.ast import is_node, unwrap
from runbook.migration.deparse import expression_text

Replace = Callable[[tuple[str, ...]], "str | None"]
"""The parts of a column's name -> the SQL that stands for it, or None to leave it as it is."""

_MESSAGE = 11  # google.protobuf.descriptor.FieldDescriptor.TYPE_MESSAGE


def rewritten(expression: Any, replace: Replace) -> str:
    """``expression`` (a node, or SQL) as SQL in which every column reference stands as ``replace`` says."""
    text = expression if isinstance(expression, str) else expression_text(expression)
    tree, target = _parsed(text)
    _substitute(tree.stmts[0].stmt.select_stmt.target_list[0].res_target, replace)
    from postgast.deparse import deparse

    del target
    return str(deparse(tree)).removeprefix("SELECT ").strip()


def parsed(text: str) -> Any:
    """The node of an expression in SQL."""
    return unwrap(_parsed(text)[1])


def condition_of(definition: str) -> str:
    """The condition in what pg_get_constraintdef prints: ``CHECK ((a > 0)) NOT VALID`` -> ``(a > 0)``."""
    start = definition.find("(")
    depth, quoted = 0, ""
    for at in range(start, len(definition)):
        letter = definition[at]
        if quoted:
            quoted = "" if letter == quoted else quoted
        elif letter in "'\"":
            quoted = letter
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
            if depth == 0:
                return definition[start + 1 : at]
    return definition


def _parsed(text: str) -> tuple[Any, Any]:
    from postgast.parse import parse

    tree = parse(f"SELECT ({text}\n)")
    return tree, tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val


def _substitute(message: Any, replace: Replace) -> None:
    """Every column reference below ``message`` replaced, in place. Never recursive: deep ``||`` chains are common."""
    stack = [message]
    while stack:
        current = stack.pop()
        for field, value in current.ListFields():
            if field.type != _MESSAGE:
                continue
            for child in (value,) if hasattr(value, "DESCRIPTOR") else value:
                if child.DESCRIPTOR.name == "Node" and child.WhichOneof("node") == "column_ref":
                    _replace_one(child, replace)
                else:
                    stack.append(child)


def _replace_one(wrapper: Any, replace: Replace) -> None:
    names = tuple(n.sval for f in wrapper.column_ref.fields if is_node(n := unwrap(f), "String"))
    new = replace(names)
    if new is not None:
        _, node = _parsed(new)
        wrapper.CopyFrom(node)
