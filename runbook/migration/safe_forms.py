"""A hazardous statement -> the safe sequence for it: with its own names and types, in batches by its primary key.

Each step is complete SQL. A step that may not run in a transaction begins with a comment that says so. None is returned
where no sequence is known to end in the same schema: better no recipe than a wrong one. Tests run every form on
servers.
"""

from __future__ import annotations

from typing import Any

from runbook.migration import runner_files
from runbook.migration.apply.tables import constraint_name, expression_text, index_of
from runbook.migration.ast import (
    AlterCommand,
    ColumnSpec,
    ConstraintSpec,
    alter_commands,
    column_spec,
    constraint_spec,
    enum_name,
    is_node,
    is_null,
    strings,
    unwrap,
)
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.model import Statement
from runbook.migration.safe_renames import rename
from runbook.sql import quote_ident, quote_literal, quote_qualified

LATER = "-- in a later transaction: it reads the table, and lets others write\n"
ALONE = f"{runner_files.ALONE}\n"
BATCH_ROWS = 5_000
PAUSE_S = 0.05
NOT_NULL_NOT_VALID = 18  # from this major a NOT NULL can itself be NOT VALID

_INDEX_HAZARDS = frozenset({"create-index-blocks-writes"})
_TABLE_HAZARDS = frozenset(
    {"table-rewrite", "scan-under-exclusive-lock", "foreign-key-locks-parent", "not-null-violation"}
)
_BRIEF_LOCK = "-- if it expires (55P03) nothing has happened: wait a little, and try again\n"


def safe_form(statement: Statement, catalog: Catalog, hazard: str, runner: str = "") -> tuple[str, ...] | None:
    """The steps that do what ``statement`` does without ``hazard``, with the runner's marks; None where none are known."""
    steps = _safe_form(statement, catalog, hazard)
    return runner_files.for_runner(steps, runner) if steps is not None else None


def _safe_form(statement: Statement, catalog: Catalog, hazard: str) -> tuple[str, ...] | None:
    node = statement.node
    if hazard == "not-allowed-in-transaction" and not is_node(node, "DoStmt", "TransactionStmt"):
        return (ALONE + statement.sql.rstrip().rstrip(";") + ";",)
    if hazard == "lock-queue-behind-waiting-ddl":
        return _with_lock_timeout(statement)
    if hazard == "exclusive-maintenance" and is_node(node, "RefreshMatViewStmt"):
        return _refresh(node, catalog)
    if hazard == "old-code-uses-removed-column" and is_node(node, "RenameStmt"):
        return rename(node, catalog)
    if hazard in _INDEX_HAZARDS:
        return _index(node, catalog)
    if hazard == "unbatched-backfill":
        return _batches_of(node, catalog)
    if hazard in _TABLE_HAZARDS and is_node(node, "AlterTableStmt"):
        return _alter_table(node, catalog)
    return None


def sql_of(node: Any) -> str:
    """A statement's node as SQL, with a semicolon."""
    from postgast.deparse import deparse
    from postgast.parse import parse

    tree = parse("SELECT 1")
    holder = tree.stmts[0].stmt
    holder.Clear()
    name = node.DESCRIPTOR.name
    field = next(f.name for f in holder.DESCRIPTOR.fields if f.message_type.name == name)
    getattr(holder, field).CopyFrom(node)
    return str(deparse(tree)).strip() + ";"


def _with_lock_timeout(statement: Statement) -> tuple[str, ...]:
    """The statement as it is, giving up before everybody behind it notices."""
    local = "LOCAL " if statement.in_transaction else ""
    steps = (f"SET {local}lock_timeout = '2s';", f"{_BRIEF_LOCK}{statement.sql.rstrip().rstrip(';')};")
    return steps if local else (*steps, "RESET lock_timeout;")


def _refresh(node: Any, catalog: Catalog) -> tuple[str, ...] | None:
    """REFRESH CONCURRENTLY, where a unique index allows it (matview.c, is_usable_unique_index)."""
    relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
    if relation is None or node.skip_data:
        return None
    if not any(i.unique and i.valid and not i.has_predicate and not i.has_expressions for i in relation.indexes):
        return None
    return (f"REFRESH MATERIALIZED VIEW CONCURRENTLY {_range_var(node.relation)};",)


# -- indexes ----------------------------------------------------------------------------------------------------------


def _index(node: Any, catalog: Catalog) -> tuple[str, ...] | None:
    if is_node(node, "IndexStmt"):
        return _create_index(node, catalog)
    if is_node(node, "ReindexStmt") and enum_name(node, "kind") in ("REINDEX_OBJECT_INDEX", "REINDEX_OBJECT_TABLE"):
        kind = "INDEX" if enum_name(node, "kind") == "REINDEX_OBJECT_INDEX" else "TABLE"
        return (f"{ALONE}REINDEX {kind} CONCURRENTLY {_range_var(node.relation)};",)
    if is_node(node, "DropStmt") and len(node.objects) == 1 and enum_name(node, "behavior") != "DROP_CASCADE":
        copied = type(node)()
        copied.CopyFrom(node)
        copied.concurrent = True
        return (ALONE + sql_of(copied),)
    return None


def _create_index(node: Any, catalog: Catalog) -> tuple[str, ...] | None:
    relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
    copied = type(node)()
    copied.CopyFrom(node)
    copied.if_not_exists = False
    if relation is None or relation.kind != "p":
        copied.concurrent = True
        return (ALONE + sql_of(copied),)
    if any(r is None or r.kind != "r" for r in (catalog.relations.get(k) for k in relation.children)):
        return None
    name = node.idxname or index_of(catalog, relation, node).name
    copied.idxname = name
    copied.relation.inh = False
    steps = [sql_of(copied)]
    for place, key in enumerate(relation.children, 1):
        part = type(node)()
        part.CopyFrom(node)
        part.if_not_exists = False
        part.idxname = f"{name[:52]}_p{place}"
        part.relation.schemaname, part.relation.relname = key
        part.relation.inh = True
        part.concurrent = True
        steps.append(ALONE + sql_of(part))
        steps.append(f"ALTER INDEX {quote_qualified(relation.schema, name)} ATTACH PARTITION "
                     f"{quote_qualified(key[0], part.idxname)};")  # fmt: skip
    return tuple(steps)


def _table(range_var: Any, catalog: Catalog) -> Relation | None:
    """The table; with nothing known of the server, one of the name as it is written."""
    found = catalog.find(range_var.schemaname or None, range_var.relname)
    if found is None and catalog.is_assumed:
        return Relation(range_var.schemaname, range_var.relname)
    return found


def _range_var(node: Any) -> str:
    return quote_qualified(node.schemaname or None, node.relname)


# -- ALTER TABLE ------------------------------------------------------------------------------------------------------


def _alter_table(node: Any, catalog: Catalog) -> tuple[str, ...] | None:
    """Each subcommand by itself: in its safe form where it has one, else as it is."""
    relation = _table(node.relation, catalog)
    if relation is None or relation.is_partition:
        return None
    if relation.kind != "p" and (relation.kind != "r" or relation.children):
        return None
    steps: list[str] = []
    changed = False
    for place, command in enumerate(alter_commands(node)):
        safe = _command(command, relation, catalog)
        if safe is not None:
            changed = True
            steps.extend(safe)
        elif _is_heavy(command) or (relation.kind == "p" and command.type in ("AT_AddConstraint", "AT_AddColumn")):
            return None
        else:
            one = type(node)()
            one.CopyFrom(node)
            del one.cmds[:]
            one.cmds.add().CopyFrom(node.cmds[place])
            steps.append(sql_of(one))
    return tuple(steps) if changed else None


def _is_heavy(command: AlterCommand) -> bool:
    """A subcommand without a safe form that is hazardous itself."""
    return command.type in (
        "AT_AlterColumnType",
        "AT_SetTableSpace",
        "AT_SetLogged",
        "AT_SetUnLogged",
        "AT_SetExpression",
    )


def _command(command: AlterCommand, relation: Relation, catalog: Catalog) -> list[str] | None:
    table = relation.qualified
    if relation.kind == "p" and not _spreads(command, catalog):
        return None
    match command.type:
        case "AT_AddConstraint":
            spec = constraint_spec(command.definition)
            return _constraint(spec, command, relation, catalog) if spec is not None else None
        case "AT_SetNotNull":
            return _not_null(table, command.name, relation, catalog)
        case "AT_AddColumn":
            return _column(column_spec(command.definition), command, relation, catalog)
        case "AT_AlterColumnType":
            return _type_change(command, relation, catalog)
    return None


def _spreads(command: AlterCommand, catalog: Catalog) -> bool:
    """Whether the safe form of a table reaches its partitions too: a CHECK and NOT NULL do, a FOREIGN KEY from 18 on."""
    if command.type == "AT_SetNotNull":
        return True
    spec = constraint_spec(command.definition) if command.type == "AT_AddConstraint" else None
    return spec is not None and (spec.kind == "c" or (spec.kind == "f" and catalog.major >= NOT_NULL_NOT_VALID))


def _constraint(spec: ConstraintSpec, command: AlterCommand, relation: Relation, catalog: Catalog) -> list[str] | None:
    table, name = relation.qualified, quote_ident(constraint_name(catalog, relation, spec))
    if spec.kind in ("f", "c") and not spec.not_valid and spec.enforced:
        return [
            f"ALTER TABLE {table} ADD CONSTRAINT {name} {_definition(spec)} NOT VALID;",
            f"{LATER}ALTER TABLE {table} VALIDATE CONSTRAINT {name};",
        ]
    if (
        spec.kind in ("u", "p")
        and spec.using_index is None
        and not spec.nulls_not_distinct
        and not spec.without_overlaps
    ):
        columns = ", ".join(quote_ident(c) for c in spec.columns)
        included = f" INCLUDE ({', '.join(quote_ident(c) for c in spec.including)})" if spec.including else ""
        index = name
        steps = [f"{ALONE}CREATE UNIQUE INDEX CONCURRENTLY {index} ON {table} ({columns}){included};"]
        word = "UNIQUE"
        if spec.kind == "p":
            word = "PRIMARY KEY"
            for column in spec.columns:
                known = relation.column(column)
                if known is None or not known.not_null:
                    steps.extend(_not_null(table, column, relation, catalog))
        deferrable = " DEFERRABLE" if spec.deferrable else ""
        steps.append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {word} USING INDEX {index}{deferrable};")
        return steps
    return None


_ACTIONS = {"a": "", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def _definition(spec: ConstraintSpec) -> str:
    """A CHECK or FOREIGN KEY as SQL."""
    if spec.kind == "c":
        inherit = " NO INHERIT" if spec.no_inherit else ""
        return f"CHECK ({expression_text(spec.expression)}){inherit}"
    assert spec.references is not None
    columns = ", ".join(quote_ident(c) for c in spec.columns)
    target = ", ".join(quote_ident(c) for c in spec.referenced_columns)
    parts = [f"FOREIGN KEY ({columns}) REFERENCES {spec.references}" + (f" ({target})" if target else "")]
    if spec.node.fk_matchtype == "f":
        parts.append("MATCH FULL")
    if _ACTIONS.get(spec.on_update):
        parts.append(f"ON UPDATE {_ACTIONS[spec.on_update]}")
    if _ACTIONS.get(spec.on_delete):
        some = f" ({', '.join(quote_ident(c) for c in spec.set_columns)})" if spec.set_columns else ""
        parts.append(f"ON DELETE {_ACTIONS[spec.on_delete]}{some}")
    if spec.deferrable:
        parts.append("DEFERRABLE" + (" INITIALLY DEFERRED" if spec.node.initdeferred else ""))
    return " ".join(parts)


def _not_null(table: str, column: str, relation: Relation, catalog: Catalog) -> list[str]:
    """SET NOT NULL whose scan blocks nobody: through a CHECK, or from 18 on through NOT NULL ... NOT VALID."""
    plain = quote_ident(column)
    name = quote_ident(f"{relation.name[:40]}_{column[:12]}_not_null")
    if catalog.major >= NOT_NULL_NOT_VALID:
        return [
            f"ALTER TABLE {table} ADD CONSTRAINT {name} NOT NULL {plain} NOT VALID;",
            f"{LATER}ALTER TABLE {table} VALIDATE CONSTRAINT {name};",
        ]
    return [
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({plain} IS NOT NULL) NOT VALID;",
        f"{LATER}ALTER TABLE {table} VALIDATE CONSTRAINT {name};",
        f"ALTER TABLE {table} ALTER COLUMN {plain} SET NOT NULL;",
        f"ALTER TABLE {table} DROP CONSTRAINT {name};",
    ]


def _column(spec: ColumnSpec, command: AlterCommand, relation: Relation, catalog: Catalog) -> list[str] | None:
    """ADD COLUMN with a volatile default:

    nullable first, then the default, then the old rows in batches, then NOT NULL.
    """
    plain_kinds = {"default", "n", "null"}
    if spec.type is not None and spec.type.is_serial:
        return _serial(spec, relation, catalog)
    if spec.type is None or spec.default is None or is_null(spec.default):
        return None
    if any(c.kind not in plain_kinds for c in spec.constraints) or relation.column(spec.name) is not None:
        return None
    keys = primary_key(relation)
    if not keys:
        return None
    from runbook.migration.effects.volatility import volatility

    if not volatility(spec.default, catalog).volatile:
        return None
    table, column = relation.qualified, quote_ident(spec.name)
    default = expression_text(spec.default)
    steps = [
        f"ALTER TABLE {table} ADD COLUMN {column} {_type_sql(command.definition.type_name)};",
        f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default};",
        _loop(relation, keys, f"UPDATE {table} SET {column} = {default}", f"{table}.{column} IS NULL", table),
    ]
    if spec.not_null:
        steps.extend(_not_null(table, spec.name, relation, catalog))
    return steps


_SERIAL = {"smallserial": "smallint", "serial2": "smallint", "serial": "integer", "serial4": "integer",
           "bigserial": "bigint", "serial8": "bigint"}  # fmt: skip


def _serial(spec: ColumnSpec, relation: Relation, catalog: Catalog) -> list[str] | None:
    """A serial column by its parts (parse_utilcmd.c, transformColumnDefinition), with the old rows in batches."""
    keys = primary_key(relation)
    assert spec.type is not None
    kind = _SERIAL.get(spec.type.name)
    if kind is None or not keys or spec.constraints or relation.column(spec.name) is not None:
        return None
    sequence_name = f"{relation.name}_{spec.name}_seq"
    if len(sequence_name) > 63 or (relation.schema, sequence_name) in catalog.relations:
        return None
    table, column = relation.qualified, quote_ident(spec.name)
    sequence = quote_qualified(relation.schema or None, sequence_name)
    default = f"nextval({quote_literal(sequence)}::regclass)"
    return [
        f"ALTER TABLE {table} ADD COLUMN {column} {kind};",
        f"CREATE SEQUENCE {sequence} AS {kind} OWNED BY {table}.{column};",
        f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default};",
        _loop(relation, keys, f"UPDATE {table} SET {column} = {default}", f"{table}.{column} IS NULL", table),
        *_not_null(table, spec.name, relation, catalog),
    ]


def _type_sql(type_name: Any) -> str:
    from postgast.deparse import deparse
    from postgast.parse import parse

    tree = parse("SELECT NULL::int")
    cast = tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val.type_cast
    cast.type_name.CopyFrom(type_name)
    return str(deparse(tree)).split("::", 1)[1].strip()


def _type_change(command: AlterCommand, relation: Relation, catalog: Catalog) -> list[str] | None:
    """Another column of the new type is kept in step, filled in batches, and takes the old one's name."""
    name = command.name
    known = relation.column(name)
    keys = primary_key(relation)
    if known is None or not keys or name in keys or known.has_default or known.identity or known.generated:
        return None
    if any(name in i.columns or name in i.included or name in (i.expression_columns or ()) for i in relation.indexes):
        return None
    if any(name in c.columns and c.kind != "n" for c in relation.constraints):
        return None
    if any(d.column == name for d in relation.dependants):
        return None
    kind = _type_sql(command.definition.type_name)
    using = command.definition.raw_default if command.definition.HasField("raw_default") else None
    if using is not None and any(is_node(n, "SubLink") for n in [unwrap(using)]):
        return None
    table, old = relation.qualified, quote_ident(name)
    new, kept = quote_ident(f"{name[:55]}_new"), quote_ident(f"{name[:55]}_old")
    value = f"({expression_text(unwrap(using))})::{kind}" if using is not None else f"{old}::{kind}"
    for_new_row = _of_row(unwrap(using), name, kind) if using is not None else f"NEW.{old}::{kind}"
    if for_new_row is None:
        return None
    function = quote_qualified(relation.schema, f"{relation.name[:30]}_{name[:20]}_in_step")
    trigger = quote_ident(f"{relation.name[:30]}_{name[:20]}_in_step")
    body = f"BEGIN NEW.{new} := {for_new_row}; RETURN NEW; END"
    steps = [
        f"ALTER TABLE {table} ADD COLUMN {new} {kind};",
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS {quote_literal(body)};",
        f"CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}();",
        _loop(relation, keys, f"UPDATE {table} SET {new} = {value}", f"{new} IS NULL AND {old} IS NOT NULL", table),
    ]
    if known.not_null:
        steps.extend(_not_null(table, f"{name[:55]}_new", relation, catalog))
    steps.append(
        f"-- in one transaction\nBEGIN;\nDROP TRIGGER {trigger} ON {table};\n"
        f"ALTER TABLE {table} RENAME COLUMN {old} TO {kept};\n"
        f"ALTER TABLE {table} RENAME COLUMN {new} TO {old};\nCOMMIT;"
    )
    steps.append(f"DROP FUNCTION {function}();")
    steps.append(f"-- when no running code needs it\nALTER TABLE {table} DROP COLUMN {kept};")
    return steps


def _of_row(using: Any, name: str, kind: str) -> str | None:
    """USING with its columns taken from NEW."""
    from runbook.migration.ast import walk

    copied = type(using)()
    copied.CopyFrom(using)
    for node in walk(copied):
        if is_node(node, "ColumnRef"):
            parts = strings(node.fields)
            if not parts:
                return None
            del node.fields[:]
            for part in ("new", parts[-1]):
                node.fields.add().string.sval = part
    return f"({expression_text(copied)})::{kind}"


# -- batches ----------------------------------------------------------------------------------------------------------


def primary_key(relation: Relation) -> tuple[str, ...]:
    """The columns of the primary key, else of a unique index over columns that are NOT NULL;

    empty where there is none.
    """
    for index in sorted(relation.indexes, key=lambda i: not i.primary):
        columns = tuple(c for c in index.columns if c is not None)
        usable = index.unique and index.valid and not index.has_predicate and len(columns) == len(index.columns)
        if (
            usable
            and index.method == "btree"
            and all((c := relation.column(n)) is not None and c.not_null for n in columns)
        ):
            return columns
    return ()


def _batches_of(node: Any, catalog: Catalog) -> tuple[str, ...] | None:
    """A whole-table UPDATE or DELETE as a walk along the primary key, each batch committed."""
    if (
        not is_node(node, "UpdateStmt", "DeleteStmt")
        or node.HasField("with_clause")
        or node.HasField("returning_clause")
    ):
        return None
    relation = catalog.find(node.relation.schemaname or None, node.relation.relname)
    if relation is None or relation.kind not in ("r", "p") or (relation.kind == "r" and relation.children):
        return None
    keys = primary_key(relation)
    joined = node.from_clause if is_node(node, "UpdateStmt") else node.using_clause
    if joined:
        return None
    if not keys:
        return _delete_without_key(node, relation)
    if is_node(node, "UpdateStmt") and any(unwrap(t).name in keys for t in node.target_list):
        return None
    copied = type(node)()
    copied.CopyFrom(node)
    condition = expression_text(unwrap(node.where_clause)) if node.HasField("where_clause") else ""
    copied.ClearField("where_clause")
    title = node.relation.alias.aliasname if node.relation.HasField("alias") else node.relation.relname
    alias = quote_ident(title) if node.relation.HasField("alias") else _range_var(node.relation)
    return (_loop(relation, keys, sql_of(copied).rstrip(";"), condition, alias),)


def _delete_without_key(node: Any, relation: Relation) -> tuple[str, ...] | None:
    """DELETE by physical place: a row that is gone is not found again, which an updated one would be."""
    if not is_node(node, "DeleteStmt") or relation.kind != "r" or node.relation.HasField("alias"):
        return None
    condition = f" WHERE {expression_text(unwrap(node.where_clause))}" if node.HasField("where_clause") else ""
    table = relation.qualified
    return (
        f"{ALONE}DO $batches$\nBEGIN\n    LOOP\n"
        f"        DELETE FROM {table} WHERE ctid = ANY (ARRAY(\n"
        f"            SELECT ctid FROM {table}{condition} LIMIT {BATCH_ROWS} FOR UPDATE));\n"
        f"        EXIT WHEN NOT FOUND;\n"
        f"        COMMIT;\n"
        f"        PERFORM pg_sleep({PAUSE_S});\n"
        f"    END LOOP;\nEND\n$batches$;",
    )


def _loop(relation: Relation, keys: tuple[str, ...], change: str, condition: str, alias: str) -> str:
    """A DO block that walks along the key, changes a batch, commits, rests a moment, and goes on."""
    table = relation.qualified
    marks = [f"last_{n}" for n in range(1, len(keys) + 1)]
    columns = [quote_ident(k) for k in keys]
    declare = "\n".join(f"    {mark} {table}.{column}%TYPE;" for mark, column in zip(marks, columns, strict=True))
    named = ", ".join(f"{c} AS key_{n}" for n, c in enumerate(columns, 1))
    order = ", ".join(columns)
    after = f"({', '.join(columns)}) > ({', '.join(marks)})"
    joined = " AND ".join(f"{alias}.{c} = batch.key_{n}" for n, c in enumerate(columns, 1))
    where = f"{joined} AND ({condition})" if condition else joined
    join_word = "USING" if change.startswith("DELETE") else "FROM"
    last = ", ".join(f"key_{n}" for n in range(1, len(keys) + 1))
    newest = ", ".join(f"key_{n} DESC" for n in range(1, len(keys) + 1))
    return (
        f"{ALONE}DO $batches$\nDECLARE\n{declare}\nBEGIN\n    LOOP\n"
        f"        WITH batch AS MATERIALIZED (\n"
        f"            SELECT {named} FROM {table}\n"
        f"             WHERE {marks[0]} IS NULL OR {after}\n"
        f"             ORDER BY {order} LIMIT {BATCH_ROWS}\n"
        f"        ), changed AS (\n"
        f"            {change} {join_word} batch WHERE {where} RETURNING 1\n"
        f"        )\n"
        f"        SELECT {last} INTO {', '.join(marks)} FROM batch ORDER BY {newest} LIMIT 1;\n"
        f"        EXIT WHEN NOT FOUND;\n"
        f"        COMMIT;\n"
        f"        PERFORM pg_sleep({PAUSE_S});\n"
        f"    END LOOP;\nEND\n$batches$;"
    )
