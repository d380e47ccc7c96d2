"""The statement of a migration that an error belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import PurePath

from runbook.failure.report import ErrorReport
from runbook.migration.model import Migration, MigrationFile, Statement

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_SPACE = re.compile(r"\s+")
_PARAMETER = re.compile(r"%\((\w+)\)s|%s|\$\d+|:\w+\b")
_SHORTEST_PIECE = 12
"""Characters of a cut statement that must agree before a match means anything."""


def locate(report: ErrorReport, migration: Migration) -> Statement | None:
    """The failing statement, or None when several could be it.

    Tried in order: the statement's text, the file and line, the file's whole text with the error's position, the one
    statement that names everything the error names, the only one that the named file has.
    """
    statements = [s for f in _files(report, migration) for s in f.statements]
    for find in (_by_text, _by_line, _by_position, _by_subject, _by_elimination):
        found = find(report, statements, migration)
        if found is not None:
            return found
    return None


def _files(report: ErrorReport, migration: Migration) -> tuple[MigrationFile, ...]:
    """The files the error can be about: the one it names; down files only when nothing else is left."""
    up = tuple(f for f in migration.files if not f.is_down) or migration.files
    if report.file:
        name = PurePath(report.file.replace("\\", "/")).name
        named = tuple(f for f in migration.files if PurePath(f.path).name == name)
        if len(named) > 1:
            whole = tuple(f for f in named if f.path.endswith(report.file.lstrip("./")) or report.file.endswith(f.path))
            named = whole or named
        if named:
            return named
    if report.migration_version:
        version = report.migration_version
        named = tuple(f for f in up if f.version and _same_version(f.version, version)) or tuple(
            f for f in up if version in PurePath(f.path).parts or PurePath(f.path).stem == version
        )
        if named:
            return named
    named = tuple(f for f in up if _is_told(report, f))
    return named if len(named) == 1 else up


def _is_told(report: ErrorReport, file: MigrationFile) -> bool:
    """Whether what was printed with the error has the file's name, where the tool's form is not known for it."""
    name = PurePath(file.path).name
    return name not in _COMMON_NAMES and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", report.raw) is not None


_COMMON_NAMES = frozenset({"migration.sql", "up.sql", "down.sql", "change.sql", "deploy.sql"})
"""Names that every migration's file has; the folder tells them apart."""


def _same_version(one: str, other: str) -> bool:
    def bare(text: str) -> str:
        text = re.sub(r"^[VRU](?=\d)", "", text.split(".")[-1] if not text[:1].isdigit() else text)
        return re.split(r"__|_", text)[0].lstrip("0") if text[:1].isdigit() else text

    return one == other or bare(one) == bare(other)


def normalised(sql: str) -> str:
    """``sql`` without comments, blanks, case, parameters' notation and the final semicolon, to be compared."""
    text = _PARAMETER.sub("?", _COMMENT.sub(" ", sql))
    text = _SPACE.sub(" ", text).strip().rstrip(";").strip().lower()
    return re.sub(r"\s*([(),=])\s*", r"\1", text)


def _by_text(report: ErrorReport, statements: list[Statement], migration: Migration) -> Statement | None:
    if not report.statement:
        return None
    wanted = normalised(report.statement.strip(". "))
    if len(wanted) < 3:
        return None
    own = [(normalised(s.sql), s) for s in statements]
    same = [s for sql, s in own if sql == wanted]
    if same:
        return _by_line(report, same, migration) or (same[0] if len(same) == 1 else None)
    if len(wanted) >= _SHORTEST_PIECE:
        # Cut by track_activity_query_size, by the tool, or one line of it (LINE n).
        return _only(s for sql, s in own if wanted in sql)
    return None


def _by_line(report: ErrorReport, statements: list[Statement], migration: Migration) -> Statement | None:
    """psql counts to the line where the statement ends, Flyway to where it begins: the last that begins no later."""
    if report.line is None or not report.file or report.file.endswith((".py", ".rb")):
        return None
    begun = [s for s in statements if s.line <= report.line <= s.line + s.sql.count("\n") + 1]
    fitting = [s for s in begun if s.line + s.sql.count("\n") >= report.line] or begun
    if len(fitting) == 1:
        return fitting[0]
    named = [s for s in fitting if _names(report, s)]
    return named[0] if len(named) == 1 else (fitting[-1] if fitting else None)


def _by_position(report: ErrorReport, statements: list[Statement], migration: Migration) -> Statement | None:
    """A tool that sends the whole file as one string: the position counts from the file's beginning."""
    if report.statement is None or report.statement_position is None:
        return None
    sent = report.statement
    if sent.count(";") < 2:
        return None
    at = 0
    for statement in statements:
        place = sent.find(statement.sql.strip(), at)
        if place < 0:
            continue
        if place <= report.statement_position - 1 <= place + len(statement.sql):
            return statement
        at = place
    return None


def _by_subject(report: ErrorReport, statements: list[Statement], migration: Migration) -> Statement | None:
    named = [s for s in statements if _names(report, s)]
    if len(named) == 1:
        return named[0]
    for test in _CLUES.get(report.sqlstate or "", ()):
        fewer = [s for s in (named or (statements if test.stands_alone else [])) if test.fits(report, s)]
        if len(fewer) == 1:
            return fewer[0]
    return None


def _by_elimination(report: ErrorReport, statements: list[Statement], migration: Migration) -> Statement | None:
    """The tool says in which file it was, the error names nothing, and the file has one statement that does something."""
    if report.statement or _wanted(report):
        return None
    if report.subject.relation or report.subject.referenced_relation:
        return None
    if (report.sqlstate or "")[:2] not in _OF_STATEMENTS or len({s.file for s in statements}) != 1:
        return None
    if not any(_is_named(report, f) for f in migration.files if f.path == statements[0].file):
        return None
    return _only(s for s in statements if s.kind not in _SURROUNDS)


_OF_STATEMENTS = frozenset({"0A", "21", "22", "23", "2B", "40", "42", "44", "53", "54", "55", "57", "P0"})
"""Classes of SQLSTATEs with which a statement ends, and not a login or a connection (08, 28, 3D)."""
_SURROUNDS = frozenset({"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "RESET"})


def _is_named(report: ErrorReport, file: MigrationFile) -> bool:
    if report.file and PurePath(report.file.replace("\\", "/")).name == PurePath(file.path).name:
        return True
    version = report.migration_version
    if not version:
        return _is_told(report, file)
    path = PurePath(file.path)
    return (
        bool(file.version and _same_version(file.version, version))
        or path.stem in (version, version.split(".")[-1])
        or version in path.parts
    )


def _names(report: ErrorReport, statement: Statement) -> bool:
    """Whether the statement names all that the error names (and that a statement would have to name)."""
    subject = report.subject
    wanted = _wanted(report)
    relation = subject.relation or subject.referenced_relation
    # The names of constraints and indexes may have been made up by the server: the table alone then has to do.
    optional = {subject.constraint, subject.index} if relation else set()
    names = [n for n in wanted if n not in optional] + ([relation] if relation else [])
    return bool(names) and all(_mentions(statement.sql, n) for n in names)


def _wanted(report: ErrorReport) -> list[str]:
    """The names that the error speaks of, besides tables."""
    subject = report.subject
    names = (
        subject.token,
        subject.column,
        subject.index,
        subject.type,
        subject.function,
        subject.extension,
        subject.role,
        subject.setting,
        subject.constraint,
    )
    return [n for n in names if n]


def _mentions(sql: str, name: str) -> bool:
    pattern = rf"(?<![\w$]){re.escape(name)}(?![\w$])"
    return re.search(pattern, _COMMENT.sub(" ", sql), 0 if name != name.lower() else re.I) is not None


class _Clue:
    """What the kind of an error tells of the statement."""

    def __init__(self, pattern: Callable[[ErrorReport], str], stands_alone: bool = False) -> None:
        self._pattern, self.stands_alone = pattern, stands_alone

    def fits(self, report: ErrorReport, statement: Statement) -> bool:
        return re.search(self._pattern(report), _COMMENT.sub(" ", statement.sql), re.I) is not None


def _is(pattern: str, stands_alone: bool = False) -> _Clue:
    return _Clue(lambda _: pattern, stands_alone)


_CLUES: dict[str, tuple[_Clue, ...]] = {
    "42P07": (_is(r"\bcreate\b"),),
    "42701": (_is(r"\badd\b(?! constraint)"),),
    "42710": (_is(r"\b(?:create|add constraint)\b"),),
    "23502": (_is(r"set\s+not\s+null"), _is(r"not\s+null"), _is(r"^\s*(?:insert|update)")),
    "23503": (_is(r"foreign\s+key|references|validate"), _is(r"^\s*(?:insert|update|delete)")),
    "23505": (_is(r"unique|primary\s+key"), _is(r"^\s*(?:insert|update)")),
    "23514": (_is(r"\bcheck\b|validate|attach"),),
    "2BP01": (_is(r"\bdrop\b"),),
    "42804": (_is(r"\btype\b"),),
    "22001": (_is(r"\btype\b|^\s*(?:insert|update)", True),),
    "25001": (_is(r"\bconcurrently\b|^\s*(?:vacuum|create\s+database|drop\s+database|alter\s+system|reindex)", True),),
    "0A000": (_is(r"alter\s+column\s+.*\btype\b|\bextension\b"),),
}
"""Source: the statements that can raise each code, as measured in oracle/."""


def _only(found: Iterable[Statement]) -> Statement | None:
    kept = list(found)
    return kept[0] if len(kept) == 1 else None
