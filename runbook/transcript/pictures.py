"""Pictures of a transcript as inline SVG: who waits for whom, blocked sessions over time, rows against seconds.

Colours are classes of the page's style sheet, so that light and dark are one picture. All text is escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from markupsafe import Markup, escape

from runbook.chart import MARKS, SHORTEST_S, Point, between, point, relation_of
from runbook.session import events as ev
from runbook.session.state import State
from runbook.text import clean_line, shorten
from runbook.transcript.impact import LONGEST_GAP_S
from runbook.transcript.moments import lock_samples, lock_words, named, wanted_first
from runbook.transcript.times import instant
from runbook.triage.alike import grouped
from runbook.triage.model import LockNode, LockTree
from runbook.words import count, duration

WIDTH = 720
_CHARACTER = 7.6  # of the sans serif at 13 px, on the wide side
_BOX, _GAP, _INDENT, _DEEPEST = 56, 10, 26, 9
MOST_BOXES = 40
MOST_POINTS = 240
MOST_PICTURES = 5
WORTH_A_PICTURE_S = 1.0


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG with what it says in words, which is also what a screen reader tells; ``note``: what was left out."""

    svg: Markup
    title: str
    caption: str = ""
    note: str = ""


# -- who waits for whom ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One session of the tree as it is told: how deep it stands, and how many alike stand behind it."""

    node: LockNode
    depth: int
    alike: int
    parent: int | None  # index of the row above it in the tree

    @property
    def who(self) -> str:
        return named(self.node)

    @property
    def state(self) -> str:
        session = self.node.session
        if self.node.waits_for:
            waited = f" for {duration(self.node.wait_s)}" if self.node.wait_s is not None else ""
            return f"waits{waited}"
        aged = f" for {duration(session.xact_age_s)}" if session.xact_age_s is not None else ""
        return f"{session.state or 'state hidden'}{aged}"

    @property
    def locks(self) -> str:
        if self.node.waits_for:
            return f"wants {lock_words(self.node.waits_for)}"
        held: dict[str, list[str]] = {}
        for lock in wanted_first(self.node):
            mode, _, on = lock_words(lock).partition(" on ")
            held.setdefault(mode, []).append(on or "?")
        told = []
        for mode, on_all in held.items():
            more = f" and {len(on_all) - 3:,} more" if len(on_all) > 3 else ""
            told.append(f"{mode} on {', '.join(on_all[:3])}{more}")
        return "holds " + "; ".join(told) if told else ""

    @property
    def query(self) -> str:
        session = self.node.session
        return "its query is hidden from our role" if session.hidden else session.query or ""

    @property
    def marks(self) -> tuple[str, ...]:
        marks = []
        if self.node.session.is_migration:
            marks.append("your migration")
        if self.node.in_cycle:
            marks.append("in a cycle (deadlock)")
        if self.alike:
            marks.append(f"+ {self.alike:,} like this")
        return tuple(marks)


def rows(tree: LockTree) -> list[Row]:
    """The sessions of a tree, roots first, alike ones as one."""
    found: list[Row] = []

    def add(node: LockNode, depth: int, alike: int, parent: int | None) -> None:
        found.append(Row(node, depth, alike, parent))
        at = len(found) - 1
        for child, more in grouped(node.children):
            add(child, depth + 1, more, at)

    for root in tree.roots:
        add(root, 0, 0, None)
    return found


def lock_tree(tree: LockTree | None) -> Picture | None:
    """The lock tree as boxes, the head of the queue first; None where nobody waits."""
    if tree is None or not tree.roots:
        return None
    told = rows(tree)
    shown = told[:MOST_BOXES]
    height = len(shown) * (_BOX + _GAP) + _GAP
    parts: list[Markup] = []
    for number, row in enumerate(shown):
        x, y = _left(row), _GAP + number * (_BOX + _GAP)
        if row.parent is not None:
            from_x, from_y = _left(shown[row.parent]) + 12, _GAP + row.parent * (_BOX + _GAP) + _BOX
            parts.append(
                Markup('<path class="wire" d="M{} {}V{}H{}"/>').format(
                    from_x, from_y, y + _BOX // 2, max(x, from_x + 4)
                )
            )
        parts.append(_box(row, x, y))
    sampled = instant(tree.sampled_at)
    at = f" at {sampled:%H:%M:%S} UTC" if sampled else ""
    title = f"Who waited for whom on {tree.side}{at}: {tree.waiting}, the longest for {duration(tree.longest_wait_s)}"
    left = len(told) - len(shown)
    note = f"{left:,} more are not drawn." if left else ""
    return Picture(
        _svg(WIDTH, height, title, parts), title, " ".join(tree.advice), " ".join(filter(None, [note, tree.note]))
    )


def _left(row: Row) -> int:
    return 4 + min(row.depth, _DEEPEST) * _INDENT


def _box(row: Row, x: int, y: int) -> Markup:
    kind = "migration" if row.node.session.is_migration else "head" if row.depth == 0 else "waiter"
    room = int((WIDTH - x - 24) / _CHARACTER)
    marks = "  ".join(row.marks)
    room_above = max(room - len(marks) - 3, 12)
    return Markup(
        '<rect class="box {}" x="{}" y="{}" width="{}" height="{}" rx="5"/>'
        '<text x="{}" y="{}"><tspan class="strong">{}</tspan></text>'
        '<text class="mark" x="{}" y="{}" text-anchor="end">{}</text>'
        '<text x="{}" y="{}">{}</text><text class="code" x="{}" y="{}">{}</text>'
    ).format(
        kind, x, y, WIDTH - x - 4, _BOX,
        x + 10, y + 17, shorten(f"{row.who}  {row.state}", room_above),
        WIDTH - 14, y + 17, shorten(marks, room),
        x + 10, y + 33, shorten(row.locks, room),
        x + 10, y + 48, shorten(row.query, int(room * 0.96)),
    )  # fmt: skip


# -- blocked sessions over time ----------------------------------------------------------------------------------------


def blocked(state: State) -> Picture | None:
    """How many sessions waited, over the session; None with fewer than two samples, or where nobody ever waited."""
    samples = [(s.event.offset_s, s.tree.waiting) for s in lock_samples(state.events)]
    if len(samples) < 2 or not any(n for _, n in samples) or samples[-1][0] <= samples[0][0]:
        return None
    shown = _peaks(samples, MOST_POINTS)
    left, right, top, bottom = 46, WIDTH - 16, 30, 176
    begin, end = shown[0][0], shown[-1][0]
    most = max(n for _, n in shown)
    opened = instant(state.started_at)

    def at(seconds: float) -> float:
        return round(left + (seconds - begin) / (end - begin) * (right - left), 1)

    def up(n: float) -> float:
        return round(bottom - n / most * (bottom - top), 1)

    parts = [Markup('<path class="axis" d="M{} {}V{}H{}"/>').format(left, top, bottom, right)]
    for n in sorted({0, most // 2, most}):
        parts.append(Markup('<path class="grid" d="M{} {}H{}"/>').format(left, up(n), right))
        parts.append(
            Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(left - 6, up(n) + 4, n)
        )
    for number in range(5):
        seconds = begin + (end - begin) * number / 4
        label = (opened + timedelta(seconds=seconds)).strftime("%H:%M:%S") if opened else duration(seconds)
        anchor = ("start", "middle", "middle", "middle", "end")[number]
        parts.append(
            Markup('<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>').format(
                at(seconds), bottom + 18, anchor, label
            )
        )
    gaps = 0
    reach = max(LONGEST_GAP_S, (end - begin) / MOST_POINTS * 2)
    for run in _runs(shown, reach):
        gaps += 1
        line = f"M{at(run[0][0])} {up(run[0][1])}" + "".join(f"H{at(s)}V{up(n)}" for s, n in run[1:])
        line += "h2" if len(run) == 1 else ""
        parts.append(Markup('<path class="area" d="{}V{}H{}Z"/>').format(Markup(line), bottom, at(run[0][0])))
        parts.append(Markup('<path class="line" d="{}"/>').format(Markup(line)))
    for seconds, word in _marked(state):
        if begin <= seconds <= end:
            anchor = "end" if at(seconds) > right - 80 else "start"
            parts.append(
                Markup(
                    '<path class="event" d="M{0} {1}V{2}"/><text class="tick" x="{3}" y="{4}" text-anchor="{5}">{6}</text>'
                ).format(
                    at(seconds), top - 8, bottom, at(seconds) + (4 if anchor == "start" else -4), top - 12, anchor, word
                )
            )
    title = f"Sessions waiting for locks over time: at most {most:,}"
    notes = []
    if len(shown) < len(samples):
        notes.append(f"{len(samples):,} samples, drawn as {len(shown)}: the highest of each stretch.")
    if gaps > 1:
        notes.append("Where the line is broken nobody looked.")
    return Picture(_svg(WIDTH, bottom + 30, title, parts), title, "Time is UTC.", " ".join(notes))


def _peaks(samples: Sequence[tuple[float, int]], most: int) -> list[tuple[float, int]]:
    """At most so many samples: of each stretch of time the highest, and always the first and the last."""
    if len(samples) <= most:
        return list(samples)
    begin, end = samples[0][0], samples[-1][0]
    highest: dict[int, tuple[float, int]] = {}
    for seconds, n in samples[1:-1]:
        stretch = int((seconds - begin) / (end - begin) * (most - 2))
        if stretch not in highest or n > highest[stretch][1]:
            highest[stretch] = (seconds, n)
    return [samples[0], *(highest[k] for k in sorted(highest)), samples[-1]]


def _runs(samples: Sequence[tuple[float, int]], reach_s: float) -> list[list[tuple[float, int]]]:
    """Samples that are no further apart than ``reach_s``, together."""
    found: list[list[tuple[float, int]]] = [[samples[0]]]
    for before, now in pairwise(samples):
        if now[0] - before[0] > reach_s:
            found.append([now])
        else:
            found[-1].append(now)
    return found


def _marked(state: State) -> list[tuple[float, str]]:
    """What was done meanwhile: actions, at most six."""
    return [(e.offset_s, shorten(e.payload.what, 16)) for e in state.events if isinstance(e.payload, ev.Acted)][:6]


# -- rows against seconds ----------------------------------------------------------------------------------------------


def seconds(state: State) -> list[Picture]:
    """Rows against seconds of the statements that take longest and grow with rows, in order of the migration."""
    found = []
    for index, sql, points in long_statements(state):
        found.append(_seconds(index, sql, points))
    return found


def long_statements(state: State) -> list[tuple[int, str, list[Point]]]:
    """Number, text and points of the statements worth a picture."""
    if state.forecast is None:
        return []
    side = "production" if state.forecast.basis == "production" else "local"
    local = {s.index: s for s in state.forecast_local.statements} if state.forecast_local is not None else {}
    long = [s for s in state.forecast.statements if s.seconds is not None and s.seconds.likely >= WORTH_A_PICTURE_S]
    long.sort(key=lambda s: -(s.seconds.likely if s.seconds is not None else 0.0))
    found = []
    for one in long[:MOST_PICTURES]:
        other = local.get(one.index) if side == "production" else None
        points = [p for p in (point("local", other, relation_of(one)), point(side, one)) if p is not None]
        if points:
            found.append((one.index, one.sql, points))
    return sorted(found, key=lambda item: item[0])


def _seconds(index: int, sql: str, points: list[Point]) -> Picture:
    left, right, top, bottom = 76, WIDTH - 24, 14, 206
    least, most = min(p.rows for p in points), max(p.rows for p in points)
    if most < least * 10:
        least, most = least / 4, most * 4
    least, most = least / 1.6, most * 1.6
    ends = [between(points, at, "likely") for at in (least, most)]
    told = [v for p in points for v in (p.seconds.low, p.seconds.high)]
    low = max(min(*told, *ends), SHORTEST_S) / 1.5
    high = max(max(*told, *ends), low * 15) * 1.5

    def x(n: float) -> float:
        return round(left + math.log(n / least) / math.log(most / least) * (right - left), 1)

    def y(s: float) -> float:
        s = min(max(s, low), high)
        return round(bottom - math.log(s / low) / math.log(high / low) * (bottom - top), 1)

    parts = [Markup('<path class="axis" d="M{} {}V{}H{}"/>').format(left, top, bottom, right)]
    for value in [t for t in _TIMES_S if low <= t <= high] or [math.sqrt(low * high)]:
        parts.append(Markup('<path class="grid" d="M{} {}H{}"/>').format(left, y(value), right))
        parts.append(
            Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(
                left - 6, y(value) + 4, duration(value)
            )
        )
    for value in _decades(least, most):
        parts.append(Markup('<path class="grid" d="M{} {}V{}"/>').format(x(value), top, bottom))
        parts.append(
            Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                min(x(value), right - 20), bottom + 18, f"{count(value)} rows"
            )
        )
    steps = [least * (most / least) ** (n / 24) for n in range(25)]
    band = [(x(n), y(between(points, n, "high"))) for n in steps]
    band += [(x(n), y(between(points, n, "low"))) for n in reversed(steps)]
    parts.append(Markup('<polygon class="band" points="{}"/>').format(" ".join(f"{a},{b}" for a, b in band)))
    line = " ".join(f"{x(n)},{y(between(points, n, 'likely'))}" for n in steps)
    parts.append(Markup('<polyline class="line" points="{}"/>').format(line))
    for p in points:
        at_x, at_y = x(p.rows), y(p.seconds.likely)
        parts.append(
            Markup('<path class="whisker" d="M{0} {1}V{2}"/>').format(at_x, y(p.seconds.low), y(p.seconds.high))
        )
        parts.append(Markup('<circle class="side {}" cx="{}" cy="{}" r="6"/>').format(p.side, at_x, at_y))
        # The line rises to the right: above it there is room to the left, below it to the right.
        anchor, across, down = ("end", -12, -10) if at_x > (left + right) / 2 else ("start", 12, 20)
        parts.append(
            Markup('<text class="strong" x="{}" y="{}" text-anchor="{}">{}</text>').format(
                at_x + across, max(at_y + down, top + 10), anchor, f"{p.side}: {duration(p.seconds.likely)}"
            )
        )
    title = f"Statement {index}, seconds against rows: {shorten(sql, 90)}"
    caption = "; ".join(
        f"{MARKS.get(p.side, '●')} {p.side}: {count(p.rows)} rows, {duration(p.seconds.likely)}"
        f" ({duration(p.seconds.low)} to {duration(p.seconds.high)})"
        for p in points
    )
    return Picture(
        _svg(WIDTH, bottom + 28, title, parts),
        title,
        caption,
        "Both axes are logarithmic; the band is the uncertainty.",
    )


_TIMES_S = (0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 36_000.0, 360_000.0)
"""Round times, about ten times apart."""


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten within a range, at most six."""
    found = [10.0**n for n in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    step = max(1, math.ceil(len(found) / 6))
    return found[::step] or [math.sqrt(low * high)]


# -- shared ------------------------------------------------------------------------------------------------------------


def _svg(width: int, height: int, title: str, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, clean_line(title), Markup("").join(escape(part) for part in parts)
    )
