"""Moments as people and logs write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

_STAMP = re.compile(
    r"(?<!\d)(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?[ ]?(Z\b|UTC\b|GMT\b|[+-]\d\d(?::?\d\d)?)"
)


def instant(at: str) -> datetime | None:
    """An ISO 8601 time in UTC; without a zone it is taken as UTC. None for what is no time."""
    try:
        found = datetime.fromisoformat(at)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def stamped_lines(text: str) -> Iterator[tuple[datetime, str]]:
    """Lines that carry a time with its zone, and that time in UTC. A time without a zone could be any: it is not told."""
    for line in text.splitlines():
        match = _STAMP.search(line)
        if match is None:
            continue
        date, time, fraction, zone = match.groups()
        offset = "+00:00" if zone in ("Z", "UTC", "GMT") else zone if len(zone) != 3 else f"{zone}:00"
        found = instant(f"{date}T{time}.{(fraction or '0')[:6]:0<6}{offset}")
        if found is not None:
            yield found, line
