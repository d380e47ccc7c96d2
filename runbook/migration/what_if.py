"""The same server, imagined otherwise: other sizes, another major, busy or idle. Pure; for forecasts that are no diagnosis.

What a version decides is decided by the number alone: the catalog's own objects stay as they were read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from runbook.migration.catalog import Catalog, Relation, RelationKey
from runbook.sql import split_qualified
from runbook.words import count

MAJORS = range(12, 19)
_BYTES_PER_ROW = 100  # of a relation that has none yet, as in timing.py
_BUSY_WRITES_PER_S = 100.0
_SYSTEM = frozenset({"pg_catalog", "information_schema"})
_ROWS = re.compile(r"(\d+(?:[.,]\d+)*|\d[\d_ ]*)\s*([kmb]|thousand|million|billion)?", re.I)
_UNITS = {"": 1, "k": 10**3, "thousand": 10**3, "m": 10**6, "million": 10**6, "b": 10**9, "billion": 10**9}


class WhatIfProblem(Exception):
    """Raised for what cannot be imagined of this server; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What is taken to be otherwise. Nothing set: everything as it is now.

    ``relation``: a table as people write it, None: every table. ``factor`` multiplies rows and bytes; ``rows`` sets the
    rows, and the bytes in proportion. ``busy`` None: as it is; False: nobody writes and no session holds a lock.
    """

    relation: str | None = None
    factor: float = 1.0
    rows: int | None = None
    major: int | None = None
    busy: bool | None = None

    @property
    def is_nothing(self) -> bool:
        return self == WhatIf(relation=self.relation)

    @property
    def told(self) -> str:
        """The assumption in words: ``orders × 100, PostgreSQL 13, busy``."""
        of = self.relation or "all tables"
        parts = []
        if self.rows is not None:
            parts.append(f"{of}: {count(self.rows)} rows")
        elif self.factor != 1:
            parts.append(f"{of} × {self.factor:g}")
        if self.major is not None:
            parts.append(f"PostgreSQL {self.major}")
        if self.busy is not None:
            parts.append("busy" if self.busy else "idle")
        return ", ".join(parts) or "as it is now"


def imagine(catalog: Catalog, what_if: WhatIf) -> Catalog:
    """``catalog`` as it would be. Raises WhatIfProblem where a table is not known, or sizes are not."""
    if what_if.major is not None and what_if.major not in MAJORS:
        raise WhatIfProblem(f"majors {MAJORS[0]} to {MAJORS[-1]} are known, not {what_if.major}")
    relations: Mapping[RelationKey, Relation] = catalog.relations
    if what_if.rows is not None or what_if.factor != 1:
        relations = _resized(catalog, what_if)
    if what_if.busy is not None:
        if catalog.is_assumed:
            raise WhatIfProblem("no server was asked: every table is assumed busy already")
        rate = _BUSY_WRITES_PER_S if what_if.busy else 0.0
        relations = {key: _used(r, rate) for key, r in relations.items()}
    number = catalog.server_version_num if what_if.major is None else what_if.major * 10000
    return replace(catalog, relations=MappingProxyType(dict(relations)), server_version_num=number)


def read_size(text: str) -> tuple[float, int | None]:
    """(factor, rows) of a size as people type it: ``x10``, ``×100``, ``*2``, ``40 million``, ``1_000_000``.

    Raises WhatIfProblem for anything else.
    """
    typed = text.strip()
    if not typed:
        return 1.0, None
    try:
        if typed[0] in "x×*X":
            factor = float(typed[1:].strip().replace(",", ""))
            if not 0 < factor <= 1e9:
                raise ValueError
            return factor, None
        found = _ROWS.fullmatch(typed)
        if found is None:
            raise ValueError
        number = float(re.sub(r"[,_ ]", "", found[1]))
        return 1.0, round(number * _UNITS[(found[2] or "").lower()])
    except ValueError:
        raise WhatIfProblem(f"neither a factor like x10 nor rows like 40 million: {typed}") from None


def _resized(catalog: Catalog, what_if: WhatIf) -> dict[RelationKey, Relation]:
    if catalog.is_assumed:
        raise WhatIfProblem("no server was asked: tables are assumed large, their sizes are not known")
    relations = dict(catalog.relations)
    if what_if.relation is None:
        chosen = [r for r in relations.values() if r.schema not in _SYSTEM and r.kind in ("r", "m", "p")]
        for relation in chosen:
            relations[relation.key] = _sized(relation, what_if.factor, what_if.rows if relation.kind != "p" else None)
        return relations
    family = _family(catalog, what_if.relation)
    factor, rows = what_if.factor, what_if.rows
    if rows is not None and len(family) > 1:
        whole = sum(max(r.rows, 0.0) for r in family if r.kind != "p")
        if whole <= 0:
            raise WhatIfProblem(f"the partitions of {what_if.relation} hold no rows that could grow in proportion")
        factor, rows = rows / whole, None
    for relation in family:
        relations[relation.key] = _sized(relation, factor, rows)
    return relations


def _family(catalog: Catalog, name: str) -> list[Relation]:
    """The table with its partitions and heirs, all the way down."""
    schema, bare = split_qualified(name)
    found = catalog.find(schema, bare)
    if found is None or found.kind not in ("r", "m", "p"):
        raise WhatIfProblem(f"there is no table {name}")
    family: dict[RelationKey, Relation] = {}
    todo = [found.key]
    while todo:
        relation = catalog.relations.get(todo.pop())
        if relation is not None and relation.key not in family:
            family[relation.key] = relation
            todo += relation.children
    return list(family.values())


def _sized(relation: Relation, factor: float, rows: int | None) -> Relation:
    """Rows and bytes together; a relation of unknown rows that is given some gets bytes for them."""
    if rows is not None:
        if relation.rows <= 0 or relation.bytes <= 0:
            heap = max(relation.bytes, rows * _BYTES_PER_ROW)
            return replace(relation, rows=float(rows), live_tuples=rows, bytes=heap)
        factor = rows / max(relation.rows, float(relation.live_tuples or 0))
    return replace(
        relation,
        rows=relation.rows * factor if relation.rows > 0 else relation.rows,
        live_tuples=round(relation.live_tuples * factor) if relation.live_tuples is not None else None,
        pages=round(relation.pages * factor),
        bytes=round(relation.bytes * factor),
        toast_bytes=round(relation.toast_bytes * factor),
        index_bytes=round(relation.index_bytes * factor),
    )


def _used(relation: Relation, writes_per_s: float) -> Relation:
    if relation.schema in _SYSTEM:
        return relation
    if writes_per_s:
        return replace(relation, writes_per_s=writes_per_s)
    return replace(relation, writes_per_s=0.0, writes=0, seq_scans=0, index_scans=0)
