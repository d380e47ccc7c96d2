"""What the measured seconds say about work per second, for the forecast on production."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from runbook.migration.result import AmountKind, StatementForecast
from runbook.migration.timing import DEFAULT, Rate, Throughput
from runbook.rehearsal.result import MeasuredRate
from runbook.words import count, size

SHORTEST_S = 0.05  # below it, what a statement costs besides its work is most of what was measured
_SHARE = 0.8  # of the expected seconds that one kind of work must have, for the measured ones to be taken as its
# A laptop measures data in its cache and nobody beside it. Production may be this much slower, or faster.
_SLOWER, _FASTER = 4.0, 2.0
_KINDS: tuple[AmountKind, ...] = ("scan_bytes", "rewrite_bytes", "index_rows", "written_rows")


def rates(measured: Iterable[tuple[StatementForecast, float]]) -> tuple[MeasuredRate, ...]:
    """Work per second, by kind: from pairs of a statement's forecast on the measured server and its seconds there.

    A statement counts for the kind of work that takes nearly all of its time; one of several kinds counts for none.
    """
    found: dict[AmountKind, list[tuple[float, float, int]]] = {}
    for told, seconds in measured:
        kind = _main_kind(told)
        if kind is not None and seconds >= SHORTEST_S:
            amount = sum(a.amount for a in told.work if a.kind == kind)
            found.setdefault(kind, []).append((amount, seconds, told.index))
    return tuple(
        MeasuredRate(kind, sum(a for a, _, _ in parts) / sum(s for _, s, _ in parts), sum(a for a, _, _ in parts),
                     sum(s for _, s, _ in parts), tuple(i for _, _, i in parts))
        for kind, parts in found.items()
    )  # fmt: skip


def throughput(measured: Sequence[MeasuredRate]) -> Throughput | None:
    """The measured rates in place of the defaults, each saying so; None where nothing took long enough to tell."""
    if not measured:
        return None
    given: dict[str, Rate] = {}
    bases: dict[AmountKind, str] = {}
    for rate in measured:
        kind = next(k for k in _KINDS if k == rate.work)
        given[kind] = Rate(rate.per_second / _SLOWER, rate.per_second, rate.per_second * _FASTER)
        bases[kind] = f"local rehearsal: {in_words(rate)}"
    defaults = {f.name: getattr(DEFAULT, f.name) for f in fields(Throughput)}
    return Throughput(**{**defaults, **given, "bases": bases})


def in_words(rate: MeasuredRate) -> str:
    """``3.1 M rows/s``, ``210 MB/s``."""
    per_second = float(f"{rate.per_second:.3g}")
    rows = rate.work in ("index_rows", "written_rows")
    return f"{count(per_second)} rows/s" if rows else f"{size(per_second)}/s"


def _main_kind(told: StatementForecast) -> AmountKind | None:
    expected: dict[AmountKind, float] = {}
    for work in told.work:
        rate: Rate = getattr(DEFAULT, work.kind)
        expected[work.kind] = expected.get(work.kind, 0.0) + work.amount / rate.likely
    total = sum(expected.values())
    return next((kind for kind, part in expected.items() if total > 0 and part >= _SHARE * total), None)
