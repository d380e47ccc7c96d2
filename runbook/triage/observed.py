"""What production gets done in a second, read from two looks at the commands that report their progress.

Nothing is run for it: pg_stat_progress_* is read with the rest. A rate is only taken as what it is: a rewrite under way
measures rewriting; an index build's first phase bounds the build (which has more phases) and a scan (which does less).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from runbook.migration.timing import DEFAULT, Rate, Throughput
from runbook.postgres.rows import ProgressRow
from runbook.triage.case import SideCase
from runbook.words import count, size

# The phase in which the heap is read, by command. Source: 18, 27.4 Progress Reporting (27.4.2, 27.4.4).
_READS = {
    "CREATE INDEX": "building index: scanning table",
    "CREATE INDEX CONCURRENTLY": "building index: scanning table",
    "REINDEX": "building index: scanning table",
    "REINDEX CONCURRENTLY": "building index: scanning table",
    "CLUSTER": "seq scanning heap",
    "VACUUM FULL": "seq scanning heap",
}
_REWRITES = frozenset({"CLUSTER", "VACUUM FULL"})
_FEWEST_BLOCKS = 1000  # what fewer blocks took says more about the moment than about the server


@dataclass(frozen=True, slots=True)
class Pace:
    """One command between two looks: blocks of ``relation`` read in a second, and how many are left in this phase."""

    pid: int
    command: str
    relation_oid: int | None
    blocks_per_s: float
    left: int

    @property
    def left_s(self) -> float:
        """Seconds until the phase has read all of its blocks, at this pace."""
        return self.left / self.blocks_per_s


def paces(side: SideCase) -> tuple[Pace, ...]:
    """The pace of each command that was seen reading its table in both looks."""
    first, second = side.earlier.get("progress"), side.readings.get("progress")
    if first is None or second is None or first.at is None or second.at is None or not (first.ok and second.ok):
        return ()
    gap_s = (second.at - first.at).total_seconds()
    before = {row.pid: row for row in first.rows}
    return tuple(_paces(before, second.rows, gap_s)) if gap_s > 0 else ()


def _paces(before: dict[int, ProgressRow], rows: tuple[ProgressRow, ...], gap_s: float) -> Iterator[Pace]:
    for row in rows:
        was = before.get(row.pid)
        if was is None or (was.command, was.phase, was.relation_oid) != (row.command, row.phase, row.relation_oid):
            continue
        if _READS.get(row.command) != row.phase or row.unit != "blocks" or was.unit != "blocks":
            continue
        if row.done is None or row.total is None or was.done is None or row.done - was.done < _FEWEST_BLOCKS:
            continue
        yield Pace(row.pid, row.command, row.relation_oid, (row.done - was.done) / gap_s, max(0, row.total - row.done))


def throughput(side: SideCase) -> Throughput | None:
    """The default throughput with what was seen of this server; None where no command showed its pace."""
    catalog = side.catalog
    seen = paces(side) if catalog is not None else ()
    if catalog is None or not seen:
        return None
    found = DEFAULT
    rows_of = {r.oid: (r.rows, r.pages) for r in catalog.relations.values() if r.oid}
    for pace in seen:
        bytes_per_s = pace.blocks_per_s * catalog.block_size
        told = f"{pace.command} of pid {pace.pid} on {side.name} now"
        if pace.command in _REWRITES:
            rate = Rate(min(found.rewrite_bytes.slow, bytes_per_s / 2), bytes_per_s, bytes_per_s * 1.5)
            bases = {**found.bases, "rewrite_bytes": f"{told}: {size(bytes_per_s)}/s"}
            found = replace(found, rewrite_bytes=rate, bases=bases)
            continue
        scan = _at_least(found.scan_bytes, bytes_per_s)
        bases = {**found.bases, "scan_bytes": f"{told}: more than {size(bytes_per_s)}/s"}
        rows, pages = rows_of.get(pace.relation_oid or 0, (-1.0, 0))
        builds = found.index_rows
        if rows > 0 and pages > 0:
            per_s = pace.blocks_per_s * rows / pages
            builds = _at_most(builds, per_s)
            bases["index_rows"] = f"{told}: less than {count(per_s)} rows/s"
        found = replace(found, scan_bytes=scan, index_rows=builds, bases=bases)
    return found


def _at_least(rate: Rate, seen: float) -> Rate:
    return Rate(max(rate.slow, seen), max(rate.likely, seen), max(rate.fast, seen))


def _at_most(rate: Rate, seen: float) -> Rate:
    return Rate(min(rate.slow, seen), min(rate.likely, seen), min(rate.fast, seen))
