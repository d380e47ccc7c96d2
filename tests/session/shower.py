"""A program that looks at a server again and again and prints the number of each event once it was shown.

``python -m tests.session.shower DSN FOLDER``: what the tests kill in the middle of its work.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from runbook.session.events import Event
from runbook.session.live import LiveSession, Options, SideChoice
from runbook.session.state import State


async def main(dsn: str, folder: Path) -> None:
    options = Options(sides=(SideChoice("local", dsn, "local"), SideChoice("production", dsn, "production")))
    session = LiveSession(options, lambda: ({}, ()), folder=folder)

    def shown(event: Event, state: State) -> None:
        os.write(1, f"{event.seq}\n".encode())

    session.subscribe(shown)
    os.write(1, f"{session.state.path}\n".encode())
    while True:
        await session.start()
        session.note("and again")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
