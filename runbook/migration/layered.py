"""A mapping that never changes, and of which a changed copy costs little: for a catalog that follows a migration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_GONE = object()
_RATIO = 8  # a layer this many times larger than the one over it is left alone: five layers for 10,000 changes


class Layered(Mapping[K, V], Generic[K, V]):
    """``base`` with layers of changes over it, newest first; layers of like size are merged, so there are few of them.

    ``changed({key: value, other: None})`` is a new mapping where ``other`` is gone. The cost of n changes is n log n in
    all, and a lookup passes at most log n layers.
    """

    __slots__ = ("_base", "_layers", "_length")

    def __init__(
        self, base: Mapping[K, V], layers: tuple[dict[K, object], ...] = (), length: int | None = None
    ) -> None:
        self._base = base
        self._layers = layers
        self._length = len(base) if length is None else length

    def changed(self, changes: Mapping[K, V | None]) -> Layered[K, V]:
        """This mapping with ``changes``: a value of None takes the key away."""
        if not changes:
            return self
        length = self._length
        layer: dict[K, object] = {}
        for key, value in changes.items():
            length += (value is not None) - (key in self)
            layer[key] = _GONE if value is None else value
        older = list(self._layers)
        while older and len(older[0]) <= _RATIO * len(layer):
            layer = {**older.pop(0), **layer}
        return Layered(self._base, (layer, *older), length)

    def __getitem__(self, key: K) -> V:
        for layer in self._layers:
            found = layer.get(key)
            if found is not None:
                if found is _GONE:
                    raise KeyError(key)
                return found  # type: ignore[return-value]
        return self._base[key]

    def get(self, key: K, default: Any = None) -> Any:
        for layer in self._layers:
            found = layer.get(key)
            if found is not None:
                return default if found is _GONE else found
        return self._base.get(key, default)

    def __contains__(self, key: object) -> bool:
        for layer in self._layers:
            found = layer.get(key)  # type: ignore[arg-type]
            if found is not None:
                return found is not _GONE
        return key in self._base

    def __iter__(self) -> Iterator[K]:
        merged: dict[K, object] = {}
        for layer in reversed(self._layers):
            merged.update(layer)
        for key in self._base:
            if key not in merged:
                yield key
        for key, value in merged.items():
            if value is not _GONE:
                yield key

    def __len__(self) -> int:
        return self._length


def layered(mapping: Mapping[K, V]) -> Layered[K, V]:
    """``mapping`` as one that can be changed cheaply; itself, when it is one already."""
    return mapping if isinstance(mapping, Layered) else Layered(mapping)
