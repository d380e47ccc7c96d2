"""What users' functions, procedures and trigger functions do: the SQL in their bodies is followed where they are called.

A body is known of functions that the migration made and of those that were read with the catalog (``Function.definition``).
Which branch a body takes and whether it returns early is decided by data: what it does is the most it can do, and a failure
in it is never certain.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from runbook.migration.ast import Name, enum_name, is_node, node_name, options, qualified, strings, unwrap
from runbook.migration.catalog import Function, Relation, Trigger
from runbook.migration.deparse import statement_text
from runbook.migration.effects import blocks
from runbook.migration.effects.scene import Scene
from runbook.sql import quote_qualified, split_qualified

_DEPTH = 8  # calls within calls that are followed
# What a trigger function may name besides its own variables. Source: plpgsql_compile (do_compile, PLPGSQL_DML_TRIGGER).
_TRIGGER_VARIABLES = (
    "new record; old record; tg_name name; tg_when text; tg_level text; tg_op text; tg_relid oid; tg_relname name;"
    " tg_table_name name; tg_table_schema name; tg_nargs int; tg_argv text[];"
)


def overload(scene: Scene, name: Name, arguments: int) -> Function | None:
    """The one function that a call can mean; None where there is none or several."""
    named = [f for f in scene.catalog.functions.get(name.name, ()) if name.schema in (None, f.schema)]
    fitting = [f for f in named if len(f.arguments) == arguments] or named
    return fitting[0] if len(fitting) == 1 else None


def follow(scene: Scene, function: Function) -> bool:
    """Add what a call of the function does; False where its body is not known or cannot be read."""
    read = _read(function.definition) if function.definition is not None else None
    called = (function.schema, function.name, function.arguments)
    if read is None or len(scene.following) >= _DEPTH:
        return False
    if called in scene.following:
        return True
    node, tree = read
    before, outer = scene.catalog, scene.following
    scene.following = (*outer, called)
    try:
        scene.catalog = _with_settings(scene, node)
        what = f"function {quote_qualified(function.schema, function.name)}"
        if tree is None:
            blocks.run(scene, ((s, False) for s in sql_statements(node)), what, certain=False)
        else:
            blocks.run(scene, blocks.followed(tree), what, certain=False)
    finally:
        scene.catalog, scene.following = before, outer
    return True


def fire(scene: Scene, members: Iterable[Relation], events: frozenset[str], written: frozenset[str]) -> None:
    """The user triggers of the relations for these events; of UPDATE OF those for the columns that are ``written``."""
    for member in members:
        for trigger in member.triggers:
            if trigger.enabled not in ("O", "A") or trigger.internal or not _fires(trigger, events, written):
                continue
            schema, name = split_qualified(trigger.function) if trigger.function else (None, "")
            function = overload(scene, Name(schema, name), 0)
            if function is None or not follow(scene, function):
                scene.doubt(f"trigger {trigger.name} on {member.qualified} may lock and write more")


def _fires(trigger: Trigger, events: frozenset[str], written: frozenset[str]) -> bool:
    fired = events & set(trigger.events) if trigger.events else events
    if fired == {"UPDATE"} and trigger.columns:
        return bool(set(trigger.columns) & written)
    return bool(fired)


def events_of(node: Any) -> frozenset[str]:
    """The events that a statement fires triggers for."""
    match node_name(node):
        case "InsertStmt":
            conflict = node.HasField("on_conflict_clause") and enum_name(node.on_conflict_clause, "action")
            return frozenset({"INSERT", "UPDATE"} if conflict == "ONCONFLICT_UPDATE" else {"INSERT"})
        case "UpdateStmt":
            return frozenset({"UPDATE"})
        case "DeleteStmt":
            return frozenset({"DELETE"})
    return frozenset({"INSERT", "UPDATE", "DELETE"})


def call(scene: Scene, node: Any) -> None:
    """CALL of a procedure, with what its arguments call."""
    from runbook.migration.effects import queries

    invoked = node.funccall
    for argument in invoked.args:
        queries.query(scene, unwrap(argument))
    name = qualified(invoked.funcname)
    procedure = overload(scene, name, len(invoked.args))
    if procedure is None or not follow(scene, procedure):
        scene.opaque("what the procedure does is not in the statement")


@lru_cache(maxsize=512)
def _read(definition: str) -> tuple[Any, Any] | None:
    """The parsed CREATE FUNCTION, and its PL/pgSQL as a tree (None: SQL); None where it cannot be read."""
    from runbook.migration.statement import SyntaxProblem, parse_one

    try:
        node = parse_one(definition)
    except SyntaxProblem:
        return None
    language = str(options(node.options).get("language", "sql")).lower()
    if language == "plpgsql":
        tree = _plpgsql(definition)
        return (node, tree) if tree is not None else None
    return (node, None) if language == "sql" else None


def _with_settings(scene: Scene, body: Any) -> Any:
    """The catalog under the settings of the function (SET search_path ...)."""
    from runbook.migration.apply import apply_node

    catalog = scene.catalog
    for option in body.options:
        element = unwrap(option)
        if element.defname == "set":
            catalog = apply_node(catalog, unwrap(element.arg))
    return catalog


def sql_statements(node: Any) -> list[Any]:
    """The parsed statements in the body of CREATE FUNCTION ... LANGUAGE sql."""
    if node.HasField("sql_body"):
        inner = unwrap(node.sql_body)
        if not is_node(inner, "List"):
            return [inner]
        return [unwrap(s) for group in inner.items for s in unwrap(group).items]
    from runbook.migration.statement import split

    return [s.node for s in split(source(node), psql=False)[0] if s.node is not None]


def source(node: Any) -> str:
    """The text after AS of CREATE FUNCTION."""
    for item in node.options:
        element = unwrap(item)
        if element.defname == "as":
            inner = unwrap(element.arg)
            return str(unwrap(inner.items[0]).sval) if is_node(inner, "List") and inner.items else ""
    return ""


def definition_of(node: Any) -> str | None:
    """CREATE FUNCTION as text, where its language is one that is followed. Source of the text: libpg_query's deparser."""
    if str(options(node.options).get("language", "sql")).lower() not in ("sql", "plpgsql"):
        return None
    from postgast.errors import PgQueryError

    try:
        return statement_text(node)
    except PgQueryError:
        return None


def _plpgsql(definition: str) -> Any:
    """The PL/pgSQL of a CREATE FUNCTION as a tree. A trigger's is read as that of a plain function with its variables:

    libpg_query's own output for triggers is not valid JSON.
    """
    from postgast.errors import PgQueryError
    from postgast.plpgsql import parse_plpgsql

    from runbook.migration.statement import parse_one
    from runbook.sql import quote_literal

    node = parse_one(definition)
    if node.HasField("return_type") and strings(node.return_type.names)[-1] == "trigger":
        body = source(node).rstrip().removesuffix(";")
        wrapped = quote_literal(f"DECLARE {_TRIGGER_VARIABLES} BEGIN\n{body}\n; END")
        definition = f"CREATE FUNCTION f() RETURNS record LANGUAGE plpgsql AS {wrapped}"
    try:
        return parse_plpgsql(definition)
    except (PgQueryError, ValueError):
        return None
