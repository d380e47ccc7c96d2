"""The SQL of the playbooks on replication does on real servers what they say, whatever the objects are called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runbook.diagnosis.facts import Fact, FactBook
from runbook.diagnosis.vocabulary import BY_ID
from runbook.migration.statement import split
from runbook.playbook import SqlBlock
from tests.playbooks.incident import playbooks
from tests.playbooks.test_errors_sql import run
from tests.support import BARE, Database, create_database, drop_database, majors
from tests.triage.incident import fact, triage, write

EXTREMES = pytest.mark.parametrize("database", [min(majors()), max(majors())], indirect=True)
CAUSES = (
    "publication-needs-replica-identity",
    "ddl-not-replicated",
    "recovery-conflict",
    "standby-feedback-holds-snapshot",
)
TABLE, KEY = '"My Schema"."Order\'s ""Items"""', '"Items\' key"'
ADD = f'ALTER TABLE {TABLE} ADD COLUMN "It\'s new" numeric(9, 2)'
SETUP = f"""
    CREATE SCHEMA "My Schema";
    CREATE TABLE {TABLE} (id int NOT NULL, "E mail" text);
    CREATE UNIQUE INDEX {KEY} ON {TABLE} (id);
    INSERT INTO {TABLE} VALUES (1, 'a');
"""


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    made = create_database(request.param)
    yield made
    drop_database(made)


def hostile(database: Database, **other: Any) -> FactBook:
    """The samples, with names that break whoever quotes by hand."""
    facts = {
        "production.major": database.major,
        "production.database": database.name,
        "production.role": BARE,
        "failing.relation": TABLE,
        "failing.column": '"E mail"',
        "replication.unidentified": [unidentified()],
        "replication.kept_rows": [{**BY_ID["replication.kept_rows"].sample[0], "relation": TABLE}],
        "replication.changes": [{**BY_ID["replication.changes"].sample[0], "relation": TABLE, "subscriber_sql": ADD}],
    } | other
    return FactBook.of_samples().with_facts(Fact(id_, value, "test", "test") for id_, value in facts.items())


def unidentified(**other: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict(BY_ID["replication.unidentified"].sample[0])
    return {**row, "relation": TABLE, "publications": ['It\'s "cdc"'], "key": KEY, **other}


def blocks(cause: str, book: FactBook, section: str, *, changes: bool) -> list[SqlBlock]:
    found = [b for b in playbooks()[cause].render(book).sql if b.section == section and b.changes == changes]
    assert all(b.runnable for b in found), [b.missing for b in found]
    return found


@pytest.mark.parametrize("cause", CAUSES)
def test_every_look_runs_on_every_major_and_writes_nothing(matrix_database: Database, cause: str) -> None:
    matrix_database.execute(SETUP)
    checks = [b for b in playbooks()[cause].render(hostile(matrix_database)).sql if not b.changes]
    assert checks
    assert all(c.runnable for c in checks), [c.missing for c in checks]
    # what is asked of a standby or a subscriber can be asked of any server: it only finds other rows there
    with matrix_database.connect() as connection:
        connection.execute("SET default_transaction_read_only = on")
        for check in checks:
            for statement in split(check.sql)[0]:
                try:
                    connection.execute(statement.sql.encode())
                except psycopg.Error as error:
                    raise AssertionError(f"{check.section}: {check.sql}") from error


@pytest.mark.parametrize("cause", CAUSES)
def test_with_nothing_known_nothing_that_changes_can_be_run(cause: str) -> None:
    for block in playbooks()[cause].render(FactBook()).sql:
        assert block.runnable or block.missing
        # a setting of the standby names nothing of the incident
        assert not (block.changes and block.runnable) or block.on == "standby", block.sql


# -- a published table without an identity -------------------------------------------------------------------------------

IDENTITY = "publication-needs-replica-identity"


@EXTREMES
@pytest.mark.parametrize("with_key", [True, False], ids=["by-index", "full"])
def test_an_identity_lets_the_update_pass_and_can_be_taken_back(database: Database, with_key: bool) -> None:
    database.execute(SETUP)
    database.execute('CREATE PUBLICATION "It\'s ""cdc""" FOR ALL TABLES')
    update = f"UPDATE {TABLE} SET \"E mail\" = 'x'"
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        database.execute(update)
    if not with_key:
        database.execute(f'DROP INDEX "My Schema".{KEY}')
    book = hostile(database, **{"replication.unidentified": [unidentified(key=KEY if with_key else "")]})
    _, look = blocks(IDENTITY, book, "fix", changes=False)
    assert [(r[1], r[5]) for r in run(database, look.sql)] == [("d", True if with_key else None)]
    [verify] = blocks(IDENTITY, book, "verify", changes=False)
    assert run(database, verify.sql) == [("d", False)]
    [missing] = blocks(IDENTITY, book, "prevent", changes=False)
    assert [r[0] for r in run(database, missing.sql)] == [TABLE]
    run(database, blocks(IDENTITY, book, "fix", changes=True)[0].sql)
    assert run(database, verify.sql) == [("i" if with_key else "f", True)]
    assert run(database, missing.sql) == []
    database.execute(update)
    [back] = blocks(IDENTITY, book, "roll_back", changes=True)
    run(database, back.sql)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        database.execute(update)


# -- changes that a subscriber does not get ------------------------------------------------------------------------------

CHANGES = f"""
    ALTER TABLE {TABLE} ADD COLUMN "It's new" numeric(9, 2) NOT NULL DEFAULT 7, ADD COLUMN "n""o" bigserial;
    ALTER TABLE {TABLE} RENAME COLUMN "E mail" TO "Mail; it's";
    ALTER TABLE {TABLE} ALTER COLUMN id TYPE bigint;
    ALTER TYPE "My Schema"."Sta'te" ADD VALUE 'it''s "new"';
    ALTER TABLE {TABLE} RENAME TO "Order's; gone";
"""


@EXTREMES
async def test_what_the_subscriber_is_given_brings_its_tables_to_the_same_columns(
    database: Database, tmp_path: Path
) -> None:
    other = create_database(database.major)
    shape = (
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c JOIN pg_attribute a"
        " ON a.attrelid = c.oid WHERE c.relkind = 'r' AND c.relnamespace = '\"My Schema\"'::regnamespace AND a.attnum > 0"
        " ORDER BY 1, 2"
    )
    try:
        for made in (database, other):
            made.execute(SETUP)
            made.execute("""CREATE TYPE "My Schema"."Sta'te" AS ENUM ('a')""")
            made.execute(f"""ALTER TABLE {TABLE} ADD COLUMN state "My Schema"."Sta'te" """)
        database.execute("CREATE PUBLICATION p FOR ALL TABLES")
        path = write(tmp_path, CHANGES)
        state = await triage(None, database, migration=path, seen="planned")
        changes = fact(state, "replication.changes")
        assert [c["done"] for c in changes if c["done"] is not None] == [False] * 4
        run(database, CHANGES)
        for change in changes:
            run(other, change["subscriber_sql"])
        assert database.execute(shape) == other.execute(shape)
        assert 'it\'s "new"' in {label for (label,) in other.execute("SELECT enumlabel FROM pg_enum")}
        state = await triage(None, database, migration=path, seen="broken")
        assert {c["done"] for c in fact(state, "replication.changes")} <= {True, None}
    finally:
        drop_database(other)
