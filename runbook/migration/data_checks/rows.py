"""Single rows that break what is asked of them: nulls (23502), a CHECK that is false (23514), no parent (23503)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration.ast import ConstraintSpec
from runbook.migration.catalog import Catalog, Constraint, Relation
from runbook.migration.data_checks.expressions import condition_of, parsed
from runbook.migration.data_checks.make import Question, any_row, check, helping_index, offenders
from runbook.migration.data_checks.present import NoQuery, NotYet, Table
from runbook.migration.effects.implied import proves_not_null
from runbook.migration.result import DataCheck
from runbook.sql import quote_ident


def not_null(table: Table, column: str) -> Iterator[DataCheck]:
    """SET NOT NULL and its kin. Nothing where a valid CHECK proves it, or the column is NOT NULL already."""
    if table.is_new or table.fills_itself(column):
        return
    known = table.column(column)
    unchecked = any(c.kind == "n" and column in c.columns and not c.validated for c in table.relation.constraints)
    if known is not None and known.not_null and not unchecked:
        return
    if proves_not_null(table.relation, column):
        return
    because = f"no row of {table.relation.qualified} may have a null in column {column}"
    try:
        value = table.value(column)
    except (NotYet, NoQuery):
        value = None
    if value is not None and value.null:
        yield check("23502", f"column {column} is null in every row", lambda: any_row(table))
    elif value is None or not value.same:
        yield check("23502", because, lambda: _nulls(table, column))


def _nulls(table: Table, column: str) -> Question:
    return offenders(table, f"{table.value(column).sql} IS NULL", index=helping_index(table, [column]))


def passes_check(table: Table, condition: Any, name: str | None, *, because: str = "") -> Iterator[DataCheck]:
    """A CHECK that has to hold for every row: what is null passes."""
    if table.is_new:
        return
    title = f"the CHECK {name}" if name else "the new CHECK"
    because = because or f"every row of {table.relation.qualified} must pass {title}"
    node = parsed(condition) if isinstance(condition, str) else condition
    yield check("23514", because, lambda: offenders(table, f"({table.expression(node)}) IS FALSE", expressions=(node,)))


def existing_check(table: Table, constraint: Constraint) -> Iterator[DataCheck]:
    """VALIDATE of a CHECK that is there."""
    if constraint.expression is None:
        why = f"the condition of {constraint.name} was not read: {table.relation.qualified} was locked"
        yield DataCheck("23514", f"constraint {constraint.name} must hold for every row", withheld=why)
        return
    yield from passes_check(table, condition_of(constraint.expression), constraint.name)


# -- foreign keys ---------------------------------------------------------------------------------------------------


def new_foreign_key(
    table: Table, spec: ConstraintSpec, target: Relation | None, catalog: Catalog
) -> Iterator[DataCheck]:
    """Rows without a parent under the foreign key that a statement adds."""
    columns = spec.columns
    referenced = spec.referenced_columns
    if not referenced and target is not None:
        primary = next((c for c in target.constraints if c.kind == "p"), None)
        referenced = primary.columns if primary is not None else ()
    full = (spec.node.fk_matchtype or "s") == "f"
    parent = table.present.table(target, catalog, only=True) if target is not None else None
    yield from orphans(table, columns, parent, referenced, full=full, period=spec.period)


def orphans(
    table: Table, columns: tuple[str, ...], parent: Table | None, referenced: tuple[str, ...], *, full: bool = False,
    period: bool = False,
) -> Iterator[DataCheck]:  # fmt: skip
    """Rows of ``table`` whose ``columns`` are not found in ``parent``. ``full``: MATCH FULL, no row may be half null."""
    if table.is_new or not columns:
        return
    titles = ", ".join(columns)
    to = parent.relation.qualified if parent is not None else "the parent"
    because = f"every ({titles}) of {table.relation.qualified} must exist in {to}"
    try:
        if all(table.value(c).null for c in columns):
            return
        if not full and any(table.value(c).null for c in columns):
            return
    except (NotYet, NoQuery):
        pass
    if parent is None or len(referenced) != len(columns):
        why = "which columns it points to was not read"
        yield DataCheck("23503", because, withheld=why)
        return
    yield check("23503", because, lambda: _orphans(table, columns, parent, referenced, full, period))


def _orphans(
    table: Table, columns: tuple[str, ...], parent: Table, referenced: tuple[str, ...], full: bool, period: bool
) -> Question:
    children = [table.value(c, "c.").sql for c in columns]
    index = helping_index(parent, list(referenced))
    given = " AND ".join(f"{c} IS NOT NULL" for c in children)
    if parent.is_new:
        missing = "true"  # an empty parent: whoever has a value is an orphan
    else:
        parents = [parent.value(c, "p.").sql for c in referenced]
        on = [
            f"{p} = {c}{_collation(table, a, parent, b)}"
            for p, c, a, b in zip(parents, children, columns, referenced, strict=True)
        ]
        if period:
            on.pop()
            covered = f"SELECT range_agg({parents[-1]}) FROM {parent.source} AS p WHERE {' AND '.join(on) or 'true'}"
            missing = f"NOT coalesce({children[-1]} <@ ({covered}), false)"
        else:
            missing = f"NOT EXISTS (SELECT FROM {parent.source} AS p WHERE {' AND '.join(on)})"
    condition = f"{given} AND {missing}"
    if full and len(children) > 1:
        some = " OR ".join(f"{c} IS NOT NULL" for c in children)
        condition = f"({condition})\n   OR (({some}) AND NOT ({given}))"
    more = () if parent.is_new else (parent,)
    return offenders(table, condition, index=index, more=more, alias="c")


def _collation(table: Table, column: str, parent: Table, referenced: str) -> str:
    """The server compares under the parent's collation."""
    one, two = table.column(column), parent.column(referenced)
    if one is None or two is None or one.collation == two.collation or two.collation is None:
        return ""
    return f" COLLATE {quote_ident(two.collation)}"


def existing_foreign_key(table: Table, constraint: Constraint, catalog: Catalog) -> Iterator[DataCheck]:
    """VALIDATE of a foreign key that is there."""
    target = catalog.relations.get(constraint.references) if constraint.references is not None else None
    parent = table.present.table(target, catalog, only=True) if target is not None else None
    yield from orphans(
        table, constraint.columns, parent, constraint.referenced_columns, full=constraint.match_full,
        period=constraint.period,
    )  # fmt: skip


def points_here(table: Table, where: Any, catalog: Catalog) -> Iterator[DataCheck]:
    """Rows of other tables that point to those which a DELETE takes away. ``where``: its condition, None for all."""
    for key, constraint in catalog.referencing.get(table.relation.key, ()):
        other = catalog.relations.get(key)
        if other is None or key == table.relation.key or constraint.on_delete not in ("a", "r"):
            continue
        child = table.present.table(other, catalog, only=True)
        if child.is_new or not constraint.enforced:
            continue
        because = f"no row of {other.qualified} may point to what goes ({constraint.name})"
        yield check("23503", because, lambda c=child, k=constraint: _pointing(table, where, c, k))  # type: ignore[misc]


def _pointing(table: Table, where: Any, child: Table, constraint: Constraint) -> Question:
    pairs = list(zip(constraint.referenced_columns, constraint.columns, strict=True))
    found = ", ".join(f"{table.value(r).sql} AS r{n}" for n, (r, _) in enumerate(pairs, 1))
    condition = f" WHERE {table.expression(where)}" if where is not None else ""
    on = " AND ".join(f"gone.r{n} = {child.value(c, 'c.').sql}" for n, (_, c) in enumerate(pairs, 1))
    exists = f"EXISTS (SELECT FROM (SELECT {found} FROM {table.source}{condition}) AS gone WHERE {on})"
    index = helping_index(child, list(constraint.columns))
    return offenders(
        child, exists, index=index, more=(table,), alias="c", expressions=(where,) if where is not None else ()
    )
