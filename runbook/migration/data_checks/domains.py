"""ALTER DOMAIN: every column of that type has to pass, in every table (23502, 23514)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration.ast import constraint_spec, qualified, unwrap
from runbook.migration.catalog import Catalog, Column, Relation, TypeObject
from runbook.migration.data_checks.make import check, evaluated, offenders
from runbook.migration.data_checks.present import Present, Table
from runbook.migration.result import DataCheck
from runbook.sql import quote_qualified

_SET_NOT_NULL, _ADD, _VALIDATE = "O", "C", "V"


def altered_domain(node: Any, present: Present, catalog: Catalog) -> Iterator[DataCheck]:
    """SET NOT NULL, ADD CONSTRAINT and VALIDATE CONSTRAINT of a domain."""
    name = qualified(node.type_name)
    found = _domain(name.schema, name.name, catalog)
    if found is None:
        return
    spec = constraint_spec(unwrap(node.__getattribute__("def"))) if node.subtype == _ADD else None
    if node.subtype == _ADD and (spec is None or spec.not_valid):
        return
    if node.subtype not in (_SET_NOT_NULL, _ADD, _VALIDATE):
        return
    kind = quote_qualified(found.schema, found.name)
    for relation, column in _users(found, catalog):
        table = present.table(relation, catalog, only=True)
        if table.is_new or table.fills_itself(column.name):
            continue
        where = f"column {column.name} of {relation.qualified}"
        if node.subtype == _SET_NOT_NULL or (spec is not None and spec.kind == "n"):
            yield check("23502", f"no null may be in {where}", lambda t=table, c=column: _nulls(t, c))  # type: ignore[misc]
        elif spec is not None and spec.kind == "c":
            condition = spec.expression

            def ask(table: Table = table, column: Column = column, condition: Any = condition) -> Any:
                value = table.value(column.name).sql
                text = table.expression(condition, named={"value": value, "VALUE": value})
                return offenders(table, f"({text}) IS FALSE", expressions=(condition,))

            yield check("23514", f"every value in {where} must pass the new CHECK", ask)
        elif node.subtype == _VALIDATE:
            base = found.base or "text"

            def again(table: Table = table, column: Column = column, base: str = base) -> Any:
                return evaluated(table, f"CAST(CAST({table.value(column.name).sql} AS {base}) AS {kind})")

            yield check("23514", f"every value in {where} must pass {node.name}", again)


def _nulls(table: Table, column: Column) -> Any:
    return offenders(table, f"{table.value(column.name).sql} IS NULL")


def _domain(schema: str | None, name: str, catalog: Catalog) -> TypeObject | None:
    for candidate in (schema,) if schema is not None else catalog.search_path:
        found = catalog.types.get((candidate, name))
        if found is not None and found.kind == "d":
            return found
    return None


def _users(domain: TypeObject, catalog: Catalog) -> Iterator[tuple[Relation, Column]]:
    """Stored columns of the domain."""
    for relation in catalog.relations.values():
        if relation.kind not in ("r", "m"):
            continue
        for column in relation.columns:
            if column.type_kind == "d" and column.type_schema == domain.schema and _bare(column.type) == domain.name:
                yield relation, column


def _bare(printed: str) -> str:
    from runbook.sql import split_qualified

    return split_qualified(printed)[1]
