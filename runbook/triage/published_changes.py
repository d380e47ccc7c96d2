"""Changes of published tables: logical replication carries rows and never the change itself to a subscriber."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.deparse import type_sql
from runbook.migration.model import Statement
from runbook.sql import quote_ident, quote_literal, quote_qualified, split_qualified
from runbook.triage.case import Case, Facts

_ENOUGH = 20
_TYPES = {"smallserial": "smallint", "serial": "integer", "bigserial": "bigint"}
_TYPES |= {"serial2": "smallint", "serial4": "integer", "serial8": "bigint"}


def state(facts: Facts, case: Case) -> None:
    """State ``replication.changes``."""
    id_ = "replication.changes"
    side, migration = case.production, case.whole or case.migration
    catalog = side.catalog if side is not None else None
    if side is None or catalog is None or not side.ok("publications"):
        facts.unknown(id_, side.why_not("publications") if side is not None else "no production side was given")
        return
    everything = tuple(p.name for p in side.rows("publications") if p.all_tables)
    found = []
    for statement in migration.statements if migration is not None and case.given else ():
        for change in _changes(statement, catalog, everything):
            found.append({**change, "file": statement.file, "line": statement.line})
    because = f"{len(found)} changes of published tables that a subscriber has to have too"
    facts.know(id_, found[:_ENOUGH], because, side="production", readings="production/publications")


def publications_of(relation: Relation) -> tuple[str, ...]:
    """Every publication that the relation is in, by itself or through the table it is a partition of."""
    through = (*relation.publications, *relation.updates_published_by, *relation.deletes_published_by)
    return tuple(dict.fromkeys(through))


def _changes(statement: Statement, catalog: Catalog, everything: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    node = statement.node
    match ast.node_name(node) if node is not None else "":
        case "AlterTableStmt":
            relation = _find(catalog, ast.relation_name(node.relation))
            if relation is not None and publications_of(relation):
                yield from _altered(node, relation)
        case "RenameStmt":
            yield from _renamed(node, catalog)
        case "CreateStmt":
            name = ast.relation_name(node.relation)
            if everything and (node.relation.relpersistence or "p") == "p":
                known = _find(catalog, name)
                schema = name.schema or (catalog.search_path[0] if catalog.search_path else None)
                qualified = known.qualified if known is not None else quote_qualified(schema, name.name)
                yield _change("new table", qualified, "", "", everything, done=known is not None)
        case "AlterEnumStmt":
            yield from _new_value(node, catalog)


def _find(catalog: Catalog, name: ast.Name) -> Relation | None:
    found = catalog.find(name.schema, name.name)
    return found if found is not None and found.kind in ("r", "p") else None


def _altered(node: Any, relation: Relation) -> Iterator[dict[str, Any]]:
    names = publications_of(relation)
    for spec in ast.column_specs(node):
        written = _TYPES.get(spec.type.name) if spec.type is not None and spec.type.is_serial else None
        type_ = written or (type_sql(spec.node.type_name) if spec.node is not None else "")
        sql = f"ALTER TABLE {relation.qualified} ADD COLUMN {quote_ident(spec.name)} {type_}"
        done = relation.column(spec.name) is not None
        yield _change("new column", relation.qualified, spec.name, sql, names, done=done)
    for command in ast.alter_commands(node):
        column = relation.column(command.name) if command.name else None
        if command.type == "AT_AlterColumnType":
            type_ = type_sql(command.definition.type_name)
            sql = f"ALTER TABLE {relation.qualified} ALTER COLUMN {quote_ident(command.name)} TYPE {type_}"
            yield _change("other type", relation.qualified, command.name, sql, names, done=None)
        elif command.type == "AT_DropColumn":
            demanded = column is None or (column.not_null and not column.has_default)
            if demanded:  # where it is gone already, nobody can tell
                sql = f"ALTER TABLE {relation.qualified} ALTER COLUMN {quote_ident(command.name)} DROP NOT NULL"
                yield _change("column dropped", relation.qualified, command.name, sql, names, done=column is None)


def _renamed(node: Any, catalog: Catalog) -> Iterator[dict[str, Any]]:
    what, old = ast.enum_name(node, "rename_type"), ast.relation_name(node.relation)
    if what == "OBJECT_COLUMN":
        relation = _find(catalog, old)
        if relation is not None and publications_of(relation):
            change = f"{quote_ident(node.subname)} TO {quote_ident(node.newname)}"
            sql = f"ALTER TABLE {relation.qualified} RENAME COLUMN {change}"
            done = relation.column(node.newname) is not None
            yield _change("column renamed", relation.qualified, node.newname, sql, publications_of(relation), done=done)
    elif what == "OBJECT_TABLE":
        before, after = _find(catalog, old), _find(catalog, ast.Name(old.schema, node.newname))
        relation = before or after
        if relation is not None and publications_of(relation):
            qualified = quote_qualified(relation.schema, old.name)
            sql = f"ALTER TABLE {qualified} RENAME TO {quote_ident(node.newname)}"
            renamed = quote_qualified(relation.schema, node.newname)
            yield _change("table renamed", renamed, "", sql, publications_of(relation), done=before is None)


def _new_value(node: Any, catalog: Catalog) -> Iterator[dict[str, Any]]:
    if node.old_val:
        return
    type_ = ast.qualified(node.type_name)
    for relation in catalog.relations.values():
        names = publications_of(relation)
        enums = (c for c in relation.columns if c.type_kind == "e") if names else ()
        column = next((c for c in enums if split_qualified(c.type)[1] == type_.name), None)
        if column is not None:
            sql = (
                f"ALTER TYPE {quote_qualified(column.type_schema, type_.name)} ADD VALUE {quote_literal(node.new_val)}"
            )
            yield _change("new enum value", relation.qualified, column.name, sql, names, done=None)
            return


def _change(
    change: str, relation: str, column: str, sql: str, publications: tuple[str, ...], *, done: bool | None
) -> dict[str, Any]:
    return {
        "change": change,
        "relation": relation,
        "column": quote_ident(column) if column else "",
        "subscriber_sql": sql,
        "publications": list(publications),
        "done": done,
    }
