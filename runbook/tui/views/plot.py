"""Rows against seconds, both on logarithmic scales, in braille: local, production, and the band of uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from runbook.migration.result import Seconds, StatementForecast
from runbook.session.state import State
from runbook.tui.lines import Line, Span, column, line, right
from runbook.words import count, duration

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800


@dataclass(frozen=True, slots=True)
class Point:
    """How long a statement takes on a side that has so many rows."""

    side: str
    rows: float
    seconds: Seconds


def points(state: State, one: StatementForecast) -> list[Point]:
    """Where rows and seconds of a statement are known: the steps count rows of the statement at fault only."""
    book = state.book()
    if book.get("failing.index") != one.index:
        return []
    found = []
    local = on_local(state, one)
    for side, rows, forecast in (("local", "failing.rows_local", local), ("production", "failing.rows", one)):
        known = book.get(rows)
        if isinstance(known, int | float) and known > 0 and forecast is not None and forecast.seconds is not None:
            found.append(Point(side, float(known), forecast.seconds))
    return found


def on_local(state: State, one: StatementForecast) -> StatementForecast | None:
    """The same statement as it was forecast for local."""
    statements = state.forecast_local.statements if state.forecast_local is not None else ()
    return next((s for s in statements if s.index == one.index), None)


def plot(found: Sequence[Point], width: int, height: int = 8) -> list[Line]:
    """The picture: a point a side, the line between, and the band from low to high."""
    margin = 9
    columns, rows = max(width - margin - 1, 10), height
    low = max(min(p.seconds.low for p in found), 0.0005)
    high = max(max(p.seconds.high for p in found), low * 10)
    left, end = min(p.rows for p in found), max(p.rows for p in found)
    if end < left * 10:
        left, end = left / 4, left * 10
    across = _Scale(left / 1.6, end * 1.6, columns * 2)
    up = _Scale(low / 1.5, high * 1.5, rows * 4)
    band, likely = _Dots(columns, rows), _Dots(columns, rows)
    for x in range(columns * 2):
        at = across.value(x)
        bottom, middle, top = (_between(found, at, part) for part in ("low", "likely", "high"))
        for y in range(up.place(bottom), up.place(top) + 1):
            if (x + y) % 2 == 0:
                band.set(x, rows * 4 - 1 - y)
        likely.set(x, rows * 4 - 1 - up.place(middle))
    marks = {(across.place(p.rows) // 2, (rows * 4 - 1 - up.place(p.seconds.likely)) // 4): p.side for p in found}
    return _drawn(band, likely, marks, up, (left, end), columns, rows, margin)


def bars(found: Sequence[tuple[str, Seconds]], width: int) -> list[Line]:
    """Where rows are not known: low to high of each side on one logarithmic scale of seconds."""
    low = max(min(s.low for _, s in found), 0.0005)
    high = max(max(s.high for _, s in found), low * 10)
    room = max(width - 26, 10)
    scale = _Scale(low, high, room)
    lines = []
    for side, seconds in found:
        start, middle, end = (scale.place(v) for v in (seconds.low, seconds.likely, seconds.high))
        paint = "production-text" if side == "production" else "local-text"
        drawn = " " * start + "─" * (middle - start) + "●" + "─" * max(end - middle, 0)
        name = "PRODUCTION" if side == "production" else side
        lines.append(
            line((column(name, 12), f"{paint} bold"), (column(drawn, room + 1), paint), f" {duration(seconds.likely)}")
        )
    return lines


@dataclass(frozen=True, slots=True)
class _Scale:
    """A logarithmic axis from ``low`` to ``high`` over ``steps`` dots."""

    low: float
    high: float
    steps: int

    def place(self, value: float) -> int:
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return min(max(round(share * (self.steps - 1)), 0), self.steps - 1)

    def value(self, step: int) -> float:
        return float(self.low * (self.high / self.low) ** (step / (self.steps - 1)))


class _Dots:
    def __init__(self, columns: int, rows: int) -> None:
        self.cells = [[0] * columns for _ in range(rows)]

    def set(self, x: int, y: int) -> None:
        row, cell = y // 4, x // 2
        if 0 <= row < len(self.cells) and 0 <= cell < len(self.cells[0]):
            self.cells[row][cell] |= _DOTS[y % 4][x % 2]


def _between(found: Sequence[Point], rows: float, part: str) -> float:
    """Seconds at ``rows``: on the straight line through the points (both axes logarithmic); one point is flat."""
    ordered = sorted(found, key=lambda p: p.rows)
    first, last = ordered[0], ordered[-1]
    a, b = max(getattr(first.seconds, part), 0.0005), max(getattr(last.seconds, part), 0.0005)
    if first.rows == last.rows:
        return float(a * max(rows / first.rows, 1e-9))
    share = math.log(rows / first.rows) / math.log(last.rows / first.rows)
    return float(a * (b / a) ** share)


def _drawn(
    band: _Dots,
    likely: _Dots,
    marks: dict[tuple[int, int], str],
    up: _Scale,
    ends: tuple[float, float],
    columns: int,
    rows: int,
    margin: int,
) -> list[Line]:
    lines = []
    for y in range(rows):
        label = {0: duration(up.high / 1.5), rows - 1: duration(up.low * 1.5)}.get(y, "")
        spans = [Span(right(label, margin - 2) + " ", "muted"), Span("│", "faint")]
        for x in range(columns):
            side = marks.get((x, y))
            if side is not None:
                spans.append(Span("●", "production-text bold" if side == "production" else "local-text bold"))
            elif likely.cells[y][x]:
                spans.append(Span(chr(_BLANK | likely.cells[y][x]), "warn"))
            else:
                spans.append(Span(chr(_BLANK | band.cells[y][x]) if band.cells[y][x] else " ", "faint"))
        lines.append(Line(tuple(spans)))
    start, end = f"{count(ends[0])} rows", f"{count(ends[1])} rows"
    lines.append(line(" " * (margin - 1), ("└" + "─" * columns, "faint")))
    gap = " " * max(columns - len(start) - len(end), 1)
    lines.append(line(" " * margin, (start, "local-text"), gap, (end, "production-text")))
    return lines
