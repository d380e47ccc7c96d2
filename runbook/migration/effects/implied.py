"""What valid CHECKs prove, so that a scan is spared: IS NOT NULL for SET NOT NULL, bounds for ATTACH PARTITION.

Source: ConstraintImpliedByRelConstraint (tablecmds.c) and predicate_implied_by (predtest.c), of which the parts that
people write are followed: conjunctions of comparisons with constants. What is not proved here costs a scan in the
forecast.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from runbook.migration.ast import constant, enum_name, is_node, strings, unwrap
from runbook.migration.catalog import Constraint, Relation

_CHECK = re.compile(r"\s*CHECK\s*(\(.*\))[^)]*\Z", re.DOTALL | re.IGNORECASE)


def valid_checks(relation: Relation) -> list[Constraint]:
    """The CHECK constraints that the server trusts, and whose text is known."""
    return [c for c in relation.constraints if c.kind == "c" and c.validated and c.enforced and c.expression]


def proves_not_null(relation: Relation, column: str) -> bool:
    """Whether a valid CHECK says that the column is never null."""
    return any(_is_not_null(part, column) for c in valid_checks(relation) for part in conjuncts(c.expression or ""))


def _is_not_null(part: Any, column: str) -> bool:
    return (
        is_node(part, "NullTest")
        and enum_name(part, "nulltesttype") == "IS_NOT_NULL"
        and _column(unwrap(part.arg)) == column
    )


@lru_cache(maxsize=512)
def conjuncts(check: str) -> tuple[Any, ...]:
    """The parts of a CHECK that AND joins."""
    from runbook.migration.statement import SyntaxProblem, parse_one

    found = _CHECK.match(check)
    try:
        select = parse_one(f"SELECT {found.group(1) if found else check}")
    except SyntaxProblem:
        return ()
    parts: list[Any] = []
    stack = [unwrap(unwrap(select.target_list[0]).val)]
    while stack:
        node = stack.pop()
        if is_node(node, "BoolExpr") and enum_name(node, "boolop") == "AND_EXPR":
            stack.extend(unwrap(a) for a in node.args)
        else:
            parts.append(node)
    return tuple(parts)


def comparisons(relation: Relation, column: str) -> list[tuple[str, Any]]:
    """What valid CHECKs say of a column: (operator, constant), and ("in", set) of the values it may have."""
    found: list[tuple[str, Any]] = []
    for check in valid_checks(relation):
        for part in conjuncts(check.expression or ""):
            found.extend(_comparison(part, column))
    return found


_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "="}


def _comparison(part: Any, column: str) -> list[tuple[str, Any]]:
    if not is_node(part, "A_Expr"):
        return []
    operator = strings(part.name)[-1]
    left, right = unwrap(part.lexpr), unwrap(part.rexpr)
    kind = enum_name(part, "kind")
    if kind in ("AEXPR_IN", "AEXPR_OP_ANY") and operator == "=" and _column(left) == column:
        values = _values(right)
        return [("in", values)] if values is not None else []
    if kind == "AEXPR_OP" and operator in _MIRRORED:
        if _column(left) == column and (value := constant(right)) is not None:
            return [("in", frozenset({value}))] if operator == "=" else [(operator, value)]
        if _column(right) == column and (value := constant(left)) is not None:
            return [(_MIRRORED[operator], value)]
    return []


def _values(node: Any) -> frozenset[Any] | None:
    while is_node(node, "TypeCast"):
        node = unwrap(node.arg)
    if is_node(node, "List"):
        items = [constant(i) for i in node.items]
    elif is_node(node, "A_ArrayExpr"):
        items = [constant(i) for i in node.elements]
    else:
        return None
    return None if any(i is None for i in items) else frozenset(items)


def _column(node: Any) -> str | None:
    while is_node(node, "TypeCast"):
        node = unwrap(node.arg)
    return strings(node.fields)[-1] if is_node(node, "ColumnRef") and strings(node.fields) else None


def within_bound(relation: Relation, key: tuple[str, ...], bound: Any) -> bool:
    """Whether valid CHECKs prove every row to be within a partition bound, so that ATTACH PARTITION need not look."""
    if len(key) != 1:
        return False
    column = relation.column(key[0])
    if column is None or not (column.not_null or proves_not_null(relation, key[0])):
        return False
    said = comparisons(relation, key[0])
    if bound.strategy == "r":
        lower, upper = _edge(bound.lowerdatums), _edge(bound.upperdatums)
        return _above(said, lower) and _below(said, upper)
    if bound.strategy == "l":
        allowed = frozenset(constant(d) for d in bound.listdatums)
        return any(operator == "in" and value <= allowed for operator, value in said)
    return False


def outside_bound(relation: Relation, key: tuple[str, ...], bound: Any) -> bool:
    """Whether valid CHECKs prove that the default partition holds no row of a new bound."""
    if len(key) != 1:
        return False
    said = comparisons(relation, key[0])
    if bound.strategy == "r":
        lower, upper = _edge(bound.lowerdatums), _edge(bound.upperdatums)
        return (upper is not MAX and _above(said, upper)) or (lower is not MIN and _below(said, lower))
    if bound.strategy == "l":
        taken = frozenset(constant(d) for d in bound.listdatums)
        return any(operator == "in" and not value & taken for operator, value in said)
    return False


MIN, MAX = object(), object()


def _edge(datums: Any) -> Any:
    """The first value of a bound: MIN, MAX or a constant."""
    node = unwrap(datums[0])
    if is_node(node, "PartitionRangeDatum"):
        kind = enum_name(node, "kind")
        if kind == "PARTITION_RANGE_DATUM_MINVALUE":
            return MIN
        if kind == "PARTITION_RANGE_DATUM_MAXVALUE":
            return MAX
        return constant(node.value)
    if is_node(node, "ColumnRef"):
        return {"minvalue": MIN, "maxvalue": MAX}.get(strings(node.fields)[-1].lower())
    return constant(node)


def _above(said: list[tuple[str, Any]], edge: Any) -> bool:
    """Whether the column is known to be at or above an edge."""
    if edge is MIN:
        return True
    return any(op in (">", ">=") and _ordered(edge, value) for op, value in said) or any(
        op == "in" and all(_ordered(edge, v) for v in value) for op, value in said
    )


def _below(said: list[tuple[str, Any]], edge: Any) -> bool:
    """Whether the column is known to be below an edge."""
    if edge is MAX:
        return True
    return any(
        (op == "<" and _ordered(value, edge)) or (op == "<=" and value != edge and _ordered(value, edge))
        for op, value in said
    ) or any(op == "in" and all(v != edge and _ordered(v, edge) for v in value) for op, value in said)


def _ordered(low: Any, high: Any) -> bool:
    """low <= high, for values whose order does not depend on a collation."""
    if isinstance(low, int) and isinstance(high, int):
        return low <= high
    if isinstance(low, str) and isinstance(high, str):
        return low == high or (
            low[:1].isdigit() and high[:1].isdigit() and low[:10] <= high[:10] and _is_date(low, high)
        )
    return False


_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _is_date(*values: str) -> bool:
    return all(_DATE.match(v) for v in values) and values[0] <= values[1]
