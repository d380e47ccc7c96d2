"""Lines of styled text as values, and the helpers that make text fit. Nothing here knows of widgets.

A view is a function of the state and a width to ``Line``s. Text becomes safe here, once: ``Line`` is only made through
``line``, which cleans every piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from runbook.text import clean_line


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one line. ``style``: names of paint (``bad``, ``muted bold``), resolved by the theme."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a screen. Lines with the same ``key`` are one item, which the cursor stops at."""

    spans: tuple[Span, ...] = ()
    key: str | None = None

    @property
    def plain(self) -> str:
        return "".join(span.text for span in self.spans).rstrip()

    @property
    def width(self) -> int:
        """Cells it takes on a terminal."""
        return sum(cell_len(span.text) for span in self.spans)


Piece = str | tuple[str, str] | Span


def line(*pieces: Piece, key: str | None = None) -> Line:
    """A line of pieces: plain text, or (text, style). Control, bidi and newline characters are made visible."""
    return Line(tuple(_span(piece) for piece in pieces), key)


def _span(piece: Piece) -> Span:
    if isinstance(piece, Span):
        return piece
    text, style = (piece, "") if isinstance(piece, str) else piece
    return Span(safe(text), style)


@lru_cache(4096)
def safe(text: str) -> str:
    """``text`` on one line with everything a terminal would obey made visible; inner spaces stay."""
    if text.isascii() and text.isprintable():
        return text
    from runbook.text import clean

    return clean(text.replace("\t", "    ")).replace("\n", " ⏎ ")


def fit(text: str, width: int) -> str:
    """``text`` on one line, cut to ``width`` cells; a cut shows as ``…``."""
    text = safe(text)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…" if width > 0 else ""


def column(text: str, width: int) -> str:
    """``fit`` and filled with blanks to exactly ``width`` cells."""
    return set_cell_size(fit(text, width), width)


def right(text: str, width: int) -> str:
    """``fit`` and moved to the right end of ``width`` cells."""
    text = fit(text, width)
    return " " * (width - cell_len(text)) + text


def wrap(text: str, width: int, most: int = 0, *, first: int | None = None) -> list[str]:
    """``text`` in lines of at most ``width`` cells, broken at blanks where there are any.

    ``most`` > 0 limits their number; then the last one ends with ``…`` if something was left out. ``first`` is the
    room of the first line where that is another one.
    """
    lines: list[str] = []
    current = ""
    words = clean_line(text).split(" ")
    words.reverse()
    while words and not (most and len(lines) > most):
        room = max(width if lines or first is None else first, 1)
        word = words.pop()
        joined = f"{current} {word}" if current else word
        if cell_len(joined) <= room:
            current = joined
            continue
        if current:
            words.append(word)
        else:
            current = set_cell_size(word, room).rstrip() or word[:1]
            if word[len(current) :]:
                words.append(word[len(current) :])
        lines.append(current)
        current = ""
    if current:
        lines.append(current)
    if most and len(lines) > most:
        room = width if most > 1 or first is None else first
        return [*lines[: most - 1], fit(lines[most - 1], room - 1).rstrip("…") + "…"]
    return lines or [""]


def paragraph(
    text: str, width: int, style: str = "", *, first: Piece = "", indent: int = 0, most: int = 0, key: str | None = None
) -> list[Line]:
    """``text`` wrapped; ``first`` stands before it and later lines are indented by ``indent`` cells."""
    start = _span(first) if first else Span(" " * indent)
    wrapped = wrap(text, width - indent, most, first=width - cell_len(start.text))
    lines = [line(start, (wrapped[0], style), key=key)]
    return lines + [line(" " * indent, (more, style), key=key) for more in wrapped[1:]]


def preformatted(text: str, width: int, style: str = "", *, indent: int = 0, key: str | None = None) -> list[Line]:
    """``text`` with its own line breaks kept and long lines broken at ``width``: SQL, logs."""
    lines = []
    room = max(width - indent, 1)
    for row in text.replace("\r\n", "\n").split("\n"):
        for piece in _broken(safe(row.rstrip()), room):
            lines.append(line(" " * indent, (piece, style), key=key))
    return lines


def _broken(row: str, room: int) -> list[str]:
    """``row`` in pieces of at most ``room`` cells, broken at a blank where one is near; later pieces hang by two."""
    pieces: list[str] = []
    lead = ""
    while cell_len(lead + row) > room:
        head = set_cell_size(lead + row, room).rstrip()[len(lead) :] or row[:1]
        blank = head.rfind(" ")
        if blank > len(head) // 2:
            head = head[:blank]
        pieces.append(lead + head)
        row = row[len(head) :].lstrip(" ")
        lead = "  " if room > 12 else ""
    return [*pieces, lead + row] if row or not pieces else pieces


def cut(one: Line, width: int) -> Line:
    """``one`` with its end cut to ``width`` cells, shown as ``…``; unchanged where it fits."""
    if one.width <= width:
        return one
    room = width
    spans: list[Span] = []
    for span in one.spans:
        wide = cell_len(span.text)
        if wide >= room:
            text = fit(span.text, room) if wide > room else fit(span.text + "  ", room)
            return Line((*spans, Span(text, span.style)), one.key)
        spans.append(span)
        room -= wide
    return Line(tuple(spans), one.key)


def spread(left: Sequence[Piece], rest: Sequence[Piece], width: int, *, key: str | None = None, fill: str = "") -> Line:
    """``left`` at the left end and ``rest`` at the right end of one line."""
    spans = [_span(piece) for piece in left]
    ending = [_span(piece) for piece in rest]
    room = width - sum(cell_len(s.text) for s in (*spans, *ending))
    return Line((*spans, Span(" " * max(room, 1), fill), *ending), key)


def plain(lines: Iterable[Line]) -> str:
    """What the lines say, for the clipboard and for tests."""
    return "\n".join(one.plain for one in lines)
