"""RENAME, SET SCHEMA, COMMENT, GRANT; types and domains; publications: what they lock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration.ast import (
    Name,
    alter_commands,
    constraint_spec,
    enum_name,
    is_node,
    options,
    qualified,
    strings,
    unwrap,
)
from runbook.migration.catalog import Relation, TypeObject
from runbook.migration.edit import lineage, owned_by_table
from runbook.migration.effects.drops import users_of
from runbook.migration.effects.scene import AS, AX, SUX, Failed, S, Scene

GRANT_LOCKS = 18  # from here GRANT on a relation keeps AccessShareLock on it
RENAMES_PARTITION_TRIGGERS = 15
PUBLISHES_PARTITIONED = 13
_RELATION_OBJECTS = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE", "OBJECT_INDEX"}
)


def rename(scene: Scene, node: Any) -> None:
    """ALTER ... RENAME of a relation, column, constraint, trigger, rule, policy, or an object that is no relation."""
    kind = enum_name(node, "rename_type")
    if kind in ("OBJECT_ATTRIBUTE",):
        relation_name = node.relation
        scene.lock_key((scene.target(relation_name.schemaname or None), relation_name.relname), AX)
        return
    if not node.HasField("relation"):
        return
    index = scene.find_index(node.relation.schemaname or None, node.relation.relname)
    if index is not None and kind in _RELATION_OBJECTS:
        if kind == "OBJECT_INDEX":
            scene.lock_index(*index, SUX)
        else:
            scene.lock_index(*index, AX)
        _free(scene, index[0].schema, node.newname)
        return
    relation = scene.resolve(node.relation, missing_ok=node.missing_ok)
    if relation is None:
        return
    match kind:
        case "OBJECT_COLUMN":
            _rename_column(scene, relation, node)
        case "OBJECT_TABCONSTRAINT":
            found = relation.constraint(node.subname)
            if found is None and not scene.catalog.is_assumed:
                raise Failed("42704", f"constraint {node.subname} for table {relation.name} does not exist")
            members = lineage(scene.catalog, relation) if found is not None and found.kind == "c" else [relation]
            for member in members:
                scene.lock(member, AX)
            backing = relation.index(found.index) if found is not None and found.index and found.kind != "f" else None
            if backing is not None:
                scene.lock_index(relation, backing, SUX)
        case "OBJECT_TRIGGER":
            if relation.kind == "p" and scene.major >= RENAMES_PARTITION_TRIGGERS:
                for member in lineage(scene.catalog, relation):
                    scene.lock(member, AX)
            scene.lock(relation, AX)
        case _:
            scene.lock(relation, AX)
            if kind in _RELATION_OBJECTS:
                _free(scene, relation.schema, node.newname)


def _free(scene: Scene, schema: str, name: str) -> None:
    if (schema, name) in scene.catalog.relations:
        raise Failed("42P07", f"relation {name} already exists")


def _rename_column(scene: Scene, relation: Relation, node: Any) -> None:
    known = bool(relation.columns) and not relation.columns_uncertain
    if known and relation.column(node.subname) is None:
        raise Failed("42703", f"column {node.subname} does not exist")
    if known and relation.column(node.newname) is not None:
        raise Failed("42701", f"column {node.newname} of relation {relation.name} already exists")
    for member in scene.family(relation, node.relation):
        scene.lock(member, AX)


def set_schema(scene: Scene, node: Any) -> None:
    """ALTER ... SET SCHEMA."""
    if scene.catalog.schemas and node.newschema not in scene.catalog.schemas:
        raise Failed("3F000", f"schema {node.newschema} does not exist")
    if not node.HasField("relation"):
        return
    relation = scene.resolve(node.relation, missing_ok=node.missing_ok)
    if relation is None:
        return
    scene.lock(relation, AX)
    for sequence in owned_by_table(scene.catalog, relation):
        scene.lock(sequence, AX)


def depends(scene: Scene, node: Any) -> None:
    """ALTER TRIGGER | INDEX ... DEPENDS ON EXTENSION."""
    if not node.HasField("relation"):
        return
    index = scene.find_index(node.relation.schemaname or None, node.relation.relname)
    if index is not None:
        scene.lock_index(*index, AX)
        return
    trigger = enum_name(node, "object_type") == "OBJECT_TRIGGER"
    scene.lock(scene.need(node.relation), AS if trigger else AX)


def comment(scene: Scene, node: Any) -> None:
    """COMMENT ON, SECURITY LABEL. Source: get_object_address with the lock mode of CommentObject."""
    kind = enum_name(node, "objtype")
    if kind in _RELATION_OBJECTS:
        name = qualified(node.object)
        index = scene.find_index(name.schema, name.name)
        if index is not None:
            scene.lock_index(*index, SUX)
            return
        scene.lock(_needed(scene, name), SUX)
    elif kind == "OBJECT_COLUMN":
        parts = strings(unwrap(node.object).items)
        relation = _needed(scene, Name(parts[-3] if len(parts) > 2 else None, parts[-2]))
        known = bool(relation.columns) and not relation.columns_uncertain
        if known and relation.column(parts[-1]) is None:
            raise Failed("42703", f"column {parts[-1]} of relation {relation.name} does not exist")
        scene.lock(relation, SUX)
    elif kind in ("OBJECT_TRIGGER", "OBJECT_RULE", "OBJECT_POLICY", "OBJECT_TABCONSTRAINT"):
        parts = strings(unwrap(node.object).items)
        scene.lock(_needed(scene, Name(parts[-3] if len(parts) > 2 else None, parts[-2])), AS)


def _needed(scene: Scene, name: Name) -> Relation:
    found = scene.find(name.schema, name.name)
    if found is None:
        raise Failed("42P01", f"relation {name} does not exist", certain=not scene.catalog.truncated)
    return found


def grant(scene: Scene, node: Any) -> None:
    """GRANT, REVOKE on tables and sequences."""
    if enum_name(node, "targtype") != "ACL_TARGET_OBJECT" or enum_name(node, "objtype") not in (
        "OBJECT_TABLE",
        "OBJECT_SEQUENCE",
        "OBJECT_COLUMN",
    ):
        return
    for item in node.objects:
        relation = scene.need(unwrap(item))
        if scene.major >= GRANT_LOCKS:
            scene.lock(relation, AS)


# -- types ------------------------------------------------------------------------------------------------------------


def _find_type(scene: Scene, name: Name) -> TypeObject | None:
    schemas = [name.schema] if name.schema is not None else list(scene.catalog.search_path)
    found = next((t for s in schemas if (t := scene.catalog.types.get((s, name.name))) is not None), None)
    if found is None and not scene.catalog.is_assumed:
        raise Failed("42704", f"type {name} does not exist", certain=not scene.catalog.truncated)
    return found


def alter_domain(scene: Scene, node: Any) -> None:
    """ALTER DOMAIN: a new or validated constraint reads every table with a column of the domain, under Share."""
    found = _find_type(scene, qualified(node.type_name))
    if found is None:
        scene.doubt("no server was asked: which tables use the domain is not known")
        return
    added = constraint_spec(unwrap(node.__getattribute__("def"))) if node.subtype == "C" else None
    if not ((added is not None and not added.not_valid) or node.subtype in ("O", "V")):
        return
    for relation in users_of(scene, found):
        if relation.kind in ("r", "m", "p"):
            scene.lock(relation, S)
            scene.scan(relation)
            scene.depends_on_data("23502" if node.subtype == "O" else "23514", "every value of the domain must pass")


def alter_composite(scene: Scene, node: Any) -> None:
    """ALTER TYPE ... ADD, DROP, ALTER ATTRIBUTE, with CASCADE also on typed tables."""
    name = Name(node.relation.schemaname or None, node.relation.relname)
    found = _find_type(scene, name)
    key = (found.schema, found.name) if found is not None else (scene.target(name.schema), name.name)
    scene.lock_key(key, AX)
    for command in alter_commands(node):
        if command.type == "AT_AlterColumnType" and found is not None:
            users = [r for r in users_of(scene, found) if r.of_type != key]
            if users:
                raise Failed("0A000", f"cannot alter type {found.name} because column of {users[0].qualified} uses it")
    for relation in scene.catalog.relations.values():
        if relation.of_type == key:
            if not any(c.cascade for c in alter_commands(node)):
                raise Failed("2BP01", f"cannot alter type {name} because {relation.qualified} is a table of it")
            for member in lineage(scene.catalog, relation):
                scene.lock(member, AX)


def owner(scene: Scene, node: Any) -> None:
    """ALTER ... OWNER TO of what is no relation: of a composite type its row type is locked (AlterTypeOwner)."""
    if enum_name(node, "object_type") != "OBJECT_TYPE":
        return
    found = _find_type(scene, qualified(node.object))
    if found is not None and found.kind == "c":
        scene.lock_key((found.schema, found.name), AX)


def alter_enum(scene: Scene, node: Any) -> None:
    """ALTER TYPE ... ADD VALUE, RENAME VALUE: locks no relation."""
    found = _find_type(scene, qualified(node.type_name))
    if found is None or found.kind != "e":
        return
    if node.old_val:
        if node.old_val not in found.labels:
            raise Failed("22023", f"{node.old_val} is not an existing enum label")
        return
    if node.new_val in found.labels and not node.skip_if_new_val_exists:
        raise Failed("42710", f"enum label {node.new_val} already exists")


# -- publications -----------------------------------------------------------------------------------------------------


def publication(scene: Scene, node: Any) -> None:
    """CREATE PUBLICATION, ALTER PUBLICATION: the tables named."""
    for relation in _published(scene, node):
        scene.lock(relation, SUX)
        if relation.kind == "p" and scene.major < PUBLISHES_PARTITIONED:
            raise Failed("0A000", f"{relation.qualified} is a partitioned table")
    if is_node(node, "AlterPublicationStmt") and enum_name(node, "action") == "AP_SetObjects" and len(node.pubobjects):
        for relation in scene.catalog.relations.values():
            if node.pubname in relation.publications:
                scene.lock(relation, SUX)


def _published(scene: Scene, node: Any) -> Iterator[Relation]:
    for item in node.pubobjects:
        spec = unwrap(item)
        if not spec.HasField("pubtable"):
            continue
        range_var = spec.pubtable.relation
        relation = scene.need(range_var)
        yield relation
        if range_var.inh and relation.kind == "r":
            yield from list(lineage(scene.catalog, relation))[1:]


def subscription(scene: Scene, node: Any) -> None:
    """CREATE SUBSCRIPTION: makes a slot on the publisher unless told not to, which no transaction may hold."""
    given = options(node.options)
    connect = given.get("connect", True) not in (False, "false", "off")
    if connect and given.get("create_slot", True) not in (False, "false", "off"):
        scene.forbid_transaction()
    if connect:
        scene.depends_on_data("08006" if scene.major >= 14 else "XX000", "it must reach the publisher")


def move_all(scene: Scene, node: Any) -> None:
    """ALTER TABLE | INDEX | MATERIALIZED VIEW ALL IN TABLESPACE ... SET TABLESPACE."""
    kind = enum_name(node, "objtype")
    for relation in scene.catalog.relations.values():
        if kind == "OBJECT_INDEX":
            for index in relation.indexes:
                if (index.tablespace or "pg_default") == node.orig_tablespacename:
                    scene.lock_index(relation, index, AX)
                    scene.build(relation, index.name, schema=index.schema)
        elif relation.kind == ("m" if kind == "OBJECT_MATVIEW" else "r") and (
            (relation.tablespace or "pg_default") == node.orig_tablespacename
        ):
            scene.lock_toast(relation, AX, AX)
            scene.rewrite(relation, indexes=False)
