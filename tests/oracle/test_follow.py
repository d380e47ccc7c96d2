"""A catalog that followed a statement is the catalog that the server shows after it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from runbook.lab.servers import start_server
from runbook.migration.apply import apply
from tests import support
from tests.oracle.agreement import bench_on
from tests.oracle.cases import Case, load
from tests.oracle.measure import Bench, statement_of
from tests.oracle.shape import differences

FAMILIES = (
    "shop",
    "deep",
    "inherit",
    "attach",
    "detach",
    "rename",
    "create_table",
    "drop_column",
    "add_unique",
    "add_fk",
)
_PARTITION_KEYS = "the rows of pg_constraint that point to single partitions are not followed"
KNOWN: dict[str, str] = {
    "add_fk.partitioned_referenced": _PARTITION_KEYS,
    "add_fk.partitioned_referenced_not_valid": _PARTITION_KEYS,
    "attach.parent_referenced_by_fk": _PARTITION_KEYS,
    "create_table.partition_of_parent_referenced": _PARTITION_KEYS,
    "create_table.fk_to_partitioned": _PARTITION_KEYS,
    "attach.parent_has_trigger": "triggers are not copied to a partition that is attached",
    "detach.concurrently": "the CHECK that takes the bound's place is not followed",
    "detach.concurrently_parent_has_fk": "the CHECK that takes the bound's place is not followed",
    "create_table.of_type": "the attributes of a composite type are not in the catalog",
    "create_table.temp": "another session does not see a temporary table",
    "drop_column.generated_dependent_cascade": "which generated column depends on a column is not in the catalog",
    "rename.schema": "another search_path holds the schema",
}


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with start_server(max(support.WHEEL_MAJORS)) as server:
        made = bench_on(server)
        yield made
        made.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_followed_catalog_is_the_servers(bench: Bench, family: str) -> None:
    fixtures, cases = load()
    wrong = []
    for case in (c for c in cases if c.name.split(".")[0] == family and c.name not in KNOWN):
        difference = _difference(bench, case, fixtures)
        if difference:
            wrong.append(f"{case.name}: {difference}")
    assert wrong == []


def _difference(bench: Bench, case: Case, fixtures: dict[str, str]) -> str:
    """What differs after a statement that the server accepted; nothing for one that it refused."""
    try:
        bench.prepare(case, fixtures)
    except psycopg.Error:
        return ""  # the setup needs an extension that is not here
    before, statement = bench.catalog(), statement_of(case)
    if statement.node is None or statement.kind == "COPY":
        return ""
    try:
        bench.execute(case.test)
    except psycopg.Error:
        return ""
    return "; ".join(differences(bench.catalog(), apply(before, statement)))


def test_every_known_difference_is_a_case() -> None:
    assert set(KNOWN) <= {c.name for c in load()[1]}
