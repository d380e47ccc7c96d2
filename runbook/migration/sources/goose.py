"""goose: ``-- +goose Up`` and ``Down`` in one file, StatementBegin and StatementEnd, NO TRANSACTION.

Source: goose ``internal/sqlparser/parser.go``: outside StatementBegin a statement ends at a line that ends with ``;``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from runbook.migration.model import Problem, TransactionMode
from runbook.migration.sources.base import Certainty, Entry, Planned, Source, comment_lines, keep_lines

_MARK = re.compile(
    r"\+goose\s+(up|down|statementbegin|statementend|no transaction|envsub on|envsub off)\b", re.IGNORECASE
)
_NAME = re.compile(r"(?P<version>\d+)_(?P<name>.+)\.sql")


def _recognise(entries: Sequence[Entry]) -> Certainty | None:
    return "certain" if any(re.search(r"^\s*--\s*\+goose\s+up", e.text, re.M | re.I) for e in entries) else None


def _plan(entries: Sequence[Entry]) -> Iterable[Planned]:
    def order(entry: Entry) -> tuple[int, str]:
        match = _NAME.fullmatch(entry.name)
        return (int(match["version"]) if match else 2**63, entry.name)

    for entry in sorted(entries, key=order):
        match = _NAME.fullmatch(entry.name)
        version = str(int(match["version"])) if match else None
        yield _one(entry, version, match["name"] if match else entry.name)


def _one(entry: Entry, version: str | None, name: str) -> Planned:
    marks = [(line, m.group(1).lower()) for line, text in comment_lines(entry.text) if (m := _MARK.match(text))]
    mode: TransactionMode = "none" if any(mark == "no transaction" for _, mark in marks) else "per_file"
    total = entry.text.count("\n") + 1
    ups: list[tuple[int, int]] = []
    start: int | None = None
    for line, mark in marks:
        if mark == "up":
            start = line + 1
        elif mark == "down" and start is not None:
            ups.append((start, line))
            start = None
    if start is not None:
        ups.append((start, total))
    problems: tuple[Problem, ...] = ()
    if not any(mark == "up" for _, mark in marks):
        problems = (Problem(str(entry.path), 1, 1, "no '-- +goose Up': goose would refuse this file"),)
        ups = [(0, total)]
    text = keep_lines(entry.text, ups)
    blocks = _blocks(marks)
    return Planned(entry, version, name, mode, text, problems=(*problems, *_cut_apart(entry, text, blocks)))


def _blocks(marks: list[tuple[int, str]]) -> list[tuple[int, int]]:
    begins = [line for line, mark in marks if mark == "statementbegin"]
    ends = [line for line, mark in marks if mark == "statementend"]
    return list(zip(begins, ends, strict=False))


def _cut_apart(entry: Entry, text: str, blocks: list[tuple[int, int]]) -> Iterable[Problem]:
    """Statements that goose's own splitter would cut in two, because a line inside them ends with a semicolon."""
    from runbook.migration.statement import split

    for statement in split(text, psql=False)[0]:
        if any(begin < statement.line - 1 < end for begin, end in blocks):
            continue
        lines = statement.sql.split("\n")
        for at, line in enumerate(lines[:-1]):
            if line.split("--")[0].rstrip().endswith(";"):
                message = "goose ends a statement here: put it between '-- +goose StatementBegin' and StatementEnd"
                yield Problem(str(entry.path), statement.line + at, len(line.rstrip()), message)
                break


SOURCE = Source("goose", "per_file", _recognise, _plan, "goose: each migration in a transaction unless NO TRANSACTION")
