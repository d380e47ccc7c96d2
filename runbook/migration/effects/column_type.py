"""ALTER COLUMN TYPE: whether rows are rewritten, which indexes are built anew, which constraints are checked again.

Source: ATExecAlterColumnType, RememberAllDependentForRebuilding, TryReuseIndex, TryReuseForeignKey (tablecmds.c).
"""

from __future__ import annotations

from runbook.migration.apply.alter import uses_column
from runbook.migration.ast import AlterCommand, strings, type_ref
from runbook.migration.catalog import Column, Index, Relation
from runbook.migration.edit import owned_by_table, storage_of
from runbook.migration.effects import foreign_keys, minors, sequences
from runbook.migration.effects.scene import AS, AX, SRX, Failed, Scene
from runbook.migration.effects.types import conversion_rewrites, same_operators, type_of_column, type_written

_COLLATION = {"name": "C"}  # pg_type.typcollation, where it is not "default"
_REFUSED = frozenset({"view", "matview", "rule", "policy", "trigger", "generated column", "publication"})
_BODY_REFUSED = 14  # functions with an SQL-standard body depend on columns from here on
GENERATED_MESSAGE_CHANGED = 15


def change(scene: Scene, members: list[Relation], command: AlterCommand, column: Column) -> bool:
    """Locks and checks of one change of type; returns whether the rows are rewritten. Raises Failed (0A000)."""
    catalog, name, table = scene.catalog, command.name, members[0]
    old = type_of_column(column, catalog)
    new = type_written(type_ref(command.definition.type_name), catalog)
    _refused(scene, table, name)
    using = command.definition.raw_default if command.definition.HasField("raw_default") else None
    rewrites = conversion_rewrites(old, new, catalog, using=using, column=name)
    if not new.typmod_known:
        scene.doubt(f"what the modifier of type {new.name} does is not known: it is taken to rewrite the table")
    clause = command.definition.coll_clause if command.definition.HasField("coll_clause") else None
    collation = strings(clause.collname)[-1] if clause is not None else None
    same_collation = collation == column.collation or collation == _COLLATION.get(old.name)
    same = same_operators(old, new, catalog) and same_collation
    same_type = (old.name, old.schema, old.array) == (new.name, new.schema, new.array)
    for member in members:
        for index in member.indexes:
            if not uses_column(index, name) and not _unread(index):
                continue
            scene.lock_index(member, index, AX)
            if member.kind == "p":
                continue
            if rewrites or not _reusable(index, name, same, same_type):
                scene.build(member, index.name, schema=index.schema)
                scene.scan(member)
        for constraint in member.constraints:
            if constraint.kind == "c" and name in constraint.columns and constraint.validated:
                scene.scan(member)
        _foreign_keys(scene, member, name, same=same)
    for sequence in owned_by_table(catalog, table, name):
        if column.identity:
            scene.lock(sequence, SRX)
    if minors.DEPENDENCIES_LOCKED.in_force(catalog.server_version_num):  # the default is stored anew
        for called in sequences.in_defaults(catalog, table, {name}):
            scene.lock(called, AS)
    if rewrites and using is not None:
        scene.depends_on_data("22P02", f"every value of column {name} must convert to {new.printed}")
    elif rewrites and _shrinks(old.name, new.name, old.typmod, new.typmod):
        scene.depends_on_data(_SQLSTATE.get(new.name, "22003"), f"every value of column {name} must fit {new.printed}")
    return rewrites


_SQLSTATE = {"varchar": "22001", "bpchar": "22001", "bit": "22026", "varbit": "22001"}
_RANK = {"int2": 1, "int4": 2, "int8": 3, "numeric": 4}
_LENGTHS = frozenset({"varchar", "bpchar", "varbit", "numeric"})


def _shrinks(old: str, new: str, old_typmod: int, new_typmod: int) -> bool:
    """Whether some value of the old type may not fit the new one."""
    if old in _RANK and new in _RANK:
        return _RANK[new] < _RANK[old] or (new == "numeric" and new_typmod != -1)
    return new in _LENGTHS and new_typmod != -1 and (old_typmod == -1 or new_typmod < old_typmod)


def _refused(scene: Scene, table: Relation, name: str) -> None:
    for dependant in table.dependants:
        if dependant.column != name:
            continue
        if dependant.kind == "generated column":
            state = "0A000" if scene.major >= GENERATED_MESSAGE_CHANGED else "42601"
            raise Failed(state, f"{dependant.description} is generated from column {name}")
        if dependant.kind in _REFUSED or (dependant.kind == "function" and scene.major >= _BODY_REFUSED):
            state = "XX000" if dependant.kind in _UNEXPECTED and _is_unexpected(scene) else "0A000"
            raise Failed(state, f"{dependant.description} depends on column {name}")


_UNEXPECTED = frozenset({"function", "publication"})


def _is_unexpected(scene: Scene) -> bool:
    """Minors that refuse these as "unexpected object depending on column". Source: measured on 16.2; bug 18449."""
    return scene.catalog.server_version_num < {14: 140012, 15: 150007, 16: 160003}.get(scene.major, 0)


def _unread(index: Index) -> bool:
    """An index with expressions or a predicate of which nobody read what columns they use."""
    return index.expression_columns is None and (index.has_expressions or index.has_predicate)


def _reusable(index: Index, name: str, same_operators: bool, same_type: bool) -> bool:
    """Whether the index's files can stay. Source: CheckIndexCompatible."""
    if index.has_expressions or index.has_predicate:
        return False
    if name not in index.columns:
        return True
    if index.method not in ("btree", "hash") and not same_type and not same_operators:
        return False
    return same_operators


def _foreign_keys(scene: Scene, member: Relation, name: str, *, same: bool) -> None:
    """Foreign keys over the column are made again, and checked again unless the comparison stays the same."""
    for constraint in member.constraints:
        if constraint.kind != "f" or name not in constraint.columns or constraint.references is None:
            continue
        target = scene.catalog.relations.get(constraint.references)
        if target is None or target.key == member.key:
            continue
        for other in storage_of(scene.catalog, target):
            scene.lock(other, AX)
        foreign_keys.lock_target(scene, target, constraint.referenced_columns)
        if not same and constraint.validated:
            foreign_keys.verify(scene, member, target)
    for key, constraint in scene.catalog.referencing.get(member.key, ()):
        other_table = scene.catalog.relations.get(key)
        if other_table is None or name not in constraint.referenced_columns or key == member.key:
            continue
        for other in storage_of(scene.catalog, other_table):
            scene.lock(other, AX)
        if not same and constraint.validated:
            foreign_keys.verify(scene, other_table, member)
