"""The SQL of the playbooks on dependencies does on real servers what they say, whatever the objects are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from runbook.diagnosis.facts import FactBook
from runbook.migration.statement import split
from tests.playbooks.incident import playbooks
from tests.playbooks.test_errors_sql import Q_COLUMN, Q_TABLE, SETUP, blocks, facts, run
from tests.support import BARE, Database, create_database, drop_database, majors

CAUSES = ("dependent-policy-or-trigger",)
EXTREMES = pytest.mark.parametrize("major", [min(majors()), max(majors())])


@pytest.fixture
def items(major: int) -> Iterator[Database]:
    made = create_database(major)
    made.execute(SETUP)
    yield made
    drop_database(made)


@EXTREMES
def test_all_checks_run_on_the_oldest_and_the_newest_major_and_change_nothing(items: Database) -> None:
    with items.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for cause in CAUSES:
            checks = [b for b in blocks(cause, facts(items), changes=False) if b.runnable]
            assert checks, f"{cause} has no check that runs as it stands"
            for statement in (s for b in checks for s in split(b.sql)[0]):
                connection.execute(statement.sql.encode())


@pytest.mark.parametrize("cause", CAUSES)
def test_with_nothing_known_every_value_is_a_named_gap_and_nothing_is_run(cause: str) -> None:
    for block in playbooks()[cause].render(FactBook()).sql:
        assert block.runnable or block.missing
        if block.changes:
            assert "''" not in block.sql, block.sql


def saved(database: Database, sql: str) -> list[str]:
    """The statements that a block of the playbook writes: its one query, out of its transaction."""
    query = next(s.sql for s in split(sql)[0] if s.sql.startswith(("SELECT", "WITH")))
    return [row[0] for row in run(database, query)]


def carry_out(database: Database, written: list[str], change: str) -> None:
    """What was saved, with the migration's change at its place, in one transaction."""
    place = next(i for i, sql in enumerate(written) if sql.startswith("--"))
    with database.connect() as connection, connection.transaction():
        for sql in (*written[:place], change, *written[place + 1 :]):
            connection.execute(sql.encode())


def without_order(rows: list[tuple[Any, ...]]) -> list[str]:
    return sorted(map(str, rows))


# -- policies, triggers, generated columns, publications ----------------------------------------------------------------


HANGS_ON_COLUMN = f"""
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    ALTER TABLE {Q_TABLE} ENABLE ROW LEVEL SECURITY;
    CREATE POLICY "It's mine" ON {Q_TABLE} AS RESTRICTIVE FOR UPDATE TO {BARE}, PUBLIC
        USING ({Q_COLUMN} <> 'It''s') WITH CHECK ({Q_COLUMN} <> 'no');
    CREATE POLICY plain ON {Q_TABLE} FOR INSERT WITH CHECK ({Q_COLUMN} <> '');
    CREATE TRIGGER "Audit's" BEFORE UPDATE OF {Q_COLUMN} ON {Q_TABLE} FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE TRIGGER off AFTER INSERT ON {Q_TABLE} FOR EACH ROW WHEN (NEW.{Q_COLUMN} = 'x') EXECUTE FUNCTION touch();
    ALTER TABLE {Q_TABLE} DISABLE TRIGGER off;
    ALTER TABLE {Q_TABLE} ADD COLUMN "La bel" text GENERATED ALWAYS AS ({Q_COLUMN} || 'x') STORED;
"""
PUBLISHED = (
    f"""CREATE PUBLICATION "My feed" FOR TABLE {Q_TABLE} (id, {Q_COLUMN}) WHERE (id > 1 AND {Q_COLUMN} <> 'It''s')"""
)


@EXTREMES
def test_what_hangs_on_a_column_is_dropped_and_made_again_around_the_change(items: Database) -> None:
    cause, change = "dependent-policy-or-trigger", f"ALTER TABLE {Q_TABLE} ALTER COLUMN {Q_COLUMN} TYPE varchar(40)"
    items.execute(HANGS_ON_COLUMN)
    if items.major >= 15:
        items.execute(PUBLISHED)
    book = facts(items, error={"sqlstate": "0A000"}, statement={"sql": change})
    with pytest.raises(psycopg.Error, match=r"cannot alter type|unexpected object"):
        items.execute(change)
    direct, save = blocks(cause, book, "fix", changes=False)
    [verify] = blocks(cause, book, "verify")
    before, hanging = run(items, verify.sql), run(items, direct.sql)
    assert len(hanging) == (6 if items.major >= 15 else 5)
    policies = (
        "SELECT policyname, permissive, roles::text, cmd, replace(qual, '::text', '') FROM pg_policies ORDER BY 1"
    )
    kept = items.execute(policies)
    carry_out(items, saved(items, save.sql), change)
    assert without_order(run(items, verify.sql)) == without_order(before)
    assert [r[:4] for r in items.execute(policies)] == [r[:4] for r in kept]
    assert len(run(items, direct.sql)) == len(hanging)
    assert items.execute(f'SELECT "La bel" FROM {Q_TABLE} WHERE id = 1') == [("ax",)]
    if items.major >= 15:
        assert items.execute("SELECT attnames::text FROM pg_publication_tables") == [('{id,"E mail"}',)]
