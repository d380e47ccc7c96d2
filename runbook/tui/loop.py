"""The event loop of the app: signals end it properly, and a name lookup that hangs does not hold the exit."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runbook.tui.app import RunbookApp


class _Daemons(ThreadPoolExecutor):
    """Each job in a thread of its own that does not outlive the program: a DNS lookup cannot be cancelled."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the future
                future.set_exception(error)

        threading.Thread(target=job, name="runbook job", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing waits: the threads are daemons."""


def run_to_end(app: RunbookApp) -> int:
    """Run ``app`` on a loop of its own; its exit code, 130 when it was interrupted or hung up on."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        loop.set_default_executor(_Daemons())
        return runner.run(run_here(app))


async def run_here(app: RunbookApp) -> int:
    """Run ``app`` on the loop that runs already; the session is closed whatever happens."""
    from runbook.tui.app import close_source

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, lambda: app.call_later(app.action_interrupt))
    try:
        code = await app.run_async()
    finally:
        await close_source(app.source, "ended")
    if code is not None:
        return code
    return 1 if app.return_code else 0
