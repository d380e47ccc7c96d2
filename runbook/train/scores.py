"""The score file: one JSON line an exercise, in the user's data folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook.train.debrief import Debrief


@dataclass(frozen=True)
class Entry:
    """One exercise that was ended. ``at``: ISO UTC, when it began."""

    at: str
    session: str
    drill: str
    scenario: str
    seed: int
    points: int
    of: int
    fixed: bool
    detected: bool
    trap_taken: bool
    hints: int
    duration_s: float
    parts: Mapping[str, int]


def file() -> Path:
    """Where the scores are kept."""
    import platformdirs

    return Path(platformdirs.user_data_dir("runbook", appauthor=False)) / "training.jsonl"


def keep(debrief: Debrief, path: Path | None = None) -> Path:
    """Append one exercise. Raises OSError where it cannot be written."""
    path = path or file()
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(entry(debrief).__dict__, ensure_ascii=False) + "\n"
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)
    return path


def entry(of: Debrief) -> Entry:
    """What is kept of a debrief."""
    return Entry(
        at=of.started_at,
        session=of.session,
        drill=of.drill,
        scenario=of.scenario,
        seed=of.seed,
        points=of.points,
        of=of.of,
        fixed=of.fixed,
        detected=of.detected,
        trap_taken=of.trap_taken,
        hints=of.hints_used,
        duration_s=of.duration_s,
        parts={part.name: part.points for part in of.parts},
    )


def scores(path: Path | None = None) -> list[Entry]:
    """Every exercise that was kept, in order; a line that cannot be read is left out, like a missing file."""
    path = path or file()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    found = []
    for line in text.splitlines():
        try:
            raw: dict[str, Any] = json.loads(line)
            found.append(Entry(**raw))
        except (ValueError, TypeError):
            continue
    return found


def best(entries: list[Entry]) -> dict[str, Entry]:
    """The best of each drill."""
    found: dict[str, Entry] = {}
    for one in entries:
        if one.drill not in found or one.points > found[one.drill].points:
            found[one.drill] = one
    return found
