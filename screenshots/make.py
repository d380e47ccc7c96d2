"""Make the README's screenshots from real demo sessions: ``python screenshots/make.py [FOLDER]``.

Each picture is a scenario of the lab in force on two real servers, a live session on it, and the app's own export of a
screen. A PNG where Chromium is installed, because it renders the SVG true; else the SVG.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from runbook.lab import list_scenarios, running
from runbook.playbook import load
from runbook.session.live import LiveSession, Options, SideChoice
from runbook.tui.app import RunbookApp


@dataclass(frozen=True)
class Picture:
    """One screenshot: the keys that lead to it from the triage screen."""

    name: str
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (120, 36)


PICTURES: dict[str, tuple[Picture, ...]] = {
    "lock-queue": (
        Picture("triage"),
        Picture("triage-80x24", size=(80, 24)),
        Picture("locks", ("l",)),
        Picture("migration", ("m",)),
        Picture("playbook", ("enter", "f")),
        Picture("transcript", ("t",)),
    ),
    "syntax-too-new": (Picture("syntax-too-new"),),
    "healthy": (Picture("healthy"),),
}
DEADLINE_S = 30.0
STANDING_S = 12.0
"""How long a queue has stood when its pictures are taken: nobody is called for one of a second."""


async def take(scenario_id: str, pictures: tuple[Picture, ...], folder: Path) -> None:
    """Run one scenario and take its pictures."""
    scenario = next(s for s in list_scenarios() if s.id == scenario_id)
    async with running(scenario) as lab:
        if lab.error_text is None and lab.expected is not None:
            await asyncio.sleep(STANDING_S)
        for picture in pictures:
            sides = (
                SideChoice("local", lab.local_dsn, "local", source="demo"),
                SideChoice("production", lab.production_dsn, "production", source="demo"),
            )
            options = Options(
                sides=sides,
                migration=tuple(lab.migration_paths),
                error_text=lab.error_text,
                seen=lab.seen,
                title=f"demo {scenario.id}",
            )
            session = LiveSession(options, load, folder=None)
            app = RunbookApp(session)
            async with app.run_test(size=picture.size) as pilot:
                async with asyncio.timeout(DEADLINE_S):
                    while session.state.diagnosis is None or session.state.busy:
                        await pilot.pause(0.05)
                    for key in picture.keys:
                        await pilot.press(key)
                        await pilot.pause()
                    if "l" in picture.keys:  # a picture of the live tree, not of the first look
                        seen = session.state.locks
                        while session.state.locks is seen:
                            await pilot.pause(0.05)
                    await pilot.pause(0.2)
                svg = folder / f"{picture.name}.svg"
                svg.write_text(app.export_screenshot(title="runbook"))
                await session.close()
            print(_png(svg), flush=True)


def _png(svg: Path) -> Path:
    """The picture as PNG in place of the SVG, or the SVG where nothing can render it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg.read_text())
    if chromium is None or found is None:
        return svg
    width, height = (int(float(n)) for n in found.groups())
    with tempfile.TemporaryDirectory() as temporary:
        page = Path(temporary) / "page.html"
        image = f'<img src="{svg.resolve().as_uri()}" width={width} height={height}>'
        page.write_text(f'<body style="margin:0;background:#1a1b26">{image}</body>')
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        shot = [f"--window-size={width},{height}", f"--screenshot={svg.with_suffix('.png').resolve()}", page.as_uri()]
        subprocess.run([*command, *shot], check=True, capture_output=True, timeout=60)
    svg.unlink()
    return svg.with_suffix(".png")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    for scenario, pictures in PICTURES.items():
        asyncio.run(take(scenario, pictures, folder))


if __name__ == "__main__":
    main()
