"""One SQL block of a playbook as lines, and the result of running it; and a playbook's text cut at its blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len

from runbook.playbook import Rendered, SqlBlock
from runbook.session.events import CheckRun
from runbook.session.state import State
from runbook.tui.lines import Line, column, line, paragraph, preformatted
from runbook.words import duration

_FENCE = re.compile(r"^```sql[^\n`]*\n.*?^```[ \t]*$\n?", re.M | re.S)
_SHOWN_ROWS = 20
_WHERE = {
    "production": "PRODUCTION",
    "local": "local",
    "standby": "the standby",
    "subscriber": "the subscriber",
    "file": "a migration file",
}


def pieces(rendered: Rendered, section: str) -> list[str | SqlBlock]:
    """A section in order: Markdown, and the SQL blocks that stand between."""
    text = rendered.sections.get(section, "")
    blocks = [b for b in rendered.sql if b.section == section]
    found: list[str | SqlBlock] = []
    at = 0
    for fence, block in zip(_FENCE.finditer(text), blocks, strict=False):
        if before := text[at : fence.start()].strip("\n"):
            found.append(before)
        found.append(block)
        at = fence.end()
    if rest := text[at:].strip("\n"):
        found.append(rest)
    return found


def title(block: SqlBlock) -> str:
    """Where it runs and what it does there."""
    where = _WHERE.get(block.on, block.on)
    if block.on == "file":
        return "into a migration file"
    if not block.runnable:
        return f"{where} · fill in first"
    return f"{where} · CHANGES something" if block.changes else f"{where} · only reads"


def sql_block(block: SqlBlock, check: CheckRun | None, width: int) -> list[Line]:
    """The SQL, what is still missing in it, what is expected, and what came back."""
    lines = preformatted(block.sql, width, "code")
    if block.missing:
        lines += paragraph(", ".join(block.missing), width, "warn", first=("fill in first: ", "warn bold"), indent=15)
    if block.expect:
        lines += paragraph(block.expect, width, "muted", first=("expected: ", "muted bold"), indent=10)
    if check is not None:
        lines += [line(), *result(check, width)]
    return lines


def result(check: CheckRun, width: int) -> list[Line]:
    """What a check brought back, as a table."""
    took = ("  " + duration(check.duration_s), "muted")
    if check.status != "ok":
        return paragraph(check.reason or check.status, width, "bad", first=(f"{check.status}: ", "bad bold"), indent=4)
    rows = len(check.rows)
    lines = [line((f"{rows} {'row' if rows == 1 else 'rows'}", "good bold"), took)]
    if rows:
        lines += _table(check.columns, check.rows[:_SHOWN_ROWS], width)
    if rows > _SHOWN_ROWS:
        lines.append(line((f"… {rows - _SHOWN_ROWS} more", "muted")))
    return lines


def _table(columns: Sequence[str], rows: Sequence[Sequence[str | None]], width: int) -> list[Line]:
    shown = [[("∅" if value is None else value) for value in row] for row in rows]
    widths = [max(cell_len(c), *(cell_len(r[n]) for r in shown)) for n, c in enumerate(columns)]
    room = max((width - 2 * len(widths)) // max(len(widths), 1), 6)
    while sum(widths) + 2 * len(widths) > width and max(widths) > room:
        widths[widths.index(max(widths))] -= 1
    head = line(*((column(c, w) + "  ", "muted bold") for c, w in zip(columns, widths, strict=True)))
    return [head, *(line(*(column(v, w) + "  " for v, w in zip(row, widths, strict=True))) for row in shown)]


def last_check(state: State, block: SqlBlock) -> CheckRun | None:
    """The newest result of this block's SQL."""
    return next((c for c in reversed(state.checks) if c.sql == block.sql), None)
