"""Kill real sessions at random moments and compare what they had shown with what their journals hold."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from runbook.session.journal import read

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Killed:
    """One run: the last event that was shown, how many the journal holds, and what is wrong with it."""

    shown: int
    kept: int
    problems: tuple[str, ...]

    @property
    def lost(self) -> int:
        return max(0, self.shown - self.kept)

    @property
    def torn(self) -> bool:
        """Nothing is wrong but a last line that was cut off."""
        return len(self.problems) == 1 and "cut off" in self.problems[0]


def kill_one(dsn: str, folder: Path, chance: random.Random) -> Killed:
    """Start a session, kill -9 it after a random number of shown events and a random moment more, read its journal."""
    wanted = chance.randint(1, 400)
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.session.shower", dsn, str(folder)], stdout=subprocess.PIPE, cwd=_ROOT
    )
    assert program.stdout is not None
    journal = Path(program.stdout.readline().decode().strip())
    told = b""
    for _ in range(wanted):
        told = program.stdout.readline() or told
    time.sleep(chance.random() * 0.003)  # where in an event it is hit
    os.kill(program.pid, signal.SIGKILL)
    rest = program.stdout.read().split()
    program.wait()
    program.stdout.close()
    shown = int(rest[-1] if rest else told)
    recording = read(journal)
    return Killed(shown, recording.events[-1].seq if recording.events else 0, recording.problems)
