"""Atlas: a folder with ``atlas.sum``; ``-- atlas:txmode none`` at the head of a file.

Source: Atlas documentation, "Transaction configuration" and "Directory integrity"; the history table holds the hash
of atlas.sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from runbook.migration.model import Problem, TransactionMode
from runbook.migration.sources.base import Certainty, Entry, Planned, Source, beside

_NAME = re.compile(r"(?P<version>[^_.]+)(?:_(?P<name>.*))?\.sql")
_MODE = re.compile(r"^\s*--\s*atlas:txmode\s+(none|file|all)\b", re.MULTILINE)
_MODES: dict[str, TransactionMode] = {"none": "none", "file": "per_file", "all": "all_files"}


def _recognise(entries: Sequence[Entry]) -> Certainty | None:
    if any(beside(e, "atlas.sum") for e in entries):
        return "certain"
    return "likely" if any(_MODE.search(e.text) for e in entries) else None


def _plan(entries: Sequence[Entry]) -> Iterable[Planned]:
    found = next((p for e in entries if (p := beside(e, "atlas.sum"))), None)
    lines = found.read_text("utf-8", "replace").splitlines()[1:] if found else []
    sums = dict(line.rsplit(" ", 1) for line in lines if " " in line)
    for entry in sorted(entries, key=lambda e: e.name):
        match = _NAME.fullmatch(entry.name)
        mark = _MODE.search(entry.text)
        mode = _MODES[mark.group(1)] if mark else SOURCE.mode
        recorded = sums.get(entry.name)
        problems: tuple[Problem, ...] = ()
        if sums and recorded is None:
            problems = (
                Problem(
                    str(entry.path), 1, 1, "not listed in atlas.sum: atlas refuses the folder (atlas migrate hash)"
                ),
            )
        version, name = (match["version"], match["name"] or "") if match else (None, entry.name)
        checksum = recorded.removeprefix("h1:") if recorded else None
        yield Planned(entry, version, name, mode, entry.text, checksum, problems=problems)


SOURCE = Source("atlas", "per_file", _recognise, _plan, "atlas: --tx-mode file is the default")
