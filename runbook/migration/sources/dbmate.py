"""dbmate: ``-- migrate:up`` and ``-- migrate:down`` in one file, ``transaction:false`` on the mark.

Source: dbmate ``pkg/dbmate/migration.go``; the up part is sent as one string, so that without a transaction of
dbmate's own several statements are still one implicit transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from runbook.migration.model import Problem, TransactionMode
from runbook.migration.sources.base import Certainty, Entry, Planned, Source, comment_lines, keep_lines

_MARK = re.compile(r"migrate:(up|down)\b(.*)", re.IGNORECASE)
_NAME = re.compile(r"(?P<version>\d+)_?(?P<name>.*)\.sql")


def _recognise(entries: Sequence[Entry]) -> Certainty | None:
    return "certain" if any(re.search(r"^\s*--\s*migrate:up", e.text, re.M | re.I) for e in entries) else None


def _plan(entries: Sequence[Entry]) -> Iterable[Planned]:
    for entry in sorted(entries, key=lambda e: e.name):
        match = _NAME.fullmatch(entry.name)
        marks = [
            (line, m.group(1).lower(), m.group(2))
            for line, text in comment_lines(entry.text)
            if (m := _MARK.match(text))
        ]
        up = next(((line, rest) for line, way, rest in marks if way == "up"), None)
        problems: tuple[Problem, ...] = ()
        text, mode = entry.text, _MODE
        if up is None:
            problems = (Problem(str(entry.path), 1, 1, "no '-- migrate:up': dbmate would refuse this file"),)
        else:
            end = next((line for line, way, _ in marks if way == "down" and line > up[0]), entry.text.count("\n") + 1)
            text = keep_lines(entry.text, [(up[0] + 1, end)])
            if re.search(r"transaction:\s*false", up[1], re.IGNORECASE):
                mode = "implicit"
        version = match["version"] if match else None
        yield Planned(entry, version, match["name"] if match else entry.name, mode, text, problems=problems)


_MODE: TransactionMode = "per_file"
SOURCE = Source("dbmate", _MODE, _recognise, _plan, "dbmate: a transaction per migration unless transaction:false")
