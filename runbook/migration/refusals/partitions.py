"""Bounds that overlap, keys that leave the partition key out, partitions that do not look like their parent
(42P17, 42P16, 0A000, 42804). Source: check_new_partition_bound (partbounds.c), transformPartitionBound, DefineIndex."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration.ast import (
    alter_commands,
    column_specs,
    constant,
    constraint_spec,
    constraint_specs,
    is_node,
    is_null,
    relation_name,
    unwrap,
)
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.data_checks.partitions import infinity, read_bound
from runbook.migration.data_checks.present import NoQuery
from runbook.migration.effects.types import type_of_column
from runbook.migration.result import Fails


def wrong_partitions(node: Any, catalog: Catalog) -> Iterator[Fails]:
    """What the partition tree refuses."""
    if is_node(node, "CreateStmt") and node.HasField("partbound") and node.inh_relations:
        name = relation_name(unwrap(node.inh_relations[0]))
        parent = catalog.find(name.schema, name.name)
        if parent is not None and parent.kind == "r":
            yield Fails("42P17", f"{parent.name} is not partitioned", certain=True)
        elif parent is not None and parent.kind == "p" and catalog.find(*relation_name(node.relation)) is None:
            yield from _bound(parent, node.partbound, catalog)
    elif is_node(node, "CreateStmt") and node.HasField("partspec"):
        yield from _new_key(node)
    elif is_node(node, "AlterTableStmt"):
        relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
        if relation is None or relation.kind != "p":
            return
        for command in alter_commands(node):
            if command.type == "AT_AttachPartition":
                name = relation_name(command.definition.name)
                child = catalog.find(name.schema, name.name)
                if child is not None and not child.is_partition:
                    yield from _alike(relation, child, catalog)
                    yield from _bound(relation, command.definition.bound, catalog)
            elif command.type == "AT_AddConstraint" and is_node(command.definition, "Constraint"):
                spec = constraint_spec(command.definition)
                if spec is not None and spec.kind in ("p", "u") and not spec.not_valid and spec.using_index is None:
                    yield from _covers(relation, spec.columns, {"p": "PRIMARY KEY", "u": "UNIQUE"}[spec.kind])
    elif is_node(node, "IndexStmt") and node.unique and not node.concurrent:
        relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
        if relation is not None and relation.kind == "p":
            yield from _covers(relation, tuple(unwrap(e).name for e in node.index_params), "UNIQUE")


def _covers(parent: Relation, columns: tuple[str, ...], what: str) -> Iterator[Fails]:
    left = [c for c in parent.partition_key if c not in columns]
    if left and all(parent.column(c) is not None for c in columns if c):
        because = (
            f"a {what} constraint on a partitioned table must include all partitioning columns: {left[0]} is missing"
        )
        yield Fails("0A000", because, certain=True)


def _new_key(node: Any) -> Iterator[Fails]:
    keys = [unwrap(p).name for p in node.partspec.part_params]
    if int(node.partspec.strategy) == _LIST and len(keys) > 1:
        yield Fails("42P17", "cannot use list partition strategy with more than one column", certain=True)
    columns = {c.name for c in column_specs(node)}
    if any(is_node(unwrap(e), "TableLikeClause") for e in node.table_elts) or node.inh_relations:
        return  # whose columns are not written here
    for key in keys:
        if key and key not in columns:
            yield Fails("42703", f"column {key} named in partition key does not exist", certain=True)
    for spec in constraint_specs(node):
        left = [k for k in keys if k and k not in spec.columns]
        if spec.kind in ("p", "u") and left:
            because = f"a key of a partitioned table must include all partitioning columns: {left[0]} is missing"
            yield Fails("0A000", because, certain=True)


_LIST = 1  # PARTITION_STRATEGY_LIST of libpg_query


def _alike(parent: Relation, child: Relation, catalog: Catalog) -> Iterator[Fails]:
    """The child must have the parent's columns, of the same types, and no others."""
    if not parent.columns or not child.columns:
        return
    for column in child.columns:
        if parent.column(column.name) is None:
            yield Fails("42804", f"table {child.name} contains column {column.name} not found in parent", certain=True)
            return
    yield from inherits_from(parent, child, catalog)


def inherits_from(parent: Relation, child: Relation, catalog: Catalog) -> Iterator[Fails]:
    """What every child must have of its parent."""
    for column in parent.columns:
        own = child.column(column.name)
        if own is None:
            yield Fails("42804", f"child table is missing column {column.name}", certain=True)
            return
        one, two = type_of_column(column, catalog), type_of_column(own, catalog)
        if (one.name, one.schema, one.array, one.typmod) != (two.name, two.schema, two.array, two.typmod):
            yield Fails("42804", f"child table {child.name} has different type for column {column.name}", certain=True)
            return
        if column.not_null and not own.not_null:
            yield Fails("42804", f"column {column.name} in child table must be marked NOT NULL", certain=True)
            return
    for constraint in parent.constraints:
        if constraint.kind == "c" and not constraint.no_inherit and child.constraint(constraint.name) is None:
            yield Fails("42804", f"child table is missing constraint {constraint.name}", certain=True)
            return


# -- bounds ---------------------------------------------------------------------------------------------------------

_STRATEGIES = {"r": "range", "l": "list", "h": "hash"}


def _bound(parent: Relation, bound: Any, catalog: Catalog) -> Iterator[Fails]:
    if bound.is_default:
        if parent.partition_strategy == "h":
            yield Fails("42P16", "a hash-partitioned table may not have a default partition", certain=True)
        elif parent.default_partition is not None:
            yield Fails(
                "42P17",
                f"partition conflicts with existing default partition {parent.default_partition[1]}",
                certain=True,
            )
        return
    if parent.partition_strategy is not None and bound.strategy != parent.partition_strategy:
        kind = _STRATEGIES[parent.partition_strategy]
        yield Fails("42P16", f"invalid bound specification for a {kind} partition", certain=True)
        return
    new = _ranges(bound) if bound.strategy == "r" else None
    if new is not None and new[0] >= new[1]:
        yield Fails("42P17", "empty range bound specified for the partition", certain=True)
        return
    for key in parent.children:
        sibling = catalog.relations.get(key)
        if sibling is None or sibling.partition_bound is None or key == parent.default_partition:
            continue
        try:
            other = read_bound(sibling.partition_bound)
        except NoQuery:
            continue
        if not other.is_default and _overlap(bound, other):
            yield Fails("42P17", f"the partition would overlap partition {sibling.name}", certain=True)
            return


def _overlap(one: Any, two: Any) -> bool:
    """Whether two bounds overlap, as far as their constants tell."""
    if one.strategy == "l":
        return bool(_values(one) & _values(two))
    if one.strategy == "h":
        return bool(one.modulus == two.modulus and one.remainder == two.remainder)
    first, second = _ranges(one), _ranges(two)
    if first is None or second is None:
        return False
    try:
        return first[0] < second[1] and second[0] < first[1]
    except TypeError:
        return False


def _values(bound: Any) -> set[Any]:
    found = {constant(d) for d in bound.listdatums if constant(d) is not None}
    return found | ({("null",)} if any(is_null(d) for d in bound.listdatums) else set())


def _ranges(bound: Any) -> tuple[list[Any], list[Any]] | None:
    """Both ends of a range as comparable values: whole numbers, or dates as ISO text; None for anything else."""
    ends = []
    for datums in (bound.lowerdatums, bound.upperdatums):
        end: list[Any] = []
        for item in datums:
            datum = unwrap(item)
            kind = infinity(datum)
            if kind:
                end.append((-1, 0) if kind == "minvalue" else (1, 0))
                break
            value = constant(unwrap(datum.value) if is_node(datum, "PartitionRangeDatum") else datum)
            text = str(value)
            if isinstance(value, int) or text.lstrip("-").isdigit():
                end.append((0, int(text)))
            elif _is_iso(text):
                end.append((0, text))
            else:
                return None
        ends.append(end)
    kinds = {type(v) for end in ends for s, v in end if s == 0}
    return (ends[0], ends[1]) if len(kinds) <= 1 else None


def _is_iso(text: str) -> bool:
    """A date or a timestamp without zone, in the one form whose text sorts as its value."""
    date, _, time = text.partition(" ")
    parts = date.split("-")
    plain = len(parts) == 3 and [len(p) for p in parts] == [4, 2, 2] and all(p.isdigit() for p in parts)
    return plain and (time in ("", "00:00:00"))
