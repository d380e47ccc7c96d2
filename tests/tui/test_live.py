"""The screens on real servers: what a person sees of a real lock queue, and that leaving leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from runbook.playbook import load
from runbook.session.live import LiveSession, Options, SideChoice
from runbook.tui.app import CaseChoices, RunbookApp, SideOption
from runbook.tui.paint import Lines
from runbook.tui.screens.case import CaseScreen
from runbook.tui.screens.playbook import PlaybookScreen, SqlCard
from tests.support import Database, holding_lock, wait_until, waiting_for_lock
from tests.tui.pilot import piloted
from tests.tui.test_app import text_on

ALTER = "ALTER TABLE orders ADD COLUMN note text"
TABLE = (
    "CREATE TABLE orders (id int PRIMARY KEY, total int); INSERT INTO orders SELECT g, g FROM generate_series(1, 100) g"
)
DEADLINE_S = 60.0


@pytest.fixture
def migration(tmp_path: Path) -> Path:
    path = tmp_path / "0001_note.sql"
    path.write_text(ALTER + ";\n")
    return path


def live(local: str | None, production: str | None, migration: Path | None, **more: str) -> LiveSession:
    sides = [SideChoice("local", local, "local")] if local else []
    sides += [SideChoice("production", production, "production")] if production else []
    options = Options(sides=tuple(sides), migration=(migration,) if migration else (), **more)  # type: ignore[arg-type]
    return LiveSession(options, load, folder=None)


@asynccontextmanager
async def on_screen(
    session: LiveSession, case: CaseChoices | None = None
) -> AsyncIterator[tuple[RunbookApp, Pilot[int]]]:
    app = RunbookApp(session, case=case)
    async with piloted(app, (120, 40)) as pilot:
        try:
            yield app, pilot
        finally:
            await session.close()


async def diagnosed(app: RunbookApp, pilot: Pilot[int]) -> None:
    await wait_until(lambda: app.state.diagnosis is not None and not app.state.busy, DEADLINE_S)
    await pilot.pause()


def ours(database: Database) -> list[tuple[object, ...]]:
    """Sessions of runbook on a server."""
    return database.execute(
        "SELECT pid, state, query FROM pg_stat_activity WHERE application_name LIKE 'runbook%' AND pid <> pg_backend_pid()"
    )


async def test_a_real_lock_queue_leads_to_its_cause_its_tree_and_its_playbook(
    pair: tuple[Database, Database], migration: Path
) -> None:
    local, production = pair
    for side in pair:
        side.execute(TABLE)
    local.execute(ALTER)
    dsn = production.dsn()
    async with (
        holding_lock(dsn, "SELECT count(*) FROM orders", application_name="nightly-report") as holder,
        waiting_for_lock(dsn, ALTER, application_name="deploy") as waiter,
        waiting_for_lock(dsn, "SELECT * FROM orders WHERE id = 7", application_name="web"),
        on_screen(live(local.dsn(), dsn, migration, seen="hanging")) as (app, pilot),
    ):
        await diagnosed(app, pilot)
        shown = text_on(app.screen)
        assert str(waiter.info.backend_pid) in shown
        assert "← your migration" in shown
        found = app.state.diagnosis
        assert found is not None
        assert "lock-wait-idle-in-transaction" in [c.id for c in found.causes]

        await pilot.press("l")
        samples = len(app.state.events)
        await wait_until(lambda: len(app.state.events) > samples + 2, DEADLINE_S, "the tree is sampled again")
        await pilot.pause()
        tree = app.screen.query_one("#locks", Lines).text_of(None)
        assert tree.splitlines()[0].startswith(str(holder.info.backend_pid))
        assert "ACCESS EXCLUSIVE on public.orders" in tree
        assert "polled" in str(app.screen.query_one("#locks").border_subtitle)
        assert "STALE" not in str(app.screen.query_one("#locks").border_subtitle)

        await pilot.press("escape")
        app.open_playbook("lock-wait-idle-in-transaction")
        await wait_until(
            lambda: isinstance(app.screen, PlaybookScreen) and len(app.screen.query(SqlCard)) > 0, DEADLINE_S
        )
        card = next(c for c in app.screen.query(SqlCard) if c.can_run and str(holder.info.backend_pid) in c.block.sql)
        card.focus()
        await pilot.press("x")
        await wait_until(lambda: app.state.checks, DEADLINE_S)
        check = app.state.checks[-1]
        assert (check.status, len(check.rows)) == ("ok", 1), check.reason
        await pilot.press("q")
    assert app.return_value == 1
    assert ours(production) == []
    assert ours(local) == []


async def test_the_tree_follows_what_happens(database: Database) -> None:
    database.execute(TABLE)
    dsn = database.dsn()
    async with on_screen(live(None, dsn, None)) as (app, pilot):
        await diagnosed(app, pilot)
        await pilot.press("l")
        async with (
            holding_lock(dsn, "LOCK TABLE orders", application_name="holder"),
            waiting_for_lock(dsn, "SELECT * FROM orders", application_name="reader"),
        ):
            await wait_until(lambda: app.state.locks is not None and app.state.locks.waiting == 1, DEADLINE_S)
            await pilot.pause()
            assert "holder" in text_on(app.screen)
        await wait_until(lambda: app.state.locks is not None and app.state.locks.waiting == 0, DEADLINE_S)
        await pilot.pause()
        assert "nobody waits" in text_on(app.screen)


async def test_leaving_the_locks_screen_ends_the_watching_connection(database: Database) -> None:
    async with on_screen(live(None, database.dsn(), None)) as (app, pilot):
        await diagnosed(app, pilot)
        await pilot.press("l")
        await wait_until(lambda: ours(database), DEADLINE_S, "somebody watches")
        await pilot.press("escape")
        await wait_until(lambda: not ours(database), DEADLINE_S, "nobody watches any more")


async def test_a_production_that_cannot_be_reached_is_said_on_the_screen(database: Database) -> None:
    async with on_screen(live(database.dsn(), "host=127.0.0.1 port=1 dbname=x connect_timeout=2", None)) as (
        app,
        pilot,
    ):
        await diagnosed(app, pilot)
        shown = text_on(app.screen)
        assert "unreachable" in shown
        assert "PRODUCTION" in shown


async def test_quitting_in_the_middle_of_a_look_leaves_no_query_on_the_server(database: Database) -> None:
    async with on_screen(live(None, database.dsn(), None)) as (app, pilot):
        await wait_until(lambda: app.state.busy, DEADLINE_S)
        async with asyncio.timeout(10):
            await pilot.press("q")
    assert app.return_value is not None
    await wait_until(lambda: not ours(database), 10, "our sessions are gone")


async def test_sides_that_are_given_one_after_the_other_are_both_looked_at(pair: tuple[Database, Database]) -> None:
    local, production = pair
    session = live(None, None, None)
    async with on_screen(session, CaseChoices((SideOption("mine", local.dsn(), "mine"),))) as (app, pilot):
        await wait_until(lambda: isinstance(app.screen, CaseScreen), DEADLINE_S)
        app.look(lambda: session.give_side("local", local.dsn()), "local")
        app.look(lambda: session.give_side("production", production.dsn()), "production")
        await wait_until(lambda: len(app.state.sides) == 2 and not app.state.busy, DEADLINE_S)
        await pilot.pause()
        shown = text_on(app.screen)
        assert f"PostgreSQL {local.major}" in shown
        assert f"PostgreSQL {production.major}" in shown


async def test_an_error_pasted_later_is_used_at_once(database: Database) -> None:
    async with on_screen(live(None, database.dsn(), None)) as (app, pilot):
        await diagnosed(app, pilot)
        await pilot.press("g")
        await pilot.pause()
        assert isinstance(app.screen, CaseScreen)
        app.screen.query_one("#error").text = 'ERROR:  relation "gone" does not exist'  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await wait_until(lambda: app.state.error is not None and "error" in app.state.steps, DEADLINE_S)
        await wait_until(lambda: app.state.steps["error"].verdict == "attention", DEADLINE_S)
