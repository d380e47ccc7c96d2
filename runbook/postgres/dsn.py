"""Connection strings for people: where a DSN points, and a DSN without its secrets. Nothing here connects."""

from __future__ import annotations

import configparser
import os
import re
from pathlib import Path
from urllib.parse import quote

from runbook.postgres.reading import Target
from runbook.text import clean_line

_SECRET_KEYS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
_URI = re.compile(r"^(postgres(?:ql)?://)([^/?#]*)(.*)$", re.S)
_KEY_VALUE = re.compile(r"\b(" + "|".join(_SECRET_KEYS) + r")(\s*=\s*)('(?:[^'\\]|\\.)*'?|[^\s&]+)", re.I | re.S)


def mask_dsn(dsn: str) -> str:
    """``dsn`` with every password shown as ``***``; never raises, masks too much rather than too little."""
    text = dsn.strip()
    if match := _URI.match(text):
        scheme, rest = match.group(1), match.group(2) + match.group(3)
        # An unescaped '@', '/', '?' or '#' in a password moves the border: what stands before the last '@' is masked.
        authority, tail = match.group(2), match.group(3)
        if "@" in tail:
            cut = rest.rfind("@")
            authority, tail = rest[: cut + 1], rest[cut + 1 :]
        userinfo, at, hosts = authority.rpartition("@")
        if at:
            user, colon, _ = userinfo.partition(":")
            authority = f"{user}{':***' if colon else ''}@{hosts}"
        text = scheme + authority + tail
    return clean_line(_KEY_VALUE.sub(lambda m: m.group(1) + m.group(2) + "***", text))


def scrub(message: str, dsn: str) -> str:
    """``message`` on one line without any secret of ``dsn``, also where it stands percent-encoded."""
    for secret in _secrets(dsn):
        for form in {secret, quote(secret, safe=""), quote(secret)}:
            message = message.replace(form, "***")
    return clean_line(message)


def describe_target(dsn: str) -> Target:
    """Where ``dsn`` points, with service files and ``PG*`` defaults applied. Raises ``ValueError`` for a bad DSN."""
    from psycopg import pq
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.errors import Error

    try:
        given = {k: str(v) for k, v in conninfo_to_dict(dsn).items() if v is not None}
    except Error as error:
        raise ValueError(explain_bad_dsn(str(error))) from None
    service = given.get("service") or os.environ.get("PGSERVICE")
    defaults = {o.keyword.decode(): o.val.decode() for o in pq.Conninfo.get_defaults() if o.val is not None}
    merged = defaults | (_read_service(service) if service else {}) | given
    role = merged.get("user")
    host = merged.get("host") or merged.get("hostaddr")
    ports = (merged.get("port") or "").split(",")
    if not all(p.strip().isdigit() or not p.strip() for p in ports):
        raise ValueError("the connection string has a port that is not a number")
    port = ports[0].strip()
    return Target(
        host=clean_line(host) if host and not host.startswith(("/", "@")) else None,
        port=int(port) if port else 5432,
        database=clean_line(merged.get("dbname") or role or "") or None,
        role=clean_line(role) if role else None,
    )


def explain_bad_dsn(message: str) -> str:
    """libpq's complaint about a connection string in one sentence, without the string's own pieces.

    libpq quotes the offending token, and with an unescaped character that token can be half of a password.
    """
    line = clean_line(message)
    if match := re.match(r'invalid (?:connection option|URI query parameter) "(\w{1,40})"', line):
        return f'the connection string has an unknown option "{match.group(1)}"'
    if match := re.match(r'definition of service "([\w.-]{1,60})" not found', line):
        return f'the service "{match.group(1)}" is not in the service file'
    return "the connection string cannot be read: " + re.sub(r'"[^"]*"?', '"…"', line)


def _secrets(dsn: str) -> list[str]:
    found = [m.group(3).strip("'") for m in _KEY_VALUE.finditer(dsn)]
    if match := _URI.match(dsn.strip()):
        userinfo, at, _ = (match.group(2) + match.group(3)).rpartition("@")
        if at and ":" in userinfo:
            found.append(userinfo.partition(":")[2])
    try:
        from psycopg.conninfo import conninfo_to_dict

        parsed = conninfo_to_dict(dsn)
        found += [str(parsed[key]) for key in _SECRET_KEYS if parsed.get(key)]
    except Exception:  # noqa: BLE001 - an unreadable DSN: the patterns above must do
        found = [*found]
    if os.environ.get("PGPASSWORD"):
        found.append(os.environ["PGPASSWORD"])
    # The same misplaced border makes libpq take a piece of the password for a host, and name it when it fails.
    pieces = [piece for secret in found for piece in re.split(r"[@/?#:]", secret) if len(piece) > 1]
    return sorted({secret for secret in [*found, *pieces] if secret}, key=len, reverse=True)


def _read_service(name: str) -> dict[str, str]:
    """One section of the service file, found as libpq finds it; empty when it is not there."""
    candidates = [
        Path(os.environ.get("PGSERVICEFILE") or Path.home() / ".pg_service.conf"),
        Path(os.environ.get("PGSYSCONFDIR", "/etc/postgresql-common")) / "pg_service.conf",
    ]
    for path in candidates:
        parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        if parser.has_section(name):
            return dict(parser.items(name))
    return {}
