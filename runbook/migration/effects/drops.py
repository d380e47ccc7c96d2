"""DROP of everything, and what CASCADE takes with it. Source: dependency.c, heap_drop_with_catalog (heap.c)."""

from __future__ import annotations

from typing import Any

from runbook.migration.apply.alter import uses_column
from runbook.migration.ast import Name, enum_name, qualified, strings, unwrap
from runbook.migration.catalog import Constraint, Dependant, Function, Relation, RelationKey, TypeObject
from runbook.migration.dropping import drop_relations
from runbook.migration.edit import lineage
from runbook.migration.effects import foreign_keys, indexes
from runbook.migration.effects.scene import AX, Failed, Scene
from runbook.migration.effects.types import is_of
from runbook.sql import quote_ident

_KIND = {
    "OBJECT_TABLE": ("r", "p"),
    "OBJECT_VIEW": ("v",),
    "OBJECT_MATVIEW": ("m",),
    "OBJECT_SEQUENCE": ("S",),
    "OBJECT_FOREIGN_TABLE": ("f",),
}
_WORD = {
    "OBJECT_TABLE": "table",
    "OBJECT_VIEW": "view",
    "OBJECT_MATVIEW": "materialized view",
    "OBJECT_SEQUENCE": "sequence",
    "OBJECT_FOREIGN_TABLE": "foreign table",
}
_ON_TABLE = frozenset({"OBJECT_TRIGGER", "OBJECT_RULE", "OBJECT_POLICY"})
_FUNCTIONS = frozenset({"OBJECT_FUNCTION", "OBJECT_PROCEDURE", "OBJECT_AGGREGATE", "OBJECT_ROUTINE"})


def drop(scene: Scene, node: Any) -> None:
    """DROP of any kind of object."""
    kind = enum_name(node, "remove_type")
    cascade = enum_name(node, "behavior") == "DROP_CASCADE"
    if kind == "OBJECT_INDEX":
        indexes.drop(scene, node)
    elif kind in _KIND:
        _relations(scene, node, kind, cascade)
    elif kind in _ON_TABLE:
        for item in node.objects:
            _on_table(scene, kind, strings(unwrap(item).items), missing_ok=node.missing_ok)
    elif kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        for item in node.objects:
            _type(scene, qualified(item), cascade=cascade, missing_ok=node.missing_ok)
    elif kind in _FUNCTIONS:
        for item in node.objects:
            _function(scene, unwrap(item), cascade=cascade, missing_ok=node.missing_ok)
    elif kind == "OBJECT_SCHEMA":
        for item in node.objects:
            _schema(scene, strings([item])[0], cascade=cascade, missing_ok=node.missing_ok)
    elif kind == "OBJECT_EXTENSION":
        for item in node.objects:
            _extension(scene, strings([item])[0], cascade=cascade, missing_ok=node.missing_ok)


def _relations(scene: Scene, node: Any, kind: str, cascade: bool) -> None:
    roots: list[Relation] = []
    for item in node.objects:
        name = qualified(item)
        found = scene.find(name.schema, name.name)
        if found is None:
            if node.missing_ok:
                continue
            raise Failed("42P01", f"{_WORD[kind]} {name} does not exist", certain=not scene.catalog.truncated)
        if found.kind not in _KIND[kind] and not scene.catalog.is_assumed:
            raise Failed("42809", f"{found.qualified} is not a {_WORD[kind]}")
        if kind == "OBJECT_SEQUENCE" and found.owned_by is not None and not cascade:
            raise Failed("2BP01", f"table {Name(*found.owned_by[0])} owns it")
        roots.append(found)
    take(scene, roots, cascade=cascade)


def take(scene: Scene, roots: list[Relation], *, cascade: bool) -> None:
    """Locks of dropping these relations with all that belongs to them. Raises Failed (2BP01)."""
    dropped = drop_relations(scene.catalog, roots)
    if dropped.holder is not None and not cascade:
        raise Failed("2BP01", f"cannot drop {roots[0].qualified}: {dropped.holder}")
    for relation in dropped.relations.values():
        if relation.kind in ("r", "m", "p"):
            scene.lock_storage(relation, AX)
        else:
            scene.lock(relation, AX)
        for constraint in relation.constraints:
            whole = not (constraint.inherited and relation.is_partition)  # the triggers belong to the parent's
            if constraint.kind == "f" and whole and constraint.references not in dropped.relations:
                foreign_keys.drop(scene, constraint)
        for parent in relation.parents if relation.is_partition else ():
            above = scene.catalog.relations.get(parent)
            if above is not None and parent not in dropped.relations:
                scene.lock(above, AX)
                default = scene.catalog.relations.get(above.default_partition) if above.default_partition else None
                if default is not None and default.key not in dropped.relations:
                    scene.lock(default, AX)
    for (key, _), constraint in dropped.constraints.items():
        scene.lock(scene.catalog.relations[key], AX)
        foreign_keys.drop(scene, _whole(scene, key, constraint))
    for key in [*dropped.defaults, *dropped.touched]:
        scene.lock(scene.catalog.relations[key], AX)


def _whole(scene: Scene, key: RelationKey, constraint: Constraint) -> Constraint:
    """The foreign key that one to a partition is a part of: the one to the topmost table goes as a whole."""
    target = scene.catalog.relations.get(constraint.references) if constraint.references is not None else None
    while target is not None and target.is_partition:
        target = next((scene.catalog.relations.get(p) for p in target.parents), None)
        above = scene.catalog.referencing.get(target.key, ()) if target is not None else ()
        constraint = next((c for k, c in above if k == key and c.columns == constraint.columns), constraint)
    return constraint


def _on_table(scene: Scene, kind: str, parts: tuple[str, ...], *, missing_ok: bool) -> None:
    relation = scene.find(parts[-3] if len(parts) > 2 else None, parts[-2])
    if relation is None:
        if missing_ok:
            return
        raise Failed("42P01", f"relation {parts[-2]} does not exist", certain=not scene.catalog.truncated)
    if kind == "OBJECT_TRIGGER" and not scene.catalog.is_assumed:
        if not any(t.name == parts[-1] for t in relation.triggers):
            if missing_ok:
                return
            raise Failed("42704", f"trigger {parts[-1]} for table {relation.name} does not exist")
        if relation.kind == "p":
            for member in lineage(scene.catalog, relation):
                scene.lock(member, AX)
    scene.lock(relation, AX)


def _still_there(scene: Scene, user: Dependant) -> bool:
    """Whether an earlier statement of the migration has not dropped it, or its table."""
    if user.relation is None:
        return True
    relation = scene.catalog.relations.get(user.relation)
    if relation is None:
        return scene.index_owner(user.relation) is not None
    if user.kind != "trigger":
        return True
    return any(user.description.startswith(f"trigger {quote_ident(t.name)} on ") for t in relation.triggers)


def _used(scene: Scene, users: tuple[Dependant, ...], what: str, *, cascade: bool) -> None:
    """Locks on the tables of what depends on a function or type. Raises Failed (2BP01) without CASCADE."""
    alive = [user for user in users if _still_there(scene, user)]
    if alive and not cascade:
        raise Failed("2BP01", f"cannot drop {what}: {alive[0].description} depends on it")
    for user in alive:
        if user.relation is None:
            continue
        found = scene.index_owner(user.relation)
        if found is not None:
            scene.lock(found[0], AX)
            scene.lock_index(found[0], found[1], AX)
            continue
        relation = scene.catalog.relations.get(user.relation)
        if relation is None:
            continue
        if user.kind in ("view", "matview"):
            take(scene, [relation], cascade=True)
        else:
            scene.lock(relation, AX)


def _function(scene: Scene, item: Any, *, cascade: bool, missing_ok: bool) -> None:
    name = qualified(item.objname)
    for function in _overloads(scene, name, item):
        _used(scene, function.used_by, f"function {name}", cascade=cascade)
        bare = f"{function.schema}.{function.name}"
        for relation in scene.catalog.relations.values() if function.returns == "trigger" else ():
            if any(t.function in (bare, function.name) for t in relation.triggers):
                if not cascade:
                    raise Failed("2BP01", f"a trigger on {relation.qualified} depends on function {name}")
                scene.lock(relation, AX)


def _overloads(scene: Scene, name: Name, item: Any) -> list[Function]:
    found = [f for f in scene.catalog.functions.get(name.name, ()) if name.schema in (None, f.schema)]
    if item.args_unspecified or len(found) < 2:
        return found
    return [f for f in found if len(f.arguments) == len(item.objargs)]


def _type(scene: Scene, name: Name, *, cascade: bool, missing_ok: bool) -> None:
    schemas = [name.schema] if name.schema is not None else list(scene.catalog.search_path)
    found = next((t for s in schemas if (t := scene.catalog.types.get((s, name.name))) is not None), None)
    if found is None:
        if not missing_ok and not scene.catalog.is_assumed:
            raise Failed("42704", f"type {name} does not exist", certain=not scene.catalog.truncated)
        return
    drop_type(scene, found, cascade=cascade)


def drop_type(scene: Scene, found: TypeObject, *, cascade: bool) -> None:
    """The columns of a type go with it."""
    for relation in users_of(scene, found):
        if not cascade:
            raise Failed("2BP01", f"a column of {relation.qualified} depends on type {found.name}")
        scene.lock(relation, AX)
        names = {c.name for c in relation.columns if is_of(c.type, c.type_schema, found)}
        for index in relation.indexes:
            if any(uses_column(index, n) for n in names):
                scene.lock_index(relation, index, AX)
    if found.kind == "c":
        scene.lock_key((found.schema, found.name), AX)


def users_of(scene: Scene, found: TypeObject) -> list[Relation]:
    """Tables with a column of the type."""
    return [
        r
        for r in scene.catalog.relations.values()
        if r.kind in ("r", "p", "m", "f") and any(is_of(c.type, c.type_schema, found) for c in r.columns)
    ]


def _schema(scene: Scene, name: str, *, cascade: bool, missing_ok: bool) -> None:
    if scene.catalog.schemas and name not in scene.catalog.schemas:
        if missing_ok:
            return
        raise Failed("3F000", f"schema {name} does not exist", certain=not scene.catalog.truncated)
    inside = [r for r in scene.catalog.relations.values() if r.schema == name and r.kind not in ("i", "I")]
    if not inside:
        return
    if not cascade:
        raise Failed("2BP01", f"cannot drop schema {name}: {inside[0].qualified} depends on it")
    take(scene, inside, cascade=True)


def _extension(scene: Scene, name: str, *, cascade: bool, missing_ok: bool) -> None:
    extension = scene.catalog.extensions.get(name)
    if extension is None or extension.version is None:
        if not missing_ok and not scene.catalog.is_assumed:
            raise Failed("42704", f"extension {name} does not exist")
        return
    for kind in scene.catalog.types.values():
        if kind.extension == name:
            drop_type(scene, kind, cascade=cascade)
    for relation in scene.catalog.relations.values():
        for column in relation.columns:
            if column.type.removesuffix("[]").rsplit(".", 1)[-1] == name and relation.kind in ("r", "p", "m"):
                if not cascade:
                    raise Failed("2BP01", f"column {column.name} of {relation.qualified} depends on extension {name}")
                scene.lock(relation, AX)
    members = [r for r in scene.catalog.relations.values() if r.extension == name and r.kind not in ("i", "I")]
    if members:
        take(scene, members, cascade=cascade)
    for overloads in scene.catalog.functions.values():
        for function in overloads:
            if function.extension == name:
                _used(scene, function.used_by, f"extension {name}", cascade=cascade)


def owned(scene: Scene, node: Any) -> None:
    """DROP OWNED: the relations of a role go; its grants too, which locks nothing."""
    roles = {unwrap(r).rolename for r in node.roles}
    take_roots = [r for r in scene.catalog.relations.values() if r.owner in roles and r.kind not in ("i", "I", "t")]
    if take_roots:
        take(scene, take_roots, cascade=enum_name(node, "behavior") == "DROP_CASCADE")


def reassign(scene: Scene, node: Any) -> None:
    """REASSIGN OWNED: each relation of the role changes its owner."""
    roles = {unwrap(r).rolename for r in node.roles}
    for relation in scene.catalog.relations.values():
        if relation.owner in roles and relation.kind not in ("i", "I", "t"):
            scene.lock_storage(relation, AX)
