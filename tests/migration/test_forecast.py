"""What a forecast says of whole migrations: waits, minutes, failures, severity, and what is followed between statements."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runbook.migration import Catalog, Forecast, forecast, parse
from runbook.migration.catalog import Column, Constraint, Dependant, Function, Index, Relation, Schema, TypeObject
from runbook.migration.forecast import HeldLock
from runbook.migration.result import RelationLock, StatementForecast

GB = 1024**3


def table(name: str, **given: object) -> Relation:
    """A large table in use: 10 million rows, 2 GB, a primary key on id."""
    fields: dict[str, object] = {
        "oid": 1000 + abs(hash(name)) % 1000,
        "rows": 10_000_000.0,
        "pages": 2 * GB // 8192,
        "bytes": 2 * GB,
        "has_toast": False,
        "owner": "app",
        "privileges": frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}),
        "writes_per_s": 20.0,
        "columns": (
            Column("id", "bigint", not_null=True, attnum=1),
            Column("email", "text", attnum=2),
            Column("status", "mood", type_schema="public", type_kind="e", attnum=3),
        ),
        "indexes": (Index(f"{name}_pkey", ("id",), unique=True, primary=True, schema="public"),),
        "constraints": (Constraint(f"{name}_pkey", "p", ("id",), index=f"{name}_pkey"),),
    }
    return Relation("public", name, **{**fields, **given})  # type: ignore[arg-type]


def catalog(*relations: Relation, version: int = 160004, **given: object) -> Catalog:
    found = {r.key: r for r in relations}
    for relation in relations:
        for index in relation.indexes:
            key = ("public", index.name)
            found[key] = Relation(*key, kind="i", of=relation.key)
    fields: dict[str, object] = {
        "schemas": {"public": Schema("public", can_create=True, can_use=True)},
        "types": {("public", "mood"): TypeObject("public", "mood", "e", labels=("new", "old"))},
        "settings": {"TimeZone": "UTC"},
        "role": "app",
        "usable_roles": frozenset({"app"}),
    }
    return Catalog(version, "production", relations=found, **{**fields, **given})  # type: ignore[arg-type]


USERS = table("users")
SMALL = table("flags", rows=10.0, pages=1, bytes=8192, writes_per_s=0.0)


def told(
    sql: str, where: Catalog | None = None, runner: str = "psql", **given: object
) -> tuple[StatementForecast, ...]:
    return forecast(parse(sql, runner=runner), where or catalog(USERS, SMALL), **given).statements  # type: ignore[arg-type]


def hazards(statement: StatementForecast) -> set[str]:
    return {h.id for h in statement.hazards}


def test_a_table_made_by_the_migration_itself_never_alarms() -> None:
    found = told(
        "CREATE TABLE n (id bigserial PRIMARY KEY, user_id bigint);"
        "ALTER TABLE n ADD COLUMN z uuid DEFAULT gen_random_uuid();"
        "CREATE INDEX ON n (user_id);"
        "ALTER TABLE n ALTER COLUMN user_id SET NOT NULL;"
    )
    assert [s.severity for s in found] == ["ok"] * 4
    assert all(not lock.pre_existing for s in found for lock in s.locks)


def test_a_renamed_table_is_known_by_its_new_name() -> None:
    found = told(
        "ALTER TABLE users RENAME TO people; ALTER TABLE people ADD COLUMN a int; ALTER TABLE users ADD COLUMN b int;"
    )
    assert found[1].locks == frozenset({RelationLock("public.people", "AccessExclusiveLock")})
    assert found[2].fails is not None
    assert (found[2].fails.sqlstate, found[2].fails.certain) == ("42P01", True)


def test_a_dropped_table_takes_its_foreign_keys_along() -> None:
    orders = table(
        "orders",
        constraints=(
            Constraint("orders_user_fk", "f", ("id",), references=("public", "users"), referenced_columns=("id",)),
        ),
    )
    where = catalog(USERS, orders)
    refused, dropped = (
        told("DROP TABLE users;", where)[0],
        told("DROP TABLE users CASCADE; ALTER TABLE orders DROP CONSTRAINT orders_user_fk;", where),
    )
    assert refused.fails is not None
    assert refused.fails.sqlstate == "2BP01"
    assert RelationLock("public.orders", "AccessExclusiveLock") in dropped[0].locks
    assert dropped[1].fails is not None
    assert dropped[1].fails.sqlstate == "42704"


def test_rolled_back_statements_never_happened() -> None:
    found = told("BEGIN; DROP TABLE users; ROLLBACK; ALTER TABLE users ADD COLUMN a int;")
    assert found[3].fails is None


def test_what_was_rolled_back_to_a_savepoint_never_happened_and_the_rest_did() -> None:
    sql = """BEGIN;
        ALTER TABLE users ADD COLUMN kept text;
        SAVEPOINT a;
        ALTER TABLE users ADD COLUMN gone text;
        ROLLBACK TO a;
        ALTER TABLE users ALTER COLUMN gone SET NOT NULL;
        ROLLBACK TO SAVEPOINT a;
        ALTER TABLE users RENAME COLUMN kept TO kept_on;
        COMMIT AND CHAIN;
        ALTER TABLE users DROP COLUMN kept_on;
        ROLLBACK;
        ALTER TABLE users ADD COLUMN kept_on text;
        ALTER TABLE users ADD COLUMN gone text;"""
    fails = [s.fails.sqlstate if s.fails else None for s in told(sql)]
    assert fails == [None] * 5 + ["42703"] + [None] * 5 + ["42701", None]


def test_a_savepoint_that_is_rolled_back_to_gives_its_locks_back() -> None:
    sql = """BEGIN; SAVEPOINT a; ALTER TABLE users ADD COLUMN x text; {back}
        UPDATE flags SET status = 'new'; COMMIT;"""
    small = catalog(USERS, table("flags"))
    held = [
        {h.id for s in told(sql.format(back=back), small) for h in s.hazards if s.kind == "UPDATE"}
        for back in ("", "ROLLBACK TO a;")
    ]
    assert held[0] - held[1] == {"locks-accumulate-in-one-transaction"}


def test_concurrently_in_a_transaction_is_refused_for_certain() -> None:
    found = told("BEGIN; CREATE INDEX CONCURRENTLY i ON users (email); COMMIT;")[1]
    assert found.fails is not None
    assert (found.fails.sqlstate, found.fails.certain, found.severity) == ("25001", True, "danger")
    assert "not-allowed-in-transaction" in hazards(found)


def test_a_new_enum_value_cannot_be_used_before_it_commits() -> None:
    together = told("BEGIN; ALTER TYPE mood ADD VALUE 'gone'; UPDATE users SET status = 'gone' WHERE id = 1; COMMIT;")
    apart = told("ALTER TYPE mood ADD VALUE 'gone'; UPDATE users SET status = 'gone' WHERE id = 1;")
    assert together[2].fails is not None
    assert together[2].fails.sqlstate == "55P04"
    assert apart[1].fails is None


def test_a_users_function_in_an_index_makes_the_seconds_wide_and_says_why() -> None:
    def index_with(language: str, inlined: str | None) -> StatementForecast:
        function = Function("public", "fold", ("text",), "text", "i", language, inlined_volatility=inlined)
        where = catalog(USERS, functions={"fold": (function,)})
        (one,) = told("CREATE INDEX ON users (fold(email))", where)
        return one

    plain, opaque = index_with("sql", "i").seconds, index_with("plpgsql", None).seconds
    assert plain is not None
    assert opaque is not None
    assert "fold() for each row, whose cost is not known" in opaque.basis
    assert "fold" not in plain.basis
    assert opaque.high > 100 * plain.high
    assert opaque.low < 2 * plain.low + 10


def test_it_waits_for_the_session_that_holds_what_conflicts() -> None:
    report = HeldLock(
        4711, None, "public.users", "AccessShareLock", 900.0, "idle in transaction", "SELECT 1", "nightly"
    )
    other = HeldLock(4712, None, "public.flags", "AccessExclusiveLock", 900.0, "active", "x", "other")
    alter, index = told(
        "ALTER TABLE users ADD COLUMN a int; CREATE INDEX CONCURRENTLY i ON users (email);", activity=[report, other]
    )
    assert [(w.pid, w.relation, w.age_s, w.application_name) for w in alter.waits_for] == [
        (4711, "public.users", 900.0, "nightly")
    ]
    assert alter.severity == "danger"
    assert index.waits_for == ()


def test_a_prepared_transaction_is_waited_for_as_pid_zero() -> None:
    held = HeldLock(0, None, "public.users", "RowExclusiveLock", 60.0, "prepared", None, "tx-1")
    (found,) = told("CREATE INDEX i ON users (email);", activity=[held])
    assert [w.pid for w in found.waits_for] == [0]
    assert found.severity == "danger"


def test_a_plain_index_stops_writers_and_its_safe_form_does_not() -> None:
    (found,) = told("CREATE INDEX users_email_idx ON users (email);")
    assert found.blocks.writes == ("public.users",)
    assert found.blocks.reads == ()
    assert found.severity == "danger"
    hazard = next(h for h in found.hazards if h.id == "create-index-blocks-writes")
    assert hazard.safe_sql is not None
    (safe,) = told("\n".join(hazard.safe_sql))
    assert safe.blocks.writes == ()


def test_the_same_statement_on_a_small_idle_table_is_no_alarm() -> None:
    found = told("CREATE INDEX i ON flags (email); ALTER TABLE flags ALTER COLUMN email SET NOT NULL;")
    assert [s.severity for s in found] == ["ok", "ok"]


def test_a_constant_default_is_instant_and_a_volatile_one_rewrites() -> None:
    instant, rewritten = told(
        "ALTER TABLE users ADD COLUMN a timestamptz NOT NULL DEFAULT now(); ALTER TABLE users ADD COLUMN b uuid DEFAULT gen_random_uuid();"
    )
    assert instant.rewrites == ()
    assert instant.severity in ("ok", "notice")
    assert rewritten.rewrites == ("public.users",)
    assert rewritten.seconds is not None
    assert rewritten.seconds.low < rewritten.seconds.likely < rewritten.seconds.high
    assert "GB" in rewritten.seconds.basis
    assert rewritten.severity == "danger"


def test_a_valid_check_spares_the_scan_of_set_not_null() -> None:
    checked = replace(
        USERS,
        constraints=(*USERS.constraints, Constraint("c", "c", ("email",), expression="CHECK ((email IS NOT NULL))")),
    )
    (plain,) = told("ALTER TABLE users ALTER COLUMN email SET NOT NULL;")
    (spared,) = told("ALTER TABLE users ALTER COLUMN email SET NOT NULL;", catalog(checked))
    assert plain.scans == ("public.users",)
    assert plain.fails is not None
    assert (plain.fails.sqlstate, plain.fails.certain) == ("23502", False)
    assert spared.scans == ()
    assert spared.fails is None


def test_the_time_zone_decides_whether_timestamp_to_timestamptz_rewrites() -> None:
    stamped = replace(USERS, columns=(*USERS.columns, Column("at", "timestamp without time zone", attnum=4)))
    sql = "ALTER TABLE users ALTER COLUMN at TYPE timestamptz;"
    assert told(sql, catalog(stamped))[0].rewrites == ()
    paris = told(sql, catalog(stamped, settings={"TimeZone": "Europe/Paris"}))[0]
    assert paris.rewrites == ("public.users",)
    assert "rewrite-depends-on-timezone" in hazards(paris)
    assert told("SET timezone = 'Asia/Tokyo'; " + sql, catalog(stamped))[1].rewrites == ("public.users",)


def test_set_local_ends_with_its_transaction() -> None:
    where = catalog(USERS, schemas={n: Schema(n, can_create=True, can_use=True) for n in ("public", "other")})
    found = told(
        "BEGIN; SET LOCAL search_path = other; CREATE TABLE a (id int); COMMIT; CREATE TABLE b (id int); ALTER TABLE other.a ADD z int; ALTER TABLE public.b ADD z int;",
        where,
    )
    assert [s.fails for s in found] == [None] * 7


def test_not_null_without_default_fails_on_a_table_with_rows() -> None:
    (found,) = told("ALTER TABLE users ADD COLUMN a int NOT NULL;")
    assert found.fails is not None
    assert (found.fails.sqlstate, found.fails.certain) == ("23502", True)
    assert "not-null-violation" in hazards(found)


def test_a_feature_of_a_newer_server_is_refused_with_its_version() -> None:
    (found,) = told("CREATE UNIQUE INDEX i ON users (email) NULLS NOT DISTINCT;", catalog(USERS, version=140010))
    assert found.min_server_version == 150000
    assert found.fails is not None
    assert found.fails.sqlstate == "42601"
    assert "needs-newer-major" in hazards(found)


def test_a_view_over_the_column_refuses_the_new_type() -> None:
    viewed = replace(USERS, dependants=(Dependant("view", "view v", "email", ("public", "v")),))
    where = catalog(viewed, Relation("public", "v", kind="v"))
    (found,) = told("ALTER TABLE users ALTER COLUMN email TYPE varchar(50);", where)
    assert found.fails is not None
    assert found.fails.sqlstate == "0A000"


def test_a_backfill_in_one_statement_is_told_with_its_batches() -> None:
    (found,) = told("UPDATE users SET email = lower(email);")
    hazard = next(h for h in found.hazards if h.id == "unbatched-backfill")
    assert hazard.safe_sql is not None
    assert "LIMIT" in hazard.safe_sql[0]
    assert "COMMIT" in hazard.safe_sql[0]
    assert found.severity in ("warning", "danger")


def test_a_lock_kept_while_a_backfill_runs_is_told_on_the_backfill() -> None:
    found = told("BEGIN; ALTER TABLE users ADD COLUMN a int; UPDATE users SET a = 1; COMMIT;")
    assert "locks-accumulate-in-one-transaction" in hazards(found[2])
    assert found[2].severity == "danger"


def test_with_no_server_tables_are_taken_to_be_large_and_it_is_said() -> None:
    result: Forecast = forecast(
        parse("ALTER TABLE t ALTER COLUMN a TYPE bigint;", runner="psql"), Catalog.assumed(150000)
    )
    (found,) = result.statements
    assert result.basis == "assumed"
    assert found.seconds is not None
    assert "assumed" in found.seconds.basis
    assert (found.severity, found.confidence) == ("danger", "likely")


def test_dynamic_sql_is_opaque_and_says_why_unless_constants_alone_make_it() -> None:
    static, constant, dynamic = told(
        "DO $$ BEGIN ALTER TABLE users ADD COLUMN a int; END $$;"
        "DO $$ BEGIN EXECUTE format('ALTER TABLE %I ', 'users') || 'ADD COLUMN b int'; END $$;"
        "DO $$ BEGIN EXECUTE 'DROP TABLE ' || current_setting('my.table'); END $$;"
    )
    for known in (static, constant):
        assert known.locks == frozenset({RelationLock("public.users", "AccessExclusiveLock")})
        assert known.confidence == "exact"
    assert dynamic.confidence == "opaque"
    assert dynamic.opaque_because is not None
    assert "EXECUTE" in dynamic.opaque_because


def test_after_something_opaque_a_missing_object_is_not_certain() -> None:
    found = told("DO $$ BEGIN EXECUTE current_setting('my.sql'); END $$; ALTER TABLE late ADD COLUMN a int;")
    assert found[1].fails is not None
    assert found[1].fails.certain is False


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("CREATE TABLE users (id int);", "42P07"),
        ("ALTER TABLE users ADD COLUMN email text;", "42701"),
        ("ALTER TABLE users DROP COLUMN nope;", "42703"),
        ("DROP TABLE nope;", "42P01"),
        ("CREATE INDEX users_pkey ON users (email);", "42P07"),
        ("DROP INDEX users_pkey;", "2BP01"),
        ("ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES flags (email);", "42830"),
        ("CREATE TABLE nope.a (id int);", "3F000"),
        ("ALTER TYPE mood ADD VALUE 'new';", "42710"),
        ("VACUUM ANALYZE users; SELEC 1;", "42601"),
    ],
)
def test_what_the_catalog_settles_is_told_before_it_fails(sql: str, sqlstate: str) -> None:
    found = told(sql)[-1]
    assert found.fails is not None
    assert found.fails.sqlstate == sqlstate


def test_dropping_the_key_of_a_published_table_is_told() -> None:
    published = replace(USERS, publications=("cdc",))
    (found,) = told("ALTER TABLE users DROP CONSTRAINT users_pkey;", catalog(published))
    assert "publication-needs-replica-identity" in hazards(found)


def test_if_not_exists_over_an_invalid_index_is_told() -> None:
    broken = replace(
        USERS, indexes=(*USERS.indexes, Index("users_email_idx", ("email",), valid=False, schema="public"))
    )
    (found,) = told("CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email_idx ON users (email);", catalog(broken))
    assert "invalid-index" in hazards(found)


def test_a_role_that_does_not_own_the_table_is_told_which_role_does() -> None:
    foreign = replace(USERS, owner="dba")
    (found,) = told("ALTER TABLE users ADD COLUMN a int;", catalog(foreign))
    assert found.fails is not None
    assert (found.fails.sqlstate, found.fails.certain) == ("42501", True)
    hazard = next(h for h in found.hazards if h.id == "not-object-owner")
    assert hazard.safe_sql is not None
    assert "public.users" in hazard.safe_sql[0]


def test_what_the_migration_made_itself_needs_no_grant() -> None:
    found = told(
        "CREATE TABLE n (id bigserial PRIMARY KEY, a int); INSERT INTO n (a) VALUES (1); UPDATE n SET a = 2; ALTER TABLE n ADD b int; DROP TABLE n;"
    )
    assert [s.fails for s in found] == [None] * 5


def test_every_statement_of_every_file_is_accounted_for() -> None:
    sql = "\\set x 1\nSELECT 1;\nSELEC 2;\n\\gexec\nCALL p();\nEXPLAIN SELECT 1;"
    result = forecast(parse(sql, runner="psql"), catalog(USERS))
    assert len(result.statements) == len(parse(sql, runner="psql").statements)


def test_a_column_that_was_just_written_is_asked_about_once_that_has_run() -> None:
    orders = Relation("public", "orders", columns=(Column("id", "integer"), Column("a", "integer")), rows=10, pages=1)
    catalog = Catalog(180000, basis="production", relations={orders.key: orders})
    sql = (
        "UPDATE orders SET a = a + 1; ALTER TABLE orders ALTER a TYPE smallint; ALTER TABLE orders ALTER a TYPE bigint"
    )
    narrowed, widened = forecast(parse(sql), catalog).statements[1:]
    (check,) = narrowed.depends_on_data
    assert (check.sqlstate, check.sql, check.not_before) == ("22003", None, 1)
    assert widened.depends_on_data == ()
