"""Forecast against truth and against a live server, case by case; and the few cases where they are known to differ."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import psycopg

from runbook.lab.servers import Server
from runbook.migration.edit import replace_keeping
from tests.oracle.cases import Case, Seen, seen
from tests.oracle.measure import Bench, as_seen, forecast, run

FACETS = ("locks", "rewrites", "builds", "scans", "in_transaction", "error")

# The releases that truth.json was measured on: a minor release can change a lock (effects/minors.py).
MEASURED_ON = {12: 120022, 13: 130023, 14: 140023, 15: 150018, 16: 160014, 17: 170010, 18: 180004}

_FROM_DATA = "the rows decide: keys that are all null look nothing up"
_NOT_FORETOLD = "a refusal that is not foretold yet"
_NOT_IN_CATALOG = "the catalog does not say which policies and rules a table has"
KNOWN: dict[str, tuple[frozenset[str], str]] = {
    **dict.fromkeys(
        (
            "wdeep.add_column_identity", "wdeep.add_fk_only", "wdeep.check_no_inherit", "wdeep.inherit_from",
            "wdeep.unlogged_parent", "wide.comment_wrong", "wide.domain_add_check",
            "wide.domain_validate", "wide.event_trigger", "wide.index_stable", "wide.of_type", "wide.publication_view",
            "wide.reindex_view", "wide.replica_index_null", "wide.set_bad_option", "wide.set_storage_bad",
            "wide.table_inherits_two", "wide.table_temp_fk", "wide.type_checked", "wquery.merge",
        ),
        (frozenset({"error"}), _NOT_FORETOLD),
    ),
    **dict.fromkeys(
        (
            "add_column.empty_table_volatile", "add_check.empty_table", "create_index.empty_table",
            "add_fk.empty_referencing",
        ),
        (frozenset({"scans"}), "12 and 13 were not seen to count the scan of an empty table; it takes no time"),
    ),
    "wquery.do_foreach": (frozenset({"locks"}), "opaque: the SQL is built from a loop's variable"),
    "wexecute.update": (frozenset({"locks"}), "opaque: what was prepared is not followed"),
    "wide.drop_rule_missing": (frozenset({"locks"}), _NOT_IN_CATALOG),
    "wide.drop_policy_missing": (frozenset({"locks"}), _NOT_IN_CATALOG),
    "wdeep.insert_leaf": (frozenset({"locks"}), "the parent is opened once per session, to learn the partition's bound"),
    "wdeep.trigger_disable": (frozenset({"locks"}), "before 15 a partitioned table without triggers leaves its partitions"),
    "add_fk.partitioned_referenced": (frozenset({"scans"}), _FROM_DATA),
    "add_fk.no_referenced_privilege_column_types_differ": (frozenset({"scans"}), _FROM_DATA),
    "validate.fk_partitioned_referenced": (frozenset({"scans"}), _FROM_DATA),
    "dml.insert_select": (frozenset({"scans"}), "the table that is filled is read to check its key"),
    "dml.insert_on_conflict": (frozenset({"locks"}), "the row exists, so that none is inserted and no key looked up"),
    "deep.insert": (frozenset({"locks"}), "only the partition that the row goes to is locked"),
    "deep.fk_insert": (frozenset({"locks"}), "only the partition that the row goes to is locked"),
    "deep.fk_delete_kind": (frozenset({"locks"}), "the planner leaves out partitions that cannot hold the key"),
    "analyze.statistics_target_1": (frozenset({"scans"}), "a sample of 300 pages is not the whole of a large table"),
}  # fmt: skip
"""Cases that differ, in which facets, and why: each depends on rows or plans that no catalog shows."""


class NotHere(Exception):
    """The case's setup needs what this server does not have: a newer major, or an extension that is not installed."""


@dataclass(frozen=True)
class Disagreement:
    """One facet of one case in which the forecast is not what was seen; ``what`` is truth or live."""

    case: str
    what: str
    facet: str
    expected: object
    found: object

    def __str__(self) -> str:
        return f"{self.what} {self.case}: {self.facet}: {_show(self.expected)} / forecast {_show(self.found)}"

    @property
    def known(self) -> bool:
        """Whether it is one of the listed differences."""
        return self.case in KNOWN and self.facet in KNOWN[self.case][0]


def _show(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}={v.removesuffix('Lock')}" for k, v in sorted(value.items())) + "}"
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(value)) + "}"
    return str(value)


def bench_on(server: Server) -> Bench:
    """A database for the cases on a server, with the tablespace they use."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE oracle")
    folder = server.data / "oracle_tablespace"
    owner = server.data.stat()
    folder.mkdir(exist_ok=True)
    os.chown(folder, owner.st_uid, owner.st_gid)
    return Bench(server.dsn("oracle"), str(folder))


def alike(cases: Iterable[Case]) -> Iterator[list[Case]]:
    """Cases with the same setup together: they are forecast from one catalog."""
    ordered = sorted(cases, key=lambda c: (c.fixtures, c.setup))
    for _, group in groupby(ordered, key=lambda c: (c.fixtures, c.setup)):
        yield list(group)


def compare(bench: Bench, group: list[Case], fixtures: dict[str, str], major: int, *, live: bool) -> list[Disagreement]:
    """The disagreements of cases with one setup. Raises ``NotHere``."""
    try:
        bench.prepare(group[0], fixtures)
    except psycopg.Error as error:
        newer = all((known := seen(c.name, major)) is not None and known.error is not None for c in group)
        if newer or error.sqlstate in ("0A000", "58P01"):
            raise NotHere(str(error).splitlines()[0]) from None
        raise
    names, catalog = bench.names(), bench.catalog()
    as_measured = replace_keeping(catalog, server_version_num=MEASURED_ON[major])
    told: list[Disagreement] = []
    for case in group:
        expected = seen(case.name, major)
        if expected is not None:
            told += _differences("truth", case, expected, as_seen(forecast(case, as_measured), names), FACETS)
        found = as_seen(forecast(case, catalog), names)
        if live and found.in_transaction:
            told += _differences("live", case, run(bench, case, names), found, ("locks", "rewrites", "error"))
    return told


def _differences(what: str, case: Case, expected: Seen, found: Seen, facets: tuple[str, ...]) -> list[Disagreement]:
    """Of a statement that fails, only how it fails counts: what depends on data must name the same error."""
    if expected.error is not None:
        agrees = expected.error in (found.error, found.depends_on_data)
        return [] if agrees else [Disagreement(case.name, what, "error", expected.error, found.error)]
    return [
        Disagreement(case.name, what, facet, getattr(expected, facet), getattr(found, facet))
        for facet in facets
        if getattr(expected, facet) != getattr(found, facet)
    ]
