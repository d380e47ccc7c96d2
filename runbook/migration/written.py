"""Which columns a statement writes itself, and which it leaves to their defaults. Read from its text and the table's columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Relation


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
