"""Liquibase formatted SQL: ``--liquibase formatted sql`` and ``--changeset author:id`` marks.

Source: Liquibase documentation, "SQL changelog": a transaction per changeset unless ``runInTransaction:false``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from runbook.migration.model import Problem, TransactionMode
from runbook.migration.sources.base import Certainty, Entry, Planned, Source, comment_lines, keep_lines, natural, stem

_CHANGESET = re.compile(r'changeset\s+(?P<author>[^:\s]+|"[^"]+"):(?P<id>\S+|"[^"]+")(?P<rest>.*)', re.IGNORECASE)


def _recognise(entries: Sequence[Entry]) -> Certainty | None:
    return "certain" if all(re.match(r"\s*--\s*liquibase formatted sql", e.text, re.I) for e in entries) else None


def _plan(entries: Sequence[Entry]) -> Iterable[Planned]:
    """One planned file per changeset: that is Liquibase's unit of transaction and of history."""
    for entry in sorted(entries, key=lambda e: natural(str(e.path))):
        marks = [(line, m) for line, text in comment_lines(entry.text) if (m := _CHANGESET.match(text))]
        if not marks:
            message = "no '--changeset author:id': Liquibase would refuse this file"
            problem = Problem(str(entry.path), 1, 1, message)
            yield Planned(entry, None, stem(entry.name), "per_file", entry.text, problems=(problem,))
            continue
        ends = [line for line, _ in marks[1:]] + [entry.text.count("\n") + 1]
        for (start, match), end in zip(marks, ends, strict=True):
            alone = re.search(r"runInTransaction\s*:\s*false", match["rest"], re.IGNORECASE)
            mode: TransactionMode = "none" if alone else "per_file"
            text = keep_lines(entry.text, [(start, end)])
            yield Planned(entry, match["id"].strip('"'), match["author"].strip('"'), mode, text)


SOURCE = Source("liquibase", "per_file", _recognise, _plan, "Liquibase: runInTransaction defaults to true")
