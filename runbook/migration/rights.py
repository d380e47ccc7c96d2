"""Whether the migration's role has a right, and the SQL with which somebody who may can give it.

Source: src/backend/catalog/aclchk.c, objectaddress.c and each command's own checks; the "Privileges" chapter of the
manual. Proved by ``tests/migration/test_needs.py``: on real servers a bare role is refused with 42501, and exactly
``grant_sql``, run as a superuser, makes the same statement pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from runbook.migration.ast import Name
from runbook.migration.catalog import Catalog, Relation
from runbook.sql import quote_ident, quote_qualified

NeedKind = Literal[
    "owner", "schema_create", "schema_usage", "table", "sequence", "references", "database", "extension", "superuser",
    "membership", "other",
]  # fmt: skip

_OBJECT_WORDS = {"v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE", "f": "FOREIGN TABLE"}


@dataclass(frozen=True, slots=True)
class Need:
    """One right that a statement requires of the role that runs it.

    ``object`` is what it is about, quoted as in SQL; ``privilege`` is ownership or the word that GRANT uses. ``name``
    is the object's name as stored, ``object_type`` the word that ALTER uses for it (TABLE, SCHEMA, TYPE, ROLE ...).
    """

    kind: NeedKind
    object: str
    privilege: str
    name: Name
    object_type: str = "TABLE"
    or_schema_owner: bool = False  # DROP is also the right of the schema's owner


@dataclass(frozen=True, slots=True)
class Missing:
    """A right that the role lacks. ``grant_sql`` gives it, for somebody who may; not ``certain``: it was not read.

    ``owner`` is the role that owns the object, where one does.
    """

    need: Need
    grant_sql: str
    owner: str | None
    because: str
    certain: bool = True


def missing(need: Need, catalog: Catalog) -> Missing | None:
    """What the catalog's role lacks of ``need``; None where it has the right, or the object is not there."""
    role = catalog.roles.get(catalog.role)
    if catalog.is_assumed or not catalog.role or (role is not None and role.superuser):
        return None
    match need.kind:
        case "owner":
            return _owner(need, catalog)
        case "schema_create" | "schema_usage":
            return _schema(need, catalog)
        case "table" | "sequence" | "references":
            return _relation(need, catalog)
        case "database":
            return (
                None if catalog.can_create_schema else Missing(need, _on_database(catalog), None, _lacks(need, catalog))
            )
        case "extension":
            return _extension(need, catalog)
        case "membership":
            if need.name.name in catalog.settable_roles or _is_absent(need.name.name, catalog):
                return None
            # From 16 on SET alone is enough; before, membership brings it.
            option = " WITH SET TRUE" if catalog.major >= 16 else ""
            sql = f"GRANT {need.object} TO {quote_ident(catalog.role)}{option};"
            return Missing(need, sql, None, f"{catalog.role} may not become {need.name.name}")
        case "superuser":
            return _superuser(need, catalog)
        case "other":
            return _attribute(need, catalog)
    return None


def missing_after_set_role(need: Need, catalog: Catalog, session_role: str) -> Missing | None:
    """The same once SET ROLE has made it ``catalog.role``, of which only its attributes and what it owns were read.

    SET ROLE to yet another role is the session's right. What another role owns is lacked unless it is a member, which
    is not known; privileges of the new role were not read, and nothing is said of them.
    """
    role = catalog.roles.get(catalog.role)
    session = catalog.roles.get(session_role)
    if role is None or catalog.is_assumed:
        return None
    if need.kind == "membership" and need.privilege == "SET ROLE":
        allowed = (session is not None and session.superuser) or need.name.name in catalog.settable_roles
        return None if allowed else missing(need, replace(catalog, role=session_role))
    if role.superuser or need.kind not in ("owner", "other", "superuser", "extension"):
        return None
    alone = replace(catalog, usable_roles=frozenset({catalog.role}), can_create_schema=True)
    found = missing(need, alone)
    if found is None or need.kind == "other":
        return found
    return replace(
        found, because=f"{found.because} (after SET ROLE, memberships of {role.name} were not read)", certain=False
    )


def _is_absent(role: str, catalog: Catalog) -> bool:
    """No such role on this server: another failure (42704). Predefined roles are there, and in no catalog."""
    return bool(catalog.roles) and role not in catalog.roles and not catalog.truncated and not role.startswith("pg_")


def _owner(need: Need, catalog: Catalog) -> Missing | None:
    owner: str | None
    if need.object_type == "SCHEMA":
        schema = catalog.schemas.get(need.name.name)
        owner = schema.owner if schema else None
    elif need.object_type in ("TYPE", "DOMAIN"):
        found = catalog.types.get((need.name.schema or "", need.name.name))
        owner = found.owner if found else None
    elif need.object_type in ("TABLE", "INDEX"):
        relation = catalog.relations.get((need.name.schema or "", need.name.name))
        if relation is None or relation.created_here:
            return None
        if need.or_schema_owner and _owns_schema(relation.schema, catalog):
            return None
        owner = relation.owner
        need = _with_type(need, relation)
    else:
        because = f"the owner of {need.object_type.lower()} {need.object} was not read"
        return Missing(need, _take_over(need, None, catalog), None, because, certain=False)
    if owner is None or owner in catalog.usable_roles:
        return None
    if not owner:
        return Missing(need, _take_over(need, None, catalog), None, f"the owner of {need.object} was not read", False)
    because = f"{need.object_type.lower()} {need.object} belongs to {owner}, and {catalog.role} is not a member of it"
    return Missing(need, _take_over(need, owner, catalog), owner, because)


def _with_type(need: Need, relation: Relation) -> Need:
    return replace(need, object_type=_OBJECT_WORDS.get(relation.kind, "TABLE"))


def _owns_schema(name: str, catalog: Catalog) -> bool:
    schema = catalog.schemas.get(name)
    return schema is not None and schema.owner in catalog.usable_roles


def _take_over(need: Need, owner: str | None, catalog: Catalog) -> str:
    """Membership in the owner; but never in a superuser, who owns far more than this object."""
    known = catalog.roles.get(owner) if owner else None
    to = quote_ident(catalog.role)
    if owner is None or known is None or known.superuser or owner.startswith("pg_"):
        return f"ALTER {need.object_type} {need.object} OWNER TO {to};"
    inherit = " WITH INHERIT TRUE" if catalog.major >= 16 else ""
    return f"GRANT {quote_ident(owner)} TO {to}{inherit};"


def _schema(need: Need, catalog: Catalog) -> Missing | None:
    schema = catalog.schemas.get(need.name.name)
    if schema is None or (schema.can_create if need.kind == "schema_create" else schema.can_use):
        return None
    sql = f"GRANT {need.privilege} ON SCHEMA {need.object} TO {quote_ident(catalog.role)};"
    because = _lacks(need, catalog)
    if need.kind == "schema_create" and need.name.name == "public" and catalog.major >= 15:
        because += " (since PostgreSQL 15 not everybody has it on public)"
    return Missing(need, sql, schema.owner or None, because)


_BY_COLUMN = frozenset({"SELECT", "INSERT", "UPDATE", "REFERENCES"})


def _relation(need: Need, catalog: Catalog) -> Missing | None:
    relation = catalog.relations.get((need.name.schema or "", need.name.name))
    if relation is None or relation.created_here or relation.owner in catalog.usable_roles:
        return None
    wanted = need.privilege.split(" or ")
    if any(p in relation.privileges for p in wanted):
        return None
    what = "SEQUENCE " if relation.kind == "S" else ""
    sql = f"GRANT {wanted[0]} ON {what}{need.object} TO {quote_ident(catalog.role)};"
    because = _lacks(need, catalog)
    if need.kind != "sequence" and wanted[0] in _BY_COLUMN:
        because += " as a whole (grants on single columns are not read)"
    return Missing(need, sql, relation.owner or None, because)


def _extension(need: Need, catalog: Catalog) -> Missing | None:
    extension = catalog.extensions.get(need.name.name)
    if extension is None:
        return None  # not available at all: another failure
    if not extension.needs_superuser or (extension.trusted and catalog.major >= 13):
        if catalog.can_create_schema or not extension.needs_superuser:
            return None
        because = f"{need.name.name} is a trusted extension, for which {catalog.role} needs CREATE on the database"
        return Missing(need, _on_database(catalog), None, because)
    because = f"{need.name.name} is not a trusted extension: only a superuser may create it"
    return Missing(need, f"CREATE EXTENSION IF NOT EXISTS {need.object};", None, because)


def _superuser(need: Need, catalog: Catalog) -> Missing | None:
    to = quote_ident(catalog.role)
    if need.object_type == "PARAMETER" and catalog.major >= 15:
        sql = f"GRANT {need.privilege} ON PARAMETER {need.object} TO {to};"
        because = f"{need.object} may be set only by a superuser or by who was granted it, which was not read"
        return Missing(need, sql, None, because, certain=False)
    if need.object_type == "ROLE":  # a predefined role will do
        if need.name.name in catalog.usable_roles:
            return None
        sql = f"GRANT {need.object} TO {to};"
        return Missing(need, sql, None, f"{need.privilege} needs a superuser or membership in {need.name.name}")
    return Missing(need, f"ALTER ROLE {to} SUPERUSER;", None, f"{need.privilege} is for superusers only")


def _attribute(need: Need, catalog: Catalog) -> Missing | None:
    role = catalog.roles.get(catalog.role)
    if role is None:
        return Missing(need, "", None, f"the attributes of {catalog.role} were not read", certain=False)
    has = {"CREATEROLE": role.create_role, "CREATEDB": role.create_db}.get(need.privilege)
    if has:
        return None
    sql = f"ALTER ROLE {quote_ident(catalog.role)} {need.privilege};"
    return Missing(need, sql, None, f"{catalog.role} lacks {need.privilege}")


def _on_database(catalog: Catalog) -> str:
    to = quote_ident(catalog.role)
    if catalog.database:
        return f"GRANT CREATE ON DATABASE {quote_ident(catalog.database)} TO {to};"
    return f"DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {to}', current_database()); END $$;"


def _lacks(need: Need, catalog: Catalog) -> str:
    return f"{catalog.role} lacks {need.privilege} on {need.object}"


def resolved(name: Name, catalog: Catalog) -> Name | None:
    """The relation that ``name`` means in this catalog, an index as its table; None where there is none."""
    found = catalog.find(name.schema, name.name)
    if found is not None:
        return Name(found.schema, found.name)
    schemas = (name.schema,) if name.schema is not None else catalog.search_path
    for schema in schemas:
        tables = catalog.index_tables.get((schema, name.name), ())
        if tables:
            return Name(*tables[0])
    return None


def relation_need(kind: NeedKind, privilege: str, name: Name) -> Need:
    """A need about a relation whose name is resolved."""
    return Need(kind, quote_qualified(name.schema, name.name), privilege, name)
