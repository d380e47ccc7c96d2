"""Flyway: ``V1.2__name.sql``, ``R__name.sql``, ``U1__name.sql``, ``B1__name.sql``, each with a ``.conf`` beside it.

Source: Flyway documentation, "Migrations" and "Script configuration"; PostgreSQLParser.detectCanExecuteInTransaction
for the statements it runs outside a transaction by itself; ResourceProvider checksum: CRC32 over the lines without
their ends.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence

from runbook.migration.model import Problem, TransactionMode
from runbook.migration.sources.base import Certainty, Entry, Planned, Source, beside, misnamed

_NAME = re.compile(
    r"(?P<kind>[VUB])(?P<version>\d+(?:[._]\d+)*)__(?P<name>.+)\.sql|R__(?P<repeatable>.+)\.sql", re.DOTALL
)
_IN_COMMENT = re.compile(r"^\s*--\s*flyway:?\s*executeInTransaction\s*=\s*false", re.MULTILINE | re.IGNORECASE)
_IN_CONF = re.compile(r"^\s*executeInTransaction\s*=\s*false\s*$", re.MULTILINE | re.IGNORECASE)
_MIXED = re.compile(r"^\s*(?:flyway\.(?:postgresql\.)?)?mixed\s*=\s*true", re.MULTILINE | re.IGNORECASE)
# Statements before which Flyway opens no transaction.
_ALONE = re.compile(
    r"\s*(?:(?:CREATE|DROP)\s+(?:DATABASE|TABLESPACE|SUBSCRIPTION)\b"
    r"|(?:CREATE(?:\s+UNIQUE)?|DROP)\s+INDEX\s+CONCURRENTLY\b"
    r"|ALTER\s+SYSTEM\b|REINDEX(?:\s+VERBOSE)?\s+(?:SCHEMA|DATABASE|SYSTEM)\b|VACUUM\b|DISCARD\s+ALL\b)",
    re.IGNORECASE,
)


def _recognise(entries: Sequence[Entry]) -> Certainty | None:
    named = sum(_NAME.fullmatch(e.name) is not None for e in entries)
    if not named or named < len(entries) / 2:
        return None
    return "certain" if any(beside(e, "flyway.conf", "flyway.toml", levels=4) for e in entries) else "likely"


def _plan(entries: Sequence[Entry]) -> Iterable[Planned]:
    for entry in sorted(entries, key=lambda e: _order(e.name)):
        match = _NAME.fullmatch(entry.name)
        if match is None:
            mode, _ = _mode(entry)
            yield misnamed(entry, "flyway", mode, others=any(_NAME.fullmatch(e.name) for e in entries))
            continue
        kind = match["kind"] or "R"
        version = match["version"].replace("_", ".") if match["version"] else None
        name = (match["name"] or match["repeatable"]).replace("_", " ")
        mode, problems = _mode(entry)
        # A baseline script runs only where there is no history yet.
        baseline = kind == "B" and len(entries) > 1
        yield Planned(
            entry, version, name, mode, entry.text, str(checksum(entry.text)), kind == "U", baseline, problems
        )


def _order(name: str) -> tuple[int, tuple[int, ...], str]:
    match = _NAME.fullmatch(name)
    if match is None:
        return (3, (), name)
    if match["repeatable"]:
        return (2, (), match["repeatable"])
    parts = [int(p) for p in re.split(r"[._]", match["version"])]
    while parts and parts[-1] == 0:  # 1.0 and 1 are the same version
        parts.pop()
    return ("BVU".index(match["kind"]) // 2, tuple(parts), name)


def _mode(entry: Entry) -> tuple[TransactionMode, tuple[Problem, ...]]:
    conf = beside(entry, f"{entry.name}.conf")
    settings = conf.read_text("utf-8", "replace") if conf else ""
    if _IN_CONF.search(settings) or _IN_COMMENT.search(entry.text):
        return "none", ()
    from runbook.migration.statement import split

    statements, _ = split(entry.text, psql=False)
    alone = [s for s in statements if _ALONE.match(s.sql)]
    if not alone:
        return "per_file", ()
    if len(alone) < len(statements) and not _MIXED.search(settings):
        message = "Flyway refuses to mix this with statements that run in a transaction (unless mixed=true)"
        return "none", (Problem(str(entry.path), alone[0].line, 1, message),)
    return "none", ()


def checksum(text: str) -> int:
    """Flyway's checksum of a script, as ``flyway_schema_history.checksum`` holds it (signed 32 bit)."""
    crc = 0
    for line in re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff")):
        crc = zlib.crc32(line.encode("utf-8", "replace"), crc)
    return crc - 2**32 if crc >= 2**31 else crc


SOURCE = Source("flyway", "per_file", _recognise, _plan, "Flyway: executeInTransaction defaults to true")
