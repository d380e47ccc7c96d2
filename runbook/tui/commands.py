"""The command palette: everything the keys do, by name, and what has no key."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.app import SystemCommand
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.screen import Screen

from runbook.text import clean_line
from runbook.triage.model import STEP_TITLES

if TYPE_CHECKING:
    from runbook.tui.app import RunbookApp

SEEN = (
    ("failed", "it failed"),
    ("hanging", "it hangs"),
    ("running", "it runs"),
    ("broken", "it went through, and the service suffers"),
    ("planned", "about to run it"),
)


class RunbookCommands(Provider):
    """The commands for Textual's palette, whose own provider would read a title as markup."""

    async def discover(self) -> Hits:
        for one in commands(cast("RunbookApp", self.app), self.screen):
            yield DiscoveryHit(Content(one.title), one.callback, one.title, one.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for one in commands(cast("RunbookApp", self.app), self.screen):
            score, offsets = matcher.fuzzy_search.match(query, one.title)
            if score > 0:
                shown = Content(one.title)
                for at in offsets:
                    shown = shown.stylize(matcher.match_style, at, at + 1)
                yield Hit(score, shown, one.callback, one.title, one.help)


def commands(app: RunbookApp, screen: Screen[Any]) -> Iterator[SystemCommand]:
    """What can be done now. A recording can be looked at, copied and exported; it cannot be asked."""
    yield SystemCommand("Locks", "Who waits for whom on production, live (l)", partial(app.action_open, "locks"))
    yield SystemCommand("Migration", "Statement by statement: locks, time (m)", partial(app.action_open, "migration"))
    yield SystemCommand("Transcript", "All that happened, in order (t)", partial(app.action_open, "transcript"))
    yield SystemCommand("Triage", "The first ten minutes, and what explains it", app.action_triage)
    for cause in app.state.diagnosis.causes if app.state.diagnosis else ():
        yield SystemCommand(f"Playbook: {clean_line(cause.title)}", "Open it", partial(app.open_playbook, cause.id))
    yield SystemCommand("Copy", "Copy what is selected (c)", app.action_copy)
    yield SystemCommand("Write to a file", "Write what is selected (w)", app.action_write)
    yield SystemCommand(
        "Export", "The session as Markdown, HTML, a postmortem, a chat message or JSON (e)", app.action_export
    )
    if app.source.live:
        yield SystemCommand("Look again", "Look at both sides again (r)", app.action_look_again)
        yield SystemCommand("Note", "A note with the time (n)", app.action_note)
        yield SystemCommand("Give", "A side, an error, a migration (g)", partial(app.action_open, "case"))
        for id_, text in SEEN:
            yield SystemCommand(f"I see: {text}", "What you see of the migration", partial(app.give_seen, id_))
        yield from _answers(app)
    for number, (id_, title) in enumerate(STEP_TITLES, start=1):
        yield SystemCommand(f"Step {number}: {title}", "Compare both sides", partial(app.show_step, id_))
    yield SystemCommand("Theme", "Choose other colours", app.action_change_theme)
    yield SystemCommand("Help", "All keys of this screen (?)", app.action_help)
    yield SystemCommand("Quit", "End the session (q)", app.action_quit)


def _answers(app: RunbookApp) -> Iterator[SystemCommand]:
    """Every answer that was given can be changed."""
    if not app.state.answers:
        return
    from runbook.diagnosis.questions import BY_ID

    for question_id, given in app.state.answers.items():
        question = BY_ID.get(question_id)
        for answer in question.answers if question is not None else ():
            if answer.id != given.answer and question is not None:
                yield SystemCommand(
                    f"Answer again: {question.text} {answer.text}",
                    f"So far: {given.answer}",
                    partial(app.answer, question_id, answer.id),
                )
