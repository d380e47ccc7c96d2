"""For how long the server has been up: whether it was restarted lately, by somebody or by a crash."""

from __future__ import annotations

from runbook.triage.case import Facts, SideCase
from runbook.words import duration


def state(facts: Facts, side: SideCase) -> None:
    """State ``waits.server_uptime_s``."""
    identity = side.identity
    if identity is None:
        facts.unknown("waits.server_uptime_s", side.why_not("identity"))
        return
    uptime = (identity.server_time - identity.started_at).total_seconds()
    facts.know("waits.server_uptime_s", uptime, f"the server was started {duration(uptime)} ago", readings="identity")
