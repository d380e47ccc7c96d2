"""How long a statement's work takes: bytes and rows over a throughput, always as low, likely and high with its basis.

The throughputs are wide on purpose: they span a cached table on fast disks and a cold one on network storage. Measured
ones (a running index build, a rehearsal) replace them and narrow the span.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from runbook.migration.catalog import Catalog, Relation
from runbook.migration.effects.result import Effects, Work
from runbook.migration.result import Amount, AmountKind, Seconds

MEGABYTE = 1024 * 1024
INSTANT = Seconds(0.0005, 0.005, 0.05, "changes only the catalog: milliseconds once it has its locks")


@dataclass(frozen=True, slots=True)
class Rate:
    """Work per second: ``slow`` gives the high estimate, ``fast`` the low one."""

    slow: float
    likely: float
    fast: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """What a server gets done in a second. ``basis`` says where the figures are from.

    Defaults: measured by benchmarks/throughput.py on PostgreSQL 16 and 18 (2 cores, SSD, data in cache) for ``fast``
    and ``likely``; ``slow`` is a cold table on network storage with a provisioned 125 MB/s (AWS gp3's baseline),
    shared with the application and its WAL.
    """

    scan_bytes: Rate = Rate(80 * MEGABYTE, 300 * MEGABYTE, 1500 * MEGABYTE)
    rewrite_bytes: Rate = Rate(15 * MEGABYTE, 60 * MEGABYTE, 200 * MEGABYTE)
    index_rows: Rate = Rate(150_000, 700_000, 2_500_000)
    written_rows: Rate = Rate(10_000, 60_000, 250_000)
    basis: str = "default throughput"
    bases: Mapping[AmountKind, str] = field(default_factory=dict)
    """Where single rates are from, when not all are from the same: "local rehearsal: 3.1 million rows/s"."""

    def basis_of(self, kinds: set[AmountKind]) -> str:
        """What an estimate of work of these kinds rests on."""
        return ", ".join(sorted({self.bases.get(kind, self.basis) for kind in kinds}))


DEFAULT = Throughput()
# What a table is taken to hold where no server was asked, or where it was never analysed and is not empty.
ASSUMED_ROWS = 20_000_000
ASSUMED_BYTES = 4 * 1024 * MEGABYTE
_BYTES_PER_ROW = 100
_DECISIVE = 0.2  # the share of the seconds from which on a rate is named as what they rest on
_SECOND_SCAN = 2.0  # CREATE INDEX CONCURRENTLY reads the table twice
_WRITE_PER_INDEX = 0.5  # of the cost of a row, for each index that the row must be put into as well
_EXTERNAL_SORT = 1.6  # an index larger than maintenance_work_mem is sorted on disk
_MIN_PARALLEL_PAGES = 1024  # min_parallel_table_scan_size: a worker for it, and one more for each threefold


def size_of(relation: Relation, catalog: Catalog) -> tuple[float, float, str]:
    """(bytes of heap and TOAST, rows, where they are from)."""
    if catalog.is_assumed and not relation.created_here:
        return ASSUMED_BYTES, ASSUMED_ROWS, "assumed large: no server was asked"
    if relation.created_here:
        return 0.0, max(relation.rows, 0.0), "made by this migration"
    size = float(relation.bytes + relation.toast_bytes)
    live = float(relation.live_tuples) if relation.live_tuples is not None else -1.0
    rows = max(relation.rows, live)
    if rows < 0:
        rows = size / _BYTES_PER_ROW
    if size == 0 and rows > 0:
        size = rows * _BYTES_PER_ROW
    return size, rows, f"{catalog.basis} statistics"


# A call of a function that somebody wrote, in seconds: an expression in PL/pgSQL, some work, a query of its own.
_CALL = Rate(slow=1e-3, likely=5e-6, fast=5e-7)


def seconds_of(
    effects: Effects, catalog: Catalog, throughput: Throughput = DEFAULT, calls: Sequence[str] = ()
) -> Seconds:
    """How long the statement runs once it has its locks.

    ``calls``: users' functions that it evaluates for each row; nobody knows what one costs, so the span grows wide.
    """
    low = likely = high = 0.0
    told: list[str] = []
    parts: dict[AmountKind, float] = {}
    for amount, words in _amounts(effects, catalog):
        rate: Rate = getattr(throughput, amount.kind)
        low += amount.amount / rate.fast
        likely += amount.amount / rate.likely
        high += amount.amount / rate.slow
        told.append(words)
        parts[amount.kind] = parts.get(amount.kind, 0.0) + amount.amount / rate.likely
    if not told:
        return INSTANT
    rows = max(min(a.rows, a.amount) if a.kind == "written_rows" else a.rows for a, _ in _amounts(effects, catalog))
    if calls and rows > 0:
        count = rows * len(calls)
        low, likely, high = low + count * _CALL.fast, likely + count * _CALL.likely, high + count * _CALL.slow
        told.insert(0, f"{' and '.join(f'{name}()' for name in calls)} for each row, whose cost is not known")
    decisive = {kind for kind, part in parts.items() if part >= _DECISIVE * likely}
    basis = f"{throughput.basis_of(decisive)}: {'; '.join(told[:3])}" + ("; ..." if len(told) > 3 else "")
    return Seconds(_rounded(low + INSTANT.low), _rounded(likely + INSTANT.likely), _rounded(high + INSTANT.high), basis)


def amounts(effects: Effects, catalog: Catalog) -> tuple[Amount, ...]:
    """The work of the statement that takes time in proportion to a relation's size, in the units of ``Throughput``."""
    return tuple(amount for amount, _ in _amounts(effects, catalog))


def _amounts(effects: Effects, catalog: Catalog) -> Iterator[tuple[Amount, str]]:
    """Each amount with the words that say what it is."""
    scanned = {w.relation for w in effects.work if w.kind in ("rewrite", "index_build")}
    for work in effects.work:
        relation = catalog.relations.get(work.relation) or Relation(*work.relation)
        if work.kind == "truncate" or (work.kind == "scan" and work.relation in scanned):
            continue
        size, rows, source = size_of(relation, catalog)
        if work.index is not None and any(w.kind == "truncate" and w.relation == work.relation for w in effects.work):
            continue
        amount, kind, words = _amount(work, relation, size, rows, catalog)
        if amount > 0:
            yield Amount(kind, relation.qualified, amount, rows), f"{words} ({source})"


def _amount(
    work: Work, relation: Relation, size: float, rows: float, catalog: Catalog
) -> tuple[float, AmountKind, str]:
    name = relation.qualified
    match work.kind:
        case "rewrite":
            return size, "rewrite_bytes", f"{_bytes(size)} of {name} rewritten"
        case "scan":
            return size, "scan_bytes", f"{_bytes(size)} of {name} read"
        case "index_build":
            amount = rows * _index_effort(work, relation, rows, size, catalog)
            return amount, "index_rows", f"index over {rows:,.0f} rows of {name}"
    count = rows * work.share
    effort = 1 + _WRITE_PER_INDEX * len(relation.indexes)
    return count * effort, "written_rows", f"{count:,.0f} rows of {name} written"


def _index_effort(work: Work, relation: Relation, rows: float, size: float, catalog: Catalog) -> float:
    """How much more, or less, than one plain pass over the rows: concurrently, in parallel, sorting on disk."""
    effort = _SECOND_SCAN if work.concurrently else 1.0
    memory = _setting(catalog, "maintenance_work_mem", 65536) * 1024
    if rows * 20 > memory:
        effort *= _EXTERNAL_SORT
    pages = size / catalog.block_size
    if pages >= _MIN_PARALLEL_PAGES:
        wanted = 1 + int(math.log(pages / _MIN_PARALLEL_PAGES, 3))
        workers = min(wanted, int(_setting(catalog, "max_parallel_maintenance_workers", 2)))
        effort /= 1 + 0.4 * workers
    return effort


def _setting(catalog: Catalog, name: str, default: float) -> float:
    try:
        return float(catalog.settings.get(name, default))
    except ValueError:
        return default


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.0f} GB"


def _rounded(value: float) -> float:
    """Three significant digits: more would claim what is not known."""
    return float(f"{value:.3g}")


def together(parts: list[Seconds]) -> Seconds:
    """One after another."""
    return Seconds(
        _rounded(sum(p.low for p in parts)),
        _rounded(sum(p.likely for p in parts)),
        _rounded(sum(p.high for p in parts)),
        max(parts, key=lambda p: p.likely).basis if parts else INSTANT.basis,
    )
