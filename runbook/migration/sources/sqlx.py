"""sqlx (Rust): ``20240101_name.sql`` or ``.up.sql`` and ``.down.sql`` beside a Cargo.toml, ``-- no-transaction``.

Source: sqlx-core ``migrate/migration.rs`` (the mark is the file's first line) and ``sqlx-postgres/src/migrate.rs``:
the file is one string, so several statements without a transaction are still one implicit transaction. Checksum:
SHA-384.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from runbook.migration.sources.base import Certainty, Entry, Planned, Source, beside, misnamed

_NAME = re.compile(r"(?P<version>\d+)_(?P<name>.*?)(?:\.(?P<way>up|down))?\.sql")
_MARK = "-- no-transaction"


def _recognise(entries: Sequence[Entry]) -> Certainty | None:
    if not all(_NAME.fullmatch(e.name) for e in entries):
        return None
    if any(e.text.startswith(_MARK) for e in entries):
        return "certain"
    return "likely" if beside(entries[0], "Cargo.toml", levels=4) else None


def _plan(entries: Sequence[Entry]) -> Iterable[Planned]:
    matched = [(m, e) for e in entries if (m := _NAME.fullmatch(e.name))]
    for entry in (e for e in entries if not _NAME.fullmatch(e.name)):
        yield misnamed(entry, SOURCE.name, SOURCE.mode, others=bool(matched))
    for match, entry in sorted(matched, key=lambda pair: (int(pair[0]["version"]), pair[0]["way"] == "down")):
        mode = "implicit" if entry.text.startswith(_MARK) else SOURCE.mode
        version, name = str(int(match["version"])), match["name"].replace("_", " ")
        checksum = hashlib.sha384(entry.data).hexdigest()
        yield Planned(entry, version, name, mode, entry.text, checksum, is_down=match["way"] == "down")


SOURCE = Source("sqlx", "per_file", _recognise, _plan, "sqlx: a transaction per migration unless -- no-transaction")
