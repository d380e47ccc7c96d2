"""A session as facts hold it."""

from __future__ import annotations

from typing import Any

from runbook.postgres.rows import SessionRow
from runbook.session.redaction import hide_literals
from runbook.triage.waits import label


def session_fact(session: SessionRow, *, is_migration: bool = False) -> dict[str, Any]:
    """A session as facts hold it (see the vocabulary), another session's literals left out."""
    return {
        "pid": session.pid,
        "backend_start": session.backend_start.isoformat() if session.backend_start else "",
        "role": session.role or "",
        "application_name": session.application_name or "",
        "state": session.state or "",
        "query": hide_literals(session.query) if session.query else "",
        "xact_age_s": round(session.xact_age_s or 0.0, 3),
        "state_age_s": round(session.state_age_s or 0.0, 3),
        "wait_event_type": session.wait_event_type or "",
        "wait_event": session.wait_event or "",
        "backend_type": session.backend_type,
        "client": session.client or "",
        "is_migration": is_migration,
        "label": label(session),
    }
