"""What a pooler between us and a server shows of itself: whether it lends a server connection for a transaction only.

A pooler hands out a key of its own, in session mode as well, so the key tells only that there is one. Its mode shows when
one server process answers two clients that are connected at the same time, or two answer one client: with a connection of
one's own for the whole session neither can be. In a busy pool neither need be seen; then the mode is not known.
Source: PgBouncer's doc/features.md, measured with 1.18 on both modes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from types import MappingProxyType

from runbook.postgres.connection import Connection, connect
from runbook.postgres.pipeline import ConnectionLost, DeadlinePassed
from runbook.postgres.reading import Reading
from runbook.postgres.refusals import ConnectionRefused
from runbook.postgres.rows import IdentityRow
from runbook.text import clean


@dataclass(frozen=True, slots=True)
class PoolRow:
    """The pooler as two connections through it saw it. ``lends_by_transaction`` False: it did not show, not that it
    does not. ``left``: settings of a session that somebody left on a server connection, name -> value."""

    lends_by_transaction: bool
    left: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


async def see_pool(connection: Connection, identity: IdentityRow | None) -> Reading[PoolRow]:
    """Ask through a second connection which process answers, while ``connection`` stays open. Never raises for what
    the pooler does: one that lets no second client in leaves the mode unknown."""
    started = perf_counter()
    settings = connection.settings
    ours = {connection.backend_pid, identity.backend_pid if identity is not None else connection.backend_pid}
    left = _settings(connection.left_behind)
    lends = len(ours) > 1
    with suppress(ConnectionRefused, ConnectionLost, DeadlinePassed):
        async with await connect(
            settings.dsn,
            side=settings.side,
            service=settings.service,
            connect_timeout_s=settings.connect_timeout_s,
            application_name=settings.application_name,
            guard=settings.guard,
        ) as second:
            lends = lends or second.backend_pid in ours
            left = {**_settings(second.left_behind), **left}
    row = PoolRow(lends, MappingProxyType(left))
    return Reading("pool", settings.side, "ok", (row,), perf_counter() - started, datetime.now(UTC))


def _settings(text: str | None) -> dict[str, str]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return {clean(str(name)): clean(str(value)) for name, value in found.items()}
