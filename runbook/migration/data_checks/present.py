"""What production has now, and under which names, while the catalog is followed through a migration.

A query can only be asked of what is there today: a column that an earlier statement renames is asked for under its
present name, one that it adds stands as the value that every row will have, and what an earlier statement writes can be
asked about only after it ran (``NotYet``).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from runbook.migration import ast
from runbook.migration.ast import AlterCommand, ColumnSpec, column_spec, enum_name, is_node, is_null
from runbook.migration.catalog import Catalog, Column, Relation
from runbook.migration.data_checks.expressions import rewritten
from runbook.migration.deparse import type_sql
from runbook.migration.edit import lineage
from runbook.migration.effects.result import Effects
from runbook.migration.effects.types import type_written
from runbook.migration.effects.volatility import volatility
from runbook.migration.layered import Layered, layered
from runbook.migration.model import Statement
from runbook.sql import quote_ident, quote_qualified


class NotYet(Exception):
    """The rows in question do not exist before an earlier statement (``index``) has run."""

    def __init__(self, index: int, because: str) -> None:
        super().__init__(because)
        self.index = index
        self.because = because


class NoQuery(Exception):
    """No harmless query tells it; the message says why."""


@dataclass(frozen=True, slots=True)
class Value:
    """What stands for a column in a query. ``same``: it is the same for every row; ``null``: it is null everywhere."""

    sql: str
    same: bool = False
    null: bool = False
    distinct: bool = False  # every row has another value: a sequence's, a random one


@dataclass(frozen=True, slots=True)
class _Added:
    """A column that the migration made: its value in SQL over its table's columns."""

    statement: int
    value: Value
    expression: Any = None  # a generated column's, to be read over the table


@dataclass
class Present:
    """Follows beside the catalog. ``original`` is the catalog as it was read."""

    original: Catalog
    added: Layered[tuple[Hashable, str], _Added] = field(default_factory=lambda: layered({}))
    written: Layered[Hashable, Mapping[str | int, int]] = field(default_factory=lambda: layered({}))
    """Which statement wrote which column of a relation; '*' for all of them."""
    opaque: int | None = None
    """The first statement that may have written anything."""
    by_oid: Mapping[int, Relation] = field(default_factory=dict)

    @classmethod
    def of(cls, catalog: Catalog) -> Present:
        """Before the first statement."""
        return cls(catalog, by_oid={r.oid: r for r in catalog.relations.values() if r.oid})

    def copy(self) -> Present:
        return replace(self)

    def table(self, relation: Relation, catalog: Catalog, *, only: bool = False) -> Table:
        """How ``relation`` (of the followed catalog) is asked for."""
        return Table(self, relation, catalog, only)

    def find(self, relation: Relation) -> Relation | None:
        """The relation as production has it now; None for one that the migration makes."""
        if relation.created_here:
            return None
        return self.by_oid.get(relation.oid) or self.original.relations.get(relation.key)

    # -- following ----------------------------------------------------------------------------------------------------

    def note(self, statement: Statement, found: Effects, before: Catalog) -> None:
        """The statement has run: what it adds and writes is not production's present any more."""
        node = statement.node
        if node is None:
            if found.confidence == "opaque":
                self.opaque = self.opaque or statement.index
            return
        if is_node(node, "AlterTableStmt"):
            relation = _resolve(node.relation, before)
            for command in ast.alter_commands(node) if relation is not None else ():
                self.alter(relation, command, statement.index, before)
        elif is_node(node, "RenameStmt"):
            self._rename(node, before)
        self._writes(statement, found, before)
        if found.confidence == "opaque":
            self.opaque = self.opaque or statement.index

    def alter(self, relation: Relation, command: AlterCommand, index: int, catalog: Catalog) -> None:
        """One subcommand of ALTER TABLE."""
        if command.type == "AT_AddColumn" and is_node(command.definition, "ColumnDef"):
            spec = column_spec(command.definition)
            if relation.column(spec.name) is None:
                for member in lineage(catalog, relation):
                    self._add((_ident(member), spec.name), _value_of(spec, index, catalog))
        elif command.type in ("AT_AlterColumnType", "AT_SetExpression", "AT_AddIdentity"):
            if command.type != "AT_AddIdentity":
                for member in lineage(catalog, relation):
                    self._mark(member, command.name, index)
        elif command.type == "AT_DropColumn":
            for member in lineage(catalog, relation):
                self._add((_ident(member), command.name), None)
        elif command.type in ("AT_AttachPartition", "AT_DetachPartition", "AT_AddInherit", "AT_DropInherit"):
            # Whose rows count to the parent is another matter from here on.
            self._mark(relation, "*", index)

    def _rename(self, node: Any, before: Catalog) -> None:
        relation = _resolve(node.relation, before) if node.HasField("relation") else None
        if relation is None:
            return
        if enum_name(node, "rename_type") == "OBJECT_COLUMN":
            for member in lineage(before, relation):
                moved = self.added.get((_ident(member), node.subname))
                if moved is not None:
                    self._add((_ident(member), node.subname), None)
                    self._add((_ident(member), node.newname), moved)
                marks = dict(self.written.get(_ident(member), {}))
                if node.subname in marks:
                    marks[node.newname] = marks.pop(node.subname)
                    self.written = self.written.changed({_ident(member): marks})
        elif not relation.oid and (marks := self.written.get(_ident(relation))) is not None:
            self.written = self.written.changed({_ident(relation): None, (relation.schema, node.newname): marks})

    def _writes(self, statement: Statement, found: Effects, before: Catalog) -> None:
        for work in found.work:
            if work.kind not in ("write", "truncate"):
                continue
            relation = before.relations.get(work.relation) or Relation(*work.relation)
            columns: tuple[str, ...] = ("*",)
            node = statement.node
            if is_node(node, "UpdateStmt") and not node.HasField("with_clause"):
                columns = tuple(t.name for item in node.target_list if (t := ast.unwrap(item)) is not None and t.name)
            for member in self._family(relation, before):
                for column in columns:
                    self._mark(member, column, statement.index)
        if is_node(statement.node, "CreateTableAsStmt") and not statement.node.into.skip_data:
            name = ast.relation_name(statement.node.into.rel)
            schema = name.schema or (before.search_path[0] if before.search_path else "public")
            self._written((schema, name.name), "*", statement.index)

    def _family(self, relation: Relation, catalog: Catalog) -> list[Relation]:
        """The relation, what is below it, and the parents whose rows its rows are too."""
        found = {r.key: r for r in lineage(catalog, relation)}
        queue = list(relation.parents)
        while queue:
            parent = catalog.relations.get(queue.pop())
            if parent is not None and parent.key not in found:
                found[parent.key] = parent
                queue.extend(parent.parents)
        return list(found.values())

    def _mark(self, relation: Relation, column: str, index: int) -> None:
        self._written(_ident(relation), _column_ident(relation, column), index)

    def _add(self, column: tuple[Hashable, str], added: _Added | None) -> None:
        self.added = self.added.changed({column: added})

    def _written(self, relation: Hashable, column: str | int, index: int) -> None:
        self.written = self.written.changed({relation: {**self.written.get(relation, {}), column: index}})


class Table:
    """One relation in a query: what it is called now, and what stands for its columns."""

    def __init__(self, present: Present, relation: Relation, catalog: Catalog, only: bool) -> None:
        self.present = present
        self.relation = relation
        self.catalog = catalog
        self.now = present.find(relation)
        self.only = only and relation.kind == "r" and bool(relation.children)
        self.marks: Mapping[str | int, int] = present.written.get(_ident(relation), {})
        self.conversions: dict[str, str] = {}
        """Columns whose type this statement changes: what each row's value becomes, in SQL."""

    @property
    def is_new(self) -> bool:
        """Made by the migration itself, and filled by nothing so far: there is no row that could offend."""
        return self.relation.created_here and not self.marks

    @property
    def source(self) -> str:
        """For FROM. Raises ``NotYet``."""
        if self.relation.created_here:
            if self.marks:
                raise NotYet(min(self.marks.values()), f"{self.relation.qualified} does not exist yet")
            raise NoQuery(f"{self.relation.qualified} is made by the migration itself")
        star = self.marks.get("*")
        if star is not None:
            raise NotYet(star, f"an earlier statement writes to {self.relation.qualified}")
        known = self.now or self.relation
        return ("ONLY " if self.only else "") + quote_qualified(known.schema, known.name)

    @property
    def unsure_after(self) -> int | None:
        """The statement that may have written to the table, for all that can be read from it."""
        return self.present.opaque

    def column(self, name: str) -> Column | None:
        return self.relation.column(name)

    def value(self, name: str, prefix: str = "") -> Value:
        """What stands for a column. Raises ``NotYet`` or ``NoQuery``."""
        converted = self.conversions.get(name)
        if converted is not None:
            return Value(converted)
        ident = _column_ident(self.relation, name)
        wrote = self.marks.get(ident)
        if wrote is not None:
            raise NotYet(wrote, f"an earlier statement writes column {name} of {self.relation.qualified}")
        added: _Added | None = self.present.added.get((_ident(self.relation), name))
        if added is not None:
            if added.expression is not None:
                return Value(f"({self.expression(added.expression, prefix)})")
            if added.value.distinct:
                raise NoQuery(f"every row gets a value of its own in column {name}")
            return added.value
        return Value(prefix + quote_ident(self._present_name(name)))

    def fills_itself(self, name: str) -> bool:
        """Whether the column is new and a sequence or a random value fills it: no null, no two alike."""
        added = self.present.added.get((_ident(self.relation), name))
        return added is not None and added.value.distinct

    def _present_name(self, name: str) -> str:
        column = self.relation.column(name)
        if self.now is None or column is None:
            return name
        if column.attnum:
            known = next((c for c in self.now.columns if c.attnum == column.attnum), None)
            if known is not None:
                return known.name
        return name

    def expression(self, expression: Any, prefix: str = "", *, named: dict[str, str] | None = None) -> str:
        """An expression of the statement over this table alone. ``named``: further names and what they stand for."""

        def stand_in(parts: tuple[str, ...]) -> str | None:
            if not parts:
                return None
            if named is not None and len(parts) == 1 and parts[0] in named:
                return named[parts[0]]
            if len(parts) == 1 and parts[0] == self.relation.name and self.relation.column(parts[0]) is None:
                known = self.now or self.relation
                return quote_ident(known.name)  # the whole row
            return self.value(parts[-1], prefix).sql

        return rewritten(expression, stand_in)

    def keys(self, prefix: str = "") -> list[str]:
        """Columns that find a row again: the primary key, else its place."""
        known = self.now
        primary = next((c for c in known.constraints if c.kind == "p"), None) if known is not None else None
        if primary is not None and primary.columns and not (self.relation.kind == "r" and self.relation.children):
            return [prefix + quote_ident(c) for c in primary.columns]
        if self.relation.children or known is None:
            return [f"{prefix}tableoid::pg_catalog.regclass", f"{prefix}ctid"]
        return [f"{prefix}ctid"]

    def numeric_key(self, prefix: str = "") -> str | None:
        """The one primary key column, where it is a whole number."""
        known = self.now
        primary = next((c for c in known.constraints if c.kind == "p"), None) if known is not None else None
        if known is None or primary is None or len(primary.columns) != 1 or self.relation.children:
            return None
        column = known.column(primary.columns[0])
        if column is None or column.type not in ("bigint", "integer", "smallint"):
            return None
        return prefix + quote_ident(column.name)


def _resolve(range_var: Any, catalog: Catalog) -> Relation:
    """The relation that a RangeVar names; where nobody was asked, one of that name."""
    schema, name = range_var.schemaname or None, range_var.relname
    return catalog.find(schema, name) or Relation(schema or "", name)


def _ident(relation: Relation) -> Hashable:
    return relation.oid or relation.key


def _column_ident(relation: Relation, name: str) -> str | int:
    column = relation.column(name)
    return column.attnum if column is not None and column.attnum else name


def _value_of(spec: ColumnSpec, index: int, catalog: Catalog) -> _Added:
    """What every row will have in a new column."""
    generated = spec.constraint("generated")
    if generated is not None:
        return _Added(index, Value(""), generated.expression)
    if spec.constraint("identity") is not None or (spec.type is not None and spec.type.is_serial):
        return _Added(index, Value("NULL", distinct=True))
    kind = type_sql(spec.node.type_name) if spec.node.HasField("type_name") else "text"
    if spec.type is not None and spec.type.is_serial:
        kind = "bigint"
    default = spec.default
    if default is None or is_null(default):
        domain = type_written(spec.type, catalog).domain if spec.type is not None else None
        if default is None and domain is not None and domain.has_default:
            return _Added(index, Value(f"NULL::{kind}", distinct=True))  # the domain's default is not read
        return _Added(index, Value(f"NULL::{kind}", same=True, null=True))
    if volatility(default, catalog).volatile:
        return _Added(index, Value("NULL", distinct=True))
    text = rewritten(default, lambda _: None)
    return _Added(index, Value(f"({text})::{kind}", same=True))
