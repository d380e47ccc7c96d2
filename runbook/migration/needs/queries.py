"""Rights that queries and the writing of rows require."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.migration import ast
from runbook.migration.ast import Name, enum_name
from runbook.migration.catalog import Catalog, Relation
from runbook.migration.needs.objects import find, on_relation
from runbook.migration.rights import Need, relation_need

_PRIVILEGES = {"read": "SELECT", "insert": "INSERT", "update": "UPDATE", "delete": "DELETE", "truncate": "TRUNCATE"}


def query(node: Any, catalog: Catalog) -> Iterator[Need]:
    for use in ast.relations_used(node):
        if use.use in _PRIVILEGES:
            yield from on_relation(use.name, catalog, _PRIVILEGES[use.use])
    for part in ast.walk(node):
        name = ast.node_name(part)
        if name in ("UpdateStmt", "DeleteStmt") and ast.columns_used(part):
            yield from on_relation(ast.relation_name(part.relation), catalog, "SELECT")
        elif name == "InsertStmt":
            yield from _insert(part, catalog)
        elif name == "MergeStmt":
            yield from _merge(part, catalog)
        elif name == "SelectStmt" and part.locking_clause:
            # FOR UPDATE and FOR SHARE need UPDATE besides SELECT.
            for use in ast.relations_used(part):
                if use.use == "read":
                    yield from on_relation(use.name, catalog, "UPDATE")
        elif name == "FuncCall":
            yield from _sequence_function(part, catalog)


def _insert(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.relation)
    if node.HasField("returning_clause") and ast.columns_used(node.returning_clause):
        yield from on_relation(name, catalog, "SELECT")
    if node.HasField("on_conflict_clause"):
        yield from on_relation(name, catalog, "SELECT")
        if enum_name(node.on_conflict_clause, "action") == "ONCONFLICT_UPDATE":
            yield from on_relation(name, catalog, "UPDATE")
    relation = find(name, catalog)
    if relation is None:
        return
    given = {column.name for item in node.cols if (column := ast.unwrap(item)) is not None}
    everything = not node.cols and node.HasField("select_stmt")
    for sequence in _serial_sequences(relation, catalog):
        column = sequence.owned_by[1] if sequence.owned_by else ""
        if column not in given and not everything:
            yield relation_need("sequence", "USAGE or UPDATE", Name(sequence.schema, sequence.name))


def _serial_sequences(relation: Relation, catalog: Catalog) -> Iterator[Relation]:
    """Sequences whose nextval() is a default of the table; an identity column's needs no right of its own."""
    for key in catalog.owned_sequences.get(relation.key, ()):
        sequence = catalog.relations.get(key)
        if sequence is None or sequence.owned_by is None:
            continue
        column = relation.column(sequence.owned_by[1])
        if column is not None and not column.identity and column.has_default:
            yield sequence


def _merge(node: Any, catalog: Catalog) -> Iterator[Need]:
    name = ast.relation_name(node.relation)
    yield from on_relation(name, catalog, "SELECT")
    commands = {"CMD_INSERT": "INSERT", "CMD_UPDATE": "UPDATE", "CMD_DELETE": "DELETE"}
    for clause in node.merge_when_clauses:
        privilege = commands.get(enum_name(ast.unwrap(clause), "command_type"))
        if privilege is not None:
            yield from on_relation(name, catalog, privilege)


_SEQUENCE_FUNCTIONS = {"nextval": "USAGE or UPDATE", "setval": "UPDATE", "currval": "USAGE or SELECT"}


def _sequence_function(call: Any, catalog: Catalog) -> Iterator[Need]:
    privilege = _SEQUENCE_FUNCTIONS.get(ast.qualified(call.funcname).name)
    argument = ast.constant(call.args[0]) if call.args else None
    if privilege is None or not isinstance(argument, str):
        return
    from runbook.sql import split_qualified

    yield from on_relation(Name(*split_qualified(argument)), catalog, privilege, kind="sequence")


def truncate(node: Any, catalog: Catalog) -> Iterator[Need]:
    for item in node.relations:
        yield from on_relation(ast.relation_name(ast.unwrap(item)), catalog, "TRUNCATE")


def copy(node: Any, catalog: Catalog) -> Iterator[Need]:
    if node.filename:
        role = "pg_execute_server_program" if node.is_program else (
            "pg_read_server_files" if node.is_from else "pg_write_server_files"
        )  # fmt: skip
        yield Need("superuser", role, "COPY with a file or program of the server", Name(None, role), "ROLE")
    if node.HasField("relation"):
        name = ast.relation_name(node.relation)
        yield from on_relation(name, catalog, "INSERT" if node.is_from else "SELECT")
    elif node.HasField("query"):
        yield from query(node.query, catalog)


# LOCK TABLE by mode: any of these privileges is enough. Source: LockTableAclCheck() in lockcmds.c.
def lock(node: Any, catalog: Catalog) -> Iterator[Need]:
    enough = ["UPDATE", "DELETE", "TRUNCATE"]
    if catalog.major >= 17:
        enough.append("MAINTAIN")
    if node.mode == 1:  # ACCESS SHARE
        enough = ["SELECT", *enough, "INSERT"] if catalog.major >= 16 else ["SELECT"]
    elif node.mode <= 3:  # ROW SHARE, ROW EXCLUSIVE
        enough = [*enough, "INSERT"]
        if node.mode == 2 and catalog.major < 16:
            enough = ["UPDATE", "DELETE", "TRUNCATE"]
    for item in node.relations:
        yield from on_relation(ast.relation_name(ast.unwrap(item)), catalog, " or ".join(enough))
