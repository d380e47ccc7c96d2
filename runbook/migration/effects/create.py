"""CREATE of tables, views, triggers, rules, policies, sequences, functions: what they lock besides themselves."""

from __future__ import annotations

from typing import Any

from runbook.migration.ast import (
    ConstraintSpec,
    column_spec,
    constraint_spec,
    is_node,
    options,
    qualified,
    relation_name,
    unwrap,
)
from runbook.migration.catalog import Relation
from runbook.migration.edit import lineage
from runbook.migration.effects import bodies, foreign_keys, minors, partitions, queries, sequences
from runbook.migration.effects.scene import AS, AX, SRX, SUX, Failed, Scene

REPLACES_TRIGGER = 14
BEFORE_ROW_ON_PARTITIONED = 13


def exists(scene: Scene, range_var: Any, *, skip: bool) -> bool:
    """Whether the name of a new relation is taken: True where IF NOT EXISTS skips it. Raises Failed (42P07)."""
    if range_var.relpersistence == "t":
        return False
    key = (scene.target(range_var.schemaname or None), range_var.relname)
    known = scene.catalog.schemas
    if range_var.schemaname and known and range_var.schemaname not in known:
        raise Failed("3F000", f"schema {range_var.schemaname} does not exist", certain=not scene.catalog.truncated)
    if key not in scene.catalog.relations:
        scene.own(key)
        return False
    if skip:
        return True
    raise Failed("42P07", f"relation {range_var.relname} already exists")


def table(scene: Scene, node: Any) -> None:
    """CREATE TABLE: locks on what it points to, inherits from, is a partition of or copies."""
    if exists(scene, node.relation, skip=node.if_not_exists):
        return
    name = relation_name(node.relation)
    me = Relation(scene.target(name.schema), name.name, rows=0, created_here=True)
    for parent in [unwrap(p) for p in node.inh_relations]:
        relation = scene.need(parent)
        _sequences_of(scene, relation)
        if node.HasField("partbound"):
            partitions.new_partition(scene, relation, node.partbound)
        else:
            scene.lock(relation, SUX)
    if node.HasField("of_typename"):
        typed = qualified(node.of_typename.names)
        for schema in [typed.schema] if typed.schema is not None else scene.catalog.search_path:
            of = scene.catalog.types.get((schema, typed.name))
            if of is not None:
                scene.lock_key((schema, typed.name), AS, created=of.created_here)
                break
        else:
            scene.lock_key((scene.target(typed.schema), typed.name), AS)
    specs: list[ConstraintSpec] = []
    for element in [unwrap(e) for e in [*node.table_elts, *node.constraints]]:
        if is_node(element, "ColumnDef"):
            specs.extend(column_spec(element).constraints)
        elif is_node(element, "Constraint"):
            spec = constraint_spec(element)
            specs.extend([spec] if spec is not None else [])
        elif is_node(element, "TableLikeClause"):
            source = scene.need(element.relation)
            scene.lock(source, AS)
            if element.options & LIKE_DEFAULTS:
                _sequences_of(scene, source)
    for spec in specs:
        if spec.kind == "default" and minors.DEPENDENCIES_LOCKED.in_force(scene.catalog.server_version_num):
            for called in sequences.called(scene.catalog, spec.expression):
                scene.lock(called, AS)
        if spec.kind == "f" and spec.references is not None:
            to_itself = spec.references.name == me.name and spec.references.schema in (None, me.schema)
            if not to_itself:
                foreign_keys.add(scene, me, spec, check=False)


LIKE_DEFAULTS = 1 << 3  # CREATE_TABLE_LIKE_DEFAULTS, parsenodes.h


def _sequences_of(scene: Scene, source: Relation) -> None:
    """Defaults that are copied call the sequences of the table they are from."""
    if not minors.DEPENDENCIES_LOCKED.in_force(scene.catalog.server_version_num):
        return
    for called in sequences.in_defaults(scene.catalog, source):
        scene.lock(called, AS)


def foreign_table(scene: Scene, node: Any) -> None:
    """CREATE FOREIGN TABLE."""
    table(scene, node.base_stmt)


def table_as(scene: Scene, node: Any) -> None:
    """CREATE TABLE AS, CREATE MATERIALIZED VIEW."""
    inner = unwrap(node.query)
    if exists(scene, node.into.rel, skip=node.if_not_exists):
        if not is_node(inner, "ExecuteStmt"):  # the query is looked at before the name is
            queries.query(scene, inner, planned=False, executed=False)
        return
    if is_node(inner, "ExecuteStmt"):
        scene.opaque("it runs a prepared statement")
        return
    queries.query(scene, inner, planned=not node.into.skip_data, executed=not node.into.skip_data)


def view(scene: Scene, node: Any) -> None:
    """CREATE VIEW, OR REPLACE: what the query names is opened, an existing view replaced."""
    key = (scene.target(node.view.schemaname or None), node.view.relname)
    present = scene.catalog.relations.get(key)
    if present is not None:
        if not node.replace:
            raise Failed("42P07", f"relation {node.view.relname} already exists")
        if present.kind != "v":
            raise Failed("42809", f"{present.qualified} is not a view")
        scene.lock(present, AX)
    else:
        scene.own(key)
    queries.query(scene, unwrap(node.query), planned=False, executed=False)


def trigger(scene: Scene, node: Any) -> None:
    """CREATE TRIGGER, also constraint triggers and on partitioned tables."""
    relation = scene.need(node.relation)
    known = next((t for t in relation.triggers if t.name == node.trigname), None)
    if known is not None and not node.replace:
        raise Failed("42710", f"trigger {node.trigname} for relation {relation.name} already exists")
    before = node.timing == _BEFORE
    if relation.kind == "p" and node.row and before and scene.major < BEFORE_ROW_ON_PARTITIONED:
        raise Failed("42809", "a partitioned table cannot have BEFORE / FOR EACH ROW triggers")
    members = lineage(scene.catalog, relation) if relation.kind == "p" and node.row else [relation]
    for member in members:
        scene.lock(member, SRX)
    if node.HasField("constrrel"):
        scene.lock(scene.need(node.constrrel), AS)
    if node.HasField("when_clause"):
        queries.condition_reads(scene, node.when_clause)


_BEFORE = 1 << 1  # TRIGGER_TYPE_BEFORE, catalog/pg_trigger.h


def rule(scene: Scene, node: Any) -> None:
    """CREATE RULE."""
    relation = scene.need(node.relation)
    scene.lock(relation, AX)
    if node.HasField("where_clause"):
        queries.condition_reads(scene, node.where_clause)
    for action in node.actions:
        queries.query(scene, unwrap(action), planned=False, executed=False)


def policy(scene: Scene, node: Any) -> None:
    """CREATE POLICY, ALTER POLICY."""
    relation = scene.need(node.table)
    scene.lock(relation, AX)
    for part in ("qual", "with_check"):
        if node.HasField(part):
            queries.condition_reads(scene, getattr(node, part))


def sequence(scene: Scene, node: Any) -> None:
    """CREATE SEQUENCE, ALTER SEQUENCE; OWNED BY looks at the table."""
    if is_node(node, "CreateSeqStmt"):
        if exists(scene, node.sequence, skip=node.if_not_exists):
            return
    else:
        found = scene.resolve(node.sequence, missing_ok=node.missing_ok)
        if found is None:
            return
        scene.lock(found, SRX)
    owned = next((unwrap(o) for o in node.options if unwrap(o).defname == "owned_by"), None)
    if owned is not None:
        parts = [unwrap(p).sval for p in unwrap(owned.arg).items]
        if parts and parts != ["none"]:
            owner = scene.find(parts[-3] if len(parts) > 2 else None, parts[-2])
            if owner is None:
                raise Failed("42P01", f"relation {parts[-2]} does not exist", certain=not scene.catalog.truncated)
            scene.lock(owner, AS)


def function(scene: Scene, node: Any) -> None:
    """CREATE FUNCTION: the tables in the body of an SQL function are opened when it is checked."""
    language = options(node.options).get("language", "")
    checked = str(language).lower() == "sql" and scene.catalog.settings.get("check_function_bodies", "on") == "on"
    statements = bodies.sql_statements(node) if checked or node.HasField("sql_body") else []
    for body in statements:
        if is_node(body, "SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"):
            queries.query(scene, body, planned=False, executed=False)


def statistics(scene: Scene, node: Any) -> None:
    """CREATE STATISTICS."""
    for item in node.relations:
        scene.lock(scene.need(unwrap(item)), SUX)
    if any(unwrap(e).HasField("expr") for e in node.exprs) and scene.major < 14:
        raise Failed("0A000", "only simple column references are allowed in CREATE STATISTICS")
