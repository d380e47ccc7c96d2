"""The forecast on a server imagined otherwise."""

from __future__ import annotations

import pytest

from runbook.migration import parse
from runbook.migration.catalog import Catalog, Column, Relation
from runbook.migration.forecast import HeldLock, forecast
from runbook.migration.what_if import WhatIf, WhatIfProblem, imagine, read_size

ORDERS = Relation(
    "public", "orders", rows=1_000_000, bytes=100 * 1024**2, live_tuples=1_000_000, columns=(Column("id", "integer"),)
)
PARENT = Relation("public", "events", kind="p", children=(("public", "events_1"), ("public", "events_2")))
PARTS = [Relation("public", f"events_{n}", rows=1000.0 * n, bytes=100_000 * n, is_partition=True) for n in (1, 2)]


def catalog(*relations: Relation) -> Catalog:
    return Catalog(160000, "production", {r.key: r for r in relations or (ORDERS, PARENT, *PARTS)})


def likely(there: Catalog, sql: str = "CREATE INDEX ON orders (id)") -> float:
    seconds = forecast(parse(sql, runner="psql"), there).statements[0].seconds
    assert seconds is not None
    return seconds.likely


def test_a_table_a_hundred_times_as_large_takes_about_a_hundred_times_as_long() -> None:
    before, after = likely(catalog()), likely(imagine(catalog(), WhatIf(factor=100)))
    assert 60 * before < after < 160 * before


def test_a_typed_number_of_rows_counts_for_the_chosen_table_only() -> None:
    changed = imagine(catalog(), WhatIf(relation="orders", rows=40_000_000))
    orders = changed.relations[("public", "orders")]
    assert (orders.rows, orders.bytes) == (40_000_000, 40 * 100 * 1024**2)
    assert changed.relations[("public", "events_1")] == PARTS[0]


def test_the_rows_of_a_partitioned_table_spread_over_its_partitions_in_proportion() -> None:
    changed = imagine(catalog(), WhatIf(relation="events", rows=300_000))
    assert [changed.relations[("public", f"events_{n}")].rows for n in (1, 2)] == [100_000, 200_000]


def test_an_empty_table_can_be_given_rows() -> None:
    empty = Relation("public", "orders", columns=(Column("id", "integer"),))
    assert likely(imagine(catalog(empty), WhatIf(relation="orders", rows=50_000_000))) > 10


def test_on_an_older_major_syntax_that_it_lacks_is_foretold_to_fail() -> None:
    migration = parse("ALTER TABLE orders ALTER COLUMN id SET EXPRESSION AS (1)", runner="psql")
    old, new = (forecast(migration, imagine(catalog(), WhatIf(major=major))) for major in (13, 18))
    assert (old.server_version_num, new.server_version_num) == (130000, 180000)
    assert old.statements[0].fails is not None
    assert old.statements[0].fails.sqlstate == "42601"


def test_an_idle_server_lets_no_statement_alarm_on_a_small_table_and_a_busy_one_does() -> None:
    small = Relation("public", "orders", rows=50_000, bytes=4 * 1024**2, writes=10**6, columns=(Column("id", "text"),))
    sql = "ALTER TABLE orders ALTER COLUMN id TYPE integer USING id::integer"
    size = WhatIf(factor=3)
    busy = forecast(parse(sql, runner="psql"), imagine(imagine(catalog(small), size), WhatIf(busy=True)))
    idle = forecast(parse(sql, runner="psql"), imagine(imagine(catalog(small), size), WhatIf(busy=False)))
    assert idle.statements[0].severity == "ok"
    assert busy.statements[0].severity != "ok"
    assert busy.statements[0].behind[0].writes_per_s == 100.0


def test_who_uses_a_relation_now_would_queue_behind_its_lock() -> None:
    held = [HeldLock(7, None, "public.orders", "RowExclusiveLock", 1.0), HeldLock(8, None, "public.x", "ShareLock")]
    told = forecast(parse("CREATE INDEX ON orders (id)", runner="psql"), catalog(), activity=held).statements[0]
    behind = told.behind[0]
    assert (behind.relation, behind.reads, behind.sessions) == ("public.orders", False, 1)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("x10", (10.0, None)),
        ("×100", (100.0, None)),
        ("*0.5", (0.5, None)),
        ("40 million", (1.0, 40_000_000)),
        ("1.5M", (1.0, 1_500_000)),
        ("1_000_000", (1.0, 1_000_000)),
        ("", (1.0, None)),
    ],
)
def test_sizes_are_understood_as_people_type_them(typed: str, meant: tuple[float, int | None]) -> None:
    assert read_size(typed) == meant


@pytest.mark.parametrize("typed", ["many", "x", "x-3", "10 %", "-5"])
def test_a_size_that_means_nothing_is_refused_in_a_sentence(typed: str) -> None:
    with pytest.raises(WhatIfProblem, match="neither a factor"):
        read_size(typed)


def test_what_cannot_be_imagined_is_said() -> None:
    with pytest.raises(WhatIfProblem, match="no table nowhere"):
        imagine(catalog(), WhatIf(relation="nowhere", factor=10))
    with pytest.raises(WhatIfProblem, match="12 to 18"):
        imagine(catalog(), WhatIf(major=11))
    with pytest.raises(WhatIfProblem, match="no server"):
        imagine(Catalog.assumed(), WhatIf(factor=10))
