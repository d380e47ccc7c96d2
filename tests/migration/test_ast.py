"""What the helpers read out of a statement's parse tree."""

from __future__ import annotations

from typing import Any

import pytest

from runbook.migration import ast
from runbook.migration.statement import parse_one


def uses(sql: str) -> list[tuple[str, str]]:
    return [(str(u.name), u.use) for u in ast.relations_used(parse_one(sql))]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM a JOIN s.b USING (id)", [("a", "read"), ("s.b", "read")]),
        ("INSERT INTO a SELECT * FROM b", [("a", "insert"), ("b", "read")]),
        ("UPDATE a SET x = b.x FROM b", [("a", "update"), ("b", "read")]),
        ("DELETE FROM a USING b WHERE a.id IN (SELECT id FROM c)", [("a", "delete"), ("b", "read"), ("c", "read")]),
        ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE", [("a", "merge"), ("b", "read")]),
        ("CREATE TABLE a (b int REFERENCES c) ", [("a", "create"), ("c", "reference")]),
        ("CREATE TABLE a PARTITION OF p DEFAULT", [("a", "create"), ("p", "parent")]),
        ("CREATE TABLE a AS SELECT * FROM b", [("b", "read"), ("a", "create")]),
        ("CREATE VIEW a AS SELECT * FROM b", [("a", "create"), ("b", "read")]),
        ("ALTER TABLE a ATTACH PARTITION b DEFAULT", [("a", "ddl"), ("b", "ddl")]),
        ('DROP TABLE a, "S"."b;c"', [("a", "drop"), ('"S"."b;c"', "drop")]),
        ("DROP TRIGGER t ON s.a", [("s.a", "ddl")]),
        ("COMMENT ON COLUMN s.a.c IS 'x'", [("s.a", "ddl")]),
        ("TRUNCATE a, b", [("a", "truncate"), ("b", "truncate")]),
        ("COPY a FROM STDIN", [("a", "insert")]),
        ("COPY a TO STDOUT", [("a", "read")]),
        ("CREATE TYPE a AS (b int)", []),
    ],
)
def test_every_relation_a_statement_names_is_found_with_its_use(sql: str, expected: list[tuple[str, str]]) -> None:
    assert sorted(uses(sql)) == sorted(expected)


def test_the_name_of_a_cte_is_not_a_relation_but_the_table_it_shadows_is() -> None:
    assert uses("WITH t AS (SELECT * FROM t) SELECT * FROM t") == [("t", "read")]
    assert uses("WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT * FROM t) SELECT * FROM t") == []
    assert uses("WITH d AS (DELETE FROM a RETURNING *) INSERT INTO d SELECT * FROM d") == [
        ("a", "delete"),
        ("d", "insert"),
    ]


def test_marks_written_after_a_column_constraint_belong_to_it() -> None:
    (column,) = ast.column_specs(
        parse_one("ALTER TABLE t ADD c int CONSTRAINT fk REFERENCES p (id) DEFERRABLE NOT ENFORCED DEFAULT 5 NOT NULL")
    )
    key, default, not_null = column.constraints
    assert (key.kind, key.name, key.deferrable, key.enforced) == ("f", "fk", True, False)
    assert (key.references, key.referenced_columns, key.columns) == (ast.Name(None, "p"), ("id",), ("c",))
    assert ast.constant(default.expression) == 5
    assert not_null.kind == "n"
    assert column.not_null


def test_types_are_canonical_whatever_their_spelling() -> None:
    columns = ast.column_specs(
        parse_one("CREATE TABLE t (a INTEGER, b varchar(9)[], c s.x, d bigserial, e numeric(1,2))")
    )
    assert [c.type for c in columns] == [
        ast.TypeRef("pg_catalog", "int4"),
        ast.TypeRef("pg_catalog", "varchar", (9,), 1),
        ast.TypeRef("s", "x"),
        ast.TypeRef(None, "bigserial"),
        ast.TypeRef("pg_catalog", "numeric", (1, 2)),
    ]
    assert columns[3].not_null


@pytest.mark.parametrize(
    ("expression", "value"),
    [("5", 5), ("'x'::text", "x"), ("1.50", "1.50"), ("true", True), ("NULL::int", None), ("now()", None)],
)
def test_a_constant_is_told_from_an_expression(expression: str, value: Any) -> None:
    target = parse_one(f"SELECT {expression}").target_list[0].res_target.val
    assert ast.constant(target) == value
    assert ast.is_null(target) == (expression == "NULL::int")


def test_names_are_cut_to_63_bytes_without_breaking_a_character() -> None:
    ((name, _),) = uses('DROP TABLE "' + "é" * 40 + '"')
    assert name.strip('"') == "é" * 31


def test_alter_commands_come_in_the_order_written() -> None:
    commands = ast.alter_commands(parse_one("ALTER TABLE t DROP COLUMN IF EXISTS a CASCADE, ADD b int, OWNER TO x"))
    assert [(c.type, c.name, c.cascade, c.missing_ok) for c in commands] == [
        ("AT_DropColumn", "a", True, True),
        ("AT_AddColumn", "", False, False),
        ("AT_ChangeOwner", "", False, False),
    ]


def test_options_are_read_with_their_values() -> None:
    node = parse_one("VACUUM (FULL, PARALLEL 2, INDEX_CLEANUP off) t")
    assert ast.options(node.options) == {"full": True, "parallel": 2, "index_cleanup": "off"}


def test_functions_are_found_wherever_they_stand() -> None:
    node = parse_one("CREATE TABLE t (a uuid DEFAULT s.make(1, 2), CHECK (lower(b) = any_value(c)))")
    assert [(str(f.name), f.arguments) for f in ast.functions_used(node)] == [
        ("s.make", 2),
        ("lower", 1),
        ("any_value", 1),
    ]


def test_an_expression_nested_thousands_deep_is_walked() -> None:
    node = parse_one("SELECT " + "||".join(["f(a)"] * 3000))
    assert len(ast.functions_used(node)) == 3000
