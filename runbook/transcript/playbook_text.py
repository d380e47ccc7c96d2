"""The playbook of a cause as a part of a transcript: its own headings and links, and nothing that a value smuggled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from runbook.playbook import SECTIONS, Playbook, PlaybookError
from runbook.session.state import State

_URL = re.compile(r"https?://[^\s)>\"'`]+")
_LINK = re.compile(r"\]\((\s*<?)([^)\s>]*)")
_DEFINITION = re.compile(r"^( {0,3})\[(?=[^\]]+\]:)")


@dataclass(frozen=True, slots=True)
class PlaybookText:
    """A rendered playbook: ``sections`` are (key, heading, Markdown); ``links`` are those that its author wrote."""

    id: str
    title: str
    sections: tuple[tuple[str, str, str], ...]
    links: frozenset[str]

    def section(self, key: str) -> str:
        """The Markdown of one section; empty where there is none."""
        return next((text for k, _, text in self.sections if k == key), "")


def playbook_text(cause: str, state: State, playbooks: Mapping[str, Playbook]) -> PlaybookText | None:
    """The playbook of ``cause`` with this incident's values; None where there is none, or it cannot be rendered."""
    playbook = playbooks.get(cause)
    if playbook is None:
        return None
    try:
        rendered = playbook.render(state.book())
    except PlaybookError:
        return None
    links = frozenset(_URL.findall(playbook.body))
    headings = {key: heading.capitalize() for heading, key in SECTIONS.items()}
    return PlaybookText(
        rendered.id,
        rendered.title,
        tuple((key, headings[key], _fitted(text, links)) for key, text in rendered.sections.items() if text),
        links,
    )


def _fitted(markdown: str, links: frozenset[str]) -> str:
    """Headings two levels down, below the transcript's own; links that no author wrote as text; fences without attributes."""

    def prose(line: str) -> str:
        line = _LINK.sub(lambda m: m.group() if m[2] in links else "]\\" + m.group()[1:], line)
        line = _DEFINITION.sub(r"\1\\[", line)
        return re.sub(r"^(#{1,4} )", r"##\1", line)

    return "\n".join(_by_line(markdown, prose))


def _by_line(markdown: str, prose: Callable[[str], str]) -> Iterator[str]:
    fence = ""
    for line in markdown.splitlines():
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if fence:
            if mark is not None and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            yield line
        elif mark is not None:
            fence = mark[1]
            # The attributes (where it runs, what to expect) are the screens' business.
            yield re.match(r" {0,3}(?:`{3,}|~{3,})\w*", line).group()  # type: ignore[union-attr]
        else:
            yield prose(line)
