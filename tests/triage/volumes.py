"""A volume of a few MB that a server can fill, where the machine lets us mount one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runbook.lab.installations import scratch_root, server_account
from tests.support import Database


@contextmanager
def small_volume(megabytes: int) -> Iterator[Path]:
    """A tmpfs of that size that belongs to the account of the servers. Skips the test where nothing may be mounted.

    Not in pytest's folder: every run of pytest that starts closes that to other accounts.
    """
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("only root can mount a small volume")
    volume = Path(tempfile.mkdtemp(prefix="runbook-volume-", dir=scratch_root()))
    asked = [mount, "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(volume)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        volume.rmdir()
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        account = server_account()
        if account is not None:
            os.chown(volume, account.uid, account.gid)
        yield volume
    finally:
        subprocess.run([umount, "--lazy", str(volume)], check=True)
        volume.rmdir()


def grow(volume: Path, megabytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={megabytes}m", str(volume)], check=True)


def free_bytes(volume: Path) -> int:
    state = os.statvfs(volume)
    return state.f_bfree * state.f_frsize


def tablespace_on(database: Database, volume: Path, name: str) -> None:
    """A tablespace there. Its folder is of its own: one tablespace a server and folder."""
    database.execute(f"CREATE TABLESPACE {name} LOCATION '{volume}'")
