"""The lock tree as lines: roots first, who waits below, siblings that do the same folded into one."""

from __future__ import annotations

from runbook.text import shorten
from runbook.triage.alike import grouped, node_key
from runbook.triage.model import LockNode, LockTree
from runbook.tui.lines import Line, Span, cut, fit, line, paragraph
from runbook.words import lock_name


def age(seconds: float | None) -> str:
    """``00:04:31``; unknown says so."""
    if seconds is None:
        return "?"
    hours, rest = divmod(int(max(seconds, 0)), 3600)
    return f"{hours:02}:{rest // 60:02}:{rest % 60:02}" if hours < 100 else f"{hours // 24} days"


def lock_tree(tree: LockTree, width: int, *, unfolded: frozenset[str] = frozenset()) -> list[Line]:
    """Every session that waits or is waited for, then what happens if one of them ends, then what was not seen."""
    lines: list[Line] = []
    for number, root in enumerate(tree.roots):
        if number:
            lines.append(line())
        lines += _node(root, width, "", "", unfolded)
    if tree.advice:
        lines.append(line())
        for advice in tree.advice:
            lines += _advice(advice, width)
    if tree.note:
        lines += [line(), *paragraph(tree.note, width, "warn", first=("? ", "warn"), indent=2)]
    return lines


def find_node(tree: LockTree | None, key: str | None) -> LockNode | None:
    """The session of a line, if it is still there."""
    if tree is None or key is None:
        return None
    todo = list(tree.roots)
    while todo:
        node = todo.pop()
        if node_key(node) == key:
            return node
        todo.extend(node.children)
    return None


def _node(node: LockNode, width: int, lead: str, below: str, unfolded: frozenset[str], more: int = 0) -> list[Line]:
    key = node_key(node)
    pad = below + ("│  " if node.children else "   ")
    lines = _session_lines(node, width, lead, pad, key, more)
    for text in _details(node):
        room = width - len(pad) - 2
        lines.append(
            line((pad, "faint"), "  ", (fit(text, room), "" if text.startswith("holds") else "muted"), key=key)
        )
    groups = grouped(node.children, unfolded)
    for number, (child, alike) in enumerate(groups):
        last = number == len(groups) - 1
        lines += _node(
            child, width, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "), unfolded, alike
        )
    return lines


def _session_lines(node: LockNode, width: int, lead: str, below: str, key: str, more: int) -> list[Line]:
    """The session on one line, with less said where there is less room; its marks are never cut."""
    marks = _marks(node, more)
    for wording in ("full", "no relation", "short", "bare"):
        said = _said(node, width, lead, wording)
        one = line(*said, *marks, key=key)
        if one.width <= width:
            return [one]
    lines = [cut(line(*said, key=key), width)]
    if marks:
        lines.append(cut(line((below, "faint"), *marks, key=key), width))
    return lines


def _said(node: LockNode, width: int, lead: str, wording: str) -> list[Span | tuple[str, str] | str]:
    session = node.session
    spans: list[Span | tuple[str, str] | str] = [(lead, "faint")]
    if session.pid:
        spans.append((f"{session.pid} ", "bold"))
    label = {"full": 40, "no relation": 24, "short": 12}.get(wording)
    if label is not None:
        spans.append(fit(session.label, max(min(label, width // 3), 8)) + " ")
    if node.waits_for:
        mode, _, on = node.waits_for.partition(" on ")
        spans += [
            " waits ",
            (age(node.wait_s), "warn"),
            " for " if wording in ("full", "no relation") else " ",
            (lock_name(mode), "bold"),
        ]
        if on and wording == "full":
            spans.append(f" on {on}")
    else:
        paint = "warn" if node.kind in ("idle_in_transaction", "prepared") else "muted"
        spans += [(f" {session.state or 'state hidden'} ", paint), (age(session.xact_age_s), "warn")]
    return spans


def _marks(node: LockNode, more: int) -> list[tuple[str, str]]:
    marks = []
    if node.in_cycle:
        marks.append(("  in a cycle (deadlock)", "bad bold"))
    if more:
        marks.append((f"  + {more} like this", "bold"))
    if node.session.is_migration:
        marks.append(("  ← your migration", "accent bold"))
    return marks


def _details(node: LockNode) -> list[str]:
    session = node.session
    holds = [f"holds {lock_name(mode)} on {', '.join(on)}" for mode, on in _held(node).items()]
    if session.hidden:
        return [*holds, "its query is hidden from our role"]
    return [*holds, shorten(session.query, 300)] if session.query else holds


def _held(node: LockNode) -> dict[str, list[str]]:
    """Mode -> what it is held on; what somebody below waits for comes first."""
    wanted = {child.waits_for.partition(" on ")[2] for child in node.children if child.waits_for}
    held: dict[str, list[str]] = {}
    for text in sorted(node.holds, key=lambda t: t.partition(" on ")[2] not in wanted):
        mode, _, on = text.partition(" on ")
        held.setdefault(mode, []).append(on or "?")
    return held


def _advice(text: str, width: int) -> list[Line]:
    condition, colon, consequence = text.partition(":")
    if not colon:
        return paragraph(text, width, indent=2)
    paint = "good bold" if "cancel" in condition else "bold"
    lines = paragraph(consequence.strip(), width, first=(f"{condition}: ", paint), indent=len(condition) + 2)
    return lines if len(condition) < width // 2 else paragraph(text, width, indent=2)
