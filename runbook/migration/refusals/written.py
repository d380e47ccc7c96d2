"""INSERT and UPDATE that no row could make pass: too many values, generated columns, nulls (42601, 428C9, 23502, 22P02)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from runbook.migration.ast import enum_name, is_node, is_null, unwrap
from runbook.migration.catalog import Catalog, Column, Relation
from runbook.migration.effects.types import type_of_column
from runbook.migration.refusals.casting import constant_refused
from runbook.migration.result import Fails


def wrong_rows(node: Any, catalog: Catalog) -> Iterator[Fails]:
    """What the shape of the statement and the columns' marks refuse."""
    if not is_node(node, "InsertStmt", "UpdateStmt"):
        return
    relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
    if relation is None or not relation.columns or node.HasField("with_clause"):
        return
    if relation.kind == "m":
        yield Fails("42809", f"cannot change materialized view {relation.name}", certain=True)
    if relation.kind not in ("r", "p"):
        return
    if is_node(node, "UpdateStmt"):
        yield from _updated(node, relation, catalog)
    else:
        yield from _inserted(node, relation, catalog)


def _generated(column: Column, catalog: Catalog) -> str:
    return "428C9" if column.identity or catalog.major >= GENERATED_STATE_SINCE else "42601"


GENERATED_STATE_SINCE = 14
"""Measured: 12 and 13 say 42601 of a generated column; all say 428C9 of an identity column."""


def _updated(node: Any, relation: Relation, catalog: Catalog) -> Iterator[Fails]:
    for item in node.target_list:
        target = unwrap(item)
        column = relation.column(target.name)
        if column is None or is_node(unwrap(target.val), "SetToDefault"):
            continue
        if column.generated or column.identity == "a":
            yield Fails(
                _generated(column, catalog), f"column {column.name} can only be updated to DEFAULT", certain=True
            )


def _inserted(node: Any, relation: Relation, catalog: Catalog) -> Iterator[Fails]:
    names = [unwrap(c).name for c in node.cols]
    for name, times in Counter(names).items():
        if times > 1:
            yield Fails("42701", f"column {name} specified more than once", certain=True)
    if any(relation.column(n) is None for n in names):
        return
    columns = [c for n in names if (c := relation.column(n)) is not None] or list(relation.columns)
    select = unwrap(node.select_stmt) if node.HasField("select_stmt") else None
    if select is None or not is_node(select, "SelectStmt") or not select.values_lists:
        return
    lists = [[unwrap(v) for v in unwrap(row).items] for row in select.values_lists]
    for row in lists:
        if len(row) > len(columns):
            yield Fails("42601", "INSERT has more expressions than target columns", certain=True)
            return
        if names and len(row) < len(columns):
            yield Fails("42601", "INSERT has more target columns than expressions", certain=True)
            return
    override = enum_name(node, "override")
    for row in lists:
        yield from _values(list(zip(columns, row, strict=False)), override, catalog)
    if any(not t.internal and t.enabled != "D" for t in relation.triggers) or node.HasField("on_conflict_clause"):
        return  # a trigger may fill in what is missing
    given = {c.name for c, _ in zip(columns, lists[0], strict=False)}
    for row in lists:
        yield from _nulls(list(zip(columns, row, strict=False)))
    for column in relation.columns:
        if column.not_null and column.name not in given and not _filled(column):
            yield Fails("23502", f"no value is given for column {column.name}, which is NOT NULL", certain=True)


def _filled(column: Column) -> bool:
    return column.has_default or bool(column.identity) or bool(column.generated) or column.type_kind == "d"


def _values(pairs: list[tuple[Column, Any]], override: str, catalog: Catalog) -> Iterator[Fails]:
    # Measured: 12 refuses OVERRIDING USER VALUE too.
    user = override == "OVERRIDING_USER_VALUE" and catalog.major >= 13
    for column, value in pairs:
        if is_node(value, "SetToDefault"):
            continue
        if column.generated or (column.identity == "a" and override != "OVERRIDING_SYSTEM_VALUE" and not user):
            yield Fails(
                _generated(column, catalog),
                f"cannot insert a non-DEFAULT value into column {column.name}",
                certain=True,
            )
        else:
            refused = constant_refused(value, type_of_column(column, catalog), catalog)
            if refused is not None:
                yield Fails(refused[0], f"column {column.name}: {refused[1]}", certain=True)
            yield from _too_long(column, value)


def _too_long(column: Column, value: Any) -> Iterator[Fails]:
    limit = column.typmod - 4
    if column.type not in ("character varying", "character") or limit <= 0 or not is_node(value, "A_Const"):
        return
    text = value.sval.sval if value.HasField("sval") else ""
    if len(text) > limit and text[limit:].strip(" "):
        yield Fails("22001", f"the value for column {column.name} is longer than {limit} characters", certain=True)


def _nulls(pairs: list[tuple[Column, Any]]) -> Iterator[Fails]:
    for column, value in pairs:
        if column.not_null and is_null(value) and not column.identity:
            yield Fails("23502", f"column {column.name} is NOT NULL", certain=True)
