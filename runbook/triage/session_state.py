"""What a migration does to its session beyond one transaction: settings, roles, temporary tables, cursors.

A pooler in transaction mode lends a server connection for one transaction. What a session keeps afterwards is then on a
connection that the next transaction of the same client need not get, and that another client will. A plain SET in a
transaction outlives its COMMIT as well; only SET LOCAL and set_config(..., true) do not. Source: SET and "Pool modes" of
PgBouncer's doc/features.md, measured with 1.18.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.migration import ast
from runbook.migration.model import Migration, Statement

# A pooler sets these anew for every client, or nobody is hurt by them.
_HARMLESS = frozenset(
    {
        "application_name",
        "client_encoding",
        "datestyle",
        "timezone",
        "intervalstyle",
        "standard_conforming_strings",
        "client_min_messages",
        "transaction_isolation",
        "transaction_read_only",
        "transaction_deferrable",
        "xmloption",
    }
)
_CONTROL = frozenset({"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SET", "RESET", "SHOW"})
_ENDS = frozenset({"COMMIT", "ROLLBACK", "PREPARE TRANSACTION"})


@dataclass(frozen=True, slots=True)
class SessionState:
    """One thing that belongs to the session. ``value`` of a setting as written; empty: to its default.

    ``lost``: statements after it need it and run in another transaction. ``stays``: it is on the server connection when
    its transaction has ended.
    """

    kind: str  # setting, role, temporary table, cursor
    name: str
    value: str
    statement: Statement
    lost: bool
    stays: bool


def session_state(migration: Migration) -> list[SessionState]:
    """What the statements of ``migration`` set, make or open in their session, in order."""
    units = _units(migration)
    statements = migration.statements
    found = []
    for at, statement in enumerate(statements):
        for kind, name, value in _made(statement):
            if kind in ("setting", "role"):
                end = next((i for i in range(at + 1, len(statements)) if _takes_back(statements[i], name)), None)
                later = [
                    i
                    for i in range(at + 1, end if end is not None else len(statements))
                    if statements[i].file == statement.file and statements[i].kind not in _CONTROL
                ]
                stays = end is None or units[end] != units[at]
            else:
                later = [i for i in range(at + 1, len(statements)) if _names(statements[i], kind, name)]
                stays = True
            lost = any(units[i] != units[at] for i in later)
            if lost or stays:
                found.append(SessionState(kind, name, value, statement, lost, stays))
    return found


def _units(migration: Migration) -> list[int]:
    """The number of the transaction that each statement runs in."""
    units: list[int] = []
    number, was_open, file, ended = 0, False, "", False
    for statement in migration.statements:
        other_file = statement.file != file and migration.transaction_mode != "all_files"
        if not (statement.in_transaction and was_open) or other_file or ended:
            number += 1
        units.append(number)
        ended = statement.kind in _ENDS
        was_open = statement.in_transaction or statement.kind in ("BEGIN", "START TRANSACTION")
        file = statement.file
    return units


def _made(statement: Statement) -> Iterator[tuple[str, str, str]]:
    """Kind, name and value of what ``statement`` leaves in the session."""
    node = statement.node
    if ast.is_node(node, "VariableSetStmt"):
        if node.is_local or ast.enum_name(node, "kind") != "VAR_SET_VALUE":
            return
        values = [v for a in node.args if (v := ast.constant(a)) is not None]
        yield from _setting(node.name, ", ".join(str(v) for v in values))
    elif ast.is_node(node, "SelectStmt"):
        for call in ast.walk(node):
            if ast.is_node(call, "FuncCall") and ast.strings(call.funcname)[-1:] == ("set_config",):
                arguments = [ast.constant(a) for a in call.args]
                if len(arguments) == 3 and arguments[2] in (False, "false", "f", "off"):
                    yield from _setting(str(arguments[0]), str(arguments[1] or ""))
    elif ast.is_node(node, "CreateStmt") and node.relation.relpersistence == "t":
        if ast.enum_name(node, "oncommit") != "ONCOMMIT_DROP":
            yield "temporary table", node.relation.relname, ""
    elif ast.is_node(node, "CreateTableAsStmt") and node.into.rel.relpersistence == "t":
        if ast.enum_name(node.into, "on_commit") != "ONCOMMIT_DROP":
            yield "temporary table", node.into.rel.relname, ""
    elif ast.is_node(node, "DeclareCursorStmt") and node.options & _WITH_HOLD:
        yield "cursor", node.portalname, ""


_WITH_HOLD = 0x0020  # CURSOR_OPT_HOLD, src/include/nodes/parsenodes.h


def _setting(name: str, value: str) -> Iterator[tuple[str, str, str]]:
    name = name.lower()
    if name in _HARMLESS:
        return
    yield ("role" if name in ("role", "session_authorization") else "setting"), name, value


def _takes_back(statement: Statement, name: str) -> bool:
    """It sets ``name`` again, or back to what the session began with."""
    node = statement.node
    if ast.is_node(node, "DiscardStmt"):
        return True
    if not ast.is_node(node, "VariableSetStmt") or node.is_local:
        return False
    return ast.enum_name(node, "kind") == "VAR_RESET_ALL" or node.name.lower() == name


def _names(statement: Statement, kind: str, name: str) -> bool:
    node = statement.node
    if node is None:
        return False
    if kind == "cursor":
        return any(ast.is_node(n, "FetchStmt") and n.portalname == name for n in ast.walk(node))
    return any(ast.is_node(n, "RangeVar") and n.relname == name and not n.schemaname for n in ast.walk(node))
