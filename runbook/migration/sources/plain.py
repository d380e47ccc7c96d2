"""Plain SQL and psql scripts, and the SQL that other tools print (alembic --sql, Django's sqlmigrate)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from runbook.migration.model import TransactionMode
from runbook.migration.sources.base import Certainty, Entry, Planned, Source, natural, stem

PlanFunction = Callable[[Sequence[Entry]], Iterable[Planned]]
_META_LINE = re.compile(r"^\\[a-zA-Z!]", re.MULTILINE)
_ALEMBIC = re.compile(r"^-- Running upgrade (?:\S+)? ?-> (\S+)|\balembic_version\b", re.MULTILINE)
_DJANGO = re.compile(r"\ABEGIN;\s*\n--\n-- \w.*\n--\n")


def _psql(entries: Sequence[Entry]) -> Certainty | None:
    return "certain" if any(_META_LINE.search(e.text) for e in entries) else "likely"


def _alembic(entries: Sequence[Entry]) -> Certainty | None:
    return "likely" if all(_ALEMBIC.search(e.text) for e in entries) else None


def _django(entries: Sequence[Entry]) -> Certainty | None:
    return "likely" if all(_DJANGO.search(e.text.replace("\r\n", "\n")) for e in entries) else None


def plan_in(mode: TransactionMode) -> PlanFunction:
    """A plan that runs every file whole, in natural order of their folders and names."""

    def plan(entries: Sequence[Entry]) -> Iterable[Planned]:
        for entry in entries:
            yield Planned(entry, None, stem(entry.name), mode, entry.text)

    return plan


def _rendered(entries: Sequence[Entry]) -> Iterable[Planned]:
    # The SQL carries its own BEGIN and COMMIT.
    for entry in entries:
        revisions = [m.group(1) for m in _ALEMBIC.finditer(entry.text) if m.group(1)]
        yield Planned(entry, revisions[-1] if revisions else None, stem(entry.name), "none", entry.text)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Files of one folder in the natural order of their paths."""
    return sorted(entries, key=lambda e: natural(str(e.path)))


PSQL = Source("psql", "none", _psql, plan_in("none"), "psql: AUTOCOMMIT is on by default", psql=True)
ALEMBIC = Source("alembic", "none", _alembic, _rendered, "alembic upgrade --sql writes BEGIN and COMMIT itself")
DJANGO = Source("django", "none", _django, _rendered, "sqlmigrate writes BEGIN and COMMIT itself")
