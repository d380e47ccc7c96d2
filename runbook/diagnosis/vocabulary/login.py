"""Facts of the group login: a login that pg_hba.conf refused, a client whose version does not fit the server,
and the connection limit of a role or a database."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    ("login", "hba", "bool", "the login was refused by pg_hba.conf: no line fits it, or one rejects it", True),
    ("login", "hba_rejects", "bool", "a line of pg_hba.conf with the method reject fits it", False),
    (
        "login",
        "host",
        "str",
        "the client's address as the server saw it, or empty (a socket, or not told)",
        "10.0.3.17",
    ),
    ("login", "role", "str", "the role of the refused login, or empty", "deploy"),
    ("login", "database", "str", "the database of the refused login, or empty", "shop"),
    ("login", "replication", "bool", "it was a replication connection", False),
    ("login", "encryption", "str", "of the refused attempt: none, tls, gss; empty where it was not told", "none"),
    (
        "login",
        "client_problem",
        "str",
        "what does not fit between client and server: dump (pg_dump is older than the server), scram (the client does not know "
        "SCRAM), protocol, channel_binding; or empty",
        "scram",
    ),
    (
        "login",
        "limit_of",
        "str",
        "whose CONNECTION LIMIT the refusal speaks of, or the migration's role would meet now: role, database, or empty",
        "role",
    ),
    ("login", "limit_name", "str", "that role's or database's name", "deploy"),
    ("login", "limit", "int", "that limit; -1: none is set", 10),
    ("login", "limit_used", "int", "sessions that count towards it now, without our own", 10),
    ("login", "limit_full", "bool", "it is used up now", True),
    (
        "login",
        "limit_holders",
        "list",
        "those sessions: [{role, database, application_name, state, count}], most first",
        [{"role": "deploy", "database": "shop", "application_name": "web", "state": "idle", "count": 9}],
    ),
)
"""Group, name, type, meaning, sample."""
