"""Rights that CREATE, ALTER, DROP and COMMENT require."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.ast import Name, enum_name, is_node
from runbook.migration.catalog import Catalog
from runbook.migration.needs.objects import (
    RELATIONS,
    find,
    named,
    new_owner,
    on_database,
    on_object,
    on_relation,
    on_type,
    other,
    own,
    schema_create,
    superuser,
)
from runbook.migration.needs.queries import query
from runbook.migration.rights import Need, resolved


def alter_table(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.relation)
    if enum_name(node, "objtype") == "OBJECT_TYPE":
        yield from on_type(name, catalog)
        return
    yield from own(name, catalog)
    table = resolved(name, catalog)
    for command in ast.alter_commands(node):
        match command.type:
            case "AT_ChangeOwner":
                yield from new_owner(command.node.newowner)
            case "AT_AttachPartition" | "AT_DetachPartition":
                yield from own(ast.relation_name(command.definition.name), catalog)
            case "AT_AddInherit" | "AT_DropInherit":
                yield from own(ast.relation_name(command.definition), catalog)
            case "AT_AddConstraint" if table is not None and ast.constraint_spec(command.definition) is not None:
                if enum_name(command.definition, "contype") in ("CONSTR_PRIMARY", "CONSTR_UNIQUE", "CONSTR_EXCLUSION"):
                    yield from schema_create(table.schema, catalog)
    yield from _referenced(node, catalog)
    if table is not None and any(c.type and c.type.is_serial for c in ast.column_specs(node)):
        yield from schema_create(table.schema, catalog)


def _referenced(node: Any, catalog: Catalog) -> Iterator[Need]:
    for spec in ast.constraint_specs(node):
        if spec.references is not None:
            yield from on_relation(spec.references, catalog, "REFERENCES", kind="references")


def create_table(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.relation)
    if node.relation.relpersistence == "t" or (node.if_not_exists and find(name, catalog) is not None):
        return
    yield from schema_create(name.schema, catalog)
    for parent in node.inh_relations:
        yield from own(ast.relation_name(ast.unwrap(parent)), catalog)
    for element in node.table_elts:
        like = ast.unwrap(element)
        if is_node(like, "TableLikeClause"):
            yield from on_relation(ast.relation_name(like.relation), catalog, "SELECT")
    yield from _referenced(node, catalog)


def create_table_as(node: Any, catalog: Catalog) -> Iterator[Need]:
    if node.into.rel.relpersistence != "t":
        yield from schema_create(ast.relation_name(node.into.rel).schema, catalog)
    yield from query(node.query, catalog)


def create_view(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.view)
    if node.replace:
        yield from own(name, catalog)
    yield from schema_create(name.schema, catalog)


def create_index(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.relation)
    yield from own(name, catalog)
    table = resolved(name, catalog)
    if table is not None:
        yield from schema_create(table.schema, catalog)


def drop(node: Any, catalog: Catalog) -> Iterator[Need]:
    kind = enum_name(node, "remove_type")
    for item in node.objects:
        if kind in ("OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"):
            parts = ast.strings(ast.unwrap(item).items)
            if len(parts) > 1:
                yield from own(Name(parts[-3] if len(parts) > 2 else None, parts[-2]), catalog)
        else:
            yield from on_object(kind, item, catalog, dropping=True)


def rename(node: Any, catalog: Catalog) -> Iterator[Need]:
    kind = enum_name(node, "rename_type")
    if kind == "OBJECT_ROLE":
        yield other("CREATEROLE")
    elif kind == "OBJECT_SCHEMA":
        yield named("owner", "ownership", node.subname, "SCHEMA")
        yield on_database(catalog)
    elif node.HasField("relation"):
        name = ast.relation_name(node.relation)
        yield from own(name, catalog)
        table = resolved(name, catalog)
        if kind in RELATIONS and table is not None:
            yield from schema_create(table.schema, catalog)
    elif node.HasField("object"):
        yield from on_object(kind, node.object, catalog)


def set_schema(node: Any, catalog: Catalog) -> Iterator[Need]:
    if node.HasField("relation"):
        yield from own(ast.relation_name(node.relation), catalog)
    elif node.HasField("object"):
        yield from on_object(enum_name(node, "object_type"), node.object, catalog)
    yield from schema_create(node.newschema, catalog)


def set_owner(node: Any, catalog: Catalog) -> Iterator[Need]:
    if node.HasField("relation"):
        yield from own(ast.relation_name(node.relation), catalog)
    elif node.HasField("object"):
        yield from on_object(enum_name(node, "object_type"), node.object, catalog)
    yield from new_owner(node.newowner)


def comment(node: Any, catalog: Catalog) -> Iterator[Need]:
    kind = enum_name(node, "objtype")
    if kind in ("OBJECT_COLUMN", "OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE", "OBJECT_TABCONSTRAINT"):
        parts = ast.strings(ast.unwrap(node.object).items)
        if len(parts) > 1:
            yield from own(Name(parts[-3] if len(parts) > 2 else None, parts[-2]), catalog)
    else:
        yield from on_object(kind, node.object, catalog)


def create_trigger(node: Any, catalog: Catalog) -> Iterator[Need]:
    yield from on_relation(ast.relation_name(node.relation), catalog, "TRIGGER")


def create_schema(node: Any, catalog: Catalog) -> Iterator[Need]:
    if node.if_not_exists and node.schemaname in catalog.schemas:
        # The right is asked for first, whatever IF NOT EXISTS says.
        yield on_database(catalog)
        return
    yield on_database(catalog)
    if node.HasField("authrole"):
        yield from new_owner(node.authrole)


def create_extension(node: Any, catalog: Catalog) -> Iterator[Need]:
    known = catalog.extensions.get(node.extname)
    if node.if_not_exists and known is not None and known.version is not None:
        return
    yield named("extension", "CREATE EXTENSION", node.extname, "EXTENSION")


def create_function(node: Any, catalog: Catalog) -> Iterator[Need]:
    given = ast.options(node.options)
    language = str(given.get("language", "")).lower()
    if language in ("c", "internal"):
        yield superuser(f"a function in language {language}")
    if given.get("leakproof"):
        yield superuser("a leakproof function")
    yield from schema_create(ast.qualified(node.funcname).schema, catalog)


def create_typed(name: str) -> Callable[[Any, Catalog], Iterator[Need]]:
    """CREATE of something whose name stands in a field, as a list of names or as a RangeVar."""

    def finder(node: Any, catalog: Catalog) -> Iterator[Need]:
        value = getattr(node, name)
        full = ast.relation_name(value) if hasattr(value, "relname") else ast.qualified(value)
        yield from schema_create(full.schema, catalog)

    return finder


def create_sequence(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.sequence)
    if node.sequence.relpersistence != "t" and not (node.if_not_exists and find(name, catalog) is not None):
        yield from schema_create(name.schema, catalog)


def define(node: Any, catalog: Catalog) -> Iterator[Need]:
    kind = enum_name(node, "kind")
    if kind in ("OBJECT_TSPARSER", "OBJECT_TSTEMPLATE"):
        yield superuser("a text search parser or template")
    elif kind == "OBJECT_TYPE" and node.definition:
        yield superuser("a base type")
    else:
        yield from schema_create(ast.qualified(node.defnames).schema, catalog)


def statistics(node: Any, catalog: Catalog) -> Iterator[Need]:
    for item in node.relations:
        relation = ast.unwrap(item)
        if is_node(relation, "RangeVar"):
            yield from own(ast.relation_name(relation), catalog)
            table = resolved(ast.relation_name(relation), catalog)
            yield from schema_create(table.schema if table else None, catalog)


def owned_relation(field: str) -> Callable[[Any, Catalog], Iterator[Need]]:
    return lambda node, catalog: own(ast.relation_name(getattr(node, field)), catalog)


def altered_type(field: str) -> Callable[[Any, Catalog], Iterator[Need]]:
    return lambda node, catalog: on_type(ast.qualified(getattr(node, field)), catalog)
