"""Playbooks: load, check and render.

A playbook is one Markdown file with YAML front matter: what its cause is called, which evidence speaks for and against
it, and what to do. Files come from the folder that is shipped with the program and from the user's own folders; a file
that is broken is named with its line, and the others still load.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runbook.diagnosis.catalogue import IDS
from runbook.diagnosis.condition import Condition, ConditionError, where
from runbook.diagnosis.facts import FactBook, Unknown, UnknownFact
from runbook.sql import quote_ident, quote_literal
from runbook.text import clean, clean_line
from runbook.words import count, duration, lock_name, size

Strength = Literal["proves", "strong", "suggests", "against", "refutes"]
Kind = Literal["fail", "stall", "harm"]
Commonness = Literal["common", "occasional", "rare"]
FAMILIES = (
    "version",
    "extension",
    "privilege",
    "lock",
    "timeout",
    "connection",
    "resource",
    "data",
    "history",
    "dependency",
    "replication",
    "after",
    "provider",
    "locale",
    "own",
)
SECTIONS: Mapping[str, str] = {
    "what is happening": "happening",
    "why it did not happen locally": "why_not_locally",
    "stop the bleeding": "stop",
    "fix": "fix",
    "verify": "verify",
    "roll back": "roll_back",
    "prevent": "prevent",
    "when it is something else": "something_else",
    "traps": "traps",
}
"""Headings of a playbook, in order, and the names they have in JSON."""


class PlaybookError(ValueError):
    """What is wrong with a playbook, and where."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path = path
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece: when it holds, how strongly it speaks, and the sentence (a Jinja text) that says so."""

    when: Condition
    because: str
    strength: Strength
    line: int = 1
    otherwise: str = ""  # sentence for when it is false (required evidence only)


@dataclass(frozen=True, slots=True)
class SqlBlock:
    """One SQL block of a rendered playbook.

    ``on``: local, production, standby, subscriber, file (belongs into a migration file). ``changes``: it changes something.
    ``runnable`` False: a value that nobody could read stands in it; ``missing`` names it.
    """

    section: str
    sql: str
    on: str
    changes: bool
    expect: str = ""
    runnable: bool = True
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A playbook with this incident's values: Markdown by section key, and the SQL blocks in it."""

    id: str
    title: str
    sections: Mapping[str, str]
    sql: tuple[SqlBlock, ...]

    def markdown(self) -> str:
        titles = {key: heading.capitalize() for heading, key in SECTIONS.items()}
        body = "\n\n".join(f"## {titles[key]}\n\n{text}" for key, text in self.sections.items())
        return f"# {self.title}\n\n{body}\n"


@dataclass(frozen=True, slots=True)
class Playbook:
    """One cause with its evidence and its remedy.

    ``required``: what must be so for the cause to be proved; false rules it out. ``before``: causes that this one is
    shown before when both hold, because it has to be dealt with first.
    """

    id: str
    title: str
    family: str
    kind: Kind
    commonness: Commonness
    sqlstates: tuple[str, ...]
    required: tuple[Evidence, ...]
    evidence: tuple[Evidence, ...]
    questions: tuple[str, ...]
    before: tuple[str, ...]
    see_also: tuple[str, ...]
    path: Path
    body: str
    body_line: int
    own: bool = False

    def render(self, book: FactBook) -> Rendered:
        """The body with the values of ``book``. Raises ``PlaybookError`` where a name is undefined."""
        text = defused(_render(self.body, book, self.path, self.body_line))
        sections = split_sections(text)
        return Rendered(self.id, self.title, {k: v for k, (v, _) in sections.items()}, tuple(_blocks(sections)))

    def because(self, evidence: Evidence, book: FactBook) -> str:
        """The evidence's sentence with this incident's values, on one line."""
        return clean_line(_render(evidence.because, book, self.path, evidence.line))


def shipped_folder() -> Path:
    """Where the program's own playbooks are: in the wheel, or at the top level of a checkout."""
    package = Path(__file__).parent
    inside = package / "_playbooks"
    return inside if inside.is_dir() else package.parent / "playbooks"


def load(folders: Iterable[Path] = ()) -> tuple[dict[str, Playbook], list[PlaybookError]]:
    """The shipped playbooks and those of ``folders``; a later one replaces an earlier one of the same id."""
    playbooks: dict[str, Playbook] = {}
    errors: list[PlaybookError] = []
    for folder, own in [(shipped_folder(), False), *((f, True) for f in folders)]:
        if not folder.is_dir():
            errors.append(PlaybookError(folder, 1, "there is no such folder of playbooks"))
            continue
        for path in sorted(folder.glob("*.md")):
            if path.name.startswith(("_", "README")):
                continue
            try:
                playbook = read(path, own=own)
            except PlaybookError as error:
                errors.append(error)
            else:
                playbooks[playbook.id] = playbook
    return playbooks, errors


def read(path: Path, *, own: bool = False) -> Playbook:
    """One playbook file. Raises ``PlaybookError`` with file and line for whatever is wrong with its front matter."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlaybookError(path, 1, f"cannot be read: {error}") from None
    front, body, body_line = _split_front_matter(path, text)
    return _FrontMatter(path, front).playbook(body, body_line, own=own)


def check(playbook: Playbook, known_ids: Iterable[str] = ()) -> list[PlaybookError]:
    """Everything that only shows when the playbook is used: every sentence and section rendered with samples."""
    from runbook.migration.statement import split  # the parser; only needed to check

    book = FactBook.of_samples()
    errors: list[PlaybookError] = []
    known = set(known_ids) | IDS
    for other in (*playbook.before, *playbook.see_also):
        if other not in known:
            errors.append(PlaybookError(playbook.path, 1, f"there is no cause {other!r}"))
    for item in (*playbook.required, *playbook.evidence):
        try:
            item.when.evaluate(book)
            playbook.because(item, book)
            playbook.because(item, FactBook())
        except PlaybookError as error:
            errors.append(error)
        except (ConditionError, TypeError, ValueError, AttributeError, KeyError) as error:
            errors.append(PlaybookError(playbook.path, item.line, f"{item.when.text}: {error}"))
    try:
        rendered = playbook.render(book)
        playbook.render(FactBook())
    except PlaybookError as error:
        return [*errors, error]
    missing = [heading for heading, key in SECTIONS.items() if not rendered.sections.get(key, "").strip()]
    if missing:
        errors.append(PlaybookError(playbook.path, playbook.body_line, f"missing section: {', '.join(missing)}"))
    for block in rendered.sql:
        for problem in split(block.sql, psql=False)[1]:
            errors.append(
                PlaybookError(playbook.path, playbook.body_line, f"SQL in {block.section}: {problem.message}")
            )
    return errors


# -- rendering --------------------------------------------------------------------------------------------------


class _Shown(StrictUndefined):
    """An undefined name is an error; an unknown fact is not undefined, it prints as a placeholder."""


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """The sandbox in which playbooks are rendered: facts, a few filters, and includes of ``_parts``."""
    env = ImmutableSandboxedEnvironment(
        undefined=_Shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        loader=FileSystemLoader(shipped_folder()),
        finalize=_finalize,
    )
    env.filters.update(
        ident=lambda v: v if isinstance(v, Unknown) else quote_ident(str(v)),
        literal=lambda v: v if isinstance(v, Unknown) else quote_literal(str(v)),
        duration=_or_unknown(duration),
        bytes=_or_unknown(size),
        rows=_or_unknown(count),
        lock=_or_unknown(lock_name),
        where=where,
        oneline=_or_unknown(lambda v, width=100: _cut(clean_line(str(v)), width)),
    )
    env.tests.update(known=lambda v: not isinstance(v, Unknown | Undefined), unknown=lambda v: isinstance(v, Unknown))
    return env


def _or_unknown(function: Any) -> Any:
    return lambda v, *args, **kwargs: v if isinstance(v, Unknown) else function(v, *args, **kwargs)


_STARTS_BLOCK = re.compile(r"^ {0,3}(?=#{1,6}(?:\s|$)|`{3}|~{3}|[-*+>]\s|={3}|-{3}|\d+[.)]\s)", re.M)


def _finalize(value: Any) -> Any:
    if isinstance(value, str):
        # A value may hold several lines, but none of them starts a heading, a fence or a list of its own.
        text = clean(value)
        first, newline, rest = text.partition("\n")
        first = re.sub(r"^(?=#|`{3}|~{3})", "\\\\", first)
        return first + newline + _STARTS_BLOCK.sub("    ", rest) if newline else first
    if isinstance(value, Unknown):
        return str(value)
    return "" if value is None else value


_CODE_SPAN = re.compile(r"(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)", re.S)
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_LINK = re.compile(r"\](?=\((?!\s*(?:https?://|#)))")


def defused(markdown: str) -> str:
    """Markdown without HTML and without links to anything but the web: values from outside stand in it.

    Fenced blocks and code spans stay as they are.
    """
    parts: list[str] = []
    prose: list[str] = []
    fence = ""
    for line in markdown.splitlines(keepends=True):
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if not fence and mark is None:
            prose.append(line)
            continue
        if prose:
            parts.append(_defuse_prose("".join(prose)))
            prose = []
        parts.append(line)
        if not fence and mark is not None:
            fence = mark[1]
        elif mark is not None and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
    parts.append(_defuse_prose("".join(prose)))
    return "".join(parts)


def _defuse_prose(text: str) -> str:
    parts, at = [], 0
    for span in _CODE_SPAN.finditer(text):
        parts += [_LINK.sub("]\\\\", _TAG.sub("\\\\<", text[at : span.start()])), span.group()]
        at = span.end()
    return "".join([*parts, _LINK.sub("]\\\\", _TAG.sub("\\\\<", text[at:]))])


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


@cache
def _template(source: str) -> Any:
    return environment().from_string(source)


def _render(source: str, book: FactBook, path: Path, line: int) -> str:
    try:
        return str(_template(source).render(book.context()))
    except UnknownFact as error:
        raise PlaybookError(path, line, f"{error.unknown.id} may be unknown: ask 'is known' first") from None
    except TemplateSyntaxError as error:
        raise PlaybookError(path, line + error.lineno - 1, error.message or "bad template") from None
    except UndefinedError as error:
        raise PlaybookError(path, line + _template_line(error) - 1, str(error.message)) from None
    except (TemplateError, TypeError, ValueError, AttributeError, KeyError, IndexError, ArithmeticError) as error:
        raise PlaybookError(path, line + _template_line(error) - 1, f"cannot be rendered: {error}") from None


def _template_line(error: BaseException) -> int:
    """The template line an error came from: the innermost traceback frame of a template."""
    line = 1
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


# -- sections and SQL blocks --------------------------------------------------------------------------------------

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```\s*$", re.M | re.S)
_PLACEHOLDER = re.compile(r"<([a-z_0-9 ]+): unknown>")
_ATTRIBUTE = re.compile(r'(\w+)=(?:"([^"]*)"|(\S+))')


def split_sections(text: str) -> dict[str, tuple[str, int]]:
    """Section key -> (Markdown, line). Headings inside fenced blocks do not count."""
    sections: dict[str, tuple[str, int]] = {}
    key, start, fenced = "", 1, False
    lines: list[str] = []
    for number, line in enumerate([*text.splitlines(), "## "], start=1):
        if line.startswith("```"):
            fenced = not fenced
        if line.startswith("## ") and not fenced:
            if key:
                sections[key] = ("\n".join(lines).strip(), start)
            key, start, lines = SECTIONS.get(line[3:].strip().lower(), ""), number, []
        else:
            lines.append(line)
    return {k: sections[k] for k in SECTIONS.values() if k in sections}


def _blocks(sections: Mapping[str, tuple[str, int]]) -> Iterable[SqlBlock]:
    for section, (text, _) in sections.items():
        for fence in _FENCE.finditer(text):
            words = fence["info"].split()
            if not words or words[0] != "sql":
                continue
            attributes = {name: quoted or bare for name, quoted, bare in _ATTRIBUTE.findall(fence["info"])}
            missing = tuple(dict.fromkeys(_PLACEHOLDER.findall(fence["code"])))
            yield SqlBlock(
                section=section,
                sql=fence["code"].strip(),
                on=attributes.get("on", "production"),
                changes=attributes.get("changes", "yes") != "no",
                expect=attributes.get("expect", ""),
                runnable=not missing,
                missing=missing,
            )


# -- front matter -------------------------------------------------------------------------------------------------


def _split_front_matter(path: Path, text: str) -> tuple[str, str, int]:
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        raise PlaybookError(path, 1, "a playbook starts with a line '---' and its front matter")
    for number, line in enumerate(lines[1:], start=2):
        if line.strip() == "---":
            return "\n".join(["", *lines[1 : number - 1]]), "\n".join(lines[number:]), number + 1
    raise PlaybookError(path, 1, "the front matter has no end: a line '---' is missing")


class _FrontMatter:
    """The YAML of one file, with the line of every value for error messages."""

    _KEYS = frozenset(
        {
            "id",
            "title",
            "family",
            "kind",
            "commonness",
            "sqlstates",
            "required",
            "evidence",
            "questions",
            "before",
            "see_also",
        }
    )

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            node = yaml.compose(text, Loader=loader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or "cannot be read"
            raise PlaybookError(path, mark.line + 1 if mark else 1, f"front matter: {problem}") from None
        if not isinstance(node, yaml.MappingNode):
            raise PlaybookError(path, 1, "front matter is a mapping of names to values")
        self.nodes: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.value not in self._KEYS:
                raise self.error(key, f"unknown entry {key.value!r}; there are: {', '.join(sorted(self._KEYS))}")
            self.nodes[key.value] = value

    def error(self, node: yaml.Node | None, message: str) -> PlaybookError:
        return PlaybookError(self.path, node.start_mark.line + 1 if node is not None else 1, message)

    def playbook(self, body: str, body_line: int, *, own: bool) -> Playbook:
        identifier = self._text("id")
        if identifier != self.path.stem:
            raise self.error(self.nodes["id"], f"id is {identifier!r} but the file is called {self.path.name}")
        required = self._evidence("required", own=own)
        evidence = self._evidence("evidence", own=own)
        if not any(e.strength in ("proves", "strong", "suggests") for e in evidence):
            raise self.error(self.nodes.get("evidence"), "no evidence speaks for this cause")
        if own:
            self._compile(body, body_line)
        return Playbook(
            id=identifier,
            title=self._text("title"),
            family=self._choice("family", FAMILIES),
            kind=self._choice("kind", get_args(Kind)),
            commonness=self._choice("commonness", get_args(Commonness)),
            sqlstates=self._list("sqlstates"),
            required=required,
            evidence=evidence,
            questions=self._list("questions"),
            before=self._list("before"),
            see_also=self._list("see_also"),
            path=self.path,
            body=body,
            body_line=body_line,
            own=own,
        )

    def _text(self, key: str) -> str:
        node = self.nodes.get(key)
        if node is None:
            raise self.error(None, f"{key} is missing")
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            raise self.error(node, f"{key} is a text")
        return str(node.value).strip()

    def _choice(self, key: str, allowed: Iterable[str]) -> Any:
        value = self._text(key)
        if value not in allowed:
            raise self.error(self.nodes[key], f"{key} is one of: {', '.join(allowed)}; not {value!r}")
        return value

    def _list(self, key: str) -> tuple[str, ...]:
        node = self.nodes.get(key)
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode) or not all(isinstance(i, yaml.ScalarNode) for i in node.value):
            raise self.error(node, f"{key} is a list of texts")
        return tuple(str(i.value) for i in node.value)

    def _evidence(self, key: str, *, own: bool) -> tuple[Evidence, ...]:
        node = self.nodes.get(key)
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(node, f"{key} is a list")
        return tuple(self._one_evidence(key, item, own=own) for item in node.value)

    def _compile(self, source: str, line: int) -> None:
        """Find syntax errors now. The shipped files are compiled when they are used: the tests have compiled them all."""
        try:
            _template(source)
        except TemplateSyntaxError as error:
            raise PlaybookError(self.path, line + error.lineno - 1, error.message or "bad template") from None

    def _one_evidence(self, key: str, node: yaml.Node, *, own: bool) -> Evidence:
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, "evidence has 'when', 'because' and 'strength'")
        fields = {k.value: v for k, v in node.value}
        unknown = set(fields) - {"when", "because", "strength", "otherwise"}
        if unknown:
            raise self.error(node, f"evidence has no {unknown.pop()!r}")
        for name in ("when", "because"):
            if name not in fields:
                raise self.error(node, f"evidence needs {name!r}")
        strength: Any = fields["strength"].value if "strength" in fields else "strong"
        if "strength" not in fields and key == "evidence":
            raise self.error(node, "evidence needs 'strength'")
        if strength not in get_args(Strength):
            raise self.error(fields["strength"], f"strength is one of: {', '.join(get_args(Strength))}")
        try:
            condition = Condition(str(fields["when"].value))
        except ConditionError as error:
            raise self.error(fields["when"], str(error)) from None
        because = str(fields["because"].value)
        if own:
            self._compile(because, fields["because"].start_mark.line + 1)
        otherwise = str(fields["otherwise"].value) if "otherwise" in fields else ""
        return Evidence(condition, because, strength, node.start_mark.line + 1, otherwise)
