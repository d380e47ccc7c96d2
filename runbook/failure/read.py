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
from runbook.failure.continuation import REACH, is_field, read_following
from runbook.failure.draft import Draft
from runbook.failure.frameworks import Evidence, add_marks
from runbook.failure.lines import Source, read_lines
from runbook.failure.messages import classify, find_in, with_detail
from runbook.failure.refusals import is_lost, is_refusal, read_refusal
from runbook.failure.report import ErrorReport
from runbook.failure.server_log import ServerLog
from runbook.failure.shapes import begins
from runbook.failure.tool_conditions import read_tool_refusal
from runbook.text import clean

if TYPE_CHECKING:
    from runbook.migration.model import Migration

_BEFORE = 300
"""Lines before an error that are kept: the tool's announcement of the migration it runs."""
_DRAFTS_AT_MOST = 200
_MESSAGE_AT_MOST = 4000

_CONSEQUENCES = frozenset({"25P02"})
_TIMEOUTS = {
    "55P03": "lock",
    "25P03": "idle_in_transaction",
    "25P04": "transaction",
    "57P05": "idle_session",
}
_LOCK_TIMEOUT = "canceling statement due to lock timeout"
_DDL = re.compile(r"\s*(?:ALTER|CREATE|DROP|TRUNCATE|COMMENT|GRANT|REVOKE|REINDEX|REFRESH|CLUSTER|VACUUM|DO|LOCK)\b", re.I)
_STATEMENT_TIMEOUT = "canceling statement due to statement timeout"
_USER_REQUEST = "canceling statement due to user request"


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
        return reader.last_resort()
    reports = [(d, _report(d, reader)) for d in drafts]
    first = _first_real(reports, migration)
    ordered = [reports[first][1], *(r for i, (_, r) in enumerate(reports) if i != first)]
    ordered[0] = replace(ordered[0], later_errors=len(reports) - 1 - first + reader.beyond)
    return ordered


class _Reader:
    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.evidence = Evidence()
        self.log = ServerLog()
        self.beyond = 0  # errors after the most that are kept
        self._before: deque[str] = deque(maxlen=_BEFORE)
        self._open: list[Draft] = []  # at most one: its following lines are being collected
        self._following: list[str] = []
        self._short: list[str] = []  # the first lines, for a bare message without any sign of an error

    def feed(self, line: str, number: int) -> None:
        if len(self._short) < 40 and line.strip():
            self._short.append(line)
        of_server, done = self.log.feed(line, number)
        for draft in done:
            self._add(draft)
        if of_server:
            return
        if line.strip():
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
        text = " ".join(self._short)
        if (known := classify(text)) is None and self._short:
            known = next((k for line in self._short if (k := classify(line.strip())) is not None), None)
            text = next((line.strip() for line in self._short if classify(line.strip()) is not None), text)
        if known is None and (quoted := next((q for line in self._short if (q := find_in(line)) is not None), None)):
            text, known = quoted
        if known is not None and not self.log.seen:
            draft = Draft(text.strip(), 1, framework="bare", raw=self._short[:20], subject=known.subject)
            draft.set_sqlstate(known.sqlstate, "message")
            draft.language = known.language
            read_following(draft, self._short[1:])
            return [_report(draft, self)]
        lost = next((line for line in self._short if is_refusal(line) or is_lost(line)), None)
        if lost is not None:
            return [_report(Draft(lost.strip(), 1, framework="bare", raw=self._short[:20]), self)]
        if self.log.waits:
            wait = self.log.waits[-1]
            message = f"process {wait.pid} {'acquired' if wait.acquired else 'still waiting for'} {wait.mode} on {wait.on}"
            draft = Draft(message, 1, framework="server-log", severity="LOG", at=wait.at, pid=wait.pid)
            return [_report(draft, self)]
        return []

    def _begun(self, line: str, number: int) -> Draft | None:
        if _SOURCE_LINE.match(line):
            return None
        draft = begins(line, number)
        if draft is not None and not draft.weak:
            return draft
        refused = read_tool_refusal(line, self.evidence.framework())
        if refused is None:
            if draft is None and is_refusal(line) and re.search(r"rror|atal|failed|refused|E[A-Z]{6,}|unable|could not", line):
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
        if draft.tool_condition and held.tool_condition and len(self._following) < 25 and draft.framework == held.framework:
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
            before = list(self._before)
            context = before[: max(len(before) - len(self._following), 0)]
            add_marks(draft, self.evidence.framework(draft.framework), [*context, draft.raw[0], *self._following], len(context))
            _sqlstate_before(draft, context)
            self._add(draft)
        self._open, self._following = [], []

    def _add(self, draft: Draft) -> None:
        if len(self.drafts) < _DRAFTS_AT_MOST:
            self.drafts.append(draft)
        else:
            self.beyond += 1


_SOURCE_LINE = re.compile(r"\s*(?:raise|throw|return|assert|self\.|await|if|def|const|Error\.captureStackTrace)\b")
"""A line of source code as tracebacks show it: its words are not what happened."""
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
    strong = [k for k in kept if not k.weak]
    return strong or kept


def _same(held: Draft, draft: Draft) -> bool:
    if draft.message not in held.message and held.message not in draft.message:
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


def _report(draft: Draft, reader: _Reader) -> ErrorReport:
    framework = draft.framework or "bare"
    if not draft.from_server_log:
        framework = reader.evidence.framework(draft.framework) or draft.framework or "bare"
    message = draft.message[:_MESSAGE_AT_MOST]
    if not draft.sqlstate and not draft.tool_condition and (known := classify(message)) is not None:
        draft.set_sqlstate(known.sqlstate, "message")
        draft.subject, draft.language = known.subject, known.language
    raw = "\n".join(draft.raw)[:_MESSAGE_AT_MOST]
    lost = is_lost(message, draft.sqlstate)
    refused = not draft.from_server_log and _is_connection(draft, message, lost)
    refusal = read_refusal(_refusal_text(draft, raw)) if refused else None
    if refusal is not None and refusal.sqlstate and draft.sqlstate_from in (None, "message"):
        draft.sqlstate, draft.sqlstate_from = refusal.sqlstate, "message"
    statement, position = _statement(draft)
    return ErrorReport(
        framework=framework,
        message=clean(message),
        severity=draft.severity,
        sqlstate=draft.sqlstate,
        sqlstate_from=draft.sqlstate_from,
        condition=sqlstates.condition(draft.sqlstate),
        detail=_cleaned(draft.detail),
        hint=_cleaned(draft.hint),
        context=_cleaned(draft.context),
        statement=statement,
        statement_position=position,
        file=_cleaned(draft.file),
        line=draft.line,
        migration_version=_cleaned(draft.migration_version),
        subject=with_detail(draft.subject, draft.sqlstate, draft.detail),
        timeout=_timeout(draft, message),
        is_connection=refused,
        refusal_kind=refusal.kind if refusal else None,
        connection_lost=lost and not refused,
        tool_code=draft.tool_code,
        tool_condition=_tool_condition(draft, refused),
        tool_version=_cleaned(draft.tool_version or (draft.migration_version if draft.tool_condition else None)),
        at=draft.at,
        role=_cleaned(draft.role),
        database=_cleaned(draft.database),
        pid=draft.pid,
        application_name=_cleaned(draft.application_name),
        duration_ms=draft.duration_ms,
        waits=tuple(w for w in reader.log.waits if draft.pid is None or w.pid == draft.pid),
        language=draft.language,
        raw=clean(raw),
    )


_CONNECTING = re.compile(r"connection to server (?:at|on) |could not connect|failed to connect|attempt failed|psql: error: ")


def _is_connection(draft: Draft, message: str, lost: bool) -> bool:
    if draft.tool_condition == "connection_failed":
        return True
    if draft.severity == "FATAL" and draft.raw and _CONNECTING.search(draft.raw[0]):
        return True
    if draft.statement or draft.statement_line or draft.sqlstate == "3D000":
        return draft.sqlstate == "3D000" and draft.severity == "FATAL"
    if lost and not _CONNECTING.search(message):
        return False
    return draft.tool_condition is None and is_refusal(message if draft.sqlstate else "\n".join(draft.raw[:3]), draft.sqlstate)


def _refusal_text(draft: Draft, raw: str) -> str:
    """libpq's message may go over several lines: one for each host and address it tried."""
    return raw if draft.sqlstate is None and len(raw) < 2000 else draft.message


def _tool_condition(draft: Draft, refused: bool) -> str | None:
    if draft.tool_condition is not None:
        return draft.tool_condition
    if refused:
        return "connection_failed"
    return "not_in_transaction" if draft.sqlstate == "25001" else None


def _statement(draft: Draft) -> tuple[str | None, int | None]:
    statement = draft.statement
    if statement is None and draft.statement_line and draft.statement_line_number == 1:
        whole = draft.statement_line.strip()
        statement = whole if not (whole.startswith("...") or whole.endswith("...")) else whole.strip(".")
    return _cleaned(statement), draft.statement_position


def _cleaned(text: str | None) -> str | None:
    return clean(text) if text else None


def _timeout(draft: Draft, message: str) -> str | None:
    if draft.sqlstate == "55P03":
        return "lock" if _says(message, _LOCK_TIMEOUT) else None
    if draft.sqlstate == "57014":
        if _says(message, _STATEMENT_TIMEOUT):
            return "statement"
        return "user_request" if _says(message, _USER_REQUEST) else None
    return _TIMEOUTS.get(draft.sqlstate or "")


def _says(message: str, template: str) -> bool:
    """Whether ``message`` is that message of the server, in any language."""
    from runbook.failure.messages import translations

    if template in message:
        return True
    return any(language["messages"].get(template, "\0") in message for language in translations().values())
