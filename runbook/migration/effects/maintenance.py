"""TRUNCATE, LOCK, VACUUM, ANALYZE, CLUSTER and REFRESH MATERIALIZED VIEW."""

from __future__ import annotations

from typing import Any

from runbook.migration.ast import enum_name, options, unwrap
from runbook.migration.catalog import Relation
from runbook.migration.edit import lineage, owned_by_table
from runbook.migration.effects.foreign_keys import PLANS_PARTITIONED_INDEXES
from runbook.migration.effects.scene import AS, AX, RX, SUX, SYSTEM_SCHEMAS, Failed, Scene, X, is_empty
from runbook.migration.result import LOCK_MODES

ANALYZE_INCLUDES_CHILDREN = 18
TRUNCATE_LEAVES_PARENT = 14


def truncate(scene: Scene, node: Any) -> None:
    """TRUNCATE: new files for table, TOAST and indexes; what points to the table must be named or CASCADE given."""
    cascade = enum_name(node, "behavior") == "DROP_CASCADE"
    queue: list[Relation] = []
    for item in node.relations:
        range_var = unwrap(item)
        relation = scene.need(range_var)
        if relation.kind in ("v", "m", "S", "c"):
            raise Failed("42809", f"{relation.qualified} is not a table")
        queue.extend(scene.family(relation, range_var))
    named = {r.key for r in queue}
    done: set[tuple[str, str]] = set()
    while queue:
        relation = queue.pop(0)
        if relation.key in done:
            continue
        done.add(relation.key)
        for key, constraint in scene.catalog.referencing.get(relation.key, ()):
            other = scene.catalog.relations.get(key)
            if other is None or key in named or key in done:
                continue
            if not cascade:
                raise Failed("0A000", f"{other.qualified} references it by constraint {constraint.name}")
            queue.extend(lineage(scene.catalog, other))
        if relation.is_partition and relation.kind == "r" and scene.major < TRUNCATE_LEAVES_PARENT:
            for parent in relation.parents:
                if parent not in named:
                    scene.lock_key(parent, AS)
        scene.lock(relation, AX)
        if relation.kind == "r":
            scene.lock_storage(relation, AX)
            scene.truncate(relation)
            for index in relation.indexes:
                scene.build(relation, index.name, schema=index.schema)
        for sequence in owned_by_table(scene.catalog, relation) if node.restart_seqs else ():
            scene.lock(sequence, AX)


def lock(scene: Scene, node: Any) -> None:
    """LOCK TABLE, through views to what they read."""
    mode = LOCK_MODES[node.mode - 1] if 1 <= node.mode <= len(LOCK_MODES) else AX
    for item in node.relations:
        range_var = unwrap(item)
        relation = scene.need(range_var)
        if relation.kind in ("m", "S"):
            raise Failed("42809", f"{relation.qualified} is not a table or view")
        _lock(scene, relation, mode, only=not range_var.inh)


def _lock(scene: Scene, relation: Relation, mode: str, *, only: bool) -> None:
    for member in [relation] if only else lineage(scene.catalog, relation):
        scene.lock(member, mode)
    for key in scene.catalog.reads.get(relation.key, ()) if relation.kind == "v" else ():
        under = scene.catalog.relations.get(key)
        if under is not None:
            _lock(scene, under, mode, only=False)


def vacuum(scene: Scene, node: Any) -> None:
    """VACUUM and ANALYZE."""
    given = {name: value not in (False, "off", "false", 0) for name, value in options(node.options).items()}
    if node.is_vacuumcmd:
        scene.forbid_transaction()
    full = given.get("full", False)
    for relation in _targets(scene, node):
        if relation.kind not in ("r", "m", "p", "t"):
            continue
        if not node.is_vacuumcmd:
            _analyze(scene, relation)
        elif relation.kind == "p":
            scene.lock(relation, SUX)
        elif full:
            scene.rewrite(relation)
            scene.scan(relation)
        else:
            scene.lock(relation, SUX)
            if given.get("process_main", True):
                scene.lock_indexes(relation, RX)
                scene.scan(relation)
            if given.get("process_toast", True):
                scene.lock_toast(relation, SUX, RX)


def _targets(scene: Scene, node: Any) -> list[Relation]:
    """The tables named, with their partitions; all tables of the database where none is named."""
    found: dict[tuple[str, str], Relation] = {}
    for item in node.rels:
        range_var = unwrap(item).relation
        relation = scene.need(range_var)
        found[relation.key] = relation
        expands = relation.kind == "p" or scene.major >= ANALYZE_INCLUDES_CHILDREN
        if range_var.inh and expands:
            found.update({m.key: m for m in lineage(scene.catalog, relation)})
    if not node.rels:
        for relation in scene.catalog.relations.values():
            if relation.kind in ("r", "m") and relation.schema not in SYSTEM_SCHEMAS:
                found[relation.key] = relation
    return list(found.values())


def _analyze(scene: Scene, relation: Relation) -> None:
    scene.lock(relation, SUX)
    if relation.kind != "p":
        scene.lock_indexes(relation, AS)
    scene.scan(relation)
    for member in list(lineage(scene.catalog, relation))[1:]:
        scene.lock(member, AS)
        scene.scan(member)


def cluster(scene: Scene, node: Any) -> None:
    """CLUSTER: rows copied in the order of an index."""
    if not node.HasField("relation"):
        scene.forbid_transaction()
        scene.doubt("which tables were clustered before is not known")
        return
    relation = scene.need(node.relation)
    if relation.kind == "p":
        scene.forbid_transaction()
    if node.indexname and relation.index(node.indexname) is None and relation.columns:
        raise Failed("42704", f"index {node.indexname} for table {relation.name} does not exist")
    if not node.indexname:
        scene.depends_on_data("42704", f"{relation.qualified} must have been clustered before")
    scene.rewrite(relation)


def refresh(scene: Scene, node: Any) -> None:
    """REFRESH MATERIALIZED VIEW:

    the query runs; the result takes the place of the rows, or with CONCURRENTLY is merged in.
    """
    view = scene.need(node.relation)
    if node.concurrent and node.skip_data:
        raise Failed("42601", "CONCURRENTLY and WITH NO DATA cannot be used together")
    if node.concurrent:
        unique = [i for i in view.indexes if i.unique and i.valid and not i.has_predicate and not i.has_expressions]
        if not unique and not scene.catalog.is_assumed:
            raise Failed(
                "55000", f"{view.qualified} has no unique index without a predicate to refresh it concurrently"
            )
        scene.lock(view, X)
        scene.lock_indexes(view, RX)
        scene.scan(view)
        scene.write(view, 1.0)
    else:
        scene.lock_storage(view, AX)
        scene.truncate(view)
        for index in view.indexes:
            scene.build(view, index.name, schema=index.schema)
    if node.skip_data:
        return
    for key in scene.catalog.reads.get(view.key, ()):
        under = scene.catalog.relations.get(key)
        if under is not None:
            read(scene, under)


def read(scene: Scene, relation: Relation) -> None:
    """A stored query reads a relation in full."""
    scene.lock(relation, AS)
    if relation.kind == "v":
        for key in scene.catalog.reads.get(relation.key, ()):
            under = scene.catalog.relations.get(key)
            if under is not None:
                read(scene, under)
        return
    for member in lineage(scene.catalog, relation):
        scene.lock(member, AS)
        if member.kind != "p" or scene.major >= PLANS_PARTITIONED_INDEXES:
            scene.lock_indexes(member, AS)
        if not is_empty(member):
            scene.scan(member)
