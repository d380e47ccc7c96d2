"""Which statement of the migration failed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from runbook.failure import read_error
from runbook.failure.locate import locate
from runbook.migration import load, parse

SQL = """BEGIN;
SET LOCAL lock_timeout = '200ms';
ALTER TABLE orders
    ADD COLUMN note text;
CREATE UNIQUE INDEX orders_id_key
    ON orders (id);
ALTER TABLE orders ADD COLUMN other text; -- the last one
ALTER TABLE users ALTER COLUMN email SET NOT NULL;
CREATE INDEX CONCURRENTLY users_email ON users (email);
COMMIT;
"""
TEXTS = Path(__file__).parent / "texts"


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ('psql:<sql>:6: ERROR:  could not create unique index "orders_id_key"', 5),
        ('psql:<sql>:4: ERROR:  relation "orders" does not exist', 3),
        ("(psycopg2.errors.LockNotAvailable) canceling statement due to lock timeout\n"
         "[SQL: ALTER TABLE orders ADD COLUMN note text]", 3),
        ("ERROR:  canceling statement due to statement timeout\n"
         "STATEMENT:  create unique index orders_id_key on orders(id);", 5),
        ('ERROR:  column "email" of relation "users" contains null values', 8),
        ("ERROR:  CREATE INDEX CONCURRENTLY cannot run inside a transaction block", 9),
        ('ERROR:  column "other" of relation "orders" already exists', 7),
        ('could not create unique index "orders_id_key"', 5),
    ],
)  # fmt: skip
def test_the_statement_is_found_by_line_by_text_or_by_what_the_error_names(output: str, line: int) -> None:
    report = read_error(output)
    assert report is not None
    found = locate(report, parse(SQL))
    assert found is not None
    assert found.line == line


DJANGO = """Running migrations:
  Applying core.{name}...Traceback (most recent call last):
psycopg.errors.UndefinedFunction: {error}
HINT:  No operator matches the given name and argument types. You might need to add explicit type casts.
"""


@pytest.mark.parametrize(
    ("sql", "name", "error", "found"),
    [
        ("ALTER TABLE items ADD CHECK (quantity > 0);\n", "0095_items", "operator does not exist: text > integer", True),
        ("SET lock_timeout = '2s';\nALTER TABLE items ADD CHECK (quantity > 0);\n", "0095_items",
         "operator does not exist: text > integer", True),
        ("ALTER TABLE items ADD CHECK (quantity > 0);\nALTER TABLE items ADD CHECK (price > 0);\n", "0095_items",
         "operator does not exist: text > integer", False),
        ("ALTER TABLE items ADD CHECK (quantity > 0);\n", "0094_earlier", "operator does not exist: text > integer", False),
        ("ALTER TABLE items ADD CHECK (quantity > 0);\n", "0095_items", 'relation "django_migrations" does not exist', False),
    ],
)  # fmt: skip
def test_the_only_statement_of_the_file_that_the_tool_names_is_the_one(
    sql: str, name: str, error: str, found: bool, tmp_path: Path
) -> None:
    (tmp_path / "0095_items.sql").write_text(sql)
    report = read_error(DJANGO.format(name=name, error=error))
    assert report is not None
    at_fault = locate(report, load([tmp_path / "0095_items.sql"]))
    assert (at_fault is not None) is found
    assert at_fault is None or "quantity" in at_fault.sql


@pytest.mark.parametrize(
    "output",
    [
        "ERROR:  canceling statement due to lock timeout",
        'ERROR:  relation "orders" does not exist',
        'ERROR:  relation "payments" does not exist\nSTATEMENT:  SELECT * FROM payments WHERE id = 1',
        "ERROR:  deadlock detected",
    ],
)
def test_no_statement_is_named_when_several_or_none_could_be_it(output: str) -> None:
    report = read_error(output)
    assert report is not None
    assert locate(report, parse(SQL)) is None


def test_the_output_of_a_real_psql_run_leads_to_its_statement(tmp_path: Path) -> None:
    (tmp_path / "0007.sql").write_text(SQL)
    report = read_error(TEXTS / "real-psql-file.txt")
    assert report is not None
    found = locate(report, load([tmp_path / "0007.sql"]))
    assert found is not None
    assert found.sql.startswith("CREATE UNIQUE INDEX orders_id_key")


def test_the_file_that_the_tool_names_is_searched_and_no_other(tmp_path: Path) -> None:
    for name in ("V1__a.sql", "V2__b.sql"):
        (tmp_path / name).write_text("SELECT 1;\nALTER TABLE orders ADD COLUMN x int;\n")
    text = (
        'SQL State  : 42701\nError Code : 0\nMessage    : ERROR: column "x" of relation "orders" already exists\n'
        "Location   : db/migration/V2__b.sql (/sql/V2__b.sql)\nLine       : 2\n"
        "Statement  : ALTER TABLE orders ADD COLUMN x int\n"
    )
    report = read_error(text)
    assert report is not None
    found = locate(report, load([tmp_path], runner="flyway"))
    assert found is not None
    assert (Path(found.file).name, found.line) == ("V2__b.sql", 2)


def test_a_file_sent_as_one_string_is_searched_by_the_errors_position() -> None:
    report = read_error("ERROR:  canceling statement due to lock timeout")
    assert report is not None
    sent = dataclasses.replace(report, statement=SQL, statement_position=SQL.index("CREATE UNIQUE") + 3)
    found = locate(sent, parse(SQL))
    assert found is not None
    assert found.kind == "CREATE INDEX"


@pytest.mark.parametrize(
    ("names", "found"),
    [(("0095_items.sql",), True), (("0095_items.sql", "0096_more.sql"), True), (("0094_items.sql",), False)],
)
def test_a_files_name_that_is_printed_with_the_error_is_enough(
    names: tuple[str, ...], found: bool, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).write_text("ALTER TABLE items ADD CHECK (quantity > 0);\n")
    report = read_error("apply 0095_items.sql: ERROR: operator does not exist: text > integer (SQLSTATE 42883)")
    assert report is not None
    at_fault = locate(report, load([tmp_path]))
    assert (at_fault is not None and Path(at_fault.file).name == "0095_items.sql") is found
