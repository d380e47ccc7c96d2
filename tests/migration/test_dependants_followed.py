"""What holds a column fast, and a migration takes away or makes before it changes the column's type."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from runbook.migration import forecast, parse
from runbook.postgres import connect, read_catalog
from tests.support import WHEEL_MAJORS, Database, create_database, drop_database

SETUP = """
CREATE TABLE job (id int PRIMARY KEY, status text, note text, other text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER "On status" AFTER UPDATE OF status ON job FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER on_note AFTER UPDATE ON job FOR EACH ROW WHEN (new.note IS DISTINCT FROM old.note) EXECUTE FUNCTION tell();
CREATE POLICY mine ON job USING (other = current_user);
CREATE TABLE log (id int, said text, by_whom text);
CREATE RULE quiet AS ON UPDATE TO log WHERE new.said = 'x' DO INSTEAD NOTHING;
CREATE FUNCTION who(log) RETURNS text LANGUAGE sql RETURN (SELECT max(by_whom) FROM log);
CREATE TABLE news (id int PRIMARY KEY, title text);
CREATE PUBLICATION told FOR TABLE news (id, title);
"""
TYPE = "ALTER TABLE {} ALTER COLUMN {} TYPE varchar(40)"

TAKEN_AWAY = [
    ('DROP TRIGGER "On status" ON job', ("job", "status")),
    ("DROP PUBLICATION told", ("news", "title")),
    ("ALTER PUBLICATION told DROP TABLE news", ("news", "title")),
    ("DROP TRIGGER on_note ON job", ("job", "note")),
    ("DROP FUNCTION tell CASCADE", ("job", "note")),
    ("DROP POLICY mine ON job", ("job", "other")),
    ("DROP RULE quiet ON log", ("log", "said")),
    ("DROP FUNCTION who(log)", ("log", "by_whom")),
    ("DROP FUNCTION who", ("log", "by_whom")),
]
MADE = [
    ("CREATE TRIGGER t AFTER UPDATE OF id ON log FOR EACH ROW EXECUTE FUNCTION tell()", ("log", "id")),
    (
        "CREATE TRIGGER t BEFORE INSERT ON log FOR EACH ROW WHEN (new.id > 3) EXECUTE FUNCTION tell()",
        ("log", "id"),
    ),
    ("CREATE POLICY p ON log FOR SELECT USING (id > 0)", ("log", "id")),
]


@pytest.fixture(params=WHEEL_MAJORS)
def somewhere(request: pytest.FixtureRequest) -> Iterator[Database]:
    database = create_database(request.param)
    with database.connect() as connection:
        connection.execute(SETUP.encode())
        connection.commit()
    yield database
    drop_database(database)


async def _told(database: Database, sql: str) -> list[tuple[str, bool]]:
    """The failures that are foretold of each statement: SQLSTATE and whether it is certain."""
    connection = await connect(database.dsn())
    async with connection:
        catalog = await read_catalog(connection)
    statements = forecast(parse(sql, runner="psql"), catalog).statements
    return [(s.fails.sqlstate, s.fails.certain) for s in statements if s.fails is not None and s.fails.certain]


def _run(database: Database, sql: str) -> str | None:
    with database.connect() as connection:
        try:
            connection.execute(sql.encode())
        except psycopg.Error as error:
            return error.sqlstate
    return None


@pytest.mark.parametrize(("before", "column"), TAKEN_AWAY, ids=[t[0][:40] for t in TAKEN_AWAY])
async def test_what_was_dropped_earlier_in_the_migration_refuses_nothing(
    somewhere: Database, before: str, column: tuple[str, str]
) -> None:
    change = TYPE.format(*column)
    refused = _run(somewhere, change)
    assert refused in ("0A000", "XX000")  # 16.2 calls functions and publications "unexpected"
    assert await _told(somewhere, change) == [(refused, True)]
    assert await _told(somewhere, f"{before}; {change}") == []
    assert _run(somewhere, f"{before}; {change}") is None


@pytest.mark.parametrize(("before", "column"), MADE, ids=[m[0][:40] for m in MADE])
async def test_what_was_made_earlier_in_the_migration_refuses_the_change(
    somewhere: Database, before: str, column: tuple[str, str]
) -> None:
    change = "ALTER TABLE {} ALTER COLUMN {} TYPE bigint".format(*column)
    refused = _run(somewhere, f"{before}; {change}")
    assert refused in ("0A000", "XX000")
    assert await _told(somewhere, f"{before}; {change}") == [(refused, True)]
