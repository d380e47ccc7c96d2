"""Foreign keys: what adding, checking and dropping them does to both tables and to their partitions.

Source: ATAddForeignKeyConstraint, validateForeignKeyConstraint, RI_Initial_Check (ri_triggers.c); measured by
tests/oracle.
"""

from __future__ import annotations

from runbook.migration.apply.tables import referenced_columns
from runbook.migration.ast import ConstraintSpec
from runbook.migration.catalog import Constraint, Relation
from runbook.migration.edit import storage_of
from runbook.migration.effects import minors
from runbook.migration.effects.scene import AS, AX, SRX, Failed, Scene, is_empty

# From 16 the planner looks at the indexes of partitioned tables too. Source: get_relation_info, plancat.c.
PLANS_PARTITIONED_INDEXES = 16


def add(scene: Scene, relation: Relation, spec: ConstraintSpec, *, check: bool, all_null: bool = False) -> None:
    """ADD FOREIGN KEY, in ALTER TABLE and in CREATE TABLE:

    ShareRowExclusive on what it points to, and a check of the rows.

    ``all_null``: the column is new and null everywhere, so that no row of the target is looked up.
    """
    assert spec.references is not None
    target = (
        relation
        if spec.references.name == relation.name and spec.references.schema in (None, relation.schema)
        else None
    )
    if target is None:
        target = scene.find(spec.references.schema, spec.references.name)
    if target is None:
        raise Failed("42P01", f"relation {spec.references} does not exist", certain=not scene.catalog.truncated)
    _must_be_unique(scene, target, spec)
    lock_target(scene, target, referenced_columns(scene.catalog, spec, target))
    if spec.period:
        if check:
            for member in storage_of(scene.catalog, relation):
                scene.scan(member)
        return
    if check:
        verify(scene, relation, target, all_null=all_null)
        if not all_null:
            scene.depends_on_data("23503", f"every value must exist in {target.qualified}")


def lock_target(scene: Scene, target: Relation, columns: tuple[str, ...]) -> None:
    """The table that a new foreign key points to, its partitions, and from some minor on the index that serves it."""
    keeps_index = minors.DEPENDENCIES_LOCKED.in_force(scene.catalog.server_version_num)
    for member in storage_of(scene.catalog, target):
        scene.lock(member, SRX)
        if keeps_index:
            lock_referenced_index(scene, member, columns)


def lock_referenced_index(scene: Scene, target: Relation, columns: tuple[str, ...]) -> None:
    """The unique index over the columns that a foreign key points to."""
    for index in target.indexes:
        if index.unique and not index.has_predicate and set(index.columns) == set(columns):
            scene.lock_index(target, index, AS)
            return
    exclusion = next((i for i in target.indexes if set(i.columns) == set(columns)), None)
    if exclusion is not None:
        scene.lock_index(target, exclusion, AS)


def _must_be_unique(scene: Scene, target: Relation, spec: ConstraintSpec) -> None:
    """42830 where nothing unique covers the columns pointed to."""
    if not target.columns or target.kind not in ("r", "p"):
        if target.columns and target.kind in ("v", "m", "f"):
            raise Failed("42809", f"referenced relation {target.qualified} is not a table")
        return
    columns = spec.referenced_columns
    if not columns:
        if not any(c.kind == "p" for c in target.constraints):
            raise Failed("42704", f"there is no primary key for referenced table {target.qualified}")
        return
    missing = [c for c in columns if target.column(c) is None]
    if missing:
        raise Failed("42703", f"column {missing[0]} referenced in foreign key constraint does not exist")
    unique = [i for i in target.indexes if i.unique and i.valid and not i.has_predicate and not i.has_expressions]
    if not spec.period and not any(set(i.columns) == set(columns) for i in unique):
        raise Failed(
            "42830", f"there is no unique constraint matching given keys for referenced table {target.qualified}"
        )


def verify(scene: Scene, relation: Relation, target: Relation, *, all_null: bool = False) -> None:
    """One query joins both tables: their indexes are opened by the planner, their rows read."""
    members = [m for m in storage_of(scene.catalog, relation) if m.kind != "p"]
    for member in members:
        scene.lock_indexes(member, AS)
        scene.scan(member)
    plan(scene, target, AS)
    if not all_null and not all(is_empty(m) for m in members):
        for member in storage_of(scene.catalog, target):
            scene.scan(member)


def plan(scene: Scene, relation: Relation, mode: str) -> None:
    """A query over the relation and its partitions: each is locked, with its indexes."""
    for member in storage_of(scene.catalog, relation):
        scene.lock(member, mode if member.key == relation.key or mode != AS else AS)
        if member.kind != "p" or scene.major >= PLANS_PARTITIONED_INDEXES:
            scene.lock_indexes(member, mode)


TRIGGERS_ON_PARTITIONED = 15  # before, only leaf partitions had the triggers of a foreign key that points to them


def drop(scene: Scene, constraint: Constraint, *, named: bool = False) -> None:
    """A foreign key goes: AccessExclusive on the tables that it points to, for its triggers.

    ``named``: DROP CONSTRAINT itself opens the table pointed to, whether it has triggers or not.
    """
    target = scene.catalog.relations.get(constraint.references) if constraint.references is not None else None
    if target is not None:
        for member in storage_of(scene.catalog, target):
            if (
                member.kind != "p"
                or scene.major >= TRIGGERS_ON_PARTITIONED
                or (named and member.key == constraint.references)
            ):
                scene.lock(member, AX)
    elif constraint.references is not None:
        scene.lock_key(constraint.references, AX)


def drop_pointing(
    scene: Scene, relation: Relation, columns: set[str] | None = None
) -> list[tuple[Relation, Constraint]]:
    """Foreign keys of other tables to this one (to some columns of it), locked as their dropping would."""
    found = []
    for key, constraint in scene.catalog.referencing.get(relation.key, ()):
        other = scene.catalog.relations.get(key)
        if other is not None and (columns is None or columns & set(constraint.referenced_columns)):
            scene.lock(other, AX)
            found.append((other, constraint))
    return found
