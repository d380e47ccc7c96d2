"""Conditions over facts: Jinja expressions, parsed once, evaluated in three values.

The expression is parsed by Jinja and walked by a small interpreter that knows only what is listed here, so that a
playbook can neither call nor reach anything else, and so that ``unknown`` propagates as Kleene's logic has it:
``unknown or true`` is true, ``unknown and false`` is false, everything else that needs an unknown fact is unknown.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes

from runbook.diagnosis.facts import FactBook, Unknown, UnknownFact
from runbook.diagnosis.vocabulary import GROUPS


class ConditionError(ValueError):
    """A condition that cannot be used: bad syntax, a fact that does not exist, or an operation that is not allowed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``value`` True, False, or None for unknown; then ``missing`` are the facts that nobody could read."""

    value: bool | None
    missing: tuple[Unknown, ...] = ()


_ENV = Environment(autoescape=False)  # parses only; nothing is ever rendered by it

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda a, b: a in b,
    "notin": lambda a, b: a not in b,
}


def where(rows: Any, **wanted: Any) -> list[Any]:
    """The rows whose named fields have these values (or are among them, when a list is given)."""
    return [r for r in rows if all((r[k] in v) if isinstance(v, list) else r[k] == v for k, v in wanted.items())]


FILTERS: Mapping[str, Callable[..., Any]] = {
    "length": len,
    "lower": lambda s: s.lower(),
    "first": lambda rows: rows[0] if rows else None,
    "where": where,
    "pluck": lambda rows, key: [r[key] for r in rows],
    "abs": abs,
    "startswith": lambda s, prefix: s.startswith(prefix),
}


class Condition:
    """One expression. ``check`` is done when it is made: a fact outside the vocabulary raises ``ConditionError``."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            tree = _ENV.parse("{{ (" + text + "\n) }}")
        except TemplateSyntaxError as error:
            raise ConditionError(f"not a valid expression: {error.message}") from None
        output = tree.body[0] if len(tree.body) == 1 else None
        if not isinstance(output, nodes.Output) or len(output.nodes) != 1:
            raise ConditionError("a condition is one expression")
        self._node = output.nodes[0]
        self.facts = frozenset(_names(self._node))

    def evaluate(self, book: FactBook) -> Verdict:
        """Its value over ``book``. Raises ``ConditionError`` where values do not fit what is asked of them."""
        missing: list[Unknown] = []
        try:
            value = _truth(self._node, book, missing)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ConditionError(f"{self.text}: {error}") from None
        return Verdict(value, tuple(missing) if value is None else ())

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"


def _names(node: nodes.Node) -> Iterator[str]:
    """Fact ids used; raises for whatever the interpreter does not know."""
    match node:
        case nodes.Getattr(node=nodes.Name(name=group), attr=name):
            if group not in GROUPS:
                raise ConditionError(f"no facts are called {group!r}; there are: {', '.join(sorted(GROUPS))}")
            if name not in GROUPS[group]:
                raise ConditionError(f"there is no fact {group}.{name}")
            yield f"{group}.{name}"
            return
        case nodes.Name(name=name):
            raise ConditionError(f"{name!r} is not a fact; facts are written group.name")
        case nodes.Getattr(attr=name) if name.startswith("_"):
            raise ConditionError(f"{name!r} is not part of a fact")
        case nodes.Filter(name=name) if name not in FILTERS:
            raise ConditionError(f"there is no filter {name!r} in conditions; there are: {', '.join(sorted(FILTERS))}")
        case nodes.Test(name=name) if name not in ("known", "unknown"):
            raise ConditionError("the only tests in conditions are 'is known' and 'is unknown'")
        case (
            nodes.And()
            | nodes.Or()
            | nodes.Not()
            | nodes.Compare()
            | nodes.Operand()
            | nodes.Const()
            | nodes.List()
            | nodes.Tuple()
            | nodes.Getattr()
            | nodes.Getitem()
            | nodes.Filter()
            | nodes.Test()
            | nodes.Keyword()
            | nodes.Mul()
            | nodes.Div()
            | nodes.Add()
            | nodes.Sub()
            | nodes.Neg()
        ):
            pass
        case _:
            raise ConditionError(f"{type(node).__name__.lower()} is not allowed in a condition")
    for child in node.iter_child_nodes():
        yield from _names(child)


def _truth(node: nodes.Node, book: FactBook, missing: list[Unknown]) -> bool | None:
    """Kleene's and, or, not over leaves that are true, false, or need an unknown fact."""
    match node:
        case nodes.And(left=left, right=right):
            a = _truth(left, book, missing)
            if a is False:
                return False
            b = _truth(right, book, missing)
            return False if b is False else (True if a and b else None)
        case nodes.Or(left=left, right=right):
            a = _truth(left, book, missing)
            if a is True:
                return True
            b = _truth(right, book, missing)
            return True if b is True else (False if a is False and b is False else None)
        case nodes.Not(node=inner):
            a = _truth(inner, book, missing)
            return None if a is None else not a
        case _:
            try:
                return bool(_value(node, book))
            except UnknownFact as error:
                missing.append(error.unknown)
                return None


def _value(node: nodes.Node, book: FactBook) -> Any:
    match node:
        case nodes.Const(value=value):
            return value
        case nodes.List(items=items) | nodes.Tuple(items=items):
            return [_value(i, book) for i in items]
        case nodes.Getattr(node=nodes.Name(name=group), attr=name):
            value = book.value(f"{group}.{name}")
            if isinstance(value, Unknown):
                raise UnknownFact(value)
            return value
        case nodes.Getattr(node=inner, attr=name):
            return _item(_value(inner, book), name)
        case nodes.Getitem(node=inner, arg=arg):
            return _item(_value(inner, book), _value(arg, book))
        case nodes.Compare(expr=expr, ops=ops):
            left = _value(expr, book)
            for op in ops:
                right = _value(op.expr, book)
                if not _COMPARE[op.op](left, right):
                    return False
                left = right
            return True
        case nodes.Filter(node=inner, name=name, args=args, kwargs=kwargs):
            assert inner is not None
            keywords = {str(k.key): _value(k.value, book) for k in kwargs}
            return FILTERS[name](_value(inner, book), *[_value(a, book) for a in args], **keywords)
        case nodes.Test(node=inner, name=name):
            try:
                _value(inner, book)
            except UnknownFact:
                return name == "unknown"
            return name == "known"
        case nodes.Add(left=left, right=right):
            return _value(left, book) + _value(right, book)
        case nodes.Sub(left=left, right=right):
            return _value(left, book) - _value(right, book)
        case nodes.Mul(left=left, right=right):
            return _value(left, book) * _value(right, book)
        case nodes.Div(left=left, right=right):
            divisor = _value(right, book)
            return _value(left, book) / divisor if divisor else float("inf")
        case nodes.Neg(node=inner):
            return -_value(inner, book)
        case nodes.And() | nodes.Or() | nodes.Not():
            missing: list[Unknown] = []
            value = _truth(node, book, missing)
            if value is None:
                raise UnknownFact(missing[0])
            return value
    raise ConditionError(f"{type(node).__name__.lower()} is not allowed in a condition")


def _item(value: Any, key: Any) -> Any:
    if value is None:
        raise UnknownFact(Unknown(str(key), "there is none"))
    try:
        return value[key]
    except (KeyError, IndexError, TypeError):
        if isinstance(value, dict):
            raise UnknownFact(Unknown(str(key), "there is none")) from None
        raise ConditionError(f"{key!r} cannot be read from {type(value).__name__}") from None
