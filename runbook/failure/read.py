"""From any text to the one error that stopped the migration.

The input streams through three readers: the server's log, the tools' own refusals, and the shapes of drivers. What they
find are drafts, in the order of the text; the first real one is reported, the others are counted.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from runbook.failure import sqlstates, words
from runbook.failure.assemble import to_report
from runbook.failure.continuation import REACH, is_field, read_after_sql, read_following
from runbook.failure.draft import Draft
from runbook.failure.frameworks import Evidence, add_marks
from runbook.failure.gave_up import GivingUp
from runbook.failure.lines import Source, read_lines
from runbook.failure.messages import Known, classify, find_in
from runbook.failure.refusals import is_lost, is_refusal
from runbook.failure.report import ErrorReport
from runbook.failure.server_log import ServerLog
from runbook.failure.shapes import begins
from runbook.failure.tool_conditions import read_tool_refusal

if TYPE_CHECKING:
    from runbook.migration.model import Migration

_BEFORE = 300
"""Lines before an error that are kept: the tool's announcement of the migration it runs."""
_HEAD = 1000
"""Lines at the beginning in which a tool gives itself away; later only those around an error are asked."""
_DRAFTS_AT_MOST = 200

_CONSEQUENCES = frozenset({"25P02"})
_DDL = re.compile(
    r"\s*(?:ALTER|CREATE|DROP|TRUNCATE|COMMENT|GRANT|REVOKE|REINDEX|REFRESH|CLUSTER|VACUUM|DO|LOCK)\b", re.I
)


def read_error(source: Source, *, migration: Migration | None = None) -> ErrorReport | None:
    """The first real error in ``source``; None only when nothing in it looks like a failure.

    Not real: 25P02, which follows from an earlier error, warnings and notices. With a ``migration``, an error whose
    statement is one of its own goes before an application's. Never raises on content; ``OSError`` on an unreadable path.
    """
    found = read_errors(source, migration=migration)
    return found[0] if found else None


def read_errors(source: Source, *, migration: Migration | None = None) -> list[ErrorReport]:
    """Every different error in ``source``, at most some hundred; the one that ``read_error`` reports comes first."""
    reader = _Reader()
    for number, line in enumerate(read_lines(source), 1):
        reader.feed(line, number)
    reader.close()
    drafts = _merged(reader.drafts)
    if not drafts:
        return [replace(report, gave_up=reader.giving_up.found) for report in reader.last_resort()]
    reports = [(d, to_report(d, reader.evidence, reader.log.waits)) for d in drafts]
    first = _first_real(reports, migration)
    ordered = [reports[first][1], *(r for i, (_, r) in enumerate(reports) if i != first)]
    later = len(reports) - 1 - first + reader.beyond
    ordered[0] = replace(ordered[0], later_errors=later, gave_up=reader.giving_up.found)
    return ordered


# One of these stands in every line that begins an error; a log has millions of lines that do not.
_WORDS = (
    *("error", "fatal", "panic", "exception", "pq: ", "pg::", "sqlstate", "psycopg", "asyncpg", "postgrex", "npgsql"),
    *("fail", "lock", "dirty", "checksum", "migrat", "revision", "drift", "connect", "refused", "timed out", "cancel"),
    *("version", "'s': '", "fehler", "erro", "hata", "fel:", "chyba", "atlas", "script", "change", "not clean"),
    *("p10", "p30", "name or service", "no such host", "does not exist", "file does"),
)


def _speaks_of_failure(line: str) -> bool:
    if not line.isascii():
        return True
    lower = line.lower()
    return any(word in lower for word in _WORDS) or _STATE_FIRST.match(line) is not None


_STATE_FIRST = re.compile(r"\s*[0-9A-Z]{5}: ")


def _word_before(line: str) -> tuple[str, str] | None:
    """(severity, the rest) of a line that begins with a severity, in any language."""
    found = _SEVERITY.match(line)
    severity = words.severities().get(found[1].strip()) if found is not None else None
    return (severity, line[found.end() :].strip()) if found is not None and severity is not None else None


_SEVERITY = re.compile(r"\s*(?:psql:.+?:\d+: )?([^\s:：]+(?: [^\s:：]+)?)\s?[:：]\s+")


def _harmless(line: str) -> bool:
    said = _word_before(line)
    return said is not None and said[0] not in words.GRAVE


def _telling_warning(line: str) -> tuple[str, Known] | None:
    """A warning that is the incident itself: a commit that waits for its standby no longer, a damaged collation."""
    said = _word_before(line)
    if said is None or said[0] != "WARNING":
        return None
    known = classify(said[1])
    return (said[1], known) if known is not None and known.sqlstate.startswith("01") else None


class _Reader:
    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.evidence = Evidence()
        self.log = ServerLog()
        self.giving_up = GivingUp()
        self.beyond = 0  # errors after the most that are kept
        self._before: deque[str] = deque(maxlen=_BEFORE)
        self._open: list[Draft] = []  # none or one: its following lines are being collected
        self._following: list[str] = []
        self._short: list[str] = []  # the first lines, for a bare message without any sign of an error

    def feed(self, line: str, number: int) -> None:
        if len(self._short) < 40 and line.strip():
            self._short.append(line)
        self.giving_up.see(line)
        of_server, done = self.log.feed(line, number)
        for logged in done:
            self._add(logged)
        if of_server:
            return
        if number <= _HEAD and line.strip():
            self.evidence.see(line)
        draft = self._begun(line, number)
        if draft is not None and self._is_part(draft, line):
            draft = None
        if draft is not None:
            self._finish()
            self._open = [draft]
        elif self._open:
            self._following.append(line)
            if len(self._following) >= REACH:
                self._finish()
        self._before.append(line)

    def close(self) -> None:
        self._finish()
        for draft in self.log.close():
            self._add(draft)
        self.drafts.sort(key=lambda d: d.at_line)

    def last_resort(self) -> list[ErrorReport]:
        """A bare message, a logged lock wait: what has no form of an error, but speaks of one."""
        warning = next((w for line in self._short if (w := _telling_warning(line)) is not None), None)
        lines = [line.strip() for line in self._short if not _harmless(line)]
        found = (
            next(((line, k) for line in [" ".join(lines), *lines] if (k := classify(line)) is not None), None)
            or next((q for line in lines if (q := find_in(line)) is not None), None)
            or warning
        )
        if found is not None and not self.log.seen:
            text, known = found
            draft = Draft(
                text, 1, framework="bare", raw=self._short[:20], subject=known.subject, language=known.language
            )
            draft.severity = "WARNING" if known.sqlstate.startswith("01") else "ERROR"
            draft.set_sqlstate(known.sqlstate, "message")
            read_following(draft, self._short[1:])
            return [to_report(draft, self.evidence, self.log.waits)]
        lost = next((line for line in lines if is_refusal(line) or is_lost(line)), None)
        if lost is not None:
            return [
                to_report(Draft(lost.strip(), 1, framework="bare", raw=self._short[:20]), self.evidence, self.log.waits)
            ]
        if self.log.waits:
            wait = self.log.waits[-1]
            message = (
                f"process {wait.pid} {'acquired' if wait.acquired else 'still waiting for'} {wait.mode} on {wait.on}"
            )
            draft = Draft(message, 1, framework="server-log", severity="LOG", at=wait.at, pid=wait.pid)
            return [to_report(draft, self.evidence, self.log.waits)]
        if (ended := self.giving_up.found) is not None:
            return [to_report(Draft(ended.words, 1, raw=self._short[:20]), self.evidence, self.log.waits)]
        return []

    def _begun(self, line: str, number: int) -> Draft | None:
        if not _speaks_of_failure(line) or _SOURCE_LINE.match(line):
            return None
        draft = begins(line, number)
        if draft is not None and not draft.weak:
            return draft
        refused = read_tool_refusal(line, self.evidence.framework())
        if refused is None:
            if draft is None and _COMPLAINT.search(line) and is_refusal(line):
                return Draft(line.strip(), number, raw=[line])
            return draft
        made = Draft(_LOGGER.sub("", line.strip()), number, framework=refused.framework, raw=[line])
        made.tool_condition, made.tool_code = refused.condition, refused.code
        made.tool_version = made.migration_version = refused.version
        return made

    def _is_part(self, draft: Draft, line: str) -> bool:
        """Whether a line that could begin an error belongs to the one that is open: Prisma's code and its explanation."""
        if not self._open:
            return False
        held = self._open[0]
        if is_field(line):
            return True
        if (
            draft.tool_condition
            and held.tool_condition
            and len(self._following) < 25
            and draft.framework == held.framework
        ):
            held.tool_code = held.tool_code or draft.tool_code
            held.tool_version = held.tool_version or draft.tool_version
            held.migration_version = held.migration_version or draft.migration_version
            if held.tool_condition == "connection_failed" or len(held.message) < 15:
                held.message = f"{held.message} {draft.message}".strip()
            return True
        if held.sqlstate is None and is_refusal(held.message) and draft.sqlstate is None and is_refusal(line):
            held.raw.append(line)  # several addresses tried, or the code in node's error object
            return True
        # "Caused by", a wrapped exception, the driver's own line before the framework's: the same message again.
        return draft.message == held.message and line.strip() != held.raw[0].strip() and self._absorbed(held, draft)

    def _absorbed(self, held: Draft, draft: Draft) -> bool:
        if (draft.file, draft.line) != (held.file, held.line) and draft.file is not None:
            return False
        held.absorb(draft)
        read_following(held, [])
        held.raw.append(draft.raw[0]) if sum(map(len, held.raw)) < 4000 else None
        return True

    def _finish(self) -> None:
        if self._open:
            draft = self._open[0]
            read_following(draft, self._following)
            read_after_sql(draft, self._following)
            before = list(self._before)
            context = before[: max(len(before) - len(self._following), 0)]
            for line in (*context[-60:], draft.raw[0], *self._following):
                self.evidence.see(line)
            add_marks(
                draft,
                self.evidence.framework(draft.framework),
                [*context, draft.raw[0], *self._following],
                len(context),
            )
            _sqlstate_before(draft, context)
            self._add(draft)
        self._open, self._following = [], []

    def _add(self, draft: Draft) -> None:
        if draft.from_server_log and not draft.message.strip():
            return  # a line that was cut off after its severity says nothing
        if len(self.drafts) < _DRAFTS_AT_MOST:
            self.drafts.append(draft)
        else:
            self.beyond += 1


_SOURCE_LINE = re.compile(r"\s*(?:raise|throw|return|assert|self\.|await|if|def|const|Error\.captureStackTrace)\b")
"""A line of source code as tracebacks show it: its words are not what happened."""
_COMPLAINT = re.compile(r"rror|atal|failed|refused|E[A-Z]{6,}|unable|could not")
_LOGGER = re.compile(r"^(?:\[?(?:ERROR|FATAL|error)\]?:?\s+(?:\[[\w.]+\]\s*)?)+")
_CODE_BEFORE = re.compile(
    r"(?:Database error code|SQL State|SQLState|SQLSTATE|SqlState)\s*[:=]\s*\"?([0-9A-Z]{5})\b", re.I
)


def _sqlstate_before(draft: Draft, before: list[str]) -> None:
    """Prisma, Flyway and Hibernate print the code above the message."""
    if draft.sqlstate_from == "printed":
        return
    for line in reversed(before[-12:]):
        if (found := _CODE_BEFORE.search(line)) is not None and sqlstates.is_sqlstate(found[1]):
            draft.set_sqlstate(found[1], "printed")
            return


def _merged(drafts: Iterable[Draft]) -> list[Draft]:
    """Drafts that tell of one failure made one: exception chains, the client's view and the server's."""
    kept: list[Draft] = []
    for draft in drafts:
        same = next((k for k in kept if _same(k, draft)), None)
        if same is None:
            kept.append(draft)
        else:
            if same.from_server_log and not draft.from_server_log:
                same.framework, same.from_server_log = draft.framework, False
            same.absorb(draft)
    kept = [k for k in kept if k.message.strip()]  # a line that was cut off after its severity says nothing
    strong = [k for k in kept if not k.weak]
    return strong or kept


def _same(held: Draft, draft: Draft) -> bool:
    short, long = sorted((draft.message, held.message), key=len)
    if short != long and (len(short) < 12 or short not in long):
        return False
    if held.from_server_log and draft.from_server_log:
        return False
    if draft.file is not None and held.file is not None and (draft.file, draft.line) != (held.file, held.line):
        return False
    if held.from_server_log != draft.from_server_log:
        return draft.message == held.message
    return not (held.severity_word and draft.raw and draft.raw[0] == held.raw[0] and draft.at_line - held.at_line > 200)


def _first_real(reports: list[tuple[Draft, ErrorReport]], migration: Migration | None) -> int:
    real = [i for i, (d, r) in enumerate(reports) if r.sqlstate not in _CONSEQUENCES and r.severity in words.GRAVE]
    if not real:
        return 0
    if migration is not None:
        from runbook.failure.locate import locate

        own = next((i for i in real if reports[i][1].statement and locate(reports[i][1], migration) is not None), None)
        if own is not None:
            return own
    if all(d.from_server_log for d, _ in reports):
        # A production's log is full of the application's own errors: a migration's are those of its DDL.
        own = next((i for i in real if _DDL.match(reports[i][1].statement or "")), None)
        if own is not None:
            return own
    # The tool's refusal to go on and the server's error: the server's says why, when it is there.
    told = next((i for i in real if reports[i][1].sqlstate), None)
    first = real[0]
    if told is not None and reports[first][1].tool_condition in (None, "failed_migration", "connection_failed"):
        return told
    return first
