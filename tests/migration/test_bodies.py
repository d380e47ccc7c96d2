"""Calls of users' functions: what their bodies do is told, and what cannot be read from them is said to be unknown."""

from __future__ import annotations

import pytest

from runbook.migration.apply import apply
from runbook.migration.catalog import Catalog, Schema
from runbook.migration.effects import Effects, effects
from runbook.migration.statement import split

_MADE = """
CREATE TABLE t (a int);
CREATE FUNCTION emptied() RETURNS void LANGUAGE sql AS 'DELETE FROM t';
CREATE FUNCTION dynamic(n text) RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE 'DROP TABLE ' || n; END$$;
CREATE FUNCTION python() RETURNS int LANGUAGE plpython3u AS 'return 1';
CREATE FUNCTION in_c() RETURNS trigger LANGUAGE c AS 'x', 'y';
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION in_c();
CREATE FUNCTION branches(n int) RETURNS int LANGUAGE plpgsql AS
    $$BEGIN IF n > 1 THEN DELETE FROM t; END IF; RETURN 1; END$$;
CREATE FUNCTION lacks() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT 1 FROM not_there); END$$;
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$BEGIN COMMIT; END$$;
"""


def _told(sql: str) -> Effects:
    catalog = Catalog(180000, basis="production", schemas={"public": Schema("public", can_create=True, can_use=True)})
    for statement in split(_MADE, psql=False)[0]:
        catalog = apply(catalog, statement)
    return effects(split(sql, psql=False)[0][0], catalog)


def test_what_a_called_function_locks_is_told() -> None:
    found = _told("SELECT emptied()")
    assert (found.confidence, found.modes) == ("exact", ((("public", "t"), "RowExclusiveLock"),))


@pytest.mark.parametrize(
    ("sql", "confidence", "because"),
    [
        ("SELECT dynamic('t')", "opaque", "EXECUTE"),
        ("SELECT python()", "opaque", "not in the statement"),
        ("CALL nobody_knows()", "opaque", "not in the statement"),
        ("INSERT INTO t VALUES (1)", "likely", "trigger g"),
        ("SELECT branches(2)", "likely", "under a condition"),
        ("SELECT lacks()", "likely", "not_there"),
    ],
)
def test_what_cannot_be_known_of_a_call_is_said_with_its_reason(sql: str, confidence: str, because: str) -> None:
    found = _told(sql)
    assert found.confidence == confidence
    assert because in (found.opaque_because or "")
    assert found.fails is None or not found.fails.certain


def test_a_procedure_that_commits_may_not_be_called_in_a_transaction() -> None:
    assert _told("CALL commits()").transaction == "forbidden"
