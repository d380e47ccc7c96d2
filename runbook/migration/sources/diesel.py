"""Diesel: ``2021-02-01-100000_name/up.sql`` and ``down.sql``, a ``metadata.toml`` beside them.

Source: diesel_migrations ``file_based_migrations.rs`` (names, order by folder, ``run_in_transaction``, default true); the
version in ``__diesel_schema_migrations`` is the digits before the first underscore, without dashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from runbook.migration.sources.base import Certainty, Entry, Planned, Source, beside, misnamed

_ALONE = re.compile(r"^\s*run_in_transaction\s*=\s*false\b", re.MULTILINE)
_NAMES = {"up.sql": False, "down.sql": True}
_FOLDER = re.compile(r"[\d-]+_\w+")


def _folder(entry: Entry) -> str:
    return entry.path.absolute().parent.name


def _recognise(entries: Sequence[Entry]) -> Certainty | None:
    if not all(e.name in _NAMES and _FOLDER.fullmatch(_folder(e)) for e in entries):
        return None
    return "certain" if beside(entries[0], "diesel.toml", levels=4) else "likely"


def _plan(entries: Sequence[Entry]) -> Iterable[Planned]:
    known = [e for e in entries if e.name in _NAMES]
    for entry in (e for e in entries if e.name not in _NAMES):
        yield misnamed(entry, SOURCE.name, SOURCE.mode, others=bool(known))
    for entry in sorted(known, key=lambda e: (_folder(e), _NAMES[e.name])):
        folder = _folder(entry)
        metadata = beside(entry, "metadata.toml")
        alone = metadata is not None and _ALONE.search(metadata.read_text("utf-8", "replace")) is not None
        version, _, name = folder.partition("_")
        yield Planned(
            entry, version.replace("-", ""), name, "implicit" if alone else "per_file", entry.text,
            is_down=_NAMES[entry.name],
        )  # fmt: skip


SOURCE = Source("diesel", "per_file", _recognise, _plan, "diesel: a transaction per migration by default")
