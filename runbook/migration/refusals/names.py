"""Columns (42703), functions (42883) and types (42704) that a statement names and that are not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from runbook.migration.ast import (
    FunctionUse,
    TypeRef,
    all_of,
    alter_commands,
    columns_used,
    enum_name,
    functions_used,
    has,
    is_node,
    node_name,
    options,
    relations_used,
    strings,
    type_ref,
    unwrap,
)
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.effects.volatility import EXTENSION_FUNCTIONS, is_built_in
from runbook.migration.refusals.built_in import EXTENSION_TYPES, TYPES
from runbook.migration.result import Fails

_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})


def missing_names(node: Any, catalog: Catalog) -> Iterator[Fails]:
    """What the server looks up before it does anything, in the order in which it is likely to."""
    yield from _types(node, catalog)
    yield from _columns(node, catalog)
    yield from _functions(node, catalog)


# -- types ----------------------------------------------------------------------------------------------------------


def _types(node: Any, catalog: Catalog) -> Iterator[Fails]:
    if is_node(
        node, "DropStmt", "CommentStmt", "CreateFunctionStmt", "AlterFunctionStmt", "RenameStmt", "CreateCastStmt"
    ):
        return  # they name the object itself, or what a function's body may bring
    for ref, serial in _written_types(node):
        because = missing_type(ref, catalog)
        if ref.is_serial and not serial:
            because = f"type {ref.name} does not exist: it is a word for new columns only"
        if because is not None:
            state = "3F000" if ref.schema is not None and ref.schema not in catalog.schemas else "42704"
            yield Fails(state, because, certain=True)


def _written_types(node: Any) -> Iterator[tuple[TypeRef, bool]]:
    """The types of columns and casts, and whether serial may stand there. An option's value looks like a type, too."""
    for part in all_of(node, "ColumnDef", "TypeCast", "CreateDomainStmt"):
        if part.HasField("type_name"):
            yield type_ref(part.type_name), is_node(part, "ColumnDef") and bool(part.colname)


def missing_type(ref: TypeRef, catalog: Catalog) -> str | None:
    """Why the type is not there; None where it is, or that is not known."""
    if ref.of_column or catalog.truncated or not catalog.schemas:
        return None
    if ref.schema == "pg_catalog" or ref.schema == "information_schema" or ref.name in ("", "unknown"):
        return None
    if ref.schema is None and ref.name in TYPES:
        return None
    for schema in (ref.schema,) if ref.schema is not None else ("pg_temp", *catalog.search_path):
        if (schema, ref.name) in catalog.types or (schema, ref.name) in catalog.relations:
            return None
    if ref.name.startswith("_") or ref.name.endswith(("range", "multirange")):
        return None  # an array's or a range's own name
    extension = EXTENSION_TYPES.get(ref.name)
    known = catalog.extensions.get(extension) if extension is not None else None
    if known is not None and known.version is not None:
        return None
    if extension is None and _other_extensions(catalog):
        return None  # the base types of extensions were not read
    hint = f": extension {extension} is not installed" if extension is not None else ""
    return f"type {ref.name} does not exist{hint}"


def _other_extensions(catalog: Catalog) -> bool:
    plain = {"plpgsql", "pg_stat_statements", "pgcrypto", "uuid-ossp", "pg_trgm", "btree_gist", "btree_gin", "unaccent"}
    return any(e.version is not None and e.name not in plain for e in catalog.extensions.values())


# -- functions ------------------------------------------------------------------------------------------------------


def _functions(node: Any, catalog: Catalog) -> Iterator[Fails]:
    if is_node(node, "CreateFunctionStmt", "DoStmt"):
        return
    for use in functions_used(node):
        if _is_missing(use, catalog):
            yield Fails("42883", f"function {use.name}() does not exist", certain=True)
    if is_node(node, "CreateTrigStmt"):
        name = [unwrap(n).sval for n in node.funcname]
        called = [f for f in catalog.functions.get(name[-1], ()) if len(name) < 2 or f.schema == name[-2]]
        if not catalog.truncated and not is_built_in_trigger(name) and not any(not f.arguments for f in called):
            yield Fails("42883", f"function {name[-1]}() does not exist", certain=True)


def is_built_in_trigger(name: list[str]) -> bool:
    """Trigger functions that pg_catalog has. Source: pg_proc.dat."""
    return name[-1] in ("suppress_redundant_updates_trigger", "tsvector_update_trigger", "tsvector_update_trigger_column",
                        "lo_manage", "unique_key_recheck")  # fmt: skip


def _is_missing(use: FunctionUse, catalog: Catalog) -> bool:
    if catalog.truncated or not catalog.schemas or is_built_in(use.name) or use.name.schema == "pg_catalog":
        return False
    if use.name.schema is None and (use.name.name in TYPES or use.name.name in EXTENSION_FUNCTIONS):
        return use.name.name in EXTENSION_FUNCTIONS and not catalog.functions.get(use.name.name)
    if any(key[1] == use.name.name for key in catalog.types) or (
        use.arguments == 1 and use.name.name in catalog.by_name
    ):
        return False  # a cast written as a call
    schemas = (use.name.schema,) if use.name.schema is not None else catalog.search_path
    return not any(f.schema in schemas for f in catalog.functions.get(use.name.name, ()))


# -- columns --------------------------------------------------------------------------------------------------------


def _columns(node: Any, catalog: Catalog) -> Iterator[Fails]:
    match node_name(node):
        case "IndexStmt":
            relation = _find(node.relation, catalog)
            expressions = [unwrap(e).expr for e in node.index_params] + [node.where_clause]
            yield from _absent(relation, {node.relation.relname}, expressions, catalog)
        case "AlterTableStmt":
            yield from _in_alter(node, catalog)
        case "UpdateStmt" if not node.from_clause and not node.HasField("with_clause"):
            relation = _find(node.relation, catalog)
            if relation is not None:
                for item in node.target_list:
                    yield from _target(relation, unwrap(item).name)
            values = [unwrap(i).val for i in node.target_list] + [node.where_clause]
            yield from _absent(relation, _named(node.relation), values, catalog)
        case "DeleteStmt" if not node.using_clause and not node.HasField("with_clause"):
            yield from _absent(_find(node.relation, catalog), _named(node.relation), [node.where_clause], catalog)
        case "InsertStmt":
            relation = _find(node.relation, catalog)
            for item in node.cols if relation is not None else ():
                assert relation is not None
                yield from _target(relation, unwrap(item).name)
        case "SelectStmt":
            yield from _in_select(node, catalog)
        case "ViewStmt":
            yield from _in_select(unwrap(node.query), catalog)
        case "CreateTableAsStmt":
            yield from _in_select(unwrap(node.query), catalog)
        case "VacuumStmt":
            for item in node.rels:
                relation = _find(unwrap(item).relation, catalog) if unwrap(item).HasField("relation") else None
                for name in strings(unwrap(item).va_cols) if relation is not None else ():
                    assert relation is not None
                    yield from _target(relation, name)
        case "CreateSeqStmt" | "AlterSeqStmt":
            yield from _owned_by(node, catalog)
        case "CreateStatsStmt" if len(node.relations) == 1:
            relation = (
                _find(unwrap(node.relations[0]), catalog) if is_node(unwrap(node.relations[0]), "RangeVar") else None
            )
            for item in node.exprs if relation is not None else ():
                assert relation is not None
                yield from _target(relation, unwrap(item).name) if unwrap(item).name else ()


def _owned_by(node: Any, catalog: Catalog) -> Iterator[Fails]:
    owner = options(node.options).get("owned_by")
    parts = strings(owner.items) if owner is not None and is_node(owner, "List") else ()
    if len(parts) > 1:
        relation = catalog.find(parts[-3] if len(parts) > 2 else None, parts[-2])
        if relation is not None and relation.columns:
            yield from _target(relation, parts[-1])


def _in_alter(node: Any, catalog: Catalog) -> Iterator[Fails]:
    relation = _find(node.relation, catalog)
    if relation is None:
        return
    commands = alter_commands(node)
    added = {c.definition.colname for c in commands if c.type == "AT_AddColumn" and is_node(c.definition, "ColumnDef")}
    for command in commands:
        expressions: list[Any] = []
        if is_node(command.definition, "Constraint"):
            expressions = [command.definition.raw_expr, command.definition.where_clause]
        elif is_node(command.definition, "ColumnDef"):
            if command.type == "AT_AlterColumnType":
                expressions = [command.definition.raw_default]
            marks = [unwrap(c) for c in command.definition.constraints]
            checks = [m for m in marks if enum_name(m, "contype") in ("CONSTR_CHECK", "CONSTR_GENERATED")]
            expressions += [m.raw_expr for m in checks]
        names = {node.relation.relname, relation.name}
        yield from _absent(relation, names, expressions, catalog, also=added)


def _in_select(node: Any, catalog: Catalog) -> Iterator[Fails]:
    """A SELECT of one table, nothing more: with joins, subqueries and CTEs the scope is another matter."""
    if not is_node(node, "SelectStmt") or len(node.from_clause) != 1 or node.HasField("with_clause"):
        return
    source = unwrap(node.from_clause[0])
    if not is_node(source, "RangeVar") or has(node, "SubLink", "WindowDef"):
        return
    titles = {unwrap(t).name for t in node.target_list}
    expressions = [unwrap(t).val for t in node.target_list] + [node.where_clause]
    yield from _absent(_find(source, catalog), _named(source), expressions, catalog)
    rest = [*node.group_clause, *node.sort_clause, node.having_clause]
    yield from _absent(_find(source, catalog), _named(source), rest, catalog, also=titles)


def _find(range_var: Any, catalog: Catalog) -> Relation | None:
    """The relation, where its columns are known."""
    found = catalog.find(range_var.schemaname or None, range_var.relname)
    return found if found is not None and found.columns and found.schema != "pg_catalog" else None


def _named(range_var: Any) -> set[str]:
    return {range_var.alias.aliasname} if range_var.HasField("alias") else {range_var.relname}


def _target(relation: Relation, name: str) -> Iterator[Fails]:
    if relation.column(name) is None:
        yield Fails("42703", f"column {name} of relation {relation.name} does not exist", certain=True)


def _absent(
    relation: Relation | None,
    names: set[str],
    expressions: Iterable[Any],
    catalog: Catalog,
    *,
    also: set[str] = frozenset(),  # type: ignore[assignment]
) -> Iterator[Fails]:
    """Columns that the expressions name and that neither the relation nor ``also`` has."""
    if relation is None:
        return
    for expression in expressions:
        node = unwrap(expression)
        if node is None or relations_used(node):
            continue
        for parts in columns_used(node):
            if parts[-1] == "*" or len(parts) > 2 or (len(parts) == 2 and parts[0] not in names):
                continue
            name = parts[-1]
            known = relation.column(name) is not None or name in also or name in _SYSTEM_COLUMNS
            if not known and not (len(parts) == 1 and name in names):
                yield Fails("42703", f"column {name} does not exist in {relation.qualified}", certain=True)
