"""The question line: what only a person can answer, the key of each answer, and why it is asked."""

from __future__ import annotations

from runbook.session.events import QuestionView
from runbook.tui.lines import Line, Span, fit, line, wrap


def question(asked: QuestionView, width: int, *, focused: bool, why: bool = True) -> list[Line]:
    """Question, answers, and why. The keys answer only while the line has the focus; before that, ``a`` gives it."""
    lines = [line((row, "bold")) for row in wrap(asked.text, width, 2)]
    paint = "key" if focused else "muted"
    answers: list[list[Span]] = [
        [*line((f"{a.key}", paint), f" {fit(a.text, width - 4)}").spans] for a in asked.answers
    ]
    if not focused:
        answers.insert(0, [*line(("a", "key"), (" to answer:", "muted")).spans])
    last = lines[-1]
    room = width - last.width
    flat = sum(Line(tuple(a)).width + 3 for a in answers)
    if len(lines) == 1 and flat <= room:
        lines[-1] = Line((*last.spans, *(s for a in answers for s in (Span("   "), *a))))
    else:
        lines += _rows(answers, width)
    if why or focused:
        lines.append(line(("why asked: ", "muted"), (fit(asked.why, width - 11), "muted")))
    return lines


def _rows(answers: list[list[Span]], width: int) -> list[Line]:
    rows: list[Line] = []
    current: list[Span] = []
    for answer in answers:
        joined = [*current, Span("   "), *answer] if current else list(answer)
        if current and Line(tuple(joined)).width > width:
            rows.append(Line(tuple(current)))
            joined = list(answer)
        current = joined
    return [*rows, Line(tuple(current))]
