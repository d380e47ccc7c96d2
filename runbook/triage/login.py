"""A login that was refused by pg_hba.conf, and a client that is too old or too new: read from the words of the refusal."""

from __future__ import annotations

import re

from runbook.triage.case import Case, Facts

# Source: ClientAuthentication() in src/backend/libpq/auth.c, 12-18 ("SSL off" and "SSL on" up to 13).
_HBA = re.compile(
    r"pg_hba\.conf (?:entry for|rejects) (?P<replication>replication )?(?:connection )?(?:for )?(?:from )?"
    r"(?:host \"(?P<host>[^\"]+)\", )?user \"(?P<role>[^\"]+)\"(?:, database \"(?P<database>[^\"]+)\")?"
    r"(?:, (?P<encryption>[A-Za-z ]+))?",
)
_ENCRYPTION = {
    "no encryption": "none",
    "SSL off": "none",
    "SSL encryption": "tls",
    "SSL on": "tls",
    "GSS encryption": "gss",
}

# Sources: pg_dump's _check_database_version(); fe-auth.c and fe-protocol3.c of libpq; pgjdbc ConnectionFactoryImpl;
# lib/pq and node-postgres on authentication types; ProcessStartupPacket() in backend_startup.c.
_CLIENT: tuple[tuple[str, str], ...] = (
    ("dump", r"aborting because of server version mismatch"),
    (
        "scram",
        r"SCRAM authentication requires libpq|authentication (?:method|type):? 10 (?:is )?not supported"
        r"|unknown authentication (?:type|response|method):? (?:10|SASL|sasl)|authentication type 10",
    ),
    (
        "protocol",
        r"unsupported frontend protocol|protocol version 3\.\d|unsupported protocol version"
        r"|min_protocol_version|server only supports protocol",
    ),
    ("channel_binding", r"channel binding (?:is )?required|SCRAM-SHA-256-PLUS"),
)


def state(facts: Facts, case: Case) -> None:
    """State every ``login.*`` fact."""
    error, side = case.error, case.production
    refusal = side.refusal if side is not None else None
    text = ""
    if error is not None:
        text = " ".join(filter(None, (error.message, error.detail, error.hint)))
    elif refusal is not None:
        text = refusal.message
    because = "from the words of the refusal"
    hba = _HBA.search(text)
    facts.know("login.hba", hba is not None or "pg_hba.conf rejects" in text, because)
    facts.know("login.hba_rejects", "pg_hba.conf rejects" in text, because)
    facts.know("login.host", (hba and hba["host"]) or "", because)
    facts.know("login.role", (hba and hba["role"]) or "", because)
    facts.know("login.database", (hba and hba["database"]) or "", because)
    facts.know("login.replication", bool(hba and hba["replication"]), because)
    words = (hba and hba["encryption"]) or ""
    facts.know("login.encryption", _ENCRYPTION.get(words.strip(), ""), because)
    problem = next((id_ for id_, pattern in _CLIENT if re.search(pattern, text, re.I)), "")
    facts.know("login.client_problem", problem, because)
