"""SQL that a PL/pgSQL block builds at run time, where constants alone make it: EXECUTE 'x', || and format().

Source: PostgreSQL's documentation of format() (functions-string) and of EXECUTE (plpgsql-statements). What any row,
argument or setting goes into gives None: it is not known before it runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from runbook.migration.ast import constant, is_node, is_null, qualified, strings, unwrap
from runbook.sql import quote_ident, quote_literal

_PLACE = re.compile(r"%(?:(?P<position>\d+)\$)?(?P<flags>-?\d*)(?P<kind>[sIL%])")


def constant_variables(tree: Any) -> dict[str, str]:
    """The text variables of a block whose default is constant and that nothing else is assigned to."""
    functions = tree if isinstance(tree, list) else [tree]
    found: dict[str, str] = {}
    for function in functions:
        datums = function.get("PLpgSQL_function", {}).get("datums", ())
        names = [d.get("PLpgSQL_var", {}).get("refname") for d in datums]
        written = set(_written(function.get("PLpgSQL_function", {}).get("action"), datums))
        for datum in datums:
            variable = datum.get("PLpgSQL_var", {})
            default = variable.get("default_val", {}).get("PLpgSQL_expr", {}).get("query")
            name = variable.get("refname")
            if default and name not in written and names.count(name) == 1:
                value = constant_text(default, found)
                if value is not None:
                    found[name] = value
    return found


def _written(tree: Any, datums: Any) -> Iterator[str]:
    """Names of variables that a statement of the block gives a value: assignments, INTO, loop variables."""
    if isinstance(tree, list):
        for item in tree:
            yield from _written(item, datums)
    elif isinstance(tree, dict):
        number = tree.get("varno")
        if isinstance(number, int) and number < len(datums):
            yield str(datums[number].get("PLpgSQL_var", {}).get("refname", ""))
        for key, value in tree.items():
            if key == "fields" and isinstance(value, list):
                yield from (str(f.get("name", "")) for f in value if isinstance(f, dict))
            elif key == "PLpgSQL_var" and isinstance(value, dict):
                yield str(value.get("refname", ""))
            yield from _written(value, datums)


def constant_text(expression: str, variables: Mapping[str, str]) -> str | None:
    """The text that an expression always has; None where it depends on anything."""
    from runbook.migration.statement import SyntaxProblem, parse_one

    try:
        select = parse_one(f"SELECT {expression}")
    except SyntaxProblem:
        return None
    if not is_node(select, "SelectStmt") or len(select.target_list) != 1 or len(select.from_clause):
        return None
    return _text(unwrap(select.target_list[0]).val, variables)


def _text(item: Any, variables: Mapping[str, str]) -> str | None:
    node = unwrap(item)
    if is_node(node, "TypeCast") and strings(node.type_name.names)[-1] in ("text", "varchar", "name", "regclass"):
        return _text(node.arg, variables) if strings(node.type_name.names)[-1] != "regclass" else None
    if is_node(node, "ColumnRef"):
        parts = strings(node.fields)
        return variables.get(parts[0]) if len(parts) == 1 else None
    if is_node(node, "A_Expr") and strings(node.name) == ("||",) and node.HasField("lexpr"):
        left, right = _text(node.lexpr, variables), _text(node.rexpr, variables)
        return left + right if left is not None and right is not None else None
    if is_node(node, "FuncCall"):
        return _called(node, variables)
    value = constant(node)
    if isinstance(value, bool) or value is None or is_null(node):
        return None
    return str(value)


def _called(node: Any, variables: Mapping[str, str]) -> str | None:
    name = qualified(node.funcname)
    if name.schema not in (None, "pg_catalog") or node.func_variadic:
        return None
    arguments = [_text(a, variables) for a in node.args]
    known = [a for a in arguments if a is not None]
    if len(known) != len(arguments) or not known:
        return None
    match name.name:
        case "quote_ident":
            return quote_ident(known[0])
        case "quote_literal":
            return quote_literal(known[0])
        case "concat":
            return "".join(known)
        case "format":
            return _format(known[0], known[1:])
    return None


def _format(text: str, arguments: list[str]) -> str | None:
    """format() of constants; None for widths and for what it would refuse."""
    made: list[str] = []
    place = end = 0
    for found in _PLACE.finditer(text):
        literal = text[end : found.start()]
        if "%" in literal or found["flags"]:
            return None
        made.append(literal)
        end = found.end()
        if found["kind"] == "%":
            made.append("%")
            continue
        place = int(found["position"]) if found["position"] else place + 1
        if not 1 <= place <= len(arguments):
            return None
        value = arguments[place - 1]
        match found["kind"]:
            case "I":
                made.append(quote_ident(value))
            case "L":
                made.append(quote_literal(value))
            case _:
                made.append(value)
    rest = text[end:]
    return None if "%" in rest else "".join([*made, rest])
