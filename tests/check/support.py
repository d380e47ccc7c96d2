"""What the tests of `runbook check` share: the command in a folder of its own, and a git repository."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

ROOT = Path(__file__).parents[2]
SCHEMAS = Path(__file__).parent / "schemas"
HAZARD = "CREATE INDEX ON orders (customer_id);\n"
"""A danger (create-index-blocks-writes) and a notice (lock-queue-behind-waiting-ddl) where no server is asked."""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out, self.err
        return json.loads(self.out)

    def findings(self) -> list[tuple[str, int, str]]:
        """(file, line, id) of each finding that counts, of a run with --format json."""
        found = [f for f in self.json["findings"] if f["suppressed"] is None and not f["known"]]
        return [(f["path"], f["line"], f["id"]) for f in found]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of the person's own configuration."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "RUNBOOK", "GIT"))}
    return {
        **kept,
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / ".state"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "PYTHONPATH": str(ROOT),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@example.org",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@example.org",
        **more,
    }


def check(folder: Path, *arguments: str, stdin: bytes = b"", **env: str) -> Done:
    """``runbook check ARGUMENTS`` in ``folder``: the whole command, in this process."""
    from runbook.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    with (
        contextlib.chdir(folder),
        patch.dict(os.environ, environment(folder, **env), clear=True),
        patch.object(sys, "stdin", given),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as left,
    ):
        main(["check", *arguments])
    said = []
    for stream in (out, err):
        stream.flush()
        said.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    code = left.value.code
    assert isinstance(code, int)
    return Done(code, *said)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env=environment(folder),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def repository(folder: Path, files: dict[str, str]) -> Path:
    """A git repository with ``files`` committed on main."""
    git(folder, "init", "-q", "-b", "main")
    write(folder, files)
    commit(folder, "first")
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
