"""benchmarks/histories.md: agreement per history and major, every disagreement with its reason, and what alarms."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from tests.oracle.history_alarms import ALARMING, EXPECTED, WORLDS, FileAlarms, alarms, rate
from tests.oracle.history_bundle import History
from tests.oracle.history_tally import Tally

REPORT = Path(__file__).parents[2] / "benchmarks" / "histories.md"
_BASIS = {
    "server": "from the catalog that the server shows before each file",
    "followed": "from a catalog that was only followed from the empty database",
}


_BY_HAND = """
### Checked by hand on 2026-11-21: 120 files of five histories, every table large and busy

All rewrites, scans under strong locks, index builds, backfills, drops and renames of tables that were there alarm. Not right:
REINDEX CONCURRENTLY and REFRESH MATERIALIZED VIEW CONCURRENTLY alarm though readers and writers go on; INSERT of a few rows by
generate_series is timed as if it wrote as many rows as the table has; TRUNCATE of a table with rows does not alarm.
"""


def write_report(replays: Sequence[dict[str, Any]], histories: Sequence[History]) -> None:
    REPORT.write_text("\n".join(_lines(replays, histories)) + "\n")
    print(f"wrote {REPORT}")


def _lines(replays: Sequence[dict[str, Any]], histories: Sequence[History]) -> Iterator[str]:
    versions = sorted({r["server_version_num"] for r in replays})
    shown = ", ".join(f"{v // 10000}.{v % 10000}" for v in versions)
    files, statements = sum(len(h.files) for h in histories), sum(h.statements for h in histories)
    yield "# Whole histories: forecast against what the server did\n"
    yield f"Made by `python -m tests.oracle.history --report` on {datetime.now(UTC):%Y-%m-%d}, PostgreSQL {shown}.\n"
    yield (
        f"{len(histories)} histories of {files} files and {statements} statements, written for this purpose in the styles of"
        " the runners (`tests/oracle/histories`), are replayed file by file on fresh servers, in their runner's transaction"
        " mode. Each statement is forecast beforehand; locks are read from pg_locks of the own backend while its transaction"
        " is open, rewrites from relfilenodes, scans from the transaction's counters.\n"
    )
    yield "| history | runner | files | statements | what |\n|---|---|---:|---:|---|"
    for h in histories:
        yield f"| {h.name} | {h.runner} | {len(h.files)} | {h.statements} | {h.about} |"
    for basis, words in _BASIS.items():
        yield f"\n## Agreement {words}\n"
        yield (
            "Of the statements whose locks could be read: the exact set of (relation, mode). Of all that were compared: the"
            " set of rewritten relations, of relations read from end to end, and success or the SQLSTATE. What has a known"
            " reason below counts as wrong here.\n"
            if basis == "server"
            else ""
        )
        yield "| PostgreSQL | exact locks | strongest mode | rewrites | scans | index builds | success or SQLSTATE | opaque |"
        yield "|---:|---:|---:|---:|---:|---:|---:|---:|"
        for version in versions:
            found = [Tally(**r["agreement"][basis]) for r in replays if r["server_version_num"] == version]
            yield _row(str(version // 10000), reduce(add, found))
        yield _row("all", reduce(add, (Tally(**r["agreement"][basis]) for r in replays)))
    yield "\n## Exact locks per history and major\n"
    majors = [v // 10000 for v in versions]
    yield "| history | " + " | ".join(map(str, majors)) + " |\n|---|" + "---:|" * len(majors)
    for h in histories:
        cells = []
        for version in versions:
            one = [r for r in replays if r["history"] == h.name and r["server_version_num"] == version]
            t = Tally(**one[0]["agreement"]["server"]) if one else None
            cells.append(f"{t.locks_exact}/{t.locks_read}" if t else "")
        yield f"| {h.name} | " + " | ".join(cells) + " |"
    yield from _disagreements(replays)
    yield from _rest(replays)
    yield from _alarms(histories)


def _row(head: str, t: Tally) -> str:
    def share(right: int, of: int) -> str:
        return f"{right}/{of} ({100 * right / max(of, 1):.1f} %)"

    parts = [share(t.locks_exact, t.locks_read), share(t.strongest, t.locks_read)]
    parts += [share(n, t.compared) for n in (t.rewrites, t.scans, t.index_builds, t.fails)]
    return f"| {head} | " + " | ".join(parts) + f" | {t.opaque} |"


def _disagreements(replays: Sequence[dict[str, Any]]) -> Iterator[str]:
    """One line per statement and facet, with the majors and the bases on which it was seen."""
    grouped: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    majors: dict[tuple[str, str, str, str], set[int]] = defaultdict(set)
    bases: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for r in replays:
        for d in r["disagreements"]:
            key = (d["known"] or "", r["history"], d["where"], d["facet"])
            grouped.setdefault(key, d)
            majors[key].add(r["server_version_num"] // 10000)
            bases[key].add(d["basis"])
    yield "\n## Every disagreement\n"
    for reason in sorted({k[0] for k in grouped}):
        yield f"\n### {reason[0].upper() + reason[1:] if reason else 'Not explained by the rows: to be mended'}\n"
        yield "| where | majors | basis | facet | forecast | server | statement |\n|---|---|---|---|---|---|---|"
        for key in sorted(k for k in grouped if k[0] == reason):
            d, seen = grouped[key], sorted(majors[key])
            span = f"{seen[0]}-{seen[-1]}" if seen == list(range(seen[0], seen[-1] + 1)) else ", ".join(map(str, seen))
            cells = (f"{key[1]} {key[2]}", span, "/".join(sorted(bases[key], reverse=True)), d["facet"],
                     d["forecast"], d["measured"], f"`{d['sql'][:90]}`")  # fmt: skip
            yield "| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |"


def _rest(replays: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "\n## Files that failed on the server, statements not analysed, statements not run\n"
    for word, field in (("failed", "failed"), ("opaque", "opaque"), ("not run", "not_run")):
        seen: dict[str, set[int]] = defaultdict(set)
        for r in replays:
            for item in r[field]:
                text = " ".join(map(str, item.values())) if isinstance(item, dict) else item
                text = ": ".join(text) if isinstance(text, list) else text
                seen[f"{r['history']} {text}"].add(r["server_version_num"] // 10000)
        yield from (f"- {word}: {text} ({', '.join(map(str, sorted(m)))})" for text, m in sorted(seen.items()))
    drift: dict[str, set[int]] = defaultdict(set)
    for r in replays:
        for file, what in r["drift"]:
            drift[f"{r['history']} after {file}: {what.split(': server')[0]}"].add(r["server_version_num"] // 10000)
    yield "\n## Where the followed catalog parted from the server's\n"
    yield from (f"- {text} ({', '.join(map(str, sorted(m)))})" for text, m in sorted(drift.items()))


def _alarms(histories: Iterable[History]) -> Iterator[str]:
    histories = list(histories)
    yield "\n## Alarms (warning or danger)\n"
    for world in WORLDS:
        found = [f for h in histories for f in alarms(h, world)]
        loud, total = rate(found)
        yield f"\n### Every table {world}: {loud} of {total} files alarm ({100 * loud / total:.1f} %)\n"
        if world == "small and idle":
            yield from (f"- {line}" for line in _each(found))
        else:
            hazards = Counter(h.id for f in found for s in f.alarms for h in s.hazards)
            yield "| hazard | statements that alarm |\n|---|---:|"
            yield from (f"| {name} | {n} |" for name, n in hazards.most_common())
    yield _BY_HAND


def _each(found: Iterable[FileAlarms]) -> Iterator[str]:
    for one in found:
        for s in (s for s in one.statements if s.severity in ALARMING):
            why = EXPECTED.get((one.history, one.file.path.rpartition("/")[2]), "not explained")
            yield f"{one.history} {one.file.path}:{s.line} {s.severity}: {s.fails.because if s.fails else ''} ({why})"
