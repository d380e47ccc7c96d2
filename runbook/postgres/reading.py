"""A reading: what one probe brought back from one server, or why it brought nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

SideKey = Literal["local", "production"]
ReadingStatus = Literal["ok", "denied", "unsupported", "timed_out", "unreachable"]
Row = TypeVar("Row", covariant=True)


@dataclass(frozen=True, slots=True)
class Reading(Generic[Row]):
    """One probe's outcome. ``rows`` is empty unless ``status`` is ``ok``; then an empty tuple is an answer too.

    ``reason`` says, for people, why there are no rows: the grant that would help (denied), the version that would
    (unsupported), the deadline (timed_out), or how the server refused (unreachable). A reading that is ``ok`` but holds
    columns hidden from this role names the grant that would show them in ``reason``.
    """

    probe: str
    side: SideKey
    status: ReadingStatus
    rows: tuple[Row, ...] = ()
    duration_s: float = 0.0
    at: datetime | None = None  # UTC, when the answer arrived
    reason: str | None = None
    sqlstate: str | None = None
    truncated: bool = False  # the probe's row limit was reached: there are more rows than these

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    @property
    def first(self) -> Row | None:
        return self.rows[0] if self.rows else None


RefusalKind = Literal[
    "wrong_password",
    "authentication_failed",
    "no_hba_entry",
    "too_many_clients",
    "reserved_slots",
    "role_connection_limit",
    "database_connection_limit",
    "starting_up",
    "shutting_down",
    "in_recovery",
    "no_hot_standby",
    "no_such_database",
    "no_such_role",
    "no_connect_privilege",
    "tls_required",
    "tls_not_offered",
    "tls_not_verified",
    "refused",
    "no_route",
    "name_not_resolved",
    "timed_out",
    "pooler_startup_option",
    "pooler_refused",
    "pool_exhausted",
    "old_client",
    "bad_dsn",
    "closed_unexpectedly",
    "other",
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a server refused a connection: evidence in itself. ``sqlstate`` is what the message implies, if anything."""

    kind: RefusalKind
    message: str  # cleaned, without any password
    sqlstate: str | None = None
    transient: bool = False  # trying again in some seconds may work


@dataclass(frozen=True, slots=True)
class Target:
    """Where a side is, safe to show and to record: never a password."""

    host: str | None
    port: int | None
    database: str | None
    role: str | None

    def __str__(self) -> str:
        where = self.host or "local socket"
        if self.port and self.port != 5432:
            where += f":{self.port}"
        return f"{self.database or '?'}@{where}"
