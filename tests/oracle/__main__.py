"""The full matrix: ``python -m tests.oracle [--major N ...] [--case PART] [--live] [--quiet]``.

Prints every disagreement, and the agreement per major. Exit code 1 where one is not among the known ones.
"""

from __future__ import annotations

import argparse
import sys
import time

from runbook.lab.servers import available_majors, start_server
from tests.oracle.agreement import KNOWN, Disagreement, NotHere, alike, bench_on, compare
from tests.oracle.cases import load, seen


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--major", type=int, action="append")
    parser.add_argument("--case", default="")
    parser.add_argument("--live", action="store_true", help="also run each statement in a transaction and look")
    parser.add_argument("--quiet", action="store_true", help="name only what is not listed as known")
    options = parser.parse_args()
    fixtures, cases = load()
    chosen = [c for c in cases if options.case in c.name and (seen(c.name, 18) is not None or options.live)]
    unexpected = 0
    for major in options.major or sorted(available_majors()):
        began = time.monotonic()
        told: list[Disagreement] = []
        skipped = 0
        with start_server(major) as server:
            bench = bench_on(server)
            for group in alike(chosen):
                try:
                    told += compare(bench, group, fixtures, major, live=options.live)
                except NotHere as reason:
                    if not options.quiet:
                        print(f"  {major} skipped {', '.join(c.name for c in group)} ({reason})")
                    skipped += len(group)
            bench.close()
        for one in told:
            if options.quiet and one.known:
                continue
            print(f"  {major} {one}" + (f" (known: {KNOWN[one.case][1]})" if one.known else ""))
        total = len(chosen) - skipped
        locks = {d.case for d in told if d.facet == "locks"}
        print(
            f"PostgreSQL {major}: {total} cases, locks exact {_percent(total, len(locks))},"
            f" everything {_percent(total, len({d.case for d in told}))} ({time.monotonic() - began:.0f} s)",
            flush=True,
        )
        unexpected += sum(not d.known for d in told)
    return 1 if unexpected else 0


def _percent(total: int, wrong: int) -> str:
    return f"{100 * (total - wrong) / max(total, 1):.1f} %"


if __name__ == "__main__":
    sys.exit(main())
