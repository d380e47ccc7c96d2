"""SQL text cut into pieces at top-level semicolons, without parsing: the rules of psql's own scanner.

Used where PostgreSQL's parser cannot cut a file: because a statement in it is broken, or because it is a psql script
with meta-commands, variables and COPY data. Source of the rules: src/fe_utils/psqlscan.l (quotes, nested comments,
dollar quotes, parentheses, BEGIN ... END in a CREATE FUNCTION body, variables) and src/bin/psql/copy.c (``\\.``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass

from runbook.sql import quote_ident, quote_literal

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<line_comment>--[^\n\r]*)
    | (?P<block_comment>/\*)
    | (?P<escape_string>[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*')
    | (?P<string>(?:[bBxXnN]|[uU]&)?'[^']*(?:''[^']*)*')
    | (?P<quoted_name>(?:[uU]&)?"[^"]*(?:""[^"]*)*")
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<number>\d[\w.]*|\$\d+)
    | (?P<semicolon>;)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<colons>::|:=)
    | (?P<colon>:)
    | (?P<backslash>\\)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_VARIABLE = re.compile(r""":(?:(\w+)|'(\w+)'|"(\w+)"|\{\?(\w+)\})""")
_META = re.compile(r"\\(\\|[!?;:.]|[A-Za-z_0-9+]+)?")
_COPY_STDIN = re.compile(r"\bCOPY\b.*\bFROM\s+STDIN\b", re.IGNORECASE | re.DOTALL)
_FROM_STDIN = re.compile(r"\bFROM\s+STDIN\b", re.IGNORECASE)
_DATA_END = re.compile(r"^\\\.[ \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one statement as it is sent: without its terminator, leading comments skipped, variables put in.

    ``offset`` and ``end`` are positions in the file's text (characters). ``terminator`` is ``;``, a meta-command that
    sends the statement (``\\gexec``), or empty at the end of the file.
    """

    text: str
    offset: int
    end: int
    terminator: str = ";"
    terminator_arguments: str = ""


@dataclass(frozen=True, slots=True)
class MetaCommand:
    """A psql meta-command: ``name`` with its backslash, and the rest of its line as it stands in the file."""

    name: str
    arguments: str
    offset: int


# Meta-commands that send the query buffer. Source: psql's command.c, exec_command.
SENDING = frozenset(
    {"\\g", "\\gx", "\\gset", "\\gexec", "\\gdesc", "\\crosstabview", "\\watch", "\\bind", "\\sendpipeline"}
)
# Those that read the whole rest of the line, backslashes included. Source: OT_WHOLE_LINE in command.c.
_WHOLE_LINE = frozenset({"\\!", "\\copy", "\\ef", "\\ev", "\\h", "\\help", "\\sf", "\\sv"})


def lex(text: str, variables: MutableMapping[str, str] | None = None) -> Iterator[Piece | MetaCommand]:
    """The statements of ``text`` in order, and with ``variables`` (a psql script) its meta-commands too.

    ``variables`` is read while the text is read: a caller that handles ``\\set`` changes what follows.
    """
    return _Lexer(text, variables).run()


class _Lexer:
    def __init__(self, text: str, variables: MutableMapping[str, str] | None) -> None:
        self.text = text
        self.variables = variables
        self.pos = 0
        self.grown = 0  # characters that substituted variables have added so far: file position = pos - grown
        self.no_variables_before = 0  # psql expands no variable inside an expanded one
        self._reset()

    def _reset(self) -> None:
        self.start = -1
        self.start_offset = 0
        self.last = 0  # end of the last token that is neither space nor comment
        self.parens = 0
        self.begin_depth = 0
        self.words: list[str] = []
        self.inner_semicolon = -1

    def run(self) -> Iterator[Piece | MetaCommand]:
        while True:
            while self.pos < len(self.text):
                match = _TOKEN.match(self.text, self.pos)
                assert match is not None  # the last alternative takes any character
                kind = match.lastgroup
                if kind == "space" or kind == "line_comment":
                    self.pos = match.end()
                elif kind == "block_comment":
                    self.pos = self._comment_end(match.end())
                elif kind == "semicolon":
                    yield from self._semicolon()
                elif kind == "backslash" and self.variables is not None:
                    yield from self._meta()
                elif kind == "colon" and self.variables is not None and self._variable():
                    pass
                else:
                    self._token(match)
            if self.start < 0:
                return
            if self.parens and self.inner_semicolon >= 0:
                yield self._cut_at_inner_semicolon()
                continue
            yield self._piece(self.last, "")
            return

    def _token(self, match: re.Match[str]) -> None:
        if self.start < 0:
            self.start, self.start_offset = self.pos, self.pos - self.grown
        kind, end = match.lastgroup, match.end()
        if kind == "dollar":
            close = self.text.find(match.group(), end)
            end = len(self.text) if close < 0 else close + len(match.group())
        elif kind == "open":
            self.parens += 1
        elif kind == "close":
            self.parens = max(self.parens - 1, 0)
        elif kind == "word":
            self._word(match.group().lower())
        elif kind == "other" and match.group() in "'\"":
            end = len(self.text)  # never closed: the parser will say so
        self.pos = self.last = end

    def _word(self, word: str) -> None:
        if len(self.words) < 4:
            self.words.append(word)
        routine = self.words[3:4] if self.words[1:3] == ["or", "replace"] else self.words[1:2]
        if self.parens or self.words[0] != "create" or not {"function", "procedure"}.intersection(routine):
            return
        if word == "begin" or (word == "case" and self.begin_depth):
            self.begin_depth += 1
        elif word == "end" and self.begin_depth:
            self.begin_depth -= 1

    def _semicolon(self) -> Iterator[Piece]:
        at = self.pos
        self.pos += 1
        if self.start < 0:
            return
        if self.parens or self.begin_depth:
            if self.inner_semicolon < 0:
                self.inner_semicolon = at
            self.last = self.pos
            return
        piece = self._piece(self.last, ";")
        self._reset()
        yield piece
        if _COPY_STDIN.match(piece.text):
            self._skip_copy_data()

    def _cut_at_inner_semicolon(self) -> Piece:
        """A parenthesis was never closed: the statement is broken, and what follows its semicolon is read afresh."""
        end = self.inner_semicolon
        piece = self._piece(end, ";")
        self.pos = end + 1
        self._reset()
        return piece

    def _skip_copy_data(self) -> None:
        line_end = self.text.find("\n", self.pos)
        if line_end < 0:
            return
        end = _DATA_END.search(self.text, line_end + 1)
        self.pos = len(self.text) if end is None else end.end()

    def _meta(self) -> Iterator[Piece | MetaCommand]:
        if self.parens and self.inner_semicolon >= 0:
            yield self._cut_at_inner_semicolon()
            return
        match = _META.match(self.text, self.pos)
        assert match is not None
        offset = self.pos - self.grown
        name = "\\" + (match.group(1) or "")
        if name == "\\;":  # a separator inside what is sent as one string
            at, self.pos = self.pos, match.end()
            if self.start >= 0:
                piece = Piece(self.text[self.start : self.last], self.start_offset, at - self.grown, "\\;")
                self._reset()
                yield piece
            return
        if name == "\\:":
            self.pos = self.last = match.end()
            return
        end = self._arguments_end(match.end(), name)
        arguments = self.text[match.end() : end].strip()
        self.pos = end
        if name in SENDING:
            if self.start >= 0:
                piece = Piece(self.text[self.start : self.last], self.start_offset, offset, name, arguments)
                self._reset()
                yield piece
            else:
                yield MetaCommand(name, arguments, offset)
        else:
            if name in ("\\r", "\\reset"):
                self._reset()
            # A meta-command in the middle of a statement takes no part in its text.
            if self.start >= 0:
                self.text = self.text[: match.start()] + " " * (end - match.start()) + self.text[end:]
            if name != "\\\\":
                yield MetaCommand(name, arguments, offset)
            if name == "\\copy" and _FROM_STDIN.search(arguments):
                self._skip_copy_data()

    def _arguments_end(self, pos: int, name: str) -> int:
        line_end = self.text.find("\n", pos)
        line_end = len(self.text) if line_end < 0 else line_end
        if name in _WHOLE_LINE:
            return line_end
        quote = ""
        for at in range(pos, line_end):
            char = self.text[at]
            if quote:
                quote = "" if char == quote else quote
            elif char in "'\"`":
                quote = char
            elif char == "\\":
                return at
        return line_end

    def _variable(self) -> bool:
        if self.pos < self.no_variables_before:
            return False
        match = _VARIABLE.match(self.text, self.pos)
        if match is None or self.variables is None:
            return False
        plain, literal, identifier, tested = match.groups()
        if tested is not None:
            value = "TRUE" if tested in self.variables else "FALSE"
        else:
            found = self.variables.get(plain or literal or identifier)
            if found is None:
                return False
            value = quote_literal(found) if literal else '"' + found.replace('"', '""') + '"' if identifier else found
        if self.start < 0:
            self.start, self.start_offset = self.pos, self.pos - self.grown
        self.text = self.text[: self.pos] + value + self.text[match.end() :]
        self.grown += len(value) - (match.end() - match.start())
        self.no_variables_before = self.pos + len(value)
        if not value:
            self.last = self.pos
        return True

    def _piece(self, end: int, terminator: str) -> Piece:
        return Piece(self.text[self.start : end], self.start_offset, end - self.grown, terminator)

    def _comment_end(self, pos: int) -> int:
        depth = 1
        for edge in _COMMENT_EDGE.finditer(self.text, pos):
            depth += 1 if edge.group() == "/*" else -1
            if not depth:
                return edge.end()
        self.start = pos - 2 if self.start < 0 else self.start  # never closed: the parser will say so
        self.last = len(self.text)
        return len(self.text)


def expand(text: str, variables: MutableMapping[str, str]) -> str:
    """``text`` (the arguments of a meta-command) with its psql variables put in; those not set stay as they are."""

    def value(match: re.Match[str]) -> str:
        plain, literal, identifier, tested = match.groups()
        if tested is not None:
            return "TRUE" if tested in variables else "FALSE"
        found = variables.get(plain or literal or identifier)
        if found is None:
            return match.group()
        return quote_literal(found) if literal else quote_ident(found) if identifier else found

    return _VARIABLE.sub(value, text)
