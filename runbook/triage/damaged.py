"""Damage on disk that a full scan came upon: which file and block, or which index, the error names."""

from __future__ import annotations

import re
from typing import Any

from runbook.failure.report import ErrorReport
from runbook.sql import quote_qualified
from runbook.triage.case import Case, Facts

_FACT = "locale.damaged"
_DAMAGE = frozenset({"XX001", "XX002", "58030"})
_FILE = re.compile(
    r"\b(?:base/\d+|global|pg_tblspc/(?P<tablespace>\d+)/[^/\s]+/\d+)/(?P<filenode>\d+)(?:_\w+)?(?:\.\d+)?"
)
"""Where PostgreSQL keeps a relation (relpath.c, GetRelationPath): the same in every language of messages."""
_BLOCK = re.compile(r"(?<![\w./])(\d+)(?:\.\.\d+)?(?![\w/])")
"""``block 3``, and from 18 on ``blocks 3..3``: the first number of the message."""


def state(facts: Facts, case: Case) -> None:
    """State ``locale.damaged``."""
    found = _read(case.error) if case.error is not None else None
    facts.know(_FACT, [found] if found is not None else [], "read from the message", side="production")


def _read(error: ErrorReport) -> dict[str, Any] | None:
    if error.sqlstate not in _DAMAGE:
        return None
    file = _FILE.search(error.message)
    index = error.subject.index if error.sqlstate == "XX002" else None
    block = _BLOCK.search(error.message[: file.start()] if file else error.message)
    if file is None and not index:
        return None
    return {
        "kind": "index" if index else "file",
        "file": file.group(0) if file else "",
        "filenode": int(file["filenode"]) if file else 0,
        "tablespace": int(file["tablespace"] or 0) if file else 0,
        "block": int(block.group(1)) if block and file else -1,
        "index": quote_qualified(error.subject.schema, index) if index else "",
    }
