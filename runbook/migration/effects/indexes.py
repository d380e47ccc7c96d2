"""CREATE INDEX, ALTER INDEX, DROP INDEX and REINDEX. Source: indexcmds.c, index.c, tablecmds.c."""

from __future__ import annotations

from typing import Any

from runbook.migration.apply.tables import index_of, key_columns, same_index
from runbook.migration.ast import ConstraintSpec, alter_commands, enum_name, options, qualified
from runbook.migration.catalog import Index, Relation
from runbook.migration.edit import index_family, lineage, name_taken
from runbook.migration.effects.lock_levels import OPTION_LEVELS, OPTION_SINCE
from runbook.migration.effects.names import index_name
from runbook.migration.effects.scene import AS, AX, SUX, SYSTEM_SCHEMAS, Failed, S, Scene, is_empty

REINDEXES_PARTITIONED = 14


def create(scene: Scene, node: Any) -> None:
    """CREATE INDEX, plain and CONCURRENTLY, on tables, partitioned tables and materialized views."""
    relation = scene.need(node.relation)
    mode = SUX if node.concurrent else S
    if node.concurrent:
        scene.forbid_transaction()
    if relation.kind in ("v", "f", "S", "i", "c"):
        raise Failed("42809", f"cannot create an index on {relation.qualified}: it is not a table")
    if relation.kind == "p" and node.concurrent and node.relation.inh:
        raise Failed("0A000", f"cannot create index on partitioned table {relation.name} concurrently")
    scene.lock(relation, mode)
    if node.idxname and (relation.schema, node.idxname) in scene.catalog.relations:
        if node.if_not_exists:
            return
        raise Failed("42P07", f"relation {node.idxname} already exists")
    index = index_of(scene.catalog, relation, node)
    for column in [*index.columns, *index.included]:
        known = bool(relation.columns) and not relation.columns_uncertain
        if column is not None and known and relation.column(column) is None:
            raise Failed("42703", f"column {column} does not exist")
    if relation.kind == "p":
        if node.relation.inh:
            _on_partitions(scene, relation, index, mode)
        return
    scene.scan(relation)
    scene.build(relation, index.name, concurrently=node.concurrent)
    if index.unique and not is_empty(relation):
        titles = ", ".join(c or "expression" for c in index.columns)
        scene.depends_on_data("23505", f"no two rows may be alike in ({titles})")


def build_on_partitions(scene: Scene, relation: Relation, spec: ConstraintSpec, mode: str) -> None:
    """The indexes behind a key of a partitioned table."""
    wanted = Index(
        name=spec.name or "",
        columns=key_columns(spec),
        unique=spec.kind in ("p", "u"),
        primary=spec.kind == "p",
        included=spec.including,
        exclusion=spec.kind == "x",
        method=spec.method or "btree",
        expression_columns=(),
    )
    _on_partitions(scene, relation, wanted, mode, label={"p": "pkey", "u": "key", "x": "excl"}[spec.kind])


def _on_partitions(scene: Scene, relation: Relation, index: Index, mode: str, label: str = "idx") -> None:
    """Each partition is locked and gets an index, unless it has one that fits: that one is attached."""
    for key in relation.children:
        child = scene.catalog.relations.get(key)
        if child is None:
            continue
        scene.lock(child, mode)
        fitting = next((i for i in child.indexes if same_index(i, index) and i.parent is None), None)
        if fitting is not None:
            scene.lock_index(child, fitting, mode)
        elif child.kind == "p":
            _on_partitions(scene, child, index, mode, label)
        else:
            titles = [*index.columns, *index.included]
            name = index_name(child.name, titles, label, name_taken(scene.catalog, child.schema))
            scene.scan(child)
            scene.build(child, name)


def alter(scene: Scene, node: Any) -> None:
    """ALTER INDEX, and ALTER TABLE on an index."""
    found = scene.find_index(node.relation.schemaname or None, node.relation.relname)
    if found is None:
        if node.missing_ok or scene.catalog.is_assumed:
            return
        raise Failed("42P01", f"relation {node.relation.relname} does not exist")
    relation, index = found
    for command in alter_commands(node):
        match command.type:
            case "AT_SetRelOptions" | "AT_ResetRelOptions":
                for name in options(command.definition.items):
                    if OPTION_SINCE.get(name, 0) > scene.major:
                        raise Failed("22023", f"unrecognized parameter {name}")
                    scene.lock_index(relation, index, OPTION_LEVELS.get(name, SUX))
            case "AT_SetStatistics":
                scene.lock_index(relation, index, SUX)
            case "AT_SetTableSpace":
                scene.lock_index(relation, index, AX)
                if relation.kind != "p" and (index.tablespace or "pg_default") != command.name:
                    scene.build(relation, index.name, schema=index.schema)
            case "AT_AttachPartition":
                child = scene.find_index(command.definition.name.schemaname or None, command.definition.name.relname)
                scene.lock(relation, AS)
                scene.lock_index(relation, index, SUX)
                if child is not None:
                    scene.lock(child[0], AS)
                    scene.lock_index(child[0], child[1], AX)
            case _:
                scene.lock_index(relation, index, AX)


def drop(scene: Scene, node: Any) -> None:
    """DROP INDEX."""
    if node.concurrent:
        scene.forbid_transaction()
        if len(node.objects) > 1:
            raise Failed("0A000", "DROP INDEX CONCURRENTLY does not support dropping multiple objects")
        if enum_name(node, "behavior") == "DROP_CASCADE":
            raise Failed("0A000", "DROP INDEX CONCURRENTLY does not support CASCADE")
    for item in node.objects:
        name = qualified(item)
        found = scene.find_index(name.schema, name.name)
        if found is None:
            if node.missing_ok:
                continue
            if scene.catalog.is_assumed:
                scene.doubt("the index is not known: its table would be locked as well")
                mode = AX
                scene.lock_key((scene.target(name.schema), name.name), mode)
                continue
            raise Failed("42704", f"index {name} does not exist", certain=not scene.catalog.truncated)
        relation, index = found
        if relation.kind == "p" and node.concurrent:
            raise Failed("0A000", f"cannot drop partitioned index {index.name} concurrently")
        backs = next((c for c in relation.constraints if c.index == index.name and c.kind in ("p", "u", "x")), None)
        if backs is not None:
            raise Failed("2BP01", f"cannot drop index {index.name}: constraint {backs.name} requires it")
        if index.parent is not None:
            raise Failed("2BP01", f"cannot drop index {index.name}: the index of the partitioned table requires it")
        pointing = [
            (key, c)
            for key, c in scene.catalog.referencing.get(relation.key, ())
            if index.unique and c.index == index.name and (key, c)
        ]
        if pointing and enum_name(node, "behavior") != "DROP_CASCADE":
            raise Failed("2BP01", f"constraint {pointing[0][1].name} depends on index {index.name}")
        for key, _ in pointing:
            scene.lock_key(key, AX)
        scene.lock(relation, SUX if node.concurrent else AX)
        scene.lock_index(relation, index, AX)
        for member, own in index_family(scene.catalog, relation, index)[1:]:
            scene.lock(member, AX)
            scene.lock_index(member, own, AX)


def reindex(scene: Scene, node: Any) -> None:
    """REINDEX of an index, table, schema, the database or its catalogs."""
    concurrently = options(node.params).get("concurrently", False) not in (False, "off", "false")
    if concurrently:
        scene.forbid_transaction()
    match enum_name(node, "kind"):
        case "REINDEX_OBJECT_INDEX":
            found = scene.find_index(node.relation.schemaname or None, node.relation.relname)
            if found is None:
                if scene.catalog.is_assumed:
                    scene.doubt("the index is not known: its table would be locked as well")
                    return
                raise Failed("42P01", f"relation {node.relation.relname} does not exist")
            _reindex_index(scene, *found, concurrently=concurrently)
        case "REINDEX_OBJECT_TABLE":
            relation = scene.need(node.relation)
            if relation.kind == "p":
                _reindex_partitioned(scene, relation, concurrently)
            else:
                reindex_table(scene, relation, concurrently=concurrently)
        case "REINDEX_OBJECT_SCHEMA":
            scene.forbid_transaction()
            for relation in scene.catalog.relations.values():
                if relation.schema == node.name and relation.kind in ("r", "m"):
                    reindex_table(scene, relation, concurrently=concurrently)
        case "REINDEX_OBJECT_DATABASE":
            scene.forbid_transaction()
            for relation in scene.catalog.relations.values():
                if relation.kind in ("r", "m") and relation.schema not in SYSTEM_SCHEMAS:
                    reindex_table(scene, relation, concurrently=concurrently)
        case _:
            scene.forbid_transaction()


def _reindex_index(scene: Scene, relation: Relation, index: Index, *, concurrently: bool) -> None:
    mode = SUX if concurrently else S
    if relation.kind == "p":
        if scene.major < REINDEXES_PARTITIONED:
            raise Failed("0A000", "REINDEX is not yet implemented for partitioned indexes")
        scene.forbid_transaction()
        scene.lock(relation, mode)
        scene.lock_index(relation, index, AX)
        for member, own in index_family(scene.catalog, relation, index)[1:]:
            scene.lock(member, mode)
            _one_index(scene, member, own, concurrently)
        return
    scene.lock(relation, mode)
    _one_index(scene, relation, index, concurrently)


def _one_index(scene: Scene, relation: Relation, index: Index, concurrently: bool) -> None:
    scene.lock_index(relation, index, AX)
    if relation.kind == "p":
        return
    scene.scan(relation)
    scene.build(relation, index.name, schema=index.schema, concurrently=concurrently)


def reindex_table(scene: Scene, relation: Relation, *, concurrently: bool = False) -> None:
    """Every index of a table, and its TOAST table's."""
    mode = SUX if concurrently else S
    scene.lock(relation, mode)
    scene.lock_toast(relation, mode, AX)
    for index in relation.indexes:
        _one_index(scene, relation, index, concurrently)


def _reindex_partitioned(scene: Scene, relation: Relation, concurrently: bool) -> None:
    mode = SUX if concurrently else S
    scene.lock(relation, mode)
    if scene.major < REINDEXES_PARTITIONED:
        return  # a warning, and nothing is done
    scene.forbid_transaction()
    for member in list(lineage(scene.catalog, relation))[1:]:
        if member.kind == "r":
            reindex_table(scene, member, concurrently=concurrently)
            scene.lock(member, S)
