"""A psql script as statements: meta-commands followed (``\\i``, ``\\set``, ``\\if``) or named, none skipped in silence.

Source of the rules: psql's documentation (Meta-Commands, Variables) and src/bin/psql/command.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from runbook.migration.lexer import MetaCommand, Piece, expand, lex
from runbook.migration.model import Problem, Statement
from runbook.migration.statement import Include, Lines, SyntaxProblem, make_statement, parse_one

# Meta-commands that change what follows or what is printed, and send nothing to the server.
_CLIENT_ONLY = (
    r"\a \C \cd \conninfo \copyright \echo \elif \else \encoding "
    r"\endif \errverbose \f \gdesc \getenv \h \H \help \html "
    r"\if \o \out \p \print \prompt \pset \q \qecho "
    r"\quit \r \reset \restrict \s \set \setenv \T \t "
    r"\timing \unrestrict \unset \w \warn \write \x \? "
)
CLIENT_ONLY = frozenset(_CLIENT_ONLY.split())
_INCLUDES = {"\\i": False, "\\include": False, "\\ir": True, "\\include_relative": True}
_CONDITIONALS = {"\\if", "\\elif", "\\else", "\\endif"}
_DEEPEST_INCLUDE = 32
_TRUE, _FALSE = {"true", "on", "yes", "1"}, {"false", "off", "no", "0"}
_ARGUMENT = re.compile(r"""'((?:[^'\\]|\\.|'')*)'|"([^"]*)"|(`[^`]*`)|(\S+)""", re.DOTALL)
_UNSET = re.compile(r"""(?<![:\w]):(\w+|'\w+'|"\w+")""")
_CLIENT_COPY = re.compile(
    r"""(?P<what>\(.*\)|.+?)\s+(?P<way>from|to)\s+(?P<target>program\s+'(?:[^']|'')*'|'(?:[^']|'')*'|\S+)(?P<options>.*)""",
    re.IGNORECASE | re.DOTALL,
)


@dataclass
class _Branch:
    """One open ``\\if``. ``taken``: a branch was chosen for certain. ``reading``: this one is read."""

    outer: bool
    reading: bool
    taken: bool


def read_script(
    text: str,
    file: str,
    variables: dict[str, str],
    include: Include | None,
    problems: list[Problem],
    depth: int = 0,
) -> Iterator[Statement]:
    """The statements of a psql script in the order in which psql would send them; ``problems`` is added to."""
    lines = Lines(text)
    branches: list[_Branch] = []
    for item in lex(text, variables):
        reading = branches[-1].reading if branches else True
        if isinstance(item, Piece):
            if reading:
                yield from _sent(item, file, lines, variables, problems)
            continue
        if item.name in _CONDITIONALS:
            outer = branches[-1].outer if branches and item.name != "\\if" else reading
            _conditional(item, branches, variables, problems, file, lines)
            if outer:
                yield _named(item, file, lines)
            continue
        if item.name in ("\\q", "\\quit") and reading and all(b.taken for b in branches):
            yield _named(item, file, lines)
            return
        if not reading:
            continue
        if item.name in ("\\set", "\\unset"):
            _set(item, variables)
        if item.name in _INCLUDES:
            followed = _follow(item, file, lines, variables, include, problems, depth)
            if followed is not None:
                yield from followed
                continue
        yield _client_copy(item, file, lines) if item.name == "\\copy" else _named(item, file, lines)


def _sent(
    piece: Piece, file: str, lines: Lines, variables: dict[str, str], problems: list[Problem]
) -> Iterator[Statement]:
    unset = [m.group(1).strip("'\"") for m in _UNSET.finditer(piece.text) if not m.group(1).isdigit()]
    hint = f"; the psql variable {unset[0]} is not set (psql -v {unset[0]}=...)" if unset else ""
    statement = make_statement(piece, file, lines, problems, hint)
    if piece.terminator in ("\\gexec", "\\gdesc"):
        # What \gexec runs is the result of the query; \gdesc only describes it.
        statement = replace(statement, kind=f"psql {piece.terminator}")
    elif piece.terminator == "\\gset":
        prefix = piece.terminator_arguments
        for name in (n for n in (f"{prefix}{column}" for column in _columns(statement)) if n in variables):
            del variables[name]  # from here on only the server knows its value
    yield statement


def _columns(statement: Statement) -> list[str]:
    if statement.node is None or not hasattr(statement.node, "target_list"):
        return []
    return [t.res_target.name for t in statement.node.target_list if t.res_target.name]


def _named(item: MetaCommand, file: str, lines: Lines) -> Statement:
    text = f"{item.name} {item.arguments}".rstrip()
    return Statement(0, file, lines.line(item.offset), text, f"psql {item.name}")


def _client_copy(item: MetaCommand, file: str, lines: Lines) -> Statement:
    statement = _named(item, file, lines)
    match = _CLIENT_COPY.match(item.arguments)
    if match is None:
        return statement
    end = "STDIN" if match["way"].lower() == "from" else "STDOUT"
    try:
        return replace(statement, node=parse_one(f"COPY {match['what']} {match['way']} {end} {match['options']}"))
    except SyntaxProblem:
        return statement


def _arguments(text: str, variables: dict[str, str]) -> list[str]:
    found = []
    for match in _ARGUMENT.finditer(text):
        quoted, double, shell, plain = match.groups()
        if quoted is not None:
            found.append(re.sub(r"\\(.)|''", _unescaped, quoted))
        elif double is not None:
            found.append(double)
        else:
            found.append(shell if shell is not None else expand(plain, variables))
    return found


def _unescaped(match: re.Match[str]) -> str:
    char = match.group(1)
    return {"n": "\n", "t": "\t"}.get(char, char) if char else "'"


def _set(item: MetaCommand, variables: dict[str, str]) -> None:
    arguments = _arguments(item.arguments, variables)
    if not arguments:
        return
    if item.name == "\\unset":
        variables.pop(arguments[0], None)
    elif any(value.startswith("`") for value in arguments[1:]):
        variables.pop(arguments[0], None)  # a shell command's output: not run, so not known
    else:
        variables[arguments[0]] = "".join(arguments[1:])


def _conditional(
    item: MetaCommand,
    branches: list[_Branch],
    variables: dict[str, str],
    problems: list[Problem],
    file: str,
    lines: Lines,
) -> None:
    reading = branches[-1].reading if branches else True
    if item.name == "\\if":
        branches.append(_Branch(outer=reading, reading=False, taken=False))
    elif not branches:
        _problem(problems, file, lines, item, f"{item.name} without an \\if before it")
        return
    branch = branches[-1]
    if item.name == "\\endif":
        branches.pop()
    elif not branch.outer or branch.taken:
        branch.reading = False
    elif item.name == "\\else":
        branch.reading = True
    else:
        truth = _truth(item, variables)
        branch.reading = truth is not False
        branch.taken = truth is True
        if truth is None:
            message = f"{item.name} {item.arguments} is decided where the script runs: both branches are read"
            _problem(problems, file, lines, item, message)


def _truth(item: MetaCommand, variables: dict[str, str]) -> bool | None:
    arguments = _arguments(item.arguments, variables)
    value = arguments[0].lower() if arguments else ""
    return True if value in _TRUE else False if value in _FALSE else None


def _follow(
    item: MetaCommand,
    file: str,
    lines: Lines,
    variables: dict[str, str],
    include: Include | None,
    problems: list[Problem],
    depth: int,
) -> Iterator[Statement] | None:
    arguments = _arguments(item.arguments, variables)
    found = include(arguments[0], file, _INCLUDES[item.name]) if include is not None and arguments else None
    if found is None:
        message = f"{item.name} {item.arguments}: that file could not be read, so what it does is unknown"
        _problem(problems, file, lines, item, message)
        return None
    if depth >= _DEEPEST_INCLUDE:
        _problem(problems, file, lines, item, f"{item.name} {item.arguments}: files include each other without end")
        return None
    path, text = found
    return read_script(text, path, variables, include, problems, depth + 1)


def _problem(problems: list[Problem], file: str, lines: Lines, item: MetaCommand, message: str) -> None:
    problems.append(Problem(file, lines.line(item.offset), lines.column(item.offset), message))
