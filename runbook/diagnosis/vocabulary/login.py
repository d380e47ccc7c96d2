"""Facts of the group login: a login that pg_hba.conf refused, and a client whose version does not fit the server."""

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
)
"""Group, name, type, meaning, sample."""
