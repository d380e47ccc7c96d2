"""Make the pictures of an exported transcript: ``python screenshots/make_transcript.py [FOLDER]``.

A real queue on two real servers, watched until the migration is cancelled and the queue has gone, exported as HTML, and
photographed by Chromium at a desk's and at a phone's width.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from runbook.lab import list_scenarios, running
from runbook.playbook import load
from runbook.session.live import LiveSession, Options, SideChoice

WATCHED_S = 25.0
DEADLINE_S = 60.0
SIZES = {"transcript-html": (1280, 1720, ()), "transcript-html-phone": (420, 1500, ("--force-dark-mode",))}


async def export(path: Path) -> None:
    """Record a lock queue from its first look to its end, and export it."""
    scenario = next(s for s in list_scenarios() if s.id == "lock-queue")
    async with running(scenario) as lab:
        options = Options(
            sides=(
                SideChoice("local", lab.local_dsn, "local", source="demo"),
                SideChoice("production", lab.production_dsn, "production", source="demo"),
            ),
            migration=tuple(lab.migration_paths),
            seen=lab.seen,
            title="shop: orders.note, the deploy hangs",
        )
        session = LiveSession(options, load, folder=None)
        async with asyncio.timeout(DEADLINE_S + WATCHED_S):
            await session.start()
            while session.state.diagnosis is None or session.state.busy:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            watching = asyncio.create_task(session.watch_locks(0.5))
            await asyncio.sleep(WATCHED_S * 0.6)
            session.note("called the owner of nightly-report: it may be ended, but after its run")
            await asyncio.sleep(WATCHED_S * 0.2)
            with psycopg.connect(lab.stage.production.dsn(), autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                    " WHERE query LIKE 'ALTER TABLE%' AND wait_event_type = 'Lock'"
                )
            session.note("cancelled the migration")
            while session.state.locks is None or session.state.locks.waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            await asyncio.sleep(WATCHED_S * 0.2)
            watching.cancel()
            session.export("html", path)
            await session.close("done")


def photograph(page: Path, folder: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("there is no Chromium to take the pictures with")
    for name, (width, height, more) in SIZES.items():
        subprocess.run(
            [
                chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                *more,
                *(["--blink-settings=preferredColorScheme=0"] if more else []),
                f"--window-size={width},{height}",
                f"--screenshot={(folder / name).with_suffix('.png').resolve()}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        page = Path(temporary) / "transcript.html"
        asyncio.run(export(page))
        photograph(page, folder)
        if keep := os.environ.get("KEEP_PAGE"):
            shutil.copy(page, keep)


if __name__ == "__main__":
    main()
