"""The SQL of the playbooks on words that majors know differently runs as printed, on the oldest and the newest server."""

from __future__ import annotations

import pytest

from runbook.diagnosis.facts import FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import playbooks
from tests.playbooks.test_errors_sql import SETUP, blocks, changes, facts, run
from tests.support import create_database, drop_database, majors

CAUSES = ("unknown-setting-on-server", "reserved-word-in-newer-major", "behaviour-changed-in-newer-major")
VERSIONS = {
    "keyword": "system_user",
    "keyword_reserved_by": "production",
    "error_removed": "array_append(anyarray, anyelement)",
    "error_since": 14,
    "removed": [],
}


@pytest.mark.parametrize("major", [min(majors()), max(majors())])
def test_all_checks_run_and_change_nothing_and_a_setting_is_set_only_where_it_exists(major: int) -> None:
    database = create_database(major)
    try:
        database.execute(SETUP)
        for name in ('it\'s "odd"', "transaction_timeout", "lock_timeout"):
            error = {"sqlstate": "42704", "setting": name}
            book = facts(database, error=error, versions=VERSIONS | {"setting": name})
            with database.connect() as connection:
                connection.execute("SET default_transaction_read_only = on")
                for cause in CAUSES:
                    checks = [b for b in blocks(cause, book, changes=False) if b.runnable]
                    assert checks, cause
                    for statement in (s for b in checks for s in split(b.sql)[0]):
                        connection.execute(statement.sql.encode())
            [guarded] = changes("unknown-setting-on-server", book)
            known = database.execute(
                f"SELECT count(*) FROM pg_settings WHERE name = '{name.replace(chr(39), chr(39) * 2)}'"
            )
            assert len(run(database, guarded)) == known[0][0]
    finally:
        drop_database(database)


@pytest.mark.parametrize("cause", CAUSES)
def test_with_nothing_known_every_value_is_a_named_gap_and_nothing_is_run(cause: str) -> None:
    for block in playbooks()[cause].render(FactBook()).sql:
        assert block.runnable or block.missing
