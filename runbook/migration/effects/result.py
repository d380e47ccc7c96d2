"""What a statement does to a server, apart from this server's load: the value that effects bring back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from runbook.migration.catalog import Catalog, RelationKey
from runbook.migration.result import Confidence, Fails, RelationLock

WorkKind = Literal["rewrite", "scan", "index_build", "write", "truncate"]


@dataclass(frozen=True, slots=True)
class Work:
    """One thing that takes time in proportion to a relation's size.

    ``rewrite``: every row copied. ``scan``: every row read. ``index_build``: ``index`` built over the relation.
    ``write``: rows inserted, updated or deleted (``share`` of the relation's rows, 1 for all).
    """

    kind: WorkKind
    relation: RelationKey
    index: str | None = None  # schema.name as quote_ident writes it
    share: float = 1.0
    concurrently: bool = False


@dataclass(frozen=True, slots=True)
class Effects:
    """What one statement does. Names are ``schema.name`` as quote_ident writes them, as in CONTRACT.md."""

    locks: frozenset[RelationLock] = frozenset()
    rewrites: tuple[str, ...] = ()
    scans: tuple[str, ...] = ()
    index_builds: tuple[str, ...] = ()
    transaction: Literal["allowed", "forbidden"] = "allowed"
    fails: Fails | None = None
    confidence: Confidence = "exact"
    opaque_because: str | None = None
    work: tuple[Work, ...] = ()
    modes: tuple[tuple[RelationKey, str], ...] = ()
    """The locks by stored name, strongest mode each: what waits are computed from."""
    min_server_version: int | None = None
    after: Catalog | None = field(default=None, repr=False, compare=False)
    """The catalog after the statement, where finding its effects led there."""
