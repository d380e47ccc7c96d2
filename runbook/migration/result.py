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
class QueuesBehind:
    """Who would queue behind a lock while it is waited for or held: those who use the relation now.

    ``sessions``: that hold a conflicting lock on it now. ``writes_per_s``: rows, between two samples; None: not known.
    ``reads``: readers would wait too, not only writers.
    """

    relation: str
    reads: bool
    sessions: int = 0
    writes_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long the locks are held, with what that rests on."""

    low: float
    likely: float
    high: float
    basis: str


AmountKind = Literal["scan_bytes", "rewrite_bytes", "index_rows", "written_rows"]


@dataclass(frozen=True, slots=True)
class Amount:
    """Work in proportion to a relation's size, on the server the forecast is for: the seconds are this over a throughput.

    ``amount``: bytes read or rewritten, rows indexed or written; effort that is not one pass (a second scan, each
    further index) is counted in. ``rows``: the relation's, as far as statistics tell.
    """

    kind: AmountKind
    relation: str
    amount: float
    rows: float


@dataclass(frozen=True, slots=True)
class Fails:
    sqlstate: str
    because: str
    certain: bool


@dataclass(frozen=True, slots=True)
class DataCost:
    """What a query must read to be sure that no row offends. ``rows`` and ``bytes`` are the heap's, None: not known."""

    relations: tuple[str, ...]  # schema.name as quote_ident writes it
    rows: float | None = None
    bytes: int | None = None
    index: str | None = None  # an index of production that spares reading all of it


@dataclass(frozen=True, slots=True)
class DataAnswer:
    """What production's rows said at ``at`` (UTC). ``unknown`` is never a no: ``because`` says why it is not known.

    ``keys`` find some of the offending rows; values that could be somebody's data are left out of them.
    """

    verdict: Literal["fails", "passes", "unknown"]
    because: str
    at: datetime | None = None
    sqlstate: str | None = None  # which error, where the query tells it more exactly than the check
    keys: tuple[str, ...] = ()
    duration_s: float = 0.0
    plan_cost: float | None = None  # of the whole query by EXPLAIN, in the planner's units (seq_page_cost = 1)


@dataclass(frozen=True, slots=True)
class DataCheck:
    """A failure that only rows decide, and the query that would tell: rows that it brings back are offenders.

    ``sql`` None: no harmless query tells it, ``withheld`` says why; with ``not_before`` it can be asked once that
    statement of the migration has run. ``withheld`` beside an ``sql``: the query is for people, no program runs it.
    ``by_error``: the query brings no rows, it ends with that very error where a row offends.
    ``certain``: an offender makes the statement fail; else it may.
    """

    sqlstate: str
    because: str
    sql: str | None = None
    cost: DataCost | None = None
    answer: DataAnswer | None = None
    withheld: str | None = None
    not_before: int | None = None
    by_error: bool = False
    certain: bool = True
    search_path: tuple[str, ...] = ()  # in which the unqualified names of its expressions are looked up


@dataclass(frozen=True, slots=True)
class Hazard:
    id: str
    because: str
    safe_sql: tuple[str, ...] | None = None
    playbook: str | None = None
    instead: str | None = None  # where no safe sequence is generated: why, and what people do


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
    depends_on_data: tuple[DataCheck, ...] = ()
    work: tuple[Amount, ...] = ()
    behind: tuple[QueuesBehind, ...] = ()


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
