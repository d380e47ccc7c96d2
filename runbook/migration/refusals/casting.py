"""Whether one type can become another: source x target x how, as find_coercion_pathway decides (parse_coerce.c)."""

from __future__ import annotations

import re
from typing import Any, Literal

from runbook.migration.ast import constant, is_node, is_null, type_ref, unwrap
from runbook.migration.catalog import Catalog
from runbook.migration.effects.types import Type, base_of, type_written
from runbook.migration.refusals.built_in import ASSIGNMENT, COMPARABLE, EXPLICIT, STRINGS, TYPES

_CHAR_NO_STRING = 15  # "char" is of category Z from here on, and S before
How = Literal["assignment", "explicit"]


def castable(source: Type, target: Type, how: How, catalog: Catalog) -> bool | None:
    """True, False, or None where a type is not built in: what casts it has was not read."""
    one, two = base_of(source, catalog), base_of(target, catalog)
    if (one.name, one.schema, one.array) == (two.name, two.schema, two.array):
        return True
    if not (_known(one) and _known(two)):
        return None
    strings = STRINGS | {"char"} if catalog.major < _CHAR_NO_STRING else STRINGS
    if two.name in strings and not two.array:
        return True
    if how == "explicit" and one.name in strings and not one.array:
        return True
    if one.array != two.array:
        return False
    if one.array:
        return castable(_element(one), _element(two), how, catalog)
    if one.kind == "e" or two.kind == "e":
        return False
    pair = (one.name, two.name)
    return pair in ASSIGNMENT or (how == "explicit" and pair in EXPLICIT)


def _known(kind: Type) -> bool:
    return kind.kind == "e" or (kind.schema == "pg_catalog" and kind.name in TYPES)


def _element(kind: Type) -> Type:
    return Type(kind.name, kind.typmod, kind.schema, False, kind.kind)


def comparable(one: Type, two: Type, catalog: Catalog) -> bool | None:
    """Whether a foreign key may join the two; None where that is not known."""
    first, second = base_of(one, catalog), base_of(two, catalog)
    if (first.name, first.schema, first.array) == (second.name, second.schema, second.array):
        return True
    if not (_known(first) and _known(second)):
        return None
    if first.array or second.array or "e" in (first.kind, second.kind):
        return False
    return any({first.name, second.name} <= group for group in COMPARABLE)


_INTEGERS = {"int2": 15, "int4": 31, "int8": 63}
_INTEGER = re.compile(r"[ \t\n\r\f\v]*([+-]?[0-9]+)[ \t\n\r\f\v]*\Z")
_PLAIN_DATE = re.compile(r"[ ]*\d{4}-\d\d-\d\d[ ]*\Z")
_LETTERS = re.compile(r"[ ]*[A-Za-z]+[ ]*\Z")
_DATE_WORDS = frozenset({"now", "today", "tomorrow", "yesterday", "epoch", "infinity", "allballs"})
_UUID = re.compile(r"(\{([0-9a-f]{4}-?){7}[0-9a-f]{4}\}|([0-9a-f]{4}-?){7}[0-9a-f]{4})\Z", re.I)
_TRUE_AND_FALSE = "t tr tru true f fa fal fals false y ye yes n no on of off 1 0"  # parse_bool_with_len, bool.c
_BOOLEANS = frozenset(_TRUE_AND_FALSE.split())


def constant_refused(expression: Any, target: Type, catalog: Catalog) -> tuple[str, str] | None:
    """(SQLSTATE, why) where a constant written for a column of type ``target`` is refused; None where it is not, or
    that is not known."""
    node = unwrap(expression)
    if is_null(node) or node is None:
        return None
    if is_node(node, "A_Const"):
        value = constant(node)
        if isinstance(value, str) and node.HasField("sval"):
            return _text_refused(value, target, catalog)
        source = _of_constant(node, value)
        if source is not None and castable(source, target, "assignment", catalog) is False:
            return "42804", f"the value is of type {source.printed}, and the column of type {target.printed}"
        return None
    if is_node(node, "TypeCast"):
        inner, source = unwrap(node.arg), type_written(type_ref(node.type_name), catalog)
        if is_node(inner, "A_Const") and inner.HasField("sval"):
            refused = _text_refused(constant(inner), source, catalog)
            if refused is not None:
                return refused
        if castable(source, target, "assignment", catalog) is False:
            return "42804", f"the value is of type {source.printed}, and the column of type {target.printed}"
    return None


def _of_constant(node: Any, value: Any) -> Type | None:
    if node.HasField("boolval"):
        return Type("bool")
    if node.HasField("ival"):
        return Type("int4")
    if node.HasField("fval"):
        return Type("numeric") if "." in str(value) or "e" in str(value).lower() else Type("int8")
    return None


def _text_refused(text: str, target: Type, catalog: Catalog) -> tuple[str, str] | None:
    """What a type's input function says of a text, for the types whose rules are simple."""
    kind = base_of(target, catalog)
    if kind.array:
        return None
    because = f"'{text[:40]}' is no value of type {target.printed}"
    if kind.kind == "e":
        found = catalog.types.get((kind.schema, kind.name))
        return ("22P02", because) if found is not None and text not in found.labels else None
    if kind.schema != "pg_catalog":
        return None
    if kind.name in _INTEGERS:
        match = _INTEGER.match(text)
        if match is None:
            # 16 reads 0x1F, 0b11 and 1_000 as well
            plain = not text.strip()[:1].isdigit() or catalog.major < 16
            return ("22P02", because) if plain else None
        limit = 1 << _INTEGERS[kind.name]
        return (
            None if -limit <= int(match.group(1)) < limit else ("22003", f"{text} is out of range for {target.printed}")
        )
    if kind.name == "bool":
        return None if text.strip().lower() in _BOOLEANS else ("22P02", because)
    if kind.name == "uuid":
        return None if _UUID.match(text) else ("22P02", because)
    if kind.name == "numeric":
        word = text.strip().lower()
        return ("22P02", because) if word[:1].isalpha() and word not in ("nan", "inf", "infinity") else None
    if kind.name in ("json", "jsonb"):
        return _json_refused(text, because)
    if kind.name in ("date", "timestamp", "timestamptz"):
        return _date_refused(text, because)
    return None


def _json_refused(text: str, because: str) -> tuple[str, str] | None:
    import json

    try:
        json.loads(text)
    except ValueError:
        return "22P02", because
    return None


def _date_refused(text: str, because: str) -> tuple[str, str] | None:
    if _LETTERS.match(text) and text.strip().lower() not in _DATE_WORDS:
        return "22007", because
    if _PLAIN_DATE.match(text):
        from datetime import date

        year, month, day = (int(p) for p in text.strip().split("-"))
        if year == 0:
            return None
        try:
            date(year, month, day)
        except ValueError:
            return "22008", because
    return None
