"""What a migration creates, drops, renames and uses, followed statement by statement against a catalog.

Objects that the migration itself made earlier are never missing; objects it dropped earlier are no obstacle. Names are
as stored. What an assumed or truncated catalog does not know is never said to be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from runbook.migration import ast
from runbook.migration.apply import apply
from runbook.migration.catalog import Catalog, Index, Relation
from runbook.migration.model import Migration, Statement

_SYSTEM = frozenset({"pg_catalog", "information_schema", "pg_toast"})


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object that a statement names.

    ``kind``: relation (table, view, sequence: one namespace), index, column, constraint, trigger, schema, type,
    function, extension. ``relation`` is the table of a column, constraint or trigger. ``optional``: written with
    IF EXISTS, IF NOT EXISTS or OR REPLACE, so that a mismatch is no error.
    """

    kind: str
    name: str
    schema: str | None = None
    relation: ast.Name | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """An object that stands in the way, or is missing, and the statement that meets it."""

    ref: ObjectRef
    statement: Statement


@dataclass(frozen=True, slots=True)
class Changed:
    """A column or relation that the migration takes away under its old name. ``new_name`` '' means dropped."""

    relation: ast.Name
    column: str = ""
    new_name: str = ""


# -- one statement --------------------------------------------------------------------------------------------------


def created(statement: Statement) -> tuple[ObjectRef, ...]:
    """Objects that the statement makes, under names it writes itself."""
    node = statement.node
    if node is None:
        return ()
    match ast.node_name(node):
        case "CreateStmt" | "CreateForeignTableStmt":
            base = node if ast.is_node(node, "CreateStmt") else node.base_stmt
            return _created_relation(base.relation, base.if_not_exists)
        case "CreateTableAsStmt":
            return _created_relation(node.into.rel, node.if_not_exists)
        case "ViewStmt":
            return _created_relation(node.view, node.replace)
        case "CreateSeqStmt":
            return _created_relation(node.sequence, node.if_not_exists)
        case "IndexStmt" if node.idxname:
            table = ast.relation_name(node.relation)
            return (ObjectRef("index", node.idxname, table.schema, table, node.if_not_exists),)
        case "CreateSchemaStmt" if node.schemaname:
            return (ObjectRef("schema", node.schemaname, optional=node.if_not_exists),)
        case "CreateExtensionStmt":
            return (ObjectRef("extension", node.extname, optional=node.if_not_exists),)
        case "CreateEnumStmt" | "CreateRangeStmt":
            return (_typed(ast.qualified(node.type_name)),)
        case "CreateDomainStmt":
            return (_typed(ast.qualified(node.domainname)),)
        case "CompositeTypeStmt":
            return (_typed(ast.relation_name(node.typevar)),)
        case "CreateTrigStmt":
            return (ObjectRef("trigger", node.trigname, None, ast.relation_name(node.relation), node.replace),)
        case "AlterTableStmt":
            return tuple(_created_by_alter(node))
        case "RenameStmt":
            return _renamed_to(node)
    return ()


def dropped(statement: Statement) -> tuple[ObjectRef, ...]:
    """Objects that are gone, or gone under that name, after the statement."""
    node = statement.node
    match ast.node_name(node):
        case "DropStmt":
            return tuple(_dropped(node))
        case "AlterTableStmt":
            table = ast.relation_name(node.relation)
            kinds = {"AT_DropColumn": "column", "AT_DropConstraint": "constraint"}
            return tuple(
                ObjectRef(kinds[c.type], c.name, None, table, c.missing_ok)
                for c in ast.alter_commands(node)
                if c.type in kinds
            )
        case "RenameStmt":
            return _renamed_from(node)
    return ()


def used(statement: Statement) -> tuple[ObjectRef, ...]:
    """Objects that have to exist before the statement runs."""
    node = statement.node
    if node is None or ast.is_node(node, "CreateExtensionStmt", "DoStmt", "CreateFunctionStmt"):
        return ()  # bodies are text: what they name is looked up when they run
    refs = list(_used_relations(node))
    refs += _used_columns(node)
    refs += [_typed(ast.Name(t.schema, t.name)) for t in ast.types_used(node) if _is_user_type(t)]
    return tuple(dict.fromkeys(refs))


def taken_away(migration: Migration) -> tuple[Changed, ...]:
    """Columns and relations that code written for the old schema will miss after the migration."""
    found: list[Changed] = []
    for statement in migration.statements:
        node = statement.node
        if ast.is_node(node, "RenameStmt"):
            kind = ast.enum_name(node, "rename_type")
            if not node.HasField("relation"):
                continue
            table = ast.relation_name(node.relation)
            if kind == "OBJECT_COLUMN":
                found.append(Changed(table, node.subname, node.newname))
            elif kind in ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW"):
                found.append(Changed(table, "", node.newname))
            continue
        for ref in dropped(statement):
            if ref.kind == "column" and ref.relation is not None:
                found.append(Changed(ref.relation, ref.name))
            elif ref.kind == "relation":
                found.append(Changed(ast.Name(ref.schema, ref.name)))
    return tuple(found)


# -- the whole migration against a catalog ----------------------------------------------------------------------------


class _Following:
    """The catalog as it is before each statement, what ROLLBACK undoes included."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.begun: list[tuple[str, Catalog]] = []  # (savepoint's name or '', the catalog then)
        self.opaque: list[str] = []  # texts of statements whose effects cannot be read from them

    def step(self, statement: Statement, *, in_transaction: bool) -> None:
        node = statement.node
        if _is_opaque(statement):
            self.opaque.append(statement.sql.lower())
        if ast.is_node(node, "TransactionStmt"):
            self._transaction(node)
            return
        if not in_transaction:
            self.begun.clear()
        elif not self.begun:
            self.begun.append(("", self.catalog))  # the runner began it
        self.catalog = apply(self.catalog, statement)

    def _transaction(self, node: Any) -> None:
        match ast.enum_name(node, "kind"):
            case "TRANS_STMT_BEGIN" | "TRANS_STMT_START":
                self.begun = self.begun or [("", self.catalog)]
            case "TRANS_STMT_SAVEPOINT":
                self.begun = [*(self.begun or [("", self.catalog)]), (node.savepoint_name, self.catalog)]
            case "TRANS_STMT_ROLLBACK_TO":
                names = [name for name, _ in self.begun]
                if node.savepoint_name in names:
                    at = len(names) - 1 - names[::-1].index(node.savepoint_name)
                    self.catalog = self.begun[at][1]
                    del self.begun[at + 1 :]
            case "TRANS_STMT_ROLLBACK":
                if self.begun:
                    self.catalog = self.begun[0][1]
                self.begun.clear()
            case "TRANS_STMT_COMMIT":
                self.begun.clear()

    def exists(self, ref: ObjectRef) -> bool | None:
        """True, False, or None where this cannot be told."""
        names = {ref.name.lower(), *([ref.relation.name.lower()] if ref.relation else [])}
        if any(" execute" in text or any(name in text for name in names) for text in self.opaque):
            return None
        return in_catalog(self.catalog, ref)


# Statements that run code which may create or drop anything.
_OPAQUE = frozenset({"DoStmt", "CallStmt", "ExecuteStmt", "ImportForeignSchemaStmt", "CreateSchemaStmt"})


def _is_opaque(statement: Statement) -> bool:
    node = statement.node
    if node is None:
        return not statement.kind.startswith("psql ") or statement.kind in ("psql \\i", "psql \\ir", "psql \\!")
    if ast.is_node(node, "CreateSchemaStmt"):
        return bool(node.schema_elts)
    return ast.node_name(node) in _OPAQUE or statement.kind == "psql \\gexec" or _into(node) is not None


def _into(node: Any) -> Any:
    return node.into_clause if ast.is_node(node, "SelectStmt") and node.HasField("into_clause") else None


def obstacles(migration: Migration, catalog: Catalog) -> tuple[Found, ...]:
    """Objects the migration creates that exist already. An optional one counts too: it is silently kept."""
    return tuple(_follow(migration, catalog, created, wanted=True))


def missing(migration: Migration, catalog: Catalog) -> tuple[Found, ...]:
    """Objects the migration needs that do not exist when it gets there."""
    return tuple(f for f in _follow(migration, catalog, used, wanted=False) if not f.ref.optional)


def _follow(
    migration: Migration, catalog: Catalog, of: Callable[[Statement], tuple[ObjectRef, ...]], *, wanted: bool
) -> Iterator[Found]:
    if catalog.is_assumed:
        return
    following = _Following(catalog)
    for statement in migration.statements:
        for ref in of(statement):
            if following.exists(ref) is wanted:
                yield Found(ref, statement)
        following.step(statement, in_transaction=statement.in_transaction)


def in_catalog(catalog: Catalog, ref: ObjectRef) -> bool | None:
    """Whether the object exists there now; None where the catalog does not hold such objects."""
    match ref.kind:
        case "relation":
            if ref.schema in _SYSTEM:
                return None
            if catalog.find(ref.schema, ref.name) is not None or find_index(catalog, ref.schema, ref.name):
                return True
            return None if catalog.truncated else False
        case "index":
            table = catalog.find(ref.relation.schema, ref.relation.name) if ref.relation else None
            schema = table.schema if table is not None else ref.schema
            if find_index(catalog, schema, ref.name) or catalog.find(schema, ref.name) is not None:
                return True
            return None if catalog.truncated else False
        case "column" | "constraint" | "trigger":
            table = catalog.find(ref.relation.schema, ref.relation.name) if ref.relation else None
            return None if table is None else _in_table(table, ref)
        case "schema":
            return ref.name in catalog.schemas or ref.name in _SYSTEM if catalog.schemas else None
        case "extension":
            found = catalog.extensions.get(ref.name)
            return found is not None and found.version is not None if catalog.extensions else None
        case "type":
            return _type_exists(catalog, ref)
    return None


def find_index(catalog: Catalog, schema: str | None, name: str) -> tuple[Relation, Index] | None:
    """The index called ``name`` with its table; without a schema wherever the search path finds it first."""
    for wanted in (schema,) if schema is not None else catalog.search_path:
        for key in catalog.index_tables.get((wanted, name), ()):
            relation = catalog.relations[key]
            index = relation.index(name)
            if index is not None:
                return relation, index
    return None


def _in_table(table: Relation, ref: ObjectRef) -> bool:
    if ref.kind == "column":
        return table.column(ref.name) is not None or ref.name in _SYSTEM_COLUMNS
    if ref.kind == "constraint":
        return table.constraint(ref.name) is not None
    return any(t.name == ref.name for t in table.triggers)


_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})


def _type_exists(catalog: Catalog, ref: ObjectRef) -> bool | None:
    """User types only: the names of built-in types and of extensions' base types are not in a catalog's ``types``."""
    for schema in (ref.schema,) if ref.schema is not None else catalog.search_path:
        if (schema, ref.name) in catalog.types or (schema, ref.name) in catalog.relations:
            return True
    return None


# -- reading one node -------------------------------------------------------------------------------------------------


def _created_relation(node: Any, optional: bool) -> tuple[ObjectRef, ...]:
    if node.relpersistence == "t":
        return ()  # temporary: its schema is its own
    name = ast.relation_name(node)
    return (ObjectRef("relation", name.name, name.schema, optional=optional),)


def _typed(name: ast.Name) -> ObjectRef:
    return ObjectRef("type", name.name, name.schema)


def _created_by_alter(node: Any) -> Iterator[ObjectRef]:
    table = ast.relation_name(node.relation)
    for command in ast.alter_commands(node):
        if command.type == "AT_AddColumn" and ast.is_node(command.definition, "ColumnDef"):
            yield ObjectRef("column", command.definition.colname, None, table, command.missing_ok)
        elif command.type == "AT_AddConstraint" and ast.is_node(command.definition, "Constraint"):
            spec = ast.constraint_spec(command.definition)
            if spec is not None and spec.name:
                yield ObjectRef("constraint", spec.name, None, table)
                if spec.kind in ("p", "u", "x") and spec.using_index is None:
                    yield ObjectRef("index", spec.name, table.schema, table)


_RELATIONS = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE", "OBJECT_INDEX"}
)


def _dropped(node: Any) -> Iterator[ObjectRef]:
    kind = ast.enum_name(node, "remove_type")
    for item in node.objects:
        if kind in _RELATIONS:
            name = ast.qualified(item)
            yield ObjectRef("relation", name.name, name.schema, optional=node.missing_ok)
        elif kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
            name = ast.qualified(item)
            yield ObjectRef("type", name.name, name.schema, optional=node.missing_ok)
        elif kind == "OBJECT_SCHEMA":
            yield ObjectRef("schema", ast.qualified(item).name, optional=node.missing_ok)
        elif kind == "OBJECT_EXTENSION":
            yield ObjectRef("extension", ast.qualified(item).name, optional=node.missing_ok)
        elif kind == "OBJECT_TRIGGER":
            parts = ast.strings(ast.unwrap(item).items)
            if len(parts) > 1:
                table = ast.Name(parts[-3] if len(parts) > 2 else None, parts[-2])
                yield ObjectRef("trigger", parts[-1], None, table, node.missing_ok)


def _renamed_from(node: Any) -> tuple[ObjectRef, ...]:
    if not node.HasField("relation"):
        return ()
    table = ast.relation_name(node.relation)
    match ast.enum_name(node, "rename_type"):
        case "OBJECT_COLUMN":
            return (ObjectRef("column", node.subname, None, table, node.missing_ok),)
        case "OBJECT_TABCONSTRAINT":
            return (ObjectRef("constraint", node.subname, None, table, node.missing_ok),)
        case "OBJECT_TABLE" | "OBJECT_VIEW" | "OBJECT_MATVIEW" | "OBJECT_SEQUENCE" | "OBJECT_INDEX":
            return (ObjectRef("relation", table.name, table.schema, optional=node.missing_ok),)
    return ()


def _renamed_to(node: Any) -> tuple[ObjectRef, ...]:
    return tuple(ObjectRef(r.kind, node.newname, r.schema, r.relation) for r in _renamed_from(node))


def _used_relations(node: Any) -> Iterator[ObjectRef]:
    optional = _missing_ok(node)
    index = ast.is_node(node, "DropStmt") and ast.enum_name(node, "remove_type") == "OBJECT_INDEX"
    for use in ast.relations_used(node):
        if use.use == "create" or use.name.schema in _SYSTEM or use.persistence == "t":
            continue
        if use.name.schema is None and use.name.name.startswith("pg_"):
            continue
        kind = "index" if index and use.use == "drop" else "relation"
        yield ObjectRef(kind, use.name.name, use.name.schema, optional=optional)


def _missing_ok(node: Any) -> bool:
    return bool(getattr(node, "missing_ok", False))


_COLUMN_COMMANDS = frozenset(
    {
        "AT_ColumnDefault",
        "AT_DropNotNull",
        "AT_SetNotNull",
        "AT_SetStatistics",
        "AT_DropColumn",
        "AT_AlterColumnType",
        "AT_SetStorage",
        "AT_AddIdentity",
        "AT_SetIdentity",
        "AT_DropIdentity",
        "AT_DropExpression",
        "AT_SetExpression",
    }
)


def _used_columns(node: Any) -> list[ObjectRef]:
    refs: list[ObjectRef] = []
    if ast.is_node(node, "AlterTableStmt"):
        table = ast.relation_name(node.relation)
        for command in ast.alter_commands(node):
            if command.type in _COLUMN_COMMANDS and command.name:
                refs.append(ObjectRef("column", command.name, None, table, command.missing_ok or node.missing_ok))
            elif command.type in ("AT_DropConstraint", "AT_ValidateConstraint", "AT_AlterConstraint"):
                name = command.name or (command.definition.conname if command.definition is not None else "")
                refs.append(ObjectRef("constraint", name, None, table, command.missing_ok or node.missing_ok))
        added = {c.name for c in ast.column_specs(node)}
        for spec in ast.constraint_specs(node):
            refs += [ObjectRef("column", c, None, table) for c in spec.columns if c not in added]
            if spec.references is not None:
                refs += [ObjectRef("column", c, None, spec.references) for c in spec.referenced_columns]
    elif ast.is_node(node, "IndexStmt"):
        table = ast.relation_name(node.relation)
        names = [e.name for p in node.index_params if (e := ast.unwrap(p)) is not None and e.name]
        refs += [ObjectRef("column", name, None, table) for name in names]
    elif ast.is_node(node, "RenameStmt"):
        refs += [r for r in _renamed_from(node) if r.kind in ("column", "constraint")]
    elif ast.is_node(node, "UpdateStmt", "InsertStmt"):
        table = ast.relation_name(node.relation)
        targets = node.target_list if ast.is_node(node, "UpdateStmt") else node.cols
        names = [t.name for item in targets if (t := ast.unwrap(item)) is not None and t.name]
        refs += [ObjectRef("column", name, None, table) for name in names]
    return refs


def _is_user_type(ref: ast.TypeRef) -> bool:
    return ref.schema not in _SYSTEM and not ref.is_serial and not ref.of_column
