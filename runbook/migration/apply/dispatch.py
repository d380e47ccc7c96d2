"""Which function follows which kind of statement on the catalog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runbook.migration.apply import renames
from runbook.migration.apply.alter import apply_command, attach, drop_column, drop_constraint, in_order
from runbook.migration.apply.dependants import alter_publication, create_policy, depending, drop_of, without_callers
from runbook.migration.apply.tables import (
    add_column,
    add_constraint,
    add_index,
    add_reader,
    attach_index,
    copied_index,
    index_of,
)
from runbook.migration.ast import (
    alter_commands,
    column_spec,
    constant,
    constraint_spec,
    enum_name,
    functions_used,
    is_node,
    node_name,
    options,
    qualified,
    relation_name,
    relations_used,
    strings,
    type_ref,
    unwrap,
)
from runbook.migration.catalog import (
    Catalog,
    Column,
    Extension,
    Function,
    Index,
    Relation,
    RelationKey,
    Role,
    Schema,
    Trigger,
    TypeObject,
)
from runbook.migration.dropping import drop_relations
from runbook.migration.edit import (
    lineage,
    replace_keeping,
    with_functions,
    with_relation,
    with_schema,
    with_tables,
    with_type,
    without,
)
from runbook.migration.effects.bodies import definition_of
from runbook.migration.effects.types import is_of, type_written
from runbook.migration.model import Statement
from runbook.migration.revise import replace
from runbook.sql import split_qualified

EVERY_PRIVILEGE = frozenset(
    {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN", "USAGE"}
)
"""What the owner of a new relation may do with it."""

Follower = Callable[[Catalog, Any], Catalog]


def apply(catalog: Catalog, statement: Statement) -> Catalog:
    """``catalog`` as it is after ``statement`` has run. Pure; what cannot be followed leaves the catalog as it was."""
    return catalog if statement.node is None else apply_node(catalog, statement.node)


def apply_node(catalog: Catalog, node: Any) -> Catalog:
    """``apply`` for a parsed statement."""
    follower = _FOLLOWERS.get(node_name(node))
    return catalog if follower is None else follower(catalog, node)


def _schema_for(catalog: Catalog, schema: str | None) -> str:
    return schema or (catalog.search_path[0] if catalog.search_path else "public")


def _key(catalog: Catalog, range_var: Any) -> RelationKey:
    if range_var.relpersistence == "t":
        return ("pg_temp", range_var.relname)
    return (_schema_for(catalog, range_var.schemaname or None), range_var.relname)


def _found(catalog: Catalog, range_var: Any) -> Relation | None:
    return catalog.find(range_var.schemaname or None, range_var.relname)


# -- tables -----------------------------------------------------------------------------------------------------------


def _create_table(catalog: Catalog, node: Any) -> Catalog:
    key = _key(catalog, node.relation)
    if key in catalog.relations:
        return catalog
    table = Relation(
        *key,
        kind="p" if node.HasField("partspec") else "r",
        rows=0,
        owner=catalog.role,
        persistence=node.relation.relpersistence or "p",
        partition_key=tuple(unwrap(p).name for p in node.partspec.part_params if unwrap(p).name),
        tablespace=node.tablespacename or None,
        access_method=node.access_method or None,
        privileges=EVERY_PRIVILEGE,
        created_here=True,
        columns_uncertain=catalog.is_assumed and (node.if_not_exists or _of_unknown(catalog, node)),
    )
    parents = [found for p in node.inh_relations if (found := _found(catalog, unwrap(p))) is not None]
    columns: dict[str, Column] = {}
    for parent in parents:
        for column in parent.columns:
            if column.identity and not (node.HasField("partbound") and catalog.major >= 17):
                column = replace(column, identity="", has_default=False)  # partitions share it since 17, children never
            columns.setdefault(column.name, replace(column, inherited=True))
    if node.HasField("of_typename"):
        typed = qualified(node.of_typename.names)
        table = replace(table, of_type=(_schema_for(catalog, typed.schema), typed.name))
    elements = [unwrap(e) for e in node.table_elts]
    for element in elements:
        if is_node(element, "TableLikeClause"):
            source = _found(catalog, element.relation)
            for column in source.columns if source is not None else ():
                copied = column
                if not element.options & _LIKE_DEFAULTS:
                    copied = replace(column, has_default=False, identity="", default_sequences=())
                columns.setdefault(column.name, replace(copied, inherited=False))
    catalog = with_tables(catalog, replace(table, columns=tuple(columns.values())))
    for element in elements:
        current = catalog.relations[key]
        if is_node(element, "ColumnDef"):
            catalog = add_column(catalog, current, column_spec(element), recurse=False)
    for element in [*elements, *(unwrap(c) for c in node.constraints)]:
        spec = constraint_spec(element) if is_node(element, "Constraint") else None
        if spec is not None:
            catalog = add_constraint(catalog, catalog.relations[key], spec, recurse=False)
    for element in elements:
        if is_node(element, "TableLikeClause") and element.options & _LIKE_INDEXES:
            source = _found(catalog, element.relation)
            for index in source.indexes if source is not None else ():
                catalog = _copy_index(catalog, catalog.relations[key], source, index)
        if is_node(element, "TableLikeClause") and element.options & _LIKE_CONSTRAINTS:
            source, current = _found(catalog, element.relation), catalog.relations[key]
            checks = tuple(replace(c, inherited=False) for c in (source.constraints if source else ()) if c.kind == "c")
            catalog = with_tables(catalog, replace(current, constraints=(*current.constraints, *checks)))
    for parent in parents:
        above = catalog.relations[parent.key]
        partition = node.HasField("partbound")
        default = partition and node.partbound.is_default
        catalog = attach(catalog, above, catalog.relations[key], default=default, partition=partition)
        inherited = tuple(c for c in above.constraints if c.kind in ("c", "n") and not c.no_inherit)
        child = catalog.relations[key]
        own = {c.name for c in child.constraints}
        kept = (*child.constraints, *(replace(c, inherited=True) for c in inherited if c.name not in own))
        catalog = with_tables(catalog, replace(child, constraints=kept))
    return catalog


def _of_unknown(catalog: Catalog, node: Any) -> bool:
    """Whether columns come from relations or types of which no server was asked."""
    likes = [e.relation for e in (unwrap(e) for e in node.table_elts) if is_node(e, "TableLikeClause")]
    sources = [_found(catalog, r) for r in (*likes, *(unwrap(p) for p in node.inh_relations))]
    return node.HasField("of_typename") or any(s is None or s.columns_uncertain for s in sources)


def _copy_index(catalog: Catalog, table: Relation, source: Relation | None, index: Index) -> Catalog:
    """An index of LIKE ... INCLUDING INDEXES, with the key that it backs."""
    made = copied_index(catalog, table, index)
    catalog = add_index(catalog, table, made)
    backs = next((c for c in source.constraints if c.index == index.name), None) if source is not None else None
    if backs is None:
        return catalog
    table = catalog.relations[table.key]
    return with_tables(
        catalog, replace(table, constraints=(*table.constraints, replace(backs, name=made.name, index=made.name)))
    )


_LIKE_CONSTRAINTS = 1 << 2
_LIKE_DEFAULTS = 1 << 3  # CREATE_TABLE_LIKE_DEFAULTS, parsenodes.h
_LIKE_INDEXES = 1 << 6


def _create_foreign_table(catalog: Catalog, node: Any) -> Catalog:
    catalog = _create_table(catalog, node.base_stmt)
    made = catalog.relations.get(_key(catalog, node.base_stmt.relation))
    return (
        with_relation(catalog, replace(made, kind="f", replica_identity="n"))
        if made is not None and made.created_here
        else catalog
    )


def _create_table_as(catalog: Catalog, node: Any) -> Catalog:
    kind = "m" if enum_name(node, "objtype") == "OBJECT_MATVIEW" else "r"
    catalog = _from_query(catalog, node.into.rel, unwrap(node.query), kind, empty=node.into.skip_data)
    return _uncertain(catalog, node.into.rel) if node.if_not_exists else catalog


def _uncertain(catalog: Catalog, range_var: Any) -> Catalog:
    """``catalog`` where, with no server asked, the relation may be one that was there before."""
    made = catalog.relations.get(_key(catalog, range_var))
    if made is None or not catalog.is_assumed:
        return catalog
    return with_relation(catalog, replace(made, columns_uncertain=True))


def _from_query(catalog: Catalog, range_var: Any, query: Any, kind: str, *, empty: bool) -> Catalog:
    """A relation made by a query: its columns' types are known only where they are plain columns of known tables."""
    key = _key(catalog, range_var)
    if key in catalog.relations:
        return catalog
    read: dict[RelationKey, None] = {}
    for use in relations_used(query) if query is not None else ():
        relation = catalog.find(use.name.schema, use.name.name)
        if relation is not None:
            read[relation.key] = None
    columns = _output(catalog, query, list(read))
    made = Relation(
        *key,
        kind=kind,  # type: ignore[arg-type]
        rows=0 if empty or kind == "v" else -1,
        replica_identity="n" if kind == "v" else "d",
        columns=columns,
        owner=catalog.role,
        persistence=range_var.relpersistence or "p",
        privileges=EVERY_PRIVILEGE,
        created_here=True,
    )
    if kind in ("v", "m"):
        return add_reader(catalog, made, list(read))
    return with_tables(catalog, made)


def _output(catalog: Catalog, query: Any, read: list[RelationKey]) -> tuple[Column, ...]:
    """The columns of a query's result, where every one has a name; empty where that is not known."""
    if not is_node(query, "SelectStmt"):
        return ()
    sources = [catalog.relations[k] for k in read if k in catalog.relations]
    found: list[Column] = []
    for item in query.target_list:
        target = unwrap(item)
        value = unwrap(target.val)
        parts = strings(value.fields) if is_node(value, "ColumnRef") else ()
        if is_node(value, "ColumnRef") and len(parts) < len(value.fields):
            if len(sources) != 1:
                return ()
            found.extend(
                replace(c, not_null=False, has_default=False, identity="", default_sequences=())
                for c in sources[0].columns
            )
            continue
        name = target.name or (parts[-1] if parts else "")
        if not name:
            return ()
        known = next((c for s in sources if parts and (c := s.column(parts[-1])) is not None), None)
        plain = Column(name, "unknown") if known is None else Column(
            name, known.type, known.typmod, known.type_schema, collation=known.collation, type_kind=known.type_kind
        )  # fmt: skip
        found.append(plain)
    return tuple(found)


def _view(catalog: Catalog, node: Any) -> Catalog:
    key = _key(catalog, node.view)
    if key in catalog.relations:
        return catalog
    return _from_query(catalog, node.view, unwrap(node.query), "v", empty=True)


def _alter_table(catalog: Catalog, node: Any) -> Catalog:
    relation = _found(catalog, node.relation)
    if relation is None:
        return catalog
    if relation.kind in ("i", "I"):
        return _alter_index(catalog, relation, node)
    for command in in_order(alter_commands(node)):
        catalog = apply_command(catalog, relation, command, bool(node.relation.inh))
    return catalog


def _alter_index(catalog: Catalog, parent: Relation, node: Any) -> Catalog:
    """ALTER INDEX ... ATTACH PARTITION."""
    for command in alter_commands(node):
        entry = _found(catalog, command.definition.name) if command.type == "AT_AttachPartition" else None
        table = catalog.relations.get(entry.of) if entry is not None and entry.of is not None else None
        index = table.index(entry.name) if table is not None and entry is not None else None
        if table is not None and index is not None:
            catalog = attach_index(catalog, table, index, parent.key)
    return catalog


def _create_index(catalog: Catalog, node: Any) -> Catalog:
    relation = _found(catalog, node.relation)
    if relation is None:
        return catalog
    index = index_of(catalog, relation, node)
    if (relation.schema, index.name) in catalog.relations:
        return catalog
    return add_index(catalog, relation, index, recurse=node.relation.inh)


def _written(catalog: Catalog, node: Any) -> Catalog:
    """A table that was empty may now hold rows; SELECT INTO makes a table."""
    if is_node(node, "SelectStmt"):
        if node.HasField("into_clause"):
            return _from_query(catalog, node.into_clause.rel, node, "r", empty=False)
        return _set_config(catalog, node)
    if not node.HasField("relation") or (is_node(node, "CopyStmt") and not node.is_from):
        return catalog
    relation = _found(catalog, node.relation)
    if relation is None or relation.rows != 0:
        return catalog
    return with_relation(catalog, replace(relation, rows=-1))


def _truncate(catalog: Catalog, node: Any) -> Catalog:
    for item in node.relations:
        relation = _found(catalog, unwrap(item))
        if relation is not None and relation.kind == "r":
            catalog = with_relation(catalog, replace(relation, rows=0, pages=0, bytes=0, toast_bytes=0, index_bytes=0))
    return catalog


# -- DROP -------------------------------------------------------------------------------------------------------------


_RELATIONS = frozenset({"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE"})


def _drop(catalog: Catalog, node: Any) -> Catalog:
    kind = enum_name(node, "remove_type")
    for item in node.objects:
        name = qualified(item)
        if kind in _RELATIONS:
            catalog = _drop_relations(catalog, [catalog.find(name.schema, name.name)])
        elif kind == "OBJECT_INDEX":
            catalog = _drop_index(catalog, name.schema, name.name)
        elif kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
            catalog = _drop_type(catalog, name.schema, name.name)
        elif kind == "OBJECT_SCHEMA":
            inside = [r for r in catalog.relations.values() if r.schema == name.name and r.kind not in ("i", "I")]
            catalog = with_schema(_drop_relations(catalog, list(inside)), name.name, None)
        elif kind == "OBJECT_TRIGGER":
            parts = strings(unwrap(item).items)
            relation = catalog.find(parts[-3] if len(parts) > 2 else None, parts[-2])
            if relation is not None:
                for member in lineage(catalog, relation) if relation.kind == "p" else (relation,):
                    kept = tuple(t for t in member.triggers if t.name != parts[-1])
                    catalog = with_relation(catalog, replace(member, triggers=kept))
            catalog = drop_of(catalog, kind, item)
        elif kind in ("OBJECT_FUNCTION", "OBJECT_PROCEDURE", "OBJECT_ROUTINE"):
            overloads = catalog.functions.get(name.name, ())
            catalog = with_functions(catalog, name.name, overloads[:-1] if len(overloads) > 1 else ())
            catalog = drop_of(catalog, kind, item)
            if enum_name(node, "behavior") == "DROP_CASCADE":
                catalog = without_callers(catalog, name.name)
        elif kind == "OBJECT_EXTENSION":
            known = catalog.extensions.get(name.name)
            if known is not None:
                extensions = {**catalog.extensions, name.name: replace(known, version=None)}
                catalog = replace_keeping(catalog, extensions=extensions)
        else:
            catalog = drop_of(catalog, kind, item)
    return catalog


def _drop_relations(catalog: Catalog, roots: list[Relation | None]) -> Catalog:
    present = [r for r in roots if r is not None]
    if not present:
        return catalog
    dropped = drop_relations(catalog, present)
    for key, name in dropped.constraints:
        other = catalog.relations.get(key)
        if other is not None:
            catalog = drop_constraint(catalog, other, name, recurse=False)
    return without(catalog, *dropped.relations)


def _drop_index(catalog: Catalog, schema: str | None, name: str) -> Catalog:
    for candidate in [schema] if schema is not None else catalog.search_path:
        owner = catalog.index_tables.get((candidate, name))
        table = catalog.relations.get(owner[0]) if owner else None
        if table is not None:
            children = {(r, i.name) for r in table.children for i in _attached(catalog, r, (candidate, name))}
            for child, attached in children:
                catalog = _drop_index(catalog, child[0], attached)
            table = catalog.relations[table.key]
            return with_tables(catalog, replace(table, indexes=tuple(i for i in table.indexes if i.name != name)))
    return catalog


def _attached(catalog: Catalog, child: RelationKey, parent: RelationKey) -> list[Any]:
    relation = catalog.relations.get(child)
    return [i for i in relation.indexes if i.parent == parent] if relation is not None else []


def _drop_type(catalog: Catalog, schema: str | None, name: str) -> Catalog:
    for candidate in [schema] if schema is not None else catalog.search_path:
        kind = catalog.types.get((candidate, name))
        if kind is None:
            continue
        for relation in list(catalog.relations.values()):
            for column in relation.columns:
                if is_of(column.type, column.type_schema, kind):
                    catalog = drop_column(catalog, catalog.relations[relation.key], column.name, recurse=False)
        return with_type(catalog, (candidate, name), None)
    return catalog


# -- other objects ----------------------------------------------------------------------------------------------------


def _create_schema(catalog: Catalog, node: Any) -> Catalog:
    name = node.schemaname or node.authrole.rolename
    catalog = with_schema(catalog, name, Schema(name, catalog.role, can_create=True, can_use=True))
    path = catalog.search_path
    inside = replace_keeping(catalog, search_path=(name,))
    for element in node.schema_elts:
        inside = apply_node(inside, unwrap(element))
    return replace_keeping(inside, search_path=path)


def _sequence(catalog: Catalog, node: Any) -> Catalog:
    key = _key(catalog, node.sequence)
    if key in catalog.relations:
        return catalog
    owned = next((unwrap(o) for o in node.options if unwrap(o).defname == "owned_by"), None)
    owner: tuple[RelationKey, str] | None = None
    if owned is not None:
        parts = strings(unwrap(owned.arg).items)
        table = catalog.find(parts[-3] if len(parts) > 2 else None, parts[-2]) if len(parts) > 1 else None
        owner = (table.key, parts[-1]) if table is not None else None
    made = Relation(*key, kind="S", rows=1, pages=1, owner=catalog.role, owned_by=owner, created_here=True)
    return with_relation(catalog, replace(made, privileges=EVERY_PRIVILEGE, replica_identity="n"))


def _alter_sequence(catalog: Catalog, node: Any) -> Catalog:
    sequence = _found(catalog, node.sequence)
    owned = next((unwrap(o) for o in node.options if unwrap(o).defname == "owned_by"), None)
    if sequence is None or owned is None:
        return catalog
    parts = strings(unwrap(owned.arg).items)
    table = catalog.find(parts[-3] if len(parts) > 2 else None, parts[-2]) if len(parts) > 1 else None
    owner = (table.key, parts[-1]) if table is not None else None
    return with_relation(catalog, replace(sequence, owned_by=owner))


def _type(catalog: Catalog, schema: str | None, kind: TypeObject) -> Catalog:
    return with_type(catalog, (_schema_for(catalog, schema), kind.name), kind)


def _enum(catalog: Catalog, node: Any) -> Catalog:
    name = qualified(node.type_name)
    schema = _schema_for(catalog, name.schema)
    return _type(catalog, schema, TypeObject(schema, name.name, "e", labels=strings(node.vals), owner=catalog.role))


def _alter_enum(catalog: Catalog, node: Any) -> Catalog:
    name = qualified(node.type_name)
    for candidate in [name.schema] if name.schema is not None else catalog.search_path:
        kind = catalog.types.get((candidate, name.name))
        if kind is not None and kind.kind == "e":
            if node.old_val:
                labels = tuple(node.new_val if label == node.old_val else label for label in kind.labels)
            else:
                labels = (*kind.labels, node.new_val)
            return with_type(catalog, (candidate, name.name), replace(kind, labels=labels))
    return catalog


def _domain(catalog: Catalog, node: Any) -> Catalog:
    name = qualified(node.domainname)
    schema = _schema_for(catalog, name.schema)
    base = type_written(type_ref(node.type_name), catalog)
    specs = [s for c in node.constraints if (s := constraint_spec(unwrap(c))) is not None]
    made = TypeObject(
        schema,
        name.name,
        "d",
        base=base.printed,
        base_typmod=base.typmod,
        has_constraints=any(s.kind == "c" for s in specs),
        not_null=any(s.kind == "n" for s in specs),
        has_default=any(s.kind == "default" for s in specs),
        owner=catalog.role,
    )
    return _type(catalog, schema, made)


def _alter_domain(catalog: Catalog, node: Any) -> Catalog:
    name = qualified(node.type_name)
    for candidate in [name.schema] if name.schema is not None else catalog.search_path:
        kind = catalog.types.get((candidate, name.name))
        if kind is None:
            continue
        if node.subtype == "C":
            return with_type(catalog, (candidate, name.name), replace(kind, has_constraints=True))
        if node.subtype in ("O", "N"):
            return with_type(catalog, (candidate, name.name), replace(kind, not_null=node.subtype == "O"))
        if node.subtype == "T":
            given = node.HasField("def")
            return with_type(catalog, (candidate, name.name), replace(kind, has_default=given))
    return catalog


def _composite(catalog: Catalog, node: Any) -> Catalog:
    name = relation_name(node.typevar)
    schema = _schema_for(catalog, name.schema)
    return _type(catalog, schema, TypeObject(schema, name.name, "c", owner=catalog.role, created_here=True))


def _range(catalog: Catalog, node: Any) -> Catalog:
    name = qualified(node.type_name)
    schema = _schema_for(catalog, name.schema)
    return _type(catalog, schema, TypeObject(schema, name.name, "r", owner=catalog.role))


_VOLATILITY = {"immutable": "i", "stable": "s", "volatile": "v"}


def _function(catalog: Catalog, node: Any) -> Catalog:
    name = qualified(node.funcname)
    schema = _schema_for(catalog, name.schema)
    given = options(node.options)
    inputs = [
        p
        for p in (unwrap(p) for p in node.parameters)
        if enum_name(p, "mode") not in ("FUNC_PARAM_OUT", "FUNC_PARAM_TABLE")
    ]
    made = Function(
        schema,
        name.name,
        tuple(type_written(type_ref(p.arg_type), catalog).printed for p in inputs),
        returns=type_ref(node.return_type).name if node.HasField("return_type") else "",
        volatility=_VOLATILITY.get(str(given.get("volatility", "volatile")), "v"),
        language=str(given.get("language", "sql")),
        kind="p" if node.is_procedure else "f",
        definition=definition_of(node),
    )
    others = tuple(
        f for f in catalog.functions.get(name.name, ()) if (f.schema, f.arguments) != (schema, made.arguments)
    )
    return with_functions(catalog, name.name, (*others, made))


_EVENTS = {1 << 2: "INSERT", 1 << 3: "DELETE", 1 << 4: "UPDATE", 1 << 5: "TRUNCATE"}  # TRIGGER_TYPE_*, pg_trigger.h


def _trigger(catalog: Catalog, node: Any) -> Catalog:
    relation = _found(catalog, node.relation)
    if relation is None:
        return catalog
    name = qualified(node.funcname)
    events = tuple(event for bit, event in _EVENTS.items() if node.events & bit)
    made = Trigger(
        node.trigname, "O", str(name), constraint=node.isconstraint, columns=strings(node.columns), events=events
    )
    members = lineage(catalog, relation) if relation.kind == "p" and node.row else [relation]
    condition = [unwrap(node.when_clause)] if node.HasField("when_clause") else []
    changed = [
        depending(
            replace(m, triggers=(*(t for t in m.triggers if t.name != made.name), made)),
            *("trigger", made.name, condition, made.columns),
        )
        for m in members
    ]
    return with_tables(catalog, *changed)


def _do_block(catalog: Catalog, node: Any) -> Catalog:
    """What a DO block does: its static SQL; of what stands under a condition only what it creates.

    ``IF NOT EXISTS (...) THEN CREATE ...`` and ``EXCEPTION WHEN duplicate_object`` leave an object that was there before or
    is there now.
    """
    from runbook.migration.effects.blocks import static_statements

    for inner, conditional in static_statements(node):
        if not conditional or node_name(inner) in _MADE_UNDER_CONDITION:
            catalog = apply_node(catalog, inner)
            if conditional and is_node(inner, "CreateStmt"):
                catalog = _uncertain(catalog, inner.relation)
    return catalog


_MADE_UNDER_CONDITION = frozenset(
    {"CreateRoleStmt", "CreateEnumStmt", "CreateDomainStmt", "CompositeTypeStmt", "CreateSchemaStmt", "CreateExtensionStmt",
     "CreateStmt"}
)  # fmt: skip


def _create_role(catalog: Catalog, node: Any) -> Catalog:
    if node.role in catalog.roles or not catalog.roles:  # none were read
        return catalog
    given = options(node.options)

    def has(option: str) -> bool:
        return bool(given.get(option, False))

    made = Role(
        node.role,
        superuser=has("superuser"),
        create_role=has("createrole"),
        create_db=has("createdb"),
        bypass_rls=has("bypassrls"),
        replication=has("isreplication"),
        can_login=bool(given.get("canlogin", enum_name(node, "stmt_type") == "ROLESTMT_USER")),
    )
    changed: dict[str, Any] = {"roles": {**catalog.roles, node.role: made}}
    own = catalog.roles.get(catalog.role)
    if own is not None and own.superuser:
        changed["usable_roles"] = catalog.usable_roles | {node.role}
        changed["settable_roles"] = catalog.settable_roles | {node.role}
    return replace_keeping(catalog, **changed)


def _drop_role(catalog: Catalog, node: Any) -> Catalog:
    gone = {unwrap(r).rolename for r in node.roles}
    return replace_keeping(catalog, roles={n: r for n, r in catalog.roles.items() if n not in gone})


def _extension(catalog: Catalog, node: Any) -> Catalog:
    known = catalog.extensions.get(node.extname)
    if known is not None and known.version is not None:
        return catalog
    version = options(node.options).get("new_version") or (known.default_version if known is not None else None)
    base = known if known is not None else Extension(node.extname, None)
    made = replace(base, version=str(version or "unknown"))
    return replace_keeping(catalog, extensions={**catalog.extensions, node.extname: made})


def _set(catalog: Catalog, node: Any) -> Catalog:
    """SET search_path, ROLE, TimeZone and other settings that change what later statements mean."""
    kind = enum_name(node, "kind")
    values = [constant(a) for a in node.args]
    name = {"timezone": "TimeZone", "session authorization": "session_authorization"}.get(
        node.name.lower(), node.name.lower()
    )
    if kind in ("VAR_SET_DEFAULT", "VAR_RESET"):
        return catalog
    if name == "search_path":
        return replace_keeping(catalog, search_path=_path(catalog, [str(v) for v in values]))
    if name in ("role", "session_authorization") and values:
        role = str(values[0])
        return replace_keeping(catalog, role=role) if role.lower() != "none" else catalog
    if not values:
        return catalog
    text = str(values[0]).lower() if isinstance(values[0], bool) else str(values[0])
    settings = {**catalog.settings, name: text}
    if name == "TimeZone":
        return replace_keeping(catalog, settings=settings, timezone=text)
    return replace_keeping(catalog, settings=settings)


def _set_config(catalog: Catalog, node: Any) -> Catalog:
    """SELECT set_config('search_path', ...), as pg_dump writes it."""
    for call in functions_used(node):
        if call.name.name == "set_config" and len(node.target_list) == 1:
            inner = unwrap(unwrap(node.target_list[0]).val)
            name, value = (constant(a) for a in list(inner.args)[:2]) if is_node(inner, "FuncCall") else (None, None)
            if name == "search_path" and isinstance(value, str):
                return replace_keeping(catalog, search_path=_path(catalog, [value]))
    return catalog


def _path(catalog: Catalog, written: list[str]) -> tuple[str, ...]:
    names = [part.strip() for text in written for part in (text.split(",") if "," in text else [text])]
    found: list[str] = []
    for name in names:
        schema = split_qualified(name)[1] if name else name
        schema = catalog.role if schema == "$user" else schema
        if schema and (catalog.is_assumed or schema in catalog.schemas or not catalog.schemas):
            found.append(schema)
    return tuple(found)


_FOLLOWERS: dict[str, Follower] = {
    "CreateStmt": _create_table,
    "CreateForeignTableStmt": _create_foreign_table,
    "CreateTableAsStmt": _create_table_as,
    "ViewStmt": _view,
    "AlterTableStmt": _alter_table,
    "IndexStmt": _create_index,
    "SelectStmt": _written,
    "InsertStmt": _written,
    "UpdateStmt": _written,
    "MergeStmt": _written,
    "CopyStmt": _written,
    "TruncateStmt": _truncate,
    "DoStmt": _do_block,
    "DropStmt": _drop,
    "RenameStmt": renames.rename,
    "AlterObjectSchemaStmt": renames.set_schema,
    "AlterOwnerStmt": renames.owner,
    "CreateSchemaStmt": _create_schema,
    "CreateSeqStmt": _sequence,
    "AlterSeqStmt": _alter_sequence,
    "CreateEnumStmt": _enum,
    "AlterEnumStmt": _alter_enum,
    "CreateDomainStmt": _domain,
    "AlterDomainStmt": _alter_domain,
    "CompositeTypeStmt": _composite,
    "CreateRangeStmt": _range,
    "CreateFunctionStmt": _function,
    "CreateTrigStmt": _trigger,
    "CreatePolicyStmt": create_policy,
    "AlterPublicationStmt": alter_publication,
    "CreateExtensionStmt": _extension,
    "CreateRoleStmt": _create_role,
    "DropRoleStmt": _drop_role,
    "VariableSetStmt": _set,
}
