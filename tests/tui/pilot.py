"""A pilot that returns when the app has done what a key asks: Textual's own returns while messages still bubble."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.message_pump import MessagePump
from textual.pilot import Pilot

from runbook.tui.app import RunbookApp
from tests.support import wait_until


@asynccontextmanager
async def piloted(app: RunbookApp, size: tuple[int, int]) -> AsyncIterator[Pilot[int]]:
    """The app running, with a pilot whose ``press``, ``click`` and ``pause`` end when nothing is under way in it."""
    async with app.run_test(size=size) as pilot:
        _settling(pilot)
        await pilot.pause()
        yield pilot


async def settled(app: RunbookApp) -> None:
    """Until every widget waits for its next message (what workers do goes on)."""
    await wait_until(lambda: not app.is_running or all(map(_waits, _pumps(app))), 30, "the app settles")


def _settling(pilot: Pilot[int]) -> None:
    for name in ("press", "click", "pause"):
        plain = getattr(pilot, name)

        async def settling(*args: object, _plain: object = plain, **kwargs: object) -> object:
            result = await _plain(*args, **kwargs)  # type: ignore[operator]
            await settled(pilot.app)  # type: ignore[arg-type]
            return result

        setattr(pilot, name, settling)


def _pumps(app: RunbookApp) -> list[MessagePump]:
    return [app, *app.screen_stack, *(w for screen in app.screen_stack for w in screen.walk_children())]


def _waits(pump: MessagePump) -> bool:
    """Nothing queued or called for later, and its loop stands at the queue instead of in a handler."""
    queue: Any = pump._message_queue
    if pump._closed or queue is None:
        return True
    at_the_queue = not queue.ready_event.is_set() and bool(queue.ready_event._waiters)
    return at_the_queue and not pump._next_callbacks and not getattr(pump, "_callbacks", None)
