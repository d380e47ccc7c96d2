"""Sessions that the server or somebody else ended: which limit, and what of the migration is left."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import Database, eventually
from tests.triage.incident import causes, explain, in_thread, psql, triage, write
from tests.triage.waiting import TABLE_SQL, blocks, likely, nearest, run_the_checks, shop

SHOP = f'CREATE SCHEMA "My Schema"; CREATE TABLE {TABLE_SQL} (id int)'
FIRST, SECOND = (f"ALTER TABLE {TABLE_SQL} ADD COLUMN {name} int;\n" for name in ("first", "second"))
GAP = "\\! sleep 1\n"


@dataclass(frozen=True)
class Limit:
    """A limit of the server, and a file that passes it."""

    cause: str
    setting: str
    sql: str
    since: int = 12
    cure: bool = True


LIMITS = [
    Limit("idle-in-transaction-timeout", "idle_in_transaction_session_timeout", f"BEGIN;\n{FIRST}{GAP}{SECOND}COMMIT;\n"),
    Limit("transaction-timeout", "transaction_timeout", f"BEGIN;\n{FIRST}SELECT pg_sleep(1);\n{SECOND}COMMIT;\n", 17),
    Limit("transaction-timeout", "idle_session_timeout", f"{FIRST}{GAP}{SECOND}", 14, cure=False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "major"),
    [(LIMITS[0], 12), (LIMITS[0], 18), (LIMITS[1], 17), (LIMITS[2], 15)],
    ids=["idle-12", "idle-18", "transaction-17", "session-15"],
)
async def test_the_limit_that_ended_the_session_is_named_and_the_fix_lets_the_file_pass(
    limit: Limit, major: int, tmp_path: Path
) -> None:
    if nearest(major) < limit.since:
        pytest.skip(f"{limit.setting} exists since {limit.since}")
    with shop(major, SHOP) as (local, production):
        path = write(tmp_path, limit.sql)
        assert await in_thread(psql, local, path) == ""
        production.execute(f"ALTER DATABASE {production.name} SET {limit.setting} = '300ms'")
        error = await in_thread(psql, production, path)
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [limit.cause], error + explain(state)
        run_the_checks(limit.cause, state, production)
        alone = await triage(None, None, error=error)
        assert likely(alone) == [limit.cause], error + explain(alone)
        if limit.cure:
            [cure] = blocks(limit.cause, state, "fix", changes=True, on="file")
            fixed = write(tmp_path, limit.sql.replace("BEGIN;\n", f"BEGIN;\n{cure.sql}\n"), "0008_fixed.sql")
            assert await in_thread(psql, production, fixed) == ""


ENDED = "terminated-by-administrator"


@pytest.mark.parametrize("major", [13, 18])
async def test_a_session_that_somebody_ended_is_told_from_a_timeout(major: int, tmp_path: Path) -> None:
    with shop(major, SHOP) as (local, production):
        path = write(tmp_path, f"{FIRST}SELECT pg_sleep(60);\n{SECOND}")
        killer = threading.Thread(target=_end_when_asleep, args=(production,))
        killer.start()
        error = await in_thread(psql, production, path)
        killer.join(30)
        state = await triage(local, production, migration=path, error=error)
        assert likely(state) == [ENDED], error + explain(state)
        run_the_checks(ENDED, state, production)
        state = await triage(local, production, migration=path, seen="planned")
        assert ENDED not in causes(state), explain(state)


def _end_when_asleep(production: Database) -> None:
    asleep = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event = 'PgSleep' AND pid <> pg_backend_pid()"
    )
    eventually(lambda: production.execute(asleep), 30)


async def test_a_statement_that_was_cancelled_is_not_a_session_that_was_ended() -> None:
    error = "psql:m.sql:1: ERROR:  57014: canceling statement due to user request\n"
    state = await triage(None, None, error=error)
    assert ENDED not in causes(state), explain(state)
