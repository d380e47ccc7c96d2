"""The patterns every migration review looks for, on small idle tables, on large busy ones, and with no server to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runbook.migration import Catalog, forecast, parse
from runbook.migration.catalog import Column, Constraint, Dependant, Index, Relation
from runbook.migration.hazard_words import HAZARDS, WITHOUT_PLAYBOOK
from runbook.migration.hazards import FAILURES, RIGHTS
from runbook.migration.hazards_of_loss import seconds_of_setting
from runbook.migration.result import StatementForecast
from tests.migration.test_forecast import catalog, table

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
IDLE: dict[str, object] = {"rows": 10.0, "pages": 1, "bytes": 8192, "writes_per_s": 0.0}


def world(**given: object) -> Catalog:
    """users, orders (which refers to users) and a view, each as large and busy as it is given."""
    users = table(
        "users",
        columns=(
            Column("id", "bigint", not_null=True, attnum=1),
            Column("email", "character varying", typmod=104, attnum=2),
            Column("n", "integer", attnum=3),
            Column("old", "text", attnum=4),
        ),
        indexes=(
            Index("users_pkey", ("id",), unique=True, primary=True, schema="public"),
            Index("users_email_idx", ("email",), schema="public"),
        ),
        dependants=(Dependant("view", "view active_users", relation=("public", "active_users")),),
        **given,
    )
    columns = (Column("id", "bigint", not_null=True, attnum=1), Column("user_id", "bigint", attnum=2))
    foreign = Constraint(
        "orders_user_fk", "f", ("user_id",), references=("public", "users"), referenced_columns=("id",)
    )
    orders = table("orders", columns=columns, constraints=(foreign,), **given)
    view = Relation("public", "active_users", kind="v", oid=77, owner="app")
    return catalog(users, orders, view)


WORLDS = {"busy": world(), "idle": world(**IDLE), "assumed": Catalog.assumed(160004)}

# Statement, its hazard, the least that it says of large busy tables. C1-C15 of COVERAGE.md.
HAZARDOUS = [
    ("ALTER TABLE users DROP COLUMN old", "old-code-uses-removed-column", "warning"),
    ("DROP TABLE orders", "old-code-uses-removed-column", "warning"),
    ("TRUNCATE orders", "data-is-removed", "warning"),
    ("ALTER TABLE users ALTER COLUMN email SET NOT NULL", "scan-under-exclusive-lock", "danger"),
    ("ALTER TABLE users ADD COLUMN x int NOT NULL", "not-null-violation", "danger"),
    ("ALTER TABLE users ALTER COLUMN n TYPE bigint", "table-rewrite", "danger"),
    ("CREATE INDEX i ON users (n)", "create-index-blocks-writes", "danger"),
    ("ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES users", "foreign-key-locks-parent", "danger"),
    ("ALTER TABLE users ADD CONSTRAINT c CHECK (n > 0)", "scan-under-exclusive-lock", "danger"),
    ("ALTER TABLE users ADD CONSTRAINT q UNIQUE (n)", "scan-under-exclusive-lock", "danger"),
    ("ALTER TABLE orders RENAME COLUMN user_id TO person", "old-code-uses-removed-column", "warning"),
    ("ALTER TABLE users RENAME TO people", "old-code-uses-removed-column", "warning"),
    ("DROP INDEX users_email_idx", "create-index-blocks-writes", "notice"),
    ("ALTER TABLE users ADD COLUMN u uuid DEFAULT gen_random_uuid()", "table-rewrite", "danger"),
    ("ALTER TABLE users ADD COLUMN s bigserial", "table-rewrite", "danger"),
    ("ALTER TABLE users ADD COLUMN i bigint GENERATED ALWAYS AS IDENTITY", "table-rewrite", "danger"),
    ("ALTER TABLE users ADD COLUMN g int GENERATED ALWAYS AS (n + 1) STORED", "table-rewrite", "danger"),
    ("ALTER TABLE orders SET UNLOGGED", "table-rewrite", "danger"),
    ("VACUUM FULL users", "exclusive-maintenance", "danger"),
    ("CLUSTER users USING users_pkey", "exclusive-maintenance", "danger"),
    ("REINDEX TABLE users", "create-index-blocks-writes", "danger"),
    ("UPDATE users SET old = 'x'", "unbatched-backfill", "warning"),
    ("DELETE FROM users", "unbatched-backfill", "warning"),
    ("ALTER TABLE users DISABLE TRIGGER ALL", "dirty-data-under-unvalidated-constraint", "notice"),
]

# What looks alike and does no harm: nobody stands still, whatever the size.
HARMLESS = [
    "ALTER TABLE users ADD COLUMN x int NOT NULL DEFAULT 0",
    "ALTER TABLE users ADD COLUMN t timestamptz DEFAULT now()",
    "CREATE INDEX CONCURRENTLY i ON users (n)",
    "DROP INDEX CONCURRENTLY users_email_idx",
    "REINDEX TABLE CONCURRENTLY users",
    "ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES users NOT VALID",
    "ALTER TABLE users ADD CONSTRAINT c CHECK (n > 0) NOT VALID",
    "UPDATE users SET old = 'x' WHERE id = 5",
    "VACUUM users",
    "CREATE TABLE n (id bigserial PRIMARY KEY, user_id bigint)",
]
KNOWN_TYPES = [
    "ALTER TABLE users ALTER COLUMN email TYPE varchar(200)",
    "ALTER TABLE users ALTER COLUMN email TYPE text",
]
RANKS = ["ok", "notice", "warning", "danger"]


def told(sql: str, where: Catalog, runner: str = "psql") -> tuple[StatementForecast, ...]:
    return forecast(parse(f"{sql};", runner=runner), where).statements


def ids(*statements: StatementForecast) -> set[str]:
    return {h.id for s in statements for h in s.hazards}


@pytest.mark.parametrize("where", ["busy", "assumed"])
@pytest.mark.parametrize(("sql", "hazard", "least"), HAZARDOUS, ids=[c[0] for c in HAZARDOUS])
def test_a_hazard_on_a_large_busy_table_is_named_and_weighed(sql: str, hazard: str, least: str, where: str) -> None:
    (found,) = told(sql, WORLDS[where])
    assert hazard in ids(found)
    assert RANKS.index(found.severity) >= RANKS.index(least)


@pytest.mark.parametrize("sql", [c[0] for c in HAZARDOUS])
def test_small_idle_tables_raise_no_alarm(sql: str) -> None:
    (found,) = told(sql, WORLDS["idle"])
    certain = found.fails is not None and found.fails.certain
    assert certain or found.severity in ("ok", "notice")


@pytest.mark.parametrize("where", WORLDS)
@pytest.mark.parametrize("sql", HARMLESS)
def test_the_harmless_form_raises_no_alarm(sql: str, where: str) -> None:
    (found,) = told(sql, WORLDS[where])
    assert found.severity in ("ok", "notice"), (found.hazards, found.fails)
    assert not ids(found) & {"table-rewrite", "scan-under-exclusive-lock", "create-index-blocks-writes"}


@pytest.mark.parametrize("sql", KNOWN_TYPES)
def test_a_type_change_that_rewrites_nothing_is_silent(sql: str) -> None:
    (found,) = told(sql, WORLDS["busy"])
    assert "table-rewrite" not in ids(found)
    assert found.severity in ("ok", "notice")


@pytest.mark.parametrize(
    ("sql", "hazard"),
    [
        ("ALTER TABLE users ADD COLUMN x int; UPDATE users SET x = 1", "locks-accumulate-in-one-transaction"),
        ("ALTER TABLE users ADD COLUMN x int; CREATE INDEX i ON orders (id)", "locks-accumulate-in-one-transaction"),
        (
            "ALTER TABLE orders ADD COLUMN z int; ALTER TABLE users ADD COLUMN z int",
            "locks-accumulate-in-one-transaction",
        ),
        (
            "ALTER TABLE users ADD CONSTRAINT c CHECK (n > 0) NOT VALID; ALTER TABLE users VALIDATE CONSTRAINT c",
            "scan-under-exclusive-lock",
        ),
        ("CREATE INDEX CONCURRENTLY i ON users (n)", "not-allowed-in-transaction"),
    ],
)
@pytest.mark.parametrize("where", ["busy", "assumed"])
def test_what_only_shows_across_the_statements_of_a_transaction(sql: str, hazard: str, where: str) -> None:
    assert hazard in ids(*told(f"BEGIN; {sql}; COMMIT", WORLDS[where]))
    assert hazard not in ids(*told(sql, WORLDS[where]))


def test_cascade_names_what_the_statement_does_not() -> None:
    (dropped,) = told("DROP TABLE users CASCADE", WORLDS["busy"])
    (reach,) = (h for h in dropped.hazards if h.id == "cascade-reaches-further")
    assert "public.orders" in reach.because
    assert "active_users" in reach.because
    (emptied,) = told("TRUNCATE users CASCADE", WORLDS["busy"])
    (reach,) = (h for h in emptied.hazards if h.id == "cascade-reaches-further")
    assert "public.orders" in reach.because
    assert "cascade-reaches-further" not in ids(*told("TRUNCATE users, orders CASCADE", WORLDS["busy"]))


def test_a_statement_timeout_shorter_than_the_forecast_is_told() -> None:
    for value, expected in (("1s", True), ("1000", True), ("10h", False), ("0", False)):
        found = told(f"SET statement_timeout = '{value}'; CREATE INDEX CONCURRENTLY i ON users (n)", WORLDS["busy"])
        assert ("statement-timeout" in ids(*found)) is expected, value
    assert [seconds_of_setting(v) for v in ("5s", "2min", "1 h", "250ms", "0", "", "often")] == [
        5.0, 120.0, 3600.0, 0.25, None, None, None,
    ]  # fmt: skip


def test_checks_switched_off_for_the_session_are_told() -> None:
    (found,) = told("SET session_replication_role = replica", WORLDS["assumed"])
    assert "dirty-data-under-unvalidated-constraint" in ids(found)
    (back,) = told("SET session_replication_role = origin", WORLDS["assumed"])
    assert not back.hazards


def test_a_missing_lock_timeout_matters_where_a_lock_does() -> None:
    sql = "ALTER TABLE users ADD COLUMN x int"
    (bare,) = told(sql, WORLDS["busy"])
    (hazard,) = bare.hazards
    assert hazard.id == "lock-queue-behind-waiting-ddl"
    assert hazard.safe_sql is not None
    assert not ids(*told("; ".join(s.rstrip(";") for s in hazard.safe_sql), WORLDS["busy"]))
    assert not ids(*told(sql, WORLDS["idle"]))
    assert not ids(*told("CREATE INDEX CONCURRENTLY i ON users (n)", WORLDS["idle"]))


def test_where_no_safe_sequence_is_generated_it_says_why() -> None:
    for sql in (
        "ALTER TABLE orders ADD EXCLUDE USING gist (user_id WITH =)",
        "ALTER TABLE orders SET UNLOGGED",
        "ALTER TABLE users ALTER COLUMN email TYPE bytea USING email::bytea",
        "ALTER TABLE users ADD COLUMN g int GENERATED ALWAYS AS (n + 1) STORED",
        "VACUUM FULL users",
        "TRUNCATE orders",
    ):
        (found,) = told(sql, WORLDS["busy"])
        heavy = [h for h in found.hazards if h.id in HAZARDS and not HAZARDS[h.id].failure and h.instead]
        assert heavy, sql
        assert all(h.safe_sql is None and h.instead is not None and h.instead.endswith(".") for h in heavy)


def test_every_hazard_leads_to_a_playbook_that_exists_or_to_none() -> None:
    shipped = {path.stem for path in PLAYBOOKS.glob("*.md")}
    assert set(HAZARDS) - WITHOUT_PLAYBOOK <= shipped
    assert set(WITHOUT_PLAYBOOK) <= set(HAZARDS)
    assert {*FAILURES.values(), *RIGHTS.values()} <= set(HAZARDS)
    named: set[Any] = {h.playbook for c in HAZARDOUS for s in told(c[0], WORLDS["busy"]) for h in s.hazards}
    assert named - {None} <= shipped
