"""Ignores: somebody answers for a finding, with a reason, where the SQL stands or for the whole project.

    -- runbook:ignore create-index-blocks-writes reason: the table has 40 rows
    CREATE INDEX ON countries (code);
    CREATE INDEX ON regions (code); -- runbook:ignore create-index-blocks-writes reason: it has 12

    -- runbook:ignore-file * reason: ran before there was an application

A mark on a line of its own is for the statement that follows (or that it stands in), one behind SQL for the statement
it stands behind. ``*`` is every hazard but a certain failure, which must be named. What cannot be honoured is a finding
itself, and so is what matches nothing any more.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Literal

from runbook.check.findings import Finding, Suppression
from runbook.check.fingerprint import Fingerprints
from runbook.migration.hazard_words import HAZARDS
from runbook.migration.model import Statement
from runbook.text import clean

EVERYTHING = "*"

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>--[^\n\r]*)
    | (?P<block>/\*)
    | (?P<code>
          [eE]'(?:[^'\\]|\\.|'')*'
        | '[^']*(?:''[^']*)*'
        | "[^"]*(?:""[^"]*)*"
        | \$(?P<tag>(?:[^\W\d]\w*)?)\$(?:.*?\$(?P=tag)\$|.*)
        | [^\W\d][\w$]*
        | .
      )
    """,
    re.VERBOSE | re.DOTALL,
)
_SEMICOLON = re.compile(r"\s*;")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_MARK = re.compile(r"--+\s*runbook\s*:\s*(?P<verb>[\w-]*)\s*(?P<rest>.*)", re.IGNORECASE)
_REASON = re.compile(r"(?:^|\s)reason\s*:\s*(?P<reason>.*)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ignore:
    """One ignore as it stands in a file (or in the configuration). ``statement``: the index of the one it is for.

    ``problem``: why it cannot be honoured, or not in full. ``files``: globs, of the configuration only.
    """

    scope: Literal["inline", "file", "config"]
    path: str
    line: int
    ids: tuple[str, ...]
    reason: str
    problem: str | None = None
    statement: int | None = None
    files: tuple[str, ...] = ()

    def matches(self, finding: Finding, id_: str) -> bool:
        """Whether it answers for ``finding`` as ``id_``, one of its ids."""
        if id_ not in (finding.id, EVERYTHING) or (id_ == EVERYTHING and finding.certain_failure):
            return False
        if finding.id not in HAZARDS:
            return False
        match self.scope:
            case "inline":
                return finding.statement is not None and finding.statement == self.statement
            case "file":
                return finding.path == self.path
            case "config":
                return not self.files or any(_globbed(finding.path, pattern) for pattern in self.files)


def read_ignores(path: str, text: str, statements: Sequence[Statement]) -> Iterator[Ignore]:
    """The ignores in a file's text. ``statements``: those of that file that the migration runs, in order."""
    if "runbook" not in text.lower():
        return
    spans = _spans(text, statements)
    for start, end, before, after in _comments(text):
        match = _MARK.match(text[start:end])
        if match is None:
            continue
        line = text.count("\n", 0, start) + 1
        found = _read(match["verb"].lower(), match["rest"].strip(), path, line)
        if found.scope == "inline":
            behind = before is not None and "\n" not in text[before:start]
            anchor = before if behind else after
            found = replace(found, statement=_at(anchor, spans) if anchor is not None else None)
        yield found


def _read(verb: str, rest: str, path: str, line: int) -> Ignore:
    scope: Literal["inline", "file"] = "file" if verb == "ignore-file" else "inline"
    if verb not in ("ignore", "ignore-file"):
        return Ignore("inline", path, line, (), "", f"there is no mark runbook:{verb}; write runbook:ignore")
    match = _REASON.search(rest)
    reason = match["reason"].strip() if match else ""
    named = [i.lower() for i in re.split(r"[,\s]+", rest[: match.start()] if match else rest) if i]
    return checked(Ignore(scope, path, line, tuple(dict.fromkeys(named)), reason))


def checked(ignore: Ignore) -> Ignore:
    """``ignore`` with what is wrong with it; without a reason it is good for nothing, an unknown id only for itself."""
    if not ignore.ids:
        return replace(ignore, problem="it names no hazard; name those that are all right here, as in the report")
    if not ignore.reason:
        return replace(ignore, ids=(), problem="it gives no reason; add 'reason: ...' so that others can judge it")
    unknown = [i for i in ignore.ids if i not in HAZARDS and i != EVERYTHING]
    if not unknown:
        return ignore
    near = difflib.get_close_matches(unknown[0], HAZARDS, n=1)
    hint = f"did you mean {near[0]}?" if near else "`runbook check --format json` shows the ids"
    known = tuple(i for i in ignore.ids if i not in unknown)
    return replace(ignore, ids=known, problem=f"there is no hazard {clean(unknown[0])!r}; {hint}")


def apply_ignores(
    found: Sequence[Finding], ignores: Sequence[Ignore]
) -> tuple[tuple[Finding, ...], tuple[tuple[Ignore, str], ...]]:
    """The findings with those suppressed that an ignore answers for, and (ignore, id) of each that matched nothing.

    The nearest ignore wins: beside the statement, then the file's, then the configuration's.
    """
    order = sorted(ignores, key=lambda i: ("inline", "file", "config").index(i.scope))
    used: set[tuple[int, str]] = set()
    answered = []
    for finding in found:
        for at, ignore in enumerate(order):
            ids = [i for i in ignore.ids if ignore.matches(finding, i)]
            if not ids:
                continue
            used.update((at, i) for i in ids)
            if finding.suppressed is None:
                suppression = Suppression(ignore.scope, ignore.reason, ignore.path, ignore.line)
                finding = replace(finding, suppressed=suppression)
        answered.append(finding)
    unused = tuple((ignore, i) for at, ignore in enumerate(order) for i in ignore.ids if (at, i) not in used)
    return tuple(answered), unused


def about_ignores(ignores: Sequence[Ignore], unused: Sequence[tuple[Ignore, str]]) -> Iterator[Finding]:
    """A finding for each ignore that cannot be honoured, and for each id that matches nothing."""
    prints = Fingerprints()
    for ignore in ignores:
        if ignore.problem is not None:
            yield _finding("bad-ignore", "warning", f"this ignore is not honoured: {ignore.problem}", ignore, prints)
    for ignore, id_ in unused:
        name = "" if id_ == EVERYTHING else f" {id_}"
        where = {"inline": "the statement", "file": "the file", "config": "what was checked"}[ignore.scope]
        if ignore.scope == "inline" and ignore.statement is None:
            message = f"this ignore{name} stands at no statement that runs: put it right before one, or take it away"
        else:
            message = f"this ignore matches nothing: there is no finding{name} in {where} (any more); take it away"
        yield _finding("unused-ignore", "notice", message, ignore, prints)


def _finding(
    id_: str, severity: Literal["warning", "notice"], message: str, ignore: Ignore, prints: Fingerprints
) -> Finding:
    print_ = prints.of(id_, ignore.path, message)
    return Finding(id_, severity, message, ignore.path, ignore.line, ignore.line, None, "", print_)


def _globbed(path: str, pattern: str) -> bool:
    """Whether the end of ``path`` is what a glob like ``legacy/*.sql`` describes."""
    parts = path.replace("\\", "/").split("/")
    return any(fnmatch("/".join(parts[at:]), pattern) for at in range(len(parts)))


# -- where a mark stands --------------------------------------------------------------------------------------------


def _comments(text: str) -> Iterator[tuple[int, int, int | None, int | None]]:
    """(start, end, the last code before, the first code after) of each ``--`` comment outside quotes."""
    waiting: list[tuple[int, int, int | None]] = []
    last: int | None = None
    pos = 0
    while pos < len(text):
        match = _TOKEN.match(text, pos)
        assert match is not None  # its last alternative takes any character
        pos = match.end()
        if match.lastgroup == "comment":
            waiting.append((match.start(), match.end(), last))
        elif match.lastgroup == "block":
            pos = _block_end(text, pos)
        elif match.lastgroup != "space":
            yield from ((start, end, before, match.start()) for start, end, before in waiting)
            waiting.clear()
            last = match.end() - 1
    yield from ((start, end, before, None) for start, end, before in waiting)


def _block_end(text: str, pos: int) -> int:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, pos):
        depth += 1 if edge.group() == "/*" else -1
        if not depth:
            return edge.end()
    return len(text)


def _spans(text: str, statements: Sequence[Statement]) -> list[tuple[int, int, int]]:
    """(start, end, index) of each statement in the text; where variables were put in, to the end of its lines."""
    starts = [0, *(m.end() for m in re.finditer("\n", text)), len(text)]
    spans: list[tuple[int, int, int]] = []
    cursor = 0
    for statement in statements:
        begin = max(starts[min(statement.line - 1, len(starts) - 1)], cursor)
        at = text.find(statement.sql, begin)
        exact = at >= 0 and text.count("\n", begin, at) == 0
        start = at if exact else begin
        last_line = min(statement.line + statement.sql.count("\n"), len(starts) - 1)
        end = at + len(statement.sql) if exact else max(starts[last_line], start)
        semicolon = _SEMICOLON.match(text, end)
        end = semicolon.end() if semicolon else end
        spans.append((start, end, statement.index))
        cursor = end
    return spans


def _at(anchor: int, spans: Sequence[tuple[int, int, int]]) -> int | None:
    """The statement whose text, or whose semicolon, stands at ``anchor``."""
    return next((index for start, end, index in spans if start <= anchor < end), None)
