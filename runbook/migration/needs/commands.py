"""Rights that maintenance, grants, settings, roles and replication require."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.ast import Name, enum_name, is_node
from runbook.migration.catalog import Catalog
from runbook.migration.needs.objects import (
    find,
    named,
    new_owner,
    on_database,
    on_relation,
    other,
    own,
    superuser,
)
from runbook.migration.rights import Need
from runbook.migration.versions_data import SUPERUSER_SETTINGS


def maintain(node: Any, catalog: Catalog) -> Iterator[Need]:
    """CLUSTER, REINDEX TABLE or INDEX, REFRESH: the owner, and from 17 on whoever has MAINTAIN."""
    if not node.HasField("relation"):
        return
    name = ast.relation_name(node.relation)
    if catalog.major >= 17:
        yield from on_relation(name, catalog, "MAINTAIN")
    else:
        yield from own(name, catalog)


def reindex(node: Any, catalog: Catalog) -> Iterator[Need]:
    if enum_name(node, "kind") == "REINDEX_OBJECT_SCHEMA":
        yield named("owner", "ownership", node.name, "SCHEMA")
    yield from maintain(node, catalog)


def grant(node: Any, catalog: Catalog) -> Iterator[Need]:
    if enum_name(node, "targtype") != "ACL_TARGET_OBJECT":
        return
    kind = enum_name(node, "objtype")
    for item in node.objects:
        target = ast.unwrap(item)
        if kind in ("OBJECT_TABLE", "OBJECT_SEQUENCE") and is_node(target, "RangeVar"):
            name = ast.relation_name(target)
            relation = find(name, catalog)
            # Who holds any privilege gets a warning instead of an error.
            if relation is not None and not relation.privileges:
                yield from own(name, catalog)
        elif kind == "OBJECT_SCHEMA":
            name = ast.qualified(target)
            schema = catalog.schemas.get(name.name)
            if schema is not None and not (schema.can_create or schema.can_use):
                yield named("owner", "ownership", name.name, "SCHEMA")


def set_command(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = node.name.lower()
    values = [ast.constant(a) for a in node.args]
    if name == "role" and values and isinstance(values[0], str) and values[0] != "none":
        yield named("membership", "SET ROLE", values[0], "ROLE")
    elif name == "session_authorization" and values and values[0] != catalog.role:
        yield superuser("SET SESSION AUTHORIZATION")
    elif name in SUPERUSER_SETTINGS:
        yield Need("superuser", name, "SET", Name(None, name), "PARAMETER")


def alter_system(node: Any, catalog: Catalog) -> Iterator[Need]:
    if node.setstmt.name:
        yield Need("superuser", node.setstmt.name, "ALTER SYSTEM", Name(None, node.setstmt.name), "PARAMETER")
    else:
        yield superuser("ALTER SYSTEM RESET ALL")


def publication(node: Any, catalog: Catalog) -> Iterator[Need]:
    yield on_database(catalog)
    if node.for_all_tables:
        yield superuser("FOR ALL TABLES")
    for item in node.pubobjects:
        target = ast.unwrap(item)
        if target.HasField("pubtable"):
            yield from own(ast.relation_name(target.pubtable.relation), catalog)
        else:
            yield superuser("FOR TABLES IN SCHEMA")


def subscription(node: Any, catalog: Catalog) -> Iterator[Need]:
    if catalog.major < 16:
        yield superuser("CREATE SUBSCRIPTION")
        return
    role = "pg_create_subscription"
    yield Need("superuser", role, "CREATE SUBSCRIPTION", Name(None, role), "ROLE")
    yield on_database(catalog)


def role_command(node: Any, catalog: Catalog) -> Iterator[Need]:
    given = {o.defname for item in node.options if is_node(o := ast.unwrap(item), "DefElem")}
    # Everybody may change the own password.
    if is_node(node, "AlterRoleStmt") and given <= {"password"} and node.role.rolename in ("", catalog.role):
        return
    if "superuser" in given:
        yield superuser("the SUPERUSER attribute")
    yield other("CREATEROLE")


def default_privileges(node: Any, catalog: Catalog) -> Iterator[Need]:
    given = ast.options(node.options)
    roles: Any = given.get("roles")
    if is_node(roles, "List"):
        for item in roles.items:
            yield from new_owner(ast.unwrap(item))


def fixed(*found: Need) -> Callable[[Any, Catalog], Iterator[Need]]:
    return lambda node, catalog: iter(found)
