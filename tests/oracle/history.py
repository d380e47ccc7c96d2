"""Replay whole migration histories: ``python -m tests.oracle.history [PATH...] [--runner NAME] [--major N]... [--json FILE]``.

A PATH is a folder of migrations or a bundle of ``tests/oracle/histories`` (all of those where none is named). Prints the
agreement of forecast and server per history and major, and every disagreement. ``--alarms`` tells instead which files
alarm with small idle tables, and with large busy ones; ``--report`` writes benchmarks/histories.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

from runbook.lab.servers import available_majors, start_server
from tests.oracle.history_bundle import History, bundles, read
from tests.oracle.history_replay import BASES, Replayed, judgements, replay
from tests.oracle.history_tally import known, tally


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("path", nargs="*", type=Path)
    parser.add_argument("--runner")
    parser.add_argument("--major", type=int, action="append")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--alarms", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--report-of", type=Path, nargs="+", help="the report of what earlier runs left with --json")
    parser.add_argument("--quiet", action="store_true", help="only the tables and what is not known")
    options = parser.parse_args()
    histories = [read(path, options.runner) for path in options.path or bundles()]
    if options.report_of:
        from tests.oracle.history_report import write_report

        write_report([r for file in options.report_of for r in json.loads(file.read_text())], histories)
        return 0
    if options.alarms:
        from tests.oracle.history_alarms import print_alarms

        print_alarms(histories)
        return 0
    replayed = []
    for major in options.major or sorted(available_majors()):
        for history in histories:
            one = on_major(history, major)
            replayed.append(one)
            show(one, quiet=options.quiet)
    for basis in BASES:
        if replayed:
            print(f"all, {basis}: {reduce(add, (tally(r, basis) for r in replayed))}")
    if options.json:
        options.json.write_text(json.dumps([as_json(r) for r in replayed], indent=1))
    if options.report:
        from tests.oracle.history_report import write_report

        replays = [as_json(r) for r in replayed]
        write_report(replays, histories)
    return (
        1 if any(not known(r, ran, d) for r in replayed for ran, j in judgements(r, "server") for d in j.differ) else 0
    )


def on_major(history: History, major: int) -> Replayed:
    with start_server(major) as server:
        return replay(history, server)


def show(one: Replayed, *, quiet: bool) -> None:
    major = one.server_version_num // 10000
    print(
        f"{one.history.name} on PostgreSQL {major}: {len(one.history.files)} files, {one.history.statements} statements"
    )
    for basis in BASES:
        print(f"  {basis:8} {tally(one, basis)}")
    for basis in BASES:
        for ran, judged in judgements(one, basis):
            if judged.opaque and basis == "server" and not quiet:
                print(f"  opaque {ran.file}:{ran.line} {ran.kind}: {judged.opaque}")
            for facet in dict.fromkeys(d.facet for d in judged.differ):
                found = [d for d in judged.differ if d.facet == facet]
                reasons = {known(one, ran, d, basis) for d in found}
                reason = reasons.pop() if len(reasons) == 1 else None
                if not (quiet and reason):
                    what = "; ".join(f"told {d.forecast}, {d.measured}" for d in found)
                    print(f"  {basis} {ran.file}:{ran.line} {facet}: {what} | {' '.join(ran.sql.split())[:100]}"
                          + (f" (known: {reason})" if reason else ""))  # fmt: skip
    if not quiet:
        for skipped in one.not_run:
            print(f"  not run {skipped.file}:{skipped.line} {skipped.kind}: {skipped.because}")
    for path, why in one.failed:
        print(f"  failed {path}: {why}")
    for path, what in one.drift:
        print(f"  drift after {path}: {what}")
    sys.stdout.flush()


def as_json(one: Replayed) -> dict[str, Any]:
    """What the report is made of."""
    return {
        "history": one.history.name,
        "runner": one.history.runner,
        "about": one.history.about,
        "server_version_num": one.server_version_num,
        "files": len(one.history.files),
        "statements": one.history.statements,
        "nothing_to_send": one.nothing,
        "not_run": [asdict(n) for n in one.not_run],
        "agreement": {basis: asdict(tally(one, basis)) for basis in BASES},
        "opaque": [f"{ran.file}:{ran.line} {j.opaque}" for ran, j in judgements(one, "server") if j.opaque],
        "disagreements": [
            {
                "basis": basis,
                "where": f"{ran.file}:{ran.line}",
                "sql": " ".join(ran.sql.split())[:160],
                "known": known(one, ran, d, basis),
                **asdict(d),
            }
            for basis in BASES
            for ran, judged in judgements(one, basis)
            for d in judged.differ
        ],
        "failed": [list(f) for f in one.failed],
        "drift": [list(d) for d in one.drift],
    }


if __name__ == "__main__":
    sys.exit(main())
