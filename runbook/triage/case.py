"""The case: everything that was gathered, before anything is concluded. Steps read it and state facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from runbook.diagnosis.facts import Fact, FactSide, in_vocabulary
from runbook.failure.report import ErrorReport
from runbook.migration.catalog import Catalog
from runbook.migration.model import Migration, Statement
from runbook.migration.result import Forecast, StatementForecast
from runbook.postgres.reading import Reading, Refusal, Target
from runbook.postgres.rows import IdentityRow


@dataclass(frozen=True)
class SideCase:
    """One side as it was found. ``role`` is the role that runs migrations there, None: the one we connected as."""

    key: str
    name: str
    target: Target
    refusal: Refusal | None = None
    readings: Mapping[str, Reading[Any]] = field(default_factory=lambda: MappingProxyType({}))
    catalog: Catalog | None = None
    earlier: Mapping[str, Reading[Any]] = field(default_factory=lambda: MappingProxyType({}))
    """The first of two samples of activity, locks and blocking: a wait that is in both is no passing moment."""
    pooler: str | None = None
    role: str | None = None

    @property
    def reachable(self) -> bool:
        return self.refusal is None

    @property
    def identity(self) -> IdentityRow | None:
        row: IdentityRow | None = self.first("identity")
        return row

    def rows(self, probe: str) -> tuple[Any, ...]:
        """The rows of a probe; none when it brought none, whatever the reason."""
        reading = self.readings.get(probe)
        return reading.rows if reading is not None and reading.ok else ()

    def first(self, probe: str) -> Any:
        rows = self.rows(probe)
        return rows[0] if rows else None

    def ok(self, probe: str) -> bool:
        reading = self.readings.get(probe)
        return reading is not None and reading.ok

    def why_not(self, probe: str) -> str:
        """Why a probe brought nothing, for people."""
        if self.refusal is not None:
            return f"{self.name} cannot be reached: {self.refusal.message}"
        reading = self.readings.get(probe)
        if reading is None:
            return f"{probe} was not asked on {self.name}"
        return f"{probe} on {self.name}: {reading.reason or reading.status.replace('_', ' ')}"


@dataclass(frozen=True)
class Case:
    """One incident's inputs. ``failing`` is the statement that the error belongs to, where it was located.

    ``given`` False: nobody gave files; ``migration`` then holds the one statement that the error or a running session
    shows, if any does. ``whole`` is all that was given, where ``migration`` is only what production has yet to run.
    """

    local: SideCase | None = None
    production: SideCase | None = None
    migration: Migration | None = None
    error: ErrorReport | None = None
    seen: str | None = None
    given: bool = False
    failing: Statement | None = None
    forecast: Forecast | None = None
    forecast_local: Forecast | None = None
    whole: Migration | None = None

    def sides(self) -> tuple[SideCase, ...]:
        return tuple(s for s in (self.local, self.production) if s is not None)

    def forecast_of(self, statement: Statement, *, local: bool = False) -> StatementForecast | None:
        forecast = self.forecast_local if local else self.forecast
        if forecast is None:
            return None
        return next((s for s in forecast.statements if s.index == statement.index), None)


class Facts:
    """Collects the facts of one step."""

    def __init__(self, step: str) -> None:
        self.step = step
        self.stated: list[Fact] = []

    def know(self, id_: str, value: Any, because: str, *, side: FactSide | None = None, readings: str = "") -> None:
        """State a fact. ``readings``: the probes it rests on, separated by blanks."""
        known = in_vocabulary(id_)
        self.stated.append(Fact(known, value, because, self.step, side or _side(id_), True, tuple(readings.split())))

    def unknown(self, id_: str, reason: str, *, side: FactSide | None = None) -> None:
        """State that a fact could not be read, and why."""
        self.stated.append(Fact(in_vocabulary(id_), None, reason, self.step, side or _side(id_), False))

    def unknown_all(self, ids: list[str], reason: str) -> None:
        for id_ in ids:
            self.unknown(id_, reason)


def _side(id_: str) -> FactSide | None:
    group = id_.split(".")[0]
    if group in ("local", "production"):
        return group  # type: ignore[return-value]
    return "production" if group in ("locks", "role", "history", "waits", "tool_lock") else None
