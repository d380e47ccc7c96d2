"""A hazardous statement -> the safe sequence for it: with its own names and types, in batches by its primary key.

Each step is complete SQL. A step that may not run in a transaction begins with a comment that says so. None is returned
where no sequence is known to end in the same schema: better no recipe than a wrong one. Tests run every form on
servers.
"""

from __future__ import annotations

from typing import Any

from runbook.migration import runner_files
from runbook.migration.apply.tables import constraint_name, index_of
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
)
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.deparse import expression_text, type_sql
from runbook.migration.model import Statement
from runbook.migration.revise import replace
from runbook.migration.safe_batches import batches_of, loop, primary_key
from runbook.migration.safe_columns import type_change
from runbook.migration.safe_parts import ALONE, LATER, NOT_NULL_NOT_VALID, not_null, sql_of
from runbook.migration.safe_renames import rename
from runbook.sql import quote_ident, quote_literal, quote_qualified

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
        return batches_of(node, catalog)
    if hazard in _TABLE_HAZARDS and is_node(node, "AlterTableStmt"):
        return _alter_table(node, catalog)
    return None


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
            return not_null(table, command.name, relation, catalog)
        case "AT_AddColumn":
            return _column(column_spec(command.definition), command, relation, catalog)
        case "AT_AlterColumnType":
            return type_change(command, relation, catalog)
    return None


def _spreads(command: AlterCommand, catalog: Catalog) -> bool:
    """Whether the safe form of a table reaches its partitions too: a CHECK and NOT NULL do, a FOREIGN KEY from 18 on."""
    if command.type == "AT_SetNotNull":
        return True
    spec = constraint_spec(command.definition) if command.type == "AT_AddConstraint" else None
    return spec is not None and (spec.kind in "cup" or (spec.kind == "f" and catalog.major >= NOT_NULL_NOT_VALID))


def _constraint(spec: ConstraintSpec, command: AlterCommand, relation: Relation, catalog: Catalog) -> list[str] | None:
    table, name = relation.qualified, quote_ident(constraint_name(catalog, relation, spec))
    if spec.kind in ("f", "c") and not spec.not_valid and spec.enforced:
        return [
            f"ALTER TABLE {table} ADD CONSTRAINT {name} {_definition(spec)} NOT VALID;",
            f"{LATER}ALTER TABLE {table} VALIDATE CONSTRAINT {name};",
        ]
    if spec.kind in ("u", "p") and relation.kind == "p":
        return _key_of_partitions(spec, name, relation, catalog)
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
                    steps.extend(not_null(table, column, relation, catalog))
        deferrable = " DEFERRABLE" if spec.deferrable else ""
        if spec.deferrable and spec.node.initdeferred:
            deferrable += " INITIALLY DEFERRED"
        steps.append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {word} USING INDEX {index}{deferrable};")
        return steps
    return None


def _key_of_partitions(spec: ConstraintSpec, name: str, relation: Relation, catalog: Catalog) -> list[str] | None:
    """The key on the parent alone, which is invalid, then on each partition by an index built beforehand, then attached."""
    parts = [catalog.relations.get(k) for k in relation.children]
    if not parts or spec.using_index is not None or spec.nulls_not_distinct or spec.without_overlaps or spec.including:
        return None
    if spec.kind == "p" and not all((c := relation.column(n)) is not None and c.not_null for n in spec.columns):
        return None
    word, columns = "PRIMARY KEY" if spec.kind == "p" else "UNIQUE", ", ".join(quote_ident(c) for c in spec.columns)
    when = ""
    if spec.deferrable:
        when = " DEFERRABLE" + (" INITIALLY DEFERRED" if spec.node.initdeferred else "")
    steps = [f"ALTER TABLE ONLY {relation.qualified} ADD CONSTRAINT {name} {word} ({columns}){when};"]
    parent = f"{quote_ident(relation.schema)}.{name}"
    for part in parts:
        if part is None or part.kind != "r" or (spec.kind == "p" and any(i.primary for i in part.indexes)):
            return None
        index = constraint_name(catalog, part, replace(spec, name=None))
        table, named = part.qualified, quote_ident(index)
        steps += [
            f"{ALONE}CREATE UNIQUE INDEX CONCURRENTLY {named} ON {table} ({columns});",
            f"ALTER TABLE {table} ADD CONSTRAINT {named} {word} USING INDEX {named}{when};",
            f"ALTER INDEX {parent} ATTACH PARTITION {quote_qualified(part.schema, index)};",
        ]
    return steps


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
        f"ALTER TABLE {table} ADD COLUMN {column} {type_sql(command.definition.type_name)};",
        f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default};",
        loop(relation, keys, f"UPDATE {table} SET {column} = {default}", f"{table}.{column} IS NULL", table),
    ]
    if spec.not_null:
        steps.extend(not_null(table, spec.name, relation, catalog))
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
        loop(relation, keys, f"UPDATE {table} SET {column} = {default}", f"{table}.{column} IS NULL", table),
        *not_null(table, spec.name, relation, catalog),
    ]
