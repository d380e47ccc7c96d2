"""One step in full: its sentence, the compared rows of both sides, and what belongs to that step alone."""

from __future__ import annotations

from runbook.session.events import ErrorRead
from runbook.session.state import State
from runbook.triage.model import MARKS, ComparedRow, Step
from runbook.tui.lines import Line, column, fit, line, paragraph, preformatted, wrap
from runbook.tui.views.header import side_name
from runbook.tui.views.lock_tree import lock_tree
from runbook.tui.views.steps import PROBES, readings

_PAINT = {
    "same": "muted",
    "matters": "bad bold",
    "differs": "warn",
    "only_here": "warn",
    "unknown": "warn",
    "info": "muted",
}
_VALUE_LINES = 3
"""A value longer than so many lines is cut; Enter shows all of it."""

_LEAST = (10, 9, 14)
"""Cells of name, local and production below which a column is of no use."""


def compared(state: State, selected: str, width: int) -> list[Line]:
    """What the middle pane shows for the selected step."""
    if selected == PROBES:
        return readings(state, width)
    step = state.steps.get(selected)
    if step is None:
        return [line(("looking …" if state.busy else "not looked at yet", "muted"))]
    lines = paragraph(step.summary, width, "title")
    if step.rows:
        lines += [line(), *_table(state, step.rows, width)]
    lines += _extra(state, step, width)
    return lines


def _table(state: State, rows: tuple[ComparedRow, ...], width: int) -> list[Line]:
    local, production = side_name(state.given, "local"), side_name(state.given, "production")
    if width < 44:
        return _stacked(rows, width, local, production)
    name_width, here_width, there_width = _widths(rows, width)
    lines = [
        line(
            " " * name_width,
            (column(local, here_width), "local-text bold"),
            (column(production, there_width), "production-text bold"),
        )
    ]
    for number, row in enumerate(rows):
        lines += _row(number, row, (name_width, here_width, there_width), width)
    return lines


def _widths(rows: tuple[ComparedRow, ...], width: int) -> tuple[int, int, int]:
    """Columns for name, local and production: as wide as what stands in them; where room lacks, the widest gives way."""
    values = [_values(row) for row in rows]
    widths = [
        max(len(r.name) for r in rows) + 2,
        max(len(v[0]) for v in values) + 2,
        max(len(v[1]) for v in values) + 2,
    ]
    widths = [max(w, least) for w, least in zip(widths, _LEAST, strict=True)]
    over = sum(widths) - (width - 3)
    while over > 0:
        giving = max((n for n in range(3) if widths[n] > _LEAST[n]), key=lambda n: widths[n], default=None)
        if giving is None:
            break
        widths[giving] -= 1
        over -= 1
    return widths[0], widths[1], widths[2]


def _row(number: int, row: ComparedRow, widths: tuple[int, int, int], width: int) -> list[Line]:
    name_width, here_width, there_width = widths
    key = f"row:{number}"
    paint = _PAINT[row.mark]
    here, there = _values(row)
    name = [*wrap(row.name, name_width - 2, 2)] if not row.name.startswith(" ") else [fit(row.name, name_width - 2)]
    left = wrap(here, here_width - 2, _VALUE_LINES)
    right = wrap(there, there_width - 2, _VALUE_LINES)
    lines = []
    for n in range(max(len(name), len(left), len(right))):
        lines.append(
            line(
                column(name[n] if n < len(name) else "", name_width),
                (column(left[n] if n < len(left) else "", here_width), "muted" if row.local is None else ""),
                (
                    column(right[n] if n < len(right) else "", there_width),
                    "muted" if row.production is None else ("" if row.mark in ("same", "info") else paint),
                ),
                (MARKS[row.mark] if n == 0 else "", paint),
                key=key,
            )
        )
    if row.why and not _why_is_value(row):
        lines += paragraph(row.why, width, "muted", indent=min(name_width, 4), most=2, key=key)
    return lines


def _stacked(rows: tuple[ComparedRow, ...], width: int, local: str, production: str) -> list[Line]:
    lines = []
    for number, row in enumerate(rows):
        key = f"row:{number}"
        here, there = _values(row)
        mark = MARKS[row.mark]
        lines.append(line((column(row.name.strip(), width - 3), "bold"), (mark, _PAINT[row.mark]), key=key))
        label = min(max(len(local), 10) + 1, 14)
        lines.append(line("  ", (column(local, label), "local-text"), fit(here, width - label - 2), key=key))
        lines.append(line("  ", (column(production, label), "production-text"), fit(there, width - label - 2), key=key))
        if row.why and not _why_is_value(row):
            lines += paragraph(row.why, width, "muted", indent=2, most=2, key=key)
    return lines


def _values(row: ComparedRow) -> tuple[str, str]:
    """Both values; what is unknown says why in place of the value."""
    reason = f"? {row.why}" if row.why and row.mark == "unknown" else "?"
    return (
        row.local if row.local is not None else reason,
        row.production if row.production is not None else reason,
    )


def _why_is_value(row: ComparedRow) -> bool:
    return row.mark == "unknown" and (row.local is None or row.production is None)


def row_in_full(state: State, step: Step, number: int, width: int) -> list[Line]:
    """One compared row with nothing cut."""
    row = step.rows[number]
    lines = [*paragraph(f"{step.title}: {row.name.strip()}", width, "title"), line()]
    for key, value, paint in (("local", row.local, "local-text"), ("production", row.production, "production-text")):
        lines.append(line((side_name(state.given, key), f"{paint} bold")))
        lines += preformatted(
            value if value is not None else "unknown", width, "" if value is not None else "muted", indent=2
        )
    if row.why:
        lines += [line(), *paragraph(row.why, width)]
    return lines


def _extra(state: State, step: Step, width: int) -> list[Line]:
    if step.id == "locks" and state.locks is not None and state.locks.roots:
        return [line(), *(Line(one.spans) for one in lock_tree(state.locks, width))]
    if step.id == "error" and state.error is not None:
        return [line(), *error_text(state.error, width)]
    return []


def error_text(error: ErrorRead, width: int) -> list[Line]:
    """The error as it was read: message, detail, hint, where, and the statement."""
    lines = paragraph(
        error.message, width, "bad", first=(f"{error.severity}: ", "bad bold"), indent=len(error.severity) + 2
    )
    for label, value in (("detail", error.detail), ("hint", error.hint), ("context", error.context)):
        if value:
            lines += paragraph(value, width, first=(column(label, 9), "muted"), indent=9, most=6)
    where = f"{error.file}:{error.line}" if error.file and error.line else error.file
    if where:
        lines.append(line((column("at", 9), "muted"), fit(where, width - 9)))
    if error.statement:
        lines += [line(), line(("statement", "muted")), *preformatted(error.statement, width, "code", indent=2)[:12]]
    return lines
