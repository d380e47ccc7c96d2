"""A rule that production had before the migration, and that old rows break: it was never checked over them, or behind its back."""

from __future__ import annotations

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Constraint, Relation, RelationKey
from runbook.migration.deparse import expression_text
from runbook.migration.statement import split
from runbook.migration.written import target, written
from runbook.sql import quote_ident, quote_qualified
from runbook.triage.case import Case, Facts
from runbook.triage.failing import AtFault, statement_at_fault

_LIMIT = 50


def state(facts: Facts, case: Case) -> None:
    """State ``data.old_rule``."""
    id_ = "data.old_rule"
    catalog = case.production.catalog if case.production is not None else None
    fault = statement_at_fault(case)
    if catalog is None:
        facts.unknown(id_, "production's constraints are not known")
        return
    found = _met(case, fault, catalog) if fault is not None else None
    if fault is None or found is None:
        facts.know(id_, [], "no constraint that production had before is known to be in the way")
        return
    relation, constraint, met_by = found
    row = {
        "constraint": quote_ident(constraint.name),
        "relation": relation.qualified,
        "kind": "foreign key" if constraint.kind == "f" else "check",
        "validated": constraint.validated,
        "enforced": constraint.enforced,
        "met_by": met_by,
        "on_local": _on_local(case, relation, constraint),
        "offenders_sql": _offenders(relation, constraint, catalog),
    }
    because = f"{relation.qualified} had {row['constraint']} before the migration"
    facts.know(id_, [row], because, side="production", readings="production/constraints")


Met = tuple[Relation, Constraint, str]


def _met(case: Case, fault: AtFault, catalog: Catalog) -> Met | None:
    """The rule and how the statement met it: validate, enforce, retype, readd, update (of other columns) or write."""
    node = fault.statement.node
    named = _named(case, fault, catalog)
    if ast.is_node(node, "UpdateStmt"):
        table = target(node)
        relation = catalog.find(table.schema, table.name) if table is not None else None
        does = written(node, relation) if relation is not None else None
        if named is None or does is None:
            return None
        return (*named, "update" if does.given.isdisjoint(named[1].columns) else "write")
    for command in ast.alter_commands(node):
        if command.type == "AT_AddConstraint" and ast.is_node(command.definition, "Constraint"):
            again = _again(ast.relation_name(node.relation), command, catalog)
            if again is not None:
                return (*again, "readd")
        how = {
            "AT_ValidateConstraint": "validate",
            "AT_AlterConstraint": "enforce",
            "AT_AlterColumnType": "retype",
        }.get(command.type)
        if how is not None and named is not None:
            return (*named, how)
    return None


def _named(case: Case, fault: AtFault, catalog: Catalog) -> tuple[Relation, Constraint] | None:
    """The constraint that the error names, or that the statement validates; None when the migration made it itself."""
    error = case.error
    name = error.subject.constraint if error is not None else None
    table: str | None = error.subject.relation if error is not None else None
    if error is None:
        for command in ast.alter_commands(fault.statement.node):
            if command.type == "AT_ValidateConstraint":
                name, table = command.name, ast.relation_name(fault.statement.node.relation).name
    if name is None:
        return None
    found = [
        (relation, constraint)
        for relation in catalog.relations.values()
        if table in (None, relation.name)
        and (constraint := relation.constraint(name)) is not None
        and constraint.kind in ("c", "f")
        and not relation.is_partition
    ]
    if len(found) != 1 or _made_here(case, found[0][0], name, catalog):
        return None
    return found[0]


def _made_here(case: Case, relation: Relation, name: str, catalog: Catalog) -> bool:
    """Whether the migration, with what of it is applied already, adds a constraint of that name to the table."""
    migration = case.whole or case.migration
    for statement in migration.statements if migration is not None else ():
        if not ast.is_node(statement.node, "AlterTableStmt", "CreateStmt"):
            continue
        table = ast.relation_name(statement.node.relation)
        same = catalog.find(table.schema, table.name)
        if (
            same is not None
            and same.key == relation.key
            and any(c.name == name for c in ast.constraint_specs(statement.node))
        ):
            return True
    return False


def _again(table: ast.Name, command: ast.AlterCommand, catalog: Catalog) -> tuple[Relation, Constraint] | None:
    """The valid foreign key that says already what the new one says."""
    spec = ast.constraint_spec(command.definition)
    relation = catalog.find(table.schema, table.name)
    if spec is None or spec.kind != "f" or spec.references is None or relation is None:
        return None
    parent = catalog.find(spec.references.schema, spec.references.name)
    for old in relation.constraints:
        if old.kind == "f" and old.columns == spec.columns and parent is not None and old.references == parent.key:
            return (relation, old) if old.validated and old.enforced else None
    return None


def _on_local(case: Case, relation: Relation, constraint: Constraint) -> str:
    local = case.local.catalog if case.local is not None else None
    if local is None:
        return "unknown"
    mine = local.find(relation.schema, relation.name)
    same = mine.constraint(constraint.name) if mine is not None else None
    if same is None:
        return "absent"
    return "not enforced" if not same.enforced else "validated" if same.validated else "not validated"


# -- the rows that break it ---------------------------------------------------------------------------------------------


def _offenders(relation: Relation, constraint: Constraint, catalog: Catalog) -> str:
    """A query for the rows that break the rule; empty where its definition was not read."""
    if constraint.kind == "c":
        expression = _expression(constraint.expression)
        return (
            f"SELECT *\nFROM {relation.qualified}\nWHERE ({expression}) IS FALSE\nLIMIT {_LIMIT}" if expression else ""
        )
    if constraint.references is None or len(constraint.columns) != len(constraint.referenced_columns):
        return ""
    return _orphans(relation.key, constraint, constraint.references)


def _orphans(child: RelationKey, constraint: Constraint, parent: RelationKey) -> str:
    columns = [quote_ident(c) for c in constraint.columns]
    keys = [quote_ident(c) for c in constraint.referenced_columns]
    match = " AND ".join(f"p.{k} = c.{c}" for c, k in zip(columns, keys, strict=True))
    given = " AND ".join(f"c.{c} IS NOT NULL" for c in columns)
    return (
        f"SELECT c.*\nFROM {quote_qualified(*child)} AS c\nWHERE {given}\n"
        f"  AND NOT EXISTS (SELECT FROM {quote_qualified(*parent)} AS p WHERE {match})\nLIMIT {_LIMIT}"
    )


def _expression(definition: str | None) -> str:
    """The condition within ``CHECK ((n > 0)) NOT VALID``, as pg_get_constraintdef() writes it."""
    if not definition:
        return ""
    statements, problems = split(f"ALTER TABLE t ADD {definition}")
    if problems or len(statements) != 1 or statements[0].node is None:
        return ""
    spec = next(iter(ast.constraint_specs(statements[0].node)), None)
    return expression_text(spec.expression) if spec is not None and spec.kind == "c" else ""
