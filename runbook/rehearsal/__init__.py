"""A migration tried on the local side: inside a transaction that is rolled back, each statement measured.

``rehearse`` runs it; ``compare`` sets forecast beside measurement; ``throughput`` is what the measured seconds say about
work per second, for the forecast on production. Everything here is pure but ``run``, which drives the one writing
connection of the program (``runbook.postgres.rehearsal``).
"""

from __future__ import annotations

from runbook.rehearsal.result import Rehearsal, StatementRehearsal

__all__ = ["Rehearsal", "StatementRehearsal"]
