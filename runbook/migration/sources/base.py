"""What every tool's module works with: the files that were named, and the plan it makes of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from runbook.migration.model import Problem, Runner, TransactionMode
from runbook.migration.statement import Text, decode

LARGEST_FILE_BYTES = 64 * 1024 * 1024


class MigrationError(Exception):
    """A path that cannot be read as a migration: which, what is wrong, and what to do about it."""

    def __init__(self, path: str, what: str, what_to_do: str) -> None:
        super().__init__(f"{path}: {what}; {what_to_do}")
        self.path = path
        self.what = what
        self.what_to_do = what_to_do


class Entry:
    """One file: its bytes and text, read on first use."""

    def __init__(self, path: Path, data: bytes | None = None) -> None:
        self.path = path
        if data is not None:
            self.data = data

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def data(self) -> bytes:
        """Raises ``MigrationError`` where the file cannot be read or is not text."""
        path = str(self.path)
        try:
            if self.path.stat().st_size > LARGEST_FILE_BYTES:
                size = self.path.stat().st_size // 1024**2
                raise MigrationError(
                    path, f"the file is {size} MB, too large for a migration", "name the file with the DDL"
                )
            data = self.path.read_bytes()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise MigrationError(path, f"cannot be read ({reason})", "check the path and its permissions") from None
        if data.startswith(b"PGDMP"):
            what_to_do = f"turn it into SQL first: pg_restore -f migration.sql {self.path.name}"
            raise MigrationError(path, "is a pg_dump archive, not SQL", what_to_do)
        return data

    @cached_property
    def decoded(self) -> Text:
        return decode(self.data, str(self.path))

    @property
    def text(self) -> str:
        return self.decoded.text

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Planned:
    """One file as its tool would apply it. ``text`` is the part that runs, at its own lines (the rest is blanked)."""

    entry: Entry
    version: str | None
    name: str
    mode: TransactionMode
    text: str
    checksum: str | None = None
    is_down: bool = False
    skipped: bool = False  # known to the tool, but not run on an existing database
    problems: tuple[Problem, ...] = ()


Certainty = Literal["certain", "likely"]


@dataclass(frozen=True, slots=True)
class Source:
    """One tool: how to recognise its files and in which order and transactions it runs them.

    ``why`` is where its transaction mode is documented.
    """

    name: Runner
    mode: TransactionMode
    recognise: Callable[[Sequence[Entry]], Certainty | None]
    plan: Callable[[Sequence[Entry]], Iterable[Planned]]
    why: str
    psql: bool = False  # its files are psql scripts


def beside(entry: Entry, *names: str, levels: int = 1) -> Path | None:
    """The first of ``names`` that exists in the entry's folder or up to ``levels`` - 1 folders above it."""
    folder = entry.path.absolute().parent
    for _ in range(levels):
        for name in names:
            if (folder / name).exists():
                return folder / name
        folder = folder.parent
    return None


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key in which numbers inside names count by value: 2_b before 10_a."""
    return tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.split(r"(\d+)", text) if p)


def misnamed(entry: Entry, tool: Runner, mode: TransactionMode, *, others: bool) -> Planned:
    """A file whose name the tool does not know: skipped among ``others`` that it knows, run when it is all there is."""
    message = f"not a name that {tool} knows: {tool} would not run this file"
    problems = () if entry.name == "<sql>" else (Problem(str(entry.path), 1, 1, message),)
    return Planned(entry, None, stem(entry.name), mode, entry.text, skipped=others, problems=problems)


def keep_lines(text: str, ranges: Iterable[tuple[int, int]]) -> str:
    """``text`` with only the lines in ``ranges`` (0-based, end excluded); the others are blank: line numbers stay."""
    lines = text.split("\n")
    kept = [""] * len(lines)
    for start, end in ranges:
        kept[start:end] = lines[start:end]
    return "\n".join(kept)


def comment_lines(text: str) -> Iterator[tuple[int, str]]:
    """(0-based line, text after the dashes) of every line that is a ``--`` comment."""
    for number, line in enumerate(text.split("\n")):
        stripped = line.strip()
        if stripped.startswith("--"):
            yield number, stripped[2:].strip()


def stem(name: str) -> str:
    """A file's name without ``.sql`` and what stands before it (``.up``, ``.down``)."""
    return re.sub(r"(\.(up|down))?\.sql$", "", name, flags=re.IGNORECASE)
