"""Names that the server makes up for constraints, indexes and sequences.

Source: makeObjectName, ChooseIndexName (indexcmds.c).
"""

from __future__ import annotations

from collections.abc import Callable

NAMEDATALEN = 64


def object_title(first: str, second: str, label: str) -> str:
    """``first_second_label``, the parts cut so that all is at most 63 bytes."""
    one, two = first.encode(), second.encode()
    room = NAMEDATALEN - 1 - (len(label.encode()) + 1 if label else 0) - (1 if two else 0)
    while len(one) + len(two) > room:
        if len(one) > len(two):
            one = one[:-1]
        else:
            two = two[:-1]
    parts = [one.decode(errors="ignore"), *([two.decode(errors="ignore")] if two else []), *([label] if label else [])]
    return "_".join(parts)


def choose(first: str, second: str, label: str, taken: Callable[[str], bool]) -> str:
    """The first free name of ``object_title``'s, with 1, 2, 3 ... after the label."""
    name = object_title(first, second, label)
    for number in range(1, 1000):
        if not taken(name):
            return name
        name = object_title(first, second, f"{label}{number}")
    return name


def index_name(table: str, columns: list[str | None], label: str, taken: Callable[[str], bool]) -> str:
    """The name of an index that was given none. ``label`` is idx, key, excl or pkey (which takes no columns)."""
    if label == "pkey":
        return choose(table, "", label, taken)
    joined = "_".join(c or "expr" for c in _numbered(columns))
    return choose(table, joined[: NAMEDATALEN - 1], label, taken)


def _numbered(columns: list[str | None]) -> list[str]:
    seen: list[str] = []
    for column in columns:
        wanted, number = column or "expr", 0
        name = wanted
        while name in seen:
            number += 1
            name = f"{wanted}{number}"
        seen.append(name)
    return seen
