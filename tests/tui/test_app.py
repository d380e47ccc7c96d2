"""The app under a pilot: keys, sizes, dialogs, leaving. The session is a script; real servers are in test_live.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Label, TextArea

from runbook.playbook import SqlBlock
from runbook.session import events as ev
from runbook.session.recorded import RecordedSession
from runbook.transcript import FORMS, Form, render
from runbook.triage.model import STEP_TITLES, LockNode
from runbook.tui.app import CaseChoices, RunbookApp, SideOption, exit_code
from runbook.tui.paint import Lines
from runbook.tui.screens.case import CaseScreen
from runbook.tui.screens.locks import LocksScreen
from runbook.tui.screens.migration import MigrationScreen
from runbook.tui.screens.playbook import PlaybookScreen, SqlCard
from runbook.tui.screens.transcript import TranscriptScreen
from runbook.tui.screens.triage import TriageScreen
from tests.support import wait_until
from tests.tui import incident
from tests.tui.live import ScriptedSession
from tests.tui.pilot import piloted, settled
from tests.tui.test_views import HOSTILE, hostile_state

SIZES = [(80, 24), (120, 36), (200, 60)]
size = pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")


@asynccontextmanager
async def running(
    session: RecordedSession | None = None,
    size: tuple[int, int] = (120, 36),
    *,
    start: bool = False,
    case: CaseChoices | None = None,
) -> AsyncIterator[tuple[RunbookApp, Pilot[int]]]:
    """The app on a session (the incident, unless another is given)."""
    app = RunbookApp(session or ScriptedSession(incident.events(incident.payloads())), start=start, case=case)
    async with piloted(app, size) as pilot:
        yield app, pilot


def text_on(screen: Screen[object]) -> str:
    """Every character that the screen shows, as the terminal would get it."""
    return "\n".join("".join(segment.text for segment in strip) for strip in screen._compositor.render_strips())


async def looked(app: RunbookApp) -> None:
    """Until everything that was given has been taken in. (The file tree's own worker never ends.)"""
    await settled(app)
    for worker in [w for w in app.workers if w.group in ("look", "check") and not w.is_finished]:
        await worker.wait()
    await settled(app)


def scripted(*payloads: ev.Payload) -> ScriptedSession:
    return ScriptedSession(incident.events(payloads))


# -- the triage screen ------------------------------------------------------------------------------------------------


@size
async def test_the_first_screen_shows_both_sides_the_steps_the_suspect_and_the_question(size: tuple[int, int]) -> None:
    async with running(size=size) as (app, _):
        shown = text_on(app.screen)
        for part in ("PRODUCTION", "READ-ONLY", "1 Versions", "8 Migration state", "A queue behind waiting DDL"):
            assert part in shown
        assert "May the session that blocks it be ended?" in shown
        assert "? help" in shown
        assert "q quit" in shown


@size
async def test_every_step_is_one_key_away(size: tuple[int, int]) -> None:
    async with running(size=size) as (app, pilot):
        for number, (id_, title) in enumerate(STEP_TITLES, start=1):
            await pilot.press(str(number))
            assert app.screen.query_one("#steps", Lines).cursor == id_
            assert f"{number}  {title}" in str(app.screen.query_one("#compared").border_title)


async def test_the_step_that_matters_is_shown_first_and_a_chosen_one_stays() -> None:
    session = ScriptedSession(incident.events(incident.payloads()))
    async with running(session) as (app, pilot):
        assert app.screen.query_one("#steps", Lines).cursor == "locks"
        await pilot.press("6")
        session.add(incident.diagnosed(summary="again"))
        await pilot.pause()
        assert app.screen.query_one("#steps", Lines).cursor == "settings"


async def test_at_80x24_all_rows_of_a_step_can_be_reached() -> None:
    async with running(size=(80, 24)) as (app, pilot):
        pane = app.screen.query_one("#compared", Lines)
        pane.focus()
        seen = ""
        for _ in range(30):
            await pilot.press("down")
            seen += text_on(app.screen)
        assert "connections" in seen
        assert "If 4182 ends" in seen


async def test_enter_on_a_row_shows_all_of_it() -> None:
    async with running() as (app, pilot):
        await pilot.press("6")
        app.screen.query_one("#compared", Lines).focus()
        await pilot.press("down", "enter")
        await pilot.pause()
        assert "permission denied: GRANT pg_read_all_settings TO shop" in text_on(app.screen)
        await pilot.press("escape")
        assert isinstance(app.screen, TriageScreen)


async def test_steps_are_pending_then_running_then_done() -> None:
    session = scripted(*incident.payloads()[:4])
    async with running(session) as (app, pilot):
        assert "· 1 Versions" in text_on(app.screen)
        session.add(ev.RoundStarted(1))
        await pilot.pause()
        assert "▸ 1 Versions" in text_on(app.screen)
        session.add(ev.StepExamined(incident.steps()[0]))
        await pilot.pause()
        assert "✓ 1 Versions" in text_on(app.screen)


async def test_progress_of_each_side_is_visible_while_it_is_looked_at() -> None:
    session = scripted(*incident.payloads()[:5])
    async with running(session) as (app, pilot):
        session.add(ev.ReadingTaken("production", "identity", "ok", 1, 0.01))
        session.add(ev.ReadingTaken("production", "locks", "denied", 0, 0.01, "no"))
        await pilot.pause()
        shown = text_on(app.screen)
        assert "2 probes …" in shown
        assert "1 denied" in shown


async def test_an_input_that_could_not_be_used_is_visible() -> None:
    session = scripted(*incident.payloads(), ev.InputFailed("migration", "x.sql: there is no such file"))
    async with running(session) as (app, _):
        assert "! migration: x.sql: there is no such file" in text_on(app.screen)


async def test_answers_work_only_after_a_and_never_by_accident() -> None:
    session = ScriptedSession(incident.events(incident.payloads()))
    async with running(session) as (app, pilot):
        await pilot.press("y")
        assert not session.asked
        await pilot.press("a", "y")
        assert session.asked == [("answer", ("blocker_may_end", "yes"))]
        session.asked.clear()
        await pilot.press("a", "escape", "y")
        assert not session.asked
        assert isinstance(app.screen, TriageScreen)


async def test_an_answer_key_wins_over_a_command_only_while_the_question_has_the_focus() -> None:
    session = ScriptedSession(incident.events(incident.payloads()))
    async with running(session) as (app, pilot):
        await pilot.press("a", "n")  # n is also the key of notes
        assert session.asked == [("answer", ("blocker_may_end", "no"))]
        await pilot.press("n")
        await pilot.pause()
        assert app.screen.query("#note"), "now it is"


async def test_the_question_goes_when_nothing_is_left_to_ask() -> None:
    session = ScriptedSession(incident.events(incident.payloads()))
    async with running(session) as (app, pilot):
        session.add(incident.diagnosed(question=None))
        await pilot.pause()
        assert not app.screen.query_one("#question").display
        await pilot.press("a", "y")
        assert not session.asked


async def test_resizing_moves_the_panes_and_loses_nothing() -> None:
    async with running(size=(200, 60)) as (app, pilot):
        for new in [(80, 24), (120, 36), (60, 20), (200, 60)]:
            await pilot.resize_terminal(*new)
            await pilot.pause()
            shown = text_on(app.screen)
            assert "PRODUCTION" in shown
            assert "READ-ONLY" in shown
            assert "A queue behind waiting DDL" in shown
            widths = {len(row) for row in shown.splitlines()}
            assert max(widths) <= new[0]


async def test_no_color_leaves_every_word() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_COLOR", "1")
        async with running() as (app, _):
            assert app.no_color
            assert "PRODUCTION" in text_on(app.screen)
            assert "READ-ONLY" in text_on(app.screen)


@pytest.mark.parametrize(
    "theme", ["runbook-dark", "runbook-light", "runbook-contrast", "textual-dark", "nord", "ansi-dark"]
)
async def test_every_theme_paints_production_in_a_colour_of_its_own(theme: str) -> None:
    async with running() as (app, pilot):
        if theme not in app.available_themes:
            pytest.skip(f"this Textual has no theme {theme}")
        app.theme = theme
        await pilot.pause()
        header = app.screen.query_one("#header")
        strip = header.render_line(0)
        styles = {s.text.strip(): s.style for s in strip if s.text.strip()}
        production = styles["PRODUCTION"]
        assert production is not None
        assert production.bgcolor is not None
        assert production.bgcolor != styles["runbook"].bgcolor  # type: ignore[union-attr]
        assert production.bgcolor != styles["local"].bgcolor  # type: ignore[union-attr]


# -- other screens ------------------------------------------------------------------------------------------------------


@size
@pytest.mark.parametrize(
    ("key", "screen"), [("l", LocksScreen), ("m", MigrationScreen), ("t", TranscriptScreen), ("g", CaseScreen)]
)
async def test_each_screen_is_one_key_away_and_escape_leads_back(
    size: tuple[int, int], key: str, screen: type[Screen[None]]
) -> None:
    async with running(size=size) as (app, pilot):
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(app.screen, screen)
        assert "PRODUCTION" in text_on(app.screen)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, TriageScreen)


async def test_screens_do_not_pile_up() -> None:
    async with running() as (app, pilot):
        for key in "lmtlmtl":
            await pilot.press(key)
        await pilot.pause()
        assert len(app.screen_stack) == 2


async def test_opening_a_screen_is_noted_in_the_journal() -> None:
    async with running() as (app, pilot):
        await pilot.press("l")
        await pilot.pause()
        visited = [e.payload.screen for e in app.state.events if isinstance(e.payload, ev.ScreenVisited)]
        assert visited == ["triage", "locks"]


@size
async def test_the_playbook_shows_this_incident_and_each_section_is_one_key_away(size: tuple[int, int]) -> None:
    async with running(size=size) as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, PlaybookScreen)
        assert "5120" in text_on(app.screen)
        for key, heading in (("f", "Fix"), ("v", "Verify"), ("b", "Roll back"), ("p", "Prevent")):
            await pilot.press(key)
            await pilot.pause()
            assert heading in text_on(app.screen)


async def test_left_and_right_turn_to_the_other_suspects() -> None:
    async with running() as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, PlaybookScreen)
        first = app.screen.cause
        await pilot.press("right")
        await pilot.pause()
        second = app.screen.cause
        await pilot.press("left")
        assert (first, second) == ("lock-queue-behind-waiting-ddl", "lock-wait-idle-in-transaction")
        assert app.screen.cause == first


async def test_a_sql_block_says_where_it_runs_and_whether_it_changes_anything() -> None:
    async with running() as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        titles = {str(card.border_title) for card in app.screen.query(SqlCard)}
        assert "PRODUCTION · only reads" in titles
        assert "PRODUCTION · CHANGES something" in titles


async def test_c_copies_exactly_the_sql_of_the_block() -> None:
    async with running() as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        card = next(iter(app.screen.query(SqlCard)))
        card.focus()
        await pilot.press("c")
        assert app.clipboard == card.block.sql


async def test_w_writes_exactly_the_sql_of_the_block(tmp_path: Path) -> None:
    async with running() as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        card = next(iter(app.screen.query(SqlCard)))
        card.focus()
        await pilot.press("w")
        await pilot.pause()
        target = tmp_path / "fix.sql"
        app.screen.query_one("#path", Input).value = str(target)
        await pilot.press("enter")
        await pilot.pause()
        assert target.read_text() == card.block.sql + "\n"


async def test_a_check_runs_in_place_and_shows_what_came_back() -> None:
    async with running() as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        card = next(c for c in app.screen.query(SqlCard) if c.can_run)
        card.focus()
        await pilot.press("x")
        await looked(app)
        await pilot.pause()
        assert "1 row" in "\n".join(line.plain for line in card.build(80))
        assert len(app.state.checks) == 1


async def test_a_block_that_changes_something_is_never_run() -> None:
    async with running() as (app, pilot):
        await pilot.press("enter")
        await pilot.pause()
        card = next(c for c in app.screen.query(SqlCard) if c.block.changes)
        card.focus()
        await pilot.press("x")
        await pilot.pause()
        assert not app.state.checks


async def test_a_block_with_an_unknown_value_is_shown_as_fill_in_first_and_not_run() -> None:
    block = SqlBlock("verify", "SELECT <x: unknown>", "production", False, runnable=False, missing=("x",))
    card = SqlCard(block)
    assert not card.can_run
    assert "fill in first" in str(card.border_title)


async def test_v_shows_the_safe_form_and_c_copies_it() -> None:
    async with running() as (app, pilot):
        await pilot.press("m", "down", "v")
        await pilot.pause()
        assert "VALIDATE CONSTRAINT" in text_on(app.screen)
        await pilot.press("c")
        assert app.clipboard.startswith("ALTER TABLE orders ADD CONSTRAINT")
        assert app.clipboard.count("\n") == 2


async def test_locks_are_watched_only_while_they_are_in_front_and_not_paused() -> None:
    session = ScriptedSession(incident.events(incident.payloads()))
    async with running(session) as (app, pilot):

        def watching() -> int:
            return sum(w.group == "locks" and w.is_running for w in app.workers)

        await pilot.press("l")
        await pilot.pause()
        assert watching() == 1
        await pilot.press("p")
        await pilot.pause()
        assert watching() == 0
        assert "PAUSED" in str(app.screen.query_one("#locks").border_subtitle)
        await pilot.press("p")
        await pilot.pause()
        assert watching() == 1
        await pilot.press("escape")
        await pilot.pause()
        assert watching() == 0


async def test_an_old_sample_is_marked_as_stale() -> None:
    async with running() as (app, pilot):
        await pilot.press("l")
        await pilot.pause()
        assert "STALE" in str(app.screen.query_one("#locks").border_subtitle)


async def test_the_cursor_stays_on_its_session_when_the_tree_changes() -> None:
    session = ScriptedSession(incident.events(incident.payloads()))
    async with running(session) as (app, pilot):
        await pilot.press("l", "down", "down")
        pane = app.screen.query_one("#locks", Lines)
        on = pane.cursor
        assert on is not None
        assert on.startswith("5133")
        tree = incident.lock_tree()
        newer = LockNode(
            incident.session(77, "other", query="SELECT 1"), kind="active", children=(incident.waiter(78, "x", "y"),)
        )
        session.add(ev.LocksSampled(replace(tree, roots=(newer, *tree.roots))))
        await pilot.pause()
        assert pane.cursor == on
        session.add(ev.LocksSampled(replace(tree, roots=(newer,))))
        await pilot.pause()
        assert pane.cursor is not None
        assert pane.cursor.startswith("77")


async def test_y_shows_sql_that_names_backend_start_instead_of_acting() -> None:
    async with running() as (app, pilot):
        await pilot.press("l", "y")
        await pilot.pause()
        shown = text_on(app.screen)
        assert "pg_terminate_backend" in shown
        assert "backend_start = '2026-11-21T02:42:00+00:00'" in shown


async def test_a_note_is_kept_with_its_time() -> None:
    async with running() as (app, pilot):
        await pilot.press("n")
        await pilot.pause()
        await pilot.press(*"asked [the] owner", "enter")
        await pilot.pause()
        assert [note.text for _, note in app.state.notes] == ["asked [the] owner"]
        await pilot.press("t")
        await pilot.pause()
        assert "asked [the] owner" in text_on(app.screen)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_the_session_is_exported_in_every_form_under_a_name_of_its_kind(form: Form, tmp_path: Path) -> None:
    async with running() as (app, pilot):
        await pilot.press("e")
        await pilot.click(f"#format-{form.name}")
        path = app.screen.query_one("#path", Input)
        assert path.value == f"runbook-{app.state.session_id}{form.suffix}"
        path.value = str(tmp_path / path.value)
        path.focus()
        await pilot.press("enter")
        target = Path(path.value)
        expected = render(app.state, app.source.playbooks, form.name)
        await wait_until(lambda: target.exists() and target.read_text() == expected, 30, "the file is written")


async def test_a_full_disk_is_said_and_the_app_goes_on() -> None:
    async with running() as (app, pilot):
        await pilot.press("e")
        app.screen.query_one("#path", Input).value = "/dev/full"
        app.screen.query_one("#path", Input).focus()
        await pilot.press("enter", "enter")  # it exists: asked twice
        await wait_until(lambda: any("No space left" in n.message for n in app._notifications), 30, "it is told")


async def test_a_name_that_no_file_can_have_is_said_in_the_dialog(tmp_path: Path) -> None:
    async with running() as (app, pilot):
        await pilot.press("e")
        app.screen.query_one("#path", Input).value = str(tmp_path / ("x" * 300 + ".md"))
        app.screen.query_one("#path", Input).focus()
        await pilot.press("enter")
        assert "File name too long" in str(app.screen.query_one("#hint", Label).render())


async def test_an_existing_file_is_replaced_only_when_asked_twice(tmp_path: Path) -> None:
    target = tmp_path / "there.txt"
    target.write_text("old")
    async with running() as (app, pilot):
        await pilot.press("w")
        await pilot.pause()
        app.screen.query_one("#path", Input).value = str(target)
        await pilot.press("enter")
        await pilot.pause()
        assert target.read_text() == "old"
        await pilot.press("enter")
        await pilot.pause()
        assert target.read_text() != "old"


async def test_help_lists_every_key_of_the_screen_below() -> None:
    async with running(size=(120, 60)) as (app, pilot):
        await pilot.press("question_mark")
        await pilot.pause()
        shown = app.screen.query_one("#text", Lines).text_of(None)
        for key, meaning in (("a", "Then the answer's key"), ("l", "Who waits for whom"), ("q", "End the session")):
            assert any(row.startswith(key + " ") and meaning in row for row in shown.splitlines()), key


async def test_the_palette_offers_every_suspect_and_every_screen() -> None:
    async with running() as (app, _):
        titles = [c.title for c in app.get_system_commands(app.screen)]
        assert "Playbook: A queue behind waiting DDL" in titles
        assert {"Locks", "Migration", "Transcript", "Note", "Export", "Look again", "Give", "Theme", "Quit"} <= set(
            titles
        )


async def test_an_answer_can_be_changed_from_the_palette() -> None:
    session = ScriptedSession(incident.events(incident.payloads()))
    async with running(session) as (app, pilot):
        await pilot.press("a", "y")
        await pilot.pause()
        again = next(c for c in app.get_system_commands(app.screen) if c.title.endswith("ended? no"))
        again.callback()
        assert session.asked[-1] == ("answer", ("blocker_may_end", "no"))


# -- the case screen ------------------------------------------------------------------------------------------------


CASE = CaseChoices((SideOption("staging", "postgresql://u:secret@h/db", "postgresql://u:***@h/db"),))


async def test_started_with_nothing_the_case_opens_and_what_is_given_is_used_at_once() -> None:
    session = scripted(ev.SessionOpened("id", "0.1", "untitled"))
    async with running(session, size=(120, 50), case=CASE, start=True) as (app, pilot):
        assert isinstance(app.screen, CaseScreen)
        dsn = app.screen.query_one("#dsn-production", Input)
        dsn.focus()
        dsn.value = "service=prod"
        await pilot.press("enter")
        await looked(app)
        assert ("side", ("production", "service=prod")) in session.asked
        assert dsn.value == "", "a password may stand in it"
        app.screen.query_one("#error", TextArea).text = "ERROR:  42601 syntax error"
        await pilot.press("ctrl+s")
        await looked(app)
        assert ("error", "ERROR:  42601 syntax error") in session.asked
        await pilot.click("#seen-hanging")
        await looked(app)
        assert ("seen", "hanging") in session.asked
        path = app.screen.query_one("#path", Input)
        path.focus()
        path.value = "/tmp/x.sql"
        await pilot.press("enter")
        await looked(app)
        assert ("migration", (Path("/tmp/x.sql"),)) in session.asked


async def test_a_connection_is_chosen_by_name_and_its_password_is_nowhere_on_the_screen() -> None:
    session = scripted(ev.SessionOpened("id", "0.1", "untitled"))
    async with running(session, case=CASE) as (app, pilot):
        app.screen.query_one("#choose-local").focus()
        await pilot.press("enter", "down", "enter")
        await looked(app)
        assert ("side", ("local", "postgresql://u:secret@h/db")) in session.asked
        assert "secret" not in text_on(app.screen)
        assert all("secret" not in w.description for w in app.workers)


async def test_typing_in_a_field_triggers_no_command() -> None:
    session = scripted(ev.SessionOpened("id", "0.1", "untitled"))
    async with running(session, case=CASE) as (app, pilot):
        app.screen.query_one("#dsn-local", Input).focus()
        await pilot.press(*"qlmtnw")
        assert isinstance(app.screen, CaseScreen)
        assert app.screen.query_one("#dsn-local", Input).value == "qlmtnw"


# -- text from outside ------------------------------------------------------------------------------------------------


HOSTILE_AT_ONCE = [" ".join(HOSTILE[:8]) + HOSTILE[-1] + HOSTILE[-2], HOSTILE[0], HOSTILE[8]]
"""One text with all of it, and the two that break layouts: the views are tested with each of them alone."""


@pytest.mark.parametrize("text", HOSTILE_AT_ONCE, ids=["all", "markup", "long"])
async def test_hostile_text_in_every_field_neither_crashes_a_screen_nor_reaches_the_terminal(text: str) -> None:
    session = ScriptedSession(hostile_state(text).events)
    async with running(session, size=(100, 40)) as (app, pilot):
        for keys in (
            ("0",),
            ("4",),
            ("3",),
            ("l", "enter"),
            ("escape", "escape", "m", "v"),
            ("t", "o"),
            ("g",),
            ("escape",),
        ):
            await pilot.press(*keys)
            await pilot.pause()
            for row in text_on(app.screen).split("\n"):
                assert row.isprintable() or row == "", repr(row)
        app.say(text)
        app.copy(text)
        await pilot.pause()


@pytest.mark.parametrize("text", HOSTILE_AT_ONCE, ids=["all", "markup", "long"])
async def test_hostile_text_in_a_playbook_neither_crashes_it_nor_reaches_the_terminal(text: str) -> None:
    from runbook.diagnosis.facts import Fact
    from runbook.triage.model import Step

    facts = incident.steps()[3].facts
    replaced = tuple(
        Fact(f.id, {**f.value, "query": text, "label": text} if f.id == "locks.blocker" else f.value, "x", "locks")
        for f in facts
    )
    step = Step("locks", "Blocking locks", "attention", "x", facts=replaced)
    session = ScriptedSession(incident.events([*incident.payloads(), ev.StepExamined(step)]))
    async with running(session) as (app, pilot):
        app.open_playbook("lock-wait-idle-in-transaction")
        await pilot.pause()
        assert isinstance(app.screen, PlaybookScreen)
        for key in ("f", "v", "b", "p", "h"):
            await pilot.press(key)
            await pilot.pause()
            for row in text_on(app.screen).split("\n"):
                assert row.isprintable() or row == "", repr(row)


# -- size, order, leaving -------------------------------------------------------------------------------------------


async def test_ten_thousand_rows_do_not_freeze_the_screen() -> None:
    many = [ev.LocksSampled(incident.lock_tree(3)), ev.Noted("x", "y")] * 5000
    session = scripted(*incident.payloads(), *many)
    async with running(session) as (app, pilot):
        begun = time.monotonic()
        await pilot.press("t")
        await pilot.pause()
        pane = app.screen.query_one("#timeline", Lines)
        assert len(pane.keys) > 10_000
        for key in ("up", "pageup", "home", "down", "end"):
            await pilot.press(key)
        assert pane.cursor == pane.keys[-1]
        assert time.monotonic() - begun < 10, "a deadline, not a timing: frozen would be minutes"


async def test_many_events_at_once_are_one_repaint() -> None:
    session = ScriptedSession(incident.events(incident.payloads()))
    async with running(session) as (app, pilot):
        shown: list[int] = []
        app.watch(app, "state", lambda state: shown.append(len(state.events)), init=False)
        before = len(app.state.events)
        session.add(*[ev.ReadingTaken("local", f"p{n}", "ok", 1, 0.1) for n in range(200)])
        await pilot.pause()
        assert shown == [before + 200]


async def test_q_leaves_while_a_look_is_under_way_and_closes_the_session() -> None:
    session = ScriptedSession(incident.events(incident.payloads()), look_takes_s=3600)
    async with running(session, start=True) as (app, pilot):
        await pilot.pause()
        assert app.state.busy
        async with asyncio.timeout(5):
            await pilot.press("q")
        assert session.closed_as == "quit"
    assert app.return_value == 1


@pytest.mark.parametrize("keys", [("l",), ("m",), ("t",), ("enter",), ("question_mark",), ("g", "tab", "tab", "tab")])
async def test_q_leaves_from_every_screen(keys: Sequence[str]) -> None:
    session = ScriptedSession(incident.events(incident.payloads()))
    async with running(session) as (app, pilot):
        await pilot.press(*keys)
        await pilot.pause()
        if keys[0] == "question_mark":
            await pilot.press("escape")
        if keys[0] == "g":
            app.screen.set_focus(None)
        async with asyncio.timeout(5):
            await pilot.press("q")
        assert session.closed_as == "quit"


async def test_a_source_that_does_not_end_does_not_hold_us() -> None:
    class Stuck(ScriptedSession):
        async def close(self, reason: str = "quit") -> None:
            await asyncio.Event().wait()

    async with running(Stuck(incident.events(incident.payloads()))) as (app, pilot):
        async with asyncio.timeout(8):
            await pilot.press("q")
    assert app.return_value == 1


async def test_ctrl_c_leaves_with_130() -> None:
    session = ScriptedSession(incident.events(incident.payloads()))
    async with running(session) as (app, pilot):
        await pilot.press("ctrl+c")
    assert app.return_value == 130
    assert session.closed_as == "interrupted"


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (incident.diagnosed(), 1),
        (ev.Diagnosed("nothing_wrong", "Nothing wrong found.", ()), 0),
        (ev.Diagnosed("not_in_catalogue", "?", ()), 1),
        (ev.Diagnosed("not_enough_seen", "?", ()), 3),
        (replace(incident.diagnosed(), causes=(replace(incident.diagnosed().causes[0], verdict="possible"),)), 0),
    ],
)
def test_the_exit_code_is_that_of_the_diagnosis(found: ev.Diagnosed, code: int) -> None:
    assert exit_code(scripted(found).state) == code


async def test_a_failing_look_is_said_and_nothing_else_breaks() -> None:
    class Broken(ScriptedSession):
        async def look_again(self) -> None:
            raise OSError("[/nowhere] the network is gone")

    async with running(Broken(incident.events(incident.payloads())), start=True) as (app, pilot):
        await looked(app)
        await pilot.pause()
        assert isinstance(app.screen, TriageScreen)
        messages = [n.message for n in app._notifications]
        assert any("the network is gone" in m for m in messages)


# -- recordings ---------------------------------------------------------------------------------------------------------


async def test_a_recording_shows_the_same_screens_and_cannot_be_asked() -> None:
    recorded = RecordedSession(incident.events(incident.payloads()), {})
    async with running(recorded) as (app, pilot):
        shown = text_on(app.screen)
        assert "A queue behind waiting DDL" in shown
        assert "recorded" in shown
        assert "May the session" not in shown, "it cannot be answered any more"
        await pilot.press("n", "r", "g", "a", "y")
        await pilot.pause()
        assert isinstance(app.screen, TriageScreen)
        await pilot.press("l")
        await pilot.pause()
        assert "recorded" in str(app.screen.query_one("#locks").border_subtitle)


def test_a_recording_can_be_moved_in_time() -> None:
    events = incident.events(incident.payloads())
    recorded = RecordedSession(events, {}, shown=3)
    heard: list[int] = []
    stop = recorded.subscribe(lambda event, state: heard.append(event.seq))
    assert recorded.state.diagnosis is None
    recorded.go_to(len(events))
    assert recorded.state.diagnosis is not None
    assert heard == [e.seq for e in events[3:]]
    recorded.go_to(3)
    assert recorded.state.diagnosis is None
    stop()
    recorded.go_to(5)
    assert heard[-1] == 3


@pytest.mark.parametrize("text", HOSTILE_AT_ONCE, ids=["all", "markup", "long"])
async def test_hostile_titles_in_the_palette_neither_crash_it_nor_reach_the_terminal(text: str) -> None:
    async with running(ScriptedSession(hostile_state(text).events)) as (app, pilot):
        await pilot.press("ctrl+p")
        for typed in ("", "playb"):
            await pilot.press(*typed)
            await wait_until(lambda: "Playbook: " in text_on(app.screen), what="the palette lists it")
            assert all(row.isprintable() for row in text_on(app.screen).split("\n") if row)


async def test_the_palette_runs_what_was_chosen() -> None:
    async with running() as (app, pilot):
        await pilot.press("ctrl+p")
        await pilot.press(*"transcript")
        await wait_until(lambda: "All that happened" in text_on(app.screen), what="the palette lists it")
        await pilot.press("enter")
        await wait_until(lambda: isinstance(app.screen, TranscriptScreen), what="it is open")
