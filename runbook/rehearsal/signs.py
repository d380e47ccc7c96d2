"""Is this a laptop's database? What speaks against rehearsing on a server, from what the server says of itself.

A sign that cannot be overridden means production, or somebody at work there. The others say "not a laptop": whoever knows
better types the server's name out (``--rehearse-on HOST:PORT/DATABASE``).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from runbook.words import size

LARGEST_DATABASE_BYTES = 50 * 1024**3
BUSIEST_TRANSACTIONS_PER_S = 20.0  # on average since the statistics began
LONG_ENOUGH_S = 600.0  # for that average to mean something
MOST_IDLE_CLIENTS = 20  # a pool of connections, not a person with an editor and an application
OURS = "runbook"  # how our application names begin

_PRODUCTION_WORD = re.compile(r"(?<![a-z])(prod|production|prd|live)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Client:
    """Another client session in the database. ``state`` None: not shown to this role."""

    pid: int
    address: str | None  # None: the server's own socket
    state: str | None
    in_transaction: bool
    application_name: str


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What one connection shows of its server. Where it points (``host`` ... ``database``) is as libpq connected."""

    host: str | None  # None: a local socket
    host_address: str | None  # what the name was resolved to
    port: int
    database: str
    role: str
    system_identifier: str | None  # of the cluster: the same on its standbys and physical copies
    started_at: str  # pg_postmaster_start_time(), to the microsecond
    in_recovery: bool
    pooled: bool  # what answers is not the process that libpq was told of
    server_address: str | None
    server_port: int | None
    client_address: str | None
    database_bytes: int
    transactions: int
    counted_s: float  # for how long they were counted
    archiving: bool
    replicas: int
    providers: tuple[str, ...]
    clients: tuple[Client, ...]

    @property
    def where(self) -> str:
        """How ``--rehearse-on`` names it."""
        return f"{self.host or 'localhost'}:{self.port}/{self.database}"


@dataclass(frozen=True, slots=True)
class Production:
    """A server that must not be rehearsed on. ``facts`` None: it could not be asked, so its address must do."""

    name: str
    host: str | None
    port: int
    database: str | None
    facts: ServerFacts | None = None


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that speaks against, as a clause."""

    id: str
    because: str
    overridable: bool = True


def at_work(here: ServerFacts) -> list[Client]:
    """Clients that run something, or have a transaction open."""
    return [c for c in here.clients if c.in_transaction or c.state not in (None, "idle")]


def signs(here: ServerFacts, production: Sequence[Production]) -> tuple[Sign, ...]:
    """All that speaks against rehearsing here, what nobody can override first."""
    found: list[Sign] = []
    for known in production:
        found += _same(here, known)
    if here.in_recovery:
        found.append(Sign("standby", "it is a standby: it takes no writes, and it belongs to another server", False))
    if here.pooled:
        found.append(Sign("pooler", "a connection pooler stands between: give the server's own address", False))
    active = at_work(here)
    if active:
        who = ", ".join(f"pid {c.pid}{' ' + c.application_name if c.application_name else ''}" for c in active[:3])
        count = f"{len(active)} other clients are" if len(active) > 1 else "another client is"
        found.append(Sign("clients", f"{count} at work in the database ({who}): wait until they are done", False))
    found += _not_a_laptop(here)
    return tuple(sorted(dict.fromkeys(found), key=lambda s: s.overridable))


def standing(found: Sequence[Sign], here: ServerFacts, typed: str | None) -> tuple[Sign, ...]:
    """The signs that still stand when ``typed`` was given with ``--rehearse-on``."""
    return tuple(s for s in found if not (s.overridable and typed == here.where))


def refusal(stand: Sequence[Sign], here: ServerFacts) -> str:
    """One sentence for people, with the way out where there is one."""
    reasons = "; ".join(s.because for s in stand)
    text = f"not rehearsed on {here.where}: {reasons}."
    if all(s.overridable for s in stand):
        text += f" If it is nevertheless yours to try things on, add --rehearse-on {here.where}"
    return text


def _same(here: ServerFacts, known: Production) -> list[Sign]:
    """Whether it is the production server, by its identity or by its address."""
    there = known.facts
    if there is not None and here.started_at == there.started_at:
        return [Sign("same_server", f"it is the server of {known.name} (started at {here.started_at})", False)]
    other_socket = (  # sockets have no address: two servers of one machine may listen on the same port's socket
        here.host is None and known.host is None and there is not None
    )
    if here.port == known.port and _same_host(here, known) and not other_socket:
        return [Sign("named_production", f"it is the server that is configured as {known.name}", False)]
    if there is None:
        return []
    if here.system_identifier is not None and here.system_identifier == there.system_identifier:
        because = f"it has the system identifier of {known.name} ({here.system_identifier})"
        if here.in_recovery or there.in_recovery:
            return [Sign("same_cluster", f"{because}: one of its nodes", False)]
        return [Sign("copy_of_production", f"{because}: a physical copy of it, or a node that was promoted")]
    unknown = here.system_identifier is None or there.system_identifier is None
    same_address = here.server_address is not None and here.server_address == there.server_address
    if unknown and same_address and here.server_port == there.server_port and not is_loopback(here.server_address):
        return [Sign("same_server", f"it has the address of {known.name} ({here.server_address})", False)]
    return []


def _same_host(here: ServerFacts, known: Production) -> bool:
    if here.host == known.host or (known.facts is not None and here.host == known.facts.host):
        return True
    if is_local(here.host, here.host_address) and known.host is not None and is_loopback(known.host):
        return True
    addresses = {known.host, known.facts.host_address if known.facts else None} - {None}
    return here.host_address is not None and here.host_address in addresses


def _not_a_laptop(here: ServerFacts) -> list[Sign]:
    found = []
    if not is_local(here.host, here.host_address):
        found.append(Sign("remote", f"{here.host} is not this machine"))
    for value, what in ((here.host, "host"), (here.database, "database"), (here.role, "role")):
        if value and is_production_name(value):
            found.append(Sign("production_name", f"its {what} is called {value}"))
    if here.providers:
        found.append(Sign("provider", f"it shows signs of a managed provider ({', '.join(here.providers)})"))
    if here.replicas:
        found.append(Sign("replicated", "other servers replicate from it"))
    if here.archiving:
        found.append(Sign("archived", "its WAL is archived (archive_mode)"))
    if here.database_bytes > LARGEST_DATABASE_BYTES:
        found.append(Sign("large", f"its database holds {size(here.database_bytes)}"))
    rate = here.transactions / here.counted_s if here.counted_s >= LONG_ENOUGH_S else 0.0
    if rate > BUSIEST_TRANSACTIONS_PER_S:
        found.append(Sign("busy", f"it has done {rate:,.0f} transactions a second since its statistics began"))
    elsewhere = {c.address for c in here.clients if c.address not in (None, here.client_address)}
    elsewhere = {a for a in elsewhere if not is_loopback(a)}
    if elsewhere:
        found.append(
            Sign("clients_elsewhere", f"clients from {', '.join(sorted(map(str, elsewhere))[:3])} are connected")
        )
    if any(c.state is None for c in here.clients):
        found.append(Sign("clients_hidden", "what other clients do there is hidden from this role (pg_read_all_stats)"))
    if len(here.clients) > MOST_IDLE_CLIENTS:
        found.append(Sign("many_clients", f"{len(here.clients)} other clients are connected"))
    return found


def is_production_name(name: str) -> bool:
    """Whether a side, database, host or role of this name is probably production's."""
    return _PRODUCTION_WORD.search(name) is not None


def is_local(host: str | None, address: str | None) -> bool:
    """A socket of this machine, or an address that leads back to it."""
    if host is None or host.startswith(("/", "@")):
        return True
    return is_loopback(address) if address else is_loopback(host)


def is_loopback(address: str | None) -> bool:
    if address is None:
        return False
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
