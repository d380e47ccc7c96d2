"""The full matrix:

``python -m tests.oracle [--major N ...] [--case PART] [--live]`` prints agreement and disagreements.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import psycopg

from runbook.lab.servers import Server, available_majors, start_server
from tests.oracle.cases import Case, Seen, load, seen
from tests.oracle.measure import Bench, as_seen, forecast, run


class NotHere(Exception):
    """The case's setup needs what this server does not have: a newer major, or an extension that is not installed."""


FACETS = ("locks", "rewrites", "builds", "scans", "in_transaction", "error")


def differences(expected: Seen, found: Seen, facets: tuple[str, ...] = FACETS) -> list[str]:
    """The facets in which a forecast differs from what was seen.

    Of a statement that fails, only how it fails counts.
    """
    if expected.error is not None:
        return [] if expected.error in (found.error, found.depends_on_data) else ["error"]
    return [f for f in facets if getattr(expected, f) != getattr(found, f)]


def check(bench: Bench, case: Case, fixtures: dict[str, str], major: int, *, live: bool) -> list[str]:
    """One case on one server: lines that say what disagrees."""
    expected = seen(case.name, major)
    try:
        bench.prepare(case, fixtures)
    except psycopg.Error as error:
        text = str(error).splitlines()[0]
        newer = expected is not None and expected.error is not None
        if newer or error.sqlstate in ("0A000", "58P01"):
            raise NotHere(text) from None
        raise
    names = bench.names()
    found = as_seen(forecast(case, bench.catalog()), names)
    lines: list[str] = []
    if expected is not None:
        lines += _said("truth", case, expected, found, FACETS)
    if live and found.in_transaction:
        lines += _said("live", case, run(bench, case, names), found, ("locks", "rewrites", "error"))
    return lines


def tablespace_of(server: Server) -> str:
    """A folder in which the server may make a tablespace."""
    folder = server.data / "oracle_tablespace"
    owner = server.data.stat()
    folder.mkdir(exist_ok=True)
    os.chown(folder, owner.st_uid, owner.st_gid)
    return str(folder)


def _said(what: str, case: Case, expected: Seen, found: Seen, facets: tuple[str, ...]) -> list[str]:
    lines = []
    for facet in differences(expected, found, facets):
        lines.append(
            f"{what} {case.name}: {facet}: {_show(getattr(expected, facet))} / forecast {_show(getattr(found, facet))}"
        )
    return lines


def _show(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}={v.removesuffix('Lock')}" for k, v in sorted(value.items())) + "}"
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(value)) + "}"
    return str(value)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--major", type=int, action="append")
    parser.add_argument("--case", default="")
    parser.add_argument("--live", action="store_true")
    options = parser.parse_args()
    fixtures, cases = load()
    chosen = [c for c in cases if options.case in c.name and (seen(c.name, 18) is not None or options.live)]
    worst = 0
    for major in options.major or sorted(available_majors()):
        began = time.monotonic()
        disagree: list[str] = []
        bad: set[str] = set()
        skipped: list[str] = []
        bad_locks: set[str] = set()
        with start_server(major) as server:
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute("CREATE DATABASE oracle")
            bench = Bench(server.dsn("oracle"), tablespace_of(server))
            for case in chosen:
                try:
                    lines = check(bench, case, fixtures, major, live=options.live)
                except NotHere as reason:
                    skipped.append(f"{case.name} ({reason})")
                    continue
                disagree += lines
                if lines:
                    bad.add(case.name)
                if any(": locks:" in line or line.startswith("broken") for line in lines):
                    bad_locks.add(case.name)
            bench.close()
        for line in disagree:
            print(f"  {major} {line}")
        for line in skipped:
            print(f"  {major} skipped {line}")
        total = len(chosen) - len(skipped)
        print(
            f"PostgreSQL {major}: {total} cases, locks exact {100 * (total - len(bad_locks)) / max(total, 1):.1f} %,"
            f" everything {100 * (total - len(bad)) / max(total, 1):.1f} % ({time.monotonic() - began:.0f} s)",
            flush=True,
        )
        worst = max(worst, len(bad_locks))
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main())
