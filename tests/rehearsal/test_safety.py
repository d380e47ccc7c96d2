"""Whatever the file does, and however the rehearsal ends: the local database is what it was."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import pytest

from runbook.migration import parse
from runbook.postgres.rehearsal import Limits
from runbook.rehearsal.run import rehearse
from tests.rehearsal.digest import digest, sessions
from tests.support import Database, eventually, wait_until

SHOP = """
CREATE TABLE customers (id serial PRIMARY KEY, name text);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id int REFERENCES customers, total int);
INSERT INTO customers (name) SELECT 'c' || g FROM generate_series(1, 200) g;
INSERT INTO orders (customer_id, total) SELECT 1 + g % 200, g FROM generate_series(1, 2000) g;
CREATE TYPE state AS ENUM ('new', 'paid');
CREATE SEQUENCE loose;
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN UPDATE orders SET total = 0; COMMIT; END $$;
CREATE FUNCTION next_one() RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''loose'')';
"""

NASTY = {
    "its own COMMIT": "BEGIN; ALTER TABLE orders ADD COLUMN a int; COMMIT; DROP TABLE orders; COMMIT; COMMIT AND CHAIN",
    "END and a new BEGIN": "BEGIN; UPDATE orders SET total = 1; END; BEGIN; DELETE FROM orders; END",
    "COMMIT in a block": "DO $$ BEGIN DELETE FROM orders; COMMIT; END $$; TRUNCATE orders",
    "COMMIT in a procedure": "CALL commits(); UPDATE orders SET total = 5",
    "fails in the middle": "ALTER TABLE orders ALTER COLUMN total TYPE bigint; SELECT 1 / 0; DROP TABLE customers CASCADE",
    "fails at a deferred commit": (
        "BEGIN; ALTER TABLE orders ALTER CONSTRAINT orders_customer_id_fkey DEFERRABLE INITIALLY DEFERRED;"
        "INSERT INTO orders (customer_id) VALUES (-1); COMMIT; SELECT 1"
    ),
    "uses sequences": "INSERT INTO customers (name) VALUES ('x'), ('y'); INSERT INTO orders (total) VALUES (1);"
    "SELECT nextval('loose'), setval('customers_id_seq', 9999)",
    "prepares a transaction": "BEGIN; DELETE FROM orders; PREPARE TRANSACTION 'left'; SELECT 1",
    "cannot be rolled back": "CREATE INDEX CONCURRENTLY ON orders (total); VACUUM orders; CREATE DATABASE other;"
    "ALTER SYSTEM SET work_mem = '5MB'; REINDEX TABLE CONCURRENTLY orders; DROP DATABASE template1",
    "reaches out": "COPY orders TO '/tmp/runbook_rehearsal_was_here'; COPY orders TO PROGRAM 'touch /tmp/runbook_was_here';"
    "SELECT lo_export(lo_from_bytea(0, 'x'), '/tmp/runbook_rehearsal_was_here');"
    "SELECT pg_create_physical_replication_slot('left', true)",
    "enum, roles, comments": "ALTER TYPE state ADD VALUE 'sent'; ALTER TABLE orders ADD COLUMN s state DEFAULT 'sent';"
    "CREATE ROLE runbook_left; COMMENT ON TABLE orders IS 'x'; NOTIFY somebody; SELECT lo_create(0)",
    "raises its limits": "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;"
    "SET default_transaction_read_only = off; RESET ALL; DISCARD ALL; CREATE TABLE z (a int)",
    "ROLLBACK and savepoints": "BEGIN; DELETE FROM orders; ROLLBACK; BEGIN; SAVEPOINT a; DELETE FROM customers CASCADE;"
    "ROLLBACK TO a; RELEASE a; COMMIT; ROLLBACK; DROP TABLE orders",
    "not SQL": "CREATE TABLE q (a int); COMMIT WORKS; BEGINN; \\connect postgres\nDROP TABLE orders;",
}


async def test_a_rehearsal_leaves_nothing_whatever_the_file_does(matrix_database: Database) -> None:
    matrix_database.execute(SHOP)
    before = digest(matrix_database)
    slots = "SELECT count(*) FROM pg_replication_slots"
    for name, sql in NASTY.items():
        for runner in ("psql", "psql-1", "golang-migrate"):
            done = await rehearse(parse(sql, runner), matrix_database.dsn())
            assert digest(matrix_database) == before, f"{name} by {runner}"
            assert done.rehearsal.left_behind == (), f"{name} by {runner}"
            assert done.rehearsal.outcome in ("completed", "failed"), f"{name} by {runner}: {done.rehearsal.because}"
    assert matrix_database.execute(slots) == [(0,)]
    eventually(lambda: sessions(matrix_database) == 0)


async def test_a_commit_hidden_in_a_string_is_not_sent(database: Database) -> None:
    """With standard_conforming_strings off the server cuts this text elsewhere than the parser does."""
    database.execute(SHOP)
    database.execute(f"ALTER DATABASE {database.name} SET standard_conforming_strings = off")
    before = digest(database)
    done = await rehearse(parse(r"DELETE FROM orders; SELECT '\''; COMMIT; --'" + "\n"), database.dsn())
    assert digest(database) == before
    assert done.rehearsal.failure is not None
    assert done.rehearsal.failure.index == 2


async def test_a_number_that_a_function_takes_is_given_back_where_its_body_tells(database: Database) -> None:
    database.execute(SHOP)
    database.execute("SELECT nextval('loose')")
    done = await rehearse(parse("SELECT next_one()"), database.dsn())
    assert done.rehearsal.left_behind == ()
    assert database.execute("SELECT last_value FROM loose") == [(1,)]


async def test_a_number_that_a_function_took_unseen_is_named(database: Database) -> None:
    database.execute(SHOP)
    database.execute("SELECT nextval('loose')")
    database.execute(
        "CREATE FUNCTION next_of(name text) RETURNS bigint LANGUAGE plpgsql AS"
        " $$ DECLARE n bigint; BEGIN EXECUTE format('SELECT nextval(%L)', name) INTO n; RETURN n; END $$"
    )
    done = await rehearse(parse("SELECT next_of('loose')"), database.dsn())
    assert [left.what.split(":")[0] for left in done.rehearsal.left_behind] == [
        "sequence public.loose went from 1 to 2"
    ]


async def test_a_rehearsal_stopped_by_its_limit_leaves_nothing(database: Database) -> None:
    database.execute(SHOP)
    before = digest(database)
    sql = "DELETE FROM orders; SET statement_timeout = 0; SELECT pg_sleep(120); SELECT 1"
    done = await rehearse(parse(sql), database.dsn(), limits=Limits(total_s=3.0))
    assert done.rehearsal.outcome == "stopped"
    assert done.rehearsal.statements[2].status in ("stopped", "not_reached")
    assert done.rehearsal.statements[3].status == "not_reached"
    assert digest(database) == before
    eventually(lambda: sessions(database) == 0)


async def test_a_lock_that_is_not_given_ends_the_rehearsal_and_is_no_failure_of_the_file(database: Database) -> None:
    database.execute(SHOP)
    with database.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE orders")
        holder.execute("PREPARE TRANSACTION 'holds_orders'")
    done = await rehearse(parse("ALTER TABLE orders ADD COLUMN a int"), database.dsn(), limits=Limits(lock_s=0.3))
    database.execute("ROLLBACK PREPARED 'holds_orders'")
    assert done.rehearsal.outcome == "stopped"
    assert done.rehearsal.failure is None
    assert "a lock that another session holds" in (done.rehearsal.because or "")


async def test_the_files_own_timeout_is_kept_and_its_end_is_a_failure(database: Database) -> None:
    done = await rehearse(parse("SET statement_timeout = '300ms'; SELECT pg_sleep(120)"), database.dsn())
    failure = done.rehearsal.failure
    assert done.rehearsal.outcome == "failed"
    assert failure is not None
    assert failure.error is not None
    assert failure.error.sqlstate == "57014"


async def test_a_cancelled_rehearsal_leaves_nothing_and_says_how_far_it_came(database: Database) -> None:
    database.execute(SHOP)
    before = digest(database)
    running = asyncio.create_task(rehearse(parse("DELETE FROM orders; SELECT pg_sleep(120)"), database.dsn()))
    await wait_until(lambda: _sleeping(database), deadline_s=30)
    running.cancel()
    done = await running
    assert done.rehearsal.outcome == "interrupted"
    assert [s.status for s in done.rehearsal.statements] == ["ran", "not_reached"]
    assert digest(database) == before
    eventually(lambda: sessions(database) == 0)


async def test_a_lost_connection_leaves_nothing(database: Database) -> None:
    database.execute(SHOP)
    before = digest(database)
    running = asyncio.create_task(rehearse(parse("DELETE FROM orders; SELECT pg_sleep(120)"), database.dsn()))
    await wait_until(lambda: _sleeping(database), deadline_s=30)
    database.execute(f"SELECT pg_terminate_backend({_sleeping(database)})")
    done = await running
    assert done.rehearsal.outcome == "lost"
    assert digest(database) == before


def test_a_killed_client_takes_its_query_with_it(database: Database) -> None:
    database.execute(SHOP)
    before = digest(database)
    program = (
        "import asyncio, sys; from runbook.migration import parse; from runbook.rehearsal.run import rehearse;"
        "asyncio.run(rehearse(parse('DELETE FROM orders; SELECT pg_sleep(120)'), sys.argv[1]))"
    )
    client = subprocess.Popen([sys.executable, "-c", program, database.dsn()])
    try:
        eventually(lambda: _sleeping(database), deadline_s=60)
    finally:
        client.send_signal(signal.SIGKILL)
        client.wait(30)
    eventually(lambda: sessions(database) == 0, deadline_s=60)
    assert digest(database) == before


async def test_what_calls_something_that_reaches_out_is_not_run(database: Database) -> None:
    """By a function of the database, a function of the file itself, or a trigger."""
    database.execute(SHOP)
    database.execute(
        "CREATE FUNCTION far() RETURNS int LANGUAGE plpgsql AS"
        " $$ BEGIN EXECUTE 'COPY orders TO PROGRAM ''touch /tmp/runbook_was_here'''; RETURN 1; END $$;"
        "CREATE FUNCTION through() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM far(); RETURN NEW; END $$;"
        "CREATE TRIGGER told AFTER INSERT ON customers FOR EACH ROW EXECUTE FUNCTION through()"
    )
    sql = """
    SELECT far();
    INSERT INTO customers (name) VALUES ('x');
    UPDATE orders SET total = 1;
    CREATE FUNCTION near() RETURNS int LANGUAGE sql AS 'SELECT far()';
    SELECT near();
    """
    before = digest(database)
    done = await rehearse(parse(sql), database.dsn())
    assert [s.status for s in done.rehearsal.statements] == [
        "not_rehearsed",
        "not_rehearsed",
        "ran",
        "ran",
        "not_rehearsed",
    ]
    assert digest(database) == before


async def test_an_event_trigger_that_reaches_out_stops_it_before_it_begins(database: Database) -> None:
    database.execute(
        "CREATE FUNCTION far() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM dblink_exec('a', 'b'); END $$;"
        "CREATE EVENT TRIGGER told ON ddl_command_end EXECUTE FUNCTION far()"
    )
    done = await rehearse(parse("CREATE TABLE made (id int)"), database.dsn())
    assert done.rehearsal.outcome == "failed"
    assert [s.status for s in done.rehearsal.statements] == ["not_reached"]
    assert "far()" in (done.rehearsal.because or "")


async def test_a_timeout_of_the_database_is_kept(database: Database) -> None:
    database.execute(f"ALTER DATABASE {database.name} SET statement_timeout = '300ms'")
    done = await rehearse(parse("SELECT pg_sleep(120)"), database.dsn())
    assert done.rehearsal.failure is not None


@pytest.mark.parametrize("sql", ["SELECT dblink_exec('x', 'y')", "DO $$ BEGIN PERFORM dblink_exec('x', 'y'); END $$"])
async def test_what_reaches_another_server_is_named_and_not_run(database: Database, sql: str) -> None:
    database.execute("CREATE FUNCTION dblink_exec(text, text) RETURNS text LANGUAGE sql AS 'SELECT pg_sleep(0)::text'")
    done = await rehearse(parse(sql), database.dsn(), mode="commit")
    (statement,) = done.rehearsal.statements
    assert statement.status == "not_rehearsed"
    assert statement.because is not None
    assert "another server" in statement.because or "reaches out" in statement.because


def _sleeping(database: Database) -> int:
    sql = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        " AND pid <> pg_backend_pid()"
    )
    found = database.execute(sql)
    return int(found[0][0]) if found else 0
