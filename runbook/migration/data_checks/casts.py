"""ALTER COLUMN TYPE: values that do not convert (22P02, 22007, 22008), do not fit (22001, 22003), or become null.

From 16 on ``pg_input_error_info`` says of a text whether and with which SQLSTATE a type refuses it, without failing.
Before, a regular expression does for whole numbers, numeric, boolean, uuid and enums; what neither covers is computed
for every row by a query that ends with the very error (``by_error``).

An assignment (no USING) refuses a text that is too long, unless only blanks are cut off; an explicit cast cuts it
silently. Source: varchar(), bpchar(), coerce_type_typmod.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from runbook.migration.ast import (
    AlterCommand,
    constant,
    enum_name,
    functions_used,
    is_node,
    node_name,
    qualified,
    strings,
    type_ref,
    unwrap,
    walk,
)
from runbook.migration.catalog import Catalog, Column
from runbook.migration.data_checks.make import Question, check, evaluated, offenders
from runbook.migration.data_checks.present import NoQuery, NotYet, Table
from runbook.migration.deparse import type_sql
from runbook.migration.effects.types import Type, conversion_rewrites, type_of_column, type_written
from runbook.migration.effects.volatility import is_built_in
from runbook.migration.result import DataCheck
from runbook.sql import quote_literal

SOFT_ERRORS = 16  # pg_input_is_valid and pg_input_error_info
_TEXT = frozenset({"text", "varchar", "citext"})
_STRINGS = _TEXT | {"bpchar", "name"}
_WHOLE = {
    "int2": (-(2**15), 2**15 - 1),
    "int4": (-(2**31), 2**31 - 1),
    "int8": (-(2**63), 2**63 - 1),
}
_NUMBERS = (*_WHOLE, "numeric", "float4", "float8")
_RANK = {name: rank for rank, name in enumerate(_NUMBERS)}
_HEADER = 4


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of a column's type. ``using`` None: as an assignment converts it."""

    table: Table
    column: Column
    old: Type
    new: Type
    kind: str  # the new type as SQL
    using: Any
    catalog: Catalog

    @property
    def value(self) -> str:
        return self.table.value(self.column.name).sql

    @property
    def title(self) -> str:
        return f"every value of column {self.column.name} must"


def changed_type(table: Table, command: AlterCommand, catalog: Catalog) -> Iterator[DataCheck]:
    """What the rows must be for the change to pass; and the column then stands for its converted value."""
    column = table.column(command.name)
    definition = command.definition
    if column is None and catalog.is_assumed and definition.HasField("raw_default"):
        yield _without_column(table, command)
    if column is None or table.is_new or table.fills_itself(command.name):
        return
    using = unwrap(definition.raw_default) if definition.HasField("raw_default") else None
    old, new = type_of_column(column, catalog), type_written(type_ref(definition.type_name), catalog)
    change = _Change(table, column, old, new, type_sql(definition.type_name), using, catalog)
    yield from _conversion(change)
    if not _may_differ(change):
        return
    try:
        converted = _converted(change)
    except (NotYet, NoQuery):
        return  # an earlier statement wrote the column: no later check can be asked about it either
    if using is not None and column.not_null and _may_be_null(using, column.name):
        because = f"column {column.name} is NOT NULL, and USING must give none"
        yield check("23502", because, lambda: offenders(table, f"({converted}) IS NULL", expressions=(using,)))
    table.conversions[column.name] = converted


def _without_column(table: Table, command: AlterCommand) -> DataCheck:
    """No server was asked: the column's present type is not known, so the conversion itself is what there is to try."""
    using, kind = unwrap(command.definition.raw_default), type_sql(command.definition.type_name)
    because = f"every value of column {command.name} must convert to {kind}"
    converted = f"CAST({table.expression(using)} AS {kind})"
    return check("22P02", because, lambda: evaluated(table, converted, expressions=(using,)))


def _converted(change: _Change) -> str:
    inner = change.table.expression(change.using) if change.using is not None else change.value
    return f"CAST({inner} AS {change.kind})"


def _may_differ(change: _Change) -> bool:
    """Whether two values that differ may be alike after it, or one that passed a CHECK may not."""
    if change.using is None and change.old.name in _RANK and change.new.name in _RANK:
        return _RANK[change.new.name] < _RANK[change.old.name] or change.new.typmod != -1
    if change.using is None and change.old.name in _TEXT and change.new.name in _TEXT:
        return False
    return conversion_rewrites(change.old, change.new, change.catalog, using=change.using, column=change.column.name)


def _conversion(change: _Change) -> Iterator[DataCheck]:
    if change.using is not None and _cannot_fail(change.using):
        return
    inner, explicit = _unwrapped(change)
    plain = inner is None or (is_node(inner, "ColumnRef") and strings(inner.fields)[-1:] == (change.column.name,))
    source = change.old if plain else _type_of(inner, change)
    if source is None or source.array or change.new.array:
        yield from (
            _by_elements(change, explicit) if plain and source is not None and not explicit else _computed(change)
        )
        return
    try:
        value = change.value if inner is None else f"({change.table.expression(inner)})"
    except (NotYet, NoQuery) as error:
        # The checks are the same, only that none of them can be asked now.
        for told in _by_types(change, source, "NULL", explicit=explicit):
            yield check(told.sqlstate, told.because, _raising(error), certain=told.certain)
        return
    yield from _by_types(change, source, value, explicit=explicit)


def _raising(error: NotYet | NoQuery) -> Callable[[], Question]:
    def ask() -> Question:
        raise error

    return ask


def _by_types(change: _Change, source: Type, value: str, *, explicit: bool) -> Iterator[DataCheck]:
    """The checks of a conversion from ``source``; ``value`` is the SQL of what is converted."""
    new = change.new
    if new.kind in "b" and source.name in _NUMBERS and new.name in _NUMBERS:
        yield from _numbers(change, source, value)
    elif new.kind == "b" and new.name in ("varchar", "bpchar"):
        if not explicit:
            yield from _length(change, source, value)
    elif new.kind == "b" and new.name in ("bit", "varbit") and source.name in ("bit", "varbit"):
        if not explicit and new.typmod > 0:
            yield from _bits(change, value)
    elif source.name in _TEXT and new.name not in _STRINGS:
        yield from _from_text(change, value, explicit=explicit)
    elif new.kind == "d" or _can_fail(source.name, new.name):
        yield from _computed(change)


def _unwrapped(change: _Change) -> tuple[Any, bool]:
    """What USING converts, and whether it casts that itself to the new type (an explicit cast)."""
    using = change.using
    if using is None:
        return None, False
    if is_node(using, "TypeCast"):
        to = type_written(type_ref(using.type_name), change.catalog)
        if (to.name, to.array, to.schema) == (change.new.name, change.new.array, change.new.schema):
            return unwrap(using.arg), True
    return using, False


# Functions of pg_catalog that give text, and never fail on text. Source: pg_proc.dat.
_GIVES_TEXT = frozenset(
    {"trim", "btrim", "ltrim", "rtrim", "lower", "upper", "replace", "regexp_replace", "translate", "initcap", "left",
     "right", "split_part", "substring", "substr", "concat", "concat_ws", "reverse", "lpad", "rpad"}
)  # fmt: skip


def _type_of(node: Any, change: _Change) -> Type | None:
    """The type of an expression, where its form tells it."""
    if is_node(node, "ColumnRef"):
        column = change.table.column(strings(node.fields)[-1]) if strings(node.fields) else None
        return type_of_column(column, change.catalog) if column is not None else None
    if is_node(node, "TypeCast"):
        return type_written(type_ref(node.type_name), change.catalog)
    if is_node(node, "FuncCall"):
        name = qualified(node.funcname)
        return Type("text") if name.name in _GIVES_TEXT and is_built_in(name) else None
    if is_node(node, "A_Expr"):
        if enum_name(node, "kind") == "AEXPR_NULLIF":
            return _type_of(unwrap(node.lexpr), change)
        if strings(node.name)[-1:] in (("->>",), ("#>>",)):
            return Type("text")
    if is_node(node, "CoalesceExpr"):
        found = [_type_of(unwrap(a), change) for a in node.args if constant(a) is None]
        return found[0] if found and all(f is not None and f.name in _TEXT for f in found) else None
    return None


# -- numbers --------------------------------------------------------------------------------------------------------


def _numbers(change: _Change, source: Type, value: str) -> Iterator[DataCheck]:
    new = change.new
    if new.name in _WHOLE:
        if source.name in _WHOLE and _RANK[source.name] <= _RANK[new.name]:
            return
        yield from _fits_whole(change, source, value)
    elif new.name == "numeric" and new.typmod != -1:
        precision, scale = (new.typmod - _HEADER) >> 16, (new.typmod - _HEADER) & 0x7FF
        scale = scale - 2048 if scale >= 1024 else scale
        if source.name == "numeric" and source.typmod != -1:
            old_whole = ((source.typmod - _HEADER) >> 16) - ((source.typmod - _HEADER) & 0x7FF)
            rounds = (source.typmod - _HEADER) & 0x7FF > scale
            if old_whole < precision - scale or (old_whole == precision - scale and not rounds):
                return
        elif source.name in _WHOLE and precision - scale >= len(str(_WHOLE[source.name][1])):
            return
        yield from _fits_numeric(change, value, precision, scale)
    elif new.name in ("float4", "float8") and (source.name == "numeric" or _RANK[source.name] > _RANK[new.name]):
        yield from _computed(change)


def _fits_whole(change: _Change, source: Type, value: str) -> Iterator[DataCheck]:
    """Rounded as the cast does it: numeric away from zero, floating point to the even neighbour."""
    low, high = _WHOLE[change.new.name]
    because = f"{change.title} be between {low} and {high}"
    if source.name in _WHOLE:
        yield check("22003", because, lambda: _offending(change, f"{value} NOT BETWEEN {low} AND {high}"))
        return
    special = f"({value})::text IN ('NaN', 'Infinity', '-Infinity')"  # with an error of their own
    rounded = f"round({value})"
    condition = f"CASE WHEN {special} THEN false ELSE {rounded} < {low} OR {rounded} >= {high + 1} END"
    yield check("22003", because, lambda: _offending(change, condition))
    state = "0A000" if source.name == "numeric" else "22003"
    yield check(state, f"{change.title} be a number", lambda: _offending(change, special))


def _offending(change: _Change, condition: str) -> Question:
    return offenders(change.table, condition, expressions=_used(change))


def _fits_numeric(change: _Change, value: str, precision: int, scale: int) -> Iterator[DataCheck]:
    text = f"({value})::text"
    number = f"({value})::numeric"
    # 10^n as a literal: numeric ^ is not exact
    bound = "1" + "0" * (precision - scale) if precision >= scale else "0." + "0" * (scale - precision - 1) + "1"
    condition = (
        f"CASE WHEN {text} = 'NaN' THEN false WHEN {text} IN ('Infinity', '-Infinity') THEN true\n"
        f"      ELSE abs(round({number}, {scale})) >= {bound} END"
    )
    because = f"{change.title} fit numeric({precision},{scale})"
    yield check("22003", because, lambda: offenders(change.table, condition, expressions=_used(change)))


# -- lengths --------------------------------------------------------------------------------------------------------


def _length(change: _Change, source: Type, value: str) -> Iterator[DataCheck]:
    """varchar(n) and char(n): what is cut off must be blanks."""
    limit = change.new.typmod - _HEADER if change.new.typmod > 0 else (1 if change.new.name == "bpchar" else 0)
    if change.new.typmod == -1 and change.new.name == "varchar":
        return
    if source.name in ("varchar", "bpchar") and 0 < source.typmod - _HEADER <= limit:
        return
    if source.name == "bool" and limit >= len("false"):
        return
    text = value if source.name in _TEXT else f"({value})::text"
    condition = f"char_length({text}) > {limit} AND rtrim(substr({text}, {limit + 1}), ' ') <> ''"
    because = f"{change.title} fit {change.kind}"
    yield check("22001", because, lambda: offenders(change.table, condition, expressions=_used(change)))


def _bits(change: _Change, value: str) -> Iterator[DataCheck]:
    exact = change.new.name == "bit"
    operator, state = ("<>", "22026") if exact else (">", "22001")
    if change.old.name == change.new.name and change.old.typmod == change.new.typmod:
        return
    if not exact and 0 < change.old.typmod <= change.new.typmod:
        return
    condition = f"length({value}) {operator} {change.new.typmod}"
    yield check(state, f"{change.title} fit {change.kind}", lambda: offenders(change.table, condition))


def _by_elements(change: _Change, explicit: bool) -> Iterator[DataCheck]:
    """Arrays whose elements are assigned to a shorter type."""
    old, new = change.old, change.new
    if old.array and new.array and new.name == "varchar" and new.typmod > 0 and old.name in _STRINGS:
        limit = new.typmod - _HEADER
        if old.name == "varchar" and 0 < old.typmod - _HEADER <= limit:
            return
        condition = (
            f"EXISTS (SELECT FROM unnest({change.value}) AS e(v)\n"
            f"        WHERE char_length(v) > {limit} AND rtrim(substr(v, {limit + 1}), ' ') <> '')"
        )
        yield check("22001", f"{change.title} fit {change.kind}", lambda: offenders(change.table, condition))
    elif (old.name, old.array) != (new.name, new.array):
        yield from _computed(change)


# -- from text ------------------------------------------------------------------------------------------------------

_BLANKS = r"[ \t\n\r\f\v]*"
_INTEGER = f"^{_BLANKS}[+-]?[0-9]+{_BLANKS}$"
_DECIMAL = f"^{_BLANKS}([+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?|[nN][aA][nN]){_BLANKS}$"
_UUID = "^([{]([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}[}]|([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4})$"
_BOOLEAN = (
    "^" + _BLANKS + "(t|tr|tru|true|f|fa|fal|fals|false|y|ye|yes|n|no|on|of|off|1|0)" + _BLANKS + "$"
)  # parse_bool_with_len: unique prefixes, in any case

_REFUSALS: dict[str, str] = {"date": "22007", "timestamp": "22007", "timestamptz": "22007", "time": "22007",
                             "timetz": "22007", "interval": "22007"}  # fmt: skip


def _from_text(change: _Change, value: str, *, explicit: bool) -> Iterator[DataCheck]:
    new = change.new
    because = f"{change.title} be readable as {change.kind}"
    state = _REFUSALS.get(new.name, "22P02")
    if change.catalog.major >= SOFT_ERRORS and new.name != "money":
        kind = quote_literal(change.kind)

        def soft() -> Question:
            shown = f"(pg_input_error_info({value}, {kind})).sql_error_code AS runbook_sqlstate"
            condition = f"NOT pg_input_is_valid({value}, {kind})"
            return offenders(change.table, condition, columns=(shown,), expressions=_used(change))

        yield check(state, because, soft)
        return
    pattern = {"uuid": _UUID, "bool": _BOOLEAN}.get(new.name)
    if new.name in _WHOLE:
        yield check("22P02", because, lambda: _unlike(change, value, _INTEGER))
        low, high = _WHOLE[new.name]
        number = f"CASE WHEN {value} ~ {_pattern(_INTEGER)} THEN ({value})::numeric NOT BETWEEN {low} AND {high} END"
        within = f"{change.title} be between {low} and {high}"
        yield check("22003", within, lambda: offenders(change.table, number, expressions=_used(change)))
    elif new.name == "numeric" and new.typmod == -1 and change.catalog.major < 14:
        yield check("22P02", because, lambda: _unlike(change, value, _DECIMAL))
    elif pattern is not None:
        yield check("22P02", because, lambda: _unlike(change, value, pattern, any_case=new.name == "bool"))
    elif new.kind == "e":
        condition = f"NOT ({value} = ANY (enum_range(NULL::{change.kind})::text[]))"
        yield check("22P02", because, lambda: offenders(change.table, condition, expressions=_used(change)))
    else:
        yield from _computed(change)


def _unlike(change: _Change, value: str, pattern: str, *, any_case: bool = False) -> Question:
    operator = "!~*" if any_case else "!~"
    return offenders(change.table, f"{value} {operator} {_pattern(pattern)}", expressions=_used(change))


def _pattern(pattern: str) -> str:
    return quote_literal(pattern)


# -- whatever else --------------------------------------------------------------------------------------------------


def _computed(change: _Change) -> Iterator[DataCheck]:
    """The conversion itself, computed for every row: it ends with the error of the first that fails."""
    new = change.new
    state = "23514" if new.kind == "d" else "22003" if new.name in _NUMBERS and change.old.name in _NUMBERS else "22P02"
    state = _REFUSALS.get(new.name, state)
    because = f"{change.title} convert to {change.kind}"
    yield check(state, because, lambda: evaluated(change.table, _converted(change), expressions=_used(change)))


def _used(change: _Change) -> tuple[Any, ...]:
    return (change.using,) if change.using is not None else ()


# Between types that are not text: which conversions may refuse a value. Source: pg_cast.dat and the functions there.
_MAY_FAIL = frozenset(
    {("json", "jsonb"), ("date", "timestamp"), ("date", "timestamptz"), ("timestamp", "timestamptz"),
     ("timestamptz", "timestamp"), ("int8", "oid"), ("numeric", "money"), ("int8", "money"), ("inet", "macaddr"),
     ("macaddr8", "macaddr"), ("jsonb", "int4"), ("jsonb", "int8"), ("jsonb", "int2"), ("jsonb", "numeric"),
     ("jsonb", "bool"), ("jsonb", "float8"), ("jsonb", "float4"), ("bpchar", "int4"), ("bpchar", "int8"),
     ("bpchar", "uuid"), ("bpchar", "date")}
)  # fmt: skip


def _can_fail(source: str, target: str) -> bool:
    return (source, target) in _MAY_FAIL or (source in _STRINGS and target not in _STRINGS)


_SAFE_NODES = frozenset(
    {"ColumnRef", "A_Const", "CaseExpr", "CaseWhen", "NullTest", "BooleanTest", "BoolExpr", "CoalesceExpr", "String",
     "Integer", "Float", "Boolean", "A_Expr", "List", "SQLValueFunction"}
)  # fmt: skip
_SAFE_OPERATORS = frozenset(
    {"=", "<>", "!=", "<", ">", "<=", ">=", "~~", "!~~", "~~*", "!~~*", "||", "BETWEEN", "NOT BETWEEN"}
)


def _cannot_fail(expression: Any) -> bool:
    """Whether nothing in the expression converts or computes what some value could refuse."""
    if functions_used(expression):
        return False
    for node in walk(expression):
        name = node_name(node)
        if name not in _SAFE_NODES:
            return False
        if name == "A_Expr" and strings(node.name)[-1:] and strings(node.name)[-1] not in _SAFE_OPERATORS:
            return False
    return not is_node(expression, "ColumnRef")


def _may_be_null(using: Any, column: str) -> bool:
    """Whether USING may give null for a value that is not null."""
    node = using
    while is_node(node, "TypeCast"):
        node = unwrap(node.arg)
    return not (is_node(node, "ColumnRef") and strings(node.fields)[-1:] == (column,))
