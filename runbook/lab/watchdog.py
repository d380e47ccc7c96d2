"""Clean up after a process that ends without saying goodbye: stop its servers and remove their folders.

Run as a program of its own, it reads ``watch FOLDER`` and ``forget FOLDER`` lines from stdin. When stdin ends, whoever
held the other end is gone, for whatever reason (exit, exception, SIGTERM, kill -9): what is still watched is cleared.
Only the standard library: it is started as a bare script, in isolation.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

DATA = "data"
"""Name of the cluster's own folder inside a server's folder."""


def postmaster(folder: Path) -> int | None:
    """The pid of the server that runs on ``folder``: named in postmaster.pid *and* started with exactly this folder."""
    data = folder / DATA
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if pid > 1 and str(data) in _command(pid) else None


def _command(pid: int) -> str:
    """The command line of ``pid``, empty if it is gone; a folder's random name in it makes it ours beyond doubt."""
    proc = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        try:
            return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout


def clear(folder: Path, patience_s: float = 5.0) -> None:
    """Stop the server of ``folder`` at once (its data is thrown away) and remove the folder."""
    for sent in (signal.SIGQUIT, signal.SIGKILL):
        pid = postmaster(folder)
        if pid is None:
            break
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, sent)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and str(folder) in _command(pid):
            time.sleep(0.02)
    for _ in range(20):  # a child of the server may write its last file while we remove
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
        time.sleep(0.05)


def main() -> None:
    """Watch until stdin ends, then clear away what is left."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # whoever ends the whole group must not end the cleaning
    watched: dict[str, None] = {}
    for line in sys.stdin:
        verb, _, folder = line.rstrip("\n").partition(" ")
        if verb == "watch":
            watched[folder] = None
        else:
            watched.pop(folder, None)
    for folder in watched:
        clear(Path(folder))


if __name__ == "__main__":
    main()
