"""Rows against seconds as characters, both axes logarithmic, in braille: for screens and for transcripts.

Pure drawing. What stands where is told by shape, too (``MARKS``), never by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runbook.migration.result import AmountKind, Seconds, StatementForecast
from runbook.words import count, duration

Role = Literal["label", "axis", "band", "likely", "local", "production", "what-if", "blank"]
Piece = tuple[str, Role]

MARKS = {"local": "○", "production": "●", "what-if": "◆"}
_WORK: dict[AmountKind, float] = {"scan_bytes": 100, "rewrite_bytes": 100, "index_rows": 1, "written_rows": 1}
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800
SHORTEST_S = 0.0005
_MARGIN = 12


@dataclass(frozen=True, slots=True)
class Point:
    """How long a statement takes where the relation has so many rows. ``side``: local, production or what-if."""

    side: str
    rows: float
    seconds: Seconds


def point(side: str, one: StatementForecast | None, relation: str | None = None) -> Point | None:
    """Where the seconds of a statement stand: at the rows of the relation that most of its work is on."""
    if one is None or one.seconds is None:
        return None
    found = [w for w in one.work if w.rows > 0 and (relation is None or w.relation == relation)]
    if not found:
        return None
    most = max(found, key=lambda w: w.amount / _WORK[w.kind])
    return Point(side, most.rows, one.seconds)


def relation_of(one: StatementForecast) -> str | None:
    """The relation whose rows decide how long it takes; None where nothing grows with rows."""
    found = [w for w in one.work if w.rows > 0]
    return max(found, key=lambda w: w.amount / _WORK[w.kind]).relation if found else None


def draw(found: Sequence[Point], width: int, height: int = 8) -> list[list[Piece]]:
    """The picture: a mark a side, the line through them, and the band from low to high.

    A single point is continued in proportion to rows, a decade to either side.
    """
    columns, rows = max(width - _MARGIN - 1, 10), height
    left, end = min(p.rows for p in found), max(p.rows for p in found)
    if end < left * 10:
        left, end = left / 4, end * 4
    across = _Scale(left / 1.3, end * 1.3, columns * 2)
    ends = [(between(found, at, part), part) for at in (across.low, across.high) for part in ("low", "likely", "high")]
    told = [value for p in found for value in (p.seconds.low, p.seconds.high)]
    low = max(min(*told, *(v for v, part in ends if part == "likely")), SHORTEST_S)
    high = max(max(*told, *(v for v, part in ends if part == "likely")), low * 10)
    up = _Scale(low / 1.5, high * 1.5, rows * 4)
    band, likely = _Dots(columns, rows), _Dots(columns, rows)
    for x in range(columns * 2):
        at = across.value(x)
        bottom, middle, top = (between(found, at, part) for part in ("low", "likely", "high"))
        for y in range(up.place(bottom), up.place(top) + 1):
            if (x + y) % 2 == 0:
                band.set(x, rows * 4 - 1 - y)
        likely.set(x, rows * 4 - 1 - up.place(middle))
    marks = {(across.place(p.rows) // 2, (rows * 4 - 1 - up.place(p.seconds.likely)) // 4): p.side for p in found}
    return _drawn(band, likely, marks, up, across, columns, rows)


def legend(found: Sequence[Point]) -> list[str]:
    """A line a side: ``● production  39 M rows  52 s (20 s to 2 min)``."""
    return [
        f"{MARKS.get(p.side, '●')} {p.side:<10}  {count(p.rows)} rows  {duration(p.seconds.likely)}"
        f" ({duration(p.seconds.low)} to {duration(p.seconds.high)})"
        for p in found
    ]


def text(found: Sequence[Point], width: int = 78) -> str:
    """Picture and legend as plain text."""
    lines = ["".join(piece for piece, _ in row).rstrip() for row in draw(found, width)]
    return "\n".join(["seconds", *lines, *legend(found)])


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


def between(found: Sequence[Point], rows: float, part: str) -> float:
    """Seconds at ``rows``: on the straight line through neighbouring points, both axes logarithmic.

    ``part``: low, likely or high. A single point is continued in proportion to rows.
    """
    ordered = sorted({p.rows: p for p in found}.values(), key=lambda p: p.rows)
    if len(ordered) == 1:
        return float(max(getattr(ordered[0].seconds, part), SHORTEST_S) * rows / ordered[0].rows)
    after = next((n for n, p in enumerate(ordered) if p.rows >= rows and n), len(ordered) - 1)
    first, last = ordered[after - 1], ordered[after]
    a, b = (max(getattr(p.seconds, part), SHORTEST_S) for p in (first, last))
    share = math.log(rows / first.rows) / math.log(last.rows / first.rows)
    return float(a * (b / a) ** share)


def _drawn(
    band: _Dots, likely: _Dots, marks: dict[tuple[int, int], str], up: _Scale, across: _Scale, columns: int, rows: int
) -> list[list[Piece]]:
    lines: list[list[Piece]] = []
    for y in range(rows):
        label = {0: duration(up.high / 1.5), rows - 1: duration(up.low * 1.5)}.get(y, "")
        row: list[Piece] = [(f"{label:>{_MARGIN - 2}} ", "label"), ("│", "axis")]
        for x in range(columns):
            side = marks.get((x, y))
            if side is not None:
                row.append((MARKS.get(side, "●"), side))  # type: ignore[arg-type]
            elif likely.cells[y][x]:
                row.append((chr(_BLANK | likely.cells[y][x] | band.cells[y][x]), "likely"))
            elif band.cells[y][x]:
                row.append((chr(_BLANK | band.cells[y][x]), "band"))
            else:
                row.append((" ", "blank"))
        lines.append(row)
    start, end = f"{count(across.low * 1.3)} rows", f"{count(across.high / 1.3)} rows"
    lines.append([(" " * (_MARGIN - 1), "blank"), ("└" + "─" * columns, "axis")])
    gap = " " * max(columns - len(start) - len(end), 1)
    lines.append([(" " * _MARGIN, "blank"), (start, "label"), (gap, "blank"), (end, "label")])
    return lines
