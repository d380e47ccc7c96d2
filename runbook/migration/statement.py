"""SQL text to statements, by PostgreSQL's own parser, statement by statement, with exact line numbers.

The parser is that of PostgreSQL 18: text that only an older server accepted (CREATE TABLE ... WITH OIDS) does not parse
here and becomes a statement of kind ``unparsed`` whose ``problem`` says why; the rest of the file goes on. Text that
only 18 accepts does parse: ``runbook.migration.versions`` tells which server it needs.

``Statement.node`` is the unwrapped protobuf message of libpg_query (``AlterTableStmt``, ``IndexStmt`` ...; see
``ast.py``). Its ``location`` fields are byte offsets into ``Statement.sql`` encoded as UTF-8.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from runbook.migration.lexer import Piece, lex
from runbook.migration.model import Problem, Statement
from runbook.migration.nesting import is_too_deep
from runbook.migration.tags import command_tag
from runbook.text import shorten

UNPARSED = "unparsed"
_TOO_DEEP = "the statement is nested too deeply to be analysed"
Include = Callable[[str, str, bool], "tuple[str, str] | None"]
"""(name as written, file that names it, relative to that file) -> (path, text), or None where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file's bytes as text. ``encoding`` is what they were read as."""

    text: str
    encoding: str
    problems: tuple[Problem, ...] = ()


def decode(data: bytes, file: str = "") -> Text:
    """``data`` as text: UTF-8 (a BOM is skipped), UTF-16 by its BOM, else Latin-1; with what a server would refuse."""
    problems: list[Problem] = []
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text, encoding = data.decode("utf-16", "replace"), "utf-16"
        problems.append(Problem(file, 1, 1, "the file is UTF-16; PostgreSQL and psql read UTF-8: save it as UTF-8"))
    else:
        try:
            text, encoding = data.decode("utf-8-sig"), "utf-8"
        except UnicodeDecodeError as error:
            text, encoding = data.decode("latin-1"), "latin-1"
            line = data.count(b"\n", 0, error.start) + 1
            column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
            message = (
                f"byte 0x{data[error.start]:02x} is not UTF-8, so the file was read as Latin-1; "
                "a UTF-8 connection would refuse it (22021)"
            )
            problems.append(Problem(file, line, column, message))
    at = text.find("\0")
    if at >= 0:
        column = at - (text.rfind("\n", 0, at) + 1) + 1
        message = "the file holds a NUL character, which PostgreSQL cannot read"
        problems.append(Problem(file, text.count("\n", 0, at) + 1, column, message))
    return Text(text, encoding, tuple(problems))


def split(
    text: str,
    *,
    file: str = "<sql>",
    psql: bool = True,
    first_index: int = 1,
    include: Include | None = None,
    variables: dict[str, str] | None = None,
) -> tuple[tuple[Statement, ...], tuple[Problem, ...]]:
    """``text`` as statements in order, with what could not be read.

    ``psql``: meta-commands, variables and ``\\i`` are understood (kind ``psql \\x`` for those that are not SQL);
    without it a backslash is a syntax error, as for every driver. ``include`` reads the files that ``\\i`` names.
    ``variables`` are those given with ``psql -v``.
    """
    text = text.removeprefix("\ufeff").encode("utf-8", "replace").decode("utf-8")
    if not variables:
        quick = _split_whole(text, file)
        if quick is not None:
            return _numbered(quick, first_index), ()
    problems: list[Problem] = []
    if psql:
        from runbook.migration.psql import read_script

        statements = list(read_script(text, file, dict(variables or {}), include, problems))
    else:
        lines = Lines(text)
        statements = [make_statement(piece, file, lines, problems) for piece in lex(text) if isinstance(piece, Piece)]
    return _numbered(statements, first_index), tuple(problems)


class Lines:
    """Line and column (1-based) of positions in one text."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def line(self, offset: int) -> int:
        return bisect_right(self._starts, offset)

    def column(self, offset: int) -> int:
        return offset - self._starts[self.line(offset) - 1] + 1


def parse_one(sql: str) -> Any:
    """The node of the one statement in ``sql``, unwrapped. Raises ``SyntaxProblem`` where the parser refuses it."""
    if "\0" in sql:
        raise SyntaxProblem("the statement holds a NUL character, which PostgreSQL cannot read", sql.index("\0"))
    if is_too_deep(sql):
        raise SyntaxProblem(_TOO_DEEP, 0)
    parse, refused, undecodable = _parser()
    try:
        stmts = parse(sql).stmts
    except refused as error:
        # The position counts characters, whatever postgast's documentation says.
        raise SyntaxProblem(error.message, max(error.cursorpos - 1, 0)) from None
    except undecodable:
        raise SyntaxProblem(_TOO_DEEP, 0) from None
    if len(stmts) != 1:
        raise SyntaxProblem("more than one statement where one was expected" if stmts else "no statement", 0)
    stmt = stmts[0].stmt
    return getattr(stmt, stmt.WhichOneof("node"))


class SyntaxProblem(Exception):
    """The parser's message and where it stands: ``offset`` in characters from the start of the statement."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def make_statement(piece: Piece, file: str, lines: Lines, problems: list[Problem], hint: str = "") -> Statement:
    """One piece as a statement; where it does not parse, an ``unparsed`` one, and a Problem (``hint`` added to it)."""
    line = lines.line(piece.offset)
    try:
        node = parse_one(piece.text)
    except SyntaxProblem as error:
        # Where variables were put in, positions are those of what was sent: bound them to the statement's extent.
        at = min(piece.offset + error.offset, max(piece.end - 1, piece.offset))
        message = f"{shorten(error.message, 200)}{hint}"
        problem = Problem(file, lines.line(at), lines.column(at), message)
        problems.append(problem)
        text = f"{message} (line {problem.line}, column {problem.column})"
        return Statement(0, file, line, piece.text, UNPARSED, problem=text)
    return Statement(0, file, line, piece.text, command_tag(node), node=node)


def _split_whole(text: str, file: str) -> list[Statement] | None:
    """All statements, where the whole text parses: the parser itself says where each one begins and ends."""
    if "\0" in text:
        return None
    data = text.encode()
    spans = _spans(data)
    if spans is None:
        return None
    statements: list[Statement] = []
    line, seen = 1, 0
    for start, length in spans:
        line += data.count(b"\n", seen, start)
        seen = start
        sql = data[start : start + length].decode().rstrip()
        try:
            node = parse_one(sql)
        except SyntaxProblem:
            return None
        statements.append(Statement(0, file, line, sql, command_tag(node), node=node))
    return statements


def _spans(data: bytes) -> list[tuple[int, int]] | None:
    """(offset, length) in bytes of each statement, or None where the text does not parse as a whole."""
    from postgast.native import lib

    result = lib.pg_query_split_with_parser(data)
    try:
        if result.error:
            return None
        found = (result.stmts[i].contents for i in range(result.n_stmts))
        return [(s.stmt_location, s.stmt_len) for s in found]
    finally:
        lib.pg_query_free_split_result(result)


@cache
def _parser() -> tuple[Callable[[str], Any], Any, Any]:
    """postgast's parse and its errors, imported on first use (70 ms), with protobuf's limit on nesting lifted.

    Without that, thirty ``||`` in a row would not be read: protobuf refuses messages nested deeper than 100.
    """
    from google.protobuf.message import DecodeError
    from postgast.errors import PgQueryError
    from postgast.parse import parse

    try:
        from google._upb import _message

        _message.SetAllowOversizeProtos(True)
    except (ImportError, AttributeError):  # another protobuf implementation: deep statements stay unparsed, and say so
        pass
    return parse, PgQueryError, DecodeError


def _numbered(statements: list[Statement], first: int) -> tuple[Statement, ...]:
    return tuple(replace(s, index=i) for i, s in enumerate(statements, first))
