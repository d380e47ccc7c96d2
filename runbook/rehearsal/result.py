"""What a rehearsal brought back. Relations are named as in a forecast: ``schema.name``, quoted as quote_ident would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runbook.migration.result import Forecast, RelationLock, Seconds

Mode = Literal["rollback", "commit"]
Status = Literal["ran", "failed", "stopped", "not_rehearsed", "not_reached", "nothing_to_run"]
"""stopped: by our limit. nothing_to_run: BEGIN, COMMIT, psql commands. not_reached: the rehearsal ended before it."""

Outcome = Literal["completed", "failed", "stopped", "lost", "interrupted"]
"""failed: a statement failed. stopped: by our limit. lost: the connection broke. Nothing stays in any of them but what
``--rehearse=commit`` had committed."""


@dataclass(frozen=True, slots=True)
class ServerError:
    """A refusal of the server, without its detail (which may quote rows)."""

    sqlstate: str
    message: str


@dataclass(frozen=True, slots=True)
class Notice:
    severity: str
    message: str


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing in which the server did not do what the forecast on this side said."""

    facet: Literal["locks", "rewrites", "scans", "index_builds", "fails"]
    forecast: str
    measured: str


@dataclass(frozen=True, slots=True)
class TableSize:
    """The rows of a table that the statement's work is in proportion to. None: that side was not asked."""

    relation: str
    local_rows: float | None
    production_rows: float | None


@dataclass(frozen=True, slots=True)
class StatementRehearsal:
    """One statement. What was not measured is None, which is not the same as nothing."""

    index: int
    file: str
    line: int
    kind: str
    status: Status
    because: str | None = None  # why it was not rehearsed, or what its failure may rest on
    committed: bool = False
    seconds: float | None = None  # wall time of the statement on the local server
    locks: frozenset[RelationLock] | None = None  # newly taken; what an earlier statement holds is not taken again
    rewrites: tuple[str, ...] | None = None  # relations that got a new file
    scans: tuple[str, ...] | None = None  # relations read from end to end
    index_builds: tuple[str, ...] | None = None
    wal_bytes: int | None = None  # of the whole server meanwhile
    rows: int | None = None  # as the command tag counts them
    notices: tuple[Notice, ...] = ()
    error: ServerError | None = None
    disagreements: tuple[Disagreement, ...] = ()
    agrees: bool | None = None  # None: not compared
    forecast_seconds: Seconds | None = None  # on local, before anything was measured
    production_seconds: Seconds | None = None  # on production, with the throughput measured here
    sizes: tuple[TableSize, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What the rehearsal left on the local server, and the statement that removes it (None: nothing does)."""

    what: str
    sql: str | None = None


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """Work per second: ``work`` is the field of Throughput (scan_bytes, rewrite_bytes, index_rows, written_rows)."""

    work: str
    per_second: float
    amount: float
    seconds: float
    statements: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """``compared`` statements have a forecast and a measurement, ``agreeing`` of them agree in everything."""

    mode: Mode
    server: str  # database@host
    server_version_num: int
    outcome: Outcome
    because: str | None
    duration_s: float
    statements: tuple[StatementRehearsal, ...]
    compared: int = 0
    agreeing: int = 0
    rates: tuple[MeasuredRate, ...] = ()
    left_behind: tuple[LeftBehind, ...] = ()
    notes: tuple[str, ...] = ()

    def statement(self, index: int) -> StatementRehearsal | None:
        """The statement of that index (1-based, over the whole migration)."""
        return next((s for s in self.statements if s.index == index), None)

    @property
    def failure(self) -> StatementRehearsal | None:
        """The statement that failed, if one did."""
        return next((s for s in self.statements if s.status == "failed"), None)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The rehearsal, with the forecast for the local side that it was compared with."""

    rehearsal: Rehearsal
    forecast: Forecast
