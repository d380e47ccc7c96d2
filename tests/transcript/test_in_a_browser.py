"""The HTML transcript in a real browser: it fits a phone, loads nothing, runs nothing, folds, and opens at once."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runbook.playbook import load
from runbook.session.state import fold_all
from runbook.transcript import render
from tests.transcript.poison import long_events, state
from tests.transcript.test_inert import PIECES

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
PLAYBOOKS, _ = load()

_LOOK = """
<script>
addEventListener("message", () => {});
document.querySelector("iframe").addEventListener("load", (event) => {
  const page = event.target.contentDocument, root = page.documentElement;
  const contrast = (element) => {
    const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = (rgb) => {
      const [r, g, b] = rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let behind = element, paper = [0, 0, 0, 0];
    while (behind && (paper.length === 4 && paper[3] === 0)) {
      paper = numbers(getComputedStyle(behind).backgroundColor);
      behind = behind.parentElement;
    }
    const [a, b] = [light(numbers(getComputedStyle(element).color).slice(0, 3)), light(paper.slice(0, 3))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const first = page.querySelector("details:not([open])");
  first.querySelector("summary").click();
  const texts = [...page.querySelectorAll("h1, h2, p, li, td, th, dt, dd, summary, .soft, .source, .badge, a, code")];
  const seen = texts.filter((e) => e.checkVisibility() && e.textContent.trim());
  document.title = JSON.stringify({
    wide: root.scrollWidth, window: page.defaultView.innerWidth,
    contrast: Math.min(...seen.map(contrast)),
    loaded: page.defaultView.performance.getEntriesByType("resource").length,
    unfolded: first.open,
    folded: page.querySelectorAll("details:not([open])").length,
    alerted: window.alerted === true,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    labelled: [...page.querySelectorAll("svg")].every((e) => e.getAttribute("aria-label")),
    reach: [...page.querySelectorAll("summary, .drawn")].every((e) => e.tabIndex >= 0),
    headline: page.querySelector("h1").getBoundingClientRect().top,
    timeline: page.querySelector(".time-line").getBoundingClientRect().top,
  });
});
</script>
"""


def look(text: str, folder: Path, *, width: int, dark: bool = False) -> dict[str, Any]:
    """What a browser window of that width makes of the page."""
    outer = folder / "outer.html"
    frame = f'<iframe style="border:0" width={width} height=800 srcdoc="{html.escape(text)}"></iframe>'
    outer.write_text(f"<!doctype html><script>window.alert = () => {{ window.alerted = true }}</script>{frame}{_LOOK}")
    assert CHROMIUM is not None
    found = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={folder / 'profile'}",
            *(["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []),
            "--virtual-time-budget=20000",
            "--dump-dom",
            outer.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=110,
    )
    title = re.search(r"<title>(.*?)</title>", found.stdout.rpartition("</iframe>")[0].partition("<iframe")[0], re.S)
    if title is None:
        title = re.search(r"<title>(\{.*?\})</title>", found.stdout, re.S)
    assert title is not None, found.stderr[-2000:]
    return dict(json.loads(html.unescape(title[1])))


@pytest.mark.parametrize(("width", "dark"), [(360, False), (360, True), (1280, False), (1280, True)])
def test_a_transcript_fits_the_window_reads_well_and_needs_nothing(width: int, dark: bool, tmp_path: Path) -> None:
    seen = look(render(state(), PLAYBOOKS, "html"), tmp_path, width=width, dark=dark)
    assert seen["wide"] <= seen["window"] == width
    assert seen["dark"] is dark
    assert seen["contrast"] >= 4.5
    assert seen["loaded"] == 0
    assert seen["unfolded"]
    assert seen["labelled"]
    assert seen["reach"]


def test_hostile_text_runs_nothing_loads_nothing_and_breaks_no_layout(tmp_path: Path) -> None:
    seen = look(render(state("".join(PIECES)), PLAYBOOKS, "html"), tmp_path, width=360)
    assert not seen["alerted"]
    assert seen["loaded"] == 0
    assert seen["wide"] <= seen["window"]
    assert seen["timeline"] < 8000  # a text of any length takes some lines of the first screens, not pages


def test_ten_thousand_events_open_on_the_story_with_the_rest_folded(tmp_path: Path) -> None:
    seen = look(render(fold_all(long_events()), PLAYBOOKS, "html"), tmp_path, width=1280)
    assert seen["headline"] < 100
    assert seen["timeline"] < 1000
    assert seen["folded"] >= 5
