"""SQL text to statements: nothing lost, every line right, a broken part never hides the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.migration.lexer import Piece, lex
from runbook.migration.model import Statement
from runbook.migration.statement import decode, split

SCRIPT = r"""-- a comment; with a semicolon
/* and /* a nested; */ one */ CREATE TABLE t (a int);

INSERT INTO t VALUES ('it''s; here'), (E'\'; x'), ($tag$ ; $$ ; $tag$);
CREATE FUNCTION f() RETURNS int LANGUAGE sql
BEGIN ATOMIC
  SELECT CASE WHEN true THEN 1 END;
  SELECT 2;
END;
CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);
SELECT "odd;name", U&'\0041;' FROM t -- trailing
;;
SELECT 3"""


def kinds(statements: tuple[Statement, ...]) -> list[tuple[int, str]]:
    return [(s.line, s.kind) for s in statements]


def test_statements_end_at_the_semicolons_that_end_them_and_nowhere_else() -> None:
    statements, problems = split(SCRIPT)
    assert problems == ()
    assert kinds(statements) == [
        (2, "CREATE TABLE"),
        (4, "INSERT"),
        (5, "CREATE FUNCTION"),
        (10, "CREATE RULE"),
        (11, "SELECT"),
        (13, "SELECT"),
    ]
    assert [s.index for s in statements] == [1, 2, 3, 4, 5, 6]


def test_a_broken_statement_is_named_with_its_position_and_the_rest_goes_on() -> None:
    statements, problems = split("SELECT 1;\n\n  CREATE TABEL x();\n" + SCRIPT, file="m.sql")
    assert kinds(statements)[:2] == [(1, "SELECT"), (3, "unparsed")]
    assert [k for _, k in kinds(statements)[2:]] == [k for _, k in kinds(split(SCRIPT)[0])]
    assert [line - 3 for line, _ in kinds(statements)[2:]] == [line for line, _ in kinds(split(SCRIPT)[0])]
    (problem,) = problems
    assert (problem.file, problem.line, problem.column) == ("m.sql", 3, 10)
    assert "TABEL" in (statements[1].problem or "")


def test_a_parenthesis_never_closed_costs_one_statement() -> None:
    statements, problems = split("CREATE TABLE a (b int;\nALTER TABLE c ADD d int;\nDROP TABLE e;")
    assert kinds(statements) == [(1, "unparsed"), (2, "ALTER TABLE"), (3, "DROP TABLE")]
    assert len(problems) == 1


def test_a_quote_never_closed_is_reported_where_it_opens() -> None:
    statements, problems = split("SELECT 1;\nSELECT 'oops;\nSELECT 2;\n")
    assert kinds(statements) == [(1, "SELECT"), (2, "unparsed")]
    assert (problems[0].line, problems[0].column) == (2, 8)


@pytest.mark.parametrize("text", ["", "  \n", "-- only a comment", "/* x */", ";;;", "\ufeff"])
def test_a_file_without_statements_has_none(text: str) -> None:
    assert split(text) == ((), ())


def test_windows_line_ends_and_a_bom_change_no_line() -> None:
    statements, problems = split("\ufeff" + SCRIPT.replace("\n", "\r\n"))
    assert problems == ()
    assert kinds(statements) == kinds(split(SCRIPT)[0])


def test_characters_beyond_ascii_shift_nothing() -> None:
    statements, problems = split("SELECT 'ÄÖÜ✓';\nSELECT 'é' FORM t;\nSELECT 3;")
    assert kinds(statements) == [(1, "SELECT"), (2, "unparsed"), (3, "SELECT")]
    assert problems[0].column == 17


def test_bytes_that_are_not_utf8_are_read_and_said() -> None:
    text = decode("SELECT 1;\nSELECT 'café';".encode("latin-1"), "x.sql")
    assert (text.encoding, text.text) == ("latin-1", "SELECT 1;\nSELECT 'café';")
    assert (text.problems[0].line, text.problems[0].column) == (2, 12)
    assert decode(b"\xef\xbb\xbfSELECT 1").text == "SELECT 1"
    assert decode("SELECT 1".encode("utf-16")).text == "SELECT 1"


def test_a_nul_breaks_its_own_statement_only() -> None:
    text = decode(b"SELECT 1;\nSELECT '\0';\nSELECT 3;", "x.sql")
    assert (text.problems[0].line, text.problems[0].column) == (2, 9)
    assert [s.kind for s in split(text.text)[0]] == ["SELECT", "unparsed", "SELECT"]


def test_an_expression_nested_thousands_deep_parses() -> None:
    (statement,), problems = split("CREATE VIEW v AS SELECT " + " || ".join(["a"] * 4000))
    assert (statement.kind, problems) == ("CREATE VIEW", ())


PSQL = r"""\set ON_ERROR_STOP on
\set schema app
\set label 'it''s'
CREATE SCHEMA :"schema";
SELECT :'label', arr[1:2], a::int, :'label;' FROM t;
\echo creating :schema
COPY t (a, b) FROM stdin;
1	;
2	'
\.
\copy t (a) from 'x.csv' with (format csv)
SELECT format('DROP TABLE %I', x) FROM y \gexec
\if :{?schema}
SELECT 'taken';
\else
SELECT 'not taken';
\endif
"""


def test_a_psql_script_is_read_as_psql_reads_it() -> None:
    statements, _ = split(PSQL)
    assert kinds(statements) == [
        (1, "psql \\set"),
        (2, "psql \\set"),
        (3, "psql \\set"),
        (4, "CREATE SCHEMA"),
        (5, "unparsed"),
        (6, "psql \\echo"),
        (7, "COPY"),
        (11, "psql \\copy"),
        (12, "psql \\gexec"),
        (13, "psql \\if"),
        (14, "SELECT"),
        (15, "psql \\else"),
        (17, "psql \\endif"),
    ]
    assert statements[3].sql == 'CREATE SCHEMA "app"'
    assert statements[7].node.relation.relname == "t"
    assert statements[8].node is not None


def test_a_psql_variable_that_is_not_set_is_named_in_the_problem() -> None:
    (statement,), (problem,) = split("SELECT * FROM :table;")
    assert statement.kind == "unparsed"
    assert "psql -v table=" in problem.message
    (given_it,), none = split("SELECT * FROM :table;", variables={"table": "t"})
    assert (given_it.sql, none) == ("SELECT * FROM t", ())


def test_a_condition_only_the_server_knows_keeps_both_branches_and_says_so() -> None:
    statements, problems = split("\\if :unknown\nDROP TABLE a;\n\\else\nDROP TABLE b;\n\\endif\n")
    assert [s.sql for s in statements if s.kind == "DROP TABLE"] == ["DROP TABLE a", "DROP TABLE b"]
    assert "both branches" in problems[0].message


def test_included_files_are_followed_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    texts = {"/m/a.sql": "SELECT 2;\n\\ir b.sql\n", "/m/b.sql": "\nSELECT 3;"}

    def include(name: str, file: str, relative: bool) -> tuple[str, str] | None:
        path = f"/m/{name}"
        return (path, texts[path]) if path in texts else None

    statements, problems = split("\\i a.sql\nSELECT 4;\n\\i gone.sql\n", file="/m/main.sql", include=include)
    assert [(s.file, s.line, s.kind) for s in statements] == [
        ("/m/a.sql", 1, "SELECT"),
        ("/m/b.sql", 2, "SELECT"),
        ("/m/main.sql", 2, "SELECT"),
        ("/m/main.sql", 3, "psql \\i"),
    ]
    assert "gone.sql" in problems[0].message


def test_files_that_include_each_other_end() -> None:
    statements, problems = split("\\i x\n", include=lambda name, file, relative: ("x", "\\i x\n"))
    assert len(statements) == 1
    assert "without end" in problems[0].message


def test_without_psql_a_backslash_is_a_syntax_error_as_for_every_driver() -> None:
    statements, problems = split("\\set x 1\n;SELECT 1;", psql=False)
    assert kinds(statements) == [(1, "unparsed"), (2, "SELECT")]
    assert len(problems) == 1


PARTS = st.sampled_from(
    [
        "SELECT 1",
        "INSERT INTO t VALUES ('a;b', $$;$$, E'\\';')",
        'ALTER TABLE "x;y" ADD c int',
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a THEN 1 END; END",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)",
        "DO $x$ BEGIN PERFORM 1; END $x$",
        "SELECT a$1 FROM b -- no; end\n",
        "SELECT /* ; /* ; */ ; */ 2",
    ]
)
GAPS = st.sampled_from([";", ";\n", ";\n-- x;\n", "; /* ; */ ", ";;", ";\r\n"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(PARTS, GAPS), max_size=6))
def test_the_scanner_cuts_where_the_parser_cuts(parts: list[tuple[str, str]]) -> None:
    text = "".join(part + gap for part, gap in parts)
    by_parser, problems = split(text)
    by_scanner = [p for p in lex(text, {}) if isinstance(p, Piece)]
    assert problems == ()
    assert [s.sql.split("--")[0].strip() for s in by_parser] == [p.text.split("--")[0].strip() for p in by_scanner]
    assert [s.line for s in by_parser] == [text.count("\n", 0, p.offset) + 1 for p in by_scanner]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="sel'\";$()\\-/*:\n\0é \t{}?", max_size=60))
def test_no_text_makes_reading_fail(text: str) -> None:
    statements, _ = split(text)
    assert all(s.line >= 1 and (s.node is not None or s.problem or s.kind.startswith("psql ")) for s in statements)
