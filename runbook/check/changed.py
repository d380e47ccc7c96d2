"""Which files changed since a revision, as git knows it: since the branch left it, committed or not, untracked too."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from runbook.check import CheckError
from runbook.text import clean_line


@dataclass(frozen=True, slots=True)
class Changes:
    """``files``: real paths of what was added, changed or renamed; ``deleted`` and ``since`` are for people."""

    files: frozenset[str]
    deleted: tuple[str, ...]
    since: str

    def __contains__(self, path: str) -> bool:
        return os.path.realpath(path) in self.files


def changes_since(revision: str, folder: Path) -> Changes:
    """What differs from the commit at which HEAD left ``revision``, in the repository that ``folder`` is in.

    That is ``git diff REVISION...`` with the working tree in place of HEAD: what came to ``revision`` meanwhile is not
    a change. Raises ``CheckError``.
    """
    root = Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").rstrip(b"\n")))
    try:
        _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except CheckError:
        raise CheckError(
            f"--since {clean_line(revision)}: {root} has no such revision; fetch it first (CI often clones only one commit)"
        ) from None
    try:
        base = _git(root, "merge-base", "HEAD", f"{revision}^{{commit}}").decode().strip()
    except CheckError:
        raise CheckError(
            f"--since {clean_line(revision)}: it has no commit in common with HEAD here; fetch the whole history "
            "(in CI: fetch-depth 0)"
        ) from None
    fields = _git(root, "diff", "--name-status", "-z", "--find-renames", "--no-ext-diff", base, "--").split(b"\0")
    changed: set[str] = set()
    deleted: list[str] = []
    at = 0
    while at + 1 < len(fields):
        status, paths = fields[at][:1], 2 if fields[at][:1] in (b"R", b"C") else 1
        name = os.fsdecode(fields[at + paths])
        at += 1 + paths
        if status == b"D":
            deleted.append(name)
        else:
            changed.add(name)
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "-z").split(b"\0")
    changed.update(os.fsdecode(name) for name in untracked if name)
    return Changes(frozenset(os.path.realpath(root / name) for name in changed), tuple(deleted), base[:12])


def _git(folder: Path, *arguments: str) -> bytes:
    environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], env=environment, capture_output=True, check=False, timeout=60
        )
    except FileNotFoundError:
        raise CheckError("--since needs git, which is not installed here; leave out --since, or install git") from None
    except subprocess.TimeoutExpired:
        raise CheckError(f"git {arguments[0]} did not answer within 60 s in {folder}") from None
    if done.returncode != 0:
        said = clean_line(done.stderr.decode("utf-8", "replace")).removeprefix("fatal: ")
        if "not a git repository" in said:
            raise CheckError(f"--since needs a git repository, and {folder} is in none; leave out --since")
        raise CheckError(f"--since: git {arguments[0]} failed in {folder}: {said or 'no reason given'}")
    return done.stdout
