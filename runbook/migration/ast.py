"""Typed helpers over libpg_query's parse tree: what a statement's node says, in names and small values.

A *node* is a protobuf message: the concrete one (``AlterTableStmt``), never its ``Node`` wrapper; ``unwrap`` takes the
wrapper off. Names are as PostgreSQL stores them: the parser has taken the quotes off, folded the case and cut them to
63 bytes. Everything here is read from the text alone; what a name resolves to is the catalog's matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from runbook.migration.tags import enum_name
from runbook.migration.tree import all_of, by_kind, children, fields, has, is_node, node_name, unwrap, walk
from runbook.sql import quote_qualified

__all__ = [
    "AlterCommand",
    "ColumnSpec",
    "ConstraintSpec",
    "FunctionUse",
    "Name",
    "RelationUse",
    "TypeRef",
    "all_of",
    "alter_commands",
    "by_kind",
    "children",
    "column_spec",
    "column_specs",
    "columns_used",
    "constant",
    "constraint_spec",
    "constraint_specs",
    "enum_name",
    "functions_used",
    "has",
    "is_node",
    "is_null",
    "node_name",
    "options",
    "qualified",
    "relation_name",
    "relations_used",
    "strings",
    "type_ref",
    "types_used",
    "unwrap",
    "walk",
]


class Name(NamedTuple):
    """A possibly qualified name. ``schema`` None: resolved through the search path."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        return quote_qualified(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class TypeRef:
    """A type as written. Built-in spellings come out canonical: ``INTEGER`` is pg_catalog.int4; varchar(9) has (9,)."""

    schema: str | None
    name: str
    modifiers: tuple[int | str, ...] = ()
    dimensions: int = 0
    set_of: bool = False
    of_column: bool = False  # table.column%TYPE

    @property
    def is_serial(self) -> bool:
        """serial, bigserial, smallserial and their numbered spellings: not types but macros."""
        return self.schema is None and self.name in _SERIALS


_SERIALS = frozenset({"serial", "serial2", "serial4", "serial8", "bigserial", "smallserial"})


@dataclass(frozen=True, slots=True)
class ConstraintSpec:
    """A constraint as written. ``kind`` is pg_constraint.contype (p u c f x n) or one of the marks that a column takes:
    ``default``, ``identity``, ``generated``, ``null``."""

    kind: str
    name: str | None
    columns: tuple[str, ...] = ()
    not_valid: bool = False
    enforced: bool = True
    deferrable: bool = False
    no_inherit: bool = False
    references: Name | None = None
    referenced_columns: tuple[str, ...] = ()
    on_delete: str = "a"  # pg_constraint.confdeltype: a r c n d
    on_update: str = "a"
    set_columns: tuple[str, ...] = ()  # ON DELETE SET NULL (columns)
    using_index: str | None = None
    including: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    without_overlaps: bool = False
    period: bool = False
    method: str = ""  # of an EXCLUDE constraint
    generated: str = ""  # identity: a always, d by default; generated: s stored, v virtual
    expression: Any = None  # CHECK, DEFAULT, GENERATED: the node
    node: Any = None


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column as written in CREATE TABLE or ADD COLUMN."""

    name: str
    type: TypeRef | None
    constraints: tuple[ConstraintSpec, ...] = ()
    collation: Name | None = None
    compression: str | None = None
    storage: str | None = None
    node: Any = None

    def constraint(self, kind: str) -> ConstraintSpec | None:
        return next((c for c in self.constraints if c.kind == kind), None)

    @property
    def default(self) -> Any:
        """The node of its DEFAULT, or None."""
        found = self.constraint("default")
        return found.expression if found else None

    @property
    def not_null(self) -> bool:
        """Declared NOT NULL, or made so by PRIMARY KEY, identity or serial."""
        serial = self.type is not None and self.type.is_serial
        return serial or any(c.kind in ("n", "p", "identity") for c in self.constraints)


@dataclass(frozen=True, slots=True)
class AlterCommand:
    """One subcommand of ALTER TABLE (or INDEX, VIEW, SEQUENCE ...). ``type`` is PostgreSQL's: ``AT_AddColumn``."""

    type: str
    name: str  # the column, constraint, trigger ... or ''
    definition: Any  # its node (ColumnDef, Constraint, PartitionCmd ...) or None
    cascade: bool
    missing_ok: bool  # IF EXISTS, and for AT_AddColumn IF NOT EXISTS
    node: Any


@dataclass(frozen=True, slots=True)
class RelationUse:
    """A relation that a statement names and how it uses it.

    ``use``: read, insert, update, delete, merge, truncate, lock, create, drop, parent (INHERITS, PARTITION OF),
    reference (the far side of a foreign key), ddl (altered, indexed, commented ...). ``only``: written with ONLY.
    ``kind`` is the object type the statement says it is (``OBJECT_VIEW``), or empty.
    """

    name: Name
    use: str
    only: bool = False
    kind: str = ""
    alias: str | None = None
    persistence: str = "p"


@dataclass(frozen=True, slots=True)
class FunctionUse:
    """A function call as written: ``arguments`` is how many, ``location`` a byte offset in the statement."""

    name: Name
    arguments: int
    location: int
    variadic: bool = False


def strings(nodes: Iterable[Any]) -> tuple[str, ...]:
    """The names in a list of String nodes; what is not a String (a star) is left out."""
    return tuple([n.sval for n in map(unwrap, nodes) if node_name(n) == "String"])


def qualified(nodes: Iterable[Any] | Any) -> Name:
    """The name in a list of String nodes, a List node or a String node; a catalog's name in front is dropped."""
    if hasattr(nodes, "DESCRIPTOR"):
        inner = unwrap(nodes)
        if is_node(inner, "String"):
            return Name(None, inner.sval)
        nodes = inner.items if is_node(inner, "List") else inner.names if is_node(inner, "TypeName") else inner.objname
    parts = strings(nodes)
    return Name(parts[-2] if len(parts) > 1 else None, parts[-1] if parts else "")


def relation_name(node: Any) -> Name:
    """The name in a RangeVar."""
    return Name(node.schemaname or None, node.relname)


def type_ref(node: Any) -> TypeRef:
    """A TypeName node as a value."""
    name = qualified(node.names)
    modifiers = tuple(v for v in (constant(m) for m in node.typmods) if isinstance(v, int | str))
    return TypeRef(name.schema, name.name, modifiers, len(node.array_bounds), node.setof, node.pct_type)


def constant(node: Any, default: Any = None) -> Any:
    """The value of a constant (int, str, bool; a decimal as its text), casts of it included; else ``default``.

    NULL and what is not a constant both give ``default``: ask ``is_null`` to tell them apart.
    """
    node = unwrap(node)
    while is_node(node, "TypeCast"):
        node = unwrap(node.arg)
    match node_name(node):
        case "A_Const":
            if node.isnull:
                return default
            which = node.WhichOneof("val")
            return getattr(getattr(node, which), which)
        case "Integer":
            return node.ival
        case "Float":
            return node.fval
        case "Boolean":
            return node.boolval
        case "String":
            return node.sval
        case "BitString":
            return node.bsval
    return default


def is_null(node: Any) -> bool:
    """Whether the expression is the constant NULL, also cast."""
    node = unwrap(node)
    while is_node(node, "TypeCast"):
        node = unwrap(node.arg)
    return is_node(node, "A_Const") and node.isnull


def options(nodes: Iterable[Any]) -> dict[str, Any]:
    """A list of DefElem as name -> value: a constant, a node for anything else, True where no value was written."""
    found: dict[str, Any] = {}
    for item in nodes:
        element = unwrap(item)
        if not is_node(element, "DefElem"):
            continue
        if not element.HasField("arg"):
            found[element.defname] = True
            continue
        value = unwrap(element.arg)
        found[element.defname] = constant(value, value)
    return found


Read = TypeVar("Read")


def _remembered(read: Callable[[Any], Read]) -> Callable[[Any], Read]:
    """``read`` that keeps its last answers: effects, rights, refusals and hazards all ask the same of a statement.

    An answer holds its node, so that no other node can have the same id meanwhile.
    """
    answers: dict[int, tuple[Any, Read]] = {}

    @wraps(read)
    def remembering(node: Any) -> Read:
        known = answers.get(id(node))
        if known is not None and known[0] is node:
            return known[1]
        answer = read(node)
        if len(answers) >= 256:
            answers.clear()
        answers[id(node)] = (node, answer)
        return answer

    return remembering


@_remembered
def alter_commands(node: Any) -> tuple[AlterCommand, ...]:
    """The subcommands of an AlterTableStmt in order; empty for any other node."""
    if not is_node(node, "AlterTableStmt"):
        return ()
    return tuple(_alter_command(unwrap(c)) for c in node.cmds)


def _alter_command(node: Any) -> AlterCommand:
    definition = unwrap(node.__getattribute__("def")) if node.HasField("def") else None
    cascade = enum_name(node, "behavior") == "DROP_CASCADE"
    return AlterCommand(enum_name(node, "subtype"), node.name, definition, cascade, node.missing_ok, node)


_CONSTRAINT_KINDS = {
    "CONSTR_NULL": "null",
    "CONSTR_NOTNULL": "n",
    "CONSTR_DEFAULT": "default",
    "CONSTR_IDENTITY": "identity",
    "CONSTR_GENERATED": "generated",
    "CONSTR_CHECK": "c",
    "CONSTR_PRIMARY": "p",
    "CONSTR_UNIQUE": "u",
    "CONSTR_EXCLUSION": "x",
    "CONSTR_FOREIGN": "f",
}


def constraint_spec(node: Any, column: str | None = None) -> ConstraintSpec | None:
    """A Constraint node as a value; None for a mark that belongs to the constraint before it (DEFERRABLE ...).

    ``column`` is the column that a column constraint stands on.
    """
    kind = _CONSTRAINT_KINDS.get(enum_name(node, "contype"))
    if kind is None:
        return None
    columns = strings(node.fk_attrs if kind == "f" else node.keys)
    return ConstraintSpec(
        kind=kind,
        name=node.conname or None,
        columns=columns or ((column,) if column else ()),
        not_valid=node.skip_validation,
        enforced=node.is_enforced or kind not in ("c", "f"),
        deferrable=node.deferrable,
        no_inherit=node.is_no_inherit,
        references=relation_name(node.pktable) if node.HasField("pktable") else None,
        referenced_columns=strings(node.pk_attrs),
        on_delete=node.fk_del_action or "a",
        on_update=node.fk_upd_action or "a",
        set_columns=strings(node.fk_del_set_cols),
        using_index=node.indexname or None,
        including=strings(node.including),
        nulls_not_distinct=node.nulls_not_distinct,
        without_overlaps=node.without_overlaps,
        period=node.fk_with_period or node.pk_with_period,
        method=node.access_method if kind == "x" else "",
        generated=node.generated_kind if kind == "generated" else node.generated_when if kind == "identity" else "",
        expression=unwrap(node.raw_expr) if node.HasField("raw_expr") else None,
        node=node,
    )


@_remembered
def column_spec(node: Any) -> ColumnSpec:
    """A ColumnDef node as a value."""
    name = node.colname
    return ColumnSpec(
        name=name,
        type=type_ref(node.type_name) if node.HasField("type_name") else None,
        constraints=tuple(_specs((unwrap(c) for c in node.constraints), name)),
        collation=qualified(node.coll_clause.collname) if node.HasField("coll_clause") else None,
        compression=node.compression or None,
        storage=node.storage_name or None,
        node=node,
    )


@_remembered
def column_specs(node: Any) -> tuple[ColumnSpec, ...]:
    """The columns that CREATE TABLE, CREATE FOREIGN TABLE, ALTER TABLE ADD COLUMN or CREATE TYPE AS creates."""
    if is_node(node, "CreateForeignTableStmt"):
        node = node.base_stmt
    elements: Iterable[Any] = ()
    if is_node(node, "CreateStmt"):
        elements = (unwrap(e) for e in node.table_elts)
    elif is_node(node, "CompositeTypeStmt"):
        elements = (unwrap(e) for e in node.coldeflist)
    elif is_node(node, "AlterTableStmt"):
        elements = (c.definition for c in alter_commands(node) if c.type == "AT_AddColumn")
    return tuple(column_spec(e) for e in elements if is_node(e, "ColumnDef"))


@_remembered
def constraint_specs(node: Any) -> tuple[ConstraintSpec, ...]:
    """Every constraint that a statement adds, those written on columns too (not defaults, identity or NULL)."""
    tables: list[Any] = []
    if is_node(node, "CreateForeignTableStmt"):
        node = node.base_stmt
    if is_node(node, "CreateStmt"):
        tables = [*(unwrap(e) for e in node.table_elts), *(unwrap(e) for e in node.constraints)]
    elif is_node(node, "AlterTableStmt"):
        tables = [c.definition for c in alter_commands(node) if c.type in ("AT_AddConstraint", "AT_AddColumn")]
    elif is_node(node, "CreateDomainStmt"):
        tables = [unwrap(c) for c in node.constraints]
    elif is_node(node, "AlterDomainStmt") and node.HasField("def"):
        tables = [unwrap(node.__getattribute__("def"))]
    found = list(_specs((t for t in tables if is_node(t, "Constraint")), None))
    found.extend(c for column in column_specs(node) for c in column.constraints)
    return tuple(c for c in found if c.kind in ("p", "u", "c", "f", "x", "n"))


def _specs(nodes: Iterable[Any], column: str | None) -> Iterator[ConstraintSpec]:
    pending: ConstraintSpec | None = None
    for node in nodes:
        if not is_node(node, "Constraint"):
            continue
        spec = constraint_spec(node, column)
        if spec is not None:
            if pending is not None:
                yield pending
            pending = spec
        elif pending is not None:
            mark = enum_name(node, "contype")
            if mark in ("CONSTR_ATTR_DEFERRABLE", "CONSTR_ATTR_DEFERRED"):
                pending = replace(pending, deferrable=True)
            elif mark == "CONSTR_ATTR_NOT_ENFORCED":
                pending = replace(pending, enforced=False)
    if pending is not None:
        yield pending


@_remembered
def functions_used(node: Any) -> tuple[FunctionUse, ...]:
    """Every function call in the tree (operators and SQL syntax such as COALESCE are not calls)."""
    return tuple(
        FunctionUse(qualified(n.funcname), len(n.args), n.location, n.func_variadic) for n in all_of(node, "FuncCall")
    )


@_remembered
def types_used(node: Any) -> tuple[TypeRef, ...]:
    """Every type named in the tree: of columns, casts, arguments, results."""
    return tuple(type_ref(n) for n in all_of(node, "TypeName"))


@_remembered
def columns_used(node: Any) -> tuple[tuple[str, ...], ...]:
    """Every column reference as its parts: ``("id",)``, ``("t", "id")``; a star is ``"*"``."""
    found = []
    for n in all_of(node, "ColumnRef"):
        parts = (unwrap(f) for f in n.fields)
        found.append(tuple(p.sval if is_node(p, "String") else "*" for p in parts))
    return tuple(found)


# How the RangeVar in a field is used, where that is not "read" (in a query) or "ddl" (elsewhere).
_USES: dict[tuple[str, str], str] = {
    ("InsertStmt", "relation"): "insert",
    ("UpdateStmt", "relation"): "update",
    ("DeleteStmt", "relation"): "delete",
    ("MergeStmt", "relation"): "merge",
    ("TruncateStmt", "relations"): "truncate",
    ("LockStmt", "relations"): "lock",
    ("CreateStmt", "relation"): "create",
    ("CreateStmt", "inh_relations"): "parent",
    ("CreateSeqStmt", "sequence"): "create",
    ("ViewStmt", "view"): "create",
    ("IntoClause", "rel"): "create",
    ("Constraint", "pktable"): "reference",
    ("CreateTrigStmt", "constrrel"): "reference",
}
_QUERIES = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
_SAYS_ITS_KIND = {
    "AlterTableStmt": "objtype",
    "RenameStmt": "rename_type",
    "AlterOwnerStmt": "object_type",
    "AlterObjectSchemaStmt": "object_type",
    "GrantStmt": "objtype",
}
# Objects that DROP and COMMENT name as a list whose last part is the object and whose others are its relation.
_ON_RELATION = frozenset({"OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE", "OBJECT_TABCONSTRAINT", "OBJECT_COLUMN"})
_RELATIONS = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_INDEX", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE"}
)


_Visit = tuple[Any, str, str, str, frozenset[str]]  # node, parent's name, field, context, hidden names


@_remembered
def relations_used(node: Any) -> tuple[RelationUse, ...]:
    """Every relation that the statement names, in order, each with its use; names of CTEs are not relations.

    Objects that are not relations but stand on one (a dropped trigger) give that relation with use ``ddl``.
    """
    found: list[RelationUse] = []
    if is_node(node, "DropStmt", "CommentStmt", "SecLabelStmt"):
        found.extend(_named_objects(node))
    stack: list[_Visit] = [(node, "", "", "", frozenset())]
    while stack:
        item, parent, field, context, hidden = stack.pop()
        current = unwrap(item)
        if current is None:
            continue
        name = node_name(current)
        if name == "RangeVar":
            relation = relation_name(current)
            use = _USES.get((parent, field), context or "ddl")
            if not relation.name or (relation.schema is None and relation.name in hidden and use == "read"):
                continue
            alias = current.alias.aliasname if current.HasField("alias") else None
            kind = enum_name(node, _SAYS_ITS_KIND[parent]) if parent in _SAYS_ITS_KIND else ""
            found.append(RelationUse(relation, use, not current.inh, kind, alias, current.relpersistence or "p"))
            continue
        if name == "CompositeTypeStmt":
            continue  # its RangeVar names a type
        if name in _QUERIES:
            context = "read"
        if name == "CopyStmt" and current.HasField("relation"):
            context = "insert" if current.is_from else "read"
        stack.extend(reversed(_scoped(current, name, context, hidden)))
    return tuple(found)


def _scoped(node: Any, name: str, context: str, hidden: frozenset[str]) -> list[_Visit]:
    """The children of ``node`` with the CTE names that hide relations in each."""
    below = fields(node)
    clause = next((child for field, child in below if field == "with_clause"), None)
    if clause is None:
        return [(child, name, field, context, hidden) for field, child in below]
    ctes = [unwrap(c) for c in clause.ctes]
    every = hidden | {c.ctename for c in ctes}
    seen = hidden
    visits: list[_Visit] = []
    for cte in ctes:
        # A CTE that is not recursive does not see itself: WITH t AS (SELECT ... FROM t) reads the table t.
        visits.append((cte.ctequery, "CommonTableExpr", "ctequery", context, every if clause.recursive else seen))
        seen = seen | {cte.ctename}
    visits += [(child, name, field, context, every) for field, child in below if field != "with_clause"]
    return visits


def _named_objects(node: Any) -> Iterator[RelationUse]:
    drop = is_node(node, "DropStmt")
    kind = enum_name(node, "remove_type" if drop else "objtype")
    for item in node.objects if drop else [node.object]:
        if kind in _RELATIONS:
            yield RelationUse(qualified(item), "drop" if drop else "ddl", kind=kind)
        elif kind in _ON_RELATION:
            parts = strings(unwrap(item).items)
            if len(parts) > 1:
                yield RelationUse(Name(parts[-3] if len(parts) > 2 else None, parts[-2]), "ddl", kind="OBJECT_TABLE")
