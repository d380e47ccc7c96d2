"""Characters of the migration that production's encoding does not have."""

from __future__ import annotations

import codecs
from typing import Any

from runbook.triage.case import Case, Facts
from runbook.triage.failing import statement_at_fault

_CODECS = {
    "LATIN1": "iso8859-1", "LATIN2": "iso8859-2", "LATIN3": "iso8859-3", "LATIN4": "iso8859-4", "LATIN5": "iso8859-9",
    "LATIN6": "iso8859-10", "LATIN7": "iso8859-13", "LATIN8": "iso8859-14", "LATIN9": "iso8859-15",
    "LATIN10": "iso8859-16", "ISO_8859_5": "iso8859-5", "ISO_8859_6": "iso8859-6", "ISO_8859_7": "iso8859-7",
    "ISO_8859_8": "iso8859-8", "WIN1250": "cp1250", "WIN1251": "cp1251", "WIN1252": "cp1252", "WIN1253": "cp1253",
    "WIN1254": "cp1254", "WIN1255": "cp1255", "WIN1256": "cp1256", "WIN1257": "cp1257", "WIN1258": "cp1258",
    "WIN866": "cp866", "WIN874": "cp874", "KOI8R": "koi8-r", "KOI8U": "koi8-u", "EUC_JP": "euc_jp", "EUC_KR": "euc_kr",
}  # fmt: skip
"""PostgreSQL's single-byte encodings by name, and what Python calls them. Source: "Character Set Support", table 23.3."""
_ENOUGH = 5


def state(facts: Facts, case: Case) -> None:
    """State ``data.unencodable``."""
    id_, side = "data.unencodable", case.production
    identity = side.identity if side is not None else None
    if identity is None or case.migration is None:
        facts.unknown(id_, "production's encoding is not known" if identity is None else "no migration was given")
        return
    codec = _CODECS.get(identity.encoding)
    fault = statement_at_fault(case)
    at_fault = [fault.statement] if fault is not None and fault.how != "forecast" else case.migration.statements
    found: list[dict[str, Any]] = []
    for statement in at_fault if codec is not None else ():
        characters = [c for c in dict.fromkeys(statement.sql) if not c.isascii() and not _has(codec or "", c)]
        if characters:
            row = {"characters": "".join(characters[:_ENOUGH]), "file": statement.file, "line": statement.line}
            found.append(row)
    because = f"compared with the characters that {identity.encoding} has"
    facts.know(id_, found[:_ENOUGH], because, side="production", readings="production/identity")


def _has(codec: str, character: str) -> bool:
    try:
        codecs.encode(character, codec)
    except UnicodeEncodeError:
        return False
    return True
