"""What a migration's own transaction does: the other table of a foreign key, locks that pile up, pending events."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.support import holding_lock, wait_until, waiting_for_lock
from tests.triage.incident import causes, explain, fact, in_thread, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, older_than, run, run_the_checks, shop, working

PARENT = "foreign-key-locks-parent"
# An equality that takes its time makes one check of a foreign key as slow as a large table does.
FAMILY = f"""
CREATE SCHEMA "My Schema";
CREATE FUNCTION slow_equal(int, int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
    'BEGIN PERFORM pg_sleep(0.1); RETURN $1 = $2; END';
CREATE OPERATOR =# (LEFTARG = int, RIGHTARG = int, PROCEDURE = slow_equal);
CREATE OPERATOR CLASS slow_ops FOR TYPE int USING btree AS OPERATOR 3 =#, FUNCTION 1 btint4cmp(int, int);
CREATE TABLE {TABLE_SQL} (id int NOT NULL, note text);
CREATE UNIQUE INDEX slow_key ON {TABLE_SQL} (id slow_ops);
INSERT INTO {TABLE_SQL} VALUES (1);
CREATE TABLE child (parent int);
CREATE TABLE old_child (parent int REFERENCES {TABLE_SQL} (id));
INSERT INTO child SELECT 1 FROM generate_series(1, 300);
"""
ADD = f"ALTER TABLE child ADD CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES {TABLE_SQL} (id)"
WRITE = f"UPDATE {TABLE_SQL} SET note = 'w'"


@dataclass(frozen=True)
class Key:
    """A statement that locks the parent, and what somebody else has just done with the parent."""

    sql: str
    holder: str
    major: int
    planned: bool = False


KEYS = [
    Key(ADD, WRITE, 12, planned=True),
    Key(f"CREATE TABLE new_child (parent int REFERENCES {TABLE_SQL} (id))", WRITE, 15),
    Key("DROP TABLE old_child", f"SELECT * FROM {TABLE_SQL}", 17),
]


@pytest.mark.parametrize("key", KEYS, ids=["add", "create", "drop"])
async def test_the_parent_is_named_as_what_is_waited_for_and_its_holder_beside_it(key: Key, tmp_path: Path) -> None:
    with shop(key.major, FAMILY) as (local, production):
        path = write(tmp_path, key.sql + ";\n")
        async with holding_lock(production.dsn(), key.holder, application_name="web") as web:
            async with waiting_for_lock(production.dsn(), key.sql, application_name="deploy"):
                state = await triage(local, production, migration=path, seen="hanging")
                assert likely(state) == [PARENT, "lock-wait-idle-in-transaction"], explain(state)
                assert [p["relation"] for p in fact(state, "waits.parents")] == [TABLE_SQL]
                run_the_checks(PARENT, state, production)
                assert run(production, blocks(PARENT, state, "stop", changes=True)[0]) == [(True,)]
            if key.planned:
                await in_thread(older_than, production, web.info.backend_pid, 5.2)
                state = await triage(local, production, migration=path, seen="planned")
                assert PARENT in likely(state), explain(state)
                impatient = write(tmp_path, f"SET lock_timeout = '100ms';\n{key.sql};\n", "0008_impatient.sql")
                error = await in_thread(psql, production, impatient)
                state = await triage(local, production, migration=impatient, error=error)
                assert {"lock-timeout", PARENT} <= set(likely(state)), error + explain(state)
        state = await triage(local, production, migration=path, seen="planned")
        assert PARENT not in causes(state), explain(state)


async def test_writers_of_the_parent_that_wait_while_rows_are_checked_are_this_cause(tmp_path: Path) -> None:
    with shop(14, FAMILY) as (local, production):
        path = write(tmp_path, ADD + ";\n")
        async with (
            working(production, ADD),
            waiting_for_lock(production.dsn(), WRITE, application_name="web"),
        ):
            state = await triage(local, production, migration=path, seen="running")
            assert likely(state) == [PARENT], explain(state)
            run_the_checks(PARENT, state, production)
            assert run(production, blocks(PARENT, state, "stop", changes=True)[0]) == [(True,)]


async def test_a_wait_for_the_child_is_not_a_wait_for_the_parent(tmp_path: Path) -> None:
    with shop(18, FAMILY) as (local, production):
        path = write(tmp_path, ADD + ";\n")
        async with (
            holding_lock(production.dsn(), "UPDATE child SET parent = 1", application_name="web"),
            waiting_for_lock(production.dsn(), ADD, application_name="deploy"),
        ):
            state = await triage(local, production, migration=path, seen="hanging")
        assert likely(state) == ["lock-wait-idle-in-transaction"], explain(state)


# -- events that wait for the end of the transaction -----------------------------------------------------------------

PENDING = "pending-trigger-events"
DEFERRED = f"""
CREATE SCHEMA "My Schema";
CREATE TABLE customers (id int PRIMARY KEY);
CREATE TABLE {TABLE_SQL} (id int PRIMARY KEY, customer int REFERENCES customers DEFERRABLE INITIALLY DEFERRED, note text);
ANALYZE;
"""
ROWS = f"INSERT INTO customers VALUES (1), (2); INSERT INTO {TABLE_SQL} VALUES (1, NULL); ANALYZE"
MIXED = f"BEGIN;\nUPDATE {TABLE_SQL} SET customer = 1;\nALTER TABLE {TABLE_SQL} ALTER COLUMN customer SET NOT NULL;\nCOMMIT;\n"
LOOP = (
    f"DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM {TABLE_SQL} LOOP"
    f" EXECUTE $sql$ ALTER TABLE {TABLE_SQL} ADD COLUMN more int $sql$; END LOOP; END $$;\n"
)


@pytest.mark.parametrize(
    ("major", "sql", "planned"),
    [
        (12, MIXED, True),
        (16, "BEGIN;\nDELETE FROM customers WHERE id = 2;\nCREATE INDEX ON customers (id);\nCOMMIT;\n", True),
        (18, LOOP, False),
    ],
    ids=["own-foreign-key", "pointed-to", "loop"],
)
async def test_a_table_that_the_transaction_itself_still_uses_is_told_before_and_after(
    major: int, sql: str, planned: bool, tmp_path: Path
) -> None:
    with shop(major, DEFERRED) as (local, production):
        production.execute(ROWS)
        path = write(tmp_path, sql)
        assert await in_thread(psql, local, path) == "", "the local tables are empty"
        state = await triage(local, production, migration=path, seen="planned")
        assert (causes(state)[:1] == [PENDING]) == planned, explain(state)
        error = await in_thread(psql, production, path)
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [PENDING], error + explain(state)
        run_the_checks(PENDING, state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == [PENDING], error + explain(alone)


async def test_checks_that_are_made_at_once_let_the_statement_pass_and_are_foretold_to(tmp_path: Path) -> None:
    with shop(14, DEFERRED) as (local, production):
        production.execute(ROWS)
        failing = write(tmp_path, MIXED)
        error = await in_thread(psql, production, failing)
        state = await triage(local, production, migration=failing, error=error)
        [first, *_] = blocks(PENDING, state, "fix", changes=True, on="file")
        path = write(tmp_path, MIXED.replace("BEGIN;", f"BEGIN;\n{first.sql}"), "0008_fixed.sql")
        state = await triage(local, production, migration=path, seen="planned")
        assert PENDING not in causes(state), explain(state)
        assert await in_thread(psql, production, path) == ""


async def test_a_database_that_others_are_connected_to_is_another_cause(tmp_path: Path) -> None:
    error = 'psql:m.sql:1: ERROR:  55006: database "shop" is being accessed by other users\nDETAIL:  There is 1 other session using the database.\n'
    state = await triage(None, None, error=error)
    assert PENDING not in causes(state), explain(state)


# -- a chain of waits -----------------------------------------------------------------------------------------------

CHAIN = "lock-wait-blocker-chain"
TWO = f"{DEFERRED}\nCREATE TABLE accounts (id int); INSERT INTO accounts VALUES (1);"
ALTER = f"ALTER TABLE {TABLE_SQL} ADD COLUMN more text"


@pytest.mark.parametrize("major", [13, 18])
async def test_the_root_of_a_chain_is_named_and_ended_and_the_session_between_is_left_alone(
    major: int, tmp_path: Path
) -> None:
    with shop(major, TWO) as (local, production):
        path = write(tmp_path, ALTER + ";\n")
        root, middle = "UPDATE accounts SET id = 2", f"SELECT * FROM {TABLE_SQL}"
        async with holding_lock(production.dsn(), root, application_name="root") as first:
            between = await psycopg.AsyncConnection.connect(production.dsn(), application_name="middle")
            async with between:
                await between.execute(middle.encode())
                going_on = asyncio.create_task(between.execute(root.encode()))
                waits = f"SELECT 1 FROM pg_locks WHERE pid = {between.info.backend_pid} AND NOT granted"
                await wait_until(lambda: production.execute(waits), 30)
                async with waiting_for_lock(production.dsn(), ALTER, application_name="deploy"):
                    await in_thread(older_than, production, first.info.backend_pid, 1.5)
                    state = await triage(local, production, migration=path, seen="hanging")
                    assert likely(state) == [CHAIN, "lock-wait-idle-in-transaction"], explain(state)
                    assert [s["application_name"] for s in fact(state, "waits.chain")] == ["middle"]
                    blocker = fact(state, "locks.blocker")
                    assert (blocker["application_name"], blocker["relation"]) == ("root", "")
                    run_the_checks(CHAIN, state, production)
                    end = next(b for b in blocks(CHAIN, state, "fix", changes=True) if "terminate" in b.sql)
                    assert run(production, end) == [(True,)]
                    await going_on
                    await between.commit()


async def test_two_migrations_in_one_queue_are_no_chain(tmp_path: Path) -> None:
    with shop(16, TWO) as (local, production):
        path = write(tmp_path, ALTER + ";\n")
        async with (
            holding_lock(production.dsn(), f"SELECT * FROM {TABLE_SQL}", application_name="web"),
            waiting_for_lock(production.dsn(), f"ALTER TABLE {TABLE_SQL} ADD COLUMN other int", application_name="b"),
            waiting_for_lock(production.dsn(), ALTER, application_name="deploy"),
        ):
            state = await triage(local, production, migration=path, seen="hanging")
        assert likely(state) == ["lock-wait-idle-in-transaction"], explain(state)


# -- locks that pile up ----------------------------------------------------------------------------------------------

PILE = "locks-accumulate-in-one-transaction"
SLOW = """
CREATE TABLE elsewhere (id int);
INSERT INTO elsewhere SELECT generate_series(1, 600);
CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_sleep(0.1); RETURN $1; END';
"""


@pytest.mark.parametrize(
    ("major", "second"),
    [(12, "CREATE INDEX ON elsewhere (slow(id))"), (17, "UPDATE elsewhere SET id = slow(id)")],
)  # fmt: skip
async def test_a_lock_of_a_finished_statement_is_told_from_those_of_the_running_one(
    major: int, second: str, tmp_path: Path
) -> None:
    with shop(major, DEFERRED + SLOW) as (local, production):
        path = write(tmp_path, f"BEGIN;\n{ALTER};\n{second};\nCOMMIT;\n")
        async with (
            working(production, second, before=f"BEGIN; {ALTER}"),
            waiting_for_lock(production.dsn(), f"SELECT * FROM {TABLE_SQL}", application_name="web"),
        ):
            state = await triage(local, production, migration=path, seen="running")
            assert likely(state) == [PILE], explain(state)
            [held] = fact(state, "waits.held_from_earlier")
            assert (held["relation"], held["mode"], held["line"]) == (TABLE_SQL, "AccessExclusiveLock", 2)
            run_the_checks(PILE, state, production)
            assert run(production, blocks(PILE, state, "stop", changes=True)[0]) == [(True,)]


async def test_waiting_for_what_the_running_statement_locks_is_not_this_cause(tmp_path: Path) -> None:
    with shop(15, DEFERRED + SLOW) as (local, production):
        build = "CREATE INDEX ON elsewhere (slow(id))"
        path = write(tmp_path, f"BEGIN;\n{ALTER};\n{build};\nCOMMIT;\n")
        async with (
            working(production, build, before=f"BEGIN; {ALTER}"),
            waiting_for_lock(production.dsn(), "UPDATE elsewhere SET id = 1", application_name="web"),
        ):
            state = await triage(local, production, migration=path, seen="running")
        assert likely(state) == ["create-index-blocks-writes"], explain(state)
