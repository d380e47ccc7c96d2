"""A draft made into an ErrorReport: cleaned, classified, with what its SQLSTATE and wording imply."""

from __future__ import annotations

import re
from collections.abc import Sequence

from runbook.failure import sqlstates
from runbook.failure.draft import Draft
from runbook.failure.frameworks import Evidence
from runbook.failure.messages import classify, translations, with_detail
from runbook.failure.refusals import is_lost, is_refusal, read_refusal
from runbook.failure.report import ErrorReport, LoggedWait
from runbook.text import clean

_MESSAGE_AT_MOST = 4000
_TIMEOUTS = {
    "55P03": "lock",
    "25P03": "idle_in_transaction",
    "25P04": "transaction",
    "57P05": "idle_session",
}
_LOCK_TIMEOUT = "canceling statement due to lock timeout"
_STATEMENT_TIMEOUT = "canceling statement due to statement timeout"
_USER_REQUEST = "canceling statement due to user request"


def to_report(draft: Draft, evidence: Evidence, waits: Sequence[LoggedWait]) -> ErrorReport:
    """``draft`` as the report that everything else reads: cleaned, classified, with what follows from its SQLSTATE."""
    framework = draft.framework or "bare"
    if not draft.from_server_log:
        framework = evidence.framework(draft.framework) or draft.framework or "bare"
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
        waits=tuple(w for w in waits if draft.pid is None or w.pid == draft.pid),
        language=draft.language,
        raw=clean(raw),
    )


_CONNECTING = re.compile(
    r"connection to server (?:at|on) |could not connect|failed to connect|attempt failed|psql: error: "
)


def _is_connection(draft: Draft, message: str, lost: bool) -> bool:
    if draft.tool_condition == "connection_failed":
        return True
    if draft.severity == "FATAL" and draft.raw and _CONNECTING.search(draft.raw[0]):
        return True
    if draft.statement or draft.statement_line or draft.sqlstate == "3D000":
        return draft.sqlstate == "3D000" and draft.severity == "FATAL"
    if lost and not _CONNECTING.search(message):
        return False
    return draft.tool_condition is None and is_refusal(
        message if draft.sqlstate else "\n".join(draft.raw[:3]), draft.sqlstate
    )


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
    if template in message:
        return True
    return any(language["messages"].get(template, "\0") in message for language in translations().values())
