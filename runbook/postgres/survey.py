"""One side looked at: connect, all probes, a second sample, the history tables; and the watcher of the locks screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from types import MappingProxyType
from typing import Any, Self

from runbook.migration.catalog import Catalog
from runbook.postgres.catalog import CatalogUnavailable, build_catalog, write_rates
from runbook.postgres.connection import Connection, connect, describe_target
from runbook.postgres.history import read_history
from runbook.postgres.probe import PROBES, run_probes
from runbook.postgres.reading import Reading, Refusal, SideKey, Target
from runbook.postgres.refusals import ConnectionRefused
from runbook.postgres.rows import IdentityRow

SECOND_SAMPLE = ("activity", "locks", "blocking", "tuple_counters", "progress")
WATCHED = ("activity", "locks", "blocking", "prepared_transactions", "progress", "connection_limits", "connections")

OnReading = Callable[[Reading[Any]], None]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at one side brought. Exactly one of ``refusal`` and ``identity`` is set, unless the connection
    broke before the server said who it is: then neither is."""

    side: SideKey
    target: Target
    refusal: Refusal | None = None
    identity: IdentityRow | None = None
    readings: Mapping[str, Reading[Any]] = field(default_factory=lambda: MappingProxyType({}))
    """By probe name, and ``history:schema.table``; of what was sampled twice, the later sample."""
    earlier: Mapping[str, Reading[Any]] = field(default_factory=lambda: MappingProxyType({}))
    """The first sample of ``SECOND_SAMPLE``: what is in both is a wait and not a moment."""
    catalog: Catalog | None = None
    catalog_problem: str | None = None  # why there is none
    pooled: bool | None = None  # a pooler stands between; None: not known
    duration_s: float = 0.0

    @property
    def reachable(self) -> bool:
        return self.identity is not None


async def look(
    side: SideKey,
    dsn: str,
    *,
    role: str | None = None,
    functions: Sequence[str] = (),
    service: str | None = None,
    on_reading: OnReading | None = None,
    sample_gap_s: float = 0.4,
    connect_timeout_s: float = 5.0,
    application_name: str = "runbook",
) -> Look:
    """Look at one side once, and leave. Never raises for what the server does; a refusal is part of the answer.

    ``role`` runs the migration (default: the one we connect as); ``functions`` are pg_catalog functions the migration
    names. Between the two samples of ``SECOND_SAMPLE`` at least ``sample_gap_s`` pass (0: no second sample). Through a
    slow line: about five round trips to connect (TCP, TLS, SCRAM), one for all probes, one for the history tables, one
    for the second sample, with the last two in the gap.
    """
    started = perf_counter()
    try:
        connection = await connect(
            dsn,
            side=side,
            service=service,
            connect_timeout_s=connect_timeout_s,
            application_name=application_name,
            guard_now=False,
        )
    except ConnectionRefused as error:
        return Look(side, _target(dsn, service), refusal=error.refusal, duration_s=perf_counter() - started)
    sampled_at: float | None = None

    def note(reading: Reading[Any]) -> None:
        nonlocal sampled_at
        if reading.probe == "activity":
            sampled_at = perf_counter()
        if on_reading is not None:
            on_reading(reading)

    async with connection:
        params = {"role": role, "functions": list(functions)}
        first = await run_probes(connection, PROBES, params=params, on_reading=note)
        readings: dict[str, Reading[Any]] = dict(first)
        earlier = {name: first[name] for name in SECOND_SAMPLE}
        if connection.lost is None:
            readings.update(await read_history(connection, first["history_tables"].rows, on_reading=on_reading))
        if sample_gap_s > 0 and connection.lost is None and sampled_at is not None:
            await asyncio.sleep(max(0.0, sampled_at + sample_gap_s - perf_counter()))
            second = await run_probes(connection, SECOND_SAMPLE, on_reading=on_reading)
            readings.update({name: reading for name, reading in second.items() if reading.ok})
        pooled, target = connection.pooled, connection.target
        if pooled and connection.lost is None:
            from runbook.postgres.pool import see_pool

            readings["pool"] = await see_pool(connection, readings["identity"].first)
    catalog, problem = None, None
    rates = write_rates(earlier["tuple_counters"], readings["tuple_counters"])
    try:
        catalog = build_catalog(readings, basis=side, writes_per_s=rates)
    except CatalogUnavailable as error:
        problem = str(error)
    return Look(
        side,
        target,
        identity=readings["identity"].first,
        readings=MappingProxyType(readings),
        earlier=MappingProxyType(earlier),
        catalog=catalog,
        catalog_problem=problem,
        pooled=pooled,
        duration_s=perf_counter() - started,
    )


class Watcher:
    """One connection that samples sessions and locks again and again; it reconnects by itself when it was lost."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @classmethod
    async def open(cls, side: SideKey, dsn: str, *, service: str | None = None, connect_timeout_s: float = 5.0) -> Self:
        """Raises ``ConnectionRefused``."""
        return cls(await connect(dsn, side=side, service=service, connect_timeout_s=connect_timeout_s, guard_now=False))

    async def sample(self) -> dict[str, Reading[Any]]:
        """One round trip: ``WATCHED`` as it is now. Raises nothing but cancellation."""
        return await run_probes(self.connection, WATCHED)

    async def close(self) -> None:
        await self.connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def _target(dsn: str, service: str | None) -> Target:
    try:
        return describe_target(f"service={service}" if service and not dsn.strip() else dsn)
    except ValueError:
        return Target(None, None, None, None)
