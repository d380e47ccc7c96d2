"""Which checks a statement has, subcommand by subcommand, on the catalog as each of them finds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from runbook.migration.apply.alter import apply_command, in_order
from runbook.migration.ast import (
    AlterCommand,
    ColumnSpec,
    ConstraintSpec,
    alter_commands,
    column_spec,
    constraint_spec,
    is_node,
    node_name,
    relation_name,
    unwrap,
    walk,
)
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.data_checks import casts, domains, keys, partitions, rows, written
from runbook.migration.data_checks.keys import Part
from runbook.migration.data_checks.make import any_row, check, evaluated
from runbook.migration.data_checks.present import NoQuery, NotYet, Present, Table
from runbook.migration.edit import lineage
from runbook.migration.effects.scene import is_empty
from runbook.migration.effects.types import base_of, domain_has_constraints, type_written
from runbook.migration.model import Statement
from runbook.migration.result import DataCheck


def data_checks(statement: Statement, catalog: Catalog, present: Present) -> tuple[DataCheck, ...]:
    """What ``statement`` needs of the rows, in the order in which the server is likely to find out.

    ``catalog`` is the one that the statement finds, ``present`` what production has now under which names.
    """
    node = statement.node
    match node_name(node):
        case "AlterTableStmt":
            found = _Alter(statement, catalog, present).checks()
        case "IndexStmt":
            found = _index(node, catalog, present)
        case "CreateStmt" if node.HasField("partbound"):
            found = _new_partition(node, catalog, present)
        case "AlterDomainStmt":
            found = domains.altered_domain(node, present, catalog)
        case "InsertStmt":
            found = written.inserted(node, present, catalog)
        case "DeleteStmt":
            found = written.deleted(node, present, catalog)
        case _:
            return ()
    return tuple(dict.fromkeys(found))


def _relation(range_var: Any, catalog: Catalog) -> Relation | None:
    """The relation that a RangeVar names; where nobody was asked, one of that name."""
    schema, name = range_var.schemaname or None, range_var.relname
    found = catalog.find(schema, name)
    if found is None and catalog.is_assumed:
        return Relation(schema or "", name)
    return found if found is not None and found.kind in ("r", "p", "m") else None


def _index(node: Any, catalog: Catalog, present: Present) -> Iterator[DataCheck]:
    relation = _relation(node.relation, catalog)
    if relation is None or _empty(relation, catalog) or (relation.kind == "p" and not node.relation.inh):
        return
    if node.if_not_exists and node.idxname and (relation.schema, node.idxname) in catalog.relations:
        return
    table = present.table(relation, catalog, only=True)
    parts = keys.parts_of_index(node.index_params)
    predicate = unwrap(node.where_clause) if node.HasField("where_clause") else None
    for part in parts:
        if part.expression is not None and not table.is_new and _may_fail(part.expression):
            because = "the index's expression must be computable for every row"
            yield check("22P02", because, lambda e=part.expression: _evaluated(table, e, predicate))  # type: ignore[misc]
    if node.unique:
        yield from keys.unique(table, parts, predicate=predicate, nulls_alike=node.nulls_not_distinct)
    if node.access_method in ("", "btree"):
        yield from keys.too_large(table, parts)


def _evaluated(table: Table, expression: Any, predicate: Any) -> Any:
    where = table.expression(predicate) if predicate is not None else ""
    used = (expression, predicate) if predicate is not None else (expression,)
    return evaluated(table, f"({table.expression(expression)})", where=where, expressions=used)


def _may_fail(expression: Any) -> bool:
    """Whether it converts something to a type that may refuse it."""
    for node in walk(expression):
        if is_node(node, "TypeCast") and not is_node(unwrap(node.arg), "A_Const"):
            names = node.type_name.names
            if unwrap(names[-1]).sval not in ("text", "varchar", "bpchar", "citext"):
                return True
    return False


def _new_partition(node: Any, catalog: Catalog, present: Present) -> Iterator[DataCheck]:
    name = relation_name(unwrap(node.inh_relations[0]))
    parent = catalog.find(name.schema, name.name)
    if parent is not None and parent.kind == "p":
        yield from partitions.in_default(parent, node.partbound, present, catalog)


def _empty(relation: Relation, catalog: Catalog) -> bool:
    """Whether nothing stored below the relation is known to hold a row."""
    if relation.created_here:
        return False  # what an earlier statement wrote into it counts: ``Table.is_new`` says
    stored = [m for m in lineage(catalog, relation) if m.kind in ("r", "m")]
    return bool(stored) and all(is_empty(m) for m in stored)


class _Alter:
    """One ALTER TABLE, in the server's order; what it adds and converts is known to what comes after it."""

    def __init__(self, statement: Statement, catalog: Catalog, present: Present) -> None:
        self.statement = statement
        self.node = statement.node
        self.catalog = catalog
        self.present = present.copy()
        self.recurse = bool(self.node.relation.inh)
        self.conversions: dict[str, str] = {}

    def checks(self) -> Iterator[DataCheck]:
        relation = _relation(self.node.relation, self.catalog)
        if relation is None or (_empty(relation, self.catalog) and not self._attaches()):
            return
        self.relation = relation
        for command in in_order(alter_commands(self.node)):
            self.relation = self.catalog.relations.get(relation.key, self.relation)
            yield from self._command(command)
            if command.type in ("AT_AddColumn", "AT_DropColumn"):
                self.present.alter(self.relation, command, self.statement.index, self.catalog)
            self.catalog = apply_command(self.catalog, self.relation, command, self.recurse)

    def _attaches(self) -> bool:
        return any(c.type == "AT_AttachPartition" for c in alter_commands(self.node))

    def table(self, *, only: bool | None = None) -> Table:
        made = self.present.table(self.relation, self.catalog, only=not self.recurse if only is None else only)
        made.conversions = self.conversions
        return made

    def _command(self, command: AlterCommand) -> Iterator[DataCheck]:
        match command.type:
            case "AT_AddColumn" if is_node(command.definition, "ColumnDef"):
                yield from self._new_column(column_spec(command.definition))
            case "AT_AlterColumnType":
                yield from casts.changed_type(self.table(), command, self.catalog)
                yield from self._rebuilt(command)
            case "AT_SetNotNull":
                yield from rows.not_null(self.table(), command.name)
            case "AT_AddConstraint" if is_node(command.definition, "Constraint"):
                spec = constraint_spec(command.definition)
                if spec is not None:
                    yield from self._constraint(spec, self.table())
            case "AT_ValidateConstraint":
                yield from self._validated(command.name)
            case "AT_AlterConstraint":
                yield from self._enforced(command)
            case "AT_AttachPartition":
                yield from partitions.attached(self.relation, command.definition, self.present, self.catalog)

    # -- ADD COLUMN ---------------------------------------------------------------------------------------------------

    def _new_column(self, spec: ColumnSpec) -> Iterator[DataCheck]:
        if self.relation.column(spec.name) is not None:
            return
        after = self.present.copy()
        command = AlterCommand("AT_AddColumn", "", spec.node, False, False, None)
        after.alter(self.relation, command, self.statement.index, self.catalog)
        known = apply_command(self.catalog, self.relation, command, self.recurse)
        table = after.table(known.relations.get(self.relation.key, self.relation), known, only=not self.recurse)
        if table.is_new:
            return
        if spec.type is not None and spec.type.name in ("smallserial", "serial2"):
            because = "smallserial counts to 32767, and every row takes a number"
            yield check("2200H", because, lambda: any_row(table, more_than=2**15 - 1))
        yield from self._domain_of(spec, table)
        generated = spec.constraint("generated")
        if generated is not None and generated.generated != "v" and _may_fail(generated.expression):
            because = f"the expression of column {spec.name} must be computable for every row"
            yield check("22P02", because, lambda: _evaluated(table, generated.expression, None))
        if spec.not_null and spec.constraint("identity") is None:
            yield from rows.not_null(_nullable(table, spec.name), spec.name)
        for constraint in spec.constraints:
            if constraint.kind in ("c", "p", "u", "f"):
                yield from self._constraint(constraint, table, null_checked=True)

    def _domain_of(self, spec: ColumnSpec, table: Table) -> Iterator[DataCheck]:
        """A new column of a domain: its value, null or the default, has to pass what the domain says."""
        kind = type_written(spec.type, self.catalog) if spec.type is not None else None
        if kind is None or kind.domain is None or not domain_has_constraints(kind, self.catalog):
            return
        base = base_of(kind, self.catalog)
        if not base.name:
            return
        try:
            value = table.value(spec.name)
        except (NotYet, NoQuery):
            return
        state = "23502" if value.null and kind.domain.not_null else "23514"
        because = f"the value of column {spec.name} must pass what domain {kind.domain.name} says"
        yield check(state, because, lambda: evaluated(table, value.sql))

    # -- constraints --------------------------------------------------------------------------------------------------

    def _constraint(self, spec: ConstraintSpec, table: Table, *, null_checked: bool = False) -> Iterator[DataCheck]:
        if spec.not_valid or not spec.enforced:
            return
        match spec.kind:
            case "p" | "u":
                yield from self._keyed(spec, table, null_checked)
            case "x":
                yield from keys.excluded(self._alone(table), spec)
            case "c":
                mine = self._alone(table) if spec.no_inherit else table
                yield from rows.passes_check(mine, spec.expression, spec.name)
            case "n":
                for column in spec.columns:
                    yield from rows.not_null(table, column)
            case "f" if spec.references is not None:
                own = spec.references.name == self.relation.name and spec.references.schema in (
                    None,
                    self.relation.schema,
                )
                target = self.relation if own else self.catalog.find(spec.references.schema, spec.references.name)
                if target is None and self.catalog.is_assumed:
                    target = Relation(spec.references.schema or "", spec.references.name)
                yield from rows.new_foreign_key(self._alone(table), spec, target, table.catalog)

    def _keyed(self, spec: ConstraintSpec, table: Table, null_checked: bool) -> Iterator[DataCheck]:
        columns = spec.columns
        index = self.relation.index(spec.using_index) if spec.using_index is not None else None
        if index is not None:
            columns = tuple(c for c in index.columns if c is not None)
        alone = self._alone(table)
        if spec.kind == "p" and not null_checked:
            for column in columns:
                yield from rows.not_null(alone, column)
        if spec.using_index is not None:
            return
        if spec.without_overlaps:
            yield from keys.without_overlaps(alone, columns)
            return
        parts = tuple(Part(column=c) for c in columns)
        yield from keys.unique(alone, parts, nulls_alike=spec.nulls_not_distinct)
        yield from keys.too_large(alone, parts)

    def _alone(self, table: Table) -> Table:
        """Keys and foreign keys are of one table: those that inherit from it have their own."""
        made = table.present.table(table.relation, table.catalog, only=True)
        made.conversions = self.conversions
        return made

    def _validated(self, name: str) -> Iterator[DataCheck]:
        found = self.relation.constraint(name)
        if found is None or found.validated or not found.enforced:
            return
        if found.kind == "f":
            yield from rows.existing_foreign_key(self.table(only=True), found, self.catalog)
        elif found.kind == "c":
            yield from rows.existing_check(self.table(only=found.no_inherit or not self.recurse), found)
        elif found.kind == "n":
            for column in found.columns:
                yield from rows.not_null(self.table(), column)

    def _enforced(self, command: AlterCommand) -> Iterator[DataCheck]:
        """ALTER CONSTRAINT ... ENFORCED (18): the rows are checked as if it were new."""
        change = command.definition
        found = self.relation.constraint(change.conname)
        enforces = change.alter_enforceability and change.is_enforced
        if found is not None and found.kind == "f" and enforces and not found.enforced:
            yield from rows.existing_foreign_key(self.table(only=True), found, self.catalog)

    def _rebuilt(self, command: AlterCommand) -> Iterator[DataCheck]:
        """Unique indexes over a converted column are built anew: what differed may be alike now."""
        if command.name not in self.conversions or not command.definition.HasField("raw_default"):
            return
        for index in self.relation.indexes:
            columns = [c for c in index.columns if c is not None]
            if not index.unique or command.name not in columns or index.has_expressions or index.has_predicate:
                continue
            because = f"no two rows may be alike in index {index.name} after column {command.name} is converted"
            parts = tuple(Part(column=c) for c in columns)
            yield from keys.unique(self._alone(self.table()), parts, because=because)


def _nullable(table: Table, name: str) -> Table:
    """The table with a new column that is not NOT NULL yet: what its declaration asks is the question."""
    changed = tuple(replace(c, not_null=False) if c.name == name else c for c in table.relation.columns)
    return table.present.table(replace(table.relation, columns=changed), table.catalog, only=table.only)
