"""Whose a server's folder is, and that it never outlives its owner.

A folder belongs to the process that holds its ``owner`` file locked. A watchdog clears what we leave when we end in any
way; what a run leaves whose watchdog was killed as well is cleared by the next run.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Protocol

from runbook.lab import watchdog
from runbook.lab.installations import server_account

PREFIX = "runbook-lab-"
NEW_PREFIX = "runbook-new-"
SOCKETS = "s"
"""Name of the folder for the unix socket: one letter, since a socket's path is short."""


class Stoppable(Protocol):
    """What lives in a folder."""

    folder: Path

    def stop(self) -> None:
        """End it and remove its folder."""


def new_folder(root: Path) -> tuple[Path, IO[str]]:
    """A folder that its open, locked ``owner`` file marks as in use for as long as this process lives."""
    made = Path(tempfile.mkdtemp(prefix=NEW_PREFIX, dir=root))
    made.chmod(0o711)  # the servers' account passes through; what is inside is its own
    owner = (made / "owner").open("w")
    fcntl.flock(owner, fcntl.LOCK_EX)
    owner.write(f"{os.getpid()}\n")
    owner.flush()
    account = server_account()
    for name in (SOCKETS, watchdog.DATA):
        (made / name).mkdir(mode=0o700)
        if account is not None:
            os.chown(made / name, account.uid, account.gid)
    (made / "log").touch(mode=0o600)
    folder = made.with_name(PREFIX + made.name.removeprefix(NEW_PREFIX))
    made.rename(folder)  # under its final name only once it is locked: a sweeper never sees it ownerless
    return folder, owner


_swept: set[Path] = set()


def sweep_once(root: Path) -> None:
    """Clear away what a run left behind whose process and watchdog were both killed."""
    if root in _swept:
        return
    _swept.add(root)
    for folder in root.glob(PREFIX + "*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            with (folder / "owner").open() as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the owner's lock ends with the owner
                watchdog.clear(folder)
        except OSError:
            continue


_guard = threading.Lock()
_dog: subprocess.Popen[str] | None = None
_started: dict[Path, Stoppable] = {}


def watch(server: Stoppable) -> None:
    """From now on the watchdog knows of this server."""
    global _dog
    with _guard:
        if _dog is None or _dog.poll() is not None:
            _dog = subprocess.Popen(
                [sys.executable, "-I", "-S", watchdog.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            for folder in _started:
                _tell(f"watch {folder}")
        _started[server.folder] = server
        _tell(f"watch {server.folder}")


def forget(server: Stoppable) -> None:
    """It was stopped and its folder removed: nothing is left to watch."""
    with _guard:
        if _started.pop(server.folder, None) is not None:
            _tell(f"forget {server.folder}")


def _tell(line: str) -> None:
    if _dog is not None and _dog.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            _dog.stdin.write(line + "\n")
            _dog.stdin.flush()


@atexit.register
def _stop_all() -> None:
    """Stop what is still running at a normal exit, and let the watchdog go."""
    for server in list(_started.values()):
        server.stop()
    if _dog is not None and _dog.stdin is not None:
        with contextlib.suppress(OSError):
            _dog.stdin.close()
        _dog.wait(10)
