"""What ALTER and CREATE refuse because of what a table, view or heir is (42809, 42P16, 42804, 0A000, 42601, 42704)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration.ast import (
    AlterCommand,
    alter_commands,
    column_spec,
    column_specs,
    columns_used,
    constraint_spec,
    constraint_specs,
    enum_name,
    functions_used,
    has,
    is_node,
    node_name,
    qualified,
    relation_name,
    relations_used,
    unwrap,
)
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.effects.volatility import function_volatility
from runbook.migration.refusals.partitions import inherits_from
from runbook.migration.refusals.replaced import replaced_function, replaced_view, set_setting
from runbook.migration.result import Fails

_OF_TABLES = frozenset({"AT_AddColumn", "AT_AlterColumnType", "AT_DropColumn", "AT_SetNotNull", "AT_AddConstraint"})
_NO_TABLE = {"v": "a view", "m": "a materialized view", "S": "a sequence"}


def wrong_tables(node: Any, catalog: Catalog) -> Iterator[Fails]:
    """What the kind, the family or the marks of a table refuse."""
    match node_name(node):
        case "AlterTableStmt":
            relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
            if relation is not None:
                for command in alter_commands(node):
                    yield from _command(command, node, relation, catalog)
            yield from _marks(node)
        case "CreateStmt":
            yield from _marks(node)
        case "RenameStmt" if enum_name(node, "rename_type") == "OBJECT_COLUMN" and node.HasField("relation"):
            relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
            if relation is not None:
                yield from _renamed(node, relation)
        case "IndexStmt":
            yield from _index(node)
        case "RefreshMatViewStmt":
            relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
            if relation is not None and relation.kind in ("r", "v", "p"):
                yield Fails("42809", f"{relation.qualified} is not a materialized view", certain=True)
        case "CreateTrigStmt":
            yield from _trigger(node, catalog)
        case "GrantStmt":
            for item in node.grantees:
                yield from _role(unwrap(item), catalog)
        case "DropOwnedStmt":
            for item in node.roles:
                yield from _role(unwrap(item), catalog)
        case "ViewStmt" if node.replace:
            yield from replaced_view(node, catalog)
        case "CreateFunctionStmt" if node.replace and node.HasField("return_type"):
            yield from replaced_function(node, catalog)
        case "VariableSetStmt":
            yield from set_setting(node, catalog)


def _command(command: AlterCommand, node: Any, relation: Relation, catalog: Catalog) -> Iterator[Fails]:
    what = _NO_TABLE.get(relation.kind)
    if what is not None and command.type in _OF_TABLES:
        yield Fails("42809", f"{relation.qualified} is {what}", certain=True)
        return
    only = not node.relation.inh
    heirs = [k for k in relation.children if k in catalog.relations]
    match command.type:
        case "AT_ChangeOwner" if enum_name(command.node.newowner, "roletype") == "ROLESPEC_CSTRING":
            yield from role_missing(command.node.newowner.rolename, catalog)
        case "AT_AddColumn" if only and heirs:
            yield Fails("42P16", "column must be added to child tables too", certain=True)
        case "AT_AddColumn" if is_node(command.definition, "ColumnDef"):
            generated = column_spec(command.definition).constraint("generated")
            for parts in columns_used(generated.expression) if generated is not None else ():
                used_column = relation.column(parts[-1])
                if used_column is not None and used_column.generated:
                    because = f"cannot use generated column {used_column.name} in column generation expression"
                    yield Fails("42P17", because, certain=True)
        case "AT_AddConstraint" if is_node(command.definition, "Constraint"):
            spec = constraint_spec(command.definition)
            if spec is not None and spec.kind == "c" and only and heirs and not spec.no_inherit:
                yield Fails("42P16", "constraint must be added to child tables too", certain=True)
            keyed = spec is not None and spec.kind in ("p", "u", "x") and spec.using_index is None
            # A constraint that the same ALTER TABLE drops is gone before any is added (AT_PASS_DROP).
            freed = {c.name for c in alter_commands(node) if c.type == "AT_DropConstraint"}
            if (
                spec is not None
                and keyed
                and spec.name not in freed
                and (relation.schema, spec.name) in catalog.relations
            ):
                yield Fails("42P07", f"relation {spec.name} already exists", certain=True)
            if spec is not None and spec.using_index is not None:
                used = relation.index(spec.using_index)
                if used is not None and not used.valid:
                    yield Fails("55000", f"index {used.name} is not valid", certain=True)
                elif used is not None and (not used.unique or used.has_expressions or used.has_predicate):
                    yield Fails("42809", f"index {used.name} cannot back a constraint", certain=True)
                elif used is not None and any(c.index == used.name for c in relation.constraints):
                    yield Fails("55000", f"index {used.name} is already associated with a constraint", certain=True)
        case "AT_AlterColumnType" | "AT_DropConstraint":
            yield from _inherited(command, relation)
        case "AT_ColumnDefault":
            column = relation.column(command.name)
            if column is not None and (column.identity or column.generated) and relation.kind in ("r", "p"):
                yield Fails("42601", f"column {column.name} is generated or an identity column", certain=True)
        case "AT_AddIdentity":
            column = relation.column(command.name)
            if column is not None and column.type not in ("smallint", "integer", "bigint") and column.type_kind == "b":
                yield Fails("22023", "identity column type must be smallint, integer, or bigint", certain=True)
        case "AT_DropExpression" if catalog.major >= 13:
            column = relation.column(command.name)
            if column is not None and not column.generated and not command.missing_ok:
                yield Fails("55000", f"column {column.name} is not a generated column", certain=True)
        case "AT_ClusterOn":
            if relation.index(command.name) is None:
                yield Fails("42704", f"index {command.name} for table {relation.name} does not exist", certain=True)
        case "AT_ReplicaIdentity" if command.definition.identity_type == "i":
            yield from _replica_identity(command.definition.name, relation)
        case "AT_AddInherit":
            yield from _inherit(relation, command, catalog)
        case "AT_DropInherit":
            name = relation_name(command.definition)
            parent = catalog.find(name.schema, name.name)
            if parent is not None and parent.key not in relation.parents:
                yield Fails("42P01", f"{parent.qualified} is not a parent of {relation.qualified}", certain=True)


def _role(role: Any, catalog: Catalog) -> Iterator[Fails]:
    if enum_name(role, "roletype") == "ROLESPEC_CSTRING":
        yield from role_missing(role.rolename, catalog)


def role_missing(name: str, catalog: Catalog) -> Iterator[Fails]:
    """42704 for a role that is not there. Predefined roles (``pg_``, which nobody else may use) are not in a catalog."""
    if name and catalog.roles and name not in catalog.roles and not catalog.truncated and not name.startswith("pg_"):
        yield Fails("42704", f"role {name} does not exist", certain=True)


def _inherited(command: AlterCommand, relation: Relation) -> Iterator[Fails]:
    if command.type == "AT_AlterColumnType":
        column = relation.column(command.name)
        if column is not None and column.inherited and not relation.is_partition:
            yield Fails("42P16", f"cannot alter inherited column {command.name}", certain=True)
    else:
        found = relation.constraint(command.name)
        if found is not None and found.inherited and found.kind in ("c", "n"):
            because = f"cannot drop inherited constraint {command.name} of relation {relation.name}"
            yield Fails("42P16", because, certain=True)


def _replica_identity(name: str, relation: Relation) -> Iterator[Fails]:
    index = relation.index(name)
    if index is None:
        if relation.kind in ("r", "p"):
            yield Fails("42704", f"index {name} for table {relation.name} does not exist", certain=True)
    elif not index.unique:
        yield Fails("42809", f"cannot use non-unique index {name} as replica identity", certain=True)
    elif index.has_expressions or index.has_predicate:
        yield Fails("0A000", f"cannot use expression or partial index {name} as replica identity", certain=True)


def _inherit(relation: Relation, command: AlterCommand, catalog: Catalog) -> Iterator[Fails]:
    name = relation_name(command.definition)
    parent = catalog.find(name.schema, name.name)
    if parent is None or relation.kind != "r" or parent.kind != "r":
        return
    below, queue = set[tuple[str, str]](), [relation.key]
    while queue:
        key = queue.pop()
        below.add(key)
        queue.extend(k for k in (catalog.relations[key].children if key in catalog.relations else ()) if k not in below)
    if parent.key in below:
        yield Fails("42P07", "circular inheritance not allowed", certain=True)
    elif parent.key in relation.parents:
        yield Fails("42P07", f"relation {parent.name} would be inherited from more than once", certain=True)
    else:
        yield from inherits_from(parent, relation, catalog)


def _renamed(node: Any, relation: Relation) -> Iterator[Fails]:
    column = relation.column(node.subname)
    if column is None:
        return
    if column.inherited:
        yield Fails("42P16", f"cannot rename inherited column {column.name}", certain=True)
    elif not node.relation.inh and relation.children:
        yield Fails("42P16", f"inherited column {column.name} must be renamed in child tables too", certain=True)


# -- what the text alone shows --------------------------------------------------------------------------------------

_AGGREGATES = frozenset({"count", "sum", "avg", "min", "max", "array_agg", "string_agg", "bool_and", "bool_or"})


def _marks(node: Any) -> Iterator[Fails]:
    for spec in column_specs(node):
        generated = spec.constraint("generated")
        for call in functions_used(generated.expression) if generated is not None else ():
            if call.name.schema is None and call.name.name in _NOT_IMMUTABLE:
                yield Fails("42P17", f"generation expression is not immutable: it calls {call.name}", certain=True)
        defaults = [c for c in spec.constraints if c.kind == "default"]
        serial = spec.type is not None and spec.type.is_serial
        if len(defaults) > 1 or (serial and defaults):
            yield Fails("42601", f"multiple default values specified for column {spec.name}", certain=True)
        if spec.default is not None:
            if has(spec.default, "ColumnRef"):
                yield Fails("0A000", "cannot use column reference in DEFAULT expression", certain=True)
            if relations_used(spec.default) or has(spec.default, "SubLink"):
                yield Fails("0A000", "cannot use subquery in DEFAULT expression", certain=True)
        if spec.type is not None and spec.type.name in ("varchar", "bpchar") and spec.type.modifiers[:1] == (0,):
            yield Fails("22023", f"length for type {spec.type.name} must be at least 1", certain=True)
        if spec.type is not None and spec.type.name == "numeric" and _over(spec.type.modifiers[:1], 1000):
            yield Fails("22023", "NUMERIC precision must be between 1 and 1000", certain=True)
    for constraint in constraint_specs(node):
        if constraint.kind == "c" and constraint.expression is not None:
            if has(constraint.expression, "SubLink"):
                yield Fails("0A000", "cannot use subquery in check constraint", certain=True)
            if any(f.name.schema is None and f.name.name in _AGGREGATES for f in functions_used(constraint.expression)):
                yield Fails("42803", "aggregate functions are not allowed in check constraints", certain=True)


def _over(modifiers: tuple[Any, ...], limit: int) -> bool:
    return bool(modifiers) and isinstance(modifiers[0], int) and not 1 <= modifiers[0] <= limit


def _index(node: Any) -> Iterator[Fails]:
    if node.access_method == "hash":
        if node.unique:
            yield Fails("0A000", "access method hash does not support unique indexes", certain=True)
        elif len(node.index_params) > 1:
            yield Fails("0A000", "access method hash does not support multicolumn indexes", certain=True)
    if node.access_method and node.access_method not in _METHODS and node.access_method not in _FROM_EXTENSIONS:
        yield Fails("42704", f"access method {node.access_method} does not exist", certain=False)
    expressions = [unwrap(unwrap(e).expr) for e in node.index_params] + [unwrap(node.where_clause)]
    for expression in expressions:
        for call in functions_used(expression) if expression is not None else ():
            if call.name.schema is None and call.name.name in _NOT_IMMUTABLE:
                yield Fails(
                    "42P17", f"functions in index expressions must be immutable, {call.name} is not", certain=True
                )


_METHODS = frozenset({"btree", "hash", "gist", "gin", "spgist", "brin"})
_FROM_EXTENSIONS = frozenset({"hnsw", "ivfflat", "bloom", "rum", "zombodb", "bm25", "diskann", "columnar"})
# Functions that people put into index expressions and that no overload makes immutable. Source: pg_proc.dat.
_NOT_IMMUTABLE = frozenset(
    {"now", "random", "gen_random_uuid", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday",
     "to_date", "to_timestamp", "nextval", "currval", "concat", "concat_ws", "format", "txid_current", "pg_typeof"}
)  # fmt: skip


def _trigger(node: Any, catalog: Catalog) -> Iterator[Fails]:
    relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
    if relation is None:
        return
    instead = int(node.timing) & _INSTEAD
    if relation.kind == "v" and node.row and not instead:
        yield Fails(
            "42809", f"{relation.qualified} is a view: it cannot have row-level BEFORE or AFTER triggers", certain=True
        )
    elif relation.kind in ("r", "p") and instead:
        yield Fails("42809", f"{relation.qualified} is a table: it cannot have INSTEAD OF triggers", certain=True)
    name = qualified(node.funcname)
    overloads = [f for f in catalog.functions.get(name.name, ()) if name.schema in (None, f.schema)]
    if overloads and all(f.arguments for f in overloads) and function_volatility(name, 0, catalog) is not None:
        yield Fails("42883", f"function {name}() does not exist", certain=True)


_INSTEAD = 1 << 6  # TRIGGER_TYPE_INSTEAD, pg_trigger.h
