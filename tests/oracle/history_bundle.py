"""A migration history as one text file: ``--# file: PATH`` lines part it into the files of a folder.

``--# runner: NAME`` before the first file names the runner where the files do not tell; ``--# about: TEXT`` says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from runbook.migration.model import Migration, MigrationFile
from runbook.migration.sources import load
from runbook.migration.transactions import mark_transactions

HISTORIES = Path(__file__).parent / "histories"
_HEAD = re.compile(r"^--# (runner|about): (.*)$", re.MULTILINE)
_FILE = re.compile(r"^--# file: (.*)\n", re.MULTILINE)


@dataclass(frozen=True)
class History:
    """Migrations in the order in which they were deployed, one file at a time."""

    name: str
    runner: str
    about: str
    files: tuple[MigrationFile, ...]

    @property
    def statements(self) -> int:
        return sum(len(f.statements) for f in self.files)


def bundles() -> list[Path]:
    return sorted(HISTORIES.glob("*.sql"))


def read(path: Path, runner: str | None = None) -> History:
    """A bundle or a folder of migrations. Raises ``MigrationError``."""
    if path.is_dir():
        return _history(path.name, path, load([path], runner), "")
    with unpacked(path) as folder:
        head = dict(_HEAD.findall(path.read_text().split("--# file:")[0]))
        return _history(path.stem, folder, load([folder], runner or head.get("runner")), head.get("about", ""))


@contextmanager
def unpacked(bundle: Path) -> Iterator[Path]:
    """A temporary folder with the bundle's files."""
    parts = _FILE.split(bundle.read_text())[1:]
    with TemporaryDirectory(prefix="runbook-history-") as folder:
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            path = Path(folder) / name.strip()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        yield Path(folder)


def _history(name: str, folder: Path, migration: Migration, about: str) -> History:
    """What undoes is left out. Runners that commit all pending files together got these one by one, over the years."""
    files = []
    for file in migration.files:
        if file.is_down:
            continue
        path = str(Path(file.path).relative_to(folder)) if Path(file.path).is_relative_to(folder) else file.path
        if file.transaction_mode == "all_files":
            (file,) = mark_transactions([replace(file, transaction_mode="per_file")])
        files.append(replace(file, path=path))
    return History(name, migration.runner, about, tuple(files))
