"""golang-migrate: ``000001_name.up.sql`` and ``.down.sql``; a file is sent as one string.

Source: golang-migrate ``source/parse.go`` (names) and ``database/postgres`` (one Exec per file, hence an implicit
transaction, unless ``x-multi-statement`` is set); the history table holds the version as a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from runbook.migration.sources.base import Certainty, Entry, Planned, Source, beside, misnamed

NAME = re.compile(r"(?P<version>\d+)_(?P<name>.*)\.(?P<way>up|down)\.sql")


def _recognise(entries: Sequence[Entry]) -> Certainty | None:
    if not all(NAME.fullmatch(e.name) for e in entries):
        return None
    return "certain" if beside(entries[0], "go.mod", levels=5) else "likely"


def _plan(entries: Sequence[Entry]) -> Iterable[Planned]:
    matched = [(m, e) for e in entries if (m := NAME.fullmatch(e.name))]
    for entry in (e for e in entries if not NAME.fullmatch(e.name)):
        yield misnamed(entry, SOURCE.name, SOURCE.mode, others=bool(matched))
    for match, entry in sorted(matched, key=lambda pair: (int(pair[0]["version"]), pair[0]["way"] == "down")):
        version = str(int(match["version"]))
        yield Planned(entry, version, match["name"], "implicit", entry.text, is_down=match["way"] == "down")


SOURCE = Source("golang-migrate", "implicit", _recognise, _plan, "golang-migrate: one Exec per file")
