"""Whose sessions wait for locks: a pool whose connections all wait has none to give, though the server has room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from runbook.triage.case import Facts
from runbook.triage.migrator import Migrator
from runbook.triage.waits import Waits

FACT = "pooling.waiting_clients"


def state(facts: Facts, waits: Waits, migrators: Sequence[Migrator]) -> None:
    """State ``pooling.waiting_clients``."""
    running = {m.session.pid for m in migrators}
    every: Counter[tuple[str, str, str]] = Counter()
    waiting: Counter[tuple[str, str, str]] = Counter()
    for session in waits.sessions.values():
        if session.ours or session.pid in running or session.backend_type not in ("client backend", ""):
            continue
        key = (session.role or "", session.application_name, session.client or "")
        every[key] += 1
        waiting[key] += session.pid in waits.waits
    found = [
        {"role": key[0], "application_name": key[1], "client": key[2], "sessions": every[key], "waiting": count}
        for key, count in waiting.most_common(10)
        if count
    ]
    facts.know(FACT, found, f"{sum(waiting.values())} sessions wait for locks", readings="activity blocking")
