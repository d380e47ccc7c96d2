"""What is inert in each form: Markdown, HTML, a line of chat. A template's name tells which it is written in."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from markupsafe import Markup, escape

from runbook.session.state import State
from runbook.text import clean, clean_line
from runbook.transcript import markdown, pictures
from runbook.transcript.playbook_text import PlaybookText
from runbook.transcript.templating import Dialect


def dialect_of(template: str) -> Dialect:
    """The dialect of ``transcript.html.jinja`` and its like."""
    kind = template.removesuffix(".jinja").rpartition(".")[2]
    return {"html": _html, "md": _markdown, "txt": _chat}[kind]()


@cache
def _markdown() -> Dialect:
    return Dialect(
        prose=markdown.escape,
        code=markdown.code,
        block=markdown.block,
        filters={
            "cell": lambda text, width=60: Markup(markdown.cell(text, width)),
            "playbook": lambda text, playbook: Markup(text),
            "nest": lambda depth: Markup("  " * depth),
            "chart": _charts,
        },
    )


def _charts(state: State) -> list[tuple[int, str]]:
    """Number and picture in characters of the statements worth one."""
    from runbook.chart import text

    return [(index, text(points)) for index, _, points in pictures.long_statements(state)]


# -- HTML --------------------------------------------------------------------------------------------------------------


@cache
def _html() -> Dialect:
    return Dialect(
        prose=lambda text: str(escape(clean(str(text)))),
        code=lambda text: f"<code>{escape(clean_line(str(text)))}</code>",
        block=lambda text, language="": f"<pre><code>{escape(clean(str(text)).rstrip())}</code></pre>",
        filters={
            "playbook": _playbook_html,
            "lock_tree": pictures.lock_tree,
            "blocked": pictures.blocked,
            "seconds": pictures.seconds,
        },
    )


def _playbook_html(text: str, playbook: PlaybookText) -> Markup:
    """A playbook's Markdown as HTML: no HTML of its own, no images, only the links that its author wrote."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    parser.validateLink = lambda url: url in playbook.links  # type: ignore[method-assign]
    rendered: Any = parser.render(clean(text))
    return Markup(rendered)


# -- chat --------------------------------------------------------------------------------------------------------------

_CHAT = (
    (re.compile(r"(?<!\w)@(?=\w)"), "＠"),  # @here wakes everybody
    (re.compile(r"<(?=[!@#/A-Za-z])"), "‹"),  # <!channel>, <https://...|text>
    (re.compile(r"://"), "[:]//"),  # links unfold, and are asked for by the chat's server
    (re.compile(r"\bwww\.", re.I), "www[.]"),
    (re.compile(r"\]\("), "] ("),
    (re.compile(r"`"), "'"),
    (re.compile(r"^(?=[/>#])"), " "),  # a command, a quotation, a heading
)


def _chat_prose(text: object) -> str:
    line = clean_line(str(text))
    for pattern, instead in _CHAT:
        line = pattern.sub(instead, line)
    return line


@cache
def _chat() -> Dialect:
    return Dialect(
        prose=_chat_prose,
        code=lambda text: f"`{_chat_prose(text)}`",
        block=lambda text, language="": "```\n" + "\n".join(_chat_prose(x) for x in str(text).splitlines()) + "\n```",
        filters={},
    )
