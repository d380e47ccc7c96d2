"""The catalog tells of a real database what a forecast needs, the same on every major."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from runbook.migration.catalog import Catalog
from runbook.postgres import connect, read_catalog, run_probes
from runbook.postgres.catalog import CATALOG_PROBES, CatalogUnavailable, build_catalog, write_rates
from runbook.postgres.reading import Reading
from runbook.postgres.rows import RoleSettingRow, SettingRow, TupleCounterRow
from runbook.postgres.settings import effective_settings, parse_search_path, resolve_search_path, to_base_units
from tests.postgres.shop import SHOP
from tests.support import BARE, SUPERUSER, Database, holding_lock


async def catalog_of(database: Database, *, as_role: str = SUPERUSER, role: str | None = None) -> Catalog:
    async with await connect(database.dsn(as_role)) as connection:
        return await read_catalog(connection, role=role, functions=["now", "random"])


async def test_a_table_with_one_of_everything_is_told_completely(matrix_database: Database) -> None:
    matrix_database.execute(SHOP)
    catalog = await catalog_of(matrix_database)
    assert (catalog.major, catalog.basis, catalog.truncated) == (matrix_database.major, "production", False)
    orders = catalog.relations["public", "orders"]
    assert (orders.kind, orders.rows, orders.owner) == ("r", 3000, SUPERUSER)
    assert orders.bytes == orders.pages * catalog.block_size > 0
    assert orders.index_bytes > 0
    columns = {c.name: c for c in orders.columns}
    assert list(columns) == ["id", "customer_id", "total", "doubled", "quantity", "placed_at"]
    assert (columns["id"].type, columns["id"].identity, columns["id"].not_null) == ("bigint", "a", True)
    assert (columns["total"].type, columns["total"].typmod) == ("numeric", (10 << 16 | 2) + 4)
    assert (columns["doubled"].generated, columns["doubled"].has_default) == ("s", False)
    assert (columns["quantity"].type, columns["quantity"].type_kind, columns["quantity"].type_schema) == (
        "positive", "d", "public",
    )  # fmt: skip
    assert columns["placed_at"].has_default
    customers = catalog.relations["public", "customers"]
    assert customers.column("name").collation == "C"  # type: ignore[union-attr]
    assert customers.row_security
    assert customers.has_toast
    check = customers.constraint("email_has_at")
    assert check is not None
    assert (check.kind, check.columns, check.validated) == ("c", ("email",), True)
    assert check.expression is not None
    assert check.expression.startswith("CHECK (")
    assert orders.constraint("total_positive").validated is False  # type: ignore[union-attr]
    key = next(c for c in orders.constraints if c.kind == "f")
    assert (key.columns, key.references, key.referenced_columns) == (("customer_id",), ("public", "customers"), ("id",))
    assert (key.deferrable, key.on_delete, key.on_update, key.index) == (True, "c", "a", None)
    assert [(k, c.name) for k, c in catalog.referencing["public", "customers"]] == [(("public", "orders"), key.name)]


async def test_indexes_triggers_and_dependants_are_told(matrix_database: Database) -> None:
    matrix_database.execute(SHOP)
    catalog = await catalog_of(matrix_database)
    orders = catalog.relations["public", "orders"]
    mixed = orders.index("orders_mixed")
    assert mixed is not None
    assert (mixed.columns, mixed.included) == (("customer_id", None), ("placed_at",))
    assert (mixed.has_expressions, mixed.has_predicate, mixed.unique, mixed.valid) == (True, True, False, True)
    assert mixed.expression_columns == ("quantity", "total")
    assert mixed.default_operator_classes
    primary = orders.index("orders_pkey")
    assert primary is not None
    assert (primary.primary, primary.expression_columns) == (True, ())
    lower = catalog.relations["public", "customers"].index("customers_lower")
    assert lower is not None
    assert (lower.default_operator_classes, lower.expression_columns) == (False, ("email",))
    assert catalog.relations["public", "orders_mixed"].of == ("public", "orders")
    [trigger] = orders.triggers
    assert (trigger.name, trigger.function, trigger.columns) == ("touch", "public.noop", ("total",))
    dependants = {(d.kind, d.column, d.relation) for d in orders.dependants}
    assert {
        ("view", "total", ("public", "big_orders")),
        ("matview", "customer_id", ("public", "totals")),
        ("statistics", "total", None),
        ("generated column", "total", ("public", "orders")),
        ("trigger", "total", ("public", "orders")),
    } <= dependants
    assert orders.publications == ("everything_sold",)
    sequence = catalog.relations["public", "customers_id_seq"]
    assert (sequence.kind, sequence.owned_by) == ("S", (("public", "customers"), "id"))


async def test_partitions_know_their_parent_their_default_and_their_bounds(matrix_database: Database) -> None:
    matrix_database.execute(SHOP)
    catalog = await catalog_of(matrix_database)
    events = catalog.relations["sales", "events"]
    assert (events.kind, events.partition_strategy, events.partition_key) == ("p", "r", ("day",))
    assert set(events.children) == {("sales", "events_2024"), ("sales", "events_rest")}
    assert events.default_partition == ("sales", "events_rest")
    part = catalog.relations["sales", "events_2024"]
    assert (part.is_partition, part.parents) == (True, (("sales", "events"),))
    assert part.partition_bound == "FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"
    assert catalog.relations["sales", "events_day"].kind == "I"
    assert part.indexes[0].parent == ("sales", "events_day")


async def test_functions_are_told_with_the_volatility_they_have_once_inlined(matrix_database: Database) -> None:
    matrix_database.execute(SHOP)
    catalog = await catalog_of(matrix_database)
    overloads = {f.arguments: f for f in catalog.functions["plus_one"]}
    assert overloads[("integer",)].inlined_volatility == "i"
    assert overloads[("text",)].inlined_volatility is None
    assert catalog.functions["moment"][0].inlined_volatility == "s"
    assert catalog.functions["dice"][0].inlined_volatility == "v"
    assert {f.volatility for f in catalog.functions["random"] if not f.arguments} == {"v"}
    assert [f.schema for f in catalog.functions["now"]] == ["pg_catalog"]
    assert [(u.kind, u.relation) for u in catalog.functions["noop"][0].used_by] == [("trigger", ("public", "orders"))]
    assert catalog.types["public", "mood"].labels == ("sad", "ok", "happy")
    positive = catalog.types["public", "positive"]
    assert (positive.kind, positive.base, positive.has_constraints) == ("d", "integer", True)
    assert ("public", "point3") in catalog.types


async def test_privileges_settings_and_search_path_are_those_of_the_migrations_role(database: Database) -> None:
    database.execute(SHOP)
    database.execute("CREATE ROLE owners; CREATE ROLE deploying LOGIN; GRANT owners TO deploying")
    database.execute("GRANT SELECT, REFERENCES ON orders TO owners; GRANT USAGE, CREATE ON SCHEMA sales TO deploying")
    database.execute("ALTER ROLE deploying SET search_path = sales, public, nowhere")
    database.execute("ALTER ROLE deploying SET statement_timeout = '2min'")
    try:
        catalog = await catalog_of(database, role="deploying")
        assert catalog.role == "deploying"
        assert catalog.relations["public", "orders"].privileges == {"SELECT", "REFERENCES"}
        assert catalog.relations["public", "customers"].privileges == frozenset()
        assert catalog.search_path == ("sales", "public")
        assert catalog.settings["statement_timeout"] == "120000"
        assert catalog.usable_roles == {"deploying", "owners"}
        assert (catalog.schemas["sales"].can_create, catalog.schemas["public"].can_create) == (True, False)
        assert catalog.can_create_schema is False
        as_itself = await catalog_of(database, as_role="deploying")
        assert as_itself.search_path == catalog.search_path
        assert as_itself.settings["statement_timeout"] == "120000", "the guard's own timeout is not the role's"
        assert as_itself.relations["public", "orders"].privileges == {"SELECT", "REFERENCES"}
    finally:
        database.execute("DROP OWNED BY owners, deploying; DROP ROLE owners, deploying")


async def test_a_locked_table_is_told_without_its_expressions_and_named_as_locked(database: Database) -> None:
    database.execute(SHOP)
    async with holding_lock(database.dsn(), "LOCK TABLE customers"):
        catalog = await catalog_of(database, as_role=BARE)
    assert catalog.locked == {("public", "customers")}
    assert catalog.relations["public", "customers"].constraint("email_has_at").expression is None  # type: ignore[union-attr]
    assert catalog.relations["public", "orders"].constraint("total_positive").expression is not None  # type: ignore[union-attr]


async def test_an_invalid_index_is_told_as_invalid_and_not_as_being_built(database: Database) -> None:
    database.execute("CREATE TABLE t (id integer); INSERT INTO t VALUES (1), (1)")
    with pytest.raises(Exception, match="could not create unique index"):
        database.execute("CREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id)")
    index = (await catalog_of(database)).relations["public", "t"].index("t_id")
    assert index is not None
    assert (index.valid, index.building, index.unique) == (False, False, True)


async def test_a_catalog_never_claims_that_nothing_is_there_when_nobody_could_look(database: Database) -> None:
    async with await connect(database.dsn()) as connection:
        readings = await run_probes(connection, CATALOG_PROBES)
    hidden = replace(readings["columns"], status="timed_out", rows=(), reason="not answered within 4 s")
    with pytest.raises(CatalogUnavailable, match=r"columns timed_out: not answered within 4 s"):
        build_catalog({**readings, "columns": hidden}, basis="local")
    less = replace(readings["triggers"], status="timed_out", rows=())
    assert build_catalog({**readings, "triggers": less}, basis="local").truncated


async def test_writes_between_two_samples_become_a_rate(database: Database) -> None:
    database.execute("CREATE TABLE t (id integer)")
    async with await connect(database.dsn()) as connection:
        first = (await run_probes(connection, ["tuple_counters"]))["tuple_counters"]
        database.execute("INSERT INTO t SELECT generate_series(1, 500)")
        deadline = asyncio.get_running_loop().time() + 10
        while True:
            second = (await run_probes(connection, ["tuple_counters"]))["tuple_counters"]
            if second.rows[0].writes or asyncio.get_running_loop().time() > deadline:
                break
    [oid] = [row.relation_oid for row in first.rows]
    elapsed_s = second.rows[0].at_s - first.rows[0].at_s
    assert write_rates(first, second)[oid] == pytest.approx(500 / elapsed_s)


def test_a_table_whose_counters_were_reset_has_no_rate() -> None:
    def sample(writes: int, at_s: float) -> Reading[TupleCounterRow]:
        return Reading("tuple_counters", "local", "ok", (TupleCounterRow(1, writes, 0, at_s),))

    assert write_rates(sample(500, 1.0), sample(3, 2.0)) == {}


@pytest.mark.parametrize(
    ("text", "unit", "type_", "base"),
    [("5s", "ms", "integer", "5000"), ("2min", "ms", "integer", "120000"), ("64MB", "kB", "integer", "65536"),
     ("1GB", "8kB", "integer", "131072"), ("250", "ms", "integer", "250"), ("0.5h", "s", "integer", "1800"),
     ("yes", None, "bool", "on"), ("1.5", None, "real", "1.5"), ("replica", None, "enum", "replica")],
)  # fmt: skip
def test_settings_are_brought_to_base_units(text: str, unit: str | None, type_: str, base: str) -> None:
    assert to_base_units(text, SettingRow("x", "", unit, None, "default", type_, "user", False)) == base


def test_for_another_role_what_only_ours_has_is_unknown_and_the_strongest_entry_wins() -> None:
    rows = [
        SettingRow("statement_timeout", "1000", "ms", "0", "role", "integer", "user", False),
        SettingRow("lock_timeout", "0", "ms", "0", "default", "integer", "user", False),
        SettingRow("TimeZone", "UTC", None, "GMT", "configuration file", "string", "user", False),
    ]
    entries = [
        RoleSettingRow("lock_timeout", "5s", "role in database", "a", "d"),
        RoleSettingRow("lock_timeout", "9s", "database", None, "d"),
    ]
    assert effective_settings(rows, entries, is_us=False) == {"lock_timeout": "5000", "TimeZone": "UTC"}
    assert effective_settings(rows, entries, is_us=True)["statement_timeout"] == "1000"


def test_a_search_path_is_read_as_the_server_reads_it() -> None:
    assert parse_search_path('"$user", Public, "Odd, one", "a""b"') == ("$user", "public", "Odd, one", 'a"b')
    usable = {"public": True, "app": True, "secret": False}
    assert resolve_search_path('"$user", public, secret, nowhere, public', "app", usable) == ("app", "public")
