"""The first ten minutes as a list: state, number, title and badge of each step; below it what each side was asked."""

from __future__ import annotations

from runbook.session.events import ReadingTaken
from runbook.session.state import State
from runbook.triage.model import STEP_TITLES, Step
from runbook.tui.lines import Line, column, fit, line, right
from runbook.tui.views.header import side_name
from runbook.words import duration

PROBES = "probes"
"""Key of the entry behind which all readings are listed."""

_ICON = {
    "same": ("✓", "good"),
    "differs": ("✓", "good"),
    "attention": ("!", "bad bold"),
    "unknown": ("?", "warn"),
    "skipped": ("–", "muted"),
}
_BADGE = {"same": "muted", "differs": "warn", "attention": "bad bold", "unknown": "warn", "skipped": "muted"}


def steps(state: State, width: int) -> list[Line]:
    """Eight lines, with the summary where there is room for it, then the progress of each side."""
    lines = [
        _step(number, id_, title, state.steps.get(id_), width, busy=state.busy)
        for number, (id_, title) in enumerate(STEP_TITLES, start=1)
    ]
    return [*lines, line(), *progress(state, width)]


def _step(number: int, id_: str, title: str, step: Step | None, width: int, *, busy: bool) -> Line:
    if step is None:
        icon, paint = ("▸", "accent") if busy else ("·", "muted")
        return line((f" {icon} ", paint), (f"{number} {title}", "muted"), key=id_)
    icon, paint = _ICON[step.verdict]
    badge, summary = step.badge, step.summary
    if width >= 56:
        head = line((f" {icon} ", paint), (f"{number} ", "bold"), column(title, 17), key=id_)
        shown = (column(badge, 12), _BADGE[step.verdict])
        return line(*head.spans, shown, (" " + fit(summary, width - 36), "muted"), key=id_)
    room = width - 5 - len(title) - 2
    badge = fit(badge or ("same" if step.verdict == "same" else ""), max(room, 0))
    return line(
        (f" {icon} ", paint),
        (f"{number} ", "bold"),
        title,
        (right(badge, room + 1), _BADGE[step.verdict]),
        " ",
        key=id_,
    )


def progress(state: State, width: int) -> list[Line]:
    """Per side: how many probes ended, how many of them were denied, timed out or failed otherwise."""
    lines: list[Line] = []
    for key in ("local", "production"):
        if key not in state.given and key not in state.sides:
            continue
        readings = [r for (side, _), r in state.readings.items() if side == key]
        seen = state.sides.get(key)
        paint = "production-text bold" if key == "production" else "local-text"
        name = (f" {fit(side_name(state.given, key), max(width - 13, 8))}", paint)
        if seen is not None and not seen.reachable:
            lines.append(line(name, (" unreachable", "bad"), key=PROBES))
        elif state.busy and seen is None:
            lines.append(line(name, (f" {len(readings)} probes …", "accent"), key=PROBES))
        else:
            spent = sum(r.duration_s for r in readings)
            took = f" {duration(spent)}" if spent else ""
            lines.append(line(name, f" {len(readings)} probes", (took, "muted"), key=PROBES))
        if readings:
            lines.append(_refused(readings))
    return lines


def _refused(readings: list[ReadingTaken]) -> Line:
    counts = {s: sum(r.status == s for r in readings) for s in ("denied", "timed_out", "unsupported", "unreachable")}
    denied, timed_out = counts["denied"], counts["timed_out"]
    spans: list[tuple[str, str]] = [
        (f"   {denied} denied", "warn bold" if denied else "muted"),
        (f"  {timed_out} timed out", "bad bold" if timed_out else "muted"),
    ]
    if counts["unreachable"]:
        spans.append((f"  {counts['unreachable']} lost", "bad bold"))
    return line(*spans, key=PROBES)


def readings(state: State, width: int) -> list[Line]:
    """Every probe of the newest look: side, outcome, rows, time, and the reason where it brought no rows."""
    lines: list[Line] = []
    found = sorted(state.readings.values(), key=lambda r: (r.status == "ok", r.status, r.side, r.probe))
    for reading in found:
        side = "PRODUCTION" if reading.side == "production" else reading.side
        status = reading.status.replace("_", " ")
        paint = {"ok": "good", "denied": "warn", "unsupported": "muted"}.get(reading.status, "bad")
        rows = f"{reading.rows:,}{'+' if reading.truncated else ''} rows" if reading.status == "ok" else ""
        lines.append(
            line(
                (column(side, 11), "production-text" if reading.side == "production" else "local-text"),
                column(reading.probe, min(26, max(width // 4, 12)) - 1),
                " ",
                (column(status, 12), paint),
                (right(rows, 12) if width >= 72 else ""),
                (f"{reading.duration_s * 1000:6.0f} ms", "muted"),
                key=f"{reading.side}/{reading.probe}",
            )
        )
        if reading.reason:
            lines.append(
                line("           ", (fit(reading.reason, width - 11), "muted"), key=f"{reading.side}/{reading.probe}")
            )
    return lines or [line(("nothing was asked yet", "muted"))]
