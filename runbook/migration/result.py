"""What a forecast says, in the words and order of CONTRACT.md (FORECAST and STATEMENT)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

LOCK_MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""Weakest first. Source: PostgreSQL documentation, 13.3.1; src/include/storage/lockdefs.h."""

Severity = Literal["danger", "warning", "notice", "ok"]
Confidence = Literal["exact", "likely", "opaque"]


@dataclass(frozen=True, slots=True, order=True)
class RelationLock:
    relation: str  # schema.name as quote_ident writes it
    mode: str  # as in pg_locks
    pre_existing: bool = True  # False: this migration created it, nobody else can wait on it


@dataclass(frozen=True, slots=True)
class Blocks:
    """Relations whose readers or writers wait while the statement holds its locks (pre-existing ones only)."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitsFor:
    """A session that holds what a lock of this statement conflicts with, right now. ``pid`` 0: a prepared transaction."""

    pid: int
    backend_start: datetime | None
    relation: str
    mode: str
    age_s: float | None
    state: str | None
    query: str | None
    application_name: str | None = None


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long the locks are held, with what that rests on."""

    low: float
    likely: float
    high: float
    basis: str


@dataclass(frozen=True, slots=True)
class Fails:
    sqlstate: str
    because: str
    certain: bool


@dataclass(frozen=True, slots=True)
class Hazard:
    id: str
    because: str
    safe_sql: tuple[str, ...] | None = None
    playbook: str | None = None


@dataclass(frozen=True, slots=True)
class StatementForecast:
    index: int
    line: int
    sql: str
    kind: str
    locks: frozenset[RelationLock] = frozenset()
    rewrites: tuple[str, ...] = ()
    scans: tuple[str, ...] = ()
    index_builds: tuple[str, ...] = ()
    transaction: Literal["allowed", "forbidden"] = "allowed"
    min_server_version: int | None = None
    blocks: Blocks = Blocks()
    waits_for: tuple[WaitsFor, ...] = ()
    seconds: Seconds | None = None
    fails: Fails | None = None
    severity: Severity = "ok"
    hazards: tuple[Hazard, ...] = ()
    confidence: Confidence = "exact"
    opaque_because: str | None = None


@dataclass(frozen=True, slots=True)
class FileForecast:
    path: str
    runner: str
    transaction_mode: str
    statements: tuple[StatementForecast, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    danger: int = 0
    warning: int = 0
    notice: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    server_version_num: int
    basis: Literal["production", "local", "assumed"]
    files: tuple[FileForecast, ...]
    summary: Summary = Summary()
    schema_version: int = 1

    @property
    def statements(self) -> tuple[StatementForecast, ...]:
        return tuple(s for f in self.files for s in f.statements)
