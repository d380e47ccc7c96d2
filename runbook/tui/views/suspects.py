"""What explains it: the suspects with their sentences, what was ruled out and by what, or that nothing is wrong."""

from __future__ import annotations

from runbook.session.events import CauseView, Diagnosed
from runbook.session.state import State
from runbook.triage.model import STEP_TITLES
from runbook.tui.lines import Line, fit, line, paragraph, wrap
from runbook.words import percent

_VERDICT = {
    "proved": ("proved", "bad bold"),
    "likely": ("likely", "warn bold"),
    "possible": ("possible", "info bold"),
    "unlikely": ("unlikely", "muted"),
    "ruled_out": ("ruled out", "muted"),
}


def suspects(state: State, width: int) -> list[Line]:
    """The right pane: the diagnosis so far."""
    found = state.diagnosis
    if found is None:
        if state.busy:
            return [line(("looking at both sides …", "muted"))]
        return [
            *paragraph("Nothing was looked at yet.", width, "muted"),
            line(),
            _hint("g", "give sides, error, migration"),
        ]
    lines: list[Line] = []
    if found.conclusion != "causes":
        lines += _conclusion(state, found, width)
    for number, cause in enumerate(found.causes):
        if number:
            lines.append(line())
        lines += _cause(cause, width, most=0 if number == 0 else 4)
    if found.causes:
        lines += [line(), _hint("Enter", "open the playbook")]
    lines += _ruled_out(found, width)
    return lines


def _cause(cause: CauseView, width: int, most: int) -> list[Line]:
    word, paint = _VERDICT[cause.verdict]
    key = cause.id
    lines = [line((text, "bold"), key=key) for text in wrap(cause.title, width, 3)]
    lines.append(bar(cause.probability, width, paint, word, key))
    reasons = [("+", "good", r.because) for r in cause.supporting]
    reasons += [("−", "bad", r.because) for r in cause.opposing]
    reasons += [("?", "warn", _unseen(u.because, u.missing)) for u in cause.unseen]
    shown = reasons[:most] if most else reasons
    for sign, colour, text in shown:
        lines += paragraph(
            text, width, "" if sign != "?" else "muted", first=(f"{sign} ", colour), indent=2, most=5, key=key
        )
    if len(reasons) > len(shown):
        lines.append(line((f"  … {len(reasons) - len(shown)} more in the playbook", "muted"), key=key))
    return lines


def _unseen(because: str, missing: tuple[str, ...]) -> str:
    return f"{because} (not seen: {'; '.join(missing)})" if missing else f"{because} (not seen)"


def bar(probability: float, width: int, paint: str, word: str = "", key: str | None = None) -> Line:
    """A bar as long as the probability, with the number and the verdict's word behind it."""
    room = max(width - 7 - (len(word) + 1 if word else 0), 4)
    filled = max(round(probability * room), 1)
    colour = paint.split()[0]
    left = ("░" * (room - filled), "faint")
    return line(("█" * filled, colour), left, (f" {percent(probability):>5}", paint), (f" {word}", paint), key=key)


def _conclusion(state: State, found: Diagnosed, width: int) -> list[Line]:
    lines: list[Line] = []
    if found.conclusion == "nothing_wrong":
        lines += paragraph("Nothing wrong found", width, "good bold", first=("✓ ", "good bold"), indent=2)
        lines += [line(), line(("looked at", "muted")), *_looked_at(state, width)]
    elif found.conclusion == "not_in_catalogue":
        lines += paragraph("Not in the catalogue", width, "warn bold", first=("! ", "warn bold"), indent=2)
        lines += [
            *paragraph(found.summary, width, most=6),
            line(),
            line(("looked at", "muted")),
            *_looked_at(state, width),
        ]
    else:
        lines += paragraph(found.summary, width, "warn")
        lines += [line(), _hint("g", "give sides, error, migration")]
    return [*lines, line()] if found.causes or found.ruled_out else lines


def _looked_at(state: State, width: int) -> list[Line]:
    lines: list[Line] = []
    for id_, title in STEP_TITLES:
        step = state.steps.get(id_)
        if step is None or step.verdict == "skipped":
            lines.append(line(("– ", "muted"), (f"{title}: not looked at", "muted")))
        elif step.verdict == "unknown":
            lines += paragraph(f"{title}: {step.summary}", width, "muted", first=("? ", "warn"), indent=2, most=2)
        else:
            lines += paragraph(f"{title}: {step.summary}", width, first=("✓ ", "good"), indent=2, most=2)
    unread = [r for r in state.readings.values() if r.status in ("denied", "timed_out", "unreachable")]
    if unread:
        lines.append(line((f"? {len(unread)} of {len(state.readings)} probes brought nothing: key 0", "warn")))
    return lines


def _ruled_out(found: Diagnosed, width: int) -> list[Line]:
    if not found.ruled_out:
        return []
    lines = [line(), line(("ruled out", "muted"))]
    for cause in found.ruled_out:
        lines.append(line((fit(cause.title, width), ""), key=cause.id))
        for reason in cause.opposing[:2]:
            lines += paragraph(reason.because, width, "muted", first=("− ", "bad"), indent=2, most=3, key=cause.id)
    return lines


def _hint(key: str, text: str) -> Line:
    return line((key, "key"), (f" {text}", "muted"))


def diagnosis_text(state: State) -> str:
    """The diagnosis as plain text, for a chat or a ticket."""
    found = state.diagnosis
    if found is None:
        return "no diagnosis yet"
    rows = [f"{state.title}: {found.summary}"]
    for cause in found.causes:
        rows.append(f"\n{cause.verdict} ({percent(cause.probability)}): {cause.title}")
        rows += [f"  + {r.because}" for r in cause.supporting]
        rows += [f"  - {r.because}" for r in cause.opposing]
        rows += [f"  ? {_unseen(u.because, u.missing)}" for u in cause.unseen]
    for cause in found.ruled_out:
        rows.append(f"ruled out: {cause.title}" + "".join(f"\n  - {r.because}" for r in cause.opposing[:1]))
    return "\n".join(rows)
