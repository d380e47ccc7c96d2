"""Which sequences an expression calls, and which of them an inserted row draws from."""

from __future__ import annotations

from typing import Any

from runbook.migration.ast import all_of, constant, is_node, qualified, unwrap
from runbook.migration.catalog import Catalog, Relation, RelationKey
from runbook.migration.edit import owned_by_table

_CALLS = frozenset({"nextval", "setval", "currval"})


def called(catalog: Catalog, node: Any) -> list[Relation]:
    """Sequences named in nextval(), setval() and the like."""
    from runbook.sql import split_qualified

    found: list[Relation] = []
    for call in all_of(node, "FuncCall"):
        if qualified(call.funcname).name not in _CALLS or not call.args:
            continue
        literal = constant(call.args[0])
        sequence = catalog.find(*split_qualified(literal)) if isinstance(literal, str) else None
        if sequence is not None:
            found.append(sequence)
    return found


def default_calls(catalog: Catalog, default: Any) -> tuple[RelationKey, ...]:
    """The sequences that a column depends on through its default."""
    return tuple(dict.fromkeys(s.key for s in called(catalog, default))) if default is not None else ()


def in_defaults(catalog: Catalog, relation: Relation, columns: set[str] | None = None) -> list[Relation]:
    """The sequences that the defaults of a relation call, or those of some of its columns."""
    keys = [k for c in relation.columns if columns is None or c.name in columns for k in c.default_sequences]
    return [s for key in dict.fromkeys(keys) if (s := catalog.relations.get(key)) is not None]


def drawn_from(catalog: Catalog, relation: Relation, given: set[str]) -> list[Relation]:
    """The sequences that give a value to the columns that are not ``given`` one: by default, or as identity."""
    left = {c.name for c in relation.columns} - given
    identity = {c.name for c in relation.columns if c.identity}
    owned = [
        s for s in owned_by_table(catalog, relation) if s.owned_by is not None and s.owned_by[1] in left & identity
    ]
    return [*in_defaults(catalog, relation, left), *owned]


def columns_given(relation: Relation, node: Any) -> set[str]:
    """The columns for which each row of an INSERT brings a value."""
    select = unwrap(node.select_stmt) if node.HasField("select_stmt") else None
    if select is None:
        return set()
    rows = [[unwrap(v) for v in unwrap(r).items] for r in select.values_lists]
    names = [unwrap(c).name for c in node.cols] or [c.name for c in relation.columns][: len(rows[0]) if rows else None]
    return {
        name
        for place, name in enumerate(names)
        if not any(place < len(row) and is_node(row[place], "SetToDefault") for row in rows)
    }
