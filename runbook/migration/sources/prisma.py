"""Prisma Migrate: ``migrations/20240101120000_name/migration.sql`` beside ``migration_lock.toml``.

Each file is sent as one string, so its statements are one implicit transaction and a single statement stands alone.
Source: prisma-engines, schema-engine ``apply_migrations`` (raw_cmd); checksum: SHA-256 of the script.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from runbook.migration.sources.base import Certainty, Entry, Planned, Source, beside

_FOLDER = re.compile(r"\d{14}_\w+|\d+_init|0_\w+")


def _recognise(entries: Sequence[Entry]) -> Certainty | None:
    if not all(e.name == "migration.sql" for e in entries):
        return None
    if any(beside(e, "migration_lock.toml", levels=2) for e in entries):
        return "certain"
    return "likely" if all(_FOLDER.fullmatch(e.path.absolute().parent.name) for e in entries) else None


def _plan(entries: Sequence[Entry]) -> Iterable[Planned]:
    for entry in sorted(entries, key=lambda e: e.path.absolute().parent.name):
        name = entry.path.absolute().parent.name
        # Prisma compares the checksum under LF, whatever the checkout made of the line ends.
        checksum = hashlib.sha256(entry.data.replace(b"\r\n", b"\n")).hexdigest()
        yield Planned(entry, name, name, "implicit", entry.text, checksum)


SOURCE = Source("prisma", "implicit", _recognise, _plan, "prisma-engines: the script is one simple query")
