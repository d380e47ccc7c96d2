"""ATTACH and DETACH PARTITION, and what a new partition takes on from its parent.

Source: ATExecAttachPartition, ATExecDetachPartition, DefineRelation (tablecmds.c), CloneForeignKeyConstraints.
"""

from __future__ import annotations

from typing import Any

from runbook.migration.apply.alter import partition_index
from runbook.migration.apply.tables import same_index
from runbook.migration.ast import AlterCommand
from runbook.migration.catalog import Relation
from runbook.migration.edit import lineage
from runbook.migration.effects import foreign_keys, minors
from runbook.migration.effects.implied import outside_bound, within_bound
from runbook.migration.effects.scene import AS, AX, SRX, SUX, Failed, Scene

DETACH_LOCKS_PARTITION_FULLY = 14


def attach(scene: Scene, parent: Relation, command: Any) -> None:
    """ATTACH PARTITION: the new partition is read unless its CHECKs prove the bound."""
    child = scene.need(command.name)
    if parent.kind != "p" and not scene.catalog.is_assumed:
        raise Failed("42809", f"{parent.qualified} is not partitioned")
    if child.is_partition:
        raise Failed("42809", f"{child.qualified} is already a partition")
    for member in lineage(scene.catalog, child):
        scene.lock(member, AX)
        if not (command.bound.is_default and not parent.children) and not within_bound(
            member, parent.partition_key, command.bound
        ):
            scene.scan(member)
            scene.depends_on_data("23514", "every row must be within the partition's bound")
    scan_default(scene, parent, command.bound)
    inherit_indexes(scene, parent, child, build=True)
    for constraint in parent.constraints:
        if constraint.kind != "f" or constraint.references is None:
            continue
        target = scene.catalog.relations.get(constraint.references)
        if target is None:
            continue
        own = any(
            c.kind == "f" and c.columns == constraint.columns and c.references == constraint.references and c.validated
            for c in child.constraints
        )
        for member in lineage(scene.catalog, target):
            scene.lock(member, AX if own else SRX)
        if not own:
            foreign_keys.verify(scene, child, target)


def scan_default(scene: Scene, parent: Relation, bound: Any) -> None:
    """The default partition may hold rows of the new bound: it is locked, and read unless its CHECKs exclude that."""
    default = scene.catalog.relations.get(parent.default_partition) if parent.default_partition is not None else None
    if default is None or bound.is_default:
        return
    for member in lineage(scene.catalog, default):
        scene.lock(member, AX)
        if not outside_bound(member, parent.partition_key, bound):
            scene.scan(member)


def inherit_indexes(scene: Scene, parent: Relation, child: Relation, *, build: bool) -> None:
    """Each index of the parent gets one on the partition; and so do the foreign keys that point to the parent."""
    locks_index = minors.PARENT_INDEX_LOCKED.in_force(scene.catalog.server_version_num)
    for index in parent.indexes:
        if locks_index:
            scene.lock_index(parent, index, SUX)
        if build and not any(same_index(i, index) for i in child.indexes):
            for member in [m for m in lineage(scene.catalog, child) if m.kind == "r"]:
                made = partition_index(scene.catalog, member, index, parent)
                scene.scan(member)
                scene.build(member, made.name)
    _pointing(scene, parent, child)


def _pointing(scene: Scene, parent: Relation, child: Relation | None) -> None:
    """Foreign keys that point to the parent are made for the partition as well."""
    version = scene.catalog.server_version_num
    for key, constraint in scene.catalog.referencing.get(parent.key, ()):
        other = scene.catalog.relations.get(key)
        if other is not None:
            scene.lock(other, SRX if minors.REFERENCING_LOCKED.in_force(version) else AS)
            if child is not None and minors.DEPENDENCIES_LOCKED.in_force(version):
                foreign_keys.lock_referenced_index(scene, child, constraint.referenced_columns)


def new_partition(scene: Scene, parent: Relation, bound: Any) -> None:
    """CREATE TABLE ... PARTITION OF."""
    if parent.kind != "p" and not scene.catalog.is_assumed:
        raise Failed("42809", f"{parent.qualified} is not partitioned")
    scene.lock(parent, AX)
    scan_default(scene, parent, bound)
    if minors.PARENT_INDEX_LOCKED.in_force(scene.catalog.server_version_num):
        for index in parent.indexes:
            scene.lock_index(parent, index, SUX)
    _pointing(scene, parent, None)
    for constraint in parent.constraints:
        target = scene.catalog.relations.get(constraint.references) if constraint.references is not None else None
        if constraint.kind == "f" and target is not None:
            foreign_keys.lock_target(scene, target, constraint.referenced_columns)


def detach(scene: Scene, parent: Relation, command: AlterCommand) -> None:
    """DETACH PARTITION, also CONCURRENTLY and FINALIZE."""
    child = scene.need(command.definition.name)
    concurrently = command.definition.concurrent
    if child.key not in parent.children and not scene.catalog.is_assumed:
        raise Failed("42P01", f"{child.qualified} is not a partition of {parent.qualified}")
    if concurrently:
        scene.forbid_transaction()
        if parent.default_partition is not None:
            raise Failed("55000", "cannot detach partitions concurrently when a default partition exists")
    final = command.type == "AT_DetachPartitionFinalize"
    full = scene.major >= DETACH_LOCKS_PARTITION_FULLY or concurrently or final
    scene.lock(child, AX if full or scene.catalog.referencing.get(parent.key) else SUX)
    if not concurrently and not final:
        for member in list(lineage(scene.catalog, child))[1:]:
            scene.lock(member, AX)
    for index in child.indexes:
        if index.parent is not None:
            scene.lock_index(child, index, AX)
    default = scene.catalog.relations.get(parent.default_partition) if parent.default_partition is not None else None
    if default is not None:
        scene.lock(default, AX)
    for constraint in parent.constraints:
        target = scene.catalog.relations.get(constraint.references) if constraint.references is not None else None
        if constraint.kind == "f" and target is not None:
            scene.lock(target, SRX)
    for key, _ in () if concurrently or final else scene.catalog.referencing.get(parent.key, ()):
        other = scene.catalog.relations.get(key)
        if other is None:
            continue
        for member in lineage(scene.catalog, other):  # RI_PartitionRemove_Check
            scene.lock(member, AX)
            scene.lock_indexes(member, AS)
            scene.scan(member)
        scene.depends_on_data("23503", f"rows of {other.qualified} may point into the partition")
