"""Columns, constraints and indexes that CREATE TABLE, ALTER TABLE ADD and CREATE INDEX make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runbook.migration.ast import ColumnSpec, ConstraintSpec, columns_used, strings, unwrap
from runbook.migration.catalog import Catalog, Column, Constraint, Dependant, Index, Relation, RelationKey
from runbook.migration.deparse import expression_text
from runbook.migration.edit import lineage, name_taken, with_relation, with_tables
from runbook.migration.effects.names import choose, index_name
from runbook.migration.effects.sequences import default_calls
from runbook.migration.effects.types import column_of
from runbook.migration.revise import replace

_LABEL = {"p": "pkey", "u": "key", "x": "excl"}


def columns_in(expression: Any) -> tuple[str, ...]:
    """The bare names of the columns in an expression, each once."""
    return tuple(dict.fromkeys(parts[-1] for parts in columns_used(expression)))


def constraint_name(catalog: Catalog, relation: Relation, spec: ConstraintSpec) -> str:
    """The name of a constraint: as written, or as the server makes one up. Source: ChooseConstraintName."""
    if spec.name is not None:
        return spec.name
    if spec.using_index is not None:
        return spec.using_index
    if spec.kind in _LABEL:
        taken = name_taken(catalog, relation.schema)
        return index_name(relation.name, list(key_columns(spec)), _LABEL[spec.kind], taken)
    columns = spec.columns
    if spec.kind == "c":
        used = columns_in(spec.expression) if spec.expression is not None else ()
        columns = used if len(used) == 1 else ()
    label = {"f": "fkey", "c": "check", "n": "not_null"}.get(spec.kind, "key")
    existing = {c.name for c in relation.constraints}
    return choose(relation.name, "_".join(columns), label, existing.__contains__)


def key_columns(spec: ConstraintSpec) -> tuple[str | None, ...]:
    """The key columns of a constraint; None for an expression in an EXCLUDE."""
    if spec.kind == "x":
        found: list[str | None] = []
        for pair in spec.node.exclusions:
            element = unwrap(unwrap(pair).items[0])
            found.append(element.name or None)
        return tuple(found)
    return spec.columns


def referenced_columns(catalog: Catalog, spec: ConstraintSpec, target: Relation | None) -> tuple[str, ...]:
    """The columns that a foreign key points to: as written, else the primary key of the target."""
    if spec.referenced_columns or target is None:
        return spec.referenced_columns
    primary = next((c for c in target.constraints if c.kind == "p"), None)
    return primary.columns if primary is not None else ()


def add_constraint(catalog: Catalog, relation: Relation, spec: ConstraintSpec, *, recurse: bool = True) -> Catalog:
    """``catalog`` with the constraint on the relation, and where it is inherited on its descendants."""
    relation = catalog.relations.get(relation.key, relation)
    name = constraint_name(catalog, relation, spec)
    target_key: RelationKey | None = None
    target: Relation | None = None
    if spec.references is not None:
        target = catalog.find(spec.references.schema, spec.references.name)
        if target is None and spec.references.name == relation.name:
            target = relation
        target_key = (
            target.key if target is not None else (spec.references.schema or relation.schema, spec.references.name)
        )
    columns = tuple(c for c in key_columns(spec) if c is not None)
    expression = None
    if spec.kind == "c" and spec.expression is not None:
        expression = f"CHECK (({expression_text(spec.expression)}))"
        columns = columns_in(spec.expression)
    made = Constraint(
        name=name,
        kind=spec.kind,
        columns=columns,
        validated=not spec.not_valid and spec.enforced,
        references=target_key,
        referenced_columns=referenced_columns(catalog, spec, target),
        index=name if spec.kind in _LABEL else None,
        expression=expression,
        no_inherit=spec.no_inherit,
        enforced=spec.enforced,
        deferrable=spec.deferrable,
        on_delete=spec.on_delete,
        on_update=spec.on_update,
        match_full=spec.kind == "f" and spec.node is not None and spec.node.fk_matchtype == "f",
        period=spec.period or spec.without_overlaps,
    )
    if spec.kind in _LABEL:
        return _add_keyed(catalog, relation, spec, made, recurse=recurse)
    members = list(lineage(catalog, relation)) if recurse and not spec.no_inherit else [relation]
    changed = []
    for member in members:
        if spec.kind == "f" and member.key != relation.key and not member.is_partition:
            continue
        own = replace(made, inherited=member.key != relation.key)
        kept = tuple(c for c in member.constraints if c.name != name)
        member_columns = member.columns
        if spec.kind == "n":
            member_columns = _with_not_null(member.columns, columns)
        changed.append(replace(member, constraints=(*kept, own), columns=member_columns))
    return with_tables(catalog, *changed)


def _add_keyed(
    catalog: Catalog,
    relation: Relation,
    spec: ConstraintSpec,
    made: Constraint,
    *,
    recurse: bool = True,
    parent: RelationKey | None = None,
) -> Catalog:
    """PRIMARY KEY, UNIQUE and EXCLUDE: with the index behind it, new or taken over. ``parent``: of a partition's index."""
    indexes = relation.indexes
    columns = made.columns
    if spec.using_index is not None:
        taken_over = relation.index(spec.using_index)
        if taken_over is not None:
            columns = tuple(c for c in taken_over.columns if c is not None)
            indexes = tuple(
                replace(i, name=made.name, primary=spec.kind == "p", created_here=i.created_here)
                if i.name == spec.using_index
                else i
                for i in relation.indexes
            )
    else:
        index = Index(
            name=made.name,
            columns=key_columns(spec),
            unique=spec.kind in ("p", "u"),
            primary=spec.kind == "p",
            included=spec.including,
            exclusion=spec.kind == "x",
            has_predicate=spec.kind == "x" and spec.node is not None and spec.node.HasField("where_clause"),
            method=spec.method or "btree",
            expression_columns=(),
            schema=relation.schema,
            parent=parent,
            created_here=True,
        )
        indexes = (*relation.indexes, index)
    not_null = columns if spec.kind == "p" else ()
    table = replace(
        relation,
        indexes=indexes,
        columns=_with_not_null(relation.columns, not_null),
        constraints=(*relation.constraints, replace(made, columns=columns)),
    )
    catalog = with_tables(catalog, table)
    for key in table.children if recurse and table.kind == "p" else ():
        child = catalog.relations.get(key)
        if child is not None:
            own = replace(spec, name=None, using_index=None)
            name = constraint_name(catalog, child, own)
            inherited = replace(made, name=name, index=name, inherited=True)
            catalog = _add_keyed(catalog, child, own, inherited, parent=(table.schema, made.name))
    for member in list(lineage(catalog, table))[1:] if recurse and table.kind != "p" else ():
        if not_null:
            changed = replace(member, columns=_with_not_null(member.columns, not_null))
            catalog = with_relation(catalog, changed)
    return catalog


def _with_not_null(columns: tuple[Column, ...], names: tuple[str, ...]) -> tuple[Column, ...]:
    if not names:
        return columns
    return tuple(replace(c, not_null=True) if c.name in names else c for c in columns)


def add_column(catalog: Catalog, relation: Relation, spec: ColumnSpec, *, recurse: bool = True) -> Catalog:
    """``catalog`` with the column, its constraints and the sequence behind a serial or identity column."""
    column = replace(column_of(spec, catalog), default_sequences=default_calls(catalog, spec.default))
    members = list(lineage(catalog, relation)) if recurse else [relation]
    changed = []
    for member in members:
        if member.column(spec.name) is None:
            attnum = max((c.attnum for c in member.columns), default=0) + 1
            own = replace(column, attnum=attnum, inherited=member.key != relation.key)
            changed.append(replace(member, columns=(*member.columns, own)))
    catalog = with_tables(catalog, *changed)
    relation = catalog.relations.get(relation.key, relation)
    if spec.type is not None and spec.type.is_serial:
        catalog = add_sequence(catalog, relation, spec.name, called_by=[m.key for m in members])
    elif spec.constraint("identity") is not None:
        catalog = add_sequence(catalog, relation, spec.name)
    for constraint in spec.constraints:
        if constraint.kind in ("p", "u", "x", "c", "f") or (constraint.kind == "n" and catalog.major >= 18):
            catalog = add_constraint(catalog, relation, constraint, recurse=recurse)
    return catalog


def add_sequence(
    catalog: Catalog, relation: Relation, column: str, *, called_by: Iterable[RelationKey] = ()
) -> Catalog:
    """The sequence that a serial or identity column owns, ``table_column_seq``; in ``called_by`` the default calls it."""
    name = choose(relation.name, column, "seq", name_taken(catalog, relation.schema))
    sequence = Relation(
        relation.schema,
        name,
        kind="S",
        replica_identity="n",
        rows=1,
        pages=1,
        owner=relation.owner,
        owned_by=(relation.key, column),
        created_here=True,
    )
    changed = []
    for table in [catalog.relations[key] for key in called_by]:
        columns = (replace(c, default_sequences=(sequence.key,)) if c.name == column else c for c in table.columns)
        changed.append(replace(table, columns=tuple(columns)))
    return with_tables(with_relation(catalog, sequence), *changed)


def index_of(catalog: Catalog, relation: Relation, node: Any, *, name: str | None = None) -> Index:
    """The index that CREATE INDEX makes on a relation."""
    elements = [unwrap(p) for p in node.index_params]
    columns: list[str | None] = [e.name or None for e in elements]
    used: dict[str, None] = {}
    for part in [
        *(e.expr for e in elements if e.HasField("expr")),
        *([node.where_clause] if node.HasField("where_clause") else []),
    ]:
        used.update(dict.fromkeys(columns_in(unwrap(part))))
    has_expressions = any(c is None for c in columns)
    titles = [c or _expression_title(e) for c, e in zip(columns, elements, strict=True)]
    included = [unwrap(p).name for p in node.index_including_params]
    chosen = name or node.idxname
    if not chosen:
        chosen = index_name(relation.name, [*titles, *included], "idx", name_taken(catalog, relation.schema))
    return Index(
        name=chosen,
        columns=tuple(columns),
        unique=node.unique,
        method=node.access_method or "btree",
        has_expressions=has_expressions,
        has_predicate=node.HasField("where_clause"),
        included=tuple(included),
        expression_columns=tuple(used),
        default_operator_classes=not any(strings(e.opclass) for e in elements),
        schema=relation.schema,
        created_here=True,
    )


def _expression_title(element: Any) -> str | None:
    """What an expression is called in the name of an index:

    a function's name, else expr. Source: FigureIndexColname.
    """
    expression: Any = unwrap(element.expr) if element.HasField("expr") else None
    while expression is not None and expression.DESCRIPTOR.name == "TypeCast":
        inner = unwrap(expression.arg)
        if inner.DESCRIPTOR.name not in ("ColumnRef", "FuncCall", "TypeCast"):
            return strings(expression.type_name.names)[-1]
        expression = inner
    match expression.DESCRIPTOR.name if expression is not None else "":
        case "FuncCall":
            return strings(expression.funcname)[-1]
        case "ColumnRef":
            return strings(expression.fields)[-1]
        case "CoalesceExpr":
            return "coalesce"
    return None


def copied_index(catalog: Catalog, relation: Relation, index: Index) -> Index:
    """The index that LIKE ... INCLUDING INDEXES makes after another table's."""
    label = "pkey" if index.primary else "key" if index.unique else "idx"
    titles = [*index.columns, *index.included]
    name = index_name(relation.name, titles, label, name_taken(catalog, relation.schema))
    return replace(index, name=name, schema=relation.schema, parent=None, pages=0, created_here=True)


def same_index(one: Index, other: Index) -> bool:
    """Whether an index of a partition can serve as its part of a partitioned index. Source: CompareIndexInfo."""
    if one.has_expressions or one.has_predicate or other.has_expressions or other.has_predicate:
        return False
    key = (one.columns, one.unique, one.method, one.included, one.exclusion)
    return one.valid and key == (other.columns, other.unique, other.method, other.included, other.exclusion)


def add_index(catalog: Catalog, relation: Relation, index: Index, *, recurse: bool = True) -> Catalog:
    """``catalog`` with an index, and on each partition the one that is attached to it."""
    relation = catalog.relations.get(relation.key, relation)
    catalog = with_tables(catalog, replace(relation, indexes=(*relation.indexes, index)))
    if relation.kind != "p" or not recurse:
        return catalog
    for key in relation.children:
        child = catalog.relations.get(key)
        if child is None:
            continue
        fitting = next((i for i in child.indexes if i.parent is None and same_index(i, index)), None)
        if fitting is not None:
            catalog = attach_index(catalog, child, fitting, (relation.schema, index.name))
        else:
            titles = [*index.columns, *index.included]
            name = index_name(child.name, titles, "idx", name_taken(catalog, child.schema))
            own = replace(index, name=name, schema=child.schema, parent=(relation.schema, index.name))
            catalog = add_index(catalog, child, own)
    return catalog


def attach_index(catalog: Catalog, child: Relation, index: Index, parent: RelationKey) -> Catalog:
    """``catalog`` where a partition's index is part of a partitioned one."""
    indexes = tuple(replace(i, parent=parent) if i.name == index.name else i for i in child.indexes)
    return with_tables(catalog, replace(child, indexes=indexes))


def add_reader(catalog: Catalog, reader: Relation, read: list[RelationKey]) -> Catalog:
    """``catalog`` where the relations know that a view or materialized view reads them."""
    kind = "matview" if reader.kind == "m" else "view"
    title = "materialized view" if kind == "matview" else "view"
    changed = []
    for key in read:
        relation = catalog.relations.get(key)
        if relation is not None and key != reader.key:
            entry = Dependant(kind, f"{title} {reader.qualified}", None, reader.key)
            changed.append(replace(relation, dependants=(*relation.dependants, entry)))
    return with_tables(catalog, reader, *changed)
