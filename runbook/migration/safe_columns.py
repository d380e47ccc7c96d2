"""A column that another one takes the place of: kept in step, filled in batches, with all that hangs on the first.

Used for a change of type (the new column takes the old one's name) and for a rename (both names work meanwhile). What
differs at the end is the place of the column among the others, and nothing else; None where that cannot be promised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runbook.migration.ast import AlterCommand, is_node, strings, unwrap, walk
from runbook.migration.catalog import Catalog, Column, Constraint, Index, Relation
from runbook.migration.deparse import expression_text, type_sql
from runbook.migration.safe_batches import loop, primary_key
from runbook.migration.safe_parts import ALONE, LATER, not_null, not_null_name, with_ending
from runbook.sql import quote_ident, quote_literal, quote_qualified

_ACTIONS = {"r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_INTEGERS = {
    "smallint": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "int": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
}


@dataclass(frozen=True, slots=True)
class Twin:
    """What a column needs to take another's place. ``beside``: steps that no one waits for; ``swap``: statements of the

    transaction that ends it, in order, before the names change; ``after``: those for when they have changed.
    """

    beside: tuple[str, ...]
    swap: tuple[str, ...]
    after: tuple[str, ...]


def type_change(command: AlterCommand, relation: Relation, catalog: Catalog) -> list[str] | None:
    """ALTER COLUMN ... TYPE: another column of the new type takes the old one's name."""
    name = command.name
    kind = type_sql(command.definition.type_name)
    using = unwrap(command.definition.raw_default) if command.definition.HasField("raw_default") else None
    if using is not None and any(is_node(n, "SubLink") for n in (using, *walk(using))):
        return None
    if _has_checked_domain(command, catalog):
        return None
    new, kept = with_ending(name, "_new"), with_ending(name, "_old")
    made = twin(relation, catalog, name, new, kind)
    if made is None or relation.column(kept) is not None:
        return None
    old_sql, new_sql, kept_sql = quote_ident(name), quote_ident(new), quote_ident(kept)
    # Without a cast, as ALTER does it: an assignment refuses what is too long, a cast would cut it off.
    value = f"({expression_text(using)})" if using is not None else old_sql
    of_row = _of_row(using) if using is not None else f"NEW.{old_sql}"
    if of_row is None:
        return None
    table = relation.qualified
    collation = _collation(command.definition)
    keys = primary_key(relation)
    todo = f"{new_sql} IS NULL" if using is not None else f"{new_sql} IS NULL AND {old_sql} IS NOT NULL"
    add, trigger, function = _kept_in_step(
        relation, name, new, kind + collation, f"NEW.{new_sql} := {of_row};", "another type"
    )
    known = relation.column(name)
    free = (
        [f"ALTER TABLE {table} ALTER COLUMN {old_sql} DROP NOT NULL;"] if known is not None and known.not_null else []
    )
    swap = [
        f"DROP TRIGGER {trigger} ON {table};",
        *made.swap,
        *free,
        f"ALTER TABLE {table} RENAME COLUMN {old_sql} TO {kept_sql};",
        f"ALTER TABLE {table} RENAME COLUMN {new_sql} TO {old_sql};",
        *made.after,
    ]
    return [
        *add,
        loop(relation, keys, f"UPDATE {table} SET {new_sql} = {value}", todo, table),
        *made.beside,
        _transaction("in one transaction", swap),
        f"DROP FUNCTION {function}();",
        f"-- when no running code needs it\nALTER TABLE {table} DROP COLUMN {kept_sql};",
    ]


def rename_column(relation: Relation, old: str, new: str, catalog: Catalog) -> tuple[str, ...] | None:
    """RENAME COLUMN: both names can be read and written until the last step; a trigger copies the one to the other."""
    known = relation.column(old)
    kind = type_text(known) if known is not None else None
    if known is None or kind is None or relation.kind != "r" or relation.children or relation.is_partition:
        return None
    if relation.column(new) is not None:
        return None
    made = twin(relation, catalog, old, new, kind)
    if made is None:
        return None
    table, old_sql, new_sql = relation.qualified, quote_ident(old), quote_ident(new)
    collation = f" COLLATE {quote_ident(known.collation)}" if known.collation else ""
    body = (
        f"IF TG_OP = 'INSERT' THEN\n"
        f"        IF NEW.{new_sql} IS NULL THEN NEW.{new_sql} := NEW.{old_sql};\n"
        f"        ELSE NEW.{old_sql} := NEW.{new_sql}; END IF;\n"
        f"    ELSIF NEW.{new_sql} IS DISTINCT FROM OLD.{new_sql} THEN NEW.{old_sql} := NEW.{new_sql};\n"
        f"    ELSE NEW.{new_sql} := NEW.{old_sql}; END IF;"
    )
    add, trigger, function = _kept_in_step(relation, old, new, kind + collation, body, "its new name")
    todo = f"{new_sql} IS NULL AND {old_sql} IS NOT NULL"
    end = [
        f"DROP TRIGGER {trigger} ON {table};",
        *made.swap,
        f"ALTER TABLE {table} DROP COLUMN {old_sql};",
        *made.after,
    ]
    return (
        *add,
        loop(relation, primary_key(relation), f"UPDATE {table} SET {new_sql} = {old_sql}", todo, table),
        *made.beside,
        _transaction(f"release code that reads and writes only {new_sql}; when nothing uses {old_sql} any more", end),
        f"DROP FUNCTION {function}();",
    )


def _transaction(mark: str, statements: list[str]) -> str:
    inside = "\n".join(statements)
    return f"-- {mark}\nBEGIN;\nSET LOCAL lock_timeout = '2s';\n{inside}\nCOMMIT;"


def _kept_in_step(
    relation: Relation, old: str, new: str, kind: str, body: str, what: str
) -> tuple[list[str], str, str]:
    """The steps that add the column and the trigger; the trigger's and the function's name."""
    base = with_ending(f"zz_{relation.name[:28]}_{old[:20]}", "_in_step")  # the last BEFORE trigger by name
    trigger, function = quote_ident(base), quote_qualified(relation.schema, base)
    table = relation.qualified
    published = ""
    if relation.publications:
        published = f"-- published: add the column on every subscriber first, or replication stops ({what})\n"
    return (
        [
            f"{published}ALTER TABLE {table} ADD COLUMN {quote_ident(new)} {kind};",
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
            f"{quote_literal(f'BEGIN {body} RETURN NEW; END')};",
            f"CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}();",
        ],
        trigger,
        function,
    )


# -- what hangs on a column -------------------------------------------------------------------------------------------


def twin(relation: Relation, catalog: Catalog, old: str, new: str, kind: str) -> Twin | None:
    """What hangs on ``old`` made again on ``new``; None where the catalog does not hold all of it."""
    known = relation.column(old)
    if known is None or known.generated or known.inherited or known.customised or not primary_key(relation):
        return None
    if relation.column(new) is not None or any(d.column == old and not _is_key(d.kind) for d in relation.dependants):
        return None
    table = relation.qualified
    names: Callable[[str], str] = lambda c: new if c == old else c  # noqa: E731
    beside: list[str] = []
    swap: list[str] = []
    after: list[str] = []
    if known.not_null:
        beside += not_null(table, new, relation, catalog)
    indexes = [i for i in relation.indexes if old in (*i.columns, *i.included, *(i.expression_columns or ()))]
    checks = [c for c in relation.constraints if c.kind == "c" and old in c.columns]
    if any(c.kind not in "pufcn" and old in c.columns for c in relation.constraints):
        return None
    foreign = _foreign_keys(relation, old, catalog)
    if foreign is None or not all(i.plain and i.valid and i.schema in (None, relation.schema) for i in indexes):
        return None
    if any(c.expression is None or not c.validated or not c.enforced or c.inherited for c in checks):
        return None

    for owner, key in foreign:
        fresh = with_ending(key.name, "_new")
        same = owner.key == relation.key
        own = [names(c) if same else c for c in key.columns]
        target = [names(c) if key.references == relation.key else c for c in key.referenced_columns]
        beside.append(
            f"ALTER TABLE {owner.qualified} ADD CONSTRAINT {quote_ident(fresh)} {_foreign(key, own, target)} NOT VALID;"
        )
        if key.validated:
            beside.append(f"{LATER}ALTER TABLE {owner.qualified} VALIDATE CONSTRAINT {quote_ident(fresh)};")
        swap.append(f"ALTER TABLE {owner.qualified} DROP CONSTRAINT {quote_ident(key.name)};")
        after.append(
            f"ALTER TABLE {owner.qualified} RENAME CONSTRAINT {quote_ident(fresh)} TO {quote_ident(key.name)};"
        )
    built: list[str] = []
    for index in indexes:
        fresh = with_ending(index.name, "_new")
        if (relation.schema, fresh) in catalog.relations:
            return None
        built.append(_index_beside(relation, index, fresh, names))
        swap += _index_swapped(relation, index, fresh)
    for check in checks:
        fresh = with_ending(check.name, "_new")
        text = _check(check, old, new)
        beside.append(f"ALTER TABLE {table} ADD CONSTRAINT {quote_ident(fresh)} {text} NOT VALID;")
        beside.append(f"{LATER}ALTER TABLE {table} VALIDATE CONSTRAINT {quote_ident(fresh)};")
        swap.append(f"ALTER TABLE {table} DROP CONSTRAINT {quote_ident(check.name)};")
        after.append(f"ALTER TABLE {table} RENAME CONSTRAINT {quote_ident(fresh)} TO {quote_ident(check.name)};")
    values = _values(relation, known, new, kind, catalog)
    if values is None:
        return None
    swap += values
    named = next((c.name for c in relation.constraints if c.kind == "n" and c.columns == (old,)), None)
    if named is not None:
        made = quote_ident(not_null_name(relation, new))
        after.append(f"ALTER TABLE {table} RENAME CONSTRAINT {made} TO {quote_ident(named)};")
    return Twin((*built, *beside), tuple(swap), tuple(after))


def _is_key(kind: str) -> bool:
    """Dependants that ``twin`` makes again from the catalog: foreign keys to the column, indexes, its sequence."""
    return kind in ("constraint", "index", "sequence")


def _foreign_keys(relation: Relation, name: str, catalog: Catalog) -> list[tuple[Relation, Constraint]] | None:
    """The foreign keys from and to the column with their tables; None where one cannot be made again beside itself."""
    found = [(relation, c) for c in relation.constraints if c.kind == "f" and name in c.columns]
    for key, constraint in catalog.referencing.get(relation.key, ()):
        owner = catalog.relations[key]
        if name in constraint.referenced_columns and (owner, constraint) not in found:
            found.append((owner, constraint))
    for owner, constraint in found:
        target = catalog.relations.get(constraint.references) if constraint.references is not None else None
        subset = constraint.on_delete in "nd" and len(constraint.columns) > 1  # SET NULL (columns) is not read
        if owner.kind != "r" or owner.is_partition or target is None or target.kind != "r":
            return None
        if subset or constraint.period or constraint.inherited or not constraint.enforced:
            return None
    return found


def _foreign(key: Constraint, columns: list[str], target: list[str]) -> str:
    assert key.references is not None
    parts = [
        f"FOREIGN KEY ({', '.join(quote_ident(c) for c in columns)}) REFERENCES "
        f"{quote_qualified(*key.references)} ({', '.join(quote_ident(c) for c in target)})"
    ]
    if key.match_full:
        parts.append("MATCH FULL")
    if key.on_update in _ACTIONS:
        parts.append(f"ON UPDATE {_ACTIONS[key.on_update]}")
    if key.on_delete in _ACTIONS:
        parts.append(f"ON DELETE {_ACTIONS[key.on_delete]}")
    return " ".join(parts) + _when(key)


def _when(constraint: Constraint) -> str:
    if not constraint.deferrable:
        return ""
    return " DEFERRABLE INITIALLY DEFERRED" if constraint.deferred else " DEFERRABLE"


def _index_beside(relation: Relation, index: Index, fresh: str, names: Callable[[str], str]) -> str:
    columns = ", ".join(quote_ident(names(c)) for c in index.columns if c is not None)
    included = f" INCLUDE ({', '.join(quote_ident(names(c)) for c in index.included)})" if index.included else ""
    unique = "UNIQUE " if index.unique else ""
    table = relation.qualified
    return f"{ALONE}CREATE {unique}INDEX CONCURRENTLY {quote_ident(fresh)} ON {table} ({columns}){included};"


def _index_swapped(relation: Relation, index: Index, fresh: str) -> list[str]:
    table, name = relation.qualified, quote_ident(index.name)
    backed = next((c for c in relation.constraints if c.kind in "pu" and c.index == index.name), None)
    if backed is None:
        return [
            f"DROP INDEX {quote_qualified(relation.schema, index.name)};",
            f"ALTER INDEX {quote_qualified(relation.schema, fresh)} RENAME TO {name};",
        ]
    word = "PRIMARY KEY" if backed.kind == "p" else "UNIQUE"
    return [
        f"ALTER TABLE {table} DROP CONSTRAINT {name};",
        f"ALTER TABLE {table} ADD CONSTRAINT {name} {word} USING INDEX {quote_ident(fresh)}{_when(backed)};",
    ]


def _check(check: Constraint, old: str, new: str) -> str:
    """The CHECK over the new column: its text as the server wrote it, read again, as ALTER TYPE does."""
    from postgast.deparse import deparse
    from postgast.parse import parse

    tree = parse(f"ALTER TABLE t ADD {check.expression}")
    for node in walk(tree.stmts[0].stmt):
        if is_node(node, "ColumnRef") and strings(node.fields)[-1:] == (old,):
            del node.fields[:]
            node.fields.add().string.sval = new
    return str(deparse(tree)).split(" ADD ", 1)[1].strip()


# -- defaults, sequences and identity ---------------------------------------------------------------------------------


def _values(relation: Relation, known: Column, new: str, kind: str, catalog: Catalog) -> list[str] | None:
    """What gives the column its values without being asked, moved to the new one inside the last transaction."""
    table, old_sql, new_sql = relation.qualified, quote_ident(known.name), quote_ident(new)
    owned = [
        catalog.relations[k]
        for k in catalog.owned_sequences.get(relation.key, ())
        if catalog.relations[k].owned_by == (relation.key, known.name)
    ]
    if known.identity:
        return _identity(relation, known, new, kind, owned[0]) if len(owned) == 1 and kind in _INTEGERS else None
    moved: list[str] = []
    if known.has_default:
        start = quote_literal(f"ALTER TABLE {table} ALTER COLUMN {new_sql} SET DEFAULT ")
        lookup = (
            f"SELECT {start} || pg_get_expr(d.adbin, d.adrelid)\n"
            f"        FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum\n"
            f"       WHERE a.attrelid = {quote_literal(table)}::regclass AND a.attname = {quote_literal(known.name)}"
        )
        moved.append(f"DO $default$\nBEGIN\n    EXECUTE (\n      {lookup});\nEND\n$default$;")
    moved += [f"ALTER SEQUENCE {s.qualified} OWNED BY {table}.{new_sql};" for s in owned]
    if known.has_default:
        moved.append(f"ALTER TABLE {table} ALTER COLUMN {old_sql} DROP DEFAULT;")
    return moved


def _identity(relation: Relation, known: Column, new: str, kind: str, sequence: Relation) -> list[str] | None:
    """An identity's sequence cannot change its column: it is made again with the same name, options and place.

    The bounds that are the old type's become the new one's, as in ALTER SEQUENCE ... AS.
    """
    if known.type not in _INTEGERS:
        return None
    (low, high), (new_low, new_high) = _INTEGERS[known.type], _INTEGERS[kind]
    table, old_sql = relation.qualified, quote_ident(known.name)
    when = "ALWAYS" if known.identity == "a" else "BY DEFAULT"
    text = (
        f"ALTER TABLE {table} ALTER COLUMN {quote_ident(new)} ADD GENERATED {when} AS IDENTITY "
        f"(SEQUENCE NAME {sequence.qualified} "
    ).replace("%", "%%") + "START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s %s)"
    name = quote_literal(sequence.qualified)
    return [
        f"DO $identity$\nDECLARE\n    s pg_catalog.pg_sequence;\n    place bigint;\n    used boolean;\nBEGIN\n"
        f"    SELECT * INTO s FROM pg_catalog.pg_sequence WHERE seqrelid = {name}::regclass;\n"
        f"    SELECT last_value, is_called INTO place, used FROM {sequence.qualified};\n"
        f"    ALTER TABLE {table} ALTER COLUMN {old_sql} DROP IDENTITY;\n"
        f"    EXECUTE format({quote_literal(text)},\n"
        f"        s.seqstart, s.seqincrement,\n"
        f"        CASE s.seqmin WHEN {low} THEN {new_low} ELSE s.seqmin END,\n"
        f"        CASE s.seqmax WHEN {high} THEN {new_high} ELSE s.seqmax END,\n"
        f"        s.seqcache, CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END);\n"
        f"    PERFORM setval({name}, place, used);\nEND\n$identity$;"
    ]


# -- types and expressions --------------------------------------------------------------------------------------------


def type_text(column: Column) -> str | None:
    """A column's type as SQL with its modifiers (format_type); None for modifiers that only the type knows."""
    kind, mod = column.type, column.typmod
    if mod < 0:
        return kind
    if kind in ("character varying", "character"):
        return f"{kind}({mod - 4})"
    if kind == "numeric":
        scale = (mod - 4) & 0x7FF
        return f"numeric({(mod - 4) >> 16 & 0xFFFF},{scale - 2048 if scale >= 1024 else scale})"
    if kind in ("bit", "bit varying"):
        return f"{kind}({mod})"
    for word in ("timestamp", "time"):
        if kind.startswith(f"{word} "):
            return kind.replace(word, f"{word}({mod})", 1)
    return None


def _has_checked_domain(command: AlterCommand, catalog: Catalog) -> bool:
    """A domain with a constraint: ADD COLUMN of it reads the table."""
    parts = strings(command.definition.type_name.names)
    return any(t.kind == "d" and (t.has_constraints or t.not_null or t.has_default)
               for (schema, name), t in catalog.types.items() if name == parts[-1])  # fmt: skip


def _collation(definition: Any) -> str:
    if not definition.HasField("coll_clause"):
        return ""
    *schema, name = strings(definition.coll_clause.collname)
    return f" COLLATE {quote_qualified(schema[-1] if schema else None, name)}"


def _of_row(using: Any) -> str | None:
    """USING with its columns taken from NEW."""
    copied = type(using)()
    copied.CopyFrom(using)
    for node in (copied, *walk(copied)):
        if is_node(node, "ColumnRef"):
            parts = strings(node.fields)
            if not parts:
                return None
            del node.fields[:]
            for part in ("new", parts[-1]):
                node.fields.add().string.sval = part
    return f"({expression_text(copied)})"
