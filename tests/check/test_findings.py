"""Findings: nothing that a forecast says against a statement is lost, and each part can be answered for by itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from runbook.check.findings import findings, worst
from runbook.check.fingerprint import normalised
from runbook.migration import Catalog, forecast, parse
from runbook.migration.hazard_words import HAZARDS
from runbook.migration.result import RelationLock
from runbook.migration.severity import OWN_WEIGHT, RANK

PACKAGE = Path(__file__).parents[2] / "runbook"

STATEMENTS = """
CREATE TABLE made (id int primary key);
CREATE INDEX ON made (id);
CREATE INDEX ON orders (id);
ALTER TABLE orders ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES b (id);
ALTER TABLE orders ALTER COLUMN a TYPE bigint;
ALTER TABLE orders ALTER COLUMN a SET NOT NULL;
ALTER TABLE orders DROP COLUMN b;
ALTER TABLE orders ADD COLUMN c int NOT NULL;
UPDATE orders SET a = 1;
DROP TABLE foo;
LOCK TABLE foo;
VACUUM FULL foo;
DO $$ BEGIN EXECUTE 'x'; END $$;
BEGIN; CREATE INDEX CONCURRENTLY ON orders (id); COMMIT;
BEGIN; ALTER TABLE orders ADD COLUMN d int; UPDATE other SET a = 1; COMMIT;
ALTER TABLE orders DISABLE TRIGGER ALL;
SELECT 1;
SELEC 1;
"""


def test_the_worst_finding_of_a_statement_is_as_bad_as_the_statement() -> None:
    migration = parse(STATEMENTS)
    told = forecast(migration, Catalog.assumed())
    found = findings(told, migration)
    assert {s.severity for s in told.statements} == {"ok", "notice", "warning", "danger"}
    for statement in told.statements:
        of_it = [f for f in found if f.statement == statement.index]
        if statement.kind == "unparsed":
            assert [(f.id, f.severity) for f in of_it] == [("does-not-parse", "danger")]
        else:
            assert worst(of_it) == statement.severity, statement.sql


def test_without_the_hazard_that_a_lock_is_for_what_is_left_is_a_notice() -> None:
    migration = parse("CREATE INDEX ON orders (id);")
    found = findings(forecast(migration, Catalog.assumed()), migration)
    assert [(f.id, f.severity) for f in found] == [
        ("create-index-blocks-writes", "danger"),
        ("lock-queue-behind-waiting-ddl", "notice"),
    ]


def test_a_certain_failure_is_told_from_what_else_is_wrong_with_the_statement() -> None:
    migration = parse("BEGIN; CREATE INDEX CONCURRENTLY ON orders (id); COMMIT;")
    found = {f.id: f for f in findings(forecast(migration, Catalog.assumed()), migration)}
    assert found["not-allowed-in-transaction"].certain_failure
    assert not found["heavy-validate-or-build"].certain_failure
    assert found["heavy-validate-or-build"].severity == "notice"


def test_a_session_that_is_waited_for_is_a_finding_with_its_pid() -> None:
    from runbook.migration.forecast import HeldLock

    migration = parse("ALTER TABLE orders ADD COLUMN a int;")
    held = HeldLock(4711, None, "public.orders", "AccessShareLock", 60.0, "idle in transaction", None, "etl")
    told = forecast(migration, Catalog.assumed(), activity=[held])
    assert RelationLock("public.orders", "AccessExclusiveLock") in told.statements[0].locks
    (waits,) = (f for f in findings(told, migration) if f.id == "waits-for-lock-now")
    assert waits.severity == told.statements[0].severity == "danger"
    assert "pid 4711 (etl)" in waits.message


def test_every_hazard_that_the_code_can_name_has_words() -> None:
    ids = set(OWN_WEIGHT)
    for path in (PACKAGE / "migration").rglob("*.py"):
        text = path.read_text()
        if path.name == "hazard_words.py" or ("Hazard(" not in text and "hazard" not in path.name):
            continue
        constants = (n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant))
        ids |= {c for c in constants if isinstance(c, str) and re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", c)}
    assert len(ids) > 30
    assert ids <= set(HAZARDS)
    own = set(re.findall(r'_Part\(\s*"([a-z-]+)"', (PACKAGE / "check/findings.py").read_text()))
    assert own
    assert own <= set(HAZARDS)


def test_titles_are_one_line_that_fits_an_annotation() -> None:
    for id_, words in HAZARDS.items():
        assert 10 < len(words.title) < 100, id_
        assert words.instead.endswith("."), id_


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CREATE INDEX ON orders (id)", "create  index\n  on ORDERS(id) ;"),
        ("CREATE INDEX ON orders (id)", 'CREATE INDEX -- why\n ON /* where */ "orders" (id)'),
        ("SELECT 'a  b'", "select 'a  b'"),
    ],
)
def test_reformatting_is_the_same_statement(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 'a  b'", "SELECT 'a b'"),
        ("SELECT 'A'", "SELECT 'a'"),
        ('CREATE INDEX ON "Orders" (id)', "CREATE INDEX ON Orders (id)"),
        ("DO $$ BEGIN END $$", "DO $$ begin END $$"),
        ("SELECT 'a--b'", "SELECT 'a'"),
    ],
)
def test_another_meaning_is_another_statement(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def test_severities_are_ordered() -> None:
    assert sorted(RANK, key=RANK.__getitem__) == ["ok", "notice", "warning", "danger"]
