"""What every tool of the lab has."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """How a run ended: both None if it passed. ``error_text`` is what stood on the terminal."""

    error_text: str | None = None
    sqlstate: str | None = None


Run = Callable[[str, Path, list[Path]], Awaitable[Outcome]]
"""DSN, the project's folder, the files in order."""


@dataclass(frozen=True)
class Tool:
    """One migration tool."""

    name: str
    run: Run
    layout: Callable[[int, str], str]
    """A migration's number and slug -> its path in the project."""
    history: str = ""
    """SQL that makes the tool's own table as it is before the scenario begins."""
    recover: str = ""
    """SQL for what its documentation asks after a failed run, once the fault is repaired."""
    leaves: tuple[str, ...] = ()
    """Causes that are true after a failed run, because of what the tool wrote down."""
    before: str = ""
    """What stands in a file before the SQL of a migration."""
    after: str = ""
    """What stands after it: how the tool undoes a migration."""


def statements_of(text: str) -> list[str]:
    """The statements of one of our own migration files: each ends with a semicolon at the end of a line."""
    parts = (part.strip() for part in text.split(";\n"))
    return [part for part in parts if any(line and not line.startswith("--") for line in part.splitlines())]


def without_comments(statement: str) -> str:
    """The statement from its first word on: many tools send no leading comment."""
    return re.sub(r"\A(\s*--[^\n]*\n)+\s*", "", statement)


def line_of(text: str, statement: str) -> int:
    """The line, from 1, on which ``statement`` begins in ``text``."""
    return text[: text.index(statement)].count("\n") + 1


def up_part(text: str) -> str:
    """What is applied: a file may hold, after its tool's mark, the way back as well."""
    for mark in ("-- +goose Down", "-- migrate:down", "--rollback "):
        text = text.partition(mark)[0]
    return text
