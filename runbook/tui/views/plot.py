"""Rows against seconds in the theme's colours: local, production and what is imagined, with the band of uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence

from runbook.chart import Point, draw, legend, point, relation_of
from runbook.migration.result import Seconds, StatementForecast
from runbook.session.state import State
from runbook.tui.lines import Line, column, fit, line
from runbook.words import duration

_PAINT = {
    "label": "muted",
    "axis": "faint",
    "band": "faint",
    "likely": "warn",
    "local": "local-text bold",
    "production": "production-text bold",
    "what-if": "accent bold",
    "blank": "",
}
_SHORTEST_S = 0.0005


def points(state: State, one: StatementForecast, imagined: StatementForecast | None = None) -> list[Point]:
    """Where rows and seconds of a statement are known: local, production, and ``imagined`` (a what-if)."""
    relation = relation_of(one) or (relation_of(imagined) if imagined is not None else None)
    if relation is None:
        return _points_of_facts(state, one)
    basis = state.forecast.basis if state.forecast is not None else "production"
    sides = [("production" if basis == "production" else "local", one)]
    if basis == "production":
        sides.insert(0, ("local", on_local(state, one)))  # type: ignore[arg-type]
    if imagined is not None:
        sides.append(("what-if", imagined))
    found = [point(side, told, relation) for side, told in sides]
    return [p for p in found if p is not None]


def _points_of_facts(state: State, one: StatementForecast) -> list[Point]:
    """Of the statement at fault the steps count rows themselves: also where a statement's work is not known."""
    book = state.book()
    if book.get("failing.index") != one.index:
        return []
    found = []
    for side, rows, told in (
        ("local", "failing.rows_local", on_local(state, one)),
        ("production", "failing.rows", one),
    ):
        known = book.get(rows)
        if isinstance(known, int | float) and known > 0 and told is not None and told.seconds is not None:
            found.append(Point(side, float(known), told.seconds))
    return found if len(found) == 2 else []


def on_local(state: State, one: StatementForecast) -> StatementForecast | None:
    """The same statement as it was forecast for local."""
    statements = state.forecast_local.statements if state.forecast_local is not None else ()
    return next((s for s in statements if s.index == one.index), None)


def plot(found: Sequence[Point], width: int, height: int = 8) -> list[Line]:
    """The picture with its legend."""
    lines = [line(*((text, _PAINT[role]) for text, role in row)) for row in draw(found, width, height)]
    for told, p in zip(legend(found), found, strict=True):
        lines.append(line((fit(told, width), _PAINT.get(p.side, ""))))
    return lines


def bars(found: Sequence[tuple[str, Seconds]], width: int) -> list[Line]:
    """Where rows are not known: low to high of each side on one logarithmic scale of seconds."""
    low = max(min(s.low for _, s in found), _SHORTEST_S)
    high = max(max(s.high for _, s in found), low * 10)
    room = max(width - 26, 10)

    def place(value: float) -> int:
        share = math.log(max(value, low) / low) / math.log(high / low)
        return min(max(round(share * (room - 1)), 0), room - 1)

    lines = []
    for side, seconds in found:
        start, middle, end = (place(v) for v in (seconds.low, seconds.likely, seconds.high))
        paint = {"production": "production-text", "what-if": "accent"}.get(side, "local-text")
        drawn = " " * start + "─" * (middle - start) + "●" + "─" * max(end - middle, 0)
        name = "PRODUCTION" if side == "production" else side
        lines.append(
            line((column(name, 12), f"{paint} bold"), (column(drawn, room + 1), paint), f" {duration(seconds.likely)}")
        )
    return lines
