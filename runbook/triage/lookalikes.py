"""Pairs of types that hold the same values and do not behave alike: which of them production and local differ in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class _Alike:
    """``behaves``: how each of the types behaves, as a sentence's end."""

    kind: str
    behaves: Mapping[str, str]


_EXACT = "is exact, and has round(value, digits) and %"
_FLOAT = "is approximate: no round(value, digits), no %, and sums depend on the order"
_PLAIN = "compares every letter as it is"

_ALIKE: tuple[_Alike, ...] = (
    _Alike(
        "json",
        {
            "json": "keeps the text as it was written, and has no equality, no order, no index, no @> and no ||",
            "jsonb": "keeps the parsed value: equality, order, indexes, @>, || and jsonb_* functions",
        },
    ),
    _Alike("exact", {"numeric": _EXACT, "double precision": _FLOAT, "real": _FLOAT}),
    _Alike("case", {"citext": "compares without case", "text": _PLAIN, "character varying": _PLAIN}),
    _Alike(
        "blanks",
        {"character": "pads with blanks, and compares without them", "text": _PLAIN, "character varying": _PLAIN},
    ),
)
"""Sources: the manual, "JSON Types", "Numeric Types", "Character Types" and "citext"; the refusals measured on 12-18."""


def lookalikes(differences: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those of ``dependency.type_differences`` whose two types are such a pair, each with how its types behave."""
    found = []
    for row in differences:
        there, here = _bare(row["production"]), _bare(row["local"])
        pair = next((a for a in _ALIKE if there != here and there in a.behaves and here in a.behaves), None)
        if pair is not None and pair.behaves[there] != pair.behaves[here]:
            behaves = {"production_behaves": pair.behaves[there], "local_behaves": pair.behaves[here]}
            found.append({**row, "kind": pair.kind, **behaves})
    return found


def _bare(type_: str) -> str:
    """The type's name without schema, quotes and modifier."""
    return re.sub(r"\(.*\)", "", type_).rpartition(".")[2].strip('" ')
