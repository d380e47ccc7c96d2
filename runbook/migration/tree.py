"""Walking libpg_query's parse tree: messages without their ``Node`` wrappers, their names, and where each kind stands.

Everything that asks about a statement walks it, one after another, ten thousand statements in a row: what a class and
a field are is decided once, and the last statement's messages are kept, by kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_MESSAGE = 11  # google.protobuf.descriptor.FieldDescriptor.TYPE_MESSAGE
_WRAPPER, _LEAF, _INNER = 1, 2, 3
_LEAVES = frozenset({"String", "Integer", "Float", "Boolean", "BitString", "A_Star"})
_NOT_A_MESSAGE, _ONE, _MANY = 0, 1, 2

_shapes: dict[type, int] = {}
_names: dict[type, str] = {type(None): ""}
_fields_by_descriptor: dict[Any, tuple[int, str]] = {}


def _shape(node: Any) -> int:
    """Whether a message is the Node wrapper, holds no other message, or may hold some: decided once per class."""
    shape = _shapes.get(type(node))
    if shape is None:
        name = node.DESCRIPTOR.name
        shape = _WRAPPER if name == "Node" else _LEAF if name in _LEAVES else _INNER
        _shapes[type(node)] = shape
    return shape


def unwrap(node: Any) -> Any:
    """The concrete message inside a ``Node`` wrapper (None if it is empty); any other message as it is."""
    if node is None or (_shapes.get(type(node)) or _shape(node)) != _WRAPPER:
        return node
    which = node.WhichOneof("node")
    return getattr(node, which) if which else None


def node_name(node: Any) -> str:
    """``AlterTableStmt``, ``IndexStmt`` ...; empty for None."""
    name = _names.get(type(node))
    if name is None:
        name = _names[type(node)] = str(node.DESCRIPTOR.name)
    return name


def is_node(node: Any, *names: str) -> bool:
    """Whether ``node`` is a message of one of these names."""
    return (_names.get(type(node)) or node_name(node)) in names


def walk(node: Any) -> Iterator[Any]:
    """Every concrete message in the tree, ``node`` first, in the order of the text's structure. Never recursive."""
    if node is None:
        return iter(())
    root, messages, _ = _walked
    return iter(messages if node is root else _messages(node))


def by_kind(node: Any) -> Mapping[str, list[Any]]:
    """Every concrete message in the tree by its name, each kind in the order of ``walk``. Not to be changed."""
    if node is None:
        return {}
    root, _, kinds = _walked
    if node is root:
        return kinds
    messages = _messages(node)
    root, _, kinds = _walked
    return kinds if node is root else _grouped(messages)


def all_of(node: Any, *names: str) -> list[Any]:
    """The messages of these kinds in the tree; those of one kind in the order of ``walk``."""
    kinds = by_kind(node)
    if len(names) == 1:
        return kinds.get(names[0], [])
    return [message for name in names for message in kinds.get(name, ())]


def has(node: Any, *names: str) -> bool:
    """Whether a message of one of these kinds stands in the tree."""
    kinds = by_kind(node)
    return any(name in kinds for name in names)


_walked: tuple[Any, list[Any], dict[str, list[Any]]] = (None, [], {})


def _messages(node: Any) -> list[Any]:
    """Read the tree; what was read of a whole statement is kept until the next one."""
    global _walked
    found = _read(node)
    if found and node_name(node).endswith("Stmt"):
        _walked = (node, found, _grouped(found))
    return found


def _grouped(messages: list[Any]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for message in messages:
        name = _names.get(type(message)) or node_name(message)
        group = groups.get(name)
        if group is None:
            groups[name] = [message]
        else:
            group.append(message)
    return groups


def _read(node: Any) -> list[Any]:
    found: list[Any] = []
    stack = [node]
    while stack:
        current = stack.pop()
        shape = _shapes.get(type(current)) or _shape(current)
        if shape == _WRAPPER:
            which = current.WhichOneof("node")
            if not which:
                continue
            current = getattr(current, which)
            shape = _shapes.get(type(current)) or _shape(current)
        found.append(current)
        if shape == _INNER:
            top = len(stack)
            for field, value in current.ListFields():
                kind = (_fields_by_descriptor.get(field) or _field(field, value))[0]
                if kind == _ONE:
                    stack.append(value)
                elif kind == _MANY:
                    stack.extend(value)
            if len(stack) - top > 1:
                stack[top:] = stack[top:][::-1]
    return found


def _field(field: Any, value: Any) -> tuple[int, str]:
    kind = _NOT_A_MESSAGE
    if field.type == _MESSAGE:
        kind = _ONE if hasattr(value, "DESCRIPTOR") else _MANY
    described = _fields_by_descriptor[field] = (kind, str(field.name))
    return described


def fields(node: Any) -> list[tuple[str, Any]]:
    """The messages one level below with the name of the field each stands in, wrapped or not."""
    found: list[tuple[str, Any]] = []
    if _shape(node) == _LEAF:
        return found
    for field, value in node.ListFields():
        kind, name = _fields_by_descriptor.get(field) or _field(field, value)
        if kind == _ONE:
            found.append((name, value))
        elif kind == _MANY:
            found.extend((name, item) for item in value)
    return found


def children(node: Any) -> Iterator[Any]:
    """The messages one level below, wrapped or not."""
    return (child for _, child in fields(node))
