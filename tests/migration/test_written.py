"""Which columns a statement writes and which it leaves to their defaults."""

from __future__ import annotations

import pytest

from runbook.migration.catalog import Column, Relation
from runbook.migration.statement import split
from runbook.migration.written import corrected, target, written

TABLE = Relation(
    "public",
    "t",
    columns=(
        Column("id", "int4", identity="d", attnum=1),
        Column("a", "text", attnum=2),
        Column("b", "text", attnum=4),
    ),
)


@pytest.mark.parametrize(
    ("sql", "given", "left"),
    [
        ("INSERT INTO t DEFAULT VALUES", "", "id a b"),
        ("INSERT INTO t (b, a) VALUES (1, 2)", "b a", "id"),
        ("INSERT INTO t VALUES (1, 2)", "id a", "b"),
        ("INSERT INTO t VALUES (1, 2, 3), (DEFAULT, 2, 3)", "id a b", "id"),
        ("INSERT INTO t OVERRIDING USER VALUE VALUES (1, 2, 3)", "a b", "id"),
        ("INSERT INTO t (a) SELECT * FROM u", "a", "id b"),
        ("INSERT INTO t SELECT 1, x FROM u", "id a", "b"),
        ("INSERT INTO t SELECT 1 UNION SELECT x.y FROM x", "id", "a b"),
        ("UPDATE t SET a = 1, b = DEFAULT", "a", "b"),
        ("UPDATE t SET (a, b) = (SELECT 1, 2)", "a b", ""),
        ("COPY t (a) FROM stdin", "a", "id b"),
        ("COPY t FROM stdin", "id a b", ""),
    ],
)
def test_the_columns_that_get_a_value_are_told_from_those_left_to_their_default(
    sql: str, given: str, left: str
) -> None:
    found = written(split(sql)[0][0].node, TABLE)
    assert found is not None
    assert (set(found.given), set(found.left)) == (set(given.split()), set(left.split()))


@pytest.mark.parametrize("sql", ["INSERT INTO t SELECT * FROM u", "DELETE FROM t", "DO 'BEGIN END'"])
def test_what_the_text_does_not_tell_is_not_guessed(sql: str) -> None:
    assert written(split(sql)[0][0].node, TABLE) is None


def test_only_what_writes_a_table_has_a_target() -> None:
    assert [str(target(s.node)) for s in split("COPY x.t FROM stdin; COPY t TO stdout; SELECT 1; UPDATE t SET a = 1")[0]] == [
        "x.t", "None", "None", "t",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "identity", "generated", "expected"),
    [
        ("INSERT INTO t VALUES (7, 1, 2)", "id", "b", "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (7, 1, DEFAULT)"),
        (
            "INSERT INTO t (b, a) VALUES (1, 2), (3, 4)",
            "",
            "b",
            "INSERT INTO t (b, a) VALUES (DEFAULT, 2), (DEFAULT, 4)",
        ),
        ("INSERT INTO t (a, b) SELECT x, y FROM u", "", "b", "INSERT INTO t (a) SELECT x FROM u"),
        ("INSERT INTO t (a, b) SELECT 1, 2 UNION SELECT 3, 4", "", "b", ""),
        ("UPDATE t SET a = 1, b = 2 WHERE id = 3", "", "b", "UPDATE t SET a = 1 WHERE id = 3"),
        ("UPDATE t SET b = 2", "", "b", ""),
        ("UPDATE t SET (a, b) = (SELECT 1, 2)", "", "b", ""),
        ("UPDATE t SET id = 2", "id", "", ""),
        ("COPY t (b) FROM stdin", "", "b", ""),
    ],
)
def test_the_statement_is_written_as_postgresql_takes_it_or_not_at_all(
    sql: str, identity: str, generated: str, expected: str
) -> None:
    node = split(sql)[0][0].node
    before = node.SerializeToString()
    assert corrected(node, frozenset(identity.split()), frozenset(generated.split()), TABLE) == expected
    assert node.SerializeToString() == before
