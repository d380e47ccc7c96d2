"""The program on a real (pseudo) terminal: the bytes that reach it, signals, and what starting costs."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
PROGRAM = """
import sys
from runbook.tui.app import run
from tests.tui.live import ScriptedSession
from tests.tui.incident import events, payloads
from tests.tui.test_views import HOSTILE, hostile_state
given = hostile_state(HOSTILE[int(sys.argv[1])]).events if len(sys.argv) > 1 else events(payloads())
sys.exit(run(ScriptedSession(given, look_takes_s=3600)))
"""


class Terminal:
    """A program on a pseudo terminal of 120x36; ``output`` is every byte that it wrote."""

    def __init__(self, *arguments: str) -> None:
        parent, child = pty.openpty()
        import fcntl
        import struct
        import termios

        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        environ = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdin=child,
            stdout=child,
            stderr=child,
            cwd=ROOT,
            env=environ,
            start_new_session=True,
        )
        os.close(child)
        self.fd = parent
        self.output = b""

    def until(self, what: bytes) -> None:
        """Read until ``what`` was written."""
        deadline = time.monotonic() + DEADLINE_S
        while what not in self.output:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what!r} was not written: {self.output[-500:]!r}")
            self._read(0.1)

    def ended(self) -> int:
        """The exit code, once the program has ended."""
        deadline = time.monotonic() + DEADLINE_S
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise TimeoutError("the program did not end")
            self._read(0.05)
        self._read(0.0)
        return self.process.returncode

    def _read(self, wait_s: float) -> None:
        if select.select([self.fd], [], [], wait_s)[0]:
            try:
                self.output += os.read(self.fd, 1 << 16)
            except OSError:
                return

    def press(self, key: bytes) -> None:
        os.write(self.fd, key)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.fd)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.close()


def test_q_ends_the_program_during_a_look_and_gives_the_terminal_back(terminal: Terminal) -> None:
    terminal.until(b"READ-ONLY")
    terminal.press(b"q")
    assert terminal.ended() == 1
    assert b"\x1b[?1049l" in terminal.output, "the alternate screen is left"
    assert b"\x1b[?25h" in terminal.output, "the cursor is shown again"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_program_properly(terminal: Terminal, number: signal.Signals) -> None:
    terminal.until(b"READ-ONLY")
    terminal.process.send_signal(number)
    assert terminal.ended() == 130
    assert b"\x1b[?1049l" in terminal.output


def test_ctrl_c_ends_the_program_with_130(terminal: Terminal) -> None:
    terminal.until(b"READ-ONLY")
    terminal.press(b"\x03")
    assert terminal.ended() == 130


@pytest.mark.parametrize("which", [2, 3, 5])
def test_nothing_from_a_server_is_obeyed_by_the_terminal(which: int) -> None:
    opened = Terminal(str(which))
    try:
        opened.until(b"READ-ONLY")
        for key in (b"0", b"l", b"\x1b", b"t", b"o"):
            opened.press(key)
        opened.press(b"q")
        opened.ended()
    finally:
        opened.close()
    assert b"]52;" not in opened.output.replace(b"\xe2\x90\x9b]52;", b""), "the clipboard is not set"
    assert "\u202e".encode() not in opened.output


def test_the_first_screen_does_not_import_the_others() -> None:
    program = (
        "import sys; import runbook.tui.app, runbook.tui.screens.triage; "
        "print([m for m in ('psycopg', 'postgast', 'textual.widgets._markdown', 'textual.widgets._text_area', "
        "'runbook.tui.screens.playbook', 'runbook.tui.screens.case', 'runbook.tui.screens.migration') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
