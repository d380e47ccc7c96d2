"""What a migration creates, drops, renames and uses, followed statement by statement against a catalog.

Objects that the migration itself made earlier are never missing; objects it dropped earlier are no obstacle. Names are
as stored. What an assumed or truncated catalog does not know is never said to be missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from runbook.migration import ast
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


@dataclass
class _Scene:
    """What the migration has made and taken away so far, on top of a catalog."""

    catalog: Catalog
    made: set[tuple[str, str, str]] = field(default_factory=set)
    gone: set[tuple[str, str, str]] = field(default_factory=set)
    path: tuple[str, ...] = ()

    def exists(self, ref: ObjectRef) -> bool | None:
        """True, False, or None where this catalog cannot tell."""
        key = self._key(ref)
        if key in self.made:
            return True
        if key in self.gone:
            return False
        if ref.relation is not None and self._relation_key(ref.relation) in self.made:
            return None  # a table of this migration: its columns were written a moment ago
        return in_catalog(self.catalog, ref, self.path)

    def apply(self, statement: Statement) -> None:
        for ref in dropped(statement):
            self.gone.add(self._key(ref))
            self.made.discard(self._key(ref))
        for ref in created(statement):
            self.made.add(self._key(ref))
            self.gone.discard(self._key(ref))
        path = _search_path(statement)
        if path is not None:
            self.path = path

    def _key(self, ref: ObjectRef) -> tuple[str, str, str]:
        kind = "relation" if ref.kind == "index" else ref.kind
        if ref.relation is not None and ref.kind != "index":
            return kind, self._relation_key(ref.relation)[1], ref.name
        return kind, self._resolved(ref.schema, ref.name, kind), ref.name

    def _relation_key(self, name: ast.Name) -> tuple[str, str, str]:
        return "relation", self._resolved(name.schema, name.name, "relation"), name.name

    def _resolved(self, schema: str | None, name: str, kind: str) -> str:
        if kind not in ("relation", "type"):
            return ""
        if schema is not None:
            return schema
        found = _find(self.catalog, None, name, self.path)
        return found.schema if found is not None else (self.path or self.catalog.search_path or ("public",))[0]


def obstacles(migration: Migration, catalog: Catalog) -> tuple[Found, ...]:
    """Objects the migration creates that exist already. An optional one counts too: it is silently kept."""
    return tuple(_follow(migration, catalog, created, wanted=True))


def missing(migration: Migration, catalog: Catalog) -> tuple[Found, ...]:
    """Objects the migration needs that do not exist when it gets there."""
    return tuple(f for f in _follow(migration, catalog, used, wanted=False) if not f.ref.optional)


def _follow(migration: Migration, catalog: Catalog, of: Any, *, wanted: bool) -> Iterator[Found]:
    if catalog.is_assumed:
        return
    scene = _Scene(catalog)
    for statement in migration.statements:
        for ref in of(statement):
            if scene.exists(ref) is wanted:
                yield Found(ref, statement)
        scene.apply(statement)


def in_catalog(catalog: Catalog, ref: ObjectRef, path: tuple[str, ...] = ()) -> bool | None:
    """Whether the object exists there now; None where the catalog does not hold such objects."""
    match ref.kind:
        case "relation":
            if ref.schema in _SYSTEM:
                return None
            if _find(catalog, ref.schema, ref.name, path) is not None or find_index(catalog, ref.schema, ref.name):
                return True
            return None if catalog.truncated else False
        case "index":
            schema = ref.schema
            table = _find(catalog, ref.relation.schema, ref.relation.name, path) if ref.relation else None
            if table is not None:
                schema = table.schema
            if find_index(catalog, schema, ref.name) or _find(catalog, schema, ref.name, path) is not None:
                return True
            return None if catalog.truncated else False
        case "column" | "constraint" | "trigger":
            table = _find(catalog, ref.relation.schema, ref.relation.name, path) if ref.relation else None
            return None if table is None else _in_table(table, ref)
        case "schema":
            return ref.name in catalog.schemas or ref.name in _SYSTEM if catalog.schemas else None
        case "extension":
            found = catalog.extensions.get(ref.name)
            return found is not None and found.version is not None if catalog.extensions else None
        case "type":
            return _type_exists(catalog, ref, path)
    return None


def find_index(catalog: Catalog, schema: str | None, name: str) -> tuple[Relation, Index] | None:
    """The index called ``name`` with its table; without a schema wherever the search path finds it first."""
    schemas = [schema] if schema is not None else list(catalog.search_path)
    for wanted in schemas:
        for relation in catalog.relations.values():
            if relation.schema != wanted and wanted is not None:
                continue
            index = relation.index(name)
            if index is not None and (index.schema or relation.schema) == wanted:
                return relation, index
    return None


def _find(catalog: Catalog, schema: str | None, name: str, path: tuple[str, ...]) -> Relation | None:
    if schema is None and path:
        for candidate in ("pg_catalog", *path):
            found = catalog.relations.get((candidate, name))
            if found is not None:
                return found
        return None
    return catalog.find(schema, name)


def _in_table(table: Relation, ref: ObjectRef) -> bool:
    if ref.kind == "column":
        return table.column(ref.name) is not None or ref.name in _SYSTEM_COLUMNS
    if ref.kind == "constraint":
        return table.constraint(ref.name) is not None
    return any(t.name == ref.name for t in table.triggers)


_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})


def _type_exists(catalog: Catalog, ref: ObjectRef, path: tuple[str, ...]) -> bool | None:
    """User types only: the names of built-in types and of extensions' base types are not in a catalog's ``types``."""
    schemas = [ref.schema] if ref.schema is not None else list(path or catalog.search_path)
    for schema in schemas:
        if schema is not None and ((schema, ref.name) in catalog.types or (schema, ref.name) in catalog.relations):
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


def _search_path(statement: Statement) -> tuple[str, ...] | None:
    """The path that ``SET search_path`` sets; None for any other statement."""
    node = statement.node
    if not ast.is_node(node, "VariableSetStmt") or node.name != "search_path" or not node.args:
        return None
    values = [ast.constant(a) for a in node.args]
    return tuple(v for v in values if isinstance(v, str) and v not in ('"$user"', ""))
