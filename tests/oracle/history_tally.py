"""Agreement in figures, and the disagreements that are known, with their reasons."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.migration.conflicts import STRENGTH
from runbook.rehearsal.result import Disagreement
from runbook.words import lock_name
from tests.oracle.history_replay import Basis, Ran, Replayed, judgements

_NAMED_ANEW = "what was dropped is made anew under its name: the measurement takes it for the old one"
_HELD = "an earlier statement of the transaction holds it in a stronger mode: it is not locked again"
KNOWN: tuple[tuple[str, str, str, str], ...] = (
    ("audit_plain", "0010", "locks", _NAMED_ANEW),
    ("analytics_atlas", "20230402", "scans", _NAMED_ANEW),
    ("queue_sqlx", "20221001", "locks", _HELD),
    ("legacy_psql", "011", "locks", _HELD),
)
"""(history, part of the file's name, facet, reason)"""

_DML = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "DO", "SELECT"})
_ROWS_DECIDE = (
    "the rows decide which keys are looked up and which partitions are touched: forecast is the most it can be"
)
_PLANNED = "a key is checked by a query: the planner may use an index, and where no row has a key nothing is read"
_QUERIES = frozenset({"CREATE TABLE AS", "CREATE MATERIALIZED VIEW", "REFRESH MATERIALIZED VIEW", "SELECT INTO"})
_QUERY = "its query is planned: how much of a table it reads depends on sizes"
_TOAST = "followed: whether a table has a TOAST table is not known where a query or a composite type made its columns"
_MODES = {lock_name(mode): strength for mode, strength in STRENGTH.items()}
_KEY_CHECK = frozenset({"RowShareLock", "ShareRowExclusiveLock"})


@dataclass(frozen=True)
class Tally:
    """Statements by what of their forecast was right. ``locked``: those whose locks could be read and that took any."""

    compared: int
    opaque: int
    failed: int
    locks_read: int
    locks_exact: int
    strongest: int
    rewrites: int
    scans: int
    index_builds: int
    fails: int

    def __str__(self) -> str:
        def part(of: int, right: int) -> str:
            return f"{right}/{of} ({100 * right / max(of, 1):.1f} %)"

        n = self.compared
        return (
            f"locks exact {part(self.locks_read, self.locks_exact)}, strongest {part(self.locks_read, self.strongest)},"
            f" rewrites {part(n, self.rewrites)}, scans {part(n, self.scans)}, index builds {part(n, self.index_builds)},"
            f" success or SQLSTATE {part(n, self.fails)}; {self.opaque} opaque, {self.failed} failed"
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


def tally(replayed: Replayed, basis: Basis) -> Tally:
    compared = opaque = failed = read = exact = strongest = 0
    wrong = dict.fromkeys(("rewrites", "scans", "index_builds", "fails"), 0)
    for ran, judged in judgements(replayed, basis):
        failed += ran.error is not None
        if judged.opaque is not None:
            opaque += 1
            continue
        compared += 1
        facets = {d.facet for d in judged.differ}
        if ran.locks_seen:
            read += 1
            exact += "locks" not in facets
            strongest += judged.strongest
        for facet in wrong:
            wrong[facet] += facet in facets
    return Tally(compared, opaque, failed, read, exact, strongest, *(compared - n for n in wrong.values()))


def known(replayed: Replayed, ran: Ran, differ: Disagreement, basis: Basis = "server") -> str | None:
    """Why the forecast cannot be right here, where that is known."""
    if basis == "followed" and differ.facet == "locks" and " on pg_toast." in differ.forecast:
        return _TOAST
    if differ.facet == "locks" and ran.kind in _DML and _strength(differ.forecast) > _strength(differ.measured):
        return _ROWS_DECIDE
    if differ.facet == "scans" and ran.kind in _QUERIES:
        return _QUERY
    if differ.facet == "scans" and ran.kind == "ALTER TABLE" and differ.forecast.endswith(" read from end to end"):
        relation = differ.forecast.removesuffix(" read from end to end").removesuffix(" not")
        if all(lock.mode in _KEY_CHECK for lock in ran.locks if lock.relation == relation):
            return _PLANNED
    for history, file, facet, reason in KNOWN:
        if history == replayed.history.name and re.search(file, ran.file) and facet == differ.facet:
            return reason
    return None


def _strength(told: str) -> int:
    """Of "SHARE on public.t"; -1 of "no lock on public.t"."""
    return _MODES.get(told.partition(" on ")[0], -1)
