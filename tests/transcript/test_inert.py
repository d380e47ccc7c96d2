"""Whatever came from outside is text in every form: it starts nothing, loads nothing, forges nothing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from runbook.playbook import load
from runbook.transcript import FORMATS, render
from runbook.transcript.markdown import escape
from tests.transcript.poison import state

PLAYBOOKS, _ = load()
PIECES = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</pre></code></td></table><h1>forged</h1>",
    "</style></title><iframe src=//evil.example>",
    "<!--",
    "]]>",
    "&lt;b&gt;",
    "[click](https://evil.example)",
    "![pixel](https://evil.example/p.png)",
    "[x]: https://evil.example\n",
    "<https://evil.example>",
    "https://evil.example",
    "javascript:alert(1)",
    "\n# forged heading\n",
    "\nforged\n===\n",
    "\n- forged\n1. item\n",
    "\n| a | b |\n|---|---|\n",
    "|",
    "`",
    "```",
    "\n```\n",
    "~~~\n",
    "\\",
    "$(x)",
    "{{ 7*7 }}",
    "{% raw %}",
    "@here",
    "<!channel>",
    "<@U123|eva>",
    "/leave",
    "\x1b]52;c;AAAA\x07",
    "\x1b[2J",
    "\x9b31m",
    "\x00",
    "\r",
    "\u202eevil",
    "\u200b",
    "\u2028",
    "\U000e0041",
    "é",
    " ",
]
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), min_size=1, max_size=5).map("".join)
LOUD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)

FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Page(HTMLParser):
    """Tags in order, and every attribute that is there."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str | None] = []
        self.comments = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in ("href", "src", "action", "xlink:href")]

    def handle_comment(self, data: str) -> None:
        self.comments += 1


@pytest.mark.parametrize("form", FORMATS)
@FEW
@given(hostile=HOSTILE)
@example(hostile="".join(PIECES))
def test_no_form_holds_a_character_that_a_terminal_obeys(form: str, hostile: str) -> None:
    found = LOUD.search(render(state(hostile), PLAYBOOKS, form))
    assert found is None, repr(found)


@FEW
@given(hostile=HOSTILE)
@example(hostile="".join(PIECES))
@example(hostile="".join(reversed(PIECES)))
def test_html_has_only_the_tags_and_attributes_of_its_template(hostile: str) -> None:
    harmless, found = Page(render(state(), PLAYBOOKS, "html")), Page(render(state(hostile), PLAYBOOKS, "html"))
    # A playbook's Markdown may make other paragraphs and lists of a value, never anything that acts.
    acting = {"script", "img", "iframe", "object", "embed", "form", "input", "button", "base", "link", "audio", "video"}
    assert not acting & set(found.tags)
    assert found.attributes <= harmless.attributes | {"start"}
    assert found.links == harmless.links == ["#details"]
    assert found.comments == 0
    for once in ("html", "head", "title", "style", "body", "main", "h1"):
        assert found.tags.count(once) == 1, once


@pytest.mark.parametrize("form", ["markdown", "postmortem"])
@FEW
@given(hostile=HOSTILE)
@example(hostile="".join(PIECES))
@example(hostile="".join(reversed(PIECES)))
def test_markdown_has_no_html_no_link_no_image_and_no_forged_heading(form: str, hostile: str) -> None:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])

    def outline(text: str) -> list[str]:
        return [t.tag for t in parser.parse(text) if t.type == "heading_open"]

    text = render(state(hostile), PLAYBOOKS, form)
    tokens = [t for block in parser.parse(text) for t in (block, *(block.children or ()))]
    kinds = {t.type for t in tokens}
    assert not kinds & {"html_block", "html_inline", "image", "link_open"}
    assert outline(text) == outline(render(state(), PLAYBOOKS, form))


@FEW
@given(hostile=HOSTILE)
@example(hostile="".join(PIECES))
def test_json_of_hostile_text_reads_back_as_it_was(hostile: str) -> None:
    document = json.loads(render(state(hostile), PLAYBOOKS, "json"))
    assert document["error"]["message"].startswith(hostile)


@FEW
@given(hostile=HOSTILE)
@example(hostile="".join(PIECES))
def test_a_chat_message_wakes_nobody_and_unfolds_no_link(hostile: str) -> None:
    text = render(state(hostile), PLAYBOOKS, "chat")
    assert not re.search(r"(?<!\w)@\w", text)
    assert not re.search(r"<[!@#/A-Za-z]", text)
    assert "://" not in text
    assert len(text) < 4000


def test_an_address_in_a_text_is_no_link_on_github_and_reads_the_same() -> None:
    text = "see https://evil.example or www.evil.example (1.5 s)"
    assert escape(text) == "see https\\://evil.example or www\\.evil.example (1.5 s)"
    assert MarkdownIt("commonmark").renderInline(escape(text)) == text


@pytest.mark.parametrize(
    "text", ["1. first", "12) second", "- item", "+ item", "---", "===", "# head", "> said", "* star"]
)
def test_a_text_at_the_start_of_a_line_starts_no_block_and_reads_the_same(text: str) -> None:
    rendered = MarkdownIt("commonmark").render("before\n" + escape(text))
    assert rendered == f"<p>before\n{text.replace('>', '&gt;')}</p>\n"
