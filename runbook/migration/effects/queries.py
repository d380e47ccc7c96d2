"""What a query locks: SELECT, INSERT, UPDATE, DELETE, MERGE and COPY, and what their foreign keys make them look up.

Source: the planner opens every index of a table in the lock mode of the table (get_relation_info, plancat.c), but not
those of the target of INSERT; foreign keys are checked by queries of their own (ri_triggers.c).
"""

from __future__ import annotations

from typing import Any

from runbook.migration.ast import (
    Name,
    all_of,
    enum_name,
    functions_used,
    is_node,
    is_null,
    node_name,
    relations_used,
    strings,
    unwrap,
    walk,
)
from runbook.migration.catalog import Constraint, Relation
from runbook.migration.edit import lineage, storage_of
from runbook.migration.effects import bodies, sequences
from runbook.migration.effects.foreign_keys import PLANS_PARTITIONED_INDEXES
from runbook.migration.effects.scene import AS, RS, RX, SYSTEM_SCHEMAS, Failed, Scene
from runbook.migration.effects.volatility import is_built_in

_MODES = {"read": AS, "insert": RX, "update": RX, "delete": RX, "merge": RX}
COPY_TO_KEEPS_LOCK = 13  # before, COPY TO let its lock go at its own end
SMALL_SHARE = 0.001  # of the rows, for a statement that finds its rows by an index
_SETS_OF_ROWS = frozenset({"UpdateStmt", "DeleteStmt"})


def query(scene: Scene, node: Any, *, planned: bool = True, executed: bool = True) -> None:
    """All that a query locks. ``planned`` False: only parsed (a view's definition). ``executed`` False: EXPLAIN."""
    _values_of_one_length(node)
    locked_rows = _row_locks(node)
    for use in relations_used(node):
        if use.use not in _MODES:
            continue
        relation = _find(scene, use.name)
        if relation is None:
            continue
        mode = _MODES[use.use]
        if use.use == "read" and (use.alias or use.name.name) in locked_rows:
            mode = RS
        alone = use.only or not planned or (use.use == "insert" and relation.kind != "p")  # rows do not go to children
        _use(scene, relation, mode, only=alone, indexes=planned and use.use != "insert")
        if planned and executed and use.use == "read" and _reads_all(relation, node):
            for member in lineage(scene.catalog, relation):
                scene.scan(member)
    for insert in all_of(node, "InsertStmt") if planned else ():
        _infer_arbiters(scene, insert)
    if not executed:
        return
    for sub in all_of(node, "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"):
        _write(scene, sub)
    for sequence in sequences.called(scene.catalog, node):
        scene.lock(sequence, RX)
    unknown_calls(scene, node)


def _values_of_one_length(node: Any) -> None:
    """Raises Failed (42601) where the rows of a VALUES list differ in length."""
    for select in walk(node):
        if is_node(select, "SelectStmt") and len({len(unwrap(row).items) for row in select.values_lists}) > 1:
            raise Failed("42601", "VALUES lists must all be the same length")


def _find(scene: Scene, name: Name) -> Relation | None:
    found = scene.find(name.schema, name.name)
    if found is not None or name.schema in SYSTEM_SCHEMAS or name.name.startswith("pg_"):
        return found
    raise Failed("42P01", f"relation {name} does not exist", certain=not scene.catalog.truncated)


def _row_locks(node: Any) -> frozenset[str]:
    """The tables, by the names they have in the query, that FOR UPDATE / FOR SHARE is for: those of its own FROM."""
    found: set[str] = set()
    for select in all_of(node, "SelectStmt"):
        for clause in select.locking_clause:
            named = {unwrap(r).relname for r in unwrap(clause).locked_rels}
            for item in select.from_clause:
                below = all_of(unwrap(item), "RangeVar")
                if named and not named & _names_in(item):
                    continue
                joined = is_node(unwrap(item), "RangeVar", "JoinExpr")
                found.update(n for v in below if (n := _called(v)) in named or not named or not joined)
    return frozenset(found)


def _called(range_var: Any) -> str:
    return str(range_var.alias.aliasname if range_var.HasField("alias") else range_var.relname)


def _names_in(item: Any) -> set[str]:
    """The names that FOR UPDATE OF can use for an item of FROM."""
    found: set[str] = set()
    for part in walk(unwrap(item)):
        if is_node(part, "RangeVar"):
            found.add(_called(part))
        elif is_node(part, "RangeSubselect", "RangeFunction") and part.HasField("alias"):
            found.add(part.alias.aliasname)
    return found


def _use(scene: Scene, relation: Relation, mode: str, *, only: bool, indexes: bool) -> None:
    """A relation in a query, with what it inherits to and, for a view, what it reads."""
    scene.lock(relation, mode)
    if relation.kind == "v":
        if not indexes and mode == AS:
            return
        for key in scene.catalog.reads.get(relation.key, ()):
            under = scene.catalog.relations.get(key)
            if under is not None:
                _use(scene, under, mode, only=False, indexes=indexes)
        return
    members = [relation] if only or not relation.children else list(lineage(scene.catalog, relation))
    if not indexes and mode == AS:
        return
    for member in members:
        scene.lock(member, mode)
        if indexes and (member.kind != "p" or only or scene.major >= PLANS_PARTITIONED_INDEXES):
            scene.lock_indexes(member, mode)


def _reads_all(relation: Relation, node: Any) -> bool:
    """Whether a query over the relation has to read all of it: no condition on the first column of an index."""
    conditions = [s.where_clause for s in all_of(node, "SelectStmt", *_SETS_OF_ROWS) if s.HasField("where_clause")]
    joins = [s.quals for s in all_of(node, "JoinExpr") if s.HasField("quals")]
    return not any(finds_by_index(relation, c) for c in [*conditions, *joins])


def finds_by_index(relation: Relation, condition: Any) -> bool:
    """Whether an AND-ed part of a condition compares the first column of a usable index with something."""
    first = {i.columns[0] for i in relation.indexes if i.valid and i.columns and not i.has_predicate}
    stack = [unwrap(condition)]
    while stack:
        part = stack.pop()
        if is_node(part, "BoolExpr") and enum_name(part, "boolop") == "AND_EXPR":
            stack.extend(unwrap(a) for a in part.args)
        elif is_node(part, "A_Expr") and strings(part.name)[-1] in ("=", "<", ">", "<=", ">="):
            sides = [unwrap(part.lexpr), unwrap(part.rexpr)]
            if any(
                is_node(s, "ColumnRef") and strings(s.fields)[-1:] and strings(s.fields)[-1] in first for s in sides
            ):
                return True
        elif is_node(part, "SubLink") and part.HasField("testexpr"):
            column = unwrap(part.testexpr)
            if is_node(column, "ColumnRef") and strings(column.fields)[-1] in first:
                return True
    return False


def _infer_arbiters(scene: Scene, insert: Any) -> None:
    """ON CONFLICT with a target: the planner opens every index to find the one, and keeps its lock.

    Source: infer_arbiter_indexes (plancat.c). Without ON CONFLICT their locks end with the statement (ExecCloseIndices).
    """
    if not insert.HasField("on_conflict_clause") or not insert.on_conflict_clause.HasField("infer"):
        return
    relation = scene.find(insert.relation.schemaname or None, insert.relation.relname)
    if relation is not None and relation.kind in ("r", "p"):
        scene.lock_indexes(relation, RX)


def _write(scene: Scene, node: Any) -> None:
    """The rows that a statement writes, and what its foreign keys look up."""
    relation = scene.find(node.relation.schemaname or None, node.relation.relname)
    if relation is None:
        return
    kind = node_name(node)
    alone = not node.relation.inh or (kind == "InsertStmt" and relation.kind != "p")
    members = [relation] if alone else list(lineage(scene.catalog, relation))
    if relation.kind == "v" and not relation.triggers and len(scene.catalog.reads.get(relation.key, ())) > 1:
        raise Failed("55000", f"view {relation.qualified} is not automatically updatable: it reads several tables")
    if relation.kind == "p" and kind == "InsertStmt":
        scene.doubt("which partitions the rows go to is decided row by row: all are told")
    if kind == "InsertStmt":
        for sequence in sequences.drawn_from(scene.catalog, relation, sequences.columns_given(relation, node)):
            scene.lock(sequence, RX)
    if kind in _SETS_OF_ROWS:
        condition = node.where_clause if node.HasField("where_clause") else None
        by_index = condition is not None and finds_by_index(relation, condition)
        for member in members:
            if not by_index:
                scene.scan(member)
            scene.write(member, SMALL_SHARE if by_index else 1.0)
    else:
        if kind == "MergeStmt":
            scene.scan(relation)
        scene.write(relation, SMALL_SHARE if kind == "InsertStmt" and _is_values(node) else 1.0)
    written = _columns_written(relation, node)
    bodies.fire(scene, members, bodies.events_of(node), _columns_set(node))
    for member in members:
        if kind != "DeleteStmt":
            for constraint in member.constraints:
                if constraint.kind == "f" and constraint.enforced and set(constraint.columns) & written:
                    _look_up(scene, member, constraint)
    if kind == "DeleteStmt" or (kind == "UpdateStmt" and written) or kind == "MergeStmt":
        _check_pointing(scene, members, None if kind == "DeleteStmt" else written)


def _is_values(node: Any) -> bool:
    select = unwrap(node.select_stmt) if node.HasField("select_stmt") else None
    return select is not None and len(select.values_lists) > 0


def _columns_set(node: Any) -> frozenset[str]:
    """The columns that an UPDATE, or the one in ON CONFLICT, names: for triggers that are for some columns only."""
    conflict = is_node(node, "InsertStmt") and node.HasField("on_conflict_clause")
    targets = node.on_conflict_clause.target_list if conflict else getattr(node, "target_list", ())
    return frozenset(unwrap(t).name for t in targets)


def _columns_written(relation: Relation, node: Any) -> set[str]:
    """The columns that may get a value other than null."""
    kind = node_name(node)
    if kind == "UpdateStmt":
        targets = (unwrap(t) for t in node.target_list)
        return {t.name for t in targets if not is_null(t.val)}
    if kind == "MergeStmt":
        clauses = [unwrap(c) for c in node.merge_when_clauses]
        return {unwrap(t).name for c in clauses for t in c.target_list}
    if kind == "InsertStmt":
        names = [unwrap(c).name for c in node.cols] or [c.name for c in relation.columns]
        written = set(names)
        select = unwrap(node.select_stmt) if node.HasField("select_stmt") else None
        if select is not None and select.values_lists:
            rows = [[unwrap(v) for v in unwrap(r).items] for r in select.values_lists]
            for place, name in enumerate(names):
                if all(place < len(r) and is_null(r[place]) for r in rows):
                    written.discard(name)
        return written | {c.name for c in relation.columns if c.has_default and c.name not in names}
    return set()


def _look_up(scene: Scene, relation: Relation, constraint: Constraint) -> None:
    """A new value of a foreign key is looked up in the table that it points to, FOR KEY SHARE."""
    target = scene.catalog.relations.get(constraint.references) if constraint.references is not None else None
    if target is None:
        return
    for member in storage_of(scene.catalog, target):
        scene.lock(member, RS)
        if member.kind != "p" or scene.major >= PLANS_PARTITIONED_INDEXES:
            scene.lock_indexes(member, RS)


def _check_pointing(scene: Scene, members: list[Relation], written: set[str] | None) -> None:
    """A key that goes or changes: the tables that point to it are asked, or changed along with it."""
    for member in members:
        for key, constraint in scene.catalog.referencing.get(member.key, ()):
            if written is not None and not set(constraint.referenced_columns) & written:
                continue
            other = scene.catalog.relations.get(key)
            if other is None or other.key == member.key:
                continue
            action = constraint.on_delete if written is None else constraint.on_update
            mode = RX if action in ("c", "n", "d") else RS
            if scene.holds(other, mode):
                continue
            for child in storage_of(scene.catalog, other):
                scene.lock(child, mode)
                if child.kind != "p" or scene.major >= PLANS_PARTITIONED_INDEXES:
                    scene.lock_indexes(child, mode)
                if not any(i.columns[:1] == constraint.columns[:1] for i in child.indexes):
                    scene.scan(child)
            if action in ("a", "r"):
                scene.depends_on_data("23503", f"rows of {other.qualified} may point to what goes or changes")
            if action == "c" and written is None:
                _check_pointing(scene, list(storage_of(scene.catalog, other)), None)


def unknown_calls(scene: Scene, node: Any) -> None:
    """A function of the user's may do anything: what it does is not in the statement."""
    for call in functions_used(node):
        if is_built_in(call.name):
            continue
        called = bodies.overload(scene, call.name, call.arguments)
        if called is not None and called.extension is None and bodies.follow(scene, called):
            continue
        overloads = [f for f in scene.catalog.functions.get(call.name.name, ()) if call.name.schema in (None, f.schema)]
        if overloads and all(f.extension is not None or f.volatility != "v" or f.kind == "a" for f in overloads):
            continue
        if overloads and all(f.inlined_volatility is not None for f in overloads):
            continue
        scene.opaque(f"it calls {call.name}(), and what that function does is not in the statement")


def condition_reads(scene: Scene, expression: Any) -> None:
    """Relations in a subquery of an expression (a policy, a trigger's WHEN): only parsed."""
    for use in relations_used(expression):
        relation = _find(scene, use.name)
        if relation is not None:
            scene.lock(relation, AS)


def copy(scene: Scene, node: Any) -> None:
    """COPY of a table or a query."""
    if not node.HasField("relation"):
        query(scene, unwrap(node.query))
        return
    relation = scene.need(node.relation)
    if not node.is_from:
        if relation.kind == "v" and not scene.catalog.is_assumed:
            raise Failed("42809", f"cannot copy from view {relation.qualified}")
        if scene.major >= COPY_TO_KEEPS_LOCK:
            scene.lock(relation, AS)
        scene.scan(relation)
        return
    scene.lock(relation, RX)
    scene.write(relation, 1.0)
    bodies.fire(scene, [relation], frozenset({"INSERT"}), frozenset())
    written = set(strings(node.attlist)) or {c.name for c in relation.columns}
    for sequence in sequences.drawn_from(scene.catalog, relation, written):
        scene.lock(sequence, RX)
    for constraint in relation.constraints:
        if constraint.kind == "f" and constraint.enforced and set(constraint.columns) & written:
            _look_up(scene, relation, constraint)
