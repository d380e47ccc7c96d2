"""What rights a statement requires from the role that runs it.

Each need names one right; ``missing`` (from ``rights``) says whether a catalog's role lacks it and which SQL would
give it. A need about an object that is not in the catalog is not stated: the migration itself makes it, or it is
missing, which is another failure. Source: each command's page in the manual, "Notes" and "Description"; proved by
``tests/migration/test_needs.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from runbook.migration import ast
from runbook.migration.ast import Name, enum_name, is_node
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.model import Statement
from runbook.migration.rights import Missing, Need, NeedKind, missing, relation_need, resolved
from runbook.migration.tags import OBJECT_WORDS
from runbook.migration.versions_data import SUPERUSER_SETTINGS
from runbook.sql import quote_ident, quote_qualified

__all__ = ["Missing", "Need", "NeedKind", "missing", "needs"]

_SYSTEM = frozenset({"pg_catalog", "information_schema", "pg_toast", "pg_temp"})


def needs(statement: Statement, catalog: Catalog) -> tuple[Need, ...]:
    """The rights that ``statement`` requires, each once, in the order in which the server is likely to ask for them."""
    node = statement.node
    if node is None:
        return ()
    return tuple(dict.fromkeys(_needs(node, catalog)))


def _needs(node: Any, catalog: Catalog) -> Iterator[Need]:
    finder = _FINDERS.get(ast.node_name(node))
    if finder is not None:
        yield from finder(node, catalog)
    for used in ast.types_used(node):
        # LookupExplicitNamespace() in src/backend/catalog/namespace.c: a type's name is looked up like any other
        if used.schema not in _SYSTEM:
            yield from _schema_usage(Name(used.schema, used.name), catalog)


# -- objects --------------------------------------------------------------------------------------------------------


def _own(name: Name, catalog: Catalog, *, or_schema_owner: bool = False) -> Iterator[Need]:
    found = resolved(name, catalog)
    if found is not None:
        yield from _schema_usage(name, catalog)
        yield replace(relation_need("owner", "ownership", found), or_schema_owner=or_schema_owner)


def _relation(name: Name, catalog: Catalog, *privileges: str, kind: NeedKind = "table") -> Iterator[Need]:
    found = resolved(name, catalog)
    if found is not None and found.schema not in _SYSTEM:
        yield from _schema_usage(name, catalog)
        for privilege in privileges:
            yield relation_need(kind, privilege, found)


def _schema_usage(name: Name, catalog: Catalog) -> Iterator[Need]:
    if name.schema is not None and name.schema in catalog.schemas:
        yield Need("schema_usage", quote_ident(name.schema), "USAGE", Name(None, name.schema), "SCHEMA")


def _schema_create(schema: str | None, catalog: Catalog) -> Iterator[Need]:
    target = schema if schema is not None else next(iter(catalog.search_path), None)
    if target is not None and target not in _SYSTEM:
        yield Need("schema_create", quote_ident(target), "CREATE", Name(None, target), "SCHEMA")


def _named(kind: NeedKind, privilege: str, name: str, object_type: str) -> Need:
    return Need(kind, quote_ident(name), privilege, Name(None, name), object_type)


def _database(catalog: Catalog) -> Need:
    return Need("database", catalog.database or "the database", "CREATE", Name(None, catalog.database), "DATABASE")


def _superuser(what: str) -> Need:
    return Need("superuser", what, what, Name(None, ""), "")


def _object(kind: str, item: Any, catalog: Catalog, *, dropping: bool = False) -> Iterator[Need]:
    """Ownership of the object that DROP, COMMENT, ALTER ... OWNER and the like name."""
    if kind == "OBJECT_SCHEMA":
        yield _named("owner", "ownership", ast.qualified(item).name, "SCHEMA")
    elif kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        yield from _type(ast.qualified(item), catalog)
    elif kind in _RELATIONS:
        yield from _own(ast.qualified(item), catalog, or_schema_owner=dropping)
    elif kind in ("OBJECT_FUNCTION", "OBJECT_PROCEDURE", "OBJECT_ROUTINE", "OBJECT_AGGREGATE"):
        name = ast.qualified(item)
        if any(name.schema in (None, f.schema) for f in catalog.functions.get(name.name, ())):
            yield Need("owner", quote_qualified(*name), "ownership", name, OBJECT_WORDS[kind])


_RELATIONS = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_INDEX", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE"}
)


def _type(name: Name, catalog: Catalog) -> Iterator[Need]:
    for schema in (name.schema,) if name.schema is not None else catalog.search_path:
        found = catalog.types.get((schema, name.name))
        if found is not None:
            word = "DOMAIN" if found.kind == "d" else "TYPE"
            key = Name(found.schema, found.name)
            yield Need("owner", quote_qualified(*key), "ownership", key, word)
            return


# -- queries --------------------------------------------------------------------------------------------------------

_PRIVILEGES = {"read": "SELECT", "insert": "INSERT", "update": "UPDATE", "delete": "DELETE", "truncate": "TRUNCATE"}


def _query(node: Any, catalog: Catalog) -> Iterator[Need]:
    for use in ast.relations_used(node):
        if use.use in _PRIVILEGES:
            yield from _relation(use.name, catalog, _PRIVILEGES[use.use])
    for part in ast.walk(node):
        name = part.DESCRIPTOR.name
        if name in ("UpdateStmt", "DeleteStmt") and ast.columns_used(part):
            yield from _relation(ast.relation_name(part.relation), catalog, "SELECT")
        elif name == "InsertStmt":
            yield from _insert(part, catalog)
        elif name == "MergeStmt":
            yield from _merge(part, catalog)
        elif name == "SelectStmt" and part.locking_clause:
            # FOR UPDATE and FOR SHARE need UPDATE besides SELECT.
            for use in ast.relations_used(part):
                if use.use == "read":
                    yield from _relation(use.name, catalog, "UPDATE")
        elif name == "FuncCall":
            yield from _sequence_function(part, catalog)


def _insert(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.relation)
    if node.HasField("returning_clause") and ast.columns_used(node.returning_clause):
        yield from _relation(name, catalog, "SELECT")
    if node.HasField("on_conflict_clause"):
        yield from _relation(name, catalog, "SELECT")
        if enum_name(node.on_conflict_clause, "action") == "ONCONFLICT_UPDATE":
            yield from _relation(name, catalog, "UPDATE")
    relation = _find(name, catalog)
    if relation is None:
        return
    given = {column.name for item in node.cols if (column := ast.unwrap(item)) is not None}
    everything = not node.cols and node.HasField("select_stmt")
    for sequence in _serial_sequences(relation, catalog):
        column = sequence.owned_by[1] if sequence.owned_by else ""
        if column not in given and not everything:
            yield relation_need("sequence", "USAGE or UPDATE", Name(sequence.schema, sequence.name))


def _serial_sequences(relation: Relation, catalog: Catalog) -> Iterator[Relation]:
    """Sequences whose nextval() is a default of the table; an identity column's needs no right of its own."""
    for key in catalog.owned_sequences.get(relation.key, ()):
        sequence = catalog.relations.get(key)
        if sequence is None or sequence.owned_by is None:
            continue
        column = relation.column(sequence.owned_by[1])
        if column is not None and not column.identity and column.has_default:
            yield sequence


def _merge(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.relation)
    yield from _relation(name, catalog, "SELECT")
    commands = {"CMD_INSERT": "INSERT", "CMD_UPDATE": "UPDATE", "CMD_DELETE": "DELETE"}
    for clause in node.merge_when_clauses:
        privilege = commands.get(enum_name(ast.unwrap(clause), "command_type"))
        if privilege is not None:
            yield from _relation(name, catalog, privilege)


_SEQUENCE_FUNCTIONS = {"nextval": "USAGE or UPDATE", "setval": "UPDATE", "currval": "USAGE or SELECT"}


def _sequence_function(call: Any, catalog: Catalog) -> Iterator[Need]:
    privilege = _SEQUENCE_FUNCTIONS.get(ast.qualified(call.funcname).name)
    argument = ast.constant(call.args[0]) if call.args else None
    if privilege is None or not isinstance(argument, str):
        return
    from runbook.sql import split_qualified

    yield from _relation(Name(*split_qualified(argument)), catalog, privilege, kind="sequence")


def _find(name: Name, catalog: Catalog) -> Relation | None:
    return catalog.find(name.schema, name.name)


# -- statements -----------------------------------------------------------------------------------------------------


def _alter_table(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.relation)
    if enum_name(node, "objtype") == "OBJECT_TYPE":
        yield from _type(name, catalog)
        return
    yield from _own(name, catalog)
    table = resolved(name, catalog)
    for command in ast.alter_commands(node):
        match command.type:
            case "AT_ChangeOwner":
                yield from _new_owner(command.node.newowner)
            case "AT_AttachPartition" | "AT_DetachPartition":
                yield from _own(ast.relation_name(command.definition.name), catalog)
            case "AT_AddInherit" | "AT_DropInherit":
                yield from _own(ast.relation_name(command.definition), catalog)
            case "AT_AddConstraint" if table is not None and ast.constraint_spec(command.definition) is not None:
                if enum_name(command.definition, "contype") in ("CONSTR_PRIMARY", "CONSTR_UNIQUE", "CONSTR_EXCLUSION"):
                    yield from _schema_create(table.schema, catalog)
    yield from _referenced(node, catalog)
    if table is not None and any(c.type and c.type.is_serial for c in ast.column_specs(node)):
        yield from _schema_create(table.schema, catalog)


def _referenced(node: Any, catalog: Catalog) -> Iterator[Need]:
    for spec in ast.constraint_specs(node):
        if spec.references is not None:
            yield from _relation(spec.references, catalog, "REFERENCES", kind="references")


def _new_owner(role: Any) -> Iterator[Need]:
    if role.rolename:
        yield _named("membership", "membership", role.rolename, "ROLE")


def _create_table(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.relation)
    if node.relation.relpersistence == "t" or (node.if_not_exists and _find(name, catalog) is not None):
        return
    yield from _schema_create(name.schema, catalog)
    for parent in node.inh_relations:
        yield from _own(ast.relation_name(ast.unwrap(parent)), catalog)
    for element in node.table_elts:
        like = ast.unwrap(element)
        if is_node(like, "TableLikeClause"):
            yield from _relation(ast.relation_name(like.relation), catalog, "SELECT")
    yield from _referenced(node, catalog)


def _create_table_as(node: Any, catalog: Catalog) -> Iterator[Need]:
    if node.into.rel.relpersistence != "t":
        yield from _schema_create(ast.relation_name(node.into.rel).schema, catalog)
    yield from _query(node.query, catalog)


def _create_view(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.view)
    if node.replace:
        yield from _own(name, catalog)
    yield from _schema_create(name.schema, catalog)


def _create_index(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.relation)
    yield from _own(name, catalog)
    table = resolved(name, catalog)
    if table is not None:
        yield from _schema_create(table.schema, catalog)


def _drop(node: Any, catalog: Catalog) -> Iterator[Need]:
    kind = enum_name(node, "remove_type")
    for item in node.objects:
        if kind in ("OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"):
            parts = ast.strings(ast.unwrap(item).items)
            if len(parts) > 1:
                yield from _own(Name(parts[-3] if len(parts) > 2 else None, parts[-2]), catalog)
        else:
            yield from _object(kind, item, catalog, dropping=True)


def _rename(node: Any, catalog: Catalog) -> Iterator[Need]:
    kind = enum_name(node, "rename_type")
    if kind == "OBJECT_ROLE":
        yield _other("CREATEROLE")
    elif kind == "OBJECT_SCHEMA":
        yield _named("owner", "ownership", node.subname, "SCHEMA")
        yield _database(catalog)
    elif node.HasField("relation"):
        name = ast.relation_name(node.relation)
        yield from _own(name, catalog)
        table = resolved(name, catalog)
        if kind in _RELATIONS and table is not None:
            yield from _schema_create(table.schema, catalog)
    elif node.HasField("object"):
        yield from _object(kind, node.object, catalog)


def _set_schema(node: Any, catalog: Catalog) -> Iterator[Need]:
    if node.HasField("relation"):
        yield from _own(ast.relation_name(node.relation), catalog)
    elif node.HasField("object"):
        yield from _object(enum_name(node, "object_type"), node.object, catalog)
    yield from _schema_create(node.newschema, catalog)


def _set_owner(node: Any, catalog: Catalog) -> Iterator[Need]:
    if node.HasField("relation"):
        yield from _own(ast.relation_name(node.relation), catalog)
    elif node.HasField("object"):
        yield from _object(enum_name(node, "object_type"), node.object, catalog)
    yield from _new_owner(node.newowner)


def _comment(node: Any, catalog: Catalog) -> Iterator[Need]:
    kind = enum_name(node, "objtype")
    if kind in ("OBJECT_COLUMN", "OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE", "OBJECT_TABCONSTRAINT"):
        parts = ast.strings(ast.unwrap(node.object).items)
        if len(parts) > 1:
            yield from _own(Name(parts[-3] if len(parts) > 2 else None, parts[-2]), catalog)
    else:
        yield from _object(kind, node.object, catalog)


def _create_trigger(node: Any, catalog: Catalog) -> Iterator[Need]:
    yield from _relation(ast.relation_name(node.relation), catalog, "TRIGGER")


def _create_schema(node: Any, catalog: Catalog) -> Iterator[Need]:
    if node.if_not_exists and node.schemaname in catalog.schemas:
        # The right is asked for first, whatever IF NOT EXISTS says.
        yield _database(catalog)
        return
    yield _database(catalog)
    if node.HasField("authrole"):
        yield from _new_owner(node.authrole)


def _create_extension(node: Any, catalog: Catalog) -> Iterator[Need]:
    known = catalog.extensions.get(node.extname)
    if node.if_not_exists and known is not None and known.version is not None:
        return
    yield _named("extension", "CREATE EXTENSION", node.extname, "EXTENSION")


def _create_function(node: Any, catalog: Catalog) -> Iterator[Need]:
    given = ast.options(node.options)
    language = str(given.get("language", "")).lower()
    if language in ("c", "internal"):
        yield _superuser(f"a function in language {language}")
    if given.get("leakproof"):
        yield _superuser("a leakproof function")
    yield from _schema_create(ast.qualified(node.funcname).schema, catalog)


def _create_typed(name: str) -> Callable[[Any, Catalog], Iterator[Need]]:
    """CREATE of something whose name stands in a field, as a list of names or as a RangeVar."""

    def finder(node: Any, catalog: Catalog) -> Iterator[Need]:
        value = getattr(node, name)
        full = ast.relation_name(value) if hasattr(value, "relname") else ast.qualified(value)
        yield from _schema_create(full.schema, catalog)

    return finder


def _create_sequence(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.sequence)
    if node.sequence.relpersistence != "t" and not (node.if_not_exists and _find(name, catalog) is not None):
        yield from _schema_create(name.schema, catalog)


def _define(node: Any, catalog: Catalog) -> Iterator[Need]:
    kind = enum_name(node, "kind")
    if kind in ("OBJECT_TSPARSER", "OBJECT_TSTEMPLATE"):
        yield _superuser("a text search parser or template")
    elif kind == "OBJECT_TYPE" and node.definition:
        yield _superuser("a base type")
    else:
        yield from _schema_create(ast.qualified(node.defnames).schema, catalog)


def _statistics(node: Any, catalog: Catalog) -> Iterator[Need]:
    for item in node.relations:
        relation = ast.unwrap(item)
        if is_node(relation, "RangeVar"):
            yield from _own(ast.relation_name(relation), catalog)
            table = resolved(ast.relation_name(relation), catalog)
            yield from _schema_create(table.schema if table else None, catalog)


def _copy(node: Any, catalog: Catalog) -> Iterator[Need]:
    if node.filename:
        role = "pg_execute_server_program" if node.is_program else (
            "pg_read_server_files" if node.is_from else "pg_write_server_files"
        )  # fmt: skip
        yield Need("superuser", role, "COPY with a file or program of the server", Name(None, role), "ROLE")
    if node.HasField("relation"):
        name = ast.relation_name(node.relation)
        yield from _relation(name, catalog, "INSERT" if node.is_from else "SELECT")
    elif node.HasField("query"):
        yield from _query(node.query, catalog)


# LOCK TABLE by mode: any of these privileges is enough. Source: LockTableAclCheck() in lockcmds.c.
def _lock(node: Any, catalog: Catalog) -> Iterator[Need]:
    enough = ["UPDATE", "DELETE", "TRUNCATE"]
    if catalog.major >= 17:
        enough.append("MAINTAIN")
    if node.mode == 1:  # ACCESS SHARE
        enough = ["SELECT", *enough, "INSERT"] if catalog.major >= 16 else ["SELECT"]
    elif node.mode <= 3:  # ROW SHARE, ROW EXCLUSIVE
        enough = [*enough, "INSERT"]
        if node.mode == 2 and catalog.major < 16:
            enough = ["UPDATE", "DELETE", "TRUNCATE"]
    for item in node.relations:
        yield from _relation(ast.relation_name(ast.unwrap(item)), catalog, " or ".join(enough))


def _maintain(node: Any, catalog: Catalog) -> Iterator[Need]:
    """CLUSTER, REINDEX TABLE or INDEX, REFRESH: the owner, and from 17 on whoever has MAINTAIN."""
    if not node.HasField("relation"):
        return
    name = ast.relation_name(node.relation)
    if catalog.major >= 17:
        yield from _relation(name, catalog, "MAINTAIN")
    else:
        yield from _own(name, catalog)


def _reindex(node: Any, catalog: Catalog) -> Iterator[Need]:
    if enum_name(node, "kind") == "REINDEX_OBJECT_SCHEMA":
        yield _named("owner", "ownership", node.name, "SCHEMA")
    yield from _maintain(node, catalog)


def _grant(node: Any, catalog: Catalog) -> Iterator[Need]:
    if enum_name(node, "targtype") != "ACL_TARGET_OBJECT":
        return
    kind = enum_name(node, "objtype")
    for item in node.objects:
        target = ast.unwrap(item)
        if kind in ("OBJECT_TABLE", "OBJECT_SEQUENCE") and is_node(target, "RangeVar"):
            name = ast.relation_name(target)
            relation = _find(name, catalog)
            # Who holds any privilege gets a warning instead of an error.
            if relation is not None and not relation.privileges:
                yield from _own(name, catalog)
        elif kind == "OBJECT_SCHEMA":
            name = ast.qualified(target)
            schema = catalog.schemas.get(name.name)
            if schema is not None and not (schema.can_create or schema.can_use):
                yield _named("owner", "ownership", name.name, "SCHEMA")


def _set(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = node.name.lower()
    values = [ast.constant(a) for a in node.args]
    if name == "role" and values and isinstance(values[0], str) and values[0] != "none":
        yield _named("membership", "SET ROLE", values[0], "ROLE")
    elif name == "session_authorization" and values and values[0] != catalog.role:
        yield _superuser("SET SESSION AUTHORIZATION")
    elif name in SUPERUSER_SETTINGS:
        yield Need("superuser", name, "SET", Name(None, name), "PARAMETER")


def _alter_system(node: Any, catalog: Catalog) -> Iterator[Need]:
    if node.setstmt.name:
        yield Need("superuser", node.setstmt.name, "ALTER SYSTEM", Name(None, node.setstmt.name), "PARAMETER")
    else:
        yield _superuser("ALTER SYSTEM RESET ALL")


def _publication(node: Any, catalog: Catalog) -> Iterator[Need]:
    yield _database(catalog)
    if node.for_all_tables:
        yield _superuser("FOR ALL TABLES")
    for item in node.pubobjects:
        target = ast.unwrap(item)
        if target.HasField("pubtable"):
            yield from _own(ast.relation_name(target.pubtable.relation), catalog)
        else:
            yield _superuser("FOR TABLES IN SCHEMA")


def _subscription(node: Any, catalog: Catalog) -> Iterator[Need]:
    if catalog.major < 16:
        yield _superuser("CREATE SUBSCRIPTION")
        return
    role = "pg_create_subscription"
    yield Need("superuser", role, "CREATE SUBSCRIPTION", Name(None, role), "ROLE")
    yield _database(catalog)


def _other(privilege: str) -> Need:
    return Need("other", privilege, privilege, Name(None, ""), "ROLE")


def _role_command(node: Any, catalog: Catalog) -> Iterator[Need]:
    given = {o.defname for item in node.options if is_node(o := ast.unwrap(item), "DefElem")}
    # Everybody may change the own password.
    if is_node(node, "AlterRoleStmt") and given <= {"password"} and node.role.rolename in ("", catalog.role):
        return
    if "superuser" in given:
        yield _superuser("the SUPERUSER attribute")
    yield _other("CREATEROLE")


def _default_privileges(node: Any, catalog: Catalog) -> Iterator[Need]:
    given = ast.options(node.options)
    roles: Any = given.get("roles")
    if is_node(roles, "List"):
        for item in roles.items:
            yield from _new_owner(ast.unwrap(item))


def _fixed(*found: Need) -> Callable[[Any, Catalog], Iterator[Need]]:
    return lambda node, catalog: iter(found)


def _truncate(node: Any, catalog: Catalog) -> Iterator[Need]:
    for item in node.relations:
        yield from _relation(ast.relation_name(ast.unwrap(item)), catalog, "TRUNCATE")


def _owned_relation(field: str) -> Callable[[Any, Catalog], Iterator[Need]]:
    return lambda node, catalog: _own(ast.relation_name(getattr(node, field)), catalog)


def _altered_type(field: str) -> Callable[[Any, Catalog], Iterator[Need]]:
    return lambda node, catalog: _type(ast.qualified(getattr(node, field)), catalog)


_FINDERS: dict[str, Callable[[Any, Catalog], Iterator[Need]]] = {
    "SelectStmt": _query,
    "InsertStmt": _query,
    "UpdateStmt": _query,
    "DeleteStmt": _query,
    "MergeStmt": _query,
    "DeclareCursorStmt": _query,
    "ExplainStmt": lambda node, catalog: _needs(ast.unwrap(node.query), catalog),
    "TruncateStmt": _truncate,
    "CopyStmt": _copy,
    "LockStmt": _lock,
    "AlterTableStmt": _alter_table,
    "CreateStmt": _create_table,
    "CreateForeignTableStmt": lambda node, catalog: _create_table(node.base_stmt, catalog),
    "CreateTableAsStmt": _create_table_as,
    "ViewStmt": _create_view,
    "IndexStmt": _create_index,
    "DropStmt": _drop,
    "RenameStmt": _rename,
    "AlterObjectSchemaStmt": _set_schema,
    "AlterOwnerStmt": _set_owner,
    "CommentStmt": _comment,
    "CreateTrigStmt": _create_trigger,
    "RuleStmt": _owned_relation("relation"),
    "CreatePolicyStmt": _owned_relation("table"),
    "AlterPolicyStmt": _owned_relation("table"),
    "AlterSeqStmt": _owned_relation("sequence"),
    "CreateStatsStmt": _statistics,
    "CreateSchemaStmt": _create_schema,
    "CreateExtensionStmt": _create_extension,
    "CreateFunctionStmt": _create_function,
    "CreateSeqStmt": _create_sequence,
    "CreateEnumStmt": _create_typed("type_name"),
    "CreateRangeStmt": _create_typed("type_name"),
    "CreateDomainStmt": _create_typed("domainname"),
    "CompositeTypeStmt": _create_typed("typevar"),
    "DefineStmt": _define,
    "AlterEnumStmt": _altered_type("type_name"),
    "AlterDomainStmt": _altered_type("type_name"),
    "AlterTypeStmt": _altered_type("type_name"),
    "ClusterStmt": _maintain,
    "RefreshMatViewStmt": _maintain,
    "ReindexStmt": _reindex,
    "GrantStmt": _grant,
    "VariableSetStmt": _set,
    "AlterSystemStmt": _alter_system,
    "CreatePublicationStmt": _publication,
    "CreateSubscriptionStmt": _subscription,
    "CreateEventTrigStmt": _fixed(_superuser("an event trigger")),
    "CreateOpClassStmt": _fixed(_superuser("an operator class")),
    "CreateOpFamilyStmt": _fixed(_superuser("an operator family")),
    "CreateAmStmt": _fixed(_superuser("an access method")),
    "CreateFdwStmt": _fixed(_superuser("a foreign-data wrapper")),
    "CreateTableSpaceStmt": _fixed(_superuser("a tablespace")),
    "CreateRoleStmt": _role_command,
    "AlterRoleStmt": _role_command,
    "DropRoleStmt": _fixed(_other("CREATEROLE")),
    "CreatedbStmt": _fixed(_other("CREATEDB")),
    "AlterDefaultPrivilegesStmt": _default_privileges,
}
