"""The screens of a recording as pictures in its transcript: the same each time, and nothing in them acts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from runbook.playbook import load
from runbook.session.state import fold_all
from runbook.transcript import ExportError, render
from runbook.tui.photographs import photographs
from tests.transcript.poison import payloads, poisoned
from tests.transcript.test_inert import PIECES, Page
from tests.tui import incident

PLAYBOOKS, _ = load()
EVENTS = incident.events(payloads())


def test_the_screens_stand_in_the_transcript_and_are_the_same_each_time() -> None:
    taken = photographs(EVENTS, PLAYBOOKS)
    assert [title for title, _ in taken] == ["triage", "locks", "migration"]
    assert taken == photographs(EVENTS, PLAYBOOKS)
    page = render(fold_all(EVENTS), PLAYBOOKS, "html", screens=taken)
    text = re.sub(r"<[^>]+>", "", page).replace("\xa0", " ")
    assert "Locks: 43 sessions wait" in text
    assert "PRODUCTION" in text


def test_a_session_without_servers_shows_only_the_screen_that_has_something_to_show() -> None:
    assert [title for title, _ in photographs(EVENTS[:1], PLAYBOOKS)] == ["triage"]


def test_hostile_text_on_a_screen_is_text_in_its_picture() -> None:
    hostile = [replace(e, payload=poisoned(e.payload, "".join(PIECES[:24]))) for e in EVENTS]
    for title, svg in photographs(hostile, PLAYBOOKS):
        page = Page(svg)
        assert set(page.tags) == {"svg", "rect", "text"}, title
        assert page.attributes <= {
            *("class", "viewbox", "role", "aria-label", "font-size", "font-weight"),
            *("x", "y", "width", "height", "fill", "textlength"),
        }


def test_only_html_shows_screens() -> None:
    with pytest.raises(ExportError, match="only an HTML transcript shows screens"):
        render(fold_all(EVENTS), {}, "markdown", screens=photographs(EVENTS[:1], {}))
