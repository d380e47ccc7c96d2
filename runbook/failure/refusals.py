"""How a connection was refused, in the words of any driver: libpq's own table, and those of the others.

The kinds are those of ``runbook.postgres.reading.RefusalKind``. Servers speak their ``lc_messages``: a translated refusal
is put into English through PostgreSQL's own catalogs first.
"""

from __future__ import annotations

import re
from dataclasses import replace

from runbook.failure.messages import classify
from runbook.failure.pools import POOLERS, pool_of
from runbook.postgres.reading import Refusal, RefusalKind
from runbook.postgres.refusals import read_refusal as read_libpq_refusal
from runbook.text import clean_line

# Sources: pgjdbc org/postgresql/core/v3/ConnectionFactoryImpl.java; node net/dns error codes and pg-protocol; Go net and
# jackc/pgx pgconn; Npgsql NpgsqlConnector; rust std::io::ErrorKind; asyncpg/connect_utils.py; Prisma error reference.
_DRIVERS: tuple[tuple[str, RefusalKind], ...] = (
    (r"ECONNREFUSED|actively refused|connect call failed|Connection to \S+ refused|P1001\b", "refused"),
    (r"ENOTFOUND|EAI_AGAIN|no such host|UnknownHostException|getaddrinfo|No such host is known|failed to lookup address"
     r"|nodename nor servname", "name_not_resolved"),
    (r"ETIMEDOUT|i/o timeout|connect timed out|SocketTimeoutException|context deadline exceeded|dial timeout"
     r"|timeout expired|Timeout while getting a connection|connection attempt timed out|TimeoutError", "timed_out"),
    (r"EHOSTUNREACH|ENETUNREACH|NoRouteToHostException|no route to host", "no_route"),
    (r"P1000\b|Authentication failed against database server|password must be a string", "wrong_password"),
    (r"P1003\b|Database `[^`]+` does not exist", "no_such_database"),
    (r"P1010\b|was denied access on the database", "no_connect_privilege"),
    (r"P1011\b|SELF_SIGNED_CERT|self[- ]signed certificate|unable to verify the first certificate|x509:"
     r"|PKIX path building failed|CERT_HAS_EXPIRED|remote certificate (?:is|was) (?:invalid|rejected)", "tls_not_verified"),
    (r"SSL is not enabled on the server|server refused TLS connection|SSL connections? (?:is|are) not supported"
     r"|server does not support SSL", "tls_not_offered"),
    (r"no encryption|SSL off|SSL/TLS required", "no_hba_entry"),
    (r"unknown authentication (?:type|method)|authentication type \d+ is not supported", "old_client"),
    (r"P1017\b|ECONNRESET|EPIPE|Connection terminated unexpectedly|unexpected EOF|An I/O error occurred while sending"
     r"|Exception while reading from stream|connection (?:was|is) closed|ConnectionDoesNotExistError"
     r"|Server has closed the connection|driver: bad connection|broken pipe", "closed_unexpectedly"),
    (r"P1013\b|invalid (?:connection string|dsn|connection option|port number)|missing \"=\" after", "bad_dsn"),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern, re.I), kind) for pattern, kind in _DRIVERS)

_SQLSTATE_KIND: dict[str, RefusalKind] = {
    "28P01": "wrong_password",
    "3D000": "no_such_database",
    "53300": "too_many_clients",
    "57P03": "starting_up",
}
_PRISMA = re.compile(r"\bP10\d\d\b")
_TRANSIENT: frozenset[RefusalKind] = frozenset({"refused", "timed_out", "closed_unexpectedly"})

_CONNECTION = re.compile(
    r"connection to server (?:at|on) |could not connect to server|connection failed|failed to connect|"
    r"ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|Can't reach database server|P1001\b|P1000\b|P1010\b|P1011\b|"
    r"no pg_hba\.conf entry|password authentication failed|could not translate host name|Connection to \S+ refused|"
    r"sorry, too many clients already|too many connections for (?:role|database)|connection slots are reserved|"
    r"the database system is (?:starting up|shutting down|in recovery|not yet accepting|not accepting)|"
    r"Connection refused|connection timeout expired|unsupported (?:options )?startup parameter|no such host|"
    r"dial (?:tcp|error)|hostname resolving error|The connection attempt failed|SCRAM authentication requires|"
    r"authentication (?:type|method):? \d+ (?:is )?not supported|server only supports protocol version|"
    r"unsupported frontend protocol|is not permitted to log in|server does not support SSL|authentication failed for user|"
    r"unable to open database|connect call failed|UnknownHostException|SASL authentication failed|server login has been failing|"
    r"query_wait_timeout|no more connections allowed|Max client connections reached|Tenant or user not found|"
    r"name or service not known|could not receive data from server|unable to check out|error performing TLS",
    re.I,
)  # fmt: skip
_CONNECTION_SQLSTATES = frozenset({"28000", "28P01", "53300", "57P03", "08001", "08004", "3D000"})

_LOST = re.compile(
    r"server closed the connection unexpectedly|SSL SYSCALL error|connection reset by peer|ECONNRESET|broken pipe|EPIPE|"
    r"terminating connection (?:due to|because of)|Connection terminated unexpectedly|connection was closed in the middle|"
    r"unexpected EOF|An I/O error occurred while sending|Exception while reading from stream|driver: bad connection|"
    r"the connection is (?:lost|closed)|connection (?:to server )?was lost|connection not open|P1017\b|"
    r"This connection has been closed|SSL connection has been closed unexpectedly|connection to (?:the )?server was lost|"
    r"could not receive data from (?:server|client)|lost synchronization with server|connection closed|"
    r"^EOF detected|connection to client lost",
    re.I,
)
_LOST_SQLSTATES = frozenset({"57P01", "57P02", "57P04", "57P05", "25P03", "25P04", "08006", "08003"})


def read_refusal(message: str) -> Refusal:
    """The refusal that ``message`` describes, whichever driver wrote it; kind ``other`` when none is known."""
    text = clean_line(message)
    if pool_of(text) and pool_of(text) not in POOLERS:
        return Refusal("pool_exhausted", text, transient=True)
    known = classify(
        re.sub(r".*(?:FATAL|ВАЖНО|致命错误|치명적오류|FATALE|FATALT|ФАТАЛЬНО|ფატალური)\s*[:：]\s+", "", text)
    )
    coded = _PRISMA.search(text) is not None  # its words are its own, under the code
    refusal = read_libpq_refusal(message)
    if refusal.kind != "other" and not coded:
        return replace(refusal, message=clean_line(refusal.message))
    for pattern, kind in _COMPILED:
        if pattern.search(text):
            return Refusal(kind, text, transient=kind in _TRANSIENT)
    if known is not None and known.sqlstate in _CONNECTION_SQLSTATES:
        kind = _SQLSTATE_KIND.get(known.sqlstate, "authentication_failed")
        if known.sqlstate == "53300" and known.subject.role:
            kind = "role_connection_limit"
        elif known.sqlstate == "53300" and known.subject.database:
            kind = "database_connection_limit"
        return Refusal(kind, text, known.sqlstate, known.sqlstate in ("53300", "57P03"))
    return Refusal("other", text)


def is_refusal(message: str, sqlstate: str | None = None) -> bool:
    """Whether ``message`` is about a connection that was never made: no SQL of the migration ran."""
    if sqlstate in _CONNECTION_SQLSTATES - {"3D000"}:
        return True
    return _CONNECTION.search(message) is not None or bool(pool_of(message))


def is_lost(message: str, sqlstate: str | None = None) -> bool:
    """Whether ``message`` says that an open connection broke: what ran last may have been committed or not."""
    return sqlstate in _LOST_SQLSTATES or _LOST.search(message) is not None
