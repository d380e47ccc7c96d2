"""The screens of a recorded session as SVG that loads nothing: for a transcript, from the same screens that a person saw."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markupsafe import Markup

from runbook.session.recorded import RecordedSession

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from runbook.playbook import Playbook
    from runbook.session.events import Event
    from runbook.tui.app import RunbookApp

SIZE = (120, 36)
DEADLINE_S = 20.0
_ALIKE = 4
"""So many looks in a row that show the same."""
_SVG = "{http://www.w3.org/2000/svg}"
_RULE = re.compile(r"\.([\w-]+)\s*\{([^}]*)\}")
_FILL = re.compile(r"fill:\s*(#[0-9a-fA-F]{6})")
_PLACED = ("x", "y", "width", "height", "textLength")


def photographs(events: Sequence[Event], playbooks: Mapping[str, Playbook]) -> list[tuple[str, Markup]]:
    """Title and SVG of each screen that has something to show, as it was when the session ended."""
    return asyncio.run(_taken(events, playbooks))


async def _taken(events: Sequence[Event], playbooks: Mapping[str, Playbook]) -> list[tuple[str, Markup]]:
    from runbook.tui.app import RunbookApp

    session = RecordedSession(events, playbooks)
    state = session.state
    screens = ["triage", *(["locks"] if state.locks else []), *(["migration"] if state.forecast else [])]
    app = RunbookApp(session, clock=lambda: 0.0)
    found = []
    async with asyncio.timeout(DEADLINE_S * len(screens)), app.run_test(size=SIZE) as pilot:
        for name in screens:
            if name != "triage":
                app.action_open(name)
            found.append((name, plain(await _still(app, pilot))))
    return found


async def _still(app: RunbookApp, pilot: Pilot[int]) -> str:
    """The screen when it does not change any more: it is drawn in steps."""
    seen = [app.export_screenshot()]
    while len(seen) < _ALIKE or len(set(seen[-_ALIKE:])) > 1:
        await pilot.pause(0.05)
        seen.append(app.export_screenshot())
    return seen[-1]


def plain(svg: str) -> Markup:
    """Rich's SVG of a terminal without its style sheet, web fonts and window frame: every look is an attribute.

    A page whose policy allows no foreign style shows it, and two terminals on one page do not mix.
    """
    root = ElementTree.fromstring(svg)
    looks = dict(_RULE.findall("".join(style.text or "" for style in root.iter(f"{_SVG}style"))))
    matrix = next(g for g in root.iter(f"{_SVG}g") if g.get("class", "").endswith("-matrix"))
    parent = next(g for g in root.iter(f"{_SVG}g") if matrix in list(g))
    width, height = _extent(root)
    parts = [Markup('<rect width="{}" height="{}" fill="#1a1b26"/>').format(width, height)]
    for rect in parent.iter(f"{_SVG}rect"):
        parts.append(Markup("<rect{}/>").format(_attributes(rect, _PLACED, rect.get("fill", ""))))
    for text in matrix.iter(f"{_SVG}text"):
        look = looks.get(text.get("class", ""), "")
        fill = _FILL.search(look)
        bold = Markup(' font-weight="bold"') if "bold" in look else ""
        attributes = _attributes(text, _PLACED, fill[1] if fill else "")
        parts.append(Markup("<text{}{}>{}</text>").format(attributes, bold, text.text or ""))
    return Markup(
        '<svg class="screen" viewBox="0 0 {} {}" role="img" aria-label="a screen of runbook" font-size="20">{}</svg>'
    ).format(width, height, Markup("").join(parts))


def _extent(root: ElementTree.Element) -> tuple[float, float]:
    """Width and height of the terminal: of the clip that holds all of it."""
    for clip in root.iter(f"{_SVG}clipPath"):
        if clip.get("id", "").endswith("-clip-terminal"):
            rect = clip[0]
            return float(rect.get("width", "0")), float(rect.get("height", "0"))
    raise ValueError("this is no SVG of a terminal")


def _attributes(element: ElementTree.Element, names: Sequence[str], fill: str) -> Markup:
    placed = [(name, element.get(name, "")) for name in names if re.fullmatch(r"[\d.]+", element.get(name, ""))]
    coloured = [("fill", fill)] if re.fullmatch(r"#[0-9a-fA-F]{6}", fill) else []
    return Markup("").join(Markup(' {}="{}"').format(name, value) for name, value in (*placed, *coloured))
