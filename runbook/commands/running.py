"""Run a session without a screen and say how it ended; the sides that a screen offers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook.commands.common import EXIT_NOTHING, EXIT_OK, EXIT_USAGE, EXIT_WRONG

if TYPE_CHECKING:
    from runbook.config import Config
    from runbook.session.live import LiveSession
    from runbook.tui.choices import CaseChoices


async def until_done(session: LiveSession) -> None:
    import asyncio
    import signal

    task = asyncio.ensure_future(session.start())
    loop = asyncio.get_running_loop()
    stopped: list[int] = []

    def stop() -> None:
        stopped.append(1)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    unsubscribe = _show_progress(session) if sys.stderr.isatty() else None
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    finally:
        if unsubscribe is not None:
            unsubscribe()
        await session.close("interrupted" if stopped else "done")
    if stopped:
        raise KeyboardInterrupt


def _show_progress(session: LiveSession) -> Callable[[], None]:
    """One line on stderr that counts the probes of each side, and is gone when they are done."""
    from runbook.session.events import Event, ReadingTaken
    from runbook.session.state import State

    def tell(event: Event, state: State) -> None:
        if isinstance(event.payload, ReadingTaken):
            counts = {key: sum(1 for side, _ in state.readings if side == key) for key in state.given}
            click.echo("\r" + "  ".join(f"{key}: {n} probes" for key, n in counts.items()), err=True, nl=False)

    unsubscribe = session.subscribe(tell)

    def end() -> None:
        unsubscribe()
        click.echo("\r\x1b[K", err=True, nl=False)

    return end


def exit_code(session: LiveSession) -> int:
    """0 nothing wrong, 1 something is wrong, 2 an input could not be used, 3 nothing could be examined."""
    state = session.state
    diagnosis = state.diagnosis
    unusable = [p for p in state.problems if p.what in ("migration", "error")]
    for problem in state.problems:
        click.echo(f"runbook: {problem.what}: {problem.reason}", err=True)
    if unusable:
        return EXIT_USAGE
    if diagnosis is None:
        return EXIT_NOTHING
    if diagnosis.conclusion == "not_in_catalogue" or any(c.verdict in ("proved", "likely") for c in diagnosis.causes):
        return EXIT_WRONG
    reached = any(side.reachable for side in state.sides.values())
    if state.sides and not reached and state.error is None and not diagnosis.causes:
        for side in state.sides.values():
            click.echo(f"runbook: {side.name} could not be reached: {side.reason}", err=True)
        return EXIT_NOTHING
    return EXIT_OK


def case_choices(config: Config) -> CaseChoices:
    """Sides a person can pick from: configured ones, services, the environment."""
    from runbook.config import mask
    from runbook.tui.choices import CaseChoices, SideOption

    found = [SideOption(f"{s.name} ({s.source})", s.dsn, mask(s.dsn)) for s in config.sides.values()]
    found += [SideOption(f"service {name}", f"service={name}", f"service={name}") for name in _services()]
    if any(os.environ.get(v) for v in ("PGHOST", "PGSERVICE", "PGDATABASE")):
        found.append(SideOption("environment (PG*)", "", "PGHOST, PGDATABASE, ..."))
    return CaseChoices(tuple(found), Path.cwd())


def _services() -> list[str]:
    """Names in the user's and the system's service files."""
    import re

    files = [os.environ.get("PGSERVICEFILE") or str(Path.home() / ".pg_service.conf")]
    if os.environ.get("PGSYSCONFDIR"):
        files.append(str(Path(os.environ["PGSYSCONFDIR"]) / "pg_service.conf"))
    names: dict[str, None] = {}
    for file in files:
        try:
            text = Path(file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        names.update(dict.fromkeys(re.findall(r"^\[([^\]\n]+)\]", text, re.M)))
    return list(names)
