"""How a server refuses a connection, read from the message: psycopg has no SQLSTATE for a connection that never was.

The server's texts are in its lc_messages and differ by version; libpq's own are in the client's. The table holds the
wordings of PostgreSQL 12-18, libpq and PgBouncer. Sources: src/backend/postmaster/postmaster.c, libpq/auth.c,
utils/init/postinit.c, storage/lmgr/proc.c, tcop/backend_startup.c; src/interfaces/libpq/fe-connect.c, fe-secure-*.c;
pgbouncer src/client.c, src/objects.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.postgres.reading import Refusal, RefusalKind


class ConnectionRefused(Exception):
    """The server (or what stands before it) did not let us in. ``refusal`` says how; its text holds no secret."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class _Wording:
    kind: RefusalKind
    pattern: re.Pattern[str]
    sqlstate: str | None = None
    transient: bool = False


def _w(kind: RefusalKind, pattern: str, sqlstate: str | None = None, transient: bool = False) -> _Wording:
    return _Wording(kind, re.compile(pattern, re.I), sqlstate, transient)


# The first that matches wins: the server's own words before the transport's.
_WORDINGS: tuple[_Wording, ...] = (
    _w("no_hot_standby", r"not (?:currently )?accepting connections.*hot standby mode is disabled", "57P03"),
    _w("no_hot_standby", r"hot standby mode is disabled", "57P03"),
    _w("in_recovery", r"not yet accepting connections|consistent recovery state has not been|in recovery mode", "57P03",
       True),
    _w("starting_up", r"the database system is starting up", "57P03", True),
    _w("shutting_down", r"the database system is shutting down|terminating connection due to administrator", "57P03",
       True),
    _w("role_connection_limit", r"too many connections for role", "53300", True),
    _w("database_connection_limit", r"too many connections for database", "53300", True),
    _w("reserved_slots", r"remaining connection slots are reserved", "53300", True),
    _w("too_many_clients", r"sorry, too many clients already|number of requested standby connections exceeds", "53300",
       True),
    _w("pooler_startup_option", r"unsupported (?:options )?startup parameter|startup parameter .* (?:not|un)", "08P01"),
    _w("pooler_refused",
       r"no more connections allowed|query_wait_timeout|pgbouncer cannot connect|server login has been failing|"
       r"client_login_timeout|max_client_conn|too many connections in the pool|Max client connections reached|"
       r"tenant or user not found|server conn crashed|no such user \(SQLPasswordAuth|unable to check out", None, True),
    _w("no_such_database", r"no such database", "3D000"),  # PgBouncer
    _w("wrong_password",
       r"password authentication failed|SASL authentication failed|no password supplied|wrong password|"
       r"invalid password|empty password", "28P01"),
    _w("tls_required", r"connection is insecure|SSL connection is required|TLS required|SSL required|requires SSL",
       "28000"),
    _w("no_hba_entry", r"no pg_hba\.conf entry|pg_hba\.conf rejects", "28000"),
    _w("no_such_role", r"\brole \"[^\"]*\" does not exist|no such user", "28000"),
    _w("no_such_database", r"\bdatabase \"[^\"]*\" does not exist", "3D000"),
    _w("no_connect_privilege", r"permission denied for database|does not have CONNECT privilege", "42501"),
    _w("no_connect_privilege", r"is not currently accepting connections", "55000"),
    _w("authentication_failed",
       r"is not permitted to log in|authentication failed|no usable SASL|could not initiate GSSAPI|"
       r"must be superuser to connect", "28000"),
    _w("old_client",
       r"authentication method \d+ not supported|SCRAM authentication requires libpq|unsupported frontend protocol|"
       r"server only supports protocol version|channel binding (?:is )?required", None),
    _w("tls_not_offered", r"server does not support SSL|SSL was required|SSL support is not compiled", None),
    _w("tls_not_verified",
       r"certificate verify failed|root certificate file .* does not exist|server certificate for .* does not match|"
       r"host name .* does not match|could not read root certificate|certificate .*(?:expired|revoked)", None),
    _w("name_not_resolved",
       r"failed to resolve host|could not translate host name|name or service not known|"
       r"nodename nor servname|no address associated with hostname|temporary failure in name resolution", None),
    _w("timed_out", r"connection timeout expired|timeout expired|timed out", None, True),
    _w("refused", r"connection refused|no such file or directory", None, True),
    _w("no_route", r"no route to host|network is unreachable|host is down|permission denied", None),
    _w("closed_unexpectedly",
       r"closed the connection unexpectedly|connection reset by peer|SSL SYSCALL error|broken pipe|SSL error|"
       r"expected authentication request|received invalid response", None, True),
)  # fmt: skip


def read_refusal(message: str) -> Refusal:
    """The refusal that ``message`` (already free of secrets) describes; of several attempts the most telling one."""
    attempts = _attempts(message)
    found = [(order, text, w) for text in attempts for order, w in enumerate(_WORDINGS) if w.pattern.search(text)]
    if not found:
        return Refusal("other", _short(attempts[-1]))
    # libpq tries TLS, then plain: "no pg_hba.conf entry" for the second says less than a wrong password for the first.
    _, text, wording = min(found, key=lambda f: f[0])
    return Refusal(wording.kind, _short(text), wording.sqlstate, wording.transient)


def _attempts(message: str) -> list[str]:
    """The single attempts in a message of psycopg, which joins those of several hosts and of libpq's retries."""
    lines = [line.strip(" -") for line in message.splitlines() if line.strip()]
    if len(lines) <= 1:
        text = lines[0] if lines else "no reason given"
        # After clean_line all attempts stand on one line; each begins with libpq's own phrase.
        parts = re.split(r"(?=connection to server (?:at|on) )", text)
        return [p.strip() for p in parts if p.strip() and p.strip() != "connection failed:"] or [text]
    return lines


def _short(text: str) -> str:
    """Without psycopg's and libpq's preamble where the server's own words follow: ``FATAL: ...``"""
    match = re.search(r"\b[A-ZÄÖÜ]{5,}:\s+\S.*", text)
    if match and not re.search(r"connection to server", match.group()):
        return match.group()
    return re.sub(r"^(?:connection failed|connection is bad):\s*", "", text)
