"""Files of which production has a beginning and not the rest: what an earlier run committed before it stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runbook.migration import ast
from runbook.migration.catalog import Catalog
from runbook.migration.model import MigrationFile, Statement
from runbook.migration.objects import ObjectRef, created, dropped, find_index, in_catalog
from runbook.sql import quote_ident, quote_literal, quote_qualified
from runbook.triage.case import Case, Facts

_FACT = "history.partial"
_DROP = {"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "f": "FOREIGN TABLE", "S": "SEQUENCE"}
_CATALOGS = {"constraint": ("pg_constraint", "conrelid", "conname"), "trigger": ("pg_trigger", "tgrelid", "tgname")}

Effect = Literal["done", "left", "gone", "unknown"]
"""done: what it makes is there. left: it is not, or what it drops is. gone: what it drops is not there, which may always
have been so. unknown: the schema does not tell (data, bodies)."""


def state(facts: Facts, case: Case) -> None:
    """State ``history.partial``."""
    catalog = case.production.catalog if case.production is not None else None
    if catalog is None or catalog.is_assumed:
        facts.unknown(_FACT, "production's catalog is not known")
    elif case.migration is None or not case.given:
        facts.unknown(_FACT, "no migration was given")
    else:
        found = [row for f in case.migration.files if not f.is_down and (row := _partial(f, catalog)) is not None]
        facts.know(
            _FACT,
            found,
            f"{len(found)} files have taken effect in part",
            side="production",
            readings="production/relations production/columns production/constraints production/indexes",
        )


def effects_on(file: MigrationFile, catalog: Catalog) -> list[tuple[Statement, Effect]]:
    """Each statement of ``file`` with what the schema shows of its effect."""
    return [(seen.statement, seen.effect) for seen in _effects(file.statements, catalog)]


@dataclass(frozen=True, slots=True)
class _Seen:
    statement: Statement
    effect: Effect
    objects: tuple[ObjectRef, ...]


def _partial(file: MigrationFile, catalog: Catalog) -> dict[str, Any] | None:
    """The file's statements by effect, if a beginning of it is there, and nothing behind; else None."""
    seen = list(_effects(file.statements, catalog))
    done = [i for i, s in enumerate(seen) if s.effect == "done"]
    left = [i for i, s in enumerate(seen) if s.effect == "left"]
    if not done or not left or done[-1] > left[0]:
        return None
    begun = [s for s in seen[: done[-1] + 1] if s.effect in ("done", "gone")]
    between = [s for s in seen[: left[0]] if s.effect == "unknown" and not ast.is_node(s.statement.node, *_NO_EFFECT)]
    return {
        "file": file.path,
        "version": file.version or "",
        "done": [_row(s, catalog) for s in begun],
        "left": [_row(s, catalog) for s in seen[left[0] :] if not ast.is_node(s.statement.node, "TransactionStmt")],
        "unclear": [_row(s, catalog) for s in between],
        "one_transaction": _together(seen, done[-1], left[0]),
        "checks": [check for s in seen for ref in s.objects if (check := _check(ref, catalog))],
    }


_NO_EFFECT = ("TransactionStmt", "VariableSetStmt")


def _effects(statements: Sequence[Statement], catalog: Catalog) -> Iterator[_Seen]:
    """Each statement's effect. What a later statement of the file takes away again tells nothing."""
    for number, statement in enumerate(statements):
        later = {_key(r) for s in statements[number + 1 :] for r in (*dropped(s), *created(s))}
        earlier = {_key(r) for s in statements[:number] for r in created(s)}
        made = tuple(r for r in created(statement) if _key(r) not in later)
        taken = tuple(r for r in dropped(statement) if _key(r) not in later | earlier)
        yield _Seen(statement, _effect(made, taken, catalog), made)


def _key(ref: ObjectRef) -> tuple[str, str, str]:
    of_table = ref.kind in ("column", "constraint", "trigger") and ref.relation is not None
    return ref.kind, ref.name, ref.relation.name if of_table and ref.relation is not None else ""


def _effect(made: tuple[ObjectRef, ...], taken: tuple[ObjectRef, ...], catalog: Catalog) -> Effect:
    there = [_there(r, catalog) for r in made]
    away = [in_catalog(catalog, r) for r in taken]
    if made:
        if all(there) and not any(away):
            return "done"
        # A table that the file has yet to make has none of its columns and constraints.
        return "unknown" if any(there) else "left"
    if taken and all(a is not None for a in away):
        return "left" if all(away) else "gone" if not any(away) else "unknown"
    return "unknown"


def _there(ref: ObjectRef, catalog: Catalog) -> bool:
    if ref.kind == "index":
        found = find_index(catalog, ref.relation.schema if ref.relation else ref.schema, ref.name)
        return found is not None and found[1].valid
    return bool(in_catalog(catalog, ref))


def _together(seen: Sequence[_Seen], last_done: int, first_left: int) -> bool:
    """Whether one transaction holds both: then an earlier run cannot have left the one without the other."""
    ends = any(
        ast.is_node(s.statement.node, "TransactionStmt") and not s.statement.in_transaction
        for s in seen[last_done:first_left]
    )
    return seen[last_done].statement.in_transaction and seen[first_left].statement.in_transaction and not ends


def _row(seen: _Seen, catalog: Catalog) -> dict[str, Any]:
    statement = seen.statement
    undo = [] if ast.is_node(statement.node, "RenameStmt") else [u for r in seen.objects if (u := _undo(r, catalog))]
    return {
        "sql": statement.sql,
        "line": statement.line,
        "kind": statement.kind,
        "undo": undo if seen.effect == "done" else [],
    }


def _named(ref: ObjectRef, catalog: Catalog) -> str:
    """The relation, index or type by its full name, as it stands in the catalog."""
    if ref.kind == "index":
        table = catalog.find(ref.relation.schema, ref.relation.name) if ref.relation else None
        return quote_qualified(table.schema if table else ref.schema, ref.name)
    if ref.kind == "type":
        schemas = (ref.schema,) if ref.schema is not None else catalog.search_path
        return quote_qualified(next((s for s in schemas if (s, ref.name) in catalog.types), ref.schema), ref.name)
    found = catalog.find(ref.schema, ref.name)
    return found.qualified if found is not None else quote_qualified(ref.schema, ref.name)


def _table(ref: ObjectRef, catalog: Catalog) -> str:
    assert ref.relation is not None
    found = catalog.find(ref.relation.schema, ref.relation.name)
    return found.qualified if found is not None else quote_qualified(ref.relation.schema, ref.relation.name)


def _undo(ref: ObjectRef, catalog: Catalog) -> str:
    """The statement that takes the object away again; '' where that is not one plain DROP."""
    name = quote_ident(ref.name)
    match ref.kind:
        case "column" | "constraint":
            return f"ALTER TABLE {_table(ref, catalog)} DROP {ref.kind.upper()} {name};"
        case "trigger":
            return f"DROP TRIGGER {name} ON {_table(ref, catalog)};"
        case "relation":
            found = catalog.find(ref.schema, ref.name)
            return f"DROP {_DROP[found.kind]} {found.qualified};" if found is not None and found.kind in _DROP else ""
        case "index":
            return f"DROP INDEX {_named(ref, catalog)};"
        case "type":
            known = [t for (_, n), t in catalog.types.items() if n == ref.name]
            return f"DROP {'DOMAIN' if known and known[0].kind == 'd' else 'TYPE'} {_named(ref, catalog)};"
        case "schema":
            return f"DROP SCHEMA {name};"
    return ""


def _check(ref: ObjectRef, catalog: Catalog) -> str:
    """An SQL row ``(kind, name, is it there)`` that asks without a lock; '' for what has no plain question."""
    name = quote_literal(ref.name)
    match ref.kind:
        case "column":
            table = quote_literal(_table(ref, catalog))
            asked = f"FROM pg_attribute WHERE attrelid = to_regclass({table}) AND attname = {name} AND NOT attisdropped"
        case "constraint" | "trigger":
            source, key, column = _CATALOGS[ref.kind]
            asked = (
                f"FROM {source} WHERE {key} = to_regclass({quote_literal(_table(ref, catalog))}) AND {column} = {name}"
            )
        case "index":
            asked = (
                f"FROM pg_index WHERE indexrelid = to_regclass({quote_literal(_named(ref, catalog))}) AND indisvalid"
            )
        case "relation":
            asked = f"FROM pg_class WHERE oid = to_regclass({quote_literal(_named(ref, catalog))})"
        case "type":
            asked = f"FROM pg_type WHERE oid = to_regtype({quote_literal(_named(ref, catalog))})"
        case "schema":
            asked = f"FROM pg_namespace WHERE nspname = {name}"
        case _:
            return ""
    return f"({quote_literal(ref.kind)}, {name}, EXISTS (SELECT {asked}))"
