"""Agreement in figures, and the disagreements that are known, with their reasons."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.rehearsal.result import Disagreement
from tests.oracle.history_replay import Basis, Ran, Replayed, judgements

KNOWN: tuple[tuple[str, str, str, str], ...] = ()
"""(history, part of the file's name, facet, reason)"""


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


def known(replayed: Replayed, ran: Ran, differ: Disagreement) -> str | None:
    """Why the forecast cannot be right here, where that is known."""
    for history, file, facet, reason in KNOWN:
        if history == replayed.history.name and re.search(file, ran.file) and facet == differ.facet:
            return reason
    return None
