"""Rows outside the bound of a partition that is attached, or inside it in the default partition (23514).

The condition is the one that pg_get_partition_constraintdef would print for the partition, written over the columns.
Source: get_qual_for_list, get_qual_for_range, get_qual_for_hash (partbounds.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from runbook.migration.apply.tables import same_index
from runbook.migration.ast import enum_name, is_node, is_null, relation_name, strings, unwrap
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.data_checks.keys import Part, unique
from runbook.migration.data_checks.make import Question, check, offenders
from runbook.migration.data_checks.present import NoQuery, Present, Table
from runbook.migration.data_checks.rows import orphans
from runbook.migration.deparse import expression_text
from runbook.migration.effects.implied import outside_bound, within_bound
from runbook.migration.result import DataCheck
from runbook.migration.statement import SyntaxProblem, parse_one
from runbook.sql import quote_literal, quote_qualified

NameSql = Callable[[str], str]


def attached(parent: Relation, command: Any, present: Present, catalog: Catalog) -> Iterator[DataCheck]:
    """ATTACH PARTITION: rows outside the bound, rows of the default partition inside it, keys and parents."""
    name = relation_name(command.name)
    child = catalog.find(name.schema, name.name)
    if child is None:
        return
    table = present.table(child, catalog)
    if table.is_new:
        pass
    elif command.bound.is_default:
        if parent.children:
            because = f"no row of {child.qualified} may belong to another partition"
            yield check("23514", because, lambda: _in_another(table, parent, catalog))
    elif not within_bound(child, parent.partition_key, command.bound):
        because = f"every row of {child.qualified} must be within the partition's bound"

        def outside() -> Question:
            condition = _condition(parent, command.bound, present, lambda c: table.value(c).sql)
            return offenders(table, f"({condition}) IS NOT TRUE")

        yield check("23514", because, outside)
    yield from in_default(parent, command.bound, present, catalog)
    yield from _keys(parent, table)
    for constraint in parent.constraints:
        if constraint.kind != "f" or constraint.references is None or not constraint.validated:
            continue
        own = any(
            c.kind == "f" and c.columns == constraint.columns and c.references == constraint.references and c.validated
            for c in child.constraints
        )
        target = catalog.relations.get(constraint.references)
        if not own and target is not None:
            to = present.table(target, catalog, only=True)
            yield from orphans(table, constraint.columns, to, constraint.referenced_columns, full=constraint.match_full)


def _keys(parent: Relation, table: Table) -> Iterator[DataCheck]:
    """Each unique index of the parent is built on the partition that has none like it."""
    for index in parent.indexes:
        columns = tuple(c for c in index.columns if c is not None)
        plain = index.unique and len(columns) == len(index.columns) and not index.has_predicate
        if plain and not any(same_index(i, index) for i in table.relation.indexes):
            yield from unique(table, tuple(Part(column=c) for c in columns))


def in_default(parent: Relation, bound: Any, present: Present, catalog: Catalog) -> Iterator[DataCheck]:
    """A new partition beside a default one: no row there may be the new one's."""
    default = catalog.relations.get(parent.default_partition) if parent.default_partition is not None else None
    if default is None or bound.is_default or outside_bound(default, parent.partition_key, bound):
        return
    table = present.table(default, catalog)
    if table.is_new:
        return
    because = f"no row of the default partition {default.qualified} may be within the new bound"

    def inside() -> Question:
        return offenders(table, _condition(parent, bound, present, lambda c: table.value(c).sql))

    yield check("23514", because, inside)


def _in_another(table: Table, parent: Relation, catalog: Catalog) -> Question:
    conditions = []
    for key in parent.children:
        sibling = catalog.relations.get(key)
        if sibling is None or sibling.key == table.relation.key:
            continue
        if sibling.partition_bound is None:
            raise NoQuery(f"the bound of {sibling.qualified} was not read")
        bound = read_bound(sibling.partition_bound)
        conditions.append(f"({_condition(parent, bound, table.present, lambda c: table.value(c).sql)})")
    return offenders(table, "\n   OR ".join(conditions) or "false")


def read_bound(text: str) -> Any:
    try:
        node = parse_one(f"ALTER TABLE a ATTACH PARTITION b {text}")
    except SyntaxProblem as error:
        raise NoQuery(f"the bound {text} was not understood: {error.message}") from None
    return unwrap(unwrap(node.cmds[0]).__getattribute__("def")).bound


def _condition(parent: Relation, bound: Any, present: Present, name: NameSql) -> str:
    """SQL that is true for the rows within ``bound``. Raises ``NoQuery``."""
    columns = [name(c) for c in parent.partition_key]
    if bound.strategy == "h":
        known = present.find(parent)
        if known is None:
            raise NoQuery("the partitioned table does not exist yet")
        oid = f"{quote_literal(quote_qualified(known.schema, known.name))}::pg_catalog.regclass"
        if not columns:
            raise NoQuery("the partition key is an expression")
        return f"satisfies_hash_partition({oid}, {bound.modulus}, {bound.remainder}, {', '.join(columns)})"
    if bound.strategy == "l":
        if len(columns) != 1:
            raise NoQuery("the partition key is an expression")
        values = [unwrap(d) for d in bound.listdatums]
        written = [expression_text(v) for v in values if not is_null(v)]
        parts = [f"{columns[0]} IS NULL"] if any(is_null(v) for v in values) else []
        parts += [f"{columns[0]} IN ({', '.join(written)})"] if written else []
        return " OR ".join(parts)
    lower, upper = [unwrap(d) for d in bound.lowerdatums], [unwrap(d) for d in bound.upperdatums]
    if len(columns) != len(lower) or not columns:
        raise NoQuery("the partition key has an expression in it")
    parts = [f"{c} IS NOT NULL" for c in columns]
    parts += [p for p in (_edge(columns, lower, lower=True), _edge(columns, upper, lower=False)) if p is not None]
    return " AND ".join(parts)


def _edge(columns: list[str], datums: list[Any], *, lower: bool) -> str | None:
    """One end of a range: rows compare column by column, up to the first MINVALUE or MAXVALUE."""
    values: list[str] = []
    infinite = ""
    for datum in datums:
        kind = infinity(datum)
        if kind:
            infinite = kind
            break
        values.append(expression_text(unwrap(datum.value) if is_node(datum, "PartitionRangeDatum") else datum))
    if not values:
        never = infinite == ("maxvalue" if lower else "minvalue")
        return "false" if never else None
    if lower:
        operator = ">" if infinite == "maxvalue" else ">="
    else:
        operator = "<=" if infinite == "maxvalue" else "<"
    left = columns[: len(values)]
    if len(left) == 1:
        return f"{left[0]} {operator} {values[0]}"
    return f"({', '.join(left)}) {operator} ({', '.join(values)})"


def infinity(datum: Any) -> str:
    if is_node(datum, "PartitionRangeDatum"):
        kind = enum_name(datum, "kind")
        return {"PARTITION_RANGE_DATUM_MINVALUE": "minvalue", "PARTITION_RANGE_DATUM_MAXVALUE": "maxvalue"}.get(
            kind, ""
        )
    if is_node(datum, "ColumnRef"):
        name = strings(datum.fields)[-1].lower()
        return name if name in ("minvalue", "maxvalue") else ""
    return ""
