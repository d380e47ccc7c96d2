"""ALTER TABLE, one subcommand at a time: the catalog as it is after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runbook.migration.apply.tables import (
    add_column,
    add_constraint,
    add_index,
    add_sequence,
    attach_index,
    same_index,
)
from runbook.migration.ast import AlterCommand, column_spec, constraint_spec, is_node, strings, type_ref
from runbook.migration.catalog import READERS, Catalog, Column, Index, Relation
from runbook.migration.dropping import drop_relations
from runbook.migration.edit import lineage, name_taken, owned_by_table, with_relation, with_tables, without
from runbook.migration.effects.names import index_name
from runbook.migration.effects.scene import has_toast
from runbook.migration.effects.sequences import default_calls
from runbook.migration.effects.types import type_written
from runbook.migration.revise import replace

Handler = Callable[[Catalog, Relation, AlterCommand, bool], Catalog]
"""(catalog, relation, command, whether descendants follow) -> catalog"""

# In which order the subcommands of one statement run. Source: AlterTablePass, tablecmds.c; what is not here runs last.
PASSES: dict[str, int] = {
    "AT_DropColumn": 0,
    "AT_DropConstraint": 0,
    "AT_DropNotNull": 0,
    "AT_DropIdentity": 0,
    "AT_DropExpression": 0,
    "AT_AlterColumnType": 1,
    "AT_AddColumn": 2,
    "AT_SetExpression": 3,
    "AT_SetNotNull": 4,
    "AT_SetStatistics": 9,
    "AT_ColumnDefault": 4,
    "AT_AddIdentity": 4,
    "AT_AddConstraint": 6,
}
_KEYED_PASS = 5
_LAST_PASS = 9


def in_order(commands: tuple[AlterCommand, ...]) -> list[AlterCommand]:
    """The subcommands in the order in which the server runs them."""
    return sorted(commands, key=_pass)


def _pass(command: AlterCommand) -> int:
    if command.type == "AT_AddConstraint" and is_node(command.definition, "Constraint"):
        spec = constraint_spec(command.definition)
        if spec is not None and spec.kind in ("p", "u", "x", "n"):
            return _KEYED_PASS
    if command.type == "AT_ColumnDefault" and command.definition is None:
        return 0
    return PASSES.get(command.type, _LAST_PASS)


def apply_command(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    """``catalog`` after one subcommand; itself where nothing that a forecast needs changes."""
    handler = _HANDLERS.get(command.type)
    current = catalog.relations.get(relation.key)
    if handler is None or current is None:
        return catalog
    return handler(catalog, current, command, recurse)


def _members(catalog: Catalog, relation: Relation, recurse: bool) -> list[Relation]:
    return list(lineage(catalog, relation)) if recurse else [relation]


def _add_column(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    spec = column_spec(command.definition)
    if relation.column(spec.name) is not None:
        return catalog
    return add_column(catalog, relation, spec, recurse=recurse)


def drop_column(catalog: Catalog, relation: Relation, name: str, recurse: bool) -> Catalog:
    """``catalog`` without a column, and without what stands on it."""
    changed = []
    for member in _members(catalog, relation, recurse):
        changed.append(
            replace(
                member,
                columns=tuple(c for c in member.columns if c.name != name),
                has_toast=has_toast(member) or member.has_toast,  # it stays when nothing needs it any more
                indexes=tuple(i for i in member.indexes if not uses_column(i, name)),
                constraints=tuple(c for c in member.constraints if name not in c.columns),
                dependants=tuple(d for d in member.dependants if d.column != name),
            )
        )
    sequences = [s.key for s in owned_by_table(catalog, relation, name)]
    pointing = [(k, c) for k, c in catalog.referencing.get(relation.key, ()) if name in c.referenced_columns]
    catalog = with_tables(catalog, *changed)
    for key, constraint in pointing:
        other = catalog.relations.get(key)
        if other is not None:
            kept = tuple(c for c in other.constraints if c.name != constraint.name)
            catalog = with_relation(catalog, replace(other, constraints=kept))
    return without(catalog, *sequences)


def uses_column(index: Index, name: str) -> bool:
    """Whether an index stands on a column: as key, included, or in an expression or its predicate."""
    if name in index.columns or name in index.included:
        return True
    return name in (index.expression_columns or ())


def _drop_column(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    if relation.column(command.name) is None:
        return catalog
    readers = [d.relation for d in relation.dependants if d.column == command.name and d.kind in READERS]
    views = [r for key in readers if key is not None and (r := catalog.relations.get(key)) is not None]
    if views and command.cascade:
        catalog = without(catalog, *drop_relations(catalog, views).relations)
        relation = catalog.relations[relation.key]
    return drop_column(catalog, relation, command.name, recurse)


def _column(
    catalog: Catalog, relation: Relation, name: str, recurse: bool, change: Callable[[Column], Column]
) -> Catalog:
    """``catalog`` with one column changed, on the relation and its descendants."""
    changed = []
    for member in _members(catalog, relation, recurse):
        columns = tuple(change(c) if c.name == name else c for c in member.columns)
        changed.append(replace(member, columns=columns))
    return with_tables(catalog, *changed)


def _set_not_null(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    return _column(catalog, relation, command.name, recurse, lambda c: replace(c, not_null=True))


def _drop_not_null(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    return _column(catalog, relation, command.name, recurse, lambda c: replace(c, not_null=False))


def _default(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    given = command.definition is not None
    calls = default_calls(catalog, command.definition)

    def change(column: Column) -> Column:
        return replace(column, has_default=given, default_sequences=calls)

    return _column(catalog, relation, command.name, recurse, change)


def _alter_type(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    kind = type_written(type_ref(command.definition.type_name), catalog)
    collation = command.definition.coll_clause if command.definition.HasField("coll_clause") else None

    def change(column: Column) -> Column:
        return replace(
            column,
            type=kind.printed,
            typmod=kind.typmod,
            type_schema=kind.schema,
            type_kind=kind.kind,
            collation=strings(collation.collname)[-1] if collation is not None else None,
        )

    return _column(catalog, relation, command.name, recurse, change)


def _add_identity(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    catalog = _column(catalog, relation, command.name, False, lambda c: replace(c, identity="d"))
    return add_sequence(catalog, catalog.relations[relation.key], command.name)


def _drop_identity(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    sequences = [s.key for s in owned_by_table(catalog, relation, command.name)]
    catalog = _column(catalog, relation, command.name, False, lambda c: replace(c, identity="", has_default=False))
    return without(catalog, *sequences)


def _drop_expression(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    return _column(catalog, relation, command.name, recurse, lambda c: replace(c, generated="", has_default=False))


def _add_constraint(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    spec = constraint_spec(command.definition)
    return add_constraint(catalog, relation, spec, recurse=recurse) if spec is not None else catalog


def _drop_constraint(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    dropped = relation.constraint(command.name)
    if dropped is None:
        return catalog
    return drop_constraint(catalog, relation, command.name, recurse)


def drop_constraint(catalog: Catalog, relation: Relation, name: str, recurse: bool) -> Catalog:
    """``catalog`` without a constraint, its index, and with CASCADE the foreign keys that rested on it."""
    changed = []
    dropped = relation.constraint(name)
    for member in _members(catalog, relation, recurse):
        columns = member.columns
        if dropped is not None and dropped.kind == "n":
            columns = tuple(replace(c, not_null=False) if c.name in dropped.columns else c for c in columns)
        changed.append(
            replace(
                member,
                columns=columns,
                constraints=tuple(c for c in member.constraints if c.name != name),
                indexes=tuple(i for i in member.indexes if dropped is None or i.name != dropped.index),
            )
        )
    catalog = with_tables(catalog, *changed)
    if dropped is not None and dropped.kind in ("p", "u"):
        for key, constraint in catalog.referencing.get(relation.key, ()):
            other = catalog.relations.get(key)
            if other is not None and set(constraint.referenced_columns) == set(dropped.columns):
                kept = tuple(c for c in other.constraints if c.name != constraint.name)
                catalog = with_relation(catalog, replace(other, constraints=kept))
    return catalog


def _validate(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    changed = []
    for member in _members(catalog, relation, recurse):
        constraints = tuple(
            replace(c, validated=c.enforced) if c.name == command.name else c for c in member.constraints
        )
        changed.append(replace(member, constraints=constraints))
    return with_tables(catalog, *changed)


def _alter_constraint(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    change = command.definition
    if not change.alter_enforceability:
        return catalog
    constraints = tuple(
        replace(c, enforced=change.is_enforced, validated=change.is_enforced) if c.name == change.conname else c
        for c in relation.constraints
    )
    return with_relation(catalog, replace(relation, constraints=constraints))


def _owner(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    owner = command.node.newowner.rolename or catalog.role
    changed = [replace(r, owner=owner) for r in (relation, *owned_by_table(catalog, relation))]
    return with_tables(catalog, *changed)


def _persistence(to: str) -> Handler:
    def handler(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
        return with_relation(catalog, replace(relation, persistence=to))

    return handler


def _security(**fields: bool) -> Handler:
    def handler(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
        return with_relation(catalog, replace(relation, **fields))

    return handler


def _trigger_state(state: str) -> Handler:
    def handler(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
        changed = []
        for member in _members(catalog, relation, recurse and relation.kind == "p"):
            triggers = tuple(replace(t, enabled=state) if command.name in ("", t.name) else t for t in member.triggers)
            changed.append(replace(member, triggers=triggers))
        return with_tables(catalog, *changed)

    return handler


def _replica_identity(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    kind, name = command.definition.identity_type, command.definition.name
    indexes = tuple(replace(i, replica_identity=kind == "i" and i.name == name) for i in relation.indexes)
    return with_tables(catalog, replace(relation, replica_identity=kind, indexes=indexes))


def _named(catalog: Catalog, range_var: Any) -> Relation | None:
    return catalog.find(range_var.schemaname or None, range_var.relname)


def attach(catalog: Catalog, parent: Relation, child: Relation, *, default: bool, partition: bool = True) -> Catalog:
    """``catalog`` with ``child`` under ``parent``: linked, and with the parent's indexes and foreign keys."""
    parent = replace(
        parent,
        children=(*parent.children, child.key),
        default_partition=child.key if default else parent.default_partition,
    )
    child = replace(child, parents=(*child.parents, parent.key), is_partition=partition)
    if partition:
        foreign = [c for c in parent.constraints if c.kind == "f"]
        have = {(c.columns, c.references) for c in child.constraints if c.kind == "f"}
        inherited = tuple(replace(c, inherited=True) for c in foreign if (c.columns, c.references) not in have)
        child = replace(child, constraints=(*child.constraints, *inherited))
    catalog = with_tables(catalog, parent, child)
    for index in parent.indexes if partition else ():
        current = catalog.relations[child.key]
        fitting = next((i for i in current.indexes if i.parent is None and same_index(i, index)), None)
        if fitting is not None:
            catalog = attach_index(catalog, current, fitting, (index.schema or parent.schema, index.name))
            continue
        made = partition_index(catalog, current, index, parent)
        catalog = add_index(catalog, current, made)
        backs = next((c for c in parent.constraints if c.index == index.name and c.kind in ("p", "u", "x")), None)
        if backs is not None:
            current = catalog.relations[child.key]
            inherited_key = replace(backs, name=made.name, index=made.name, inherited=True)
            catalog = with_tables(catalog, replace(current, constraints=(*current.constraints, inherited_key)))
    return catalog


def partition_index(catalog: Catalog, child: Relation, index: Index, parent: Relation) -> Index:
    """The index that a partition gets for one of its parent."""
    backs = next((c for c in parent.constraints if c.index == index.name), None)
    label = {"p": "pkey", "u": "key", "x": "excl"}.get(backs.kind if backs else "", "idx")
    titles = [*index.columns, *index.included]
    name = index_name(child.name, titles, label, name_taken(catalog, child.schema))
    return replace(
        index, name=name, schema=child.schema, parent=(index.schema or parent.schema, index.name), created_here=True
    )


def _attach(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    child = _named(catalog, command.definition.name)
    if child is None or relation.kind != "p":
        return catalog
    return attach(catalog, relation, child, default=command.definition.bound.is_default)


def _detach(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    child = _named(catalog, command.definition.name)
    return _unlink(catalog, relation, child) if child is not None else catalog


def _unlink(catalog: Catalog, parent: Relation, child: Relation) -> Catalog:
    parent = replace(
        parent,
        children=tuple(k for k in parent.children if k != child.key),
        default_partition=None if parent.default_partition == child.key else parent.default_partition,
    )
    parents = tuple(k for k in child.parents if k != parent.key)
    indexes = tuple(replace(i, parent=None) for i in child.indexes)
    columns = tuple(replace(c, identity="") for c in child.columns) if child.is_partition else child.columns
    alone = replace(child, parents=parents, is_partition=False, indexes=indexes, columns=columns)
    return with_tables(catalog, parent, alone)


def _inherit(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    parent = _named(catalog, command.definition)
    return attach(catalog, parent, relation, default=False, partition=False) if parent is not None else catalog


def _no_inherit(catalog: Catalog, relation: Relation, command: AlterCommand, recurse: bool) -> Catalog:
    parent = _named(catalog, command.definition)
    return _unlink(catalog, parent, relation) if parent is not None else catalog


_HANDLERS: dict[str, Handler] = {
    "AT_AddColumn": _add_column,
    "AT_DropColumn": _drop_column,
    "AT_SetNotNull": _set_not_null,
    "AT_DropNotNull": _drop_not_null,
    "AT_ColumnDefault": _default,
    "AT_AlterColumnType": _alter_type,
    "AT_AddIdentity": _add_identity,
    "AT_DropIdentity": _drop_identity,
    "AT_DropExpression": _drop_expression,
    "AT_AddConstraint": _add_constraint,
    "AT_DropConstraint": _drop_constraint,
    "AT_ValidateConstraint": _validate,
    "AT_AlterConstraint": _alter_constraint,
    "AT_ChangeOwner": _owner,
    "AT_SetLogged": _persistence("p"),
    "AT_SetUnLogged": _persistence("u"),
    "AT_EnableRowSecurity": _security(row_security=True),
    "AT_DisableRowSecurity": _security(row_security=False),
    "AT_ForceRowSecurity": _security(force_row_security=True),
    "AT_NoForceRowSecurity": _security(force_row_security=False),
    "AT_DisableTrig": _trigger_state("D"),
    "AT_DisableTrigAll": _trigger_state("D"),
    "AT_DisableTrigUser": _trigger_state("D"),
    "AT_EnableTrig": _trigger_state("O"),
    "AT_EnableTrigAll": _trigger_state("O"),
    "AT_EnableTrigUser": _trigger_state("O"),
    "AT_EnableAlwaysTrig": _trigger_state("A"),
    "AT_EnableReplicaTrig": _trigger_state("R"),
    "AT_ReplicaIdentity": _replica_identity,
    "AT_AttachPartition": _attach,
    "AT_DetachPartition": _detach,
    "AT_DetachPartitionFinalize": _detach,
    "AT_AddInherit": _inherit,
    "AT_DropInherit": _no_inherit,
}
