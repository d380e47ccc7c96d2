"""Drizzle Kit: ``0001_name.sql`` files listed in ``meta/_journal.json``; all pending ones run in one transaction.

Source: drizzle-orm ``pg-core/dialect.ts`` migrate(): ``session.transaction`` around every pending migration; the
history table holds the SHA-256 of the file and the journal's ``when``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from runbook.migration.model import Problem
from runbook.migration.sources.base import Certainty, Entry, MigrationError, Planned, Source, beside, natural, stem

_JOURNAL = "meta/_journal.json"
_MARK = "--> statement-breakpoint"


def _recognise(entries: Sequence[Entry]) -> Certainty | None:
    if any(beside(e, _JOURNAL) for e in entries):
        return "certain"
    return "likely" if any(_MARK in e.text for e in entries) else None


def _plan(entries: Sequence[Entry]) -> Iterable[Planned]:
    journal = next((found for e in entries if (found := beside(e, _JOURNAL))), None)
    known = _read_journal(journal) if journal else {}
    last = len(known)
    for entry in sorted(entries, key=lambda e: (known.get(stem(e.name), (last, ""))[0], natural(e.name))):
        tag = stem(entry.name)
        _, when = known.get(tag, (last, None))
        problems: tuple[Problem, ...] = ()
        if journal and tag not in known:
            message = "not listed in meta/_journal.json: drizzle would not run this file"
            problems = (Problem(str(entry.path), 1, 1, message),)
        yield Planned(entry, when, tag, "all_files", entry.text, entry.sha256, problems=problems)


def _read_journal(path: Path) -> dict[str, tuple[int, str | None]]:
    """tag -> (position, when)."""
    try:
        entries = json.loads(path.read_text("utf-8"))["entries"]
        return {str(e["tag"]): (int(e["idx"]), str(e["when"])) for e in entries}
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"cannot be read as drizzle's journal ({type(error).__name__})"
        raise MigrationError(str(path), reason, "restore it from version control, or name another --runner") from None


SOURCE = Source("drizzle", "all_files", _recognise, _plan, "drizzle-orm: one transaction around all pending migrations")
