"""Rights on one object: owning it, using its schema, a privilege of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from runbook.migration import ast
from runbook.migration.ast import Name
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.rights import Need, NeedKind, relation_need, resolved
from runbook.migration.tags import OBJECT_WORDS
from runbook.sql import quote_ident, quote_qualified

SYSTEM = frozenset({"pg_catalog", "information_schema", "pg_toast", "pg_temp"})


def own(name: Name, catalog: Catalog, *, or_schema_owner: bool = False) -> Iterator[Need]:
    """To own the relation, or a role that does."""
    found = resolved(name, catalog)
    if found is not None:
        yield from schema_usage(name, catalog)
        yield replace(relation_need("owner", "ownership", found), or_schema_owner=or_schema_owner)


def on_relation(name: Name, catalog: Catalog, *privileges: str, kind: NeedKind = "table") -> Iterator[Need]:
    """Privileges of the relation; nothing where it is not there, or is the system's."""
    found = resolved(name, catalog)
    if found is not None and found.schema not in SYSTEM:
        yield from schema_usage(name, catalog)
        for privilege in privileges:
            yield relation_need(kind, privilege, found)


def schema_usage(name: Name, catalog: Catalog) -> Iterator[Need]:
    """USAGE of a schema that is written out."""
    if name.schema is not None and name.schema in catalog.schemas:
        yield Need("schema_usage", quote_ident(name.schema), "USAGE", Name(None, name.schema), "SCHEMA")


def schema_create(schema: str | None, catalog: Catalog) -> Iterator[Need]:
    """CREATE in the schema where a new object goes."""
    target = schema if schema is not None else next(iter(catalog.search_path), None)
    if target is not None and target not in SYSTEM:
        yield Need("schema_create", quote_ident(target), "CREATE", Name(None, target), "SCHEMA")


def named(kind: NeedKind, privilege: str, name: str, object_type: str) -> Need:
    """A need about an object that only its name tells."""
    return Need(kind, quote_ident(name), privilege, Name(None, name), object_type)


def on_database(catalog: Catalog) -> Need:
    """CREATE on the database."""
    return Need("database", catalog.database or "the database", "CREATE", Name(None, catalog.database), "DATABASE")


def superuser(what: str) -> Need:
    """What superusers may only."""
    return Need("superuser", what, what, Name(None, ""), "")


def other(privilege: str) -> Need:
    """An attribute of the role: CREATEROLE, CREATEDB."""
    return Need("other", privilege, privilege, Name(None, ""), "ROLE")


def new_owner(role: Any) -> Iterator[Need]:
    """To be able to become the role that gets the object."""
    if role.rolename:
        yield named("membership", "membership", role.rolename, "ROLE")


def on_object(kind: str, item: Any, catalog: Catalog, *, dropping: bool = False) -> Iterator[Need]:
    """Ownership of the object that DROP, COMMENT, ALTER ... OWNER and the like name."""
    if kind == "OBJECT_SCHEMA":
        yield named("owner", "ownership", ast.qualified(item).name, "SCHEMA")
    elif kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        yield from on_type(ast.qualified(item), catalog)
    elif kind in RELATIONS:
        yield from own(ast.qualified(item), catalog, or_schema_owner=dropping)
    elif kind in ("OBJECT_FUNCTION", "OBJECT_PROCEDURE", "OBJECT_ROUTINE", "OBJECT_AGGREGATE"):
        name = ast.qualified(item)
        if any(name.schema in (None, f.schema) for f in catalog.functions.get(name.name, ())):
            yield Need("owner", quote_qualified(*name), "ownership", name, OBJECT_WORDS[kind])


RELATIONS = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_INDEX", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE"}
)


def on_type(name: Name, catalog: Catalog) -> Iterator[Need]:
    """To own the type or domain."""
    for schema in (name.schema,) if name.schema is not None else catalog.search_path:
        found = catalog.types.get((schema, name.name))
        if found is not None:
            word = "DOMAIN" if found.kind == "d" else "TYPE"
            key = Name(found.schema, found.name)
            yield Need("owner", quote_qualified(*key), "ownership", key, word)
            return


def find(name: Name, catalog: Catalog) -> Relation | None:
    """The relation of that name, if it is there."""
    return catalog.find(name.schema, name.name)
