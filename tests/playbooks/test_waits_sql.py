"""The SQL of the playbooks on waits runs on every major, whatever the objects are called."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from runbook.diagnosis.facts import Fact, FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import ADD_COLUMN, incident, playbooks, session, suspects
from tests.support import BARE, Database

CAUSES = (
    "lock-wait-wraparound-autovacuum",
    "lock-wait-maintenance",
    "lock-wait-backup",
    "migration-lock-held",
    "stale-migration-lock-row",
    "cic-waits-old-snapshot",
    "cic-blocked-by-own-tool",
    "heavy-validate-or-build",
    "foreign-key-locks-parent",
    "pending-trigger-events",
    "lock-wait-blocker-chain",
    "locks-accumulate-in-one-transaction",
    "exclusive-maintenance",
    "waiting-for-synchronous-standby",
    "idle-in-transaction-timeout",
    "transaction-timeout",
    "terminated-by-administrator",
)

LOCKS = '"My Schema".databasechangeloglock'
TABLE = '"My Schema"."Order\'s ""Items"""'


def hostile(database: Database) -> FactBook:
    """The samples, with names that break whoever quotes by hand."""
    facts = {
        "production.major": database.major,
        "production.database": database.name,
        "production.role": BARE,
        "locks.blocker": {**FactBook.of_samples().value("locks.blocker"), "role": BARE, "relation": TABLE},
        "tool_lock.tool": "liquibase",
        "tool_lock.key": -8525285245963000605,
        "tool_lock.row": {"table": LOCKS, "column": "locked", "locked_by": "it's me (10.0.0.7)", "since": "2026"},
        "failing.relation": TABLE,
        "failing.column": '"E mail"',
    }
    return FactBook.of_samples().with_facts(Fact(id_, value, "test", "test") for id_, value in facts.items())


@pytest.mark.parametrize("cause", CAUSES)
def test_every_look_runs_on_every_major_and_writes_nothing(matrix_database: Database, cause: str) -> None:
    matrix_database.execute(f'CREATE SCHEMA "My Schema"; CREATE TABLE {TABLE} (id int PRIMARY KEY, "E mail" text)')
    matrix_database.execute(f"CREATE TABLE {LOCKS} (id int, locked bool, lockedby text, lockgranted timestamp)")
    checks = [b for b in playbooks()[cause].render(hostile(matrix_database)).sql if not b.changes]
    assert checks
    with matrix_database.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for check in (c for c in checks if c.on == "production"):
            for statement in split(check.sql)[0]:
                try:
                    connection.execute(statement.sql.encode())
                except psycopg.Error as error:
                    raise AssertionError(f"{check.section}: {check.sql}") from error


# -- neighbours that no server shows for long enough ----------------------------------------------------------------


def in_the_way(kind: str, **blocker: Any) -> FactBook:
    """The migration waits behind a session of that kind."""
    waiting = {"migration_found": True, "migration_waits": True, "blocker_is_now": True, "blocker_kind": kind}
    found = session(backend_type="autovacuum worker", state="active", **blocker)
    return incident(locks={**waiting, "blocker": found}, failing={**ADD_COLUMN, "how": "waiting"})


def test_an_ordinary_autovacuum_gives_way_by_itself_and_is_no_cause() -> None:
    assert suspects(in_the_way("autovacuum", query="autovacuum: VACUUM public.orders")) == {}


def test_a_vacuum_that_cuts_off_empty_pages_holds_the_table_for_itself() -> None:
    # lazy_truncate_heap in vacuumlazy.c takes ACCESS EXCLUSIVE, and lets go within some 20 ms: too short to be sampled here
    query = "autovacuum: VACUUM public.orders"
    book = in_the_way("autovacuum", query=query, holds=["ShareUpdateExclusiveLock", "AccessExclusiveLock"])
    exclusive = [
        Fact("waits.blocker_exclusive", True, "test", "test"),
        Fact("waits.blocker_command", "", "test", "test"),
    ]
    assert suspects(book.with_facts(exclusive)) == {"exclusive-maintenance": "proved"}
