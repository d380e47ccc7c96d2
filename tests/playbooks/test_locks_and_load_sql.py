"""The SQL of the playbooks on locks, load, connections and replication does on a real server what they say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest

from runbook.diagnosis.facts import Fact, FactBook
from runbook.lab.servers import SUPERUSER, start_server, start_standby
from runbook.playbook import SqlBlock
from tests.playbooks.incident import ADD_COLUMN, incident, playbooks
from tests.support import BARE, Database, eventually

CAUSES = (
    "lock-wait-long-running-query",
    "lock-wait-idle-in-transaction",
    "lock-wait-prepared-transaction",
    "lock-queue-behind-waiting-ddl",
    "lock-timeout",
    "statement-timeout",
    "statement-timeout-was-lock-wait",
    "create-index-blocks-writes",
    "table-rewrite",
    "scan-under-exclusive-lock",
    "unbatched-backfill",
    "orphaned-migration-session",
    "setting-difference",
    "connection-saturation",
    "replication-lag",
    "connected-to-standby",
)
ALTER = "ALTER TABLE orders ADD COLUMN note text"
ORDERS = """
    CREATE TABLE orders (id bigint PRIMARY KEY, email text, total numeric NOT NULL DEFAULT 0);
    INSERT INTO orders SELECT g, g || '@example.com' FROM generate_series(1, 100) g;
"""


class Talking(threading.Thread):
    """A session that runs one statement in the background, and how it ended."""

    def __init__(self, database: Database, sql: str) -> None:
        super().__init__(daemon=True)
        self.connection = database.connect()
        self.pid = self.connection.info.backend_pid
        self.sql = sql
        self.error: psycopg.Error | None = None
        self.start()

    def run(self) -> None:
        try:
            self.connection.execute(self.sql.encode())
        except psycopg.Error as error:
            self.error = error

    def ended(self) -> bool:
        self.join(10)
        return not self.is_alive()


@contextmanager
def talking(database: Database, sql: str, *, waits: bool) -> Iterator[Talking]:
    """``sql`` runs in a session of its own; entered once the server shows it active, or waiting for a lock."""
    session = Talking(database, sql)
    wanted = "wait_event_type = 'Lock'" if waits else "state = 'active'"
    try:
        eventually(
            lambda: database.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {session.pid} AND {wanted}"),
            what=f"the server shows {sql}",
        )
        yield session
    finally:
        database.execute(f"SELECT pg_terminate_backend({session.pid})")
        session.ended()
        session.connection.close()


@contextmanager
def holding(database: Database, sql: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction left open after ``sql``."""
    with closing(psycopg.connect(database.dsn())) as connection:
        connection.execute(sql.encode())
        yield connection


@pytest.fixture
def shop(database: Database) -> Database:
    database.execute(ORDERS)
    return database


def record(database: Database, pid: int, **other: Any) -> dict[str, Any]:
    """A session as triage would state it, read from the server."""
    start, role, application, state, query = database.execute(
        f"SELECT backend_start, usename, application_name, state, query FROM pg_stat_activity WHERE pid = {pid}"
    )[0]
    found = {
        "pid": pid,
        "backend_start": start.isoformat(),
        "role": role,
        "application_name": application,
        "state": state,
        "query": query,
        "xact_age_s": 100.0,
        "state_age_s": 100.0,
        "wait_event_type": "",
        "wait_event": "",
        "backend_type": "client backend",
        "client": "local socket",
        "is_migration": False,
        "label": "somebody",
        "holds": ["AccessShareLock"],
        "relation": "public.orders",
        "gid": "",
    }
    return found | other


def waiting_behind(database: Database, migration: int, **locks: Any) -> FactBook:
    """Facts of a migration (pid) that waits for public.orders."""
    waiting = record(database, migration, is_migration=True)
    wait = {**waiting, "wait_s": 9.0, "locktype": "relation", "mode": "AccessExclusiveLock", "blocked_by": [1]}
    facts = {
        "migration_found": True,
        "migration": waiting,
        "migration_waits": True,
        "migration_wait": wait,
        "blocker_is_now": True,
        "migrators": 1,
        **locks,
    }
    side = {"database": database.name, "role": BARE, "major": database.major}
    return incident(locks=facts, failing={**ADD_COLUMN, "how": "waiting", "sql": ALTER}, production=side)


def blocks(cause: str, book: FactBook, section: str, *, changes: bool, on: str = "production") -> list[SqlBlock]:
    rendered = playbooks()[cause].render(book)
    found = [b for b in rendered.sql if b.section == section and b.changes == changes and b.on == on]
    assert found, f"{cause} has no such block in {section}"
    assert all(b.runnable for b in found), found
    return found


def run(database: Database, block: SqlBlock) -> list[tuple[Any, ...]]:
    return database.execute(block.sql)


# -- stopping what blocks --------------------------------------------------


def test_an_idle_transaction_survives_a_cancel_and_ends_by_the_playbooks_fix(shop: Database) -> None:
    cause = "lock-wait-idle-in-transaction"
    with holding(shop, "SELECT count(*) FROM orders") as holder, talking(shop, ALTER, waits=True) as migration:
        pid = holder.info.backend_pid
        blocker = record(shop, pid)
        book = waiting_behind(shop, migration.pid, blocker_kind="idle_in_transaction", blocker=blocker)
        assert shop.execute(f"SELECT pg_cancel_backend({pid})") == [(True,)]
        assert shop.execute(f"SELECT state FROM pg_stat_activity WHERE pid = {pid}") == [("idle in transaction",)]
        [fix] = blocks(cause, book, "fix", changes=True)
        assert run(shop, fix) == [(True,)]
        assert migration.ended()
        assert migration.error is None
        for check in blocks(cause, book, "verify", changes=False):
            assert eventually(lambda check=check: run(shop, check) == [], what=check.sql)
        assert run(shop, fix) == [], "a second time it must find nobody"


def test_a_long_query_is_cancelled_with_its_locks(shop: Database) -> None:
    cause = "lock-wait-long-running-query"
    slow = "SELECT pg_sleep(600) FROM orders"
    with talking(shop, slow, waits=False) as holder:
        held = f"SELECT 1 FROM pg_locks WHERE pid = {holder.pid} AND relation = 'orders'::regclass"
        eventually(lambda: shop.execute(held))
        with talking(shop, ALTER, waits=True) as migration:
            blocker = record(shop, holder.pid)
            book = waiting_behind(shop, migration.pid, blocker_kind="active", blocker=blocker)
            [fix] = blocks(cause, book, "fix", changes=True)
            assert run(shop, fix) == [(True,)]
            assert holder.ended()
            assert isinstance(holder.error, psycopg.errors.QueryCanceled)
            assert migration.ended()
            assert migration.error is None
            [gone] = blocks(cause, book, "fix", changes=False)
            assert run(shop, gone) == []


@pytest.mark.parametrize("decision", ["COMMIT", "ROLLBACK"])
def test_a_prepared_transaction_is_decided_whatever_its_name(shop: Database, decision: str) -> None:
    cause = "lock-wait-prepared-transaction"
    gid = f"pay'99\\1 {decision}"
    with closing(psycopg.connect(shop.dsn())) as manager:
        manager.execute("INSERT INTO orders (id) VALUES (1000)")
        manager.execute(psycopg.sql.SQL("PREPARE TRANSACTION {}").format(psycopg.sql.Literal(gid)))
        manager.commit()
    with talking(shop, ALTER, waits=True) as migration:
        prepared = {**record(shop, migration.pid), "pid": 0, "backend_start": "", "gid": gid, "state": "prepared"}
        book = waiting_behind(shop, migration.pid, blocker_kind="prepared", blocker=prepared)
        [seen] = blocks(cause, book, "fix", changes=False)
        assert [row[0] for row in run(shop, seen)] == [gid]
        [end] = [b for b in blocks(cause, book, "fix", changes=True) if b.sql.startswith(decision)]
        run(shop, end)
        assert migration.ended()
        assert migration.error is None
        for check in blocks(cause, book, "verify", changes=False):
            assert run(shop, check) == []
    assert bool(shop.execute("SELECT 1 FROM orders WHERE id = 1000")) == (decision == "COMMIT")


def test_cancelling_the_migration_drains_the_queue_and_leaves_the_holder_alone(shop: Database) -> None:
    cause = "lock-queue-behind-waiting-ddl"
    with (
        holding(shop, "SELECT count(*) FROM orders") as holder,
        talking(shop, ALTER, waits=True) as migration,
        talking(shop, "SELECT count(*) FROM orders", waits=True) as reader,
    ):
        blocker = record(shop, holder.info.backend_pid)
        queue = {
            "blocker_kind": "idle_in_transaction",
            "blocker": blocker,
            "queued_behind_migration": 1,
            "queue": [
                record(shop, reader.pid, mode="AccessShareLock", wait_s=1.0, locktype="relation", blocked_by=[1])
            ],
        }
        book = waiting_behind(shop, migration.pid, **queue)
        [stop] = blocks(cause, book, "stop", changes=True)
        assert run(shop, stop) == [(True,)]
        assert reader.ended()
        assert reader.error is None
        assert migration.ended()
        assert isinstance(migration.error, psycopg.errors.QueryCanceled)
        assert holder.execute("SELECT 1").fetchone() == (1,)
        [check] = blocks(cause, book, "verify", changes=False)
        assert run(shop, check) == []


def test_an_orphaned_session_is_ended_and_commits_nothing(shop: Database) -> None:
    cause = "orphaned-migration-session"
    with holding(shop, "SELECT count(*) FROM orders") as holder, talking(shop, ALTER, waits=True) as orphan:
        book = waiting_behind(shop, orphan.pid, blocker_kind="idle_in_transaction", blocker=record(shop, orphan.pid))
        [stop] = blocks(cause, book, "stop", changes=True)
        assert run(shop, stop) == [(True,)]
        assert orphan.ended()
        holder.rollback()
        gone, columns = blocks(cause, book, "verify", changes=False)
        assert eventually(lambda: run(shop, gone) == [])
        assert [row[0] for row in run(shop, columns)] == ["id", "email", "total"]


# -- finding, trying again --------------------------------------------------


@pytest.mark.parametrize("cause", ["lock-timeout", "statement-timeout-was-lock-wait", "statement-timeout"])
def test_after_a_timeout_the_playbook_names_who_holds_the_table(shop: Database, cause: str) -> None:
    error = {"sqlstate": "55P03", "timeout": "lock", "message": "canceling statement due to lock timeout"}
    book = incident(error=error, failing={**ADD_COLUMN, "sql": ALTER}, production={"database": shop.name})
    with holding(shop, "SELECT count(*) FROM orders") as holder:
        [look] = blocks(cause, book, "fix", changes=False)
        assert [row[0] for row in run(shop, look)] == [holder.info.backend_pid]
    assert eventually(lambda: run(shop, look) == [])


def test_a_table_that_only_the_error_names_is_found_too(shop: Database) -> None:
    shop.execute('CREATE TABLE "Order Lines" (id int)')
    error = {"sqlstate": "55P03", "timeout": "lock", "message": "...", "relation": "Order Lines"}
    book = incident(files=False, error=error, production={"database": shop.name})
    with holding(shop, 'SELECT count(*) FROM "Order Lines"') as holder:
        [look] = blocks("lock-timeout", book, "fix", changes=False)
        assert [row[0] for row in run(shop, look)] == [holder.info.backend_pid]


def test_the_next_try_gives_way_and_goes_through_once_the_table_is_free(shop: Database) -> None:
    error = {"sqlstate": "55P03", "timeout": "lock", "message": "canceling statement due to lock timeout"}
    book = incident(error=error, failing={**ADD_COLUMN, "sql": ALTER})
    [retry] = blocks("lock-queue-behind-waiting-ddl", book, "fix", changes=True, on="file")
    with holding(shop, "SELECT count(*) FROM orders"), closing(psycopg.connect(shop.dsn())) as migration:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            migration.execute(retry.sql.encode())
        migration.rollback()
    with closing(psycopg.connect(shop.dsn())) as migration:
        migration.execute(retry.sql.encode())
        migration.commit()
        assert migration.execute("SHOW lock_timeout").fetchone() == ("0",), "it must not stay on a pooled connection"


def test_a_short_lock_timeout_would_leave_an_invalid_index_and_the_playbook_does_not_set_one(shop: Database) -> None:
    sql = "CREATE INDEX CONCURRENTLY orders_email_idx ON orders (email)"
    failing = {
        **ADD_COLUMN,
        "sql": sql,
        "kind": "CREATE INDEX",
        "concurrently": True,
        "in_transaction": False,
        "index_name": "orders_email_idx",
        "index_relation": "public.orders_email_idx",
    }
    book = incident(error={"sqlstate": "55P03", "timeout": "lock", "message": "lock timeout"}, failing=failing)
    shop.execute("CREATE TABLE elsewhere ()")
    with closing(psycopg.connect(shop.dsn())) as old, closing(shop.connect()) as builder:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        old.execute("SELECT FROM elsewhere")
        builder.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            builder.execute(sql.encode())
    [leftover] = blocks("create-index-blocks-writes", book, "fix", changes=False)
    assert run(shop, leftover) == [("orders_email_idx", "orders")]
    [drop] = blocks("create-index-blocks-writes", book, "roll_back", changes=True)
    run(shop, drop)
    assert run(shop, leftover) == []
    [again] = blocks("lock-timeout", book, "fix", changes=True, on="file")
    with closing(shop.connect()) as builder:
        for statement in again.sql.split(";"):
            builder.execute(statement.encode())
    valid, *_ = blocks("create-index-blocks-writes", book, "verify", changes=False)
    assert ("orders_email_idx", True, True) in run(shop, valid)


def test_idle_connections_are_ended_by_application_and_never_those_that_hold_a_lock(shop: Database) -> None:
    who = [{"role": SUPERUSER, "application_name": "we'b", "state": "idle", "count": 2}]
    book = incident(
        error={"sqlstate": "53300", "message": "sorry, too many clients already", "refusal": "too_many_clients"},
        production={"connections": 97, "connections_by_role": who, "database": shop.name},
    )
    [fix] = blocks("connection-saturation", book, "fix", changes=True)
    now = fix.sql.replace("interval '10 minutes'", "interval '0'")  # nobody wants to idle for ten minutes here
    assert now != fix.sql
    with (
        closing(psycopg.connect(shop.dsn(), autocommit=True, application_name="we'b")) as idle,
        closing(psycopg.connect(shop.dsn(), autocommit=True, application_name="we'b")) as locked,
        closing(psycopg.connect(shop.dsn(), autocommit=True, application_name="other")) as other,
    ):
        locked.execute("SELECT pg_advisory_lock(1)")
        other.execute("SELECT 1")
        assert run(shop, fix) == []
        assert shop.execute(now) == [(idle.info.backend_pid, True)]
        locked.execute("SELECT 1")
        other.execute("SELECT 1")


# -- everything that only reads --------------------------------------------------


def _of_samples(database: Database) -> FactBook:
    facts = {
        "production.major": database.major,
        "production.database": database.name,
        "production.role": BARE,
        "locks.blocker": {**FactBook.of_samples().value("locks.blocker"), "role": BARE},
        "failing.index_relation": "public.orders_email_idx",
    }
    return FactBook.of_samples().with_facts(Fact(id_, value, "test", "test") for id_, value in facts.items())


def test_every_check_on_production_runs_on_every_major(matrix_database: Database) -> None:
    matrix_database.execute(ORDERS)
    book = _of_samples(matrix_database)
    with matrix_database.connect() as connection:
        for cause in CAUSES:
            checks = [b for b in playbooks()[cause].render(book).sql if b.on == "production" and not b.changes]
            assert checks, cause
            for check in checks:
                connection.execute(check.sql.encode())


def test_what_prevents_it_next_time_is_accepted_on_every_major(matrix_database: Database) -> None:
    book = _of_samples(matrix_database)
    try:
        with matrix_database.connect() as connection:
            for cause in CAUSES:
                for block in playbooks()[cause].render(book).sql:
                    if block.section == "prevent" and block.on == "production":
                        for statement in filter(str.strip, block.sql.split(";")):
                            connection.execute(statement.encode())
    finally:
        matrix_database.execute("ALTER SYSTEM RESET ALL")
        matrix_database.execute(f"ALTER ROLE {BARE} RESET ALL")


def test_the_checks_for_replicas_run_on_a_primary_and_its_standby() -> None:
    with start_server(18, tcp=False) as primary, start_standby(primary, tcp=False) as standby:
        there = Database(primary, "postgres")
        here = Database(standby, "postgres")
        there.execute(ORDERS)
        eventually(lambda: there.execute("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"))
        refused = {"sqlstate": "25006", "message": "cannot execute ALTER TABLE in a read-only transaction"}
        book = incident(error=refused, production={"is_standby": True, "database": "postgres"}, failing=ADD_COLUMN)
        for cause in ("replication-lag", "connected-to-standby"):
            for block in playbooks()[cause].render(book).sql:
                if block.on == "standby":
                    run(here, block)
        [landed] = blocks("connected-to-standby", book, "fix", changes=False)
        assert run(here, landed)[0][:2] == (True, "off")
        assert run(there, landed)[0][:2] == (False, "off")
        [whom] = blocks("connected-to-standby", book, "fix", changes=False, on="standby")
        assert len(run(here, whom)) == 1
        [distance] = blocks("replication-lag", book, "fix", changes=False)
        assert len(run(there, distance)) == 1
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            here.execute(ALTER)
        with pytest.raises(psycopg.Error, match="during recovery"):
            here.execute("SET transaction_read_only = off")
