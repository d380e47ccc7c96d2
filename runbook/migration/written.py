"""Which columns a statement writes itself, and which it leaves to their defaults. Read from its text and the table's columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Relation
from runbook.migration.deparse import statement_text


@dataclass(frozen=True, slots=True)
class Written:
    """``given``: columns that get a value in some row; ``left``: columns left to their default in some row, as stored."""

    given: frozenset[str]
    left: frozenset[str]


def target(node: Any) -> ast.Name | None:
    """The table that INSERT, UPDATE or COPY FROM writes; None for any other statement."""
    if ast.is_node(node, "InsertStmt", "UpdateStmt"):
        return ast.relation_name(node.relation)
    if ast.is_node(node, "CopyStmt") and node.is_from and node.HasField("relation"):
        return ast.relation_name(node.relation)
    return None


def written(node: Any, relation: Relation) -> Written | None:
    """What ``node`` writes of ``relation``, its target. None where the text does not tell: ``SELECT *`` without a list.

    Source: INSERT in PostgreSQL's documentation: values are taken by position, columns beyond them get their default,
    and OVERRIDING USER VALUE ignores what is given for identity columns.
    """
    columns = tuple(c.name for c in sorted(relation.columns, key=lambda c: c.attnum))
    if ast.is_node(node, "UpdateStmt"):
        return _updated(node)
    if ast.is_node(node, "CopyStmt"):
        generated = {c.name for c in relation.columns if c.generated}
        named = frozenset(ast.strings(node.attlist)) or frozenset(columns) - generated
        return Written(named, frozenset(columns) - named)
    if not ast.is_node(node, "InsertStmt"):
        return None
    found = _inserted(node, columns)
    if found is not None and ast.enum_name(node, "override") == "OVERRIDING_USER_VALUE":
        identity = frozenset(c.name for c in relation.columns if c.identity)
        return Written(found.given - identity, found.left | identity)
    return found


def _updated(node: Any) -> Written:
    given: set[str] = set()
    left: set[str] = set()
    for item in map(ast.unwrap, node.target_list):
        (left if ast.is_node(ast.unwrap(item.val), "SetToDefault") else given).add(item.name)
    return Written(frozenset(given), frozenset(left))


def _inserted(node: Any, columns: Sequence[str]) -> Written | None:
    named = tuple(t.name for t in map(ast.unwrap, node.cols))
    everything = frozenset(columns)
    if not node.HasField("select_stmt"):  # DEFAULT VALUES
        return Written(frozenset(), everything)
    query = ast.unwrap(node.select_stmt)
    if query.values_lists:
        given: set[str] = set()
        left: set[str] = set()
        for row in query.values_lists:
            values = [ast.unwrap(v) for v in ast.unwrap(row).items]
            places = named or columns
            for name, value in zip(places, values, strict=False):
                (left if ast.is_node(value, "SetToDefault") else given).add(name)
            left |= everything - set(places[: len(values)])
        return Written(frozenset(given), frozenset(left))
    if named:
        return Written(frozenset(named), everything - set(named))
    while ast.is_node(query, "SelectStmt") and ast.enum_name(query, "op") != "SETOP_NONE":
        query = ast.unwrap(query.larg)
    targets = [ast.unwrap(ast.unwrap(t).val) for t in query.target_list]
    if any(ast.is_node(ast.unwrap(f), "A_Star") for t in targets if ast.is_node(t, "ColumnRef") for f in t.fields):
        return None
    placed = frozenset(columns[: len(targets)])
    return Written(placed, everything - placed)


def corrected(node: Any, identity: frozenset[str], generated: frozenset[str], relation: Relation) -> str:
    """``node`` as PostgreSQL takes it: given keys of ``identity`` columns kept, ``generated`` columns left to it.

    Empty where that is no matter of form: an UPDATE of an identity column, COPY, ``SELECT *`` without a list.
    """
    if ast.is_node(node, "UpdateStmt"):
        return "" if identity else _update_without(node, generated)
    if not ast.is_node(node, "InsertStmt") or not node.HasField("select_stmt"):
        return ""
    changed = type(node)()
    changed.CopyFrom(node)
    if identity:
        values = changed.DESCRIPTOR.fields_by_name["override"].enum_type.values_by_name
        changed.override = values["OVERRIDING_SYSTEM_VALUE"].number
    columns = [c.name for c in sorted(relation.columns, key=lambda c: c.attnum)]
    names = [t.name for t in map(ast.unwrap, changed.cols)] or columns
    places = [i for i, name in enumerate(names) if name in generated]
    if places and not _left_out(changed, places):
        return ""
    return statement_text(changed)


def _left_out(node: Any, places: list[int]) -> bool:
    """Leave the values at these places to PostgreSQL. False where the query does not show them one by one."""
    query = ast.unwrap(node.select_stmt)
    if query.values_lists:
        for row in query.values_lists:
            items = ast.unwrap(row).items
            for place in (p for p in places if p < len(items)):
                items[place].Clear()
                items[place].set_to_default.SetInParent()
        return True
    if not node.cols or ast.enum_name(query, "op") != "SETOP_NONE" or len(query.target_list) != len(node.cols):
        return False
    for place in reversed(places):
        del node.cols[place]
        del query.target_list[place]
    return bool(node.cols)


def _update_without(node: Any, generated: frozenset[str]) -> str:
    changed = type(node)()
    changed.CopyFrom(node)
    targets = [ast.unwrap(t) for t in node.target_list]
    if any(ast.is_node(ast.unwrap(t.val), "MultiAssignRef") for t in targets):
        return ""
    for place in reversed([i for i, t in enumerate(targets) if t.name in generated]):
        del changed.target_list[place]
    return statement_text(changed) if changed.target_list else ""
