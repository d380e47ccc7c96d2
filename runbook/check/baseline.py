"""The baseline: findings that were known when it was written do not fail a check; new ones and worse ones do.

It is JSON with one finding a line, to be kept in the repository and read in reviews. An entry covers a finding of the
same fingerprint that is no worse than it was then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from runbook.check import CheckError
from runbook.check.findings import Finding
from runbook.check.fingerprint import unit
from runbook.migration.result import Severity
from runbook.migration.severity import RANK
from runbook.text import clean, shorten

VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One known finding. ``path`` and ``sql`` are for people; ``fingerprint`` decides, with ``severity`` as the limit."""

    fingerprint: str
    id: str
    severity: Severity
    path: str
    sql: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was known, and what the forecast rested on then."""

    path: str
    basis: str
    entries: tuple[Entry, ...]


def read_baseline(path: Path) -> Baseline:
    """Raises ``CheckError``."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CheckError(f"the baseline {path} cannot be read ({reason}); --write-baseline {path} makes one") from None
    except ValueError as error:
        raise CheckError(f"the baseline {path} is not JSON ({error}); write it anew with --write-baseline") from None
    try:
        if content["schema_version"] != VERSION:
            raise CheckError(
                f"the baseline {path} has schema_version {content['schema_version']!r}, this runbook reads {VERSION}; "
                "write it anew with --write-baseline"
            )
        entries = tuple(_entry(raw) for raw in content["findings"])
        return Baseline(str(path), str(content["basis"]), entries)
    except (KeyError, TypeError, ValueError):
        raise CheckError(f"the baseline {path} is not what --write-baseline writes; write it anew with it") from None


def _entry(raw: dict[str, Any]) -> Entry:
    entry = Entry(**raw)
    if entry.severity not in RANK or not all(isinstance(v, str) for v in asdict(entry).values()):
        raise ValueError(raw)
    return entry


def write_baseline(path: Path, found: Iterable[tuple[Finding, str]], basis: str) -> int:
    """Write what counts (each finding with its path from the root) and say how many there are; a file is replaced whole.

    Raises ``CheckError``.
    """
    entries = [
        Entry(f.fingerprint, f.id, f.severity, relative, shorten(f.sql or f.message, 80))
        for f, relative in found
        if f.severity != "ok" and f.suppressed is None
    ]
    lines = ",\n".join(f"    {json.dumps(asdict(entry), ensure_ascii=False)}" for entry in entries)
    listed = f"[\n{lines}\n  ]" if entries else "[]"
    text = f'{{\n  "schema_version": {VERSION},\n  "basis": {json.dumps(basis)},\n  "findings": {listed}\n}}\n'
    import tempfile

    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CheckError(
            f"the baseline {path} cannot be written ({reason}); name a file in a folder that exists"
        ) from None
    return len(entries)


def apply_baseline(found: Sequence[Finding], baseline: Baseline) -> tuple[Finding, ...]:
    """The findings with those marked that the baseline has and that are no worse than they were."""
    known = {e.fingerprint: e for e in baseline.entries}
    marked = []
    for finding in found:
        entry = known.get(finding.fingerprint)
        if entry is not None and RANK[finding.severity] <= RANK[entry.severity]:
            finding = replace(finding, known=True)
        elif entry is not None:
            worse = f"{finding.message} (in the baseline as {entry.severity}: it got worse)"
            finding = replace(finding, message=worse)
        marked.append(finding)
    return tuple(marked)


def stale(baseline: Baseline, found: Sequence[Finding], examined: Iterable[str], root: Path) -> Iterator[str]:
    """A sentence for each entry that is there no more: of a file that was examined, or of one that is gone.

    Entries of other files are left alone: they may be as they were.
    """
    there = {f.fingerprint for f in found}
    units = {unit(path) for path in examined}
    for entry in baseline.entries:
        if entry.fingerprint in there:
            continue
        if unit(entry.path) in units:
            yield f"{clean(entry.path)}: {entry.id} is no longer found at: {clean(entry.sql)}"
        elif not (root / entry.path).exists():
            yield f"{clean(entry.path)}: {entry.id} is in the baseline, and the file is gone"
