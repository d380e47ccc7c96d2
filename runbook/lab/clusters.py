"""Clusters on disk: initialised once per version, filled once per data set, and copied for every server."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runbook.lab.installations import Installation, LabError, cache_root, locked, server_account

SUPERUSER = "postgres"
INITDB = ("--username", SUPERUSER, "--encoding", "UTF8", "--locale", "C", "--auth", "trust", "--no-sync")
CONFIGURATION = "runbook.conf"
"""The file in the data directory that holds our settings; a template's postgresql.conf includes it."""

FILLED_KEPT_S = 12 * 3600
"""How long a filled cluster is used again: data that speaks of the last hours and statistics stay young."""

COPY_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


def account_options() -> dict[str, Any]:
    """Arguments of ``subprocess`` that make a program run as the servers' account."""
    account = server_account()
    if account is None:
        return {"umask": 0o077}
    return {"user": account.uid, "group": account.gid, "extra_groups": [], "umask": 0o077}


def run_as_account(command: list[Any], env: Mapping[str, str], cwd: Path) -> None:
    """Run a program as the servers' account and wait for it. Raises LabError with what it said."""
    answer = subprocess.run(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **account_options(),
    )
    if answer.returncode != 0:
        raise LabError(f"{Path(command[0]).name} failed: {(answer.stderr or answer.stdout).strip()[-1000:]}")


def template(installation: Installation) -> Path:
    """An initialised cluster of this version in the cache, made once: copying it is ten times quicker than initdb."""
    account = server_account()
    key = f"{installation.source}|{INITDB}|{account and account.uid}"
    home = cache_root() / "clusters" / f"{installation.version}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"

    def initialise(data: Path) -> None:
        call = [installation.bin / "initdb", "--pgdata", data, *INITDB]
        run_as_account(call, installation.environment(), data.parent)
        conf = data / "postgresql.conf"
        conf.write_text(conf.read_text() + f"\ninclude '{CONFIGURATION}'\n")

    with locked(home):
        if not (home / "data/PG_VERSION").exists():
            _place(home, initialise)
    return home / "data"


def copy(source: Path, data: Path) -> None:
    """Copy a stopped cluster into the empty folder ``data``; both belong to the servers' account."""
    run_as_account(["cp", "-R", f"{source}/.", data], COPY_ENVIRONMENT, data.parent)


def filled(installation: Installation, name: str, data: Path, fill: Callable[[], None]) -> None:
    """Have ``data`` hold the cluster called ``name``: a copy of a kept one, or what ``fill`` leaves there."""
    home = cache_root() / "filled" / f"{installation.source}-{installation.version}-{name}"
    with locked(home):
        if _young(home):
            copy(home / "data", data)
            return
        for old in home.parent.iterdir():
            if old.is_dir() and not _young(old) and not _being_made(old):
                shutil.rmtree(old, ignore_errors=True)
        fill()
        _place(home, lambda kept: copy(data, kept))


def _young(home: Path) -> bool:
    try:
        return time.time() - (home / "data/PG_VERSION").stat().st_mtime < FILLED_KEPT_S
    except OSError:
        return False


def _being_made(folder: Path) -> bool:
    """Another process, with a lock of its own, fills this folder; what a crash left is a day old at the most."""
    try:
        return ".new-" in folder.name and time.time() - folder.stat().st_mtime < FILLED_KEPT_S
    except OSError:
        return False


def _place(home: Path, make: Callable[[Path], None]) -> None:
    """Put at ``home/data`` what ``make`` leaves in an empty folder of the servers' account: all of it or nothing."""
    shutil.rmtree(home, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{home.name}.new-", dir=home.parent))
    try:
        fresh.chmod(0o711)
        (fresh / "data").mkdir(mode=0o700)
        account = server_account()
        if account is not None:
            os.chown(fresh / "data", account.uid, account.gid)
        make(fresh / "data")
        fresh.rename(home)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
