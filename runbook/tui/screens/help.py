"""Help, written by the bindings themselves: every key that works on the screen below, and what it does."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from runbook.tui.lines import Line, column, line, paragraph
from runbook.tui.screens.dialogs import TextDialog

_NOTES = (
    "The question: press a, then the key of the answer. The answers' keys work only then, so that they can never be "
    "pressed by accident. Escape leaves the question for later; an answer can be given again from the palette.",
    "Marks: !! differs and matters for this migration, ~ differs and does not, - only on one side, = same, ? unknown, "
    "with the reason in place of the value.",
    "Production is only read: every connection is read-only, with timeouts, and named. Nothing here changes anything "
    "on a server; SQL that does is shown for you to run.",
    "Copying uses OSC 52, which some terminals ignore (tmux: set-clipboard on). w writes a file instead.",
)

_SIDEWAYS = ("scroll_left", "scroll_right", "page_left", "page_right")
"""Keys that every scrolling widget of Textual has; our panes do not scroll sideways."""


class HelpScreen(TextDialog):
    """The keys of ``below``, by where they come from."""

    def __init__(self, below: Screen[Any]) -> None:
        groups = _groups(below)
        super().__init__("Help", lambda width: _help(groups, width))


def _groups(below: Screen[Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    groups: dict[str, dict[str, tuple[list[str], str]]] = {}
    for active in sorted(below.active_bindings.values(), key=lambda a: not a.binding.show):
        binding = active.binding
        if binding.system or binding.action in _SIDEWAYS:
            continue
        owner = "Everywhere" if active.node is below.app else "This screen" if active.node is below else "This pane"
        keys, _ = groups.setdefault(owner, {}).setdefault(
            binding.action, ([], active.tooltip or binding.tooltip or binding.description)
        )
        keys.append(binding.key_display or below.app.get_key_display(binding))
    order = ("This screen", "This pane", "Everywhere")
    return [
        (name, [(" ".join(keys), text) for keys, text in groups[name].values() if text])
        for name in order
        if name in groups
    ]


def _help(groups: list[tuple[str, list[tuple[str, str]]]], width: int) -> list[Line]:
    lines: list[Line] = []
    for name, keys in groups:
        lines += [line((name, "title"))]
        for key, text in keys:
            lines += paragraph(
                text[:1].upper() + text[1:], width, first=line((column(key, 16), "key")).spans[0], indent=16
            )
        lines.append(line())
    for note in _NOTES:
        lines += [*paragraph(note, width, "muted"), line()]
    return lines
