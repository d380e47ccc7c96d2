"""The migration screen under a pilot: every key, what-if, and files of a thousand statements."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from runbook.migration import parse
from runbook.migration.catalog import Catalog, Column, Relation
from runbook.migration.forecast import HeldLock, forecast
from runbook.migration.result import Forecast
from runbook.migration.what_if import WhatIf, imagine
from runbook.session import events as ev
from runbook.session.live import migration_view
from runbook.session.recorded import RecordedSession
from runbook.tui.app import RunbookApp
from runbook.tui.lines import plain
from runbook.tui.paint import Lines
from runbook.tui.screens.locks import LocksScreen
from runbook.tui.screens.migration import MigrationScreen
from runbook.tui.screens.playbook import PlaybookScreen
from runbook.tui.views.rail import groups
from runbook.tui.views.statement import detail, picture
from runbook.tui.views.statements import View, statements
from tests.support import wait_until
from tests.tui import incident
from tests.tui.live import ScriptedSession, shipped
from tests.tui.pilot import piloted

SQL = """BEGIN;
ALTER TABLE orders ADD COLUMN note text;
UPDATE orders SET note = '';
COMMIT;
CREATE INDEX orders_customer ON orders (customer_id);
CREATE TABLE fresh (id int);
"""
COLUMNS = (Column("id", "bigint"), Column("customer_id", "bigint"))


def catalog(rows: int, basis: str = "production") -> Catalog:
    orders = Relation("public", "orders", rows=rows, bytes=rows * 120, columns=COLUMNS, live_tuples=rows, writes=10**6)
    return Catalog(160000, basis, {orders.key: orders}, role="deploy")  # type: ignore[arg-type]


HELD = [HeldLock(4182, incident.START, "public.orders", "RowExclusiveLock", 60.0, "idle in transaction", "SELECT 1")]


class Imagining(ScriptedSession):
    """A session whose catalogs are at hand, as in ``LiveSession``."""

    wishes: tuple[WhatIf, ...] = ()

    @property
    def can_imagine(self) -> bool:
        return True

    def forecast_if(self, what_if: WhatIf) -> Forecast:
        self.wishes = (*self.wishes, what_if)
        return forecast(parse(SQL, runner="psql"), imagine(catalog(2_000_000), what_if))


def payloads(sql: str = SQL) -> list[ev.Payload]:
    migration = parse(sql, runner="psql")
    made = ev.ForecastMade(
        forecast(migration, catalog(2_000_000), activity=HELD), forecast(migration, catalog(30_000, "local"))
    )
    kept = [p for p in incident.payloads() if not isinstance(p, ev.ForecastMade | ev.MigrationRead)]
    return [*kept, migration_view(migration), made]


@asynccontextmanager
async def opened(
    size: tuple[int, int] = (120, 36), session: RecordedSession | None = None
) -> AsyncIterator[tuple[MigrationScreen, Pilot[int]]]:
    app = RunbookApp(session or Imagining(incident.events(payloads())), start=False)
    async with piloted(app, size) as pilot:
        await pilot.press("m")
        await wait_until(lambda: isinstance(app.screen, MigrationScreen) and table(app.screen).keys, 30, "the screen")
        assert isinstance(app.screen, MigrationScreen)
        yield app.screen, pilot


def table(screen: Screen[object]) -> Lines:
    return screen.query_one("#statements", Lines)


def shown(screen: Screen[object]) -> str:
    return table(screen).text_of(None) + "\n" + screen.query_one("#statement", Lines).text_of(None)


async def until(condition: Callable[[], object], what: str) -> None:
    await wait_until(condition, 30, what)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_the_table_brackets_the_statements_of_a_transaction(size: tuple[int, int]) -> None:
    async with opened(size) as (screen, _):
        rows = table(screen).text_of(None).splitlines()
        marks = [row[0] for row in rows[1:7]]
        assert marks == ["┌", "│", "│", "└", " ", " "]


async def test_the_first_statement_is_told_in_full_as_soon_as_the_screen_opens() -> None:
    async with opened() as (screen, _):
        assert screen.selected is not None
        assert "nothing is selected" not in shown(screen)


async def test_a_lock_that_is_kept_while_later_statements_run_is_said() -> None:
    async with opened() as (screen, pilot):
        await pilot.press("down")
        await until(
            lambda: "keeps ACCESS EXCLUSIVE on public.orders until 4 is done" in shown(screen), "the rail's words"
        )
        assert "pid 4182" in shown(screen)
        assert "idle in transaction 00:01:00" in shown(screen)
        assert "would queue; 1 session at work on it now" in shown(screen)


async def test_a_jumps_to_the_next_statement_that_alarms_and_shift_a_back() -> None:
    async with opened() as (screen, pilot):
        assert screen.forecast is not None
        alarming = [f"statement:{s.index}" for s in screen.forecast.statements if s.severity in ("danger", "warning")]
        assert len(alarming) >= 2
        for key in alarming:
            await pilot.press("a")
            await until(lambda key=key: table(screen).cursor == key, key)  # type: ignore[misc]
        await pilot.press("A")
        await until(lambda: table(screen).cursor == alarming[-2], "the one before")


async def test_f_leaves_only_what_alarms_and_says_how_much_is_hidden() -> None:
    async with opened() as (screen, pilot):
        await pilot.press("f")
        await until(lambda: "more are hidden: no alarm" in shown(screen), "the filter")
        assert "CREATE TABLE fresh" not in table(screen).text_of(None)
        assert "only alarms" in str(table(screen).border_title)
        await pilot.press("f")
        await until(lambda: "CREATE TABLE fresh" in table(screen).text_of(None), "all of it")


async def test_a_search_leaves_the_statements_that_have_the_text() -> None:
    async with opened() as (screen, pilot):
        await pilot.press("slash")
        await until(lambda: screen.app.screen.query("#search"), "the dialog")
        await pilot.press(*"FRESH", "enter")
        await until(lambda: table(screen).keys == ["statement:6"], "one statement")
        await pilot.press("slash")
        await until(lambda: screen.app.screen.query("#search"), "the dialog")
        screen.app.screen.query_one("#search", Input).value = ""
        await pilot.press("enter")
        await until(lambda: len(table(screen).keys) == 6, "all statements")


async def test_x_shows_what_ten_times_the_rows_would_do_beside_what_is_and_z_goes_back() -> None:
    async with opened() as (screen, pilot):
        before = screen.state
        await pilot.press("end", "up", "x")
        await until(lambda: "WHAT IF all tables × 10" in str(table(screen).border_title), "the what-if")
        assert "held now" in table(screen).text_of(None)
        assert "Not the state of production" in shown(screen)
        assert "◆ what-if" in shown(screen)
        assert "20 M rows" in shown(screen)
        await pilot.press("x")
        await until(lambda: "× 100" in str(table(screen).border_title), "a hundred times")
        await pilot.press("z")
        await until(lambda: "WHAT IF" not in str(table(screen).border_title), "back")
        assert "held now" not in table(screen).text_of(None)
        assert screen.state.forecast is before.forecast
        assert screen.state.diagnosis is before.diagnosis


async def test_the_dialog_takes_a_table_a_size_a_major_and_how_busy_it_is() -> None:
    session = Imagining(incident.events(payloads()))
    async with opened((80, 24), session) as (screen, pilot):
        await pilot.press("i")
        await until(lambda: screen.app.screen.query("#size"), "the dialog")
        dialog = screen.app.screen
        dialog.query_one("#table", Input).value = "orders"
        dialog.query_one("#size", Input).value = "many"
        await pilot.press("enter")
        await until(lambda: "neither a factor" in str(dialog.query_one("#hint").render()), "the problem in words")
        dialog.query_one("#size", Input).value = "40 million"
        dialog.query_one("#major", Input).value = "12"
        await pilot.press("enter")
        await until(lambda: "WHAT IF" in str(table(screen).border_title), "the what-if")
        assert session.wishes == (WhatIf("orders", 1.0, 40_000_000, 12, None),)
        assert "PostgreSQL 12" in str(table(screen).border_subtitle)


async def test_a_table_that_does_not_exist_leaves_everything_as_it_is() -> None:
    async with opened() as (screen, pilot):
        await pilot.press("i")
        await until(lambda: screen.app.screen.query("#size"), "the dialog")
        screen.app.screen.query_one("#table", Input).value = "nowhere"
        screen.app.screen.query_one("#size", Input).value = "x2"
        await pilot.press("enter")
        await until(lambda: any("no table nowhere" in str(n.message) for n in screen.app._notifications), "the message")
        assert "WHAT IF" not in str(table(screen).border_title)


async def test_a_new_look_at_the_servers_recomputes_the_what_if() -> None:
    session = Imagining(incident.events(payloads()))
    async with opened(session=session) as (screen, pilot):
        await pilot.press("x")
        await until(lambda: "WHAT IF" in str(table(screen).border_title), "the what-if")
        session.add(payloads()[-1])
        await until(lambda: len(session.wishes) == 2, "forecast anew")


async def test_a_recording_without_the_catalog_has_no_what_if() -> None:
    async with opened(session=RecordedSession(incident.events(payloads()), shipped())) as (screen, pilot):
        assert "i" not in {b.binding.key for b in screen.active_bindings.values() if b.binding.action == "what_if"}
        await pilot.press("x")
        assert "WHAT IF" not in str(table(screen).border_title)


async def test_l_opens_the_locks_at_the_session_that_the_statement_waits_for() -> None:
    async with opened() as (screen, pilot):
        await pilot.press("down")
        await until(lambda: table(screen).cursor == "statement:2", "the ALTER")
        app = screen.app
        await pilot.press("l")
        await until(lambda: isinstance(app.screen, LocksScreen), "the locks")
        await until(lambda: str(app.screen.query_one("#locks", Lines).cursor).startswith("4182@"), "the session")


async def test_the_safe_form_is_shown_and_copied_and_the_hazards_playbook_opens() -> None:
    async with opened() as (screen, pilot):
        await pilot.press("end", "up")
        await until(lambda: table(screen).cursor == "statement:5", "the index")
        await pilot.press("v")
        await until(lambda: "safe form  against" in shown(screen), "the safe form")
        assert "CONCURRENTLY" in screen.copyable()
        app = screen.app
        await pilot.press("o")
        await until(lambda: isinstance(app.screen, PlaybookScreen), "the playbook")


async def test_a_thousand_statements_are_one_widget_and_the_last_is_one_key_away() -> None:
    session = Imagining(incident.events(payloads("ALTER TABLE orders ADD COLUMN note text;\n" * 1000)))
    async with opened(session=session) as (screen, pilot):
        assert len(table(screen).keys) == 1000
        assert len(list(screen.walk_children())) < 40
        await pilot.press("end")
        await until(lambda: "Statement 1000" in str(screen.query_one("#statement").border_title), "the last")
        built = table(screen)._lines
        session.add(ev.LocksSampled(incident.lock_tree()))
        await pilot.pause()
        assert table(screen)._lines is built


@pytest.mark.parametrize("width", [60, 78, 118, 198])
@pytest.mark.parametrize("what_if", [WhatIf(), WhatIf(factor=100, major=13, busy=False)], ids=["now", "what if"])
def test_every_line_of_table_detail_and_picture_fits(width: int, what_if: WhatIf) -> None:
    session = Imagining(incident.events(payloads()))
    imagined = None if what_if.is_nothing else session.forecast_if(what_if)
    told = imagined or session.state.forecast
    assert told is not None
    view = View(imagined=imagined, assumed=what_if.told, groups=groups(session.state.migration, told))
    lines = statements(session.state, width, view)
    for one in told.statements:
        lines += detail(session.state, one, width, safe_form=True, view=view)
        lines += picture(session.state, one, width, view)
    assert all(one.width <= width for one in lines), [one.plain for one in lines if one.width > width]
    text = plain(lines)
    assert "● production" in text
    assert "○ local" in text


def test_every_statement_that_grows_with_rows_has_its_picture() -> None:
    session = Imagining(incident.events(payloads()))
    assert session.state.forecast is not None
    drawn = {s.index for s in session.state.forecast.statements if picture(session.state, s, 80)}
    assert drawn == {3, 5}


def test_all_files_in_one_transaction_are_one_bracket() -> None:
    told = incident.forecast()
    first = replace(told.files[0], transaction_mode="all_files", statements=told.statements[:2])
    second = replace(first, statements=told.statements[2:])
    read = ev.MigrationRead(
        "x", "all_files", (), tuple(ev.StatementRead(n, "f", 1, "", "", in_transaction=True) for n in range(1, 5))
    )
    for mode, lengths in (("all_files", {4}), ("per_file", {2})):
        files = tuple(replace(f, transaction_mode=mode) for f in (first, second))
        assert {len(g.statements) for g in groups(read, replace(told, files=files)).values()} == lengths
