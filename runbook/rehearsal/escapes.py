"""What a rollback does not undo, and what reaches out of the database: statements that a rehearsal does not run.

Each entry says where it is documented. What functions of this database do is told by their text (``reaching_out``): a
statement that calls one, or fires a trigger that does, is not run either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runbook.migration.ast import enum_name, functions_used, is_node, options, walk
from runbook.migration.catalog import Catalog
from runbook.migration.effects.blocks import inner_statements, language_and_source
from runbook.migration.model import Statement
from runbook.migration.result import StatementForecast
from runbook.sql import split_qualified

_OUTSIDE = (
    ("dblink(_\\w+)?", "runs SQL on another server, in a transaction of its own"),  # contrib/dblink
    ("lo_export", "writes a file of the server"),  # 33.3 large objects
    ("pg_file_(write|rename|unlink|sync)", "writes files of the server"),  # contrib/adminpack
    ("pg_reload_conf|pg_rotate_logfile|pg_promote|pg_switch_wal|pg_create_restore_point|pg_(start|stop)_backup"
     "|pg_backup_(start|stop)", "acts on the whole server"),  # 9.28.2, .3, .4
    ("pg_logical_emit_message", "may write to the replication stream at once"),  # 9.28.6
    ("pg_terminate_backend|pg_cancel_backend", "ends other sessions"),  # 9.28.2
    ("pg_(create|drop|copy|advance)_\\w*slot|pg_(create|copy)_(physical|logical)_replication_slot"
     "|pg_drop_replication_slot|pg_replication_slot_advance|pg_logical_slot_get_(binary_)?changes",
     "acts on replication slots, which no rollback undoes"),  # 9.28.6
    ("pg_replication_origin_\\w+", "acts on replication progress, which no rollback undoes"),  # 9.28.6
    ("pg_stat_reset\\w*|pg_stat_statements_reset", "resets statistics, which no rollback undoes"),  # 27.2.26
    ("http(_\\w+)?", "calls another server"),  # extension http
)  # fmt: skip
"""Functions by pattern, and what they do. 9.28 ...: the PostgreSQL manual's sections."""

_CALLS = tuple((re.compile(rf"(?:{pattern})\Z"), why) for pattern, why in _OUTSIDE)
IN_TEXT = re.compile(
    r"\b(?:dblink\w*|lo_export|pg_file_write|http_(?:get|post|put|delete)|pg_terminate_backend)\s*\("
    r"|\b(?:TO|FROM)\s+PROGRAM\b|\bCOPY\b[^;]*\bTO\s+E?'+/",
    re.IGNORECASE,
)
"""The same in the text of a function's body, where it may be built at run time."""

_NODES: dict[str, str] = {
    "CreateSubscriptionStmt": "it connects to another server and makes a replication slot there",
    "DropSubscriptionStmt": "it connects to another server and drops a replication slot there",
    "ImportForeignSchemaStmt": "it asks another server",
    "DropdbStmt": "it removes another database, for good",
    "CreateTableSpaceStmt": "it uses a folder of the server, outside the database",
    "DropTableSpaceStmt": "it removes a tablespace that other databases may use",
}
_SUBSCRIPTION_LOCAL = frozenset({"ALTER_SUBSCRIPTION_ENABLED", "ALTER_SUBSCRIPTION_OPTIONS", "ALTER_SUBSCRIPTION_SKIP"})
_PREPARED = frozenset({"TRANS_STMT_PREPARE", "TRANS_STMT_COMMIT_PREPARED", "TRANS_STMT_ROLLBACK_PREPARED"})
_TRUSTED = frozenset({"plpgsql", "sql", "plperl", "plv8", "pltcl", "plcoffee", "plls", "pllua"})
_DATA = frozenset(
    {"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CopyStmt", "TruncateStmt", "DoStmt",
     "CreateTableAsStmt", "RefreshMatViewStmt", "VacuumStmt", "ExplainStmt"}
)  # fmt: skip


def escape(statement: Statement, told: StatementForecast, catalog: Catalog) -> str | None:
    """Why the statement is not run in a rehearsal of either kind: what it does would be real. None: nothing known.

    ``told`` and ``catalog`` are those of the server on which it would run.
    """
    node = statement.node
    if node is None:
        return None
    for inner in (node, *_inside(node)):
        why = _of_node(inner)
        if why is not None:
            return why
        for call in functions_used(inner):
            why = of_function(call.name.name)
            if why is not None:
                return f"{call.name.name}() {why}"
    if is_node(node, "DoStmt"):
        language, source = language_and_source(node)
        if language not in _TRUSTED:
            return f"the language {language} is not held by a transaction"
        if IN_TEXT.search(source):
            return "the block reaches out of the database"
    if is_node(node, *_DATA):
        for lock in told.locks:
            schema, name = split_qualified(lock.relation)
            relation = catalog.relations.get((schema or "", name))
            if relation is not None and relation.kind == "f":
                return f"{lock.relation} is a table of another server"
    return None


@dataclass(frozen=True, slots=True)
class Routine:
    """A function of the database: ``trusted`` is its language's pg_language.lanpltrusted, ``source`` its text."""

    name: str
    language: str
    trusted: bool
    source: str


def reaching_out(routines: Iterable[Routine]) -> frozenset[str]:
    """Names of functions that reach out of a transaction: by name, language or text, or through one that they call."""
    found: set[str] = set()
    rest: list[Routine] = []
    for one in routines:
        compiled = one.language in ("c", "internal")
        known = of_function(one.name) is not None
        if known or (not compiled and (not one.trusted or IN_TEXT.search(one.source))):
            found.add(one.name)
        elif not compiled:
            rest.append(one)
    fresh = set(found)
    while fresh:
        calls = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(fresh)))})\b")
        through = [one for one in rest if calls.search(one.source)]
        rest = [one for one in rest if one not in through]
        fresh = {one.name for one in through} - found
        found |= fresh
    return frozenset(found)


def fires(told: StatementForecast, calling: Mapping[str, str]) -> str | None:
    """The function that a trigger calls when the statement writes rows: ``calling`` has it by its table's name."""
    if told.kind not in _WRITES:
        return None
    written = (lock.relation for lock in told.locks if lock.mode not in ("AccessShareLock", "RowShareLock"))
    return next((calling[relation] for relation in written if relation in calling), None)


_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "DO", "TRUNCATE TABLE", "SELECT"})


def of_function(name: str) -> str | None:
    """What a function of this name does outside the transaction."""
    return next((why for pattern, why in _CALLS if pattern.match(name)), None)


def _inside(node: Any) -> Iterator[Any]:
    if is_node(node, "DoStmt"):
        yield from inner_statements(node)


def _of_node(node: Any) -> str | None:
    for found in walk(node):
        name = found.DESCRIPTOR.name
        if name == "CreateSubscriptionStmt" and options(found.options).get("connect") in (False, "false", "off", 0):
            continue
        if name in _NODES:
            return _NODES[name]
        if name == "AlterSubscriptionStmt" and enum_name(found, "kind") not in _SUBSCRIPTION_LOCAL:
            return "it connects to another server"
        if name == "TransactionStmt" and enum_name(found, "kind") in _PREPARED:
            return "a prepared transaction outlives the session, and no rollback undoes it"
        if name == "CopyStmt" and found.is_program:
            return "it runs a program on the server"
        if name == "CopyStmt" and not found.is_from and found.filename:
            return "it writes a file of the server"
    return None
