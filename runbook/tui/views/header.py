"""The line at the top: what this session is, both sides with what they turned out to be, and its clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runbook.session.events import SideInput, SideSeen
from runbook.session.state import State
from runbook.text import clean_line
from runbook.tui.lines import Line, Span, column, fit, line

_NAME = 20  # cells that a side's own name may take


def side_name(given: Mapping[str, SideInput], key: str) -> str:
    """How a side is called: ``local``, ``PRODUCTION``, with its own name behind it where it has one."""
    name = clean_line(given[key].name) if key in given else ""
    if key == "production":
        return f"PRODUCTION {fit(name, _NAME)}" if name and name.lower() not in ("production", "prod") else "PRODUCTION"
    return fit(name or key, _NAME)


def clock(seconds: float) -> str:
    """``00:08``, ``1:02:03``."""
    minutes, rest = divmod(int(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def header(state: State, width: int, elapsed_s: float, *, live: bool = True) -> list[Line]:
    """One line where everything fits, else two: the session above, the sides below."""
    time = clock(elapsed_s) if live else f"recorded {clock(elapsed_s)}"
    for detail in _DETAILS[:3]:
        one = _one_line(state, width, time, detail)
        if one is not None:
            return [one]
    return _two_lines(state, width, time)


@dataclass(frozen=True)
class _Detail:
    """How much of a side is said."""

    target: bool
    role: bool
    product: str  # what stands before the version


_DETAILS = (
    _Detail(target=True, role=True, product="PostgreSQL "),
    _Detail(target=True, role=False, product="PostgreSQL "),
    _Detail(target=True, role=False, product="PG "),
    _Detail(target=False, role=False, product="PG "),
    _Detail(target=False, role=False, product=""),
)


def _one_line(state: State, width: int, time: str, detail: _Detail) -> Line | None:
    title = clean_line(state.title)
    sides = [*_side(state, "local", detail), *_side(state, "production", detail)]
    ending = [*sides, Span(f" {time} ", "bar muted")]
    room = width - sum(Line((s,)).width for s in ending)
    least = len(" runbook  ") + min(len(title), 14) + 1
    if room < least:
        return None
    start = [Span(" runbook ", "bar accent bold"), Span(" " + fit(title, room - len(" runbook  ") - 1), "bar bold")]
    used = sum(Line((s,)).width for s in start)
    return Line((*start, Span(" " * (room - used), "bar"), *ending))


def _two_lines(state: State, width: int, time: str) -> list[Line]:
    title = fit(state.title, width - len(time) - 14)
    first = [Span(" runbook ", "bar accent bold"), Span(" " + title, "bar bold")]
    gap = width - sum(Line((s,)).width for s in first) - len(time) - 1
    above = Line((*first, Span(" " * max(gap, 1), "bar"), Span(time + " ", "bar muted")))
    for detail in _DETAILS[1:]:
        sides = [*_side(state, "local", detail), *_side(state, "production", detail)]
        used = sum(Line((s,)).width for s in sides)
        if used <= width:
            return [above, Line((*sides, Span(" " * (width - used), "bar")))]
    return [above, *(_alone(state, key, width) for key in ("local", "production"))]


def _alone(state: State, key: str, width: int) -> Line:
    """A side on a line of its own, what it turned out to be cut so that its name and READ-ONLY stay."""
    name, what, *ending = _side(state, key, _DETAILS[-1])
    room = width - sum(Line((s,)).width for s in (name, *ending))
    return Line((name, Span(column(what.text, max(room, 0)), what.style), *ending))


def _side(state: State, key: str, detail: _Detail) -> list[Span]:
    given, seen = state.given.get(key), state.sides.get(key)
    paint = _paint(key, given)
    name = side_name(state.given, key)
    if given is None and seen is None:
        return list(line((f" {name}", f"{paint} bold"), (" not given ", paint)).spans)
    pieces = []
    if detail.target and given is not None and given.target:
        target = fit(given.target, 34)
        role = f" as {fit(seen.role, 20)}" if detail.role and seen is not None and seen.role else ""
        pieces.append(target + role)
    pieces.append(_found(seen, detail, busy=state.busy))
    ending = [("  READ-ONLY ", f"{paint} bold")] if key == "production" else [(" ", paint)]
    return list(line((f" {name} ", f"{paint} bold"), (" " + "  ".join(p for p in pieces if p), paint), *ending).spans)


def _found(seen: SideSeen | None, detail: _Detail, *, busy: bool) -> str:
    if seen is None:
        return "connecting…" if busy else "not looked at"
    if not seen.reachable:
        return "unreachable"
    text = f"{detail.product}{seen.server_version or '?'}"
    if seen.is_standby:
        text += " standby"
    return fit(text, 40)


def _paint(key: str, given: SideInput | None) -> str:
    if given is not None and given.colour:
        return f"tone-{given.colour}"
    return "production" if key == "production" else "local"
